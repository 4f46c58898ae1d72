"""The agent as systemd runs it: sockets handed over, readiness told, reloads, and what it does about a damaged database."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pacing_tools
import pytest
from pacing_tools import (
    HOLD,
    PASS,
    V4,
    Client,
    KeeperSocket,
    Process,
    Queue,
    address,
    control,
    patiently,
    plan,
    wait_for,
    write_config,
)

from postwright.pacing import systemd


@pytest.fixture
def keeper(tmp_path):
    made = KeeperSocket(tmp_path / "keeper.sock", Queue())
    yield made
    made.close()


@pytest.fixture
def process(tmp_path, keeper):  # noqa: ARG001
    write_config(tmp_path)
    made = Process(tmp_path)
    wait_for((tmp_path / "control.sock").exists)
    yield made
    made.kill()


def said(base):
    return control(base / "control.sock", do="status")


def test_a_new_configuration_is_taken_at_sighup_with_all_that_is_known(tmp_path, process):
    for number in range(5):
        patiently(tmp_path / "policy.sock", queue_id=f"AA{number:02d}")
    more = [address(), address("192.0.2.11", "v4-192-0-2-11")]
    write_config(tmp_path, addresses=more, plans={"small": plan([3])})
    process.process.send_signal(signal.SIGHUP)
    wait_for(lambda: len(said(tmp_path)["lanes"]) == 6)
    lane = said(tmp_path)["lanes"][0]
    assert (lane["held"], lane["used"]["day"], lane["stages"]) == (2, 3, 1)
    assert patiently(tmp_path / "policy.sock", queue_id="BBBB") == "FILTER v4-192-0-2-11-google:"


def test_a_configuration_with_problems_is_refused_and_the_old_one_stays(tmp_path, process):
    (tmp_path / "pacing.json").write_text(json.dumps(pacing_tools.config_data(failure="panic")))
    process.process.send_signal(signal.SIGHUP)
    wait_for(lambda: said(tmp_path)["problems"])
    assert "failure: must be one of" in said(tmp_path)["problems"][0]
    assert patiently(tmp_path / "policy.sock") == PASS
    write_config(tmp_path)
    process.process.send_signal(signal.SIGHUP)
    wait_for(lambda: not said(tmp_path)["problems"])


def test_mail_held_for_an_address_that_is_taken_away_is_requeued(tmp_path, process, keeper):
    for number in range(4):
        answer = patiently(tmp_path / "policy.sock", queue_id=f"AA{number:02d}")
    assert answer == HOLD
    keeper.put("AA03", keeper.queue.hold, f"{V4}-google:")
    write_config(tmp_path, addresses=[address("192.0.2.11", "v4-192-0-2-11")])
    process.process.send_signal(signal.SIGHUP)
    wait_for(lambda: ("requeue", ("AA03",)) in keeper.queue.events)
    new = patiently(tmp_path / "policy.sock", queue_id="NEWA", server_port="10026")
    assert new == "FILTER v4-192-0-2-11-google:"


def test_a_damaged_database_is_set_aside_at_the_next_start_and_status_tells(tmp_path, process):
    for number in range(3):
        patiently(tmp_path / "policy.sock", queue_id=f"AA{number:02d}")
    process.kill()
    for path in tmp_path.glob("pacing.db-*"):
        path.unlink()
    (tmp_path / "pacing.db").write_bytes(b"\xee" * 20_000)
    (tmp_path / "control.sock").unlink()
    process.start()
    wait_for((tmp_path / "control.sock").exists)
    assert len(list(tmp_path.glob("pacing.db.broken-*"))) == 1
    wait_for(lambda: any("the database was lost" in it for it in said(tmp_path)["problems"]))


def test_two_requests_on_one_control_connection_are_answered(tmp_path, process):  # noqa: ARG001
    with socket.socket(socket.AF_UNIX) as end:
        end.connect(str(tmp_path / "control.sock"))
        end.sendall(b'{"do":"status"}\n{"do":"dance"}\n')
        lines = end.makefile()
        assert "lanes" in json.loads(lines.readline())
        assert "error" in json.loads(lines.readline())
    assert (tmp_path / "control.sock").stat().st_mode & 0o777 == 0o600


HANDED = """
import os, sys
os.environ["LISTEN_PID"] = str(os.getpid())
os.dup2(int(sys.argv[1]), 3)
sys.path.insert(0, sys.argv[3])
from pathlib import Path
import pacing_tools
pacing_tools.main(Path(sys.argv[2]))
"""


def test_the_socket_systemd_hands_over_is_used_and_readiness_is_told(tmp_path, keeper):  # noqa: ARG001
    write_config(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        listener.bind(str(tmp_path / "handed.sock"))
        listener.listen()
        notified.bind(str(tmp_path / "notify.sock"))
        notified.settimeout(20)
        names = {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "policy", "NOTIFY_SOCKET": str(tmp_path / "notify.sock")}
        command = [
            sys.executable,
            "-c",
            HANDED,
            str(listener.fileno()),
            str(tmp_path),
            str(Path(pacing_tools.__file__).parent),
        ]
        with subprocess.Popen(command, env=os.environ | names, pass_fds=[listener.fileno()]) as process:
            assert notified.recv(100) == b"READY=1"
            assert notified.recv(100) == b"WATCHDOG=1"
            assert Client(tmp_path / "handed.sock").ask() == PASS
            assert not (tmp_path / "policy.sock").exists()
            process.terminate()
            assert process.wait(20) == 0
        assert (tmp_path / "handed.sock").exists(), "it is systemd's"


def test_without_systemd_nothing_is_told_and_nothing_handed_over(monkeypatch):
    for name in ("NOTIFY_SOCKET", "LISTEN_PID", "WATCHDOG_USEC"):
        monkeypatch.delenv(name, raising=False)
    systemd.notify("READY=1")
    assert systemd.handed_over("policy") is None
    monkeypatch.setenv("NOTIFY_SOCKET", "@nobody-listens-here")
    systemd.notify("READY=1")


def test_a_socket_of_another_name_or_process_is_not_taken(monkeypatch):
    monkeypatch.setenv("LISTEN_FDS", "1")
    monkeypatch.setenv("LISTEN_FDNAMES", "keeper")
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    assert systemd.handed_over("policy") is None
    monkeypatch.setenv("LISTEN_PID", "1")
    assert systemd.handed_over("keeper") is None
