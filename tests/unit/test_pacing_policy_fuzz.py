"""Inputs of chance for the policy protocol: no exception, never a wrong answer, never a token too many.

What is right is said a second time here, line by line and without the tricks of the agent. The ordinary run takes 20,000
inputs; POSTWRIGHT_FUZZ=1000000 in the environment takes that many.
"""

import os
import random
import re
from collections import Counter

import pytest
from pacing_tools import V4, World, action, address, config, plan, provider, request

from postwright.pacing.policy import LONGEST_LINE, LONGEST_REQUEST, Requests

INPUTS = int(os.environ.get("POSTWRIGHT_FUZZ", "20000"))
BUDGET = 100
FAILURE, GATE, DUNNO = "pace_agent_down", "FILTER gate:[127.0.0.1]:10026", "DUNNO"

IDS = ["4cAbc0123456z7", "ABCD", "abc", "", "4c Ab", "../../x", "4cAbc\u00e9z7", "x" * 41, None]
RECIPIENTS = [
    "user@gmail.test", "user@other.test", "user@lost.test", "User@EXAMPLE.com", '"a@b"@gmail.test', '"a@b"', "root", "", None,
    "a@[192.0.2.1]", "ü@gmäil.test", "a@\udcff\udcfe.test", "a@" + "x" * 300 + ".test", "@", "a@b@gmail.test", "a@gmail.test.",
    "a=b@gmail.test", "' OR 1=1 --@gmail.test",
]  # fmt: skip
COUNTS = [*["1"] * 20, "2", "50", "0", "-1", "", None, "1x", "9" * 30, "٣", " 1"]
STATES = ["END-OF-MESSAGE"] * 24 + ["RCPT", "DATA", "", None, "end-of-message"]
KINDS = ["smtpd_access_policy"] * 24 + ["junk", "", None]
SENDERS = [
    "news@example.com",
    "",
    "ü@example.com",
    "\udcff@x.test",
    '"a b"@example.com',
    "no-domain",
    None,
    "x" * 400 + "@y.test",
]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Lanes with budgets that are used up on the way, in a database whose disk is not waited for."""
    addresses = [address(), address("192.0.2.11", "v4-192-0-2-11", plan="wide")]
    made = World(
        tmp_path_factory.mktemp("fuzz"),
        config(addresses=addresses, providers=[provider("google", suffixes=["g"]), provider("other"), provider("unknown")],
               plans={"small": plan([BUDGET]), "wide": plan([BUDGET * 3], overrides={"other": [1], "unknown": [1]})}, outstanding=20_000),
    )  # fmt: skip
    made.store.execute("PRAGMA synchronous = OFF")
    for lane in made.books.lanes.values():
        lane.most = 10**9
    return made


def sensible(dice, number):
    """A request, with some attributes of chance."""
    queue_id = f"4cAb{number % 100_000:08d}z7" if dice.random() < 0.7 else dice.choice(IDS)
    changes = {"queue_id": queue_id, "recipient": dice.choice(RECIPIENTS), "sender": dice.choice(SENDERS)}
    changes |= {
        "recipient_count": dice.choice(COUNTS),
        "protocol_state": dice.choice(STATES),
        "request": dice.choice(KINDS),
    }
    changes |= {
        "server_port": dice.choice(["25", "587", "10026", "", None]),
        "sasl_username": dice.choice(["", "app", "\udcff"]),
    }
    if dice.random() < 0.1:
        changes[dice.choice(["unknown", "a b", "ü", "=", "queue_id "])] = dice.choice(["", "x", "=" * 50, "y" * 9000])
    return request(**changes)


def damaged(dice, data):  # noqa: PLR0911 - one for each kind
    """The same with bytes changed, taken away, doubled, or something added."""
    kind, at = dice.randrange(8), dice.randrange(len(data))
    if kind == 0:
        return data[:at] + bytes([dice.randrange(256)]) + data[at + 1 :]
    if kind == 1:
        return data[:at] + data[at + dice.randrange(40) :]
    if kind == 2:
        return data[:at] + b"\0" + data[at:]
    if kind == 3:
        return data[:at] + b"\n" * dice.randrange(1, 4) + data[at:]
    if kind == 4:
        return data[:-1] + data
    if kind == 5 and dice.random() < 0.02:
        return data[:at] + b"z" * dice.choice([8190, 8193, 70_000, 1_000_000]) + data[at:]
    if kind == 6:
        return dice.randbytes(dice.randrange(1, 200))
    return data


def told_apart(data):
    """What each request of the bytes is, as the protocol's description has it: attributes, or None."""
    while data:
        end = 0 if data.startswith(b"\n") else data.find(b"\n\n") + 1
        complete = end > 0 or data.startswith(b"\n")
        part = data[: end + 1] if complete else data
        if len(part) > LONGEST_REQUEST or any(len(line) > LONGEST_LINE for line in part.split(b"\n")):
            yield None
            return
        if not complete:
            return
        lines = part[:-2].split(b"\n") if len(part) > 1 else []
        good = lines and all(b"\0" not in line and line.find(b"=") > 0 for line in lines)
        attributes = {}
        for line in lines if good else []:
            name, _, value = line.partition(b"=")
            attributes.setdefault(name, value)
        yield attributes if good else None
        data = data[end + 1 :]


def right(attributes):  # noqa: PLR0911 - one for each rule
    """The answers that would be right."""
    if attributes is None:
        return {FAILURE}
    get = lambda name: attributes.get(name, b"")  # noqa: E731
    if get(b"request") != b"smtpd_access_policy" or get(b"protocol_state") != b"END-OF-MESSAGE":
        return {DUNNO}
    number = get(b"recipient_count")
    count = int(number) if re.fullmatch(rb"[0-9]{1,9}", number) else 0
    if count < 1 or not re.fullmatch(rb"[0-9A-Za-z]{4,40}", get(b"queue_id")):
        return {FAILURE}
    if count > 1:
        return {FAILURE if get(b"server_port") == b"10026" else GATE}
    recipient = get(b"recipient").decode(errors="replace")
    if not recipient:
        return {FAILURE}
    domain = (
        recipient.rpartition("@")[2].lower().rstrip(".") if "@" in recipient and not recipient.endswith('"') else ""
    )
    if not domain or domain in {"example.com", "mx1.example.com", "localhost"}:
        return {DUNNO}
    return {"lane"}


def is_lane(text):
    return bool(
        re.fullmatch(
            r"FILTER v4-192-0-2-1[01]-(google|other|unknown):|hold_v4_192_0_2_1[01]_(google|other|unknown)", text
        )
    )


def test_inputs_of_chance_are_answered_rightly_and_take_no_token_too_many(world):
    dice, asked, first = random.Random(20261122), Counter(), {}

    for number in range(INPUTS):
        data = sensible(dice, number) if dice.random() < 0.9 else request()
        data = damaged(dice, data) if dice.random() < 0.5 else data
        said, expected = [], list(told_apart(data))
        reader = Requests()
        for piece in (data[: len(data) // 2], data[len(data) // 2 :]):
            reader.feed(piece)
            while (one := reader.next()) is not False:
                world.pacer.ask(one, said.append)
                world.store.commit()
        answers = [action(it) for it in said]
        assert len(answers) == len(expected), data
        for answer, attributes in zip(answers, expected, strict=True):
            wanted = right(attributes)
            assert is_lane(answer) if wanted == {"lane"} else {answer} == wanted, (data, answer)
            asked[answer.split(" ")[0].split("_")[0]] += 1
            if wanted == {"lane"}:
                assert first.setdefault((attributes[b"queue_id"]), answer) == answer, data

    print(f"{INPUTS} inputs, answers: {dict(asked)}")  # noqa: T201 - the figure
    account = world.books.accounts[f"{V4}-google"]
    assert account.day <= BUDGET
    assert (
        world.store.one("SELECT count(*) FROM message WHERE lane = ? AND state = 'passed'", (account.name,))
        == account.day
    )
    assert set(asked) == {"DUNNO", "pace", "FILTER", "hold"}
