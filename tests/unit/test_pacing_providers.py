"""A domain belongs to a provider if every one of its MX hosts does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postwright.pacing.providers import PROVIDERS, Provider, classify

NAMED = [it for it in PROVIDERS if it.suffixes]
labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("aspmx.l.google.com", "google"),
        ("smtp.google.com", "google"),
        ("aspmx3.googlemail.com", "google"),
        ("example-com.mail.protection.outlook.com", "microsoft365"),
        ("example-com.a-v1.mx.microsoft", "microsoft365"),
        ("outlook-com.olc.protection.outlook.com", "outlook"),
        ("mta5.am0.yahoodns.net", "yahoo"),
        ("mx01.mail.icloud.com", "apple"),
        ("mx0a-00123456.pphosted.com", "proofpoint"),
        ("mx1-us1.ppe-hosted.com", "proofpoint"),
        ("eu-smtp-inbound-1.mimecast.com", "mimecast"),
        ("za-smtp-inbound-1.mimecast.co.za", "mimecast"),
        ("je-smtp-inbound-1.mimecast-offshore.com", "mimecast"),
        ("mx1.mxge.comcast.net", "comcast"),
        ("smtp-in.orange.fr", "orange"),
        ("mx00.emig.gmx.net", "gmx"),
        ("mx-ha02.web.de", "gmx"),
        ("mx1.mail.yahoo.co.jp", "yahoojapan"),
        ("d12345a.ess.barracudanetworks.com", "barracuda"),
        ("mx1.netvigator.com", "netvigator"),
        ("mx.kpnmail.nl", "kpn"),
        ("mx1.qq.com", "qq"),
        ("163mx01.mxmail.netease.com", "netease"),
        ("mx00.mail.com", "mailcom"),
        ("mx1.example.net", "other"),
    ],
)
def test_a_host_of_a_provider_is_known_in_any_spelling(host, provider):
    assert classify([host], PROVIDERS) == provider
    assert classify([host.upper() + "."], PROVIDERS) == provider


def test_a_domain_that_mixes_providers_belongs_to_none():
    assert classify(["aspmx.l.google.com", "mx1.example.net"], PROVIDERS) == "other"
    assert classify(["aspmx.l.google.com", "mx01.mail.icloud.com"], PROVIDERS) == "other"
    assert classify(["aspmx.l.google.com", "aspmx3.googlemail.com."], PROVIDERS) == "google"


def test_without_hosts_the_provider_is_unknown():
    assert classify([], PROVIDERS) == "unknown"


def test_the_longest_suffix_decides():
    both = [Provider("wide", ("example.net",), 1, 1), Provider("narrow", ("mx.example.net",), 1, 1)]

    assert classify(["a.mx.example.net"], both) == classify(["a.mx.example.net"], both[::-1]) == "narrow"
    assert classify(["a.example.net"], both) == "wide"


@pytest.mark.parametrize("suffix", ["barracudanetworks.com.", ".barracudanetworks.com", "BarracudaNetworks.Com"])
def test_a_suffix_written_with_dots_or_capitals_matches_all_the_same(suffix):
    assert classify(["d1.ess.barracudanetworks.com"], [Provider("own", (suffix,), 1, 1)]) == "own"


@given(st.sampled_from([(it.name, suffix) for it in NAMED for suffix in it.suffixes]), labels)
def test_a_suffix_matches_whole_labels_only(entry, label):
    name, suffix = entry

    assert classify([f"{label}.{suffix}"], PROVIDERS) == name
    assert classify([f"{label}{suffix}.example"], PROVIDERS) == "other"
    assert classify([f"mx.{label}x{suffix}"], [it for it in PROVIDERS if it.name == name]) == "other"


@given(
    st.lists(labels.map(lambda it: f"{it}.google.com") | labels.map(lambda it: f"{it}.example"), min_size=1),
    st.randoms(),
)
def test_the_order_and_repetition_of_hosts_do_not_matter(hosts, random):
    mixed = hosts * 2
    random.shuffle(mixed)

    assert classify(mixed, PROVIDERS) == classify(hosts, PROVIDERS)


@given(st.lists(st.text(max_size=40), min_size=1, max_size=5))
def test_any_text_from_the_dns_gives_a_known_name(hosts):
    assert classify(hosts, PROVIDERS) in {it.name for it in PROVIDERS}


def test_the_usual_providers_are_in_use_and_each_number_has_a_source():
    usual = "google microsoft365 outlook yahoo apple proofpoint mimecast other unknown"

    assert [it.name for it in PROVIDERS if it.usual] == usual.split()
    assert len({it.name for it in PROVIDERS}) == len(PROVIDERS)
    for it in PROVIDERS:
        assert it.source
        assert it.connections >= 1
        assert it.messages_per_connection >= 1


@pytest.mark.parametrize(
    ("name", "connections", "messages"),
    [
        ("google", 5, 50),
        ("outlook", 5, 50),
        ("microsoft365", 5, 50),
        ("apple", 10, 5),
        ("orange", 2, 100),
        ("gmx", 4, 20),
        ("comcast", 25, 1000),
        ("mimecast", 10, 100),
        ("kpn", 10, 10),
        ("qq", 4, 8),
        ("netease", 4, 7),
    ],
)
def test_the_limits_are_those_of_the_source(name, connections, messages):
    it = next(it for it in PROVIDERS if it.name == name)

    assert (it.connections, it.messages_per_connection) == (connections, messages)
