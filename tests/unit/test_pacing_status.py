"""Status and metrics: what they say is what is, and what comes next is said in words."""

import asyncio

import pytest
from pacing_tools import NOON, V4, World, address, config, plan

from postwright.pacing import metrics
from postwright.pacing.reactions import Reaction
from postwright.pacing.status import status

LANE = f"{V4}-google"


@pytest.fixture
def world(tmp_path):
    domains = {"a.test": {"plan": "small", "start": "2026-11-22", "share": [1, 1], "providers": ["google"]}}
    return World(tmp_path, config(domains=domains, plans={"small": plan([3, 6])}))


def lane(world, name=LANE):
    return next(it for it in status(world.books, 0)["lanes"] if it["lane"] == name)


def test_status_tells_budget_use_and_what_is_held(world):
    for number in range(5):
        world.ask(queue_id=f"AA{number:02d}", sender="x@a.test")
    said = lane(world)
    assert (said["used"], said["limits"], said["held"], said["outstanding"]) == (
        {"hour": 3, "day": 3},
        {"hour": 3, "day": 3},
        2,
        3,
    )
    assert (said["stage"], said["stages"], said["plan"], said["mode"]) == (1, 2, "small", "normal")
    assert said["oldest_held"] == world.store.one("SELECT min(at) FROM message WHERE state = 'held'")
    (domain,) = status(world.books, 7)["domains"]
    assert (domain["domain"], domain["provider"], domain["used"]["day"], domain["held"]) == ("a.test", "google", 3, 2)
    assert status(world.books, 7)["unknown_held"] == 7


def nexts(world):
    yield "judged", lane(world)["next"]
    world.lane.account.take(3)
    yield "full", lane(world)["next"]
    world.lane.reaction = Reaction("suspended", NOON + 3600)
    yield "suspended", lane(world)["next"]
    world.lane.reaction = Reaction("stopped")
    yield "stopped", lane(world)["next"]
    world.lane.reaction = Reaction("paused")
    yield "paused", lane(world)["next"]


def test_status_says_what_comes_next(world):
    assert dict(nexts(world)) == {
        "judged": "stage 1 is judged at 2026-11-23 00:00 UTC",
        "full": "more from 2026-11-23 00:00 UTC",
        "suspended": "opens at 2026-11-22 13:00 UTC",
        "stopped": "stopped until a person says resume",
        "paused": "paused until a person says resume",
    }


def test_a_plan_to_come_and_a_warm_lane_say_so(tmp_path):
    later = address("192.0.2.11", "v4-192-0-2-11") | {"start": "2026-12-01"}
    world = World(tmp_path, config(addresses=[address(plan=None), later]))
    assert (lane(world)["next"], lane(world)["stage"], lane(world)["stages"]) == ("no limit", "warm", 0)
    assert lane(world, "v4-192-0-2-11-google")["next"] == "begins at 2026-12-01 00:00 UTC"


def test_problems_of_clock_and_disk_are_told(world):
    world.hands.wall += 86_400
    world.books.now()
    world.store.problem = "pacing.db: disk full"
    world.books.told("keeper", "held mail cannot be moved")
    said = status(world.books, 0)["problems"]
    assert said[:2] == ["held mail cannot be moved", "pacing.db: disk full"]
    assert "jumped forward" in said[2]


def test_a_problem_is_logged_once_and_goes_when_it_is_over(world):
    for _ in range(3):
        world.books.told("keeper", "away")
    assert world.lines.count("problem: away") == 1
    world.books.told("keeper", "")
    assert world.books.problems == {}


def test_metrics_are_prometheus_text(world):
    world.ask()
    text = metrics.text(world.books, 4)
    labels = f'{{lane="{LANE}",address="192.0.2.10",provider="google"}}'
    for line in (f"used_day{labels} 1", f"limit_day{labels} 3", f"stage{labels} 1", "unknown_held 4", "problems 0"):
        assert f"postwright_pacing_{line}\n" in text
    assert 'postwright_pacing_used_day{domain="a.test",provider="google"} 0\n' in text
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names)) == text.count("# HELP") == 19
    assert "None" not in text


def test_metrics_name_the_pool_where_there_are_pools_and_an_absent_address_is_closed(tmp_path):
    news = address("192.0.2.11", "v4-192-0-2-11") | {"pool": "news"}
    world = World(tmp_path, config(addresses=[address(), news]))
    world.books.looked(frozenset(["192.0.2.11"]))
    labels = 'lane="v4-192-0-2-11-google",address="192.0.2.11",provider="google",pool="news"'
    assert f"postwright_pacing_closed{{{labels}}} 1\n" in metrics.text(world.books, 0)


def ask(world, request):
    """The answer of the real server to these bytes."""

    async def life():
        server = await metrics.serve(("127.0.0.1", 0), lambda: metrics.text(world.books, 0))
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(request)
        data = await reader.read()
        writer.close()
        server.close()
        return data

    return asyncio.run(life())


def test_metrics_are_handed_out_over_http(world):
    head, _, body = ask(world, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert body.decode() == metrics.text(world.books, 0)
    assert ask(world, b"HEAD /metrics HTTP/1.1\r\n\r\n").endswith(b"\r\n\r\n")


@pytest.mark.parametrize(("request_", "answer"), [
    (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 404"), (b"POST /metrics HTTP/1.1\r\n\r\n", b"HTTP/1.1 405"),
    (b"\r\n\r\n", b"HTTP/1.1 405"), (b"GET\r\n\r\n", b"HTTP/1.1 404"), (b"x" * 100_000, b""),
])  # fmt: skip
def test_other_requests_get_nothing(world, request_, answer):
    assert ask(world, request_)[: len(answer) or None] == answer


def test_a_lane_whose_mail_waits_for_results_does_not_claim_that_it_leaves_now(tmp_path):
    world = World(tmp_path, config(addresses=[address(plan=None)], outstanding=1))
    world.ask(queue_id="AAAA")
    world.ask(queue_id="BBBB")
    assert (lane(world)["held"], lane(world)["next"]) == (1, "waits for results of what is under way, or for its rate")
