"""The process pyinfra lives in: one for all a command asks; what it says reaches who asked; its death is told."""

import os
import signal

import pytest

from postwright.errors import DeployError, InventoryError
from postwright.hosts import process
from postwright.hosts.runner import quiet


@pytest.fixture(autouse=True)
def ended():
    process.stop()
    yield
    process.stop()


def read(path):
    return {"action": "inventory", "inventory": str(path)}


@pytest.fixture
def inventories(tmp_path):
    """Two files; each notes the process that executed it."""
    for name in ("one", "two"):
        note = f"import os\nwith open({str(tmp_path / 'pids')!r}, 'a') as f: f.write(f'{{os.getpid()}} ')\n"
        (tmp_path / f"{name}.py").write_text(f"{note}hosts = ['{name}']\n")
    return [tmp_path / "one.py", tmp_path / "two.py"]


def names(answer):
    return [host["name"] for host in answer["hosts"]]


def test_one_process_answers_all_requests(inventories):
    found = [names(process.ask(read(path), quiet)) for path in inventories]

    assert found == [["one"], ["two"]]
    assert len(set((inventories[0].parent / "pids").read_text().split())) == 1


def test_an_answer_reaches_who_asked_for_it_whoever_waits_first(inventories):
    first, second = (process.asked(read(path)) for path in inventories)

    assert names(second(quiet)) == ["two"]
    assert names(first(quiet)) == ["one"]


def test_an_error_is_what_it_was_there_and_the_process_goes_on(inventories, tmp_path):
    (tmp_path / "broken.py").write_text("x = nothing\n")
    with pytest.raises(InventoryError) as refused:
        process.ask(read(tmp_path / "broken.py"), quiet)

    assert (refused.value.where, refused.value.problems) == (
        f"{tmp_path}/broken.py:1",
        ("NameError: name 'nothing' is not defined",),
    )
    assert names(process.ask(read(inventories[0]), quiet)) == ["one"]


def test_a_process_that_dies_is_told_and_the_next_request_has_another(inventories, tmp_path):
    (tmp_path / "deadly.py").write_text(f"import os\nos.kill(os.getpid(), {int(signal.SIGKILL)})\n")
    with pytest.raises(DeployError, match="ended with status -9 and no answer; run again with -vv"):
        process.ask(read(tmp_path / "deadly.py"), quiet)

    assert names(process.ask(read(inventories[0]), quiet)) == ["one"]


def test_a_process_that_died_unnoticed_is_told_with_the_next_request(inventories):
    process.ask(read(inventories[0]), quiet)
    os.kill(int((inventories[0].parent / "pids").read_text()), signal.SIGKILL)

    with pytest.raises(DeployError, match="ended with status -9 and no answer"):
        process.ask(read(inventories[0]), quiet)


def test_what_a_program_of_the_inventory_reads_or_prints_touches_no_request_and_no_answer(inventories, tmp_path):
    text = "import subprocess\nsubprocess.run(['sh', '-c', 'cat; printf \\\\377; echo no answer'], check=True)\nhosts = ['mx1']\n"
    (tmp_path / "talks.py").write_text(text)

    assert names(process.ask(read(tmp_path / "talks.py"), quiet)) == ["mx1"]
    assert names(process.ask(read(inventories[0]), quiet)) == ["one"]


def test_nothing_is_left_of_a_process_that_is_ended_while_it_works(tmp_path):
    pid = tmp_path / "pid"
    text = f"import os, time\nwith open({str(pid)!r}, 'w') as f: f.write(str(os.getpid()))\ntime.sleep(600)\n"
    (tmp_path / "long.py").write_text(text)
    process.asked(read(tmp_path / "long.py"))
    while not pid.exists() or not pid.read_text():
        pass
    process.stop()

    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
