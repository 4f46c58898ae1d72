"""The agent's configuration: read as it is meant, and refused with all its problems at once."""

import json
import subprocess
import sys

import pytest
from pacing_tools import NOON, V4, V6, address, config, config_data, plan, provider

from postwright.pacing.config import ConfigError, read, start_of
from postwright.pacing.parse import parsed


def problems(data):
    with pytest.raises(ConfigError) as caught:
        parsed(data)
    return caught.value.problems


def test_a_sound_configuration_has_one_lane_for_each_address_and_provider():
    made = config(addresses=[address(), address("2001:db8::10", V6, plan=None)])
    assert sorted(made.lanes) == sorted(
        f"{label}-{name}" for label in (V4, V6) for name in ("google", "other", "unknown")
    )
    lane = made.lanes[f"{V6}-google"]
    assert (lane.address.version, lane.plan, lane.start) == (6, None, 0)
    assert lane.held_class == "hold_v6_2001_db8_0_0_0_0_0_10_google"
    assert made.lanes[f"{V4}-google"].start == NOON - 43_200


def test_recipients_of_a_provider_that_is_not_in_use_are_others():
    assert [it.name for it in config().lanes_to("yahoo")] == [f"{V4}-other"]


@pytest.mark.parametrize(("failure", "answer"), [
    ("hold", b"pace_agent_down"), ("pass", f"FILTER {V4}-other:".encode()),
    ("refuse", b"451 4.3.0 Mail is paced here and the agent for it is away; try again later"),
])  # fmt: skip
def test_the_answer_without_an_agent_is_what_the_inventory_chose(failure, answer):
    assert config(failure=failure).failure_answer == answer


def test_everything_that_may_be_said_is_read():
    made = config(
        domains={"Example.com": {"plan": "small", "start": "2026-11-22", "share": [1, 2], "providers": ["google"]}},
        streams=[{"name": "r", "senders": ["@TX.example.com"], "users": ["app"], "when_full": "overflow", "after": 60}],
        relay="relay-out:[smtp.esp.example]:587", metrics=["127.0.0.1", 9725], lab_clock="/run/x",
    )  # fmt: skip
    assert made.budget("example.com", "google").share == (1, 2)
    assert made.budget("example.com", "other") is None
    assert made.streams[0].senders == {"@tx.example.com"}
    assert (made.metrics, made.gate_port, made.lab_clock) == (("127.0.0.1", 9725), "10026", "/run/x")


@pytest.mark.parametrize(("changes", "wanted"), [
    ({"format": 2}, "format: must be 1, is 2"),
    ({"hots": 1}, "hots: is not known here"),
    ({"host": ""}, "host: must be a text, is ''"),
    ({"addresses": []}, "addresses: lists none: nothing could ever be sent"),
    ({"addresses": [address(), address()]}, "addresses[1]: 192.0.2.10 or its label is listed twice"),
    ({"addresses": [address(ip="x")]}, "addresses[0].ip: must be an IP address, is 'x'"),
    ({"addresses": [address(ip=3)]}, "addresses[0].ip: must be an IP address, is 3"),
    ({"addresses": [address(label="A b")]}, "addresses[0].label: must be letters, digits and -, is 'A b'"),
    ({"addresses": [address(plan="big")]}, "addresses[0].plan: there is no plan 'big' among plans"),
    ({"addresses": [address() | {"start": "soon"}]}, "addresses[0].start: must be a day like 2026-11-22, is 'soon'"),
    ({"addresses": 5}, "addresses: must be a list, is 5"),
    ({"providers": [provider("other")]}, "providers: unknown is missing: each recipient belongs to some provider"),
    ({"providers": [provider("other"), provider("other"), provider("unknown")]},
     "providers[1].name: must be lower-case letters and digits and stand once, is 'other'"),
    ({"providers": [provider("other", connections=0), provider("unknown")]},
     "providers[0].connections: must be a whole number from 1 to 100000, is 0"),
    ({"providers": [provider("other", per_minute=True), provider("unknown")]},
     "providers[0].per_minute: must be a whole number from 1 to 10000000, is True"),
    ({"thresholds": {"used": -1}}, "thresholds.used: must be a number from 0 on, is -1"),
    ({"thresholds": {"x": 1}}, "thresholds.x: is not known here"),
    ({"domains": {"a.test": {"plan": "small", "start": None, "share": [2, 1], "providers": []}}},
     "domains.a.test.share: must be [which part, of how many], counted from 1, is [2, 1]"),
    ({"domains": {"a.test": {"plan": "small", "start": None, "share": [1, 1], "providers": ["gogle"]}}},
     "domains.a.test.providers: 'gogle' is not among providers"),
    ({"streams": [{"name": "r", "senders": [], "users": [], "when_full": "overflow", "after": 0}]},
     "streams[0].when_full: overflow needs a relay"),
    ({"streams": [{"name": "r", "senders": [], "users": [], "when_full": "never", "after": 0}]},
     "streams[0].when_full: must be one of wait, bypass, overflow, fallback, is 'never'"),
    ({"streams": [{"name": "r", "senders": [1], "users": [], "when_full": "wait", "after": -1}]},
     "streams[0].after: must be a whole number from 0 to 8640000, is -1"),
    ({"relay": "nowhere"}, "relay: must be transport:nexthop, is 'nowhere'"),
    ({"failure": "panic"}, "failure: must be one of hold, refuse, pass, is 'panic'"),
    ({"outstanding": 0}, "outstanding: must be a whole number from 1 to 20000, is 0"),
    ({"gate": {"port": 0, "filter": "gate:x"}}, "gate.port: must be a whole number from 1 to 65535, is 0"),
    ({"metrics": ["127.0.0.1"]}, "metrics: must be [\"address\", port], is ['127.0.0.1']"),
    ({"own_domains": [None]}, "own_domains[0]: must be a text, is None"),
])  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(changes, wanted):
    assert wanted in problems(config_data(**changes))


def test_a_plan_that_is_wrong_is_told_with_its_name():
    found = problems(config_data(plans={"small": plan() | {"unit": "week"}}))
    assert any(it.startswith("plans.small: ") and "unit" in it for it in found)


def test_all_problems_are_told_at_once():
    found = problems({"format": 1, "failure": "x"})
    assert "failure: must be one of hold, refuse, pass, is 'x'" in found
    assert {f"{key}: is missing" for key in ("host", "addresses", "plans", "gate", "queue_lifetime")} <= set(found)


@pytest.mark.parametrize("data", [None, [], 5, "x", {}, {"format": 1}])
def test_what_is_no_configuration_at_all_is_refused(data):
    assert problems(data)


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        read(tmp_path / "none")
    (tmp_path / "half").write_text('{"format": 1')
    with pytest.raises(ConfigError, match="no JSON"):
        read(tmp_path / "half")


@pytest.mark.parametrize(("data", "status", "said"), [
    (config_data(), 0, ""), (config_data(failure="x"), 1, "failure: must be one of hold, refuse, pass, is 'x'\n"),
])  # fmt: skip
def test_the_check_of_a_file_tells_by_its_status(tmp_path, data, status, said):
    path = tmp_path / "pacing.json"
    path.write_text(json.dumps(data))
    done = subprocess.run(
        [sys.executable, "-m", "postwright.pacing", "check", str(path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr, done.stdout) == (status, said, "")


def test_wrong_usage_is_told():
    done = subprocess.run(
        [sys.executable, "-m", "postwright.pacing", "chek"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr[:6]) == (2, "usage:")


def test_a_plan_begins_with_the_utc_day():
    assert start_of("1970-01-02") == 86_400
    assert start_of(None) == 0
