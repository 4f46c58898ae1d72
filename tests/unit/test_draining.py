"""Who waits for a drained host's queue is told what remains, whatever happens to a connection meanwhile."""

from itertools import islice

import pytest

from postwright import draining
from postwright.draining import Queue
from postwright.errors import DeployError, InventoryError

EMPTY = Queue("mx2", 0, 0, 0, 0)
UNREACHED = DeployError("host mx2: cannot connect to root@192.0.2.2:22: timed out\nno host was changed")


@pytest.fixture
def answers(monkeypatch):
    """What the host answers, one after the other; and whether it was asked to try all mail each time."""
    found, asked = [], []

    def answer(_project, _host, *, flush):
        asked.append(flush)
        if isinstance(found[0], Exception):
            raise found.pop(0)
        return found.pop(0)

    monkeypatch.setattr(draining, "queue", answer)
    monkeypatch.setattr(draining, "pauses", lambda: iter(lambda: 0.0, 1.0))
    return found, asked


def test_a_connection_that_fails_once_does_not_end_the_wait_for_the_queue(answers):
    found, asked = answers
    found += [Queue("mx2", 1, 0, 0, 0), UNREACHED, EMPTY]

    assert draining.emptied(None, "mx2", 60, str) == EMPTY
    assert asked == [True, False, False]


def test_mail_is_tried_at_once_though_the_first_connection_fails(answers):
    found, asked = answers
    found += [UNREACHED, Queue("mx2", 0, 1, 0, 0), EMPTY]
    draining.emptied(None, "mx2", 60, str)

    assert asked == [True, True, False]


@pytest.mark.parametrize("error", [UNREACHED, InventoryError("inventory.py", ["cannot connect to it: timed out"])])
def test_a_host_that_is_not_reached_until_the_end_has_an_unknown_queue_and_is_not_told_as_unchanged(answers, error):
    answers[0].append(error)
    left = draining.emptied(None, "mx2", 0, str)

    assert not left.empty
    assert left.to_json()["empty"] is False
    assert "host mx2: what is in its queue is unknown: " in str(left)
    assert "timed out; it is drained; ask again with `postwright apply --drain mx2`" in str(left)
    assert "no host was changed" not in str(left)


def test_the_longer_the_wait_the_rarer_the_question_up_to_a_limit():
    found = list(islice(draining.pauses(), 20))

    assert found == sorted(found)
    assert (found[0], found[-1]) == (2.0, 15.0)
