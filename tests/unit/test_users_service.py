"""What hosts get of the users: who may log in, from where, with which password; a change of users restarts nothing."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from support import context

from postwright.model import Login, Pacing
from postwright.services.bundle import bundle
from postwright.services.submission import LOGINS, PASSWORDS, PREVIOUS

CRM = Login(login="crm2", senders=["@example.com"], networks=["192.0.2.0/24", "2001:db8::/32"])


def with_users(base, release="13", **changes):
    """The full fleet and a user of the store; its context."""
    made = context(base, release=release)
    user = CRM.model_copy(update=changes)
    fleet = made.fleet.model_copy(update={"users": Path("users.json"), "logins": (*made.fleet.logins, user)})
    secrets = replace(
        made.secrets,
        password_hashes={**made.secrets.password_hashes, "crm2": "$6$salt$new"},
        previous_hashes={"crm2": "$6$salt$old"},
        password_notes={"crm2": "password of 2026-11-22T16:00:00Z"},
    )
    return replace(made, fleet=fleet, secrets=secrets)


def files(found):
    return {file.path: file for file in bundle(found).files}


def text(found, path):
    return files(found)[path].content.decode()


@pytest.mark.parametrize("release", ["12", "13"])
def test_both_passwords_of_a_user_are_asked_and_both_only_from_its_networks(tmp_path, release):
    made = with_users(tmp_path, release)
    configuration = text(made, "/etc/dovecot/dovecot.conf")

    assert "crm2:{CRYPT}$6$salt$new::::::allow_nets=192.0.2.0/24,2001:db8::/32\n" in text(made, PASSWORDS)
    assert text(made, PREVIOUS) == "crm2:{CRYPT}$6$salt$old::::::allow_nets=192.0.2.0/24,2001:db8::/32\n"
    assert configuration.index(PASSWORDS) < configuration.index(PREVIOUS)
    assert "crm:{CRYPT}$6$salt$digest\n" in text(made, PASSWORDS)


def test_what_a_plan_shows_of_users_holds_no_hash(tmp_path):
    made = files(with_users(tmp_path))

    assert made[LOGINS].content.decode().splitlines()[1:] == [
        "crm2: password of 2026-11-22T16:00:00Z; from 192.0.2.0/24, 2001:db8::/32"
    ]
    assert [made[path].secret for path in (PASSWORDS, PREVIOUS, LOGINS)] == [True, True, False]


def test_another_user_restarts_nothing_and_reloads_postfix_alone(tmp_path):
    before, after = with_users(tmp_path), with_users(tmp_path, login="crm3")
    changed = {path for path, file in files(after).items() if file != files(before)[path]}
    units = {it.name: it for it in bundle(after).activations}

    assert changed >= {"/etc/postfix/senders", LOGINS}
    assert [name for name, it in units.items() if changed & set(it.stamped)] == []
    assert [name for name, it in units.items() if changed & set(it.reloaded)] == ["postfix"]


def test_without_a_store_nothing_of_it_is_there(tmp_path):
    made = files(context(tmp_path))

    assert {PREVIOUS, LOGINS}.isdisjoint(made)
    assert "previous" not in made["/etc/dovecot/dovecot.conf"].content.decode()
    assert made["/etc/postfix/senders"].taken_up == "start"


FINGERPRINT = ":".join(["AB"] * 32)


@pytest.mark.parametrize("release", ["12", "13"])
def test_a_certificate_may_send_as_its_login_may_and_no_more(tmp_path, release):
    made = with_users(tmp_path, release, certificates=(FINGERPRINT,), senders=("@example.com", "a@news.example.com"))
    main, master = text(made, "/etc/postfix/main.cf"), text(made, "/etc/postfix/master.cf")
    name = text(made, "/etc/postfix/certificates").split()[-1]

    assert text(made, "/etc/postfix/certificates").splitlines()[1:] == [f"{FINGERPRINT} {name}"]
    assert text(made, f"/etc/postfix/{name}").splitlines()[1:] == ["example.com OK", "a@news.example.com OK"]
    assert f"\nsmtpd_restriction_classes =\n  {name}\n" in main
    assert main.index("{ 192.0.2.0/24 DUNNO }") < main.index(f"texthash:/etc/postfix/{name}")
    assert master.count("-o smtpd_tls_ask_ccert=yes\n") == 2
    # Else example.com in the table would be good for all names below it.
    assert master.count("-o parent_domain_matches_subdomains=\n") == 2


def test_the_classes_of_certificates_stand_beside_those_of_pacing(tmp_path):
    made = with_users(tmp_path, certificates=(FINGERPRINT,))
    paced = replace(made, fleet=made.fleet.model_copy(update={"pacing": Pacing()}))
    main = text(paced, "/etc/postfix/main.cf")

    assert main.count("smtpd_restriction_classes =") == 1
    assert re.search(r"smtpd_restriction_classes =\n  certificate_\w+\n  pace_agent_down\n", main)


def test_the_certificate_of_a_suspended_user_counts_no_more(tmp_path):
    made = files(with_users(tmp_path, certificates=(FINGERPRINT,), state="suspended"))

    assert "/etc/postfix/certificates" not in made


def test_all_that_the_arguments_of_a_running_postfix_name_lasts_until_its_restart(tmp_path):
    """Each new smtpd and cleanup opens it, whatever master.cf says by then."""
    made = with_users(tmp_path, certificates=(FINGERPRINT,))
    said = {"streams": {"bulk": {"headers": {"X-Stream": "bulk"}}}}
    before = replace(made, fleet=made.fleet.model_copy(update={"pacing": Pacing.model_validate(said)}))
    named = set(re.findall(r":(/etc/[\w/]+)", text(before, "/etc/postfix/master.cf")))
    lasting = bundle(replace(made, fleet=made.fleet.model_copy(update={"logins": (), "users": None}))).lasting
    of_logins = {path for path in files(before) if path.startswith("/etc/postfix/certificate_")}

    assert len(named) > 3
    assert len(of_logins) == 1
    assert [
        path for path in named | of_logins if not path.startswith((*lasting, "/etc/postfix/submission_headers"))
    ] == []


def test_without_certificates_no_client_is_asked_for_one(tmp_path):
    assert "ccert" not in text(with_users(tmp_path), "/etc/postfix/master.cf")


def test_a_from_header_is_looked_at_by_the_first_signer_wherever_somebody_may_log_in(tmp_path):
    made = context(tmp_path)
    free = replace(made, fleet=made.fleet.model_copy(update={"from_header": "any"}))

    assert "FinalPolicyScript       /etc/postwright/from.lua\n" in text(made, "/etc/opendkim.conf")
    assert "SetupPolicyScript       /etc/postwright/from-unsigned.lua\n" in text(made, "/etc/opendkim.conf")
    assert "PolicyScript" not in text(free, "/etc/opendkim.conf")
    for other in (free, context(tmp_path, host="mx2")):
        found = {"/etc/postwright/from.lua", "/etc/postwright/from-unsigned.lua", "/etc/postfix/from_headers"} & set(
            files(other)
        )
        assert found == set()
    assert "from_headers" not in text(free, "/etc/postfix/master.cf")


def refused(table, header):
    """Whether header_checks(5) refuses it: the lines that begin with ! are POSIX extended patterns that must fit."""
    patterns = [line[2:].rpartition("/ REJECT")[0] for line in table.splitlines() if line.startswith("!")]
    fits = [
        subprocess.run(["grep", "-Eiq", "--", it], input=header, text=True, check=False).returncode for it in patterns
    ]
    return any(fits)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("a@example.com", False), ("<a@example.com>", False), ("A. B. <a@example.com>", False), ('"A, \\"B\\"" <a@example.com>', False),
        ("a@example.com (A B)", False), ("=?utf-8?q?A=C3=A4?= [x] <a@example.com>", False), ('"a b"@example.com, b@example.com', False),
        ("Team (x (y)) <a@example.com>", False), ("a@example.com (x (y (z)) v)", False), ("Team (x (y) <a@example.com>", True),
        ('"A <a@example.com>', True), ("A) <a@example.com>", True), ("A <a@example.com", True), ("<<a@example.com>", True),
        ("A <@example.com>", True), ("A <a@>", True), ("A", True), ("", True), ("@example.com", True), ("a@b@example.com <a>", True),
    ],
)  # fmt: skip
def test_a_from_header_that_cannot_be_understood_is_refused_before_anybody_signs(tmp_path, header, expected):
    made = context(tmp_path)

    assert refused(text(made, "/etc/postfix/from_headers"), f"From: {header}") is expected


def test_the_from_of_an_attached_message_is_nobodys_business(tmp_path):
    master = text(context(tmp_path), "/etc/postfix/master.cf")

    assert "  -o nested_header_checks=regexp:/etc/postfix/submission_headers\n" in master
    assert "  -o mime_header_checks=regexp:/etc/postfix/submission_headers\n" in master


def test_mail_of_a_client_with_a_certificate_is_signed_though_nobody_logged_in(tmp_path):
    """OpenDKIM signs for who logged in and for the host's own networks; else such mail would leave unsigned."""
    assert "MTA                     ORIGINATING\n" in text(
        with_users(tmp_path, certificates=(FINGERPRINT,)), "/etc/opendkim.conf"
    )
    assert "ORIGINATING" not in text(with_users(tmp_path), "/etc/opendkim.conf")
