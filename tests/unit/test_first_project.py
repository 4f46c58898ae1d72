"""A first project is whole, valid and private, or nothing is written and every reason is told."""

import runpy

import pytest

from postwright import first_project
from postwright.errors import UsageError
from postwright.groups import problems
from postwright.inventory import project_of
from postwright.material import notes, require_valid
from postwright.wire import HostData

OPS = "ops@elsewhere.example"


def created(base, domain="shop.example", host="mx1", addresses=(), postmaster=OPS):
    first_project.create(base, domain, host, addresses, postmaster)
    path = base / "inventories" / "production.py"
    names = runpy.run_path(str(path))
    ((name, own),) = names["mail_hosts"]
    _, shared = names["mail"]
    return project_of([HostData(name, {**own, **shared})], path, problems(names))


@pytest.mark.parametrize("addresses", [(), ("198.51.100.7",), ("2001:db8:1::7",), ("198.51.100.7", "2001:DB8:1::7")])
def test_what_init_writes_is_valid(tmp_path, addresses):
    project = created(tmp_path, addresses=addresses)
    require_valid(project)
    assert [domain.name for domain in project.fleet.domains] == ["shop.example"]
    assert project.fleet.postmaster == OPS
    assert any(note.endswith("get one from an authority") for note in notes(project))


def test_the_given_names_and_addresses_take_the_place_of_the_examples(tmp_path):
    project = created(
        tmp_path, "Shop.Example", "mail", ("2001:db8:1::7", "198.51.100.7", "198.51.100.7"), "a@mx1.example.com"
    )
    (host,) = project.fleet.hosts
    assert host.name == "mail"
    assert host.ssh.hostname == "2001:db8:1::7"
    assert [(str(it.ip), it.helo) for it in host.addresses] == [
        ("2001:db8:1::7", "mail.shop.example"),
        ("198.51.100.7", "mail.shop.example"),
    ]
    assert project.fleet.postmaster == "a@mx1.example.com"
    assert [zone.name for zone in project.fleet.zones] == ["shop.example"]


def test_secrets_are_private_and_out_of_git(tmp_path):
    created(tmp_path)
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "secrets").iterdir()} == {0o600}
    assert (tmp_path / "secrets" / ".gitignore").read_text() == "*\n"


def test_no_secret_is_written_into_the_inventory(tmp_path):
    created(tmp_path)
    text = (tmp_path / "inventories" / "production.py").read_text()
    secrets = [path.read_text().strip() for path in (tmp_path / "secrets").iterdir() if path.name != ".gitignore"]
    assert len(secrets) == 6
    assert not any(secret in text for secret in secrets)


def test_two_projects_share_no_secret(tmp_path):
    for name in ("a", "b"):
        created(tmp_path / name)
    for path in (tmp_path / "a" / "secrets").iterdir():
        if path.name != ".gitignore":
            assert path.read_bytes() != (tmp_path / "b" / "secrets" / path.name).read_bytes()


def refusal(base, *arguments):
    before = sorted(base.rglob("*"))
    with pytest.raises(UsageError) as caught:
        first_project.create(base, *arguments)
    assert sorted(base.rglob("*")) == before
    assert str(caught.value).endswith("nothing was written")
    return str(caught.value)


def test_all_that_is_wrong_is_told_and_nothing_is_written(tmp_path):
    text = refusal(tmp_path, "localhost", 'x" + y', ("::1", "x"), "nobody")
    for place in (
        "DOMAIN: ",
        "--host: ",
        "--address: ::1 cannot send",
        "--address: 'x' is not an IP",
        "--postmaster: ",
    ):
        assert place in text
    assert len(text.splitlines()) == 6


def test_a_postmaster_behind_the_new_hosts_is_refused(tmp_path):
    assert "lies behind the hosts to be made" in refusal(tmp_path, "shop.example", "mx1", (), "ops@shop.example")


@pytest.mark.parametrize("taken", ["inventories/production.py", "secrets"])
def test_what_is_there_is_not_overwritten(tmp_path, taken):
    (tmp_path / taken).mkdir(parents=True)
    assert f"{tmp_path / taken} is there already" in refusal(tmp_path, "shop.example", "mx1", (), OPS)


def test_without_openssl_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match=r"cannot run openssl passwd -6 -stdin: .*; install OpenSSL"):
        first_project.create(tmp_path, "shop.example", "mx1", (), OPS)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_to_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot make .*file/secrets: Not a directory; nothing was written"):
        first_project.create(tmp_path / "file", "shop.example", "mx1", (), OPS)
