"""The commands and a real agent, a process of its own, mean the same: what is said by one is what the other does."""

import json

import pacing_tools
import pytest
import warmup_agents
from click.testing import CliRunner
from support import host_data, mail_fleet, mail_host, secrets_of
from support import project as made_of

from postwright.cli.main import cli
from postwright.hosts import runner
from postwright.services import pacing
from postwright.services.parts import Context

STARTED = {"plan": "tiny", "start": "2024-01-01"}
TINY = {"unit": "day", "stages": [2, 4, 8], "hour_share": 1.0}
LANE = "v4-192-0-2-10-google"


@pytest.fixture
def there(tmp_path, monkeypatch):
    """A host whose plan lets 2 messages a day go to Google, with 5 more that are held."""
    warmup = [{"ip": "192.0.2.10", "helo": "mx1.example.com", "warmup": STARTED}]
    project = made_of(
        tmp_path, host_data("mx1", mail_host(addresses=warmup), mail_fleet(pacing={"plans": {"tiny": TINY}}))
    )
    (tmp_path / "pacing.json").write_text(json.dumps(pacing.configuration(_context(project.fleet))))
    (tmp_path / "inventories").mkdir()
    (tmp_path / "inventories" / "production.py").touch()
    (tmp_path / "mx1").symlink_to(tmp_path / "control.sock")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(runner, "read_project", lambda _path, **_: project)
    monkeypatch.setattr(runner, "run_script", warmup_agents.run_script(tmp_path, []))
    queue = pacing_tools.Queue()
    keeper = pacing_tools.KeeperSocket(tmp_path / "keeper.sock", queue)
    process = pacing_tools.Process(tmp_path)
    _fill(tmp_path, keeper, queue)
    yield queue
    assert process.stop() == 0, process.log()
    keeper.close()


def _context(fleet):
    host = fleet.host("mx1")
    return Context(fleet, host, "13", secrets_of(fleet, host))


def _fill(base, keeper, queue):
    """As Postfix: each message is asked about, and lies on hold if the answer says so."""
    for number in range(7):
        queue_id = f"4cAbc012345{number}z"
        held = pacing_tools.patiently(base / "policy.sock", queue_id=queue_id).startswith("hold_")
        keeper.put(queue_id, queue.hold if held else queue.other, "")


def run(*arguments):
    return CliRunner().invoke(cli, arguments, prog_name="postwright", catch_exceptions=False)


def google():
    found = json.loads(run("--json", "warmup", "status").stdout)
    return next(it for it in found["hosts"]["mx1"]["lanes"] if it["lane"] == LANE)


def test_what_is_held_and_used_is_shown(there):
    done = run("warmup", "status")
    row = next(line for line in done.stdout.splitlines() if line.startswith("  google"))

    assert done.exit_code == 0
    assert row.split()[:5] == ["google", "1/3", "2/2", "2/2", "5"]
    assert len(there.hold) == 5


@pytest.mark.usefixtures("there")
def test_a_pause_and_its_end_are_seen_with_their_reasons():
    assert (
        run("warmup", "pause", "--provider", "google", "--reason", "ticket 4711", "--for", "2h", "--yes").exit_code == 0
    )
    paused = google()
    shown = run("warmup", "status").stdout
    assert run("warmup", "resume", "--yes").stdout.endswith("mx1 192.0.2.10: google: goes on\n")

    assert paused["mode"] == "paused"
    assert "! mx1 192.0.2.10 google: paused until " in shown
    assert ": ticket 4711 (" in shown
    assert google()["mode"] == "normal"
    decisions = run("-v", "warmup", "status").stdout
    assert f"{LANE}  paused: ticket 4711 (" in decisions
    assert f"{LANE}  normal: resumed by " in decisions


def test_a_stage_that_is_set_lets_held_mail_go(there):
    done = run("warmup", "set", "--address", "192.0.2.10", "--provider", "google", "--stage", "2", "--yes")

    assert "~ mx1 192.0.2.10 google: stage 1 → 2 (4 a day, 4 an hour)\n" in done.stdout
    assert google()["stage"] == 2
    pacing_tools.wait_for(lambda: len(there.hold) == 3)


def test_a_release_goes_as_far_beyond_the_budget_as_it_said(there):
    done = run("warmup", "release", "--provider", "google", "--count", "3", "--yes")

    assert "3 of them go beyond its budget; 5 today where its plan has 2" in done.stdout
    pacing_tools.wait_for(lambda: len(there.hold) == 2)
    assert google()["used"]["day"] == 5
    assert google()["today"]["bypassed"] == 3


@pytest.mark.usefixtures("there")
def test_complaints_are_counted():
    assert run("warmup", "complaints", "--address", "192.0.2.10", "--provider", "google", "3", "--yes").exit_code == 0

    assert google()["today"]["complaints"] == 3


@pytest.mark.usefixtures("there")
def test_a_live_forecast_follows_the_held_mail():
    """Two days of 4 and 8 after the one that is full."""
    [row] = json.loads(run("--json", "warmup", "forecast", "--live").stdout)["lanes"]

    assert (row["provider"], row["stage"], row["held"]) == ("google", 1, 5)
    assert row["hours"] > 24
