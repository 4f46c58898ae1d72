"""What a paced host gets: byte for byte, read by the agent's own reader, and nothing of it where nothing is paced.

After a change that is meant: POSTWRIGHT_UPDATE_GOLDEN=1 pytest tests/unit/test_pacing_service.py, and read the diff.
"""

import json
import re
import sqlite3
import subprocess
import sys
from dataclasses import replace
from importlib import resources

import pytest
from support import GOLDEN, another_host, host_data, mail_fleet, mail_host, project, same_as_golden, secrets_of

from postwright.gates import GATE
from postwright.lanes import UNBIND, lanes
from postwright.pacing import config, windows
from postwright.services import unbind
from postwright.services.bundle import MANIFEST, STAMPS, bundle
from postwright.services.pacing import AGENT, CONFIGURATION, SERVICE, UNIT
from postwright.services.parts import Context
from postwright.unpaced import problem

RELEASES = ("13", "12")
PLAN = {"plan": "slow", "start": "2026-11-22"}
PACING = {
    "plans": {"slow": {"unit": "day", "stages": [3, 10], "hour_share": 1, "overrides": {"google": 2, "other": [5, 20]}}},
    "providers": {"google": {"connections": 3, "per_minute": 600}, "gmx": {}, "bigcorp": {"suffixes": ["mail.bigcorp.example"]}},
    "streams": {
        "receipts": {"senders": ["receipts@example.com"], "when_full": "bypass"},
        "app": {"users": ["app"], "senders": ["@example.com"], "when_full": "overflow", "after": "15m"},
    },
    "relay": {"server": "smtp.esp.example", "port": 465, "login": "apikey", "password": {"env": "RELAY"}},
    "thresholds": {"sample": 20},
    "metrics": {"address": "10.0.0.1"},
}  # fmt: skip
ADDRESSES = [
    {"ip": "192.0.2.10", "helo": "mx1.example.com", "warmup": PLAN},
    {"ip": "2001:db8::10", "helo": "mx1.example.com", "warmup": {"plan": "hourly", "start": "2026-12-01"}},
    {"ip": "192.0.2.11", "helo": "mx1b.example.com", "warmup": "warm"},
]
LOGIN = {"login": "app", "password_hash": "app.hash", "senders": ["@example.com"]}


def paced_fleet(base, *others, addresses=ADDRESSES, name="example.com", **pacing):
    """A fleet whose first host is paced, with changes of what it says of pacing; ``others`` are further hosts' names."""
    zones = [{"name": zone, "provider": "ns1"} for zone in {"example.com": 0, name: 0}]
    fleet = mail_fleet(
        domains=[{"name": name, "warmup": PLAN}], logins=[LOGIN] if name == "example.com" else [], pacing=PACING | pacing, zones=zones
    )  # fmt: skip
    hosts = [another_host(other, fleet, addresses=[(f"192.0.2.{20 + at}", f"{other}.example.com")]) for at, other in enumerate(others)]  # fmt: skip
    return project(base, host_data(host=mail_host(addresses=addresses), fleet=fleet), *hosts).fleet


def context_of(fleet, host="mx1", release="13"):
    found = fleet.host(host)
    secrets = replace(
        secrets_of(fleet, found), relay_passwords={"relay": "(relay's password)", "esp": "(esp's password)"}
    )
    return Context(fleet, found, release, secrets)


def made(base, release="13", **changes):
    """The bundle of the paced host."""
    return bundle(context_of(paced_fleet(base, **changes), release=release))


def texts(found):
    return {file.path: file.content.decode() for file in found.files}


def of_pacing(found):
    """The files pacing has a say in, but the agent's code, which is as it is in the package."""
    names = ("/pacing", "postwright-pacing", "/postfix/", "unbind", "firewall.nft")
    ours = [file for file in found.files if any(name in file.path for name in names)]
    return [it for it in ours if not it.path.endswith(".py") and not it.path.startswith((STAMPS, MANIFEST))]


def golden_name(release, path):
    return f"paced-{release}/{path.strip('/').replace('/', '_')}"


@pytest.mark.parametrize("release", RELEASES)
def test_every_file_of_a_paced_host_is_as_its_golden_file(tmp_path, release):
    files = of_pacing(made(tmp_path, release))
    differing = [file.path for file in files if not same_as_golden(golden_name(release, file.path), file.content)]
    assert differing == []


@pytest.mark.parametrize("release", RELEASES)
def test_no_golden_file_is_left_of_a_file_that_is_no_longer_made(tmp_path, release):
    names = {golden_name(release, file.path) for file in of_pacing(made(tmp_path, release))}
    assert {f"paced-{release}/{path.name}" for path in (GOLDEN / f"paced-{release}").iterdir()} == names


def test_pacing_files_are_root_s_and_only_the_password_is_closed(tmp_path):
    found = of_pacing(made(tmp_path))
    assert {(file.owner, file.group) for file in found} == {("root", "root")}
    assert [file.path for file in found if file.secret] == ["/etc/postfix/relay_password"]
    assert {file.path for file in found if file.mode == 0o600} == {"/etc/postfix/relay_password"}
    assert {file.path for file in found if file.mode == 0o755} == {UNBIND}


def test_the_relays_password_is_in_its_table_alone(tmp_path):
    found = made(tmp_path)
    assert [file.path for file in found.files if b"(relay's password)" in file.content] == [
        "/etc/postfix/relay_password"
    ]
    assert texts(found)["/etc/postfix/relay_password"] == "[smtp.esp.example]:465 apikey:(relay's password)\n"  # noqa: S105
    assert "(relay's password)" not in repr(found) + repr(context_of(paced_fleet(tmp_path)))


def test_a_relay_without_login_has_no_table(tmp_path):
    found = texts(made(tmp_path, relay={"server": "192.0.2.25", "port": 25, "tls": "may"}))
    assert "/etc/postfix/relay_password" not in found
    assert "libsasl2-modules" not in made(tmp_path, relay={"server": "192.0.2.25"}).packages
    assert "smtp_sasl" not in found["/etc/postfix/master.cf"]
    assert json.loads(found[CONFIGURATION])["relay"] == "relay-out:[192.0.2.25]:25"


@pytest.fixture
def read(tmp_path):
    """A rendered configuration as the agent reads it."""

    def reading(context):
        path = tmp_path / "pacing.json"
        path.write_text(texts(bundle(context))[CONFIGURATION], encoding="utf-8")
        return config.read(path)

    return reading


@pytest.mark.parametrize(
    "changes", [{}, {"relay": None, "streams": {}}, {"failure": "pass"}, {"failure": "refuse"}, {"metrics": None}]
)
def test_the_agent_reads_what_is_rendered_and_has_the_lanes_postfix_has(tmp_path, read, changes):
    context = context_of(paced_fleet(tmp_path, **changes))
    found = read(context)
    files = texts(bundle(context))
    assert list(found.lanes) == [it.name for it in lanes(context.fleet, context.host)]
    for lane in found.lanes.values():
        assert f"\n{lane.name} unix - - y - {lane.provider.connections} smtp\n" in files["/etc/postfix/master.cf"]
        assert (
            f"\n{lane.held_class} = check_client_access static:{{FILTER {lane.name}:}}" in files["/etc/postfix/main.cf"]
        )
        assert f"\n  {lane.held_class}\n" in files["/etc/postfix/main.cf"]
    assert found.gate_filter == GATE
    assert f"\ndefault_transport = {GATE}\n" in files["/etc/postfix/main.cf"]


def test_the_agent_knows_plans_streams_and_thresholds_as_the_inventory_says_them(tmp_path, read):
    found = read(context_of(paced_fleet(tmp_path)))
    first, second, third = found.addresses
    assert (first.plan.name, first.plan.numbers("google"), second.plan.name, third.plan) == (
        "slow",
        (6, 20),
        "hourly",
        None,
    )
    assert [(it.name, it.when_full, it.after) for it in found.streams] == [
        ("receipts", "bypass", 0),
        ("app", "overflow", 900),
    ]
    assert (found.thresholds.sample, found.metrics, found.failure) == (20, ("10.0.0.1", 9725), "hold")
    assert found.own_domains == {"mx1.example.com", "localhost", "example.com"}


def test_a_provider_that_is_named_is_used_with_its_own_numbers_where_nothing_else_is_said(tmp_path, read):
    found = {it.name: it for it in read(context_of(paced_fleet(tmp_path))).providers}
    assert (found["google"].connections, found["google"].messages_per_connection, found["google"].per_minute) == (
        3,
        50,
        600,
    )
    assert found["gmx"].suffixes == ("gmx.net", "web.de")
    assert found["bigcorp"].suffixes == ("mail.bigcorp.example",)
    assert "comcast" not in found


@pytest.mark.parametrize("hosts", [1, 2, 3])
def test_the_hosts_shares_of_a_domain_budget_are_together_what_the_plan_says(tmp_path, read, hosts):
    names = ["mx1", *(f"mx{number}" for number in range(2, hosts + 1))]
    fleet = paced_fleet(tmp_path, *names[1:])
    budgets = [read(context_of(fleet, name)).budget("example.com", "google") for name in names]
    for stage in range(2):
        whole = budgets[0].plan.limits(stage, "google")
        parts = [windows.part_of(whole, *it.share) for it in budgets]
        assert (sum(it.hour for it in parts), sum(it.day for it in parts)) == (whole.hour, whole.day)


def test_a_lane_keeps_its_name_and_address_when_the_order_in_the_inventory_changes(tmp_path):
    def bound(addresses):
        fleet = paced_fleet(tmp_path, addresses=addresses)
        return {(it.name, it.address.ip) for it in lanes(fleet, fleet.host("mx1"))}

    assert bound(ADDRESSES) == bound([ADDRESSES[0], ADDRESSES[2], ADDRESSES[1]])


def entries(master):
    """``NAME COMMAND`` of each service of master.cf → its options."""
    found = {}
    for line in master.splitlines():
        if line.startswith(" "):
            found[[*found][-1]] += [line.strip()]
        elif line and not line.startswith("#"):
            found[f"{line.split()[0]} {line.split()[7]}"] = []
    return found


def test_postfix_asks_about_all_mail_but_that_of_the_proof_port(tmp_path):
    listening = {
        name: it
        for name, it in entries(texts(made(tmp_path))["/etc/postfix/master.cf"]).items()
        if name.endswith("smtpd")
    }
    silent = [
        name for name, options in listening.items() if any("smtpd_end_of_data_restrictions" in it for it in options)
    ]
    assert silent == ["127.0.0.1:10925 smtpd"]
    assert {"smtp smtpd", "submission smtpd", "submissions smtpd", "127.0.0.1:10026 smtpd"} < listening.keys()


def test_a_lane_sends_from_its_address_and_by_its_ip_version_alone(tmp_path):
    found = entries(texts(made(tmp_path))["/etc/postfix/master.cf"])
    assert {"-o inet_protocols=ipv4", "-o smtp_bind_address=192.0.2.11", "-o smtp_helo_name=mx1b.example.com"} < set(
        found["v4-192-0-2-11-google smtp"]
    )
    assert {"-o inet_protocols=ipv6", "-o smtp_bind_address6=2001:db8::10"} < set(found["v6-2001-db8-0-0-0-0-0-10-google smtp"])  # fmt: skip


@pytest.mark.parametrize(
    ("failure", "default"),
    [
        ("hold", "default_action=pace_agent_down }"),
        ("refuse", "{ default_action=451 4.3.0 pacing cannot be asked now, try again later } }"),
        ("pass", "{ default_action=FILTER v4-192-0-2-10-other: } }"),
    ],
)
def test_without_the_agent_postfix_does_what_the_inventory_says(tmp_path, failure, default):
    text = texts(made(tmp_path, failure=failure))["/etc/postfix/main.cf"]
    assert f"check_policy_service {{ unix:pacing/policy.sock, timeout=10s, {default}\n" in text


def test_a_host_with_ipv6_only_still_listens_on_its_own_ipv4_and_sends_by_ipv6_alone(tmp_path):
    found = texts(made(tmp_path, addresses=[ADDRESSES[1]]))
    assert "\ninet_protocols = ipv4, ipv6\n" in found["/etc/postfix/main.cf"]
    sending = {name: it for name, it in entries(found["/etc/postfix/master.cf"]).items() if name.endswith(" smtp")}
    gone = [name for name, options in sending.items() if "-o inet_protocols=ipv6" not in options]
    assert gone == ["gate smtp", "gate-receipts smtp", "gate-app smtp"]


def test_the_clock_of_a_lab_is_looked_at_only_where_all_domains_are_a_labs(tmp_path, read):
    assert read(context_of(paced_fleet(tmp_path))).lab_clock is None
    fleet = paced_fleet(tmp_path, name="shop.test", streams={})
    assert read(context_of(fleet)).lab_clock == "/run/postwright-lab-clock"


def test_metrics_for_others_let_others_in_and_those_for_the_host_nobody(tmp_path):
    unit = f"/etc/systemd/system/{UNIT}"
    assert "IPAddressDeny" not in texts(made(tmp_path))[unit]
    for metrics in (None, {"address": "::1"}):
        assert "IPAddressDeny=any\nIPAddressAllow=localhost\n" in texts(made(tmp_path, metrics=metrics))[unit]


def test_the_agents_code_is_that_of_this_very_package(tmp_path):
    found = {
        file.path.removeprefix(f"{AGENT}/pacing/"): file
        for file in made(tmp_path).files
        if "/agent/pacing/" in file.path
    }
    package = resources.files("postwright.pacing")
    assert {"__init__.py", "__main__.py", "config.py", "keeper.py", "plans.py"} < found.keys()
    assert found.keys() == {it.name for it in package.iterdir() if it.is_file()}
    assert all(file.content == (package / name).read_bytes() and file.mode == 0o644 for name, file in found.items())


@pytest.fixture
def staged(tmp_path):
    """The paced host's files below a folder, and the check of the service as it is run there."""
    for file in made(tmp_path).files:
        path = tmp_path / "root" / file.path.removeprefix("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
    command = SERVICE.checks[0].command.replace("/etc/", f"{tmp_path}/root/etc/").replace("python3", sys.executable)

    def check():
        return subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)

    return tmp_path / "root", check


def test_the_check_before_activation_passes_and_leaves_nothing_behind(staged):
    root, check = staged
    done = check()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not list(root.rglob("__pycache__"))


def test_the_check_before_activation_refuses_a_broken_configuration(staged):
    root, check = staged
    path = root / CONFIGURATION.removeprefix("/")
    path.write_text(
        path.read_text(encoding="utf-8").replace('"failure": "hold"', '"failure": "explode"'), encoding="utf-8"
    )
    done = check()
    assert done.returncode == 1
    assert "failure: must be one of hold, refuse, pass, is 'explode'" in done.stderr


def test_all_of_pacing_stays_until_postfix_runs_without_it(tmp_path):
    context = context_of(paced_fleet(tmp_path))
    assert all(file.path.startswith(SERVICE.lasting) for file in SERVICE.files(context))
    unpaced = bundle(context_of(plain_fleet(tmp_path)))
    assert all(file.path.startswith(unpaced.lasting) for file in SERVICE.files(context))
    assert f"/etc/systemd/system/{UNIT}.d/postwright-stamp.conf".startswith(unpaced.lasting)


def plain_fleet(base, **changes):
    """A fleet that says nothing of pacing, but for changes."""
    return project(base, host_data(fleet=mail_fleet(**changes)), another_host(fleet=mail_fleet(**changes))).fleet


def test_the_agent_is_activated_before_postfix_and_restarts_for_its_code_and_its_configuration(tmp_path):
    found = made(tmp_path)
    names = [it.name for it in found.activations]
    assert names.index("pacing") < names.index("postfix")
    stamped = {it.name: set(it.stamped) for it in found.activations}
    assert {CONFIGURATION, f"{AGENT}/pacing/__main__.py", f"/etc/systemd/system/{UNIT}"} <= stamped["pacing"]
    assert CONFIGURATION not in stamped["postfix"]
    assert "/etc/postfix/relay_password" in stamped["postfix"]
    assert "libsasl2-modules" in found.packages
    assert "/etc/systemd/system/postfix.service.d/postwright-pacing.conf" in stamped["postfix"]


def test_nothing_of_pacing_is_on_a_host_that_is_not_paced(tmp_path):
    found = bundle(context_of(plain_fleet(tmp_path)))
    assert not [file.path for file in found.files if "pacing" in file.path or b"pacing" in file.content]
    assert "python3-dnspython" not in found.packages
    assert "pacing" in {it.name for it in found.retired}


@pytest.mark.parametrize(
    "changes",
    [{"pacing": {}}, {"domains": [{"name": "example.com", "hosts": ["mx1"], "warmup": PLAN | {"plan": "staged"}}]}],
)
def test_a_host_is_paced_if_the_fleet_or_one_of_its_domains_says_so(tmp_path, read, changes):
    fleet = plain_fleet(tmp_path, **changes)
    assert fleet.paces(fleet.host("mx1"))
    assert fleet.paces(fleet.host("mx2")) == ("pacing" in changes)
    assert read(context_of(fleet)).addresses[0].plan is None


SHOWN = """*** ENVELOPE RECORDS deferred/4/4jXV5y0t7Wz221 ***
message_size:             457             310               1               0             457               0
content_filter: gate:[127.0.0.1]:10026
content_filter: v4-192-0-2-10-google:
sender: app@example.com
*** HEADER EXTRACTED deferred/4/4jXV5y0t7Wz221 ***
*** ENVELOPE RECORDS hold/4jXV5y0yrXz224 ***
sender: app@example.com
*** ENVELOPE RECORDS hold/4jXV5y0yrXz225 ***
content_filter: smtp-amavis:[127.0.0.1]:10024
*** ENVELOPE RECORDS hold/4jXV5y0yrXz226 ***
content_filter: v6-2001-db8-0-0-0-0-0-10-other:
"""


def test_only_mail_that_is_bound_to_one_of_our_transports_is_ever_freed():
    assert list(unbind.bound(SHOWN)) == [
        ("4jXV5y0t7Wz221", "v4-192-0-2-10-google"),
        ("4jXV5y0yrXz226", "v6-2001-db8-0-0-0-0-0-10-other"),
    ]
    assert list(unbind.bound("")) == []


def test_our_transports_are_told_from_those_of_others(tmp_path):
    shown = re.sub(r"(?m)^(\S+) +(unix|inet) .*", r"\1 \2 - - y - - x", texts(made(tmp_path))["/etc/postfix/master.cf"])
    fleet = paced_fleet(tmp_path)
    expected = {it.name for it in lanes(fleet, fleet.host("mx1"))}
    assert unbind.transports(shown + "v4-mine unix - - n - - x\n") == {
        "gate",
        "gate-receipts",
        "gate-app",
        "relay-out",
        *expected,
    }


def test_what_the_agent_holds_is_read_without_a_trace_even_after_a_crash(tmp_path):
    path = tmp_path / "pacing.db"
    writing = sqlite3.connect(path)
    writing.executescript("PRAGMA journal_mode=WAL; CREATE TABLE message(queue_id TEXT, state TEXT);")
    writing.executemany("INSERT INTO message VALUES(?, ?)", [("A", "held"), ("B", "deferred"), ("C", "held")])
    writing.commit()
    before = {it.name: it.read_bytes() for it in tmp_path.iterdir() if it.name != "pacing.db-shm"}

    assert unbind.held(path) == {"A", "C"}
    assert {it.name: it.read_bytes() for it in tmp_path.iterdir() if it.name != "pacing.db-shm"} == before
    writing.close()


def test_what_the_agent_was_moving_when_it_ended_is_its_own_on_hold(tmp_path):
    ours, left = ("held", "releasing", "holding", "lost", "requeuing"), ("passed", "deferred", "kept", "relayed")
    with sqlite3.connect(tmp_path / "pacing.db") as database:
        database.execute("CREATE TABLE message(queue_id TEXT, state TEXT)")
        database.executemany("INSERT INTO message VALUES(?, ?)", [(it, it) for it in (*ours, *left)])

    assert unbind.held(tmp_path / "pacing.db") == set(ours)


def test_mail_a_person_has_held_is_not_freed_unless_nobody_knows_who_held_it(tmp_path, monkeypatch):
    found = {"A": "v4-192-0-2-10-google", "P": "v4-192-0-2-10-google", "G": "gate"}
    monkeypatch.setattr(unbind, "DATABASE", tmp_path / "pacing.db")
    assert unbind.of_agent(found) == ["A", "P", "G"]
    with sqlite3.connect(tmp_path / "pacing.db") as database:
        database.execute("CREATE TABLE message AS SELECT 'A' AS queue_id, 'held' AS state")
    assert unbind.of_agent(found) == ["A", "G"]


def test_taking_pacing_away_is_unsafe_while_mail_is_held_or_nobody_can_say():
    def said(lanes, failed=""):
        answers = [] if failed else [{"lanes": [{"lane": name, "held": held} for name, held in lanes.items()]}]
        return list(problem("mx1", {"answers": answers, "failed": failed}))

    assert said({"v4-192-0-2-10-google": 0}) == []
    assert "while 5 messages are held (a, c): all at once they would leave" in said({"a": 2, "b": 0, "c": 3})[0]
    assert "1 message is held" in said({"a": 1})[0]
    assert "cannot be learnt (the agent is away)" in said({}, "the agent is away")[0]
