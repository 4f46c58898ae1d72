"""Another process of a command runs commands over the connection its hosts have: many at a time, and none waits for a dead host."""

import socket
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest
from sshd import Sshd
from support import host_data, project

from postwright.checks import ssh
from postwright.checks.unknown import UnknownError
from postwright.errors import DeployError
from postwright.hosts import process, served
from postwright.hosts.runner import quiet


@pytest.fixture
def servers(tmp_path):
    """Makes SSH servers, by name."""
    made = []

    def make(name="mx1", **options):
        folder = tmp_path / name
        folder.mkdir()
        made.append(Sshd(folder, **options))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture
def reach(tmp_path, monkeypatch):
    """Serves hosts, given as pyinfra's data of each, from a child of ours; gives testinfra's hosts over it."""
    process.stop()

    def reached(**hosts):
        inventory = tmp_path / "inventory.py"
        inventory.write_text(f"hosts = {list(hosts.items())!r}\n")
        socket_path = str(tmp_path / "hosts")
        process.ask({"action": "serve", "inventory": str(inventory), "socket": socket_path}, quiet)
        monkeypatch.setattr(served, "path", socket_path)
        fleet = project(tmp_path, host_data()).fleet
        return [ssh.connected(fleet.hosts[0].model_copy(update={"name": name}), inventory) for name in hosts]

    yield reached
    monkeypatch.setattr(served, "path", "")
    process.stop()


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as there:
        return there.getsockname()[1]


def test_many_commands_run_at_a_time_over_one_connection(servers, reach):
    server = servers()
    (host,) = reach(mx1=server.data)

    with ThreadPoolExecutor(20) as pool:
        said = list(pool.map(lambda number: host.run(f"sleep 0.1; echo {number}").stdout, range(40)))

    assert said == [f"{number}\n" for number in range(40)]
    assert server.logins == 1
    assert 1 < server.most <= 8


def test_a_server_that_allows_two_sessions_is_asked_by_two_at_a_time(servers, reach):
    server = servers(sessions=2)
    (host,) = reach(mx1=server.data)

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda number: host.run(f"echo {number}").stdout, range(16)))

    assert said == [f"{number}\n" for number in range(16)]
    assert (server.logins, server.most) == (1, 2)


def test_status_and_output_arrive_as_they_are(servers, reach):
    (host,) = reach(mx1=servers().data)

    found = host.run(r"printf 'a\377\n\nb'; echo %s >&2; exit 255", "it's")

    assert (found.rc, found.stdout_bytes, found.stderr) == (255, b"a\xff\n\nb", "it's\n")
    assert found.stdout == "a\ufffd\n\nb"


def test_a_command_that_is_killed_has_not_answered_and_the_next_one_does(servers, reach):
    (host,) = reach(mx1=servers().data)

    with pytest.raises(UnknownError, match=r"^host mx1: `kill -9 \$\$` gave no answer: it was killed"):
        host.run("kill -9 $$")
    assert host.run("echo next").stdout == "next\n"


def test_more_output_than_fits_into_a_window_arrives(servers, reach):
    (host,) = reach(mx1=servers().data)

    found = host.run("head -c 5000000 /dev/zero; head -c 3000000 /dev/zero >&2")

    assert (len(found.stdout_bytes), len(found.stderr_bytes)) == (5_000_000, 3_000_000)


def test_a_command_is_run_once_however_many_ask(servers, reach, tmp_path):
    (host,) = reach(mx1=servers().data)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: host.run(f"echo x >>{tmp_path}/runs"), range(16)))

    assert (tmp_path / "runs").read_text() == "x\n"


def test_a_host_that_cannot_be_reached_is_unknown_and_costs_others_nothing(servers, reach):
    port = closed_port()
    silent = socket.create_server(("127.0.0.1", 0))  # takes the connection, and never says a word
    nobody, mute = ({"ssh_hostname": "127.0.0.1", "ssh_port": it} for it in (port, silent.getsockname()[1]))
    alive, dead, slow = reach(mx1=servers().data, mx2=nobody, mx3=mute)

    def wait():
        with suppress(DeployError):  # the process ends with the test
            slow.run("true")

    waiting = Thread(target=wait, daemon=True)
    waiting.start()

    for command in ("uptime", "true", "uptime"):
        with pytest.raises(UnknownError, match=rf"^host mx2: cannot connect to root@127.0.0.1:{port}: .*; check that"):
            dead.run(command)
    assert alive.run("echo here").stdout == "here\n"
    assert waiting.is_alive()
    silent.close()


def test_a_refused_key_is_told_as_such(servers, reach):
    server, other = servers(), servers("mx2")
    (host,) = reach(mx1={**server.data, "ssh_key": other.data["ssh_key"]})

    with pytest.raises(
        UnknownError, match=r"^host mx1: cannot connect to op@127.*the host refused the key; check ssh_key"
    ):
        host.run("true")


def test_a_connection_that_breaks_is_unknown_at_once_and_stays_so(servers, reach, tmp_path):
    server = servers()
    (host,) = reach(mx1=server.data)
    assert host.run("echo before").stdout == "before\n"

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(host.run, f"touch {tmp_path}/runs; sleep 3")
        while not (tmp_path / "runs").exists():
            time.sleep(0.01)
        server.hang_up()
        with pytest.raises(UnknownError, match=r"^host mx1: the connection to op@127.0.0.1:[0-9]+ ended"):
            running.result(timeout=60)

    with pytest.raises(UnknownError, match="ended"):
        host.run("echo after")
    assert len(server.transports) == 1


def test_a_user_who_may_not_run_commands_is_unknown(servers, reach, tmp_path):
    fake = tmp_path / "bin/sudo"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n")
    fake.chmod(0o755)
    (host,) = reach(mx1={**servers(path=fake.parent).data, "_sudo": True})

    with pytest.raises(
        UnknownError, match=r"^host mx1: no command can be run there: sudo: a password is required; check"
    ):
        host.run("true")


def test_the_socket_is_for_its_user_alone_and_goes_with_its_use(servers, reach):
    reach(mx1=servers().data)
    place = Path(served.path)

    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    served.ask({"action": "end_serving"}, quiet)
    assert not place.exists()


def test_the_end_of_the_process_that_serves_is_told(servers, reach):
    (host,) = reach(mx1=servers().data)
    process.stop()

    with pytest.raises(DeployError, match=r"the process that speaks to hosts has ended"):
        host.run("true")
