"""The help is enough to work with: every command is listed in the order of work and shows an example."""

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from postwright.cli.main import cli
from postwright.cli.manual import contexts, manual

ROOT = Path(__file__).parents[2]
# The order of the design; not all of them need be there.
ORDER = {
    "Describe": ["init", "check", "show"],
    "Change": ["plan", "apply", "undo", "rollback", "keys", "users", "warmup"],
    "Prove": ["verify", "status", "report"],
    "Practise": ["lab"],
}
HEAVY = ("pyinfra", "cloudflare", "gevent", "pytest", "rich", "testinfra", "cryptography", "paramiko")


COMMANDS = {context.command_path: context for context in contexts()}
every_command = pytest.mark.parametrize("path", COMMANDS)


def help_of(path):
    result = CliRunner().invoke(cli, [*path.split()[1:], "--help"], prog_name="postwright")
    assert result.exit_code == 0
    return result.output


@every_command
def test_every_command_has_help_with_an_example_of_itself(path):
    lines = [line.strip() for line in help_of(path).splitlines()[1:]]
    assert any(re.match(rf"(sudo )?postwright .*{path.partition(' ')[2]}", line) for line in lines)


@every_command
def test_every_option_and_command_says_what_it_is(path):
    context = COMMANDS[path]
    assert context.command.get_short_help_str(200)
    options = [it for it in context.command.get_params(context) if isinstance(it, click.Option)]
    assert [it.name for it in options if not it.help] == []


def test_the_exit_status_is_explained():
    assert "Exit status: 0 done, 1 failed or drifted, 2 wrong usage or inventory." in help_of("postwright")


@pytest.mark.parametrize(
    "path", [path for path in COMMANDS if path.split()[-1] in {"plan", "verify", "status", "mail"}]
)
def test_a_command_whose_answer_is_its_exit_status_says_so(path):
    assert re.search(r"[Ee]xits? (status|1)", help_of(path))


def test_commands_are_listed_in_the_order_of_work():
    sections = re.split(r"^(\w+):\n", help_of("postwright"), flags=re.MULTILINE)
    listed = {
        title: re.findall(r"^  (\w+)  ", rows, re.MULTILINE)
        for title, rows in zip(sections[1::2], sections[2::2], strict=True)
    }
    del listed["Options"]
    assert list(listed) == [title for title in ORDER if title in listed]
    for title, names in listed.items():
        assert names
        assert names == [name for name in ORDER[title] if name in names]


def test_a_command_that_is_not_there_is_wrong_usage():
    result = CliRunner().invoke(cli, ["chekc"])
    assert result.exit_code == 2
    assert "chekc" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("arguments", [["--help"], ["check", "--help"], ["--version"]])
def test_help_is_quick_it_loads_nothing_heavy(arguments):
    program = f"""
import sys
from postwright.cli.main import cli
try:
    cli({arguments!r}, prog_name="postwright")
except SystemExit:
    pass
print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_is_made(shell):
    environment = {**os.environ, "_POSTWRIGHT_COMPLETE": f"{shell}_source"}
    command = [sys.executable, "-c", "from postwright.cli.main import main; main()"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    # click asks for the version of bash itself; where it is too old it says so and exits 1.
    assert "_postwright_completion" in done.stdout
    assert done.stderr == ""


def completed(words, text, monkeypatch):
    for name, value in {"_POSTWRIGHT_COMPLETE": "bash_complete", "COMP_WORDS": f"postwright {words}"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) + (0 if text else 1)))
    result = CliRunner().invoke(cli, prog_name="postwright", complete_var="_POSTWRIGHT_COMPLETE")
    return [line.partition(",")[2] for line in result.output.splitlines()]


def test_commands_and_inventories_are_completed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inventories").mkdir()
    (tmp_path / "inventories" / "production.py").touch()
    (tmp_path / "inventories" / "notes.txt").touch()
    assert completed("ch", "ch", monkeypatch) == ["check"]
    assert completed("-i inv", "inv", monkeypatch) == ["inventories/production.py"]


def test_the_manual_is_what_help_says():
    """After a change: python -m postwright.cli.manual > docs/commands.md."""
    assert (ROOT / "docs" / "commands.md").read_text(encoding="utf-8") == manual()


@every_command
def test_every_command_and_every_option_is_in_the_manual(path):
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    context = COMMANDS[path]
    _, found, section = text.partition(f"\n## {path}\n")
    assert found
    section = section.partition("\n## ")[0]
    options = [
        name for it in context.command.get_params(context) for name in (*it.opts, *it.secondary_opts) if name[0] == "-"
    ]
    assert [name for name in options if name not in section] == []
