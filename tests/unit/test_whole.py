"""The files of a host with every service, byte for byte, where they are not those of the host in test_render.py.

After a change that is meant: POSTWRIGHT_UPDATE_GOLDEN=1 pytest tests/unit/test_whole.py, and read the diff.
"""

import pytest
from everything import whole_context
from support import GOLDEN, context, same_as_golden

from postwright.services import SERVICES
from postwright.services.bundle import MANIFEST, STAMPS, bundle

RELEASES = ("13", "12")


def own(base, release):
    """Golden name → content of what is rendered for this host alone; programs and stamps are nothing to read."""
    (base / "other").mkdir(exist_ok=True)
    other = {file.path: file.content for file in bundle(context(base / "other", release=release)).files}
    return {
        f"whole-{release}/{it.path.strip('/').replace('/', '_')}": it.content
        for it in bundle(whole_context(base, release)).files
        if it.content != other.get(it.path) and not it.path.startswith((STAMPS, MANIFEST)) and not it.path.endswith(".py")
    }  # fmt: skip


@pytest.mark.parametrize("release", RELEASES)
def test_every_file_is_as_its_golden_file_and_no_golden_file_is_left_over(tmp_path, release):
    made = own(tmp_path, release)

    assert [name for name, content in made.items() if not same_as_golden(name, content)] == []
    assert {f"whole-{release}/{it.name}" for it in (GOLDEN / f"whole-{release}").iterdir()} == made.keys()


def test_it_is_a_host_of_every_service(tmp_path):
    made = whole_context(tmp_path)

    assert {it.name for it in SERVICES if not it.wanted(made)} <= {"codes", "tls"}
