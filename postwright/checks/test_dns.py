"""What the world is told about the fleet, asked of every authoritative server; the plan itself is the check."""

from __future__ import annotations

from postwright.checks.lookups import asked, found, spf_record
from postwright.checks.unknown import UnknownError
from postwright.dns import propagation, spf
from postwright.dns.canonical import txt_octets
from postwright.dns.kinds import dmarc, senders
from postwright.dns.records import desired
from postwright.errors import ProviderError
from postwright.inventory import Project
from postwright.keys.keyring import public_keys
from postwright.model import Address, Domain, Host
from postwright.publishing import dns_plan
from postwright.rotation.living import living
from postwright.terms import Terms


def test_nothing_is_due_in_dns(project: Project) -> None:
    """DNS is as the inventory says: nothing to add, change or remove."""
    try:
        plan = dns_plan(project, Terms())
    except ProviderError as error:
        raise UnknownError(str(error)) from None
    changes = [f"{change.name} {change.type}" for zone in plan.zones for change in zone.net]

    conflicts = [f"{conflict.name} {conflict.type}: {conflict.reason}" for conflict in plan.conflicts]

    assert not conflicts, f"in conflict: {'; '.join(conflicts)}"
    assert not changes, f"due: {', '.join(changes)}; see `postwright plan`"


def test_every_name_server_agrees(project: Project) -> None:
    """Every authoritative server of every zone answers every record."""
    # Without TLSA, which depends on the zone being signed; that has a check of its own.
    wanted = desired(project.fleet, public_keys(living(project)))
    seen = propagation.wait_until_seen(project.fleet, wanted, 0)
    if seen.state == "unknown":
        raise UnknownError("; ".join(seen.problems))

    assert seen.state == "ok", "; ".join(seen.problems)


def test_address_is_forward_confirmed(address: tuple[Host, Address], project: Project) -> None:
    """The address's PTR is its HELO name, and that name's address is the address."""
    _, ours = address
    names = found(project, ours.ip.reverse_pointer, "PTR")
    kind = "A" if ours.ip.version == 4 else "AAAA"

    said = [name.rstrip(".").lower() for name in names]

    assert said == [ours.helo], f"its PTR is {', '.join(said) or 'missing'}, not {ours.helo}"
    forward = asked(project, ours.helo, kind)
    assert str(ours.ip) in forward, f"{ours.helo} {kind} is {', '.join(forward) or 'missing'}, not {ours.ip}"


def test_one_spf_record(sender: Domain, project: Project) -> None:
    """The domain has exactly one SPF record, and it names every address that sends."""
    record = spf_record(project, senders.envelope_name(sender) or sender.name)
    if sender.spf_include:
        assert f"include:{sender.spf_include}" in spf.tokens_of(record), f"{sender.spf_include} is not in {record}"
        record = spf_record(project, sender.spf_include)

    addresses = [address.ip for host in project.fleet.hosts_of(sender) for address in host.addresses]
    missing = spf.missing(record, [f"ip{ip.version}:{ip}" for ip in addresses])
    assert not missing, f"{', '.join(missing)} is not in {record}"


def test_dmarc_is_published(policy_owner: Domain, project: Project) -> None:
    """The domain has exactly one DMARC record, with the policy of the inventory."""
    texts = [txt_octets(text).decode() for text in asked(project, dmarc.policy_name(policy_owner) or "", "TXT")]

    assert len(texts) == 1, f"it has {len(texts)}"
    expected = txt_octets(dmarc.record(policy_owner.dmarc)).decode()
    assert texts[0] == expected, f"it is {texts[0]!r}, not {expected!r}"


def test_helo_names_have_spf(address: tuple[Host, Address], project: Project) -> None:
    """The HELO name has an SPF record of its own: bounces have no other name to be judged by."""
    _, ours = address
    record = spf_record(project, ours.helo)

    assert not spf.missing(record, [f"ip{ours.ip.version}:{ours.ip}"]), f"{ours.ip} is not in {record}"
