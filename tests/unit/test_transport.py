"""What an inventory says of transport security, and what hosts and DNS are made to say."""

import re

import pytest
from support import (
    GOLDEN,
    another_host,
    certificate,
    context,
    host_data,
    mail_fleet,
    mail_host,
    problems,
    project,
    same_as_golden,
    sound_project,
    write_private,
)  # fmt: skip

from postwright import material
from postwright.dns.merge import merge
from postwright.dns.records import desired
from postwright.dns.sides import Sides
from postwright.errors import UsageError
from postwright.hosts import preflight
from postwright.policy_hosts import policy_names, served
from postwright.services.bundle import bundle
from postwright.services.outbound import rows
from postwright.services.parts import Context, HostSecrets, PolicyCertificate

FINGERPRINT = "AB" * 32
PARTNERS = {
    ".partner.example": {"level": "encrypt"},
    "partner.example": {"level": "secure", "match": ["mx.partner.example", ".partner.example", "nexthop"]},
    ".deep.partner.example": {"level": "dane-only"},
    "lab.example": {"level": "fingerprint", "fingerprints": [FINGERPRINT]},
}
STS = {"name": "example.com", "mta_sts": {"mode": "enforce", "policy_host": "hosts"}}


def made(base, release="13", **fleet):
    """The files of the first host, by path."""
    fleet_of = project(base, host_data(fleet=mail_fleet(**fleet))).fleet
    return bundle(Context(fleet_of, fleet_of.hosts[0], release, HostSecrets()))


def texts(found):
    return {file.path: file.content.decode() for file in found.files}


@pytest.mark.parametrize("release", ["12", "13"])
def test_every_file_is_as_its_golden_file(tmp_path, release):
    """Those that a host without any of this does not have; the gate's code is not repeated."""
    plain = {file.path for file in made(tmp_path, release).files}
    found = made(tmp_path, release, domains=[STS], outbound_tls={"mta_sts": True, "policies": PARTNERS}).files
    own = [it for it in found if it.path not in plain and not it.path.endswith(".py")]
    names = {it.path: f"guarded-{release}/{it.path.strip('/').replace('/', '_')}" for it in own}

    assert [it.path for it in own if not same_as_golden(names[it.path], it.content)] == []
    assert {f"guarded-{release}/{it.name}" for it in (GOLDEN / f"guarded-{release}").iterdir()} == set(names.values())


def first_match(fleet, name):
    return next((policy for pattern, policy in rows(fleet.outbound_tls.policies) if re.search(pattern, name)), None)


@pytest.mark.parametrize(
    ("name", "policy"),
    [
        ("partner.example", "secure match=mx.partner.example:.partner.example:nexthop"),
        ("sub.partner.example", "encrypt"),
        ("a.sub.partner.example", "encrypt"),
        ("x.deep.partner.example", "dane-only"),
        ("deep.partner.example", "encrypt"),
        ("notpartner.example", None),
        ("partner.example.evil.test", None),
        ("partnerxexample", None),
        (".partner.example", None),
        ("lab.example", "fingerprint match=" + ":".join(["ab"] * 32)),
    ],
)
def test_the_most_special_policy_of_ours_counts(tmp_path, name, policy):
    fleet = project(tmp_path, host_data(fleet=mail_fleet(outbound_tls={"policies": PARTNERS}))).fleet
    assert first_match(fleet, name) == policy


def test_postfix_asks_our_policies_first_and_the_gate_last(tmp_path):
    both = texts(made(tmp_path, outbound_tls={"mta_sts": True, "policies": PARTNERS}))["/etc/postfix/main.cf"]
    gate = "socketmap:unix:tls-gate/socket:policy"
    assert f"\nsmtp_tls_policy_maps = regexp:/etc/postfix/tls_policy, {gate}\n" in both
    alone = texts(made(tmp_path, outbound_tls={"mta_sts": True}))["/etc/postfix/main.cf"]
    assert f"\nsmtp_tls_policy_maps = {gate}\n" in alone


def test_without_a_word_of_it_nothing_of_it_is_there(tmp_path):
    found = made(tmp_path)
    words = "".join((*texts(found), *texts(found).values(), *found.packages))
    assert not [it for it in ("tls_policy", "tls-gate", "mta-sts", "nginx", " 443") if it in words]


def test_the_way_to_the_agent_and_to_a_relay_is_not_asked_about(tmp_path):
    pacing = {"relay": {"server": "smtp.esp.example"}}
    text = texts(made(tmp_path, outbound_tls={"mta_sts": True}, pacing=pacing))["/etc/postfix/master.cf"]
    for transport in ("gate", "relay-out"):
        options = re.search(rf"^{transport} .*\n((?:  .*\n)+)", text, re.MULTILINE)[1]
        assert "-o smtp_tls_policy_maps=\n" in options
    assert text.count("smtp_tls_policy_maps") == 2


def test_only_the_resolver_of_debian_13_is_told_of_what_postfix_310_knows(tmp_path):
    told = {release: texts(made(tmp_path, release, outbound_tls={"mta_sts": True})) for release in ("12", "13")}
    assert "tlsrpt: true" in told["13"]["/etc/mta-sts-daemon.yml"]
    assert "tlsrpt" not in told["12"]["/etc/mta-sts-daemon.yml"]


def test_encrypt_for_all_has_dane_looked_up_for_all(tmp_path):
    found = texts(made(tmp_path, outbound_tls={"mta_sts": True, "level": "encrypt"}))
    assert "\nsmtp_tls_security_level = encrypt\n" in found["/etc/postfix/main.cf"]
    assert " everywhere\n" in found["/etc/systemd/system/postwright-tls-gate.service"]


@pytest.mark.parametrize(
    ("fleet", "sentence"),
    [
        ({"outbound_tls": {"level": "encrypt"}}, 'outbound_tls.level: "encrypt" alone would leave DANE out'),
        ({"outbound_tls": {"policies": {"example.com": {"level": "encrypt"}}}}, "policies.example.com: these hosts take its mail"),
        ({"outbound_tls": {"policies": {"a.example": {"level": "encrypt", "match": ["b.example"]}}}}, '"match" is for the levels'),
        ({"outbound_tls": {"policies": {"a.example": {"level": "fingerprint"}}}}, '"fingerprint" and "fingerprints" go together'),
        ({"outbound_tls": {"policies": {"a.example": {"level": "fingerprint", "fingerprints": ["ab"]}}}}, "not a SHA-256 fingerprint"),
        ({"outbound_tls": {"policies": {"*.a.example": {"level": "encrypt"}}}}, "not a fully qualified host name"),
        ({"outbound_tls": {"policies": {"a.example": {"level": "may"}}}}, "outbound_tls.policies.a.example.level"),
        ({"domains": [{"name": "example.com", "mta_sts": {"policy_host": "w.example", "certificate": {"certificate": "tls.crt", "key": "tls.key"}}}]}, "and w.example is not one of them"),
        ({"domains": [{"name": "example.com", "mta_sts": {"policy_host": "mx1"}}]}, "not a fully qualified host name"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused(tmp_path, fleet, sentence):
    (found,) = problems(tmp_path, host_data(fleet=mail_fleet(**fleet)))
    assert sentence in found


def test_hosts_without_the_role_mx_serve_nothing(tmp_path):
    domain = STS | {"mx": "keep", "mta_sts": {"policy_host": "hosts", "mx": ["mx.example.net"]}}
    (found,) = problems(tmp_path, host_data(host=mail_host(roles=["submission"]), fleet=mail_fleet(domains=[domain])))
    assert 'mta_sts.policy_host: "hosts", but none of its hosts has the role mx' in found


def test_a_policy_is_served_by_those_dns_leads_to_and_is_what_show_prints(tmp_path):
    fleet = mail_fleet(domains=[STS, {"name": "one.example.com", "mta_sts": {"policy_host": "mx2.example.com"}}])
    found = project(tmp_path, host_data(fleet=fleet), another_host(fleet=fleet)).fleet
    assert [[it.name for it in served(found, host)] for host in found.hosts] == [
        ["example.com"],
        ["example.com", "one.example.com"],
    ]
    led = {(it.name, it.type, it.rdata) for it in desired(found, []) if it.name.startswith("mta-sts.")}
    assert led == {
        ("mta-sts.example.com", "A", "192.0.2.10"),
        ("mta-sts.example.com", "A", "192.0.2.20"),
        ("mta-sts.one.example.com", "CNAME", "mx2.example.com."),
    }
    files = texts(bundle(Context(found, found.hosts[1], "13", HostSecrets())))
    policy = "version: STSv1\r\nmode: enforce\r\nmx: mx1.example.com\r\nmx: mx2.example.com\r\nmax_age: 604800\r\n"
    assert files["/etc/postwright/policies/mta-sts.example.com/.well-known/mta-sts.txt"] == policy
    assert "server_name mta-sts.example.com mta-sts.one.example.com;" in files["/etc/nginx/nginx.conf"]
    assert "tcp dport { 25, 443 } accept" in files["/etc/postwright/firewall.nft"]


def test_a_policy_with_a_certificate_of_its_own_needs_no_name_in_the_host_s(tmp_path):
    pair = {"certificate": "tls.crt", "key": "tls.key"}
    fleet = project(tmp_path, host_data(fleet=mail_fleet(domains=[STS | {"mta_sts": {"policy_host": "hosts", "certificate": pair}}]))).fleet  # fmt: skip
    secrets = HostSecrets(policy_certificates={"example.com": PolicyCertificate(b"chain", b"key")})
    files = {it.path: it for it in bundle(Context(fleet, fleet.hosts[0], "13", secrets)).files}
    assert policy_names(fleet, fleet.hosts[0]) == ()
    assert (files["/etc/postwright/tls/policies/example.com.key"].mode, files["/etc/postwright/tls/policies/example.com.key"].secret) == (0o600, True)  # fmt: skip
    assert (
        "ssl_certificate /etc/postwright/tls/policies/example.com.pem;"
        in files["/etc/nginx/nginx.conf"].content.decode()
    )


def test_a_name_no_certificate_is_for_is_told_with_its_policy(tmp_path):
    made_of = sound_project(tmp_path, host_data(fleet=mail_fleet(domains=[STS])))
    with pytest.raises(UsageError, match=r"tls.crt: is not for mta-sts.example.com, at which host mx1 serves"):
        material.require_valid(made_of)
    chain, key = certificate("mx1.example.com", "mta-sts.example.com")
    write_private(tmp_path / "tls.crt", chain)
    write_private(tmp_path / "tls.key", key)
    material.require_valid(made_of)


def test_the_certificate_of_a_policy_must_be_for_its_name(tmp_path):
    pair = {"certificate": "own.crt", "key": "own.key"}
    chain, key = certificate("www.example.com")
    write_private(tmp_path / "own.crt", chain)
    write_private(tmp_path / "own.key", key)
    domain = STS | {"mta_sts": {"policy_host": "hosts", "certificate": pair}}
    made_of = sound_project(tmp_path, host_data(fleet=mail_fleet(domains=[domain])))
    with pytest.raises(UsageError, match=r"own.crt: is for www.example.com, not for mta-sts.example.com"):
        material.require_valid(made_of)
    assert material.material_policies.certificates_of(made_of, made_of.fleet.hosts[0], "")["example.com"].private_key


@pytest.mark.parametrize("live", [(), ('"v=STSv1; id=1;"',)])
def test_an_id_is_published_after_the_hosts_serve_its_policy(live):
    new = ('"v=STSv1; id=2;"',)
    merged = merge(Sides("_mta-sts.example.com", "TXT", live, live, new, shared=False, adopt=False, consolidate=False))
    assert (merged.middle, merged.after) == (live, new)


def test_a_stranger_on_443_stops_only_hosts_that_are_to_serve_policies(tmp_path):
    seen = {"443": ["apache2 (pid 7)"]}
    (problem,) = preflight._taken_https(seen)
    assert "port 443 is taken by apache2 (pid 7)" in problem
    assert list(preflight._taken_https({"443": ["nginx (pid 7)"]})) == []
    fleet = context(tmp_path).fleet
    assert not preflight.serves(fleet, fleet.hosts[0])
