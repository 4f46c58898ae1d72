"""What holds for every file of the repository."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Written so that this file does not name them itself.
REGISTRIES = (
    "py" + "pi.org",
    "python" + "hosted.org",
    "npm" + "js.org",
    "crates" + ".io",
    "ruby" + "gems.org",
    "proxy." + "golang.org",
)
LONGEST = 300


@pytest.fixture(scope="module")
def files():
    """Tracked files and those about to be, with their text; links are told once, at their real place."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a Git checkout: nothing says which files belong to it")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    paths = [ROOT / name for name in listed]
    return {
        path: path.read_bytes().decode(errors="replace") for path in paths if path.is_file() and not path.is_symlink()
    }


def test_no_file_names_a_package_registry(files):
    assert [(path, name) for path, text in files.items() for name in REGISTRIES if name in text] == []


def test_no_file_names_a_path_of_a_machine_it_was_written_on(files):
    pattern = re.compile(r"(?<![\w.])/(work|home/(?!op\b|USER\b)\w+)/")
    assert [path for path, text in files.items() if pattern.search(text)] == []


def test_no_source_file_is_longer_than_can_be_read_at_once(files):
    source = {
        path: text
        for path, text in files.items()
        # The example is the manual of all keys, and read from top to bottom.
        if path.suffix in {".py", ".sh", ".j2"} and ROOT / "tests" not in path.parents and path.name != "example.py"
    }
    assert {str(path): text.count("\n") for path, text in source.items() if text.count("\n") > LONGEST} == {}


def test_every_module_opens_with_what_it_promises(files):
    modules = {path: text for path, text in files.items() if path.suffix == ".py" and path.name != "conftest.py"}
    assert [str(path) for path, text in modules.items() if text and not text.startswith(('"""', "#!"))] == []


def test_code_imports_the_packages_by_their_one_name(files):
    pattern = re.compile(r"^\s*(from|import) (cli|deploys|templates)\b", re.MULTILINE)
    assert [path for path, text in files.items() if path.suffix == ".py" and pattern.search(text)] == []
