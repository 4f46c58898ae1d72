"""Each kind of mail record: the example of its RFC, what it needs of the fleet, and what it must leave alone."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import another_host, host_data, mail_fleet, mail_host, project

from postwright.dns.canonical import canonical, same, txt_octets, txt_rdata
from postwright.dns.kinds import bimi, caa, delegation, dmarc, mta_sts, tls_reports
from postwright.dns.records import Record, consents, desired, released
from postwright.dns.seen import holds
from postwright.errors import InventoryError
from postwright.keys.public import PublicKey
from postwright.model import Bimi, Dmarc, Domain

DIGEST = "8755cd0c5adb2b8b5b1ca7c7f0a0a4ee8bd3a8f7d2b9f1d4f6ad8f5e5f4c3b2a"
ZONES = [{"name": name, "provider": "ns1"} for name in ("example.com", "example.net", "held.example")]


@pytest.fixture
def fleet_of(tmp_path):
    """A valid fleet of one host mx1 with the role mx and one relay, and these parts."""

    def make(*domains, **parts):
        data = mail_fleet(domains=list(domains), zones=ZONES, postmaster="ops@elsewhere.example", **parts)
        return project(tmp_path, host_data(fleet=data), another_host("out1", data, roles=["submission"])).fleet

    return make


def at(fleet, name, rdtype="TXT", keys=(), **options):
    """The values wanted at a name; a TXT as its text."""
    found = [it for it in desired(fleet, keys, **options) if (it.name, it.type) == (name, rdtype)]
    return [txt_octets(it.rdata).decode() if rdtype == "TXT" else it.rdata for it in found]


def text(rdata):
    return txt_octets(rdata).decode()


# DMARC


def test_a_policy_is_that_of_rfc_9989s_example():
    policy = Dmarc(policy="none", aggregate_reports=("dmarc-feedback@example.com",))
    assert text(dmarc.record(policy)) == "v=DMARC1; p=none; rua=mailto:dmarc-feedback@example.com"


def test_the_policies_for_subdomains_and_for_names_that_do_not_exist_are_said_only_if_asked_for():
    assert text(dmarc.record(Dmarc(policy="reject"))) == "v=DMARC1; p=reject"
    policy = Dmarc(policy="none", subdomain_policy="quarantine", nonexistent_policy="reject")
    assert text(dmarc.record(policy)) == "v=DMARC1; p=none; sp=quarantine; np=reject"


def test_a_test_reads_the_same_to_receivers_of_either_rfc():
    """RFC 9989 receivers go a step lower for t=y, those of RFC 7489 for pct=0; each ignores the other's tag."""
    assert text(dmarc.record(Dmarc(policy="quarantine", test=True))) == "v=DMARC1; p=quarantine; t=y; pct=0"


@pytest.mark.parametrize(
    ("old", "new", "phrase"),
    [
        ("v=DMARC1; p=reject", "v=DMARC1; p=none", "p from reject to none"),
        ("v=DMARC1; p=quarantine", "v=DMARC1; p=reject", ""),
        ("v=DMARC1; p=reject", "v=DMARC1; p=reject; rua=mailto:a@example.com", ""),
        ("v=DMARC1; p=reject", "", "p from reject to none"),
        ("", "v=DMARC1; p=none", ""),
        ("V=dmarc1 ;P = Reject;", "v=DMARC1; p=quarantine", "p from reject to quarantine"),
        ("v=DMARC1; p=reject", "v=DMARC1; p=reject; sp=none", "sp from reject to none"),
        ("v=DMARC1; p=none; sp=reject", "v=DMARC1; p=none", "sp from reject to none"),
        ("v=DMARC1; p=none; np=reject", "v=DMARC1; p=none", "np from reject to none"),
        ("v=DMARC1; p=reject; sp=reject", "v=DMARC1; p=reject", ""),
        ("v=DMARC1; p=reject", "v=DMARC1; p=none; sp=reject", "p from reject to none"),
        ("v=DMARC1; p=reject; sp=quarantine", "v=DMARC1; p=none", "p from reject to none, sp from quarantine to none"),
        ("v=DMARC1; p=reject", "v=DMARC1; p=reject; t=y", "p from reject to reject with t=y"),
        ("v=DMARC1; p=reject; t=y; pct=0", "v=DMARC1; p=reject", ""),
        ("v=DMARC1; p=reject", "v=DMARC1; p=reject; pct=50", "p from reject to reject with pct=50"),
        ("v=DMARC1; p=quarantine", "v=DMARC1; p=reject; t=y; pct=0", ""),  # the next step of the ramp
        ("v=DMARC1; p=quarantine; t=y; pct=0", "v=DMARC1; p=none", ""),  # receivers of both kinds did nothing before
        ("v=DMARC1; p=reject; pct=0", "v=DMARC1; p=quarantine", "p from reject with pct=0 to quarantine"),
        ("v=DMARC1; p=none; adkim=s; aspf=S", "v=DMARC1; p=none", "adkim from s to r, aspf from s to r"),
        ("v=DMARC1; p=none", "v=DMARC1; p=none; adkim=s", ""),
        ("v=DMARC1; p=strict", "v=DMARC1; p=none", ""),  # no policy of any RFC: receivers take it for none
        ("v=DMARC1; p=reject; pct=all", "v=DMARC1; p=reject", ""),
        ("p=reject; v=DMARC1", "v=DMARC1; p=none", ""),  # v is not first: not a record
        ("v=DMARC1; p=reject; p=none", "v=DMARC1; p=quarantine", "p from reject to quarantine"),
        ("v=spf1 -all", "v=DMARC1; p=none", ""),
        ("v=DMARC1; p=reject\\255;=;;", "v=DMARC1; p=none", ""),
    ],
)
def test_a_policy_laxer_than_another_is_told_in_words(old, new, phrase):
    assert dmarc.lowered(f'"{old}"' if old else "", f'"{new}"' if new else "") == phrase


tag = st.tuples(
    st.sampled_from(["v", "p", "sp", "np", "t", "pct", "adkim", " P ", "x"]),
    st.sampled_from(["DMARC1", "none", "quarantine", "Reject ", "y", "0", "50", "s", "r", "", "\N{SUPERSCRIPT TWO}"]),
)
policies = st.one_of(
    st.binary(max_size=60),
    st.lists(tag, max_size=6).map(lambda tags: ";".join(f"{name}={value}" for name, value in tags).encode()),
    st.lists(tag, max_size=6).map(lambda tags: ("v=DMARC1;" + ";".join("=".join(it) for it in tags)).encode("latin-1")),
).map(lambda octets: txt_rdata([octets]))


@given(old=policies, new=policies)
def test_any_two_records_can_be_compared_and_none_is_laxer_than_itself(old, new):
    assert dmarc.lowered(old, old) == ""
    assert dmarc.lowered("", new) == ""
    assert isinstance(dmarc.lowered(old, new), str)


@given(old=policies)
def test_taking_a_policy_away_is_laxer_exactly_if_it_asked_for_anything(old):
    """Against reject for every name every record is at most as strict."""
    strictest = dmarc.record(Dmarc(policy="reject", strict=True))
    assert dmarc.lowered(old, strictest) == ""
    assert bool(dmarc.lowered(old, "")) is (dmarc.lowered(old, '"v=DMARC1; p=none"') != "")


def test_no_step_of_the_ramp_counts_as_lowering_and_every_step_back_does():
    steps = [
        Dmarc(policy=policy, test=test)
        for policy, test in (("none", False), ("quarantine", True), ("quarantine", False), ("reject", True), ("reject", False))
    ]  # fmt: skip
    ramp = [dmarc.record(step) for step in steps]
    for earlier, later in pairwise(ramp):
        assert dmarc.lowered(earlier, later) == ""
    # To and from a test receivers do what they did for the step below, so that alone is no lowering.
    for lower, upper in ((0, 2), (1, 2), (2, 4), (3, 4), (0, 4)):
        assert dmarc.lowered(ramp[upper], ramp[lower]) != ""


def test_consents_we_can_give_are_published_and_the_others_are_listed(fleet_of):
    reports = ["a@example.net", "b@vendor.example", "c@example.com"]
    policy = {"aggregate_reports": reports, "failure_reports": ["d@vendor.example"]}
    fleet = fleet_of({"name": "example.com", "dmarc": policy}, {"name": "example.net", "dmarc": policy})
    assert at(fleet, "example.com._report._dmarc.example.net") == ["v=DMARC1"]
    assert consents(fleet) == (
        "example.com._report._dmarc.vendor.example",
        "example.net._report._dmarc.vendor.example",
    )


# SPF


def test_the_addresses_of_all_domains_that_include_a_name_stand_there(fleet_of):
    fleet = fleet_of(
        {"name": "example.com", "hosts": ["mx1"], "spf_include": "_spf.example.net"},
        {
            "name": "news.example.com",
            "hosts": ["out1"],
            "mx": "keep",
            "spf_include": "_spf.example.net",
            "spf_all": "-all",
        },
    )
    assert at(fleet, "example.com") == ["v=spf1 include:_spf.example.net ~all"]
    assert at(fleet, "news.example.com") == ["v=spf1 include:_spf.example.net -all"]
    assert at(fleet, "_spf.example.net") == ["v=spf1 ip4:192.0.2.10 ip4:192.0.2.20 -all"]
    assert at(fleet, "mx1.example.com") == ["v=spf1 ip4:192.0.2.10 -all"]


def test_a_domain_that_is_a_helo_name_too_has_one_record_with_all_it_needs(fleet_of):
    fleet = fleet_of({"name": "mx1.example.com", "spf_include": "_spf.example.net"})
    assert at(fleet, "mx1.example.com") == ["v=spf1 include:_spf.example.net ip4:192.0.2.10 ~all"]


# MTA-STS, TLS-RPT, BIMI


def test_a_policy_file_is_that_of_rfc_8461s_example(fleet_of):
    mx = ["mail.example.com", "*.example.net", "backupmx.example.com"]
    fleet = fleet_of({"name": "example.com", "mx": "keep", "mta_sts": {"mode": "enforce", "mx": mx}})
    expected = [f"mx: {name}" for name in sorted(mx)]
    lines = ["version: STSv1", "mode: enforce", *expected, "max_age: 604800"]
    assert mta_sts.policy_text(fleet, fleet.domains[0]) == "".join(f"{line}\r\n" for line in lines)


def test_a_policy_names_the_domains_own_mx_hosts_unless_told_otherwise(fleet_of):
    fleet = fleet_of({"name": "example.com", "mta_sts": {}})
    assert "mode: testing\r\nmx: mx1.example.com\r\n" in mta_sts.policy_text(fleet, fleet.domains[0])
    assert mta_sts.policy_text(fleet, Domain(name="example.com")) == ""


def test_a_policy_of_none_needs_no_mx(fleet_of):
    fleet = fleet_of({"name": "example.com", "mx": "null", "mta_sts": {"mode": "none", "max_age": 86_400}})
    assert mta_sts.policy_text(fleet, fleet.domains[0]) == "version: STSv1\r\nmode: none\r\nmax_age: 86400\r\n"


def test_the_id_changes_exactly_when_the_policy_does(fleet_of):
    def published(**policy):
        (found,) = at(fleet_of({"name": "example.com", "mta_sts": policy}), "_mta-sts.example.com")
        assert re.fullmatch(r"v=STSv1; id=[A-Za-z0-9]{1,32};", found)
        return found

    assert published() == published(mode="testing", policy_host="policies.example.net")
    assert len({published(), published(mode="enforce"), published(max_age=86_400)}) == 3


def test_the_policys_host_name_leads_to_whoever_serves_it_and_is_else_left_alone(fleet_of):
    fleet = fleet_of(
        {"name": "example.com", "mta_sts": {"policy_host": "policies.vendor.example"}},
        {"name": "example.net", "mta_sts": {}},
    )
    assert at(fleet, "mta-sts.example.com", "CNAME") == ["policies.vendor.example."]
    assert at(fleet, "mta-sts.example.net", "CNAME") == []


@pytest.mark.parametrize(
    ("patterns", "host", "expected"),
    [
        (("mail.example.com",), "mail.example.com", True),
        (("*.example.com",), "mail.example.com", True),
        (("*.example.com",), "example.com", False),
        (("*.example.com",), "a.mail.example.com", False),
        (("mail.example.com",), "mail2.example.com", False),
        ((), "mail.example.com", False),
    ],
)
def test_a_pattern_admits_what_rfc_8461_says(patterns, host, expected):
    assert mta_sts.matches(patterns, host) is expected


def test_tls_reports_go_where_rfc_8460s_examples_do():
    assert text(tls_reports.record(["reports@example.com"])) == "v=TLSRPTv1; rua=mailto:reports@example.com"
    both = ["https://reporting.example.com/v1/tlsrpt", "a!b@example.com"]
    assert text(tls_reports.record(both)) == (
        "v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt,mailto:a%21b@example.com"
    )


def test_a_logo_is_published_under_its_selector(fleet_of):
    logo = {"logo": "https://example.com/logo.svg", "certificate": "https://example.com/vmc.pem", "selector": "brand"}
    fleet = fleet_of({"name": "example.com", "bimi": logo, "dmarc": {"policy": "reject"}})
    assert at(fleet, "brand._bimi.example.com") == [
        "v=BIMI1; l=https://example.com/logo.svg; a=https://example.com/vmc.pem"
    ]
    assert text(bimi.record(Bimi(logo="https://example.com/logo.svg"))) == "v=BIMI1; l=https://example.com/logo.svg"


# TLSA and CAA


def test_certificates_of_hosts_that_take_mail_are_published_for_their_mx_name(fleet_of):
    fleet = fleet_of({"name": "example.com"})
    digests = {"mx1": DIGEST, "out1": DIGEST}
    found = [it for it in desired(fleet, (), digests) if it.type == "TLSA"]
    assert [(it.name, it.rdata) for it in found] == [("_25._tcp.mx1.example.com", f"3 1 1 {DIGEST}")]
    assert at(fleet, "_25._tcp.mx1.example.com", "TLSA") == []
    off = fleet_of({"name": "example.com"}, tlsa=False)
    assert at(off, "_25._tcp.mx1.example.com", "TLSA", tlsa=digests) == []


def test_authorities_are_admitted_at_host_names_beside_others(fleet_of):
    fleet = fleet_of({"name": "example.com"}, certificate_authorities=["letsencrypt.org", "ca1.example.net"])
    found = [it for it in desired(fleet, ()) if it.type == "CAA" and it.name == "mx1.example.com"]
    assert [it.rdata for it in found] == ['0 issue "ca1.example.net"', '0 issue "letsencrypt.org"']
    assert all(it.shared for it in found)


def test_no_authority_is_named_where_that_would_lock_out_all_others_below(tmp_path):
    """A first CAA at the apex of a zone, or at a domain, holds for every name under it."""
    data = mail_fleet(
        domains=[{"name": "example.com"}, {"name": "mail.example.com"}], certificate_authorities=["letsencrypt.org"]
    )
    addresses = [("192.0.2.10", "example.com"), ("192.0.2.11", "mail.example.com"), ("192.0.2.12", "a.example.com")]
    fleet = project(tmp_path, host_data(host=mail_host(addresses=addresses), fleet=data)).fleet
    assert {it.name for it in desired(fleet, ()) if it.type == "CAA"} == {"a.example.com"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], True),
        (['0 issue "ca1.example.net"'], True),
        (['0 issue "ca1.example.net; account=230123"'], True),
        (['0 issue "CA1.example.net"'], True),
        (['0 issue "ca2.example.org"', '0 issue "ca1.example.net"'], True),
        (['0 issue ";"'], False),
        (['0 issue "ca2.example.org"'], False),
        (['0 issuewild "ca2.example.org"', '0 iodef "mailto:security@example.com"'], True),
        (['128 Issue "ca2.example.org"'], False),
    ],
)
def test_an_authority_is_admitted_as_rfc_8659_says(values, expected):
    assert caa.admits(values, "ca1.example.net") is expected


@pytest.mark.parametrize(
    ("rdtype", "one", "other", "equal"),
    [
        ("TLSA", f"3 1 1 {DIGEST}", f"3 1 1 {DIGEST.upper()[:20]} {DIGEST.upper()[20:]}", True),
        ("TLSA", f"3 1 1 {DIGEST}", f"3 0 1 {DIGEST}", False),
        ("CAA", '0 issue "ca.example"', "0 ISSUE ca.example", True),
        ("CAA", '0 issue "ca.example; accounturi=https://ca.example/A"', '0 issue "ca.example; accounturi=https://ca.example/a"', False),
        ("CAA", '0 issue "ca.example"', '128 issue "ca.example"', False),
        ("CNAME", "Target.Example.COM.", "target.example.com.", True),
        ("CNAME", "target.example.com.", "target.example.net.", False),
    ],
)  # fmt: skip
def test_two_spellings_of_a_value_compare_equal_and_two_values_do_not(rdtype, one, other, equal):
    assert (canonical(rdtype, one) == canonical(rdtype, other)) is equal
    assert same([one], [other], rdtype) is equal


@pytest.mark.parametrize(
    ("values", "record", "expected"),
    [
        ([f"3 1 1 {DIGEST}", "3 1 1 " + "0" * 64], Record("n", "TLSA", 60, f"3 1 1 {DIGEST}"), True),
        (["3 1 1 " + "0" * 64], Record("n", "TLSA", 60, f"3 1 1 {DIGEST}"), False),
        (
            ['0 issue "other.example"', '0 issue "ca.example"'],
            Record("n", "CAA", 60, '0 issue "ca.example"', True),
            True,
        ),
        (['0 issue "other.example"'], Record("n", "CAA", 60, '0 issue "ca.example"', True), False),
        (["TO.example."], Record("n", "CNAME", 60, "to.example."), True),
        (["to.example.", "other.example."], Record("n", "CNAME", 60, "to.example."), False),
        ([], Record("n", "CNAME", 60, "to.example."), False),
        (['"v=STSv1; id=1;"', '"v=STSv1; id=2;"'], Record("n", "TXT", 60, '"v=STSv1; id=1;"'), False),
    ],
)
def test_a_record_is_seen_as_whoever_relies_on_it_reads_it(values, record, expected):
    assert holds(values, record) is expected


# Parked and delegated domains


def test_a_parked_domain_says_that_it_sends_and_takes_nothing(fleet_of):
    fleet = fleet_of({"name": "example.com"}, parked=["old.example.net"])
    assert at(fleet, "old.example.net") == ["v=spf1 -all"]
    assert at(fleet, "old.example.net", "MX") == ["0 ."]
    assert at(fleet, "_dmarc.old.example.net") == ["v=DMARC1; p=reject; sp=reject; np=reject; adkim=s; aspf=s"]
    assert at(fleet, "*._domainkey.old.example.net") == ["v=DKIM1; p="]


def delegated(name="customer.example", **changes):
    said = {"to": "customer.mail.example.net", **changes.pop("delegated", {})}
    return {"name": name, "mx": "keep", "delegated": said, **changes}


def test_a_delegated_domains_records_live_in_our_zone_and_nothing_is_touched_in_its_own(fleet_of):
    policy = {"policy": "reject", "aggregate_reports": ["dmarc@example.com"]}
    fleet = fleet_of(delegated(dmarc=policy), {"name": "example.com"})
    key = PublicKey("customer.example", "pw1", "AAAA")
    to = "customer.mail.example.net"
    assert at(fleet, f"pw1._domainkey.{to}", keys=[key]) == ["v=DKIM1; h=sha256; k=rsa; s=email; p=AAAA"]
    assert at(fleet, f"_dmarc.{to}") == ["v=DMARC1; p=reject; rua=mailto:dmarc@example.com"]
    assert at(fleet, f"bounce.{to}", "MX") == ["10 mx1.example.com."]
    assert at(fleet, f"bounce.{to}") == ["v=spf1 ip4:192.0.2.10 ip4:192.0.2.20 ~all"]
    assert at(fleet, "customer.example._report._dmarc.example.com") == ["v=DMARC1"]
    assert not [it.name for it in desired(fleet, [key]) if it.name.endswith("customer.example")]
    assert delegation.asked(fleet) == (
        ("pw1._domainkey.customer.example", f"pw1._domainkey.{to}"),
        ("pw2._domainkey.customer.example", f"pw2._domainkey.{to}"),
        ("_dmarc.customer.example", f"_dmarc.{to}"),
        ("bounce.customer.example", f"bounce.{to}"),
    )


def test_the_cnames_of_a_delegated_domain_are_published_where_we_hold_its_zone(fleet_of):
    fleet = fleet_of(delegated("shop.held.example"))
    names = {it.name: it.rdata for it in desired(fleet, ()) if it.type == "CNAME"}
    assert names == {
        "pw1._domainkey.shop.held.example": "pw1._domainkey.customer.mail.example.net.",
        "pw2._domainkey.shop.held.example": "pw2._domainkey.customer.mail.example.net.",
        "_dmarc.shop.held.example": "_dmarc.customer.mail.example.net.",
        "bounce.shop.held.example": "bounce.customer.mail.example.net.",
    }
    assert delegation.asked(fleet) == ()
    assert at(fleet, "shop.held.example") == []
    assert at(fleet, "shop.held.example", "MX") == []


def test_what_the_owner_keeps_is_neither_published_nor_asked_for(fleet_of):
    fleet = fleet_of(delegated(delegated={"dmarc": False, "return_path": None, "selectors": ["only"]}))
    assert [name for name, _ in delegation.asked(fleet)] == ["only._domainkey.customer.example"]
    assert [it.name for it in desired(fleet, ()) if it.name.endswith("mail.example.net")] == []


def test_a_key_receivers_are_not_led_to_is_an_error_that_says_what_to_do(fleet_of):
    fleet = fleet_of(delegated())
    with pytest.raises(InventoryError, match=r"has a key pw20261122, but no CNAME leads .* add 'pw20261122' to"):
        desired(fleet, [PublicKey("customer.example", "pw20261122", "AAAA")])


def test_a_key_from_before_the_delegation_stays_where_it_is_if_we_hold_the_zone(fleet_of):
    fleet = fleet_of(delegated("shop.held.example"))
    key = PublicKey("shop.held.example", "pw20261122", "AAAA")
    assert at(fleet, key.name, keys=[key]) == ["v=DKIM1; h=sha256; k=rsa; s=email; p=AAAA"]


def test_what_a_receiver_asks_for_is_looked_up_where_it_is_led(fleet_of):
    fleet = fleet_of(delegated(), {"name": "example.com"})
    assert delegation.home(fleet, "pw1._domainkey.customer.example") == "pw1._domainkey.customer.mail.example.net"
    assert delegation.home(fleet, "pw1._domainkey.example.com") == "pw1._domainkey.example.com"


def test_what_we_once_wrote_at_a_delegated_domain_is_left_to_its_owner(fleet_of):
    assert released(fleet_of(delegated("held.example"))) == {("held.example", "MX"), ("held.example", "TXT")}
