"""What an operator sees and does about warm-up: agents are asked through real sockets, by the script that runs on hosts.

Hosts that cannot be asked are named, the others answer; what landed where is always told; nothing is done unasked.
"""

import json
from contextlib import ExitStack

import pytest
import warmup_agents
from click.testing import CliRunner
from support import another_host, host_data, mail_fleet, mail_host
from support import project as made_of
from warmup_agents import NOW, Agent, lane, listening, warm

from postwright.cli.main import cli
from postwright.hosts import runner

PLAN = {"plan": "conservative", "start": "2026-11-20"}
GOOGLE, YAHOO, OLD = "v4-192-0-2-10-google", "v4-192-0-2-10-yahoo", "v4-192-0-2-20-google"


def addresses(ip, name):
    return [{"ip": ip, "helo": name, "warmup": PLAN}]


@pytest.fixture
def fleet(tmp_path, monkeypatch):
    """A fleet of mx1 and mx2, each with an address that follows a plan, and of mx3, which cannot be reached if said so."""

    class Fleet:
        def __init__(self):
            self.agents = {
                "mx1": Agent("mx1", [lane(used={"hour": 8, "day": 48}, held=100, oldest_held=NOW - 7200), lane(provider="yahoo")]),
                "mx2": Agent("mx2", [lane("192.0.2.20", held=300, oldest_held=NOW - 60)]),
            }  # fmt: skip
            self.unreachable = []
            self.pacing = {}

        def run(self, *arguments, answer=None):
            self._write()
            with ExitStack() as stack:
                for name, agent in self.agents.items():
                    (tmp_path / name).unlink(missing_ok=True)
                    stack.enter_context(listening(agent, tmp_path / name))
                return CliRunner().invoke(
                    cli, list(map(str, arguments)), input=answer, prog_name="postwright", catch_exceptions=False
                )

        def _write(self):
            shared = mail_fleet(pacing=self.pacing)
            first = host_data("mx1", mail_host(addresses=addresses("192.0.2.10", "mx1.example.com")), shared)
            others = [
                another_host(name, shared, addresses=addresses(ip, f"{name}.example.com"))
                for name, ip in (("mx2", "192.0.2.20"), *((host, "192.0.2.30") for host in self.unreachable))
            ]
            there = made_of(tmp_path, first, *others)
            monkeypatch.setattr(runner, "read_project", lambda _path, **_: there)
            monkeypatch.setattr(runner, "run_script", warmup_agents.run_script(tmp_path, self.unreachable))

        def orders(self):
            return {host: agent.orders() for host, agent in self.agents.items()}

    (tmp_path / "inventories").mkdir()
    (tmp_path / "inventories" / "production.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    return Fleet()


def test_status_shows_every_host(fleet):
    done = fleet.run("warmup", "status")

    assert done.exit_code == 0
    assert "2 hosts, 2 addresses: 48 sent today (48 of 150 on addresses in warm-up), 400 held (the oldest for 2 h)" in (
        done.stdout
    )
    assert "mx1  192.0.2.10  conservative" in done.stdout
    assert "mx2  192.0.2.20  conservative" in done.stdout


def test_status_names_a_host_that_cannot_be_asked_and_shows_the_others(fleet):
    fleet.unreachable = ["mx3"]
    done = fleet.run("warmup", "status")

    assert done.exit_code == 1
    assert done.stdout.startswith("✗ mx3: cannot connect to root@mx3:22: timed out; check address\n")
    assert "2 of 3 hosts" in done.stdout
    assert "mx1  192.0.2.10" in done.stdout


def test_status_names_a_host_whose_agent_refuses(fleet):
    fleet.agents["mx2"].refuses = {"status": "the database is being rebuilt"}
    done = fleet.run("warmup", "status")

    assert done.exit_code == 1
    assert "✗ mx2: the database is being rebuilt" in done.stdout
    assert "mx1  192.0.2.10" in done.stdout


def test_status_is_one_document_for_programs(fleet):
    fleet.unreachable = ["mx3"]
    done = fleet.run("--json", "warmup", "status", "--provider", "google")
    found = json.loads(done.stdout)

    assert done.exit_code == 1
    assert found["totals"]["held"] == 400
    assert list(found["failed"]) == ["mx3"]
    assert [it["lane"] for it in found["hosts"]["mx1"]["lanes"]] == [GOOGLE]


def test_status_asks_only_the_hosts_that_are_meant(fleet):
    fleet.run("warmup", "status", "--host", "mx2")
    fleet.run("warmup", "status", "--address", "192.0.2.20")

    assert (len(fleet.agents["mx1"].asked), len(fleet.agents["mx2"].asked)) == (0, 2)


@pytest.mark.parametrize("columns", ["40", "80", "140"])
def test_status_fits_the_terminal(fleet, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    lines = fleet.run("-v", "warmup", "status").stdout.splitlines()

    assert lines
    assert [line for line in lines if len(line) > int(columns)] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["status", "--host", "mx9"], "no host 'mx9' that paces its mail in "),
        (["pause", "--address", "192.0.2.99"], "no address 192.0.2.99 on mx1, mx2; there are 192.0.2.10, 192.0.2.20"),
        (["pause", "--host", "mx2", "--address", "192.0.2.10"], "no address 192.0.2.10 on mx2; there are 192.0.2.20"),
        (["pause", "--address", "mx1"], "'mx1' is not an IP address"),
        (["resume", "--provider", "gogle"], "no provider 'gogle'; mail is told apart by google, "),
        (["pause", "--for", "2 hours"], "'2 hours' is not a time such as 30m, 2h or 3d"),
        (["set", "--address", "192.0.2.10", "--stage", "0"], "'0' is neither a stage, counted from 1, nor 'warm'"),
        (["set", "--stage", "1"], "Missing option '--address'"),
        (["release", "--all"], "release which mail? name an --address or a --provider"),
        (["release", "--provider", "google"], "how many? say --count N or --all"),
        (["release", "--provider", "google", "--count", "5", "--all"], "how many? say --count N or --all"),
        (["release", "--provider", "google", "--count", "0"], "0 is not in the range"),
        (["complaints", "--address", "192.0.2.10", "--provider", "google", "-3"], "No such option"),
        (["complaints", "--address", "192.0.2.10", "3"], "Missing option '--provider'"),
        (["set", "--address", "192.0.2.10", "--stage", "40"], "its plan conservative has 17 stages"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage_and_no_agent_is_told_anything(fleet, arguments, words):
    done = fleet.run("warmup", *arguments)

    assert done.exit_code == 2
    assert words in done.stderr
    assert fleet.orders() == {"mx1": [], "mx2": []}


def test_a_fleet_that_paces_nothing_says_how_that_is_begun(commands, project):
    run, _ = commands
    done = run("warmup", "status")

    assert done.exit_code == 2
    assert f"no host of {project}/inventories/production.py paces its mail; give its addresses `warmup`" in done.stderr


def test_a_pause_reaches_every_host_and_is_told_of_each(fleet):
    done = fleet.run("warmup", "pause", "--provider", "google", "--reason", "ticket 4711", "--yes")

    assert done.exit_code == 0
    assert "~ mx1 192.0.2.10: google: paused until somebody resumes them; mail for them is held" in done.stdout
    assert "mx1 192.0.2.10: google: paused\nmx2 192.0.2.20: google: paused\n" in done.stdout
    [told] = fleet.agents["mx2"].orders()
    assert told["reason"].startswith("ticket 4711 (")
    assert {**told, "reason": ""} == {"do": "pause", "address": None, "provider": "google", "until": None, "reason": ""}


def test_a_pause_ends_by_the_clock_of_each_host(fleet):
    fleet.agents["mx2"].said = {"now": NOW + 86_400}
    done = fleet.run("warmup", "pause", "--for", "2h", "--yes")

    assert [agent.orders()[0]["until"] for agent in fleet.agents.values()] == [NOW + 7200, NOW + 86_400 + 7200]
    assert "mx2 192.0.2.20: google: paused until 14:00 UTC" in done.stdout


@pytest.mark.parametrize(
    "command",
    [
        ["pause"],
        ["set", "--address", "192.0.2.10", "--stage", "5"],
        ["release", "--provider", "google", "--all"],
        ["complaints", "--address", "192.0.2.10", "--provider", "google", "3"],
    ],
)
def test_nothing_is_done_by_whoever_says_no(fleet, command):
    done = fleet.run("warmup", *command, answer="n\n")

    assert done.exit_code == 1
    assert "Aborted" in done.stderr
    assert fleet.orders() == {"mx1": [], "mx2": []}


def test_a_host_that_cannot_be_reached_is_left_out_and_told_of(fleet):
    fleet.unreachable = ["mx3"]
    done = fleet.run("warmup", "pause", "--yes")

    assert done.exit_code == 1
    assert done.stdout.startswith("✗ mx3: cannot connect to root@mx3:22: timed out; check address; it is left out\n")
    assert done.stdout.endswith(
        "✗ mx3: nothing changed there: cannot connect to root@mx3:22: timed out; check address\n"
    )
    assert "mx1 192.0.2.10: google, yahoo: paused\n" in done.stdout
    assert [len(agent.orders()) for agent in fleet.agents.values()] == [1, 1]


def test_programs_are_told_what_landed_where(fleet):
    fleet.agents["mx2"].refuses = {"pause": "the database cannot be written"}
    done = fleet.run("--json", "warmup", "pause", "--yes")

    assert done.exit_code == 1
    assert json.loads(done.stdout) == {
        "changed": {"mx1": [GOOGLE, YAHOO], "mx2": []},
        "failed": {"mx2": "the database cannot be written"},
    }
    assert "~ mx1 192.0.2.10: google, yahoo: paused until somebody resumes them" in done.stderr


def test_an_agent_that_hangs_up_leaves_it_unknown_whether_it_was_done(fleet):
    fleet.agents["mx2"].hangs_up_on = ("release",)
    done = fleet.run("warmup", "release", "--provider", "google", "--count", "4", "--yes")

    assert done.exit_code == 1
    assert "✗ mx2: the pacing agent hung up before it had answered" in done.stdout
    assert "whether it was done is not known; look with `postwright warmup status -v`" in done.stdout
    assert "mx1 192.0.2.10: google: told to release it\n" in done.stdout


def test_resume_opens_what_is_shut_and_asks_no_other_host(fleet):
    fleet.agents["mx1"].lanes[1] |= {"mode": "stopped", "reason": "553 5.7.1 [BL21]"}
    done = fleet.run("warmup", "resume", answer="y\n")

    assert done.exit_code == 0
    assert "~ mx1 192.0.2.10 yahoo: was stopped: 553 5.7.1 [BL21]" in done.stdout
    assert "Go on sending?" in done.stderr
    assert [len(agent.orders()) for agent in fleet.agents.values()] == [1, 0]


def test_there_may_be_nothing_to_resume(fleet):
    done = fleet.run("warmup", "resume")

    assert (done.exit_code, done.stdout) == (0, "nothing to resume: nothing is paused, stopped, suspended or slowed\n")


def test_a_leap_over_stages_is_shown_with_the_budgets_it_means(fleet):
    done = fleet.run("warmup", "set", "--address", "192.0.2.10", "--provider", "google", "--stage", "10", "--yes")

    assert "~ mx1 192.0.2.10 google: stage 3 → 10 (1,000 a day, 200 an hour); that skips 6 stages" in done.stdout
    assert fleet.orders() == {
        "mx1": [{"do": "set", "address": "192.0.2.10", "provider": "google", "stage": 10}],
        "mx2": [],
    }


def test_an_address_can_be_set_warm_for_all_providers(fleet):
    done = fleet.run("warmup", "set", "--address", "192.0.2.10", "--stage", "warm", "--yes")

    assert "~ mx1 192.0.2.10 yahoo: stage 3 → warm (no limit); that skips 14 stages" in done.stdout
    assert [it["stage"] for it in fleet.agents["mx1"].orders()] == ["warm", "warm"]


def test_a_stage_it_stands_at_already_is_not_set(fleet):
    done = fleet.run("warmup", "set", "--address", "192.0.2.10", "--stage", "3")

    assert (done.exit_code, done.stdout) == (0, "nothing to set: it stands there already\n")


def test_an_address_without_a_plan_has_no_stages(fleet):
    fleet.agents["mx1"].lanes = [warm("192.0.2.10")]
    done = fleet.run("warmup", "set", "--address", "192.0.2.10", "--stage", "3", "--yes")

    assert done.exit_code == 2
    assert "mx1 192.0.2.10 google follows no plan, so it has no stages" in done.stderr


def test_a_release_says_how_far_it_goes_beyond_the_budget(fleet):
    done = fleet.run("warmup", "release", "--provider", "google", "--count", "40", answer="n\n")

    assert (
        "~ mx1 192.0.2.10 google: 10 of 100 held messages leave now; 8 of them go beyond its budget; "
        "58 today where its plan has 50"
    ) in done.stdout
    assert "~ mx2 192.0.2.20 google: 30 of 300 held messages leave now; 20 of them go beyond its budget" in done.stdout
    assert "Release 40 messages, 28 of them beyond the budget? [y/N]" in done.stderr


def test_a_release_asks_each_agent_for_its_share(fleet):
    fleet.run("warmup", "release", "--provider", "google", "--count", "40", "--yes")

    assert [[it["count"] for it in agent.orders()] for agent in fleet.agents.values()] == [[10], [30]]


def test_all_is_what_was_held_when_it_was_agreed_to(fleet):
    fleet.run("warmup", "release", "--address", "192.0.2.10", "--all", "--yes")

    assert fleet.orders() == {
        "mx1": [{"do": "release", "address": "192.0.2.10", "provider": "google", "count": 100}],
        "mx2": [],
    }


def test_what_is_shut_keeps_its_mail_until_it_is_resumed(fleet):
    fleet.agents["mx1"].lanes[0] |= {"mode": "stopped", "reason": "listed"}
    done = fleet.run("warmup", "release", "--address", "192.0.2.10", "--all", "--yes")

    assert done.exit_code == 0
    assert "! mx1 192.0.2.10 google: is stopped, so its 100 held messages stay; resume it first" in done.stdout
    assert fleet.orders() == {"mx1": [], "mx2": []}


def test_complaints_are_counted_once_where_they_belong(fleet):
    fleet.agents["mx1"].lanes[0]["today"] = {"delivered": 40}
    done = fleet.run("warmup", "complaints", "--address", "192.0.2.10", "--provider", "google", "3", "--yes")

    assert "~ mx1 192.0.2.10 google: 3 complaints more, of 40 delivered today" in done.stdout
    assert fleet.orders() == {
        "mx1": [{"do": "complaints", "address": "192.0.2.10", "provider": "google", "count": 3}],
        "mx2": [],
    }


def test_a_lane_the_agent_does_not_have_yet_needs_an_apply(fleet):
    done = fleet.run("warmup", "pause", "--provider", "apple", "--yes")

    assert done.exit_code == 2
    assert "mx1, mx2: no lane of apple; run `postwright apply` first" in done.stderr


def test_a_built_in_plan_needs_no_inventory(commands, empty):
    assert list(empty.iterdir()) == []
    run, run_json = commands

    assert "40 on" in run("warmup", "forecast", "--plan", "conservative").stdout
    status, [found] = run_json("warmup", "forecast", "--plan", "staged", "--volume", "1000")
    assert (status, found["groups"][0]["reached"]["day"]) == (0, 3)


def test_a_plan_nobody_knows_is_answered_with_those_that_need_no_inventory(commands, empty):
    assert list(empty.iterdir()) == []
    run, _ = commands

    done = run("warmup", "forecast", "--plan", "nosuch")

    assert done.exit_code == 2
    assert "plan 'nosuch' would have to stand there; built in are conservative, hourly, staged" in done.stderr


def test_a_built_in_plan_is_not_said_to_be_missing_where_the_inventory_is(commands, empty):
    assert list(empty.iterdir()) == []
    run, _ = commands

    done = run("-i", "nosuch.py", "warmup", "forecast", "--plan", "hourly")

    assert done.exit_code == 2
    assert "nosuch.py" in done.stderr
    assert "would have to stand there" not in done.stderr


def test_a_forecast_of_the_inventory_connects_to_nothing(fleet):
    done = fleet.run("warmup", "forecast", "--provider", "google", "--volume", "2000")

    assert done.exit_code == 0
    assert "conservative, from 2026-11-20 on: mx1 192.0.2.10, mx2 192.0.2.20" in done.stdout
    assert "2,000 messages a day to google: on sending day 13, 2026-12-02" in done.stdout
    assert [agent.asked for agent in fleet.agents.values()] == [[], []]


def test_a_live_forecast_begins_with_what_is_held_now(fleet):
    fleet.unreachable = ["mx3"]
    done = fleet.run("warmup", "forecast", "--live")

    assert done.exit_code == 1
    assert done.stdout.startswith("✗ mx3: cannot connect")
    assert " ".join(done.stdout.splitlines()[-1].split()) == "mx2 192.0.2.20 google 3/17 300 gone in 4 days"


def test_a_live_forecast_is_one_document_for_programs(fleet):
    done = fleet.run("--json", "warmup", "forecast", "--live", "--address", "192.0.2.10")
    found = json.loads(done.stdout)

    assert [(it["host"], it["held"], it["stage"]) for it in found["lanes"]] == [("mx1", 100, 3)]
    assert found["failed"] == {}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--plan", "fast"], "no plan 'fast'; there are conservative, hourly, staged"),
        (["--plan", "hourly", "--address", "192.0.2.10"], "--plan or --address, not both"),
        (["--live", "--plan", "hourly"], "--live takes stages and held mail from hosts"),
        (["--plan", "hourly", "--provider", "gogle"], "no provider 'gogle'"),
    ],
)
def test_a_forecast_that_cannot_be_meant_is_wrong_usage(fleet, arguments, words):
    done = fleet.run("warmup", "forecast", *arguments)

    assert done.exit_code == 2
    assert words in done.stderr
