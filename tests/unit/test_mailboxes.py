"""Who holds a mailbox, what Postfix and Dovecot are told of it, and what an inventory may not say."""

import re

import pytest
from support import another_host, host_data, mail_fleet, problems, project, secrets_of

from postwright import forwarding
from postwright.hosts.plan import left_behind
from postwright.mailboxes import end_of, folder, holder
from postwright.services.bundle import bundle
from postwright.services.pacing import configuration
from postwright.services.parts import Context

BOX = {"password_hash": "app.hash"}
BOXES = {
    "postmaster": "reports@example.com",
    "bounces": "bounce@example.com",
    "mailboxes": {
        "Reports@Example.com": {**BOX, "quota": "50M", "keep": "90d"},
        "bounce@example.com": {**BOX, "host": "mx2", "networks": ["192.0.2.0/24", "2001:db8::/32"]},
    },
    "domains": [
        {"name": "example.com", "aliases": {"dmarc": "reports@example.com", "sales": "all@example.net", "*": "dmarc@example.com"}},
        {"name": "example.org", "aliases": {"one": "two@example.org", "two": "dmarc@example.com"}},
        {"name": "customer.example", "mx": "keep", "delegated": {"to": "customer.example.com"}},
    ],
    "zones": [{"name": name, "provider": "ns1"} for name in ("example.com", "example.org")],
}  # fmt: skip


def fleet_of(base, **changes):
    fleet = mail_fleet(**{**BOXES, **changes})
    return project(base, host_data(fleet=fleet), another_host(fleet=fleet)).fleet


def files_of(base, host, release="13", **changes):
    """Path → text of a host's files."""
    fleet = fleet_of(base, **changes)
    secrets = secrets_of(fleet, fleet.host(host))
    hashes = dict.fromkeys(fleet.mailboxes, "$6$salt$digest")
    made = bundle(
        Context(fleet, fleet.host(host), release, type(secrets)(**{**vars(secrets), "mailbox_hashes": hashes}))
    )
    return {file.path: file.content.decode(errors="replace") for file in made.files}, made


def test_the_first_mx_holds_a_mailbox_unless_another_is_named(tmp_path):
    fleet = fleet_of(tmp_path)

    assert holder(fleet, "reports@example.com").name == "mx1"
    assert holder(fleet, "bounce@example.com").name == "mx2"
    assert folder("reports@example.com") == "/var/mail/postwright/example.com/reports"


@pytest.mark.parametrize(
    ("address", "end"),
    [
        ("one@example.org", "reports@example.com"),
        ("ONE+x@example.org", "reports@example.com"),
        ("anybody@example.com", "reports@example.com"),
        ("bounce@example.com", "bounce@example.com"),
        ("sales@example.com", "all@example.net"),
        ("postmaster@example.org", "reports@example.com"),
        ("nobody@example.org", None),
        ("someone@example.net", "someone@example.net"),
    ],
)
def test_mail_ends_where_the_last_alias_leads(tmp_path, address, end):
    assert end_of(fleet_of(tmp_path), address) == end


def test_each_host_has_the_passwords_of_its_own_mailboxes_alone(tmp_path):
    first, _ = files_of(tmp_path, "mx1")
    second, _ = files_of(tmp_path, "mx2")

    assert first["/etc/dovecot/mailboxes.passwd"] == "reports@example.com:{CRYPT}$6$salt$digest::::::\n"
    assert second["/etc/dovecot/mailboxes.passwd"] == (
        "bounce@example.com:{CRYPT}$6$salt$digest::::::allow_nets=192.0.2.0/24,2001:db8::/32\n"
    )


@pytest.mark.parametrize(("release", "limit"), [("13", "quota_storage_size=50M"), ("12", "quota_rule=*:storage=50M")])
def test_a_full_mailbox_is_known_by_its_aliases_too(tmp_path, release, limit):
    files, _ = files_of(tmp_path, "mx1", release)
    line = f"::postwright-mail:postwright-mail::/var/mail/postwright/example.com/reports::userdb_{limit}\n"

    for known in (
        "reports@example.com",
        "dmarc@example.com",
        "one@example.org",
        "root@mx1.example.com",
        "@example.com",
    ):
        assert f"{known}{line}" in files["/etc/dovecot/mailboxes.users"], known
    assert "sales@" not in files["/etc/dovecot/mailboxes.users"]
    assert "bounce@" not in files["/etc/dovecot/mailboxes.users"]


def test_mail_for_a_mailbox_of_another_host_is_asked_for_there_and_handed_on(tmp_path):
    files, _ = files_of(tmp_path, "mx1")

    assert "bounce@example.com mailbox:[mx2.example.com]\n" in files["/etc/postfix/mailbox_transport"]
    assert "\nbounce@example.com reject_unverified_recipient\n" in files["/etc/postfix/mailbox_verify"]
    assert "\nbounce.customer.example reject_unverified_recipient\n" in files["/etc/postfix/mailbox_verify"]
    assert "\nsales@example.com DUNNO\n" in files["/etc/postfix/mailbox_verify"]
    assert "192.0.2.20 OK\n" in files["/etc/postfix/mailbox_peers"]


def test_a_paced_host_that_takes_no_mail_in_hands_mail_for_mailboxes_on_by_no_lane(tmp_path):
    """The host that holds it would say 450 to what comes from an address of ours, were it not the one."""
    fleet = mail_fleet(**BOXES, pacing={})
    hosts = (host_data(fleet=fleet), another_host(fleet=fleet), another_host("out", fleet, roles=["submission"], addresses=[("192.0.2.30", "out.example.com")]))  # fmt: skip
    found = project(tmp_path, *hosts).fleet
    said = {it.name: configuration(Context(found, it, "13", secrets_of(found, it))) for it in found.hosts}

    assert said["out"]["own_addresses"] == ["bounce@example.com", "reports@example.com"]
    assert "own_addresses" not in said["mx1"]  # by their domain, which has aliases here too
    assert "example.com" in said["mx1"]["own_domains"]
    assert "example.com" not in said["out"]["own_domains"]  # its other addresses leave by a lane


@pytest.mark.parametrize("release", ["12", "13"])
def test_nobody_is_refused_for_good_because_the_host_that_holds_a_mailbox_says_so(tmp_path, release):
    """It may not have heard of the mailbox yet, while a rollout is under way."""
    files, _ = files_of(tmp_path, "mx1", release)
    ways = re.findall(r"^(lmtp|mailbox) .*\n((?:  .*\n)+)", files["/etc/postfix/master.cf"], re.MULTILINE)

    assert "unverified_recipient_reject_code" not in files["/etc/postfix/main.cf"]
    assert {way: "  -o soft_bounce=yes\n" in options for way, options in ways} == {"lmtp": True, "mailbox": True}


def test_what_another_host_hands_on_for_a_mailbox_that_is_not_here_is_not_handed_on_again(tmp_path):
    files, _ = files_of(tmp_path, "mx1")
    main = files["/etc/postfix/main.cf"]
    asked = main.partition("\nsmtpd_recipient_restrictions =\n")[2]

    assert asked.startswith("  check_client_access texthash:/etc/postfix/mailbox_handed\n")
    assert "\n192.0.2.20 mailbox_moved\n" in files["/etc/postfix/mailbox_handed"]
    assert "\nmailbox_moved = check_recipient_access texthash:/etc/postfix/mailbox_moved\n" in main
    assert re.search(r"^bounce@example.com 450 4", files["/etc/postfix/mailbox_moved"], re.MULTILINE)
    assert "reports@" not in files["/etc/postfix/mailbox_moved"]


def test_policies_for_receivers_do_not_say_how_mail_reaches_our_other_host(tmp_path):
    said = {"mta_sts": True}
    files, _ = files_of(tmp_path, "mx1", outbound_tls=said)
    without, _ = files_of(tmp_path, "mx1")
    options = files["/etc/postfix/master.cf"].partition("\nmailbox ")[2].partition("scache")[0]

    assert "  -o smtp_tls_policy_maps=\n" in options
    assert "smtp_tls_policy_maps" not in without["/etc/postfix/master.cf"]


def test_a_catch_all_does_not_take_the_mail_of_a_mailbox(tmp_path):
    files, _ = files_of(tmp_path, "mx1")

    assert "\nreports@example.com reports@example.com\n" in files["/etc/postfix/virtual"]
    assert "\n@example.com dmarc@example.com\n" in files["/etc/postfix/virtual"]


def test_what_is_led_away_goes_under_our_own_address_and_nothing_else_does(tmp_path):
    files, _ = files_of(tmp_path, "mx1")
    alias = re.search(r"^sales@example.com (forward-\w+)@localhost$", files["/etc/postfix/virtual"], re.MULTILINE)[1]

    assert f"\n{alias} all@example.net\nowner-{alias} forwarded@mx1.example.com\n" in files["/etc/postfix/forwards"]
    assert "\nforwarded@mx1.example.com bounce@example.com\n" in files["/etc/postfix/virtual"]
    assert files["/etc/postfix/virtual"].count("@localhost\n") == 1


def test_what_comes_back_from_where_bounces_go_is_discarded(tmp_path):
    files, _ = files_of(tmp_path, "mx1", bounces="ops@example.net")

    assert (
        "\nforward-bounces ops@example.net\nowner-forward-bounces double-bounce@mx1.example.com\n"
        in files["/etc/postfix/forwards"]
    )


@pytest.mark.parametrize("release", ["12", "13"])
def test_dovecot_starts_anew_with_another_certificate_where_there_are_mailboxes_and_only_there(tmp_path, release):
    _, with_boxes = files_of(tmp_path, "mx1", release)
    _, without = files_of(tmp_path, "mx1", release, **_NO_BOXES)

    stamped = {it.name: it.stamped for it in with_boxes.activations}["submission"]
    assert "/etc/postwright/tls/certificate.pem" in stamped
    assert not any(it.name == "submission" for it in without.activations)


@pytest.mark.parametrize(
    ("dmarc", "postmaster", "noted"),
    [
        ({"policy": "reject"}, "ops@example.net", True),
        ({"policy": "reject", "strict": True}, "ops@example.net", False),
        ({"policy": "none"}, "ops@example.net", False),
        ({"policy": "reject"}, "reports@example.com", False),
    ],
)
def test_check_notes_where_forged_mail_passes_dmarc_because_it_is_led_on(tmp_path, dmarc, postmaster, noted):
    boxes = {"reports@example.com": BOX}
    domains = [{"name": "example.com", "dmarc": dmarc}]
    fleet = fleet_of(tmp_path, mailboxes=boxes, domains=domains, postmaster=postmaster, bounces=None)

    assert ["forwarded@mx1.example.com" in it for it in forwarding.notes(fleet)][:1] == [True] * noted


_FAILED = "(auth failed, 1 attempts in 2 secs)"
_REST = "method=PLAIN, rip=10.78.9.1, lip=10.78.9.13, TLS, session=<ZxF5lA>"


@pytest.mark.parametrize(
    ("line", "banned"),
    [
        (f"Login aborted: Logged out {_FAILED} (auth_failed): user=<reports@shop.test>, {_REST}", "10.78.9.1"),
        (f"Disconnected: Connection closed {_FAILED}: user=<reports@shop.test>, {_REST}", "10.78.9.1"),
        (
            f"Disconnected: Connection closed {_FAILED}: user=<a>, rip=192.0.2.1, lip=192.0.2.2, session=<x>>, {_REST}",
            None,
        ),
        ("Login aborted: Logged out (no auth attempts in 0 secs) (no_auth_attempts): user=<>, rip=10.78.9.1", None),
        (f"Login: user=<reports@shop.test>, {_REST}", None),
    ],
)
def test_who_guesses_the_password_of_a_mailbox_is_banned_and_nobody_else(tmp_path, line, banned):
    jails = files_of(tmp_path, "mx1")[0]["/etc/fail2ban/jail.d/postwright.local"]
    said = re.search(r"^failregex = (.*)$", jails.partition("[dovecot]")[2], re.MULTILINE)[1]
    found = re.search(re.sub(r"</?F-USER>", "", said).replace("<ADDR>", r"(?P<addr>[0-9.]+)"), line)

    assert (found and found["addr"]) == banned
    assert "[dovecot]" not in files_of(tmp_path, "mx1", **_NO_BOXES)[0]["/etc/fail2ban/jail.d/postwright.local"]


_NO_BOXES = {
    "mailboxes": {},
    "postmaster": "ops@example.net",
    "bounces": None,
    "domains": [{"name": "example.com"}],
    "zones": BOXES["zones"],
}


def test_an_unban_of_one_jail_lifts_no_ban_of_another(tmp_path):
    files, _ = files_of(tmp_path, "mx1")
    sets = re.findall(
        r"^action = postwright\[set=(\w+)\]$", files["/etc/fail2ban/jail.d/postwright.local"], re.MULTILINE
    )

    assert len(sets) == len(set(sets)) == 3
    for name in set(sets) - {"ssh"}:
        assert f"ip saddr @{name}_v4 tcp dport {{ 993, 995 }} reject" in files["/etc/postwright/bans.nft"]


def test_mail_of_each_mailbox_is_looked_at_whatever_becomes_of_another_and_its_unit_is_checked(tmp_path):
    files, made = files_of(tmp_path, "mx1")
    runs = [
        line
        for line in files["/etc/systemd/system/postwright-mail-keep.service"].splitlines()
        if line.startswith("ExecStart=")
    ]
    commands = [check.command for service, check in made.checks if service == "mailboxes"]

    assert runs
    assert all(line.startswith("ExecStart=-doveadm expunge ") for line in runs)
    assert [all(f"postwright-mail-keep.{kind}" in it for kind in ("service", "timer")) for it in commands] == [True]


def test_ports_of_readers_are_open_on_hosts_that_hold_a_mailbox_alone(tmp_path):
    only = {"mailboxes": {"reports@example.com": BOX}, "bounces": None}
    first, second = (files_of(tmp_path, name, **only)[0]["/etc/postwright/firewall.nft"] for name in ("mx1", "mx2"))

    assert "tcp dport { 25, 993, 995 } accept" in first
    assert "993" not in second


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"mailboxes": {"x@example.net": BOX}}, "mail_fleet.mailboxes.x@example.net: example.net is no domain"),
        ({"mailboxes": {"a/b@example.com": BOX}}, "cannot be a mailbox"),
        ({"mailboxes": {"a+b@example.com": BOX}}, "cannot be a mailbox"),
        ({"mailboxes": {"reports@example.com": {**BOX, "host": "mx9"}}}, "reports@example.com.host: 'mx9' is no host of example.com"),
        ({"mailboxes": {"reports@example.com": {**BOX, "quota": "1"}}}, "mail_fleet.mailboxes.reports@example.com.quota"),
        ({"mailboxes": {"reports@example.com": {**BOX, "keep": "5m"}}}, "'5m' is too short; 1d is the least"),
        ({"mailboxes": {"reports@example.com": {"password_hash": "none"}}}, "reports@example.com.password_hash: no file"),
        ({"mailboxes": {"reports@example.com": BOX, "dmarc@example.com": BOX}}, "aliases.dmarc: dmarc@example.com is a mailbox"),
        ({"mailboxes": {}}, "mail_fleet.postmaster: reports@example.com lies behind these hosts"),
        ({"bounces": "x@example.org"}, "mail_fleet.bounces: x@example.org lies behind these hosts"),
        ({"bounces": "x@bounce.customer.example"}, "mail_fleet.bounces: x@bounce.customer.example lies behind these hosts"),
        ({"mailboxes": None}, "mail_fleet.mailboxes: "),
    ],
)  # fmt: skip
def test_a_mailbox_that_cannot_be_is_refused_with_its_key_path(tmp_path, changes, expected):
    changed = {**BOXES, **changes}
    if changes == {"mailboxes": {}}:
        changed["domains"] = [{"name": "example.com"}]
    fleet = mail_fleet(**changed)

    found = problems(tmp_path, host_data(fleet=fleet), another_host(fleet=fleet))

    assert any(expected in problem for problem in found), found


def test_an_alias_in_a_circle_is_refused(tmp_path):
    domains = [{"name": "example.com", "aliases": {"a": "b@example.com", "b": "a@example.com"}}]

    found = problems(tmp_path, host_data(fleet=mail_fleet(domains=domains)))

    assert sum("lies behind these hosts" in problem for problem in found) == 2


def test_mail_of_a_mailbox_that_is_gone_is_told_and_nothing_else_is_due(tmp_path):

    _, made = files_of(tmp_path, "mx1")
    root = "/var/mail/postwright/example.com"

    told = list(left_behind(made, {"mailboxes": [f"{root}/old", f"{root}/reports"]}))

    assert len(told) == 1
    assert told[0].startswith(f"{root}/old: ")


@pytest.mark.parametrize(("release", "mode"), [("13", "0700"), ("12", "00700")])
def test_dovecot_2_3_makes_folders_its_sandbox_allows(tmp_path, release, mode):
    """It copies the setgid bit of the folder above, which a folder below /var/mail has; RestrictSUIDSGID forbids that."""
    files, _ = files_of(tmp_path, "mx1", release)

    assert f"install -d -m {mode} -o" in files["/etc/systemd/system/postwright-mail-user.service"]
    assert "RestrictSUIDSGID=yes" in files["/etc/systemd/system/dovecot.service.d/postwright-sandbox.conf"]
