"""A cached tree is whole or not there."""

import pytest

from postwright.lab import layout, locks, trees


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(layout, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(locks, "RUN", tmp_path / "run")
    return tmp_path / "cache"


def make(folder):
    (folder / "etc").mkdir(parents=True)


def interrupted(folder):
    make(folder)
    raise KeyboardInterrupt


def test_an_interrupted_build_does_not_count(cache):
    with pytest.raises(KeyboardInterrupt):
        trees._build(cache / "base-1", interrupted)

    assert not (cache / "base-1").exists()

    trees._build(cache / "base-1", make)

    assert [path.name for path in cache.iterdir()] == ["base-1"]
    assert (cache / "base-1" / "etc").is_dir()


def test_a_part_of_what_was_built_becomes_the_layer(cache):
    trees._build(cache / "services-1", lambda folder: make(folder / "upper"), part="upper")

    assert [path.name for path in cache.iterdir()] == ["services-1"]
    assert (cache / "services-1" / "etc").is_dir()


def test_another_recipe_is_another_tree():
    assert trees._digest(["a", "b"]) != trees._digest(["a", "c"])
    assert trees._digest(["a", "b"]) != trees._digest(["ab"])
