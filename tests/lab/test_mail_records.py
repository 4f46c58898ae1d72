"""Every mail record at once, on real hosts; and plans as files, taken back again."""

import json
from pathlib import Path

import dns.message
import dns.query
import dns.rdatatype
import pytest
from operators import lab_operator, leave

from postwright.lab import mail, state

pytestmark = pytest.mark.lab

LAB, HOST = "lab7", "mx3"

# Beside what the lab's inventory says: every other record a domain can have. The customer's zone is ours to hold as well,
# as its names lie in shop.test; that of the stranger is not, and nobody has led it to us.
EVERYTHING = """
fleet["domains"][0] |= {
    "spf_include": "_spf.shop.test",
    "mta_sts": {"policy_host": "www.bigmail.test"},
    "tls_reports": ["tls@shop.test", "https://reports.bigmail.test/tls"],
    "bimi": {"logo": "https://www.shop.test/logo.svg"},
}
fleet["domains"][0]["aliases"]["tls"] = "ops@bigmail.test"
fleet["domains"] += [
    {"name": "customer.shop.test", "mx": "keep", "delegated": {"to": "customer.hold.shop.test"},
     "dmarc": {"policy": "quarantine", "test": True}},
    {"name": "stranger.test", "mx": "keep", "delegated": {"to": "stranger.hold.shop.test"}},
]
fleet["logins"][0]["senders"] += ["@customer.shop.test", "@stranger.test"]
fleet["parked"] = ["parked.shop.test"]
fleet["certificate_authorities"] = ["ca.shop.test"]
"""
PLAIN_SPF = 'fleet["domains"][0]["spf_all"] = "-all"'


@pytest.fixture(scope="module")
def operator(tmp_path_factory):
    made = lab_operator(tmp_path_factory.mktemp("records"), LAB, HOST)
    made.run("apply", "--yes", "--no-verify")
    yield made
    leave(made)


@pytest.fixture(scope="module")
def rich(operator):
    return operator.changed("rich", EVERYTHING)


def asked(name, rdtype):
    """What the zone's name server says, CNAMEs followed."""
    query = dns.message.make_query(name, rdtype)
    answer = dns.query.tcp(query, state.load(LAB).nameserver, timeout=5).answer
    return [rdata for rrset in answer if rrset.rdtype == dns.rdatatype.from_text(rdtype) for rdata in rrset]


def txt(name):
    return [b"".join(rdata.strings).decode() for rdata in asked(name, "TXT")]


def test_every_record_is_published_and_proven_and_nothing_is_due_afterwards(rich):
    landed = rich.json("apply", "--yes", "--no-verify")

    assert {it["domain"] for it in landed["proven"]} == {"shop.test", "customer.shop.test"}
    assert txt("shop.test") == ["v=spf1 include:_spf.shop.test ~all"]
    assert txt("_mta-sts.shop.test")[0].startswith("v=STSv1; id=")
    assert txt("_smtp._tls.shop.test") == ["v=TLSRPTv1; rua=mailto:tls@shop.test,https://reports.bigmail.test/tls"]
    assert txt("default._bimi.shop.test")[0].startswith("v=BIMI1; l=https:")
    assert txt("parked.shop.test") == ["v=spf1 -all"]
    assert txt("_dmarc.customer.shop.test") == ["v=DMARC1; p=quarantine; t=y; pct=0"]
    plan = rich.json("plan")
    assert plan["empty"], plan


def test_every_check_passes_with_every_record(rich):
    results = rich.json("verify", check=False)

    bad = [f"{it['promise']} {it['where']}: {it['reason']}" for it in results["checks"] if it["outcome"] != "ok"]
    # Of the stranger's domain that is what they are for, and in the lab nobody serves policies over HTTPS.
    bad = [line for line in bad if "stranger.test" not in line and "mta-sts.shop.test" not in line]
    assert not bad


@pytest.mark.usefixtures("rich")
def test_a_message_of_a_delegated_domain_passes_by_the_key_in_our_zone():
    found = mail.exchange(name=LAB, host=HOST, sender="shop@customer.shop.test")

    assert (found.dkim_passed, found.dmarc) == (True, "pass")
    assert found.dkim[0].selector == "pw1"


def test_a_domain_nobody_has_led_to_us_is_told_and_sends_nothing(rich):
    """Unsigned mail would burn its name; a refusal is seen at once."""
    plan = rich.run("plan")

    assert "ask its owner for pw1._domainkey.stranger.test CNAME pw1._domainkey.stranger.hold.shop.test." in plan.stdout
    with pytest.raises(Exception, match="not owned"):
        mail.exchange(name=LAB, host=HOST, sender="shop@stranger.test")


def test_the_certificate_in_dns_is_the_one_that_is_served(operator):
    """The lab's zone is signed, so the first apply already published it."""
    name = f"_25._tcp.{HOST}.shop.test"
    served = operator.on_host(
        f"openssl s_client -starttls smtp -connect {HOST}.shop.test:25 </dev/null 2>/dev/null | openssl x509 -pubkey -noout"
        " | openssl pkey -pubin -outform DER | sha256sum | cut -c1-64"
    ).stdout.strip()

    assert [rdata.cert.hex() for rdata in asked(name, "TLSA")] == [served]


def test_going_back_to_less_needs_force(operator):
    """Most of our records would go, and a policy with them."""
    refused = operator.run("apply", "--yes", check=False)
    operator.run("apply", "--yes", "--force", "--no-verify")

    assert refused.returncode == 1
    assert "would be deleted" in refused.stderr
    assert "p from reject to none" in refused.stderr
    assert txt("parked.shop.test") == []
    assert operator.json("plan")["empty"]


def test_a_saved_plan_is_carried_out_without_asking_and_only_once(operator):
    strict = operator.changed("strict", PLAIN_SPF)
    strict.run("plan", "--out", "plan.json")
    before = txt("shop.test")
    landed = strict.json("apply", "--plan", "plan.json", "--no-verify")
    again = strict.run("apply", "--plan", "plan.json", check=False)

    assert before != txt("shop.test")
    assert "shop.test" in landed["zones"]
    assert again.returncode == 1
    assert "no longer holds" in again.stderr


def test_a_saved_plan_for_a_zone_that_moved_is_refused(operator):
    operator.run("plan", "--out", "plan.json")
    operator.run("apply", "--yes", "--no-verify")
    before = txt("shop.test")
    done = operator.run("apply", "--plan", "plan.json", check=False)

    assert done.returncode == 1
    assert "zone shop.test" in done.stderr
    assert txt("shop.test") == before


def test_undo_brings_dns_back_and_apply_does_it_again(operator):
    strict = operator.changed("undone", PLAIN_SPF)
    before = txt("shop.test")
    strict.run("apply", "--yes", "--no-verify")
    done = strict.run("undo", "--yes")

    assert "taken back in 1 zone" in done.stdout
    assert txt("shop.test") == before
    assert operator.json("plan")["empty"]


def test_an_edited_plan_is_refused_as_wrong_usage(operator):
    operator.run("plan", "--out", "plan.json")
    path = Path(operator.folder) / "plan.json"
    document = json.loads(path.read_text())
    document["made"] = "yesterday"
    path.write_text(json.dumps(document))
    done = operator.run("apply", "--plan", "plan.json", check=False)

    assert done.returncode == 2
    assert "was changed after it was made" in done.stderr
