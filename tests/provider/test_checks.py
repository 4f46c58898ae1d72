"""The shipped checks against a real name server: ok when all is as published, failed with the reason when it is not.

One server is enough, for checks ask like anybody else. What lies outside the zone (a policy's web server, a customer's own
zone) cannot be reached from a test: there the answer must be "unknown", never "ok".
"""

from pathlib import Path

import pytest
from support import certificate, signing_key

from postwright.checks import run
from postwright.inventory import Project
from postwright.keys.keyring import Keyring, public_keys
from postwright.model import Bimi, Delegated, Dmarc, Domain, MtaSts

pytestmark = pytest.mark.backends("knot")


@pytest.fixture
def published(world):
    """A project with every kind of domain, all of it published; gives a function that runs checks on it."""
    zone = world.zone
    first = Domain(
        name=zone,
        spf_include=f"_spf.{zone}",
        dmarc=Dmarc(policy="quarantine", aggregate_reports=("dmarc@vendor.invalid",)),
        mta_sts=MtaSts(mode="enforce"),
        tls_reports=(f"tls@{zone}",),
        bimi=Bimi(logo="https://www.example/logo.svg"),
    )
    shop = Domain(name=f"shop.{zone}", mx="keep", delegated=Delegated(to=f"led.{zone}", selectors=("pw1",)))
    customer = Domain(
        name="customer.invalid", mx="keep", delegated=Delegated(to=f"customer.{zone}", selectors=("pw1",))
    )
    said = {
        "domains": (first, shop, customer),
        "parked": (f"old.{zone}",),
        "certificate_authorities": ("ca.example",),
        "ledger": Path("ledger"),
    }
    fleet = world.fleet().model_copy(update=said)
    (world.project / "cert.pem").write_text(certificate(f"mail1.{zone}")[0])
    names = [domain.name for domain in fleet.domains]
    ring = Keyring(world.project / "keys")
    for name in names:
        signing_key(ring, name, "pw1")
    world.apply(fleet, public_keys(ring.read(names)))
    project = Project(fleet, world.project / "inventory.py")

    def outcomes(only):
        results = run.run(project, only, lambda _: None).results
        return {(it.where, it.promise.partition(":")[0]): (it.outcome, it.reason) for it in results}

    return outcomes


def of(outcomes, words):
    (found,) = [outcome for (_, promise), outcome in outcomes.items() if words in promise]
    return found


def test_all_that_is_published_is_found_and_what_cannot_be_reached_is_unknown(world, published):
    found = published(world.zone)
    # The domain: SPF, DKIM twice, DMARC, TLS reports, MTA-STS twice, consents; the one led to us: SPF, DKIM twice, DMARC,
    # CNAMEs. And what its hosts, which nobody can reach, take in.
    assert len(found) == 16
    intake = [
        found.pop(next(key for key in found if words in key[1])) for words in ("RFC 2142", "nobody has", "to are taken")
    ]
    unreachable = {words: found.pop(next(key for key in found if words in key[1])) for words in ("fetch", "consented")}
    assert {outcome for outcome, _ in intake} == {"unknown"}
    assert {outcome for outcome, _ in unreachable.values()} <= {"unknown", "failed"}
    assert unreachable["fetch"][0] == "unknown"
    assert {key: value for key, value in found.items() if value != ("ok", "")} == {}


def test_the_plan_itself_is_a_check_that_nothing_is_due(world, published):
    assert of(published("nothing to add"), "DNS is as the inventory says") == ("ok", "")
    assert of(published("authoritative server"), "Every authoritative server") == ("ok", "")
    world.outsider.delete(f"old.{world.zone}", "MX")
    assert of(published("nothing to add"), "DNS is as the inventory says") == (
        "failed",
        f"due: old.{world.zone} MX; see `postwright plan`",
    )
    outcome, reason = of(published("authoritative server"), "Every authoritative server")
    assert (outcome, f"old.{world.zone} MX at" in reason) == ("failed", True)


def test_a_delegated_domain_is_proven_where_its_owner_leads_to(published):
    found = published("customer.invalid")
    assert of(found, "lately signed with") == ("ok", "")
    assert of(found, "one SPF record") == ("ok", "")
    assert of(found, "one DMARC record") == ("ok", "")
    outcome, reason = of(found, "CNAMEs")
    assert outcome != "ok"
    assert "customer.invalid" in reason


def test_a_key_that_is_revoked_in_the_keyring_alone_is_told(world, published):
    """Whoever has it could still sign as the domain."""
    ring = Keyring(world.project / "keys")
    (key,) = ring.keys(world.zone)
    ring.write(world.zone, (key.to("retiring", key.since).to("revoked", key.since),))
    found = {where: outcome for (where, promise), outcome in published(world.zone).items() if "empty p=" in promise}

    assert found[world.zone] == ("failed", "pw1 still has a key in DNS")
    assert found[f"shop.{world.zone}"] == ("ok", "")


def test_what_others_changed_is_told_by_its_check(world, published):
    zone, outsider = world.zone, world.outsider
    for name, rdtype in (
        (f"_smtp._tls.{zone}", "TXT"),
        (f"_mta-sts.{zone}", "TXT"),
        (f"_spf.{zone}", "TXT"),
        (f"bounce.shop.{zone}", "CNAME"),
        (f"_dmarc.led.{zone}", "TXT"),
    ):
        outsider.delete(name, rdtype)
    outsider.add(f"_spf.{zone}", "TXT", '"v=spf1 ip4:192.0.2.99 -all"')
    outsider.add(f"bounce.shop.{zone}", "CNAME", "elsewhere.example.")
    found = published(zone)
    failed = {
        (where.removesuffix(zone), promise): reason
        for (where, promise), (how, reason) in found.items()
        if how == "failed"
    }
    reasons = " | ".join(failed.values())
    for said in (
        "it says nothing, not",
        "it announces nothing, not",
        f"ip4:{world.ip(1)} is not in",
        f"bounce.shop.{zone} leads to elsewhere.example., not to bounce.led.{zone}.; ask its owner",
        "it has 0",
    ):
        assert said in reasons


def test_the_nearest_authorities_decide_who_may_issue(world, published):
    zone, outsider = world.zone, world.outsider
    assert of(published("certificate authorities"), "certificate authorities") == ("ok", "")
    outsider.delete(f"mail1.{zone}", "CAA")
    outsider.add(zone, "CAA", '0 issue "other.example"')
    outcome, reason = of(published("certificate authorities"), "certificate authorities")
    assert outcome == "failed"
    assert reason == f'ca.example may not: {zone} has CAA 0 issue "other.example"'
