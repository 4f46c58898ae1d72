"""The keeper's protocol and its bookkeeping, over real sockets. Its tools are stand-ins here: Postfix is not on this machine.

What it does with the real ones is tested in tests/lab/test_pacing_parts.py.
"""

import json
import multiprocessing
import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postwright.pacing import keeper
from postwright.pacing.keeper import MOST, Queue, Refused, answers, serve

QUEUES = ("maildrop", "hold", "incoming", "active", "deferred")
# As postsuper(1) of 3.10 does and says it; a file in `stuck` is one it fails at.
TOOLS = {
    "postconf": 'echo "$spool"',
    "postqueue": 'echo "$*" >>"$spool/log"',
    "postkick": 'echo "$*" >>"$spool/log"; rm -f "$spool"/maildrop/*',
    "postcat": 'test -e "$spool/hold/$2" && cat "$spool/hold/$2"',
    "postsuper": """
case $1 in
    -H) to=deferred words="released from hold";;
    -h) to=hold words="placed on hold";;
    -r) to=maildrop words=requeued;;
esac
shift 2
while read -r id; do
    test -e "$spool/stuck" && { echo "postsuper: fatal: no luck" >&2; exit 1; }
    for queue; do
        for file in "$spool/$queue/$id" "$spool/$queue"/?/"$id"; do
            test -e "$file" && mv "$file" "$spool/$to/$id" && echo "postsuper: $id: $words" >&2
        done
    done
done
exit 0
""",
}
ONE, TWO, THREE, FOUR = "4jXTpn61yzz5r", "4jXTpn62qqz5s", "4jXTpn63LGz5t", "9A3F21C0B7"


@pytest.fixture
def spool(tmp_path):
    folder = tmp_path / "spool"
    for name in QUEUES:
        (folder / name).mkdir(parents=True)
    return folder


@pytest.fixture
def queue(spool, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, text in TOOLS.items():
        (tools / name).write_text(f"#!/bin/sh\nspool='{spool}'\n{text}\n")
        (tools / name).chmod(0o755)
    return Queue(f"{tools}:/usr/bin:/bin")


@pytest.fixture
def path(queue, tmp_path):
    """The socket of a keeper that waits a second for its clients and ends with the test."""
    file = tmp_path / "keeper.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(file))
        listener.listen()
        process = multiprocessing.get_context("fork").Process(target=serve, args=(listener, queue, 3600, 1))
        process.start()
        yield str(file)
        process.kill()
        process.join()


def put(spool, name, *ids, mode=0o700, text=""):
    for it in ids:
        (spool / name / it).write_text(text)
        (spool / name / it).chmod(mode)


def there(spool, name):
    return {it.name for it in (spool / name).rglob("*") if it.is_file()}


def log(spool):
    file = spool / "log"
    return file.read_text().splitlines() if file.exists() else []


def connected(path):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(20)
    client.connect(path)
    return client


def told(path, request):
    """All that is answered to these octets until the keeper closes or has answered once."""
    with connected(path) as client:
        client.sendall(request)
        return client.makefile("rb").readline()


def test_a_release_tells_what_was_moved_and_what_was_not_there_in_the_order_asked(queue, spool):
    put(spool, "hold", ONE, TWO, FOUR)

    assert queue.release([FOUR, THREE, ONE]) == {"released": [FOUR, ONE], "gone": [THREE]}
    assert there(spool, "hold") == {TWO}
    assert log(spool) == [f"-i {FOUR}", f"-i {ONE}"]


def test_a_message_still_being_written_is_neither_moved_nor_gone(queue, spool):
    put(spool, "hold", ONE, mode=0o600)

    assert queue.release([ONE]) == {"released": [], "gone": []}
    assert queue.filters([ONE]) == {"filters": {}}
    assert queue.queued([ONE]) == {"queued": [ONE]}


def test_a_release_asked_again_wakes_what_was_left_in_between(queue, spool):
    put(spool, "deferred", ONE, TWO)

    assert queue.release([ONE]) == {"released": [], "gone": [ONE]}
    assert log(spool) == [f"-i {ONE}"]


def test_requeued_is_what_is_held_or_deferred_and_never_what_is_being_sent(queue, spool):
    put(spool, "hold", ONE)
    put(spool, "deferred", TWO)
    put(spool, "active", THREE)

    assert queue.requeue([ONE, TWO, THREE]) == {"released": [ONE, TWO], "gone": [THREE]}
    assert there(spool, "active") == {THREE}
    assert log(spool) == ["public pickup W"]


def test_holding_tells_what_is_on_hold_afterwards_and_what_was_before(queue, spool):
    put(spool, "hold", ONE)
    put(spool, "deferred", TWO)

    assert queue.hold([ONE, TWO, THREE]) == {"held": [ONE, TWO], "gone": [THREE], "before": [ONE]}


def test_what_is_being_sent_is_not_put_on_hold(queue, spool):
    put(spool, "active", ONE)
    put(spool, "incoming", TWO)
    put(spool, "deferred", THREE)

    assert queue.hold([ONE, TWO, THREE]) == {"held": [THREE], "gone": [ONE, TWO], "before": []}
    assert (there(spool, "active"), there(spool, "incoming")) == ({ONE}, {TWO})


def test_postsuper_failing_is_an_answer_and_nothing_is_said_to_be_moved(queue, spool):
    put(spool, "hold", ONE)
    (spool / "stuck").touch()

    with pytest.raises(Refused, match="no luck"):
        queue.release([ONE])


def test_a_program_that_is_not_there_is_an_error_of_its_own(path, spool, tmp_path):
    put(spool, "hold", ONE)
    (tmp_path / "tools/postsuper").unlink()

    assert b"postsuper" in told(path, json.dumps({"do": "release", "ids": [ONE]}).encode() + b"\n")
    assert there(spool, "hold") == {ONE}


def test_the_last_filter_of_a_message_counts(queue, spool):
    put(spool, "hold", ONE, text="sender: a@b.test\ncontent_filter: v4-x:\ncontent_filter: gate:[127.0.0.1]:10026\n")
    put(spool, "hold", TWO, text="recipient: content_filter: no@b.test\n")

    assert queue.filters([ONE, TWO, THREE]) == {"filters": {ONE: "gate:[127.0.0.1]:10026", TWO: ""}}


def test_hashed_queues_are_looked_through_and_other_files_left_out(queue, spool):
    for folder in ("hold/A", "deferred/3/F"):
        (spool / folder).mkdir(parents=True)
    put(spool, "hold", ONE, "README.txt")
    put(spool, "hold/A", FOUR)
    put(spool, "deferred/3/F", TWO)
    (spool / "hold/0").symlink_to(spool / "hold/A")

    listed = list(queue.held())

    assert sorted(listed[0]["ids"]) == sorted([ONE, FOUR])
    assert listed[1:] == [{"end": 2}]
    assert queue.queued([TWO, THREE, ONE]) == {"queued": [TWO, ONE]}


def test_what_a_killed_smtpd_left_unfinished_is_soon_no_longer_queued(queue, spool):
    put(spool, "incoming", ONE, TWO, mode=0o600)
    put(spool, "incoming", THREE)
    for name in (ONE, THREE):
        os.utime(spool / "incoming" / name, (0, 0))

    assert queue.queued([ONE, TWO, THREE]) == {"queued": [TWO, THREE]}


@pytest.mark.parametrize("count", [0, 999, 1000, 1001, 2000])
def test_a_listing_comes_a_thousand_ids_at_a_time_each_once(queue, spool, count):
    put(spool, "hold", *(f"4jXTpn{number:05d}z5s" for number in range(count)))

    *parts, end = queue.held()

    assert end == {"end": count}
    assert len({name for part in parts for name in part["ids"]}) == count
    assert max([len(part["ids"]) for part in parts], default=0) <= 1000


@pytest.mark.parametrize(
    "name",
    ["", "ALL", "-", "*", ".", "..", "../x", "a/b", f"{ONE}\n", f"{ONE} {TWO}", "--help", "-r", "9a3f21c0b7", "x" * 10**4, "é" * 12, "9A3F2"],
)  # fmt: skip
def test_only_well_formed_queue_ids_are_taken(queue, name):
    with pytest.raises(Refused, match="not a queue id"):
        list(answers(queue, json.dumps({"do": "release", "ids": [name]}).encode()))


@pytest.mark.parametrize(
    "request_",
    [b"", b"{}", b"[]", b"null", b'"held"', b"\xff", b"{", b'{"do":"held","ids":[]}', b'{"do":"release"}', b'{"do":"_run","ids":[]}',
     b'{"do":["held"]}', b'{"do":"release","ids":"x"}', b'{"do":"release","ids":[1]}', b'{"do":"release","ids":[],"more":1}',
     b"[" * 10_000, json.dumps({"do": "queued", "ids": [ONE] * (MOST + 1)}).encode()],
)  # fmt: skip
def test_what_is_no_request_is_refused_and_the_connection_closed(path, request_):
    with connected(path) as client:
        client.sendall(request_ + b"\n" + b'{"do":"held"}\n')
        lines = client.makefile("rb").readlines()

    assert [list(json.loads(line)) for line in lines] == [["error"]]


def test_a_request_that_does_not_end_is_refused(path):
    assert b"longer than" in told(path, b"x" * 20_000)


def test_several_requests_of_one_client_are_answered_one_after_another(path, spool):
    put(spool, "hold", ONE)
    with connected(path) as client:
        client.sendall(f'{{"do":"queued","ids":["{ONE}","{TWO}"]}}\n{{"do":"release","ids":["{ONE}"]}}\n'.encode())
        lines = client.makefile("rb")
        found = [json.loads(lines.readline()) for _ in range(2)]

    assert found == [{"queued": [ONE]}, {"released": [ONE], "gone": []}]


def test_clients_that_hang_are_dropped_and_keep_nobody_waiting(path):
    hanging = [connected(path) for _ in range(10)]
    for client in hanging:
        client.sendall(b'{"do"')
    answer = told(path, b'{"do":"held"}\n')
    ends = [client.recv(100) for client in hanging]
    for client in hanging:
        client.close()

    assert json.loads(answer) == {"end": 0}
    assert all(b"error" in end or not end for end in ends)


def test_clients_that_leave_in_the_middle_do_no_harm(path, spool):
    put(spool, "hold", *(f"4jXTpn{number:05d}z5s" for number in range(5000)))
    for request in (b"", b'{"do":', b'{"do":"held"}\n', b'{"do":"held"}\n' * 100):
        with connected(path) as client:
            client.sendall(request)

    assert len(json.loads(told(path, b'{"do":"held"}\n'))["ids"]) == 1000


@given(st.binary(max_size=300))
def test_no_octets_make_it_fail(line):
    with suppress(Refused, OSError):
        list(answers(Queue("/nonexistent"), line))


@pytest.mark.parametrize("given", [{}, {"LISTEN_FDS": "1", "LISTEN_PID": "1"}])
def test_started_by_hand_it_says_who_starts_it(given):
    ended = subprocess.run(
        [sys.executable, "-c", "from postwright.pacing.keeper import main; raise SystemExit(main())"],
        env={"PATH": "/nonexistent", **given}, cwd=Path(keeper.__file__).parents[2], capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert ended.returncode == 2
    assert "postwright-pacing-keeper.socket" in ended.stderr


def test_started_with_a_socket_it_answers_and_ends_by_itself_when_nobody_asks(tmp_path):
    file = str(tmp_path / "keeper.sock")
    code = (
        "import os; from postwright.pacing import keeper; os.environ['LISTEN_PID'] = str(os.getpid());"
        "keeper.serve.__defaults__ = (0.3, 1); raise SystemExit(keeper.main())"
    )
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(file)
        listener.listen()
        process = subprocess.Popen(
            ["bash", "-c", f'exec "$0" -c "$1" 3<&{listener.fileno()}', sys.executable, code],
            env={"LISTEN_FDS": "1", "PATH": "/usr/bin:/bin"}, pass_fds=[listener.fileno()], cwd=Path(keeper.__file__).parents[2],
        )  # fmt: skip
        answer = told(file, b"nonsense\n")

    assert json.loads(answer) == {"error": "the request is no JSON"}
    assert process.wait(60) == 0
