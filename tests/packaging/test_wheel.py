"""What a user installs is whole, is one package, and works far from any checkout."""

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IGNORED = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__")


def run(*command, cwd):
    """Run a program without what this environment would lend it; its standard output."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "POSTWRIGHT", "VIRTUAL_ENV"))
    }
    done = subprocess.run(
        [str(it) for it in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built as for a release: the wheel from the source distribution, that one from a copy of the checkout."""
    source = tmp_path_factory.mktemp("source") / "postwright"
    shutil.copytree(ROOT, source, symlinks=True, ignore=IGNORED)
    run(sys.executable, "-m", "build", "--outdir", "dist", cwd=source)
    (found,) = (source / "dist").glob("*.whl")
    return found


@pytest.fixture(scope="module")
def names(wheel):
    return zipfile.ZipFile(wheel).namelist()


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The programs of an environment that has the wheel and what it depends on, and nothing of ours besides."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=True)
    constraints = ROOT / "constraints.txt"
    run(home / "bin" / "python", "-m", "pip", "install", "-q", "-c", constraints, wheel, cwd=home)
    return home / "bin"


def test_nothing_lands_beside_our_one_package(names):
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"postwright"}


@pytest.mark.parametrize("folder", ["cli", "deploys", "templates", "inventories", "postwright"])
def test_every_file_that_belongs_in_is_in(names, folder):
    inside = folder if folder == "postwright" else f"postwright/{folder}"
    here = [
        f"{inside}/{path.relative_to(ROOT / folder)}"
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and not path.is_symlink() and path.suffix != ".pyc" and ".postwright" not in path.parts
    ]
    assert here
    assert [path for path in here if path not in names] == []


def test_nothing_else_is_in(names):
    odd = [
        name
        for name in names
        if not name.endswith((".py", ".j2", ".sh", ".conf", ".service", "py.typed")) and ".dist-info/" not in name
    ]
    assert odd == []
    assert not any(name.startswith("postwright/tests") for name in names)


def test_the_installed_command_makes_checks_and_shows_a_project(installed, tmp_path):
    postwright = installed / "postwright"
    run(postwright, "init", "shop.example", "--address", "198.51.100.7", cwd=tmp_path)
    assert "valid; 1 host, 1 domain, 1 zone" in run(postwright, "check", cwd=tmp_path)
    assert "signs for 1 domain(s)" in run(postwright, "show", cwd=tmp_path)
    assert "mx1.shop.example. 3600 IN A 198.51.100.7" in run(postwright, "show", "records", cwd=tmp_path)
    files = json.loads(run(postwright, "--json", "show", "files", cwd=tmp_path))
    assert "/etc/postfix/main.cf" in {file["path"] for file in files["mx1"]}


def test_the_scripts_that_run_on_hosts_can_be_put_together_from_it(installed, tmp_path):
    program = "from postwright.hosts.remote import package; compile(package('look', {}), 'look', 'exec')"
    run(installed / "python", "-c", program, cwd=tmp_path)


def test_it_knows_its_version(installed, wheel, tmp_path):
    assert wheel.name.split("-")[1] in run(installed / "postwright", "--version", cwd=tmp_path)


def test_it_does_not_need_what_only_developers_have(installed, tmp_path):
    listed = run(installed / "python", "-m", "pip", "list", "--format=json", cwd=tmp_path)
    assert not {"mypy", "ruff", "hypothesis", "pytest-cov", "build"} & {
        package["name"] for package in json.loads(listed)
    }


def test_our_modules_come_from_the_environment_and_nowhere_else(installed, tmp_path):
    program = "import postwright, postwright.cli.main as m; print(postwright.__file__, m.__file__)"
    for path in run(installed / "python", "-c", program, cwd=tmp_path).split():
        assert Path(path).is_relative_to(installed.parent)
