"""What a host with an ACME certificate gets, what others do not, and what an inventory cannot say."""

import json

import pytest
from support import another_host, host_data, mail_fleet, mail_host, problems, project, write_private

from postwright import material
from postwright.dns.plan import Change, DnsPlan, ZonePlan
from postwright.hosts.plan import obsolete_files, still_running
from postwright.hosts.preflight import problems as unfit
from postwright.services import acme, tls
from postwright.services.bundle import bundle, unit_file
from postwright.services.parts import Context, HostSecrets

CONTACT = {"contact": "ops@example.net"}
BY_DNS = {**CONTACT, "challenge": "dns-01", "provider": "ns1"}
LOGIN = {"login": "app", "password_hash": "app.hash", "senders": ["@example.com"]}


def made(base, said=None, *, files=False, release="13"):
    """The bundle of a host with two names, by ACME unless ``files``."""
    addresses = [
        ("192.0.2.10", "mx1.example.com"),
        ("192.0.2.11", "mx1b.example.com"),
        ("2001:db8::1", "mx1.example.com"),
    ]
    host = mail_host(addresses=addresses, **({} if files else {"tls": "acme"}))
    write_private(base / "ca.pem", "x")
    fleet = project(base, host_data(host=host, fleet=mail_fleet(acme=said or CONTACT, logins=[LOGIN]))).fleet
    secrets = HostSecrets(
        certificate=b"(certificate)", private_key=b"(key)", acme_secret="(tsig secret)", acme_authority=b"(authority)",
        password_hashes={"app": "$6$x"},
    )  # fmt: skip
    return bundle(Context(fleet, fleet.hosts[0], release, secrets))


def texts(found):
    return {file.path: file.content.decode() for file in found.files}


def settings(found):
    return json.loads(texts(found)["/etc/postwright/acme/acme.json"])


def test_a_host_asks_for_all_its_names_each_once(tmp_path):
    assert settings(made(tmp_path))["names"] == ["mx1.example.com", "mx1b.example.com"]


def test_lets_encrypt_is_asked_and_its_staging_first_unless_something_else_is_said(tmp_path):
    found = settings(made(tmp_path))

    assert found["directory"] == "https://acme-v02.api.letsencrypt.org/directory"
    assert found["staging"] == "https://acme-staging-v02.api.letsencrypt.org/directory"
    assert (found["challenge"], found["renew_before"], found["environment"]) == ("http-01", 30 * 86400, {})


@pytest.mark.parametrize(("release", "unit"), [("12", "postfix@-.service"), ("13", "postfix.service")])
def test_those_who_read_the_certificate_are_reloaded(tmp_path, release, unit):
    assert settings(made(tmp_path, release=release))["reload"] == [unit, "dovecot.service"]


def test_port_80_is_open_for_proof_over_http_alone(tmp_path):
    rules = "/etc/postwright/firewall.nft"

    assert "{ 25, 80, 465, 587 }" in texts(made(tmp_path))[rules]
    for other in (made(tmp_path, BY_DNS), made(tmp_path, files=True)):
        assert "{ 25, 465, 587 }" in texts(other)[rules]


def test_the_right_to_bind_a_low_port_is_given_for_proof_over_http_alone(tmp_path):
    unit = "/etc/systemd/system/postwright-acme.service"

    assert "\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE\n" in texts(made(tmp_path))[unit]
    assert "\nCapabilityBoundingSet=\n" in texts(made(tmp_path, BY_DNS))[unit]


def test_the_secret_of_dns_is_in_one_private_file_and_nowhere_else(tmp_path):
    found = made(tmp_path, BY_DNS)
    (secret,) = [file for file in found.files if file.path == "/etc/postwright/acme/tsig"]

    assert (secret.mode, secret.secret, secret.content) == (0o600, True, b"(tsig secret)")
    assert [path for path, text in texts(found).items() if "(tsig secret)" in text] == [secret.path]
    assert settings(found)["environment"]["RFC2136_TSIG_SECRET_FILE"] == secret.path


def test_the_key_is_private_and_the_certificate_is_none_of_our_files(tmp_path):
    files = {file.path: file for file in made(tmp_path).files}

    assert (files[acme.OWN_KEY].mode, files[acme.OWN_KEY].secret) == (0o600, True)
    assert not {tls.CERTIFICATE, tls.KEY} & set(files)


def test_a_certificate_that_was_a_file_stays_until_the_new_one_is_there(tmp_path):
    seen = {"managed": [tls.CERTIFICATE, tls.KEY, "/etc/postwright/old"]}

    assert obsolete_files(made(tmp_path), seen) == ["/etc/postwright/old"]


def test_postfix_is_not_restarted_by_a_renewal_and_is_by_another_file(tmp_path):
    stamped = {
        files: next(it.stamped for it in made(tmp_path, files=files).activations if it.name == "postfix")
        for files in (True, False)
    }

    assert tls.CERTIFICATE in stamped[True]
    assert tls.CERTIFICATE not in stamped[False]


def test_a_host_with_files_has_nothing_of_it_and_loses_what_it_had_last_of_all(tmp_path):
    found = made(tmp_path, files=True)
    (retired,) = [it for it in found.retired if it.name == "acme"]
    seen = {
        "managed": [unit_file(retired)],
        "services": {it.name: {"active": False, "enabled": True} for it in found.retired},
    }

    assert not [path for path in texts(found) if "acme" in path]
    assert found.kept == ()
    assert [it.name for it in still_running(found, seen)] == ["acme"]
    assert all(path.startswith(found.lasting) for path in (acme.OWN_KEY, unit_file(retired)))


def test_a_private_server_is_trusted_by_its_authority_alone(tmp_path):
    said = {**CONTACT, "directory": "https://ca.example.net/acme", "staging": None, "authority": "ca.pem"}
    found = made(tmp_path, said)

    assert settings(found)["environment"] == {"LEGO_CA_CERTIFICATES": "/etc/postwright/acme/authority.pem"}
    assert texts(found)["/etc/postwright/acme/authority.pem"] == "(authority)"
    assert settings(found)["staging"] is None


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (None, 'host mx1: mail_host.tls: "acme" needs mail_fleet.acme; add it'),
        ({}, "mail_fleet.acme.contact: missing"),
        ({**CONTACT, "challenge": "tls-alpn-01"}, "mail_fleet.acme.challenge: input should be 'http-01' or 'dns-01'"),
        ({**CONTACT, "challenge": "dns-01"}, "mail_fleet.acme.provider: dns-01 needs one of kind rfc2136 (there is: ns1)"),
        ({**BY_DNS, "provider": "other"}, "mail_fleet.acme.provider: dns-01 needs one of kind rfc2136 (there is: ns1)"),
        ({**CONTACT, "provider": "ns1"}, "mail_fleet.acme.provider: is of no use with http-01"),
        ({**CONTACT, "directory": "https://ca.example.net/acme"}, "mail_fleet.acme.staging: is Let's Encrypt's"),
        ({**CONTACT, "directory": "http://ca.example.net/acme"}, "mail_fleet.acme.directory: 'http://ca.example.net/acme' is not an https URL"),
        ({**CONTACT, "renew_before": "12h"}, "mail_fleet.acme.renew_before: '12h' is too short; 1d is the least"),
        ({**CONTACT, "authority": "no.pem"}, "mail_fleet.acme.authority: no file"),
    ],
)  # fmt: skip
def test_what_could_not_be_issued_is_refused_with_its_key_path(tmp_path, said, expected):
    found = problems(tmp_path, host_data(host=mail_host(tls="acme"), fleet=mail_fleet(acme=said)))

    assert [problem for problem in found if expected in problem], found


@pytest.mark.parametrize("value", ["ACME", "lego", 3, None, ["acme"]])
def test_what_is_neither_files_nor_acme_is_told_at_its_key(tmp_path, value):
    found = problems(tmp_path, host_data(host=mail_host(tls=value)))

    assert [problem for problem in found if problem.startswith("host mx1: mail_host.tls: must be a mapping")], found


def test_a_host_whose_name_is_no_file_name_is_refused(tmp_path):
    host = mail_host(tls="acme")

    found = problems(tmp_path, host_data(name="a/../b", host=host, fleet=mail_fleet(acme=CONTACT)))

    assert [problem for problem in found if "its name must be letters, digits, dots and hyphens" in problem], found


@pytest.mark.parametrize(
    ("said", "authorities", "noted"),
    [
        (CONTACT, ["ca.example"], True),
        (CONTACT, ["ca.example", "letsencrypt.org"], False),
        (CONTACT, [], False),
        ({**CONTACT, "directory": "https://dv.acme-v02.api.pki.goog/directory", "staging": None}, ["letsencrypt.org"], True),
        ({**CONTACT, "directory": "https://ca.example.net/acme", "staging": None}, ["letsencrypt.org"], False),
    ],
)  # fmt: skip
def test_an_authority_our_own_caa_records_keep_out_is_noted(tmp_path, said, authorities, noted):
    fleet = mail_fleet(acme=said, certificate_authorities=authorities)
    found = material.notes(project(tmp_path, host_data(host=mail_host(tls="acme"), fleet=fleet)))

    assert bool([note for note in found if "is not among them" in note]) is noted


@pytest.mark.parametrize(
    ("said", "program", "fit"),
    [
        (CONTACT, "nginx (pid 9)", False),
        (CONTACT, "lego (pid 9)", True),
        (BY_DNS, "nginx (pid 9)", True),
    ],
)
def test_a_stranger_on_port_80_stops_a_host_that_needs_it(tmp_path, said, program, fit):
    fleet = project(tmp_path, host_data(host=mail_host(tls="acme"), fleet=mail_fleet(acme=said))).fleet
    system = {
        "id": "debian", "release": "13", "pretty": "", "root": True, "systemd": True, "clock": 0, "applying": None,
        "free": {"/etc": 10**10},
    }  # fmt: skip
    found = list(unfit(fleet.hosts[0], fleet, {"system": system, "listeners": {"80": [program]}}, 0))

    assert (found == []) is fit
    assert fit or "port 80 is taken by nginx (pid 9)" in found[0]


def test_only_hosts_by_acme_are_asked_about_it(tmp_path):
    fleet = mail_fleet(acme=CONTACT)
    both = project(tmp_path, host_data(host=mail_host(tls="acme"), fleet=fleet), another_host(fleet=fleet)).fleet

    assert [host.name for host in both.hosts if both.acme_of(host)] == ["mx1"]


def certificate_change(*new, old=()):
    ttl = 300 if old else None
    return DnsPlan(
        (ZonePlan("example.com", additive=(Change("_25._tcp.mx1.example.com", "TLSA", ttl, old, 300, new),)),)
    )


def test_a_plan_with_a_key_to_be_made_agrees_to_the_digest_it_turns_out_to_have():
    old, foreseen, real = (f"3 1 1 {digit * 64}" for digit in "a0b")
    agreed = certificate_change(foreseen, old=(old,))

    assert certificate_change(real, old=(old,)).beyond(agreed, new_keys=False) == ()
    assert certificate_change(real, real.replace("b", "c"), old=(old,)).beyond(agreed, new_keys=False) != ()
    assert certificate_change(real, old=(old,)).beyond(certificate_change(old), new_keys=False) != ()


@pytest.mark.parametrize(
    ("acme_says", "policy", "refused"),
    [
        (CONTACT, {"policy_host": "hosts"}, True),
        (CONTACT, {"policy_host": "mx1.example.com"}, False),
        (CONTACT, {"policy_host": "hosts", "certificate": {"certificate": "tls.crt", "key": "tls.key"}}, False),
        (BY_DNS, {"policy_host": "hosts"}, False),
    ],
)
def test_a_policy_of_several_hosts_cannot_be_proven_over_http(tmp_path, acme_says, policy, refused):
    fleet = mail_fleet(acme=acme_says, domains=[{"name": "example.com", "mta_sts": policy}])
    hosts = [host_data(host=mail_host(tls="acme"), fleet=fleet), another_host(fleet=fleet, tls="acme")]
    found = problems(tmp_path, *hosts)

    assert ["mta-sts.example.com leads to several hosts (mx1, mx2)" in it for it in found] == [True] * refused
    assert problems(tmp_path, hosts[0]) == []
