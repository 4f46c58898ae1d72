"""What a host with streams gets: a gate for each, which its Postfix and its agent call by one name, and its relays apart."""

import json
import re
import sqlite3
import subprocess
from dataclasses import replace

import pytest
from support import host_data, mail_fleet, mail_host, project, secrets_of

from postwright.gates import GATE_PORT, Gate, address, gates
from postwright.model import Fleet, Stream
from postwright.pacing.parse import parsed
from postwright.services import relay, unbind
from postwright.services.bundle import bundle
from postwright.services.pacing import CONFIGURATION
from postwright.services.parts import Context

LOGIN = {"login": "app", "password_hash": "app.hash", "senders": ["@example.com"]}
PACING = {
    "streams": {
        "promo": {"senders": ["promo@example.com", "@news.example.com"], "pool": "news", "fallback": ["default"]},
        "crm": {"users": ["app"], "pool": "news"},
        "bulk": {"senders": ["bulk@example.com"], "via": "esp"},
    },
    "relay": {"server": "smtp.esp.example", "login": "a", "password": {"env": "A"}},
    "relays": {"esp": {"server": "smtp.esp.example", "login": "b", "password": {"env": "B"}}},
}
TAGGED = {"tagged": {"headers": {"X-Stream": "news"}, "pool": "news"}}
ADDRESSES = [
    {"ip": "192.0.2.10", "helo": "mx1.example.com"},
    {"ip": "192.0.2.11", "helo": "news.example.com", "pool": "news"},
    {"ip": "2001:db8::11", "helo": "news.example.com", "pool": "news"},
]


def fleet_of(base, login=LOGIN, **pacing):
    said = PACING | pacing
    domains = [{"name": "example.com"}, {"name": "news.example.com"}]
    fleet = mail_fleet(pacing=said, logins=[login], domains=domains)
    return project(base, host_data(host=mail_host(addresses=ADDRESSES), fleet=fleet)).fleet


def files(base, release="13", **pacing):
    fleet = fleet_of(base, **pacing)
    secrets = replace(secrets_of(fleet, fleet.host("mx1")), relay_passwords={"relay": "first", "esp": "second"})
    made = bundle(Context(fleet, fleet.host("mx1"), release, secrets))
    return {file.path: file.content.decode() for file in made.files}


def says(pattern, text):
    """Whether a pattern of regexp_table(5) fits: POSIX extended, and without the flag i in any case."""
    expression, flags = re.fullmatch(r"/(.*)/(i?)", pattern).groups()
    done = subprocess.run(["grep", "-E", *([] if flags else ["-i"]), "--", expression], input=text, text=True, check=False, capture_output=True)  # fmt: skip
    return done.returncode == 0


@pytest.mark.parametrize("release", ["13", "12"])
def test_postfix_and_the_agent_call_each_gate_by_the_same_name(tmp_path, release):
    made = files(tmp_path, release)
    told = parsed(json.loads(made[CONFIGURATION]))
    master, main = made["/etc/postfix/master.cf"], made["/etc/postfix/main.cf"]

    assert [it.name for it in told.streams] == ["promo", "crm", "bulk"]
    for stream in told.streams:
        assert stream.gate == f"gate-{stream.name}:[{stream.server}]:{GATE_PORT}"
        assert f"\ngate-{stream.name} unix - - y - 10 smtp\n" in master
        assert f"\n{stream.server}:{GATE_PORT} inet n - y - - smtpd\n" in master
        assert f"  -o {{ pace_gate = check_client_access static:{{FILTER {stream.gate}}} }}\n" in master
        assert f"\ngate-{stream.name}_destination_recipient_limit = 1\n" in main


def test_without_the_agent_the_gate_of_the_first_stream_that_fits_is_the_last_said(tmp_path):
    main = files(tmp_path)["/etc/postfix/main.cf"]
    said = main.partition("\npace_gate = ")[2]
    assert re.findall(r"FILTER (gate[a-z-]*):", said.partition("\nhold_")[0]) == [
        "gate", "gate-bulk", "gate-crm", "gate-promo", "gate-promo",
    ]  # fmt: skip


@pytest.mark.parametrize("release", ["13", "12"])
def test_a_certificate_is_of_the_stream_of_its_login_with_and_without_the_agent(tmp_path, release):
    fingerprint = ":".join(["AB"] * 32)
    made = files(tmp_path, release, login={**LOGIN, "certificates": [fingerprint]})
    told = parsed(json.loads(made[CONFIGURATION]))
    gate = told.stream["crm"].gate

    assert told.user_of("", fingerprint) == "app"
    assert told.user_of("", ":".join(["CD"] * 32)) == ""
    assert f"  check_ccert_access regexp:{{ {{ /^{fingerprint}$$/ FILTER {gate} }} }}\n" in made["/etc/postfix/main.cf"]
    assert "certificates" not in json.loads(files(tmp_path, release)[CONFIGURATION])


def test_a_gates_address_is_made_of_its_streams_name_alone_and_is_no_other_loopback_address():
    found = {address(f"stream-{number}") for number in range(200)}
    assert len(found) == 200
    assert all(64 <= int(it.split(".")[1]) < 192 and it.startswith("127.") for it in found)
    assert address("marketing") == "127.162.165.49"


def test_a_host_without_streams_has_one_gate_and_looks_at_no_headers(tmp_path):
    made = files(tmp_path, streams={}, relays={})
    text = made["/etc/postfix/main.cf"] + made["/etc/postfix/master.cf"]
    assert "/etc/postfix/stream_headers" not in made
    assert [word for word in ("gate-", "pace_gate", "stream_headers") if word in text] == []


def test_streams_known_by_a_header_have_the_agent_asked_at_the_gate_alone(tmp_path):
    made = files(tmp_path, streams=TAGGED)
    main = made["/etc/postfix/main.cf"]
    assert (
        "\nheader_checks = regexp:/etc/postfix/stream_headers\nmime_header_checks =\nnested_header_checks =\n" in main
    )
    assert "header_checks=regexp:/etc/postfix/submission_headers,regexp:/etc/postfix/from_headers,regexp:/etc/postfix/stream_headers\n" in made["/etc/postfix/master.cf"]  # fmt: skip
    assert "  -o nested_header_checks=regexp:/etc/postfix/submission_headers\n" in made["/etc/postfix/master.cf"]
    assert f" FILTER gate-tagged:[{address('tagged')}]:10026\n" in made["/etc/postfix/stream_headers"]
    assert json.loads(made[CONFIGURATION])["header_streams"] is True


@pytest.mark.parametrize(
    ("line", "fits"),
    [
        ("X-Stream: A.b [1]", True), ("x-STREAM:A.b [1] ", True), ("X-Stream: a.b [1]", False), ("X-Stream: Axb [1]", False),
        ("X-Stream: A.b [1]2", False), ("Y-X-Stream: A.b [1]", False), ("X-Stream-Of: A.b [1]", False),
    ],
)  # fmt: skip
def test_a_header_is_known_by_its_exact_value_whatever_case_its_name_is_in(line, fits):
    (pattern,) = Gate("a", Stream(headers={"X-Stream": "A.b [1]"})).headers
    assert says(pattern, line) is fits


@pytest.mark.parametrize(
    ("said", "sender", "fits"),
    [
        ("a.b@example.com", "a.b@example.com", True), ("a.b@example.com", "A.B@Example.com", True),
        ("a.b@example.com", "axb@example.com", False), ("a.b@example.com", "x.a.b@example.com", False),
        ("@example.com", "anybody@example.com", True), ("@example.com", "a@sub.example.com", False),
        ("a+b$c@example.com", "a+b$c@example.com", True), ("a{b}@example.com", "a{b}@example.com", True),
    ],
)  # fmt: skip
def test_a_sender_is_known_to_postfix_as_to_the_agent(said, sender, fits):
    (pattern,) = Gate("a", Stream(senders=(said,))).senders
    assert says(pattern.replace("$$", "$"), sender) is fits


def test_checks_are_given_the_fleet_as_it_is(tmp_path):
    """They run in a process of their own, to which every key is named."""
    fleet = fleet_of(tmp_path)
    assert Fleet.model_validate_json(fleet.model_dump_json()) == fleet


def test_each_relay_has_a_transport_and_a_password_of_its_own_though_they_share_a_server(tmp_path):
    made = files(tmp_path)
    master = made["/etc/postfix/master.cf"]
    assert made["/etc/postfix/relay_password"] == "[smtp.esp.example]:587 a:first\n"  # noqa: S105
    assert made["/etc/postfix/relay_password_esp"] == "[smtp.esp.example]:587 b:second\n"  # noqa: S105
    assert "\nrelay-out-esp unix " in master
    assert "smtp_sasl_password_maps=texthash:/etc/postfix/relay_password_esp\n" in master
    assert parsed(json.loads(made[CONFIGURATION])).relays == {
        "relay": "relay-out:[smtp.esp.example]:587",
        "esp": "relay-out-esp:[smtp.esp.example]:587",
    }


@pytest.mark.parametrize(
    ("name", "content", "sound"),
    [
        ("relay_password", "[smtp.esp.example]:587 a:first", True),
        ("relay_password_esp", "smtp.esp.example b", False),
        ("relay_password", None, True),
        ("relay_password_esp", None, True),
        ("*", None, False),
    ],
)
def test_the_password_of_every_relay_is_looked_at_before_postfix_has_it(tmp_path, name, content, sound):
    for file in ("relay_password", "relay_password_esp"):
        (tmp_path / file).write_text("[smtp.esp.example]:587 a:x\n")
    for path in tmp_path.glob(name):
        path.write_text(f"{content}\n") if content else path.unlink()
    (check,) = relay.SERVICE.checks

    done = subprocess.run(["sh", "-c", check.command.replace("/etc/postfix", str(tmp_path))], check=False)

    assert (done.returncode == 0) is sound


def test_the_agent_knows_pools_and_relays_as_the_inventory_says_them(tmp_path):
    told = parsed(json.loads(files(tmp_path)[CONFIGURATION]))
    assert [it.pool for it in told.addresses] == ["default", "news", "news"]
    assert [(it.pools, it.via) for it in told.streams] == [
        (("news", "default"), None),
        (("news",), None),
        (("default",), "esp"),
    ]
    assert {gate.filter for gate in gates(fleet_of(tmp_path).pacing)} | {told.gate_filter} == told.gates


@pytest.mark.parametrize(("asked", "freed"), [(True, ["B"]), (False, ["A", "B"])])
def test_mail_whose_stream_the_agent_knows_is_left_to_it_as_long_as_it_is_asked(tmp_path, monkeypatch, asked, freed):
    done = []
    monkeypatch.setattr(unbind, "DATABASE", tmp_path / "pacing.db")
    monkeypatch.setattr(
        unbind, "stranded", lambda folder, _: {"A": "v4-1-google", "B": "v4-1-google"} if folder == "deferred" else {}
    )
    monkeypatch.setattr(unbind, "said", lambda *_argv, given="": done.append(given) or "")
    with sqlite3.connect(tmp_path / "pacing.db") as database:
        database.execute("CREATE TABLE message(queue_id TEXT, state TEXT, stream TEXT)")
        database.executemany("INSERT INTO message VALUES(?, 'deferred', ?)", [("A", "crm"), ("B", "")])

    assert unbind.freed(set(), asked=asked) is False
    assert done[0].split() == freed
