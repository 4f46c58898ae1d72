"""The agent's client of the keeper takes no answer for more than it says, and never asks twice by itself.

Both ends with real Postfix: tests/lab/test_pacing_parts.py.
"""

import asyncio
import json
import multiprocessing
import socket
from contextlib import asynccontextmanager

import pytest

from postwright.pacing.keeper import Queue, serve
from postwright.pacing.keeping import MOST, Keeper, KeeperError, Moved

ONE, TWO = "4jXTpn61yzz5r", "4jXTpn62qqz5s"


@asynccontextmanager
async def answering(path, answer):
    """A socket where everybody gets this answer; the list of what was asked."""
    asked = []

    async def converse(reader, writer):
        asked.append(json.loads(await reader.readline()))
        writer.write(answer)
        if answer.endswith(b"..."):
            await reader.read()
        writer.close()

    async with await asyncio.start_unix_server(converse, path):
        yield asked


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "keeper.sock")


def told(path, answer, call):
    """What the client makes of an answer, and what it asked."""

    async def ask():
        async with answering(path, answer) as asked:
            return await call(Keeper(path, seconds=0.5)), asked

    return asyncio.run(ask())


async def all_held(keeper):
    return [name async for batch in keeper.held() for name in batch]


@pytest.mark.parametrize(("verb", "key"), [("release", "released"), ("requeue", "released"), ("hold", "held")])
def test_what_was_moved_and_what_was_gone_is_told_apart(path, verb, key):
    answer = json.dumps({key: [ONE], "gone": [TWO]}).encode() + b"\n"

    assert told(path, answer, lambda keeper: getattr(keeper, verb)([ONE, TWO])) == (
        Moved((ONE,), (TWO,)),
        [{"do": verb, "ids": [ONE, TWO]}],
    )


def test_what_was_on_hold_already_is_told_apart_too(path):
    answer = json.dumps({"held": [ONE, TWO], "gone": [], "before": [TWO]}).encode() + b"\n"

    moved, _ = told(path, answer, lambda keeper: keeper.hold([ONE, TWO]))

    assert moved == Moved((ONE, TWO), (), (TWO,))


def test_a_listing_is_read_to_its_end(path):
    answer = f'{{"ids":["{ONE}"]}}\n{{"ids":["{TWO}"]}}\n{{"end":2}}\n'.encode()

    assert told(path, answer, all_held) == ([ONE, TWO], [{"do": "held"}])


def test_a_listing_that_breaks_off_is_an_error_and_no_shorter_listing(path):
    with pytest.raises(KeeperError, match="broke off"):
        told(path, f'{{"ids":["{ONE}"]}}\n'.encode(), all_held)


def test_long_questions_are_asked_in_parts_and_long_moves_not_at_all(path):
    ids = [f"4jXTpn{number:05d}z5s" for number in range(450)]
    queued, asked = told(path, b'{"queued":["4jXTpn00001z5s"]}\n', lambda keeper: keeper.queued(ids))

    assert queued == {"4jXTpn00001z5s"}
    assert [len(it["ids"]) for it in asked] == [MOST, MOST, 50]
    with pytest.raises(KeeperError, match="at most 200"):
        asyncio.run(Keeper("/nonexistent").release(ids))


def test_filters_are_told_by_id(path):
    answer = f'{{"filters":{{"{ONE}":"","{TWO}":"gate:[127.0.0.1]:10026"}}}}\n'.encode()

    assert told(path, answer, lambda keeper: keeper.filters([ONE, TWO]))[0] == {ONE: "", TWO: "gate:[127.0.0.1]:10026"}


def test_nothing_asked_is_nothing_sent():
    assert asyncio.run(Keeper("/nonexistent").release([])) == Moved((), ())
    assert asyncio.run(Keeper("/nonexistent").queued([])) == set()


@pytest.mark.parametrize(
    "answer",
    [b"", b"{", b"nonsense\n", b"[]\n", b"{}\n", b'{"released":["x"]', b'{"released":1,"gone":[]}\n', b'{"released":["x"]}\n',
     b'{"error":"no luck"}\n', b"\xff\n", b"x" * (1 << 21), b"..."],
    ids=range(12),
)  # fmt: skip
def test_any_other_answer_is_an_error_and_the_request_is_not_repeated(path, answer):
    async def ask():
        async with answering(path, answer) as asked:
            with pytest.raises(KeeperError):
                await Keeper(path, seconds=0.5).release([ONE])
            return asked

    assert asyncio.run(ask()) == [{"do": "release", "ids": [ONE]}]


def test_a_keeper_that_is_not_there_is_an_error_that_says_where_to_look(path):
    with pytest.raises(KeeperError, match=r"keeper\.sock: .*No such file.*postwright-pacing-keeper\.socket"):
        asyncio.run(Keeper(path).held().__anext__())


def test_what_the_keeper_itself_refuses_is_told_in_its_words(path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        process = multiprocessing.get_context("fork").Process(target=serve, args=(listener, Queue(), 3600, 1))
        process.start()
        with pytest.raises(KeeperError, match="not a queue id: 'ALL'"):
            asyncio.run(Keeper(path).release(["ALL"]))
        process.kill()
        process.join()
