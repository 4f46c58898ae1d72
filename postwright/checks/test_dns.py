"""What the world is told about the fleet, asked of every authoritative server; the plan itself is the check."""

from __future__ import annotations

import pytest

from postwright import material
from postwright.apply import joined_text, ledger_of
from postwright.checks.unknown import UnknownError
from postwright.dns import propagation, publish
from postwright.dns.nameservers import NoAnswerError, ask, authoritative
from postwright.dns.plan import DnsPlan
from postwright.dns.propagation import Seen
from postwright.dns.records import desired, zone_for
from postwright.errors import ProviderError
from postwright.inventory import Project
from postwright.keys.public import PublicKey
from postwright.model import Address, Domain, Host


@pytest.fixture(scope="module")
def keys(project: Project) -> tuple[PublicKey, ...]:
    return material.keyring_of(project).public_keys([domain.name for domain in project.fleet.domains])


@pytest.fixture(scope="module")
def plan(project: Project, keys: tuple[PublicKey, ...]) -> DnsPlan:
    try:
        return publish.plan(project.fleet, keys, project.base, ledger_of(project))
    except ProviderError as error:
        raise UnknownError(str(error)) from None


@pytest.fixture(scope="module")
def seen(project: Project, keys: tuple[PublicKey, ...]) -> Seen:
    return propagation.wait_until_seen(project.fleet, desired(project.fleet, keys), 0)


def test_nothing_is_due_in_dns(plan: DnsPlan) -> None:
    """DNS is as the inventory says: nothing to add, change or remove."""
    changes = [f"{change.name} {change.type}" for zone in plan.zones for change in zone.net]

    conflicts = [f"{conflict.name} {conflict.type}: {conflict.reason}" for conflict in plan.conflicts]

    assert not conflicts, f"in conflict: {'; '.join(conflicts)}"
    assert not changes, f"due: {', '.join(changes)}; see `postwright plan`"


def test_every_name_server_agrees(seen: Seen) -> None:
    """Every authoritative server of every zone answers every record."""
    if seen.state == "unknown":
        raise UnknownError("; ".join(seen.problems))

    assert seen.state == "ok", "; ".join(seen.problems)


def test_address_is_forward_confirmed(address: tuple[Host, Address], project: Project) -> None:
    """The address's PTR is its HELO name, and that name's address is the address."""
    _, ours = address
    reverse = ours.ip.reverse_pointer
    ours_to_ask = project.fleet.zone_of(reverse) is not None
    names = _asked(project, reverse, "PTR") if ours_to_ask else _resolved(reverse, "PTR")
    kind = "A" if ours.ip.version == 4 else "AAAA"

    found = [name.rstrip(".") for name in names]

    assert found == [ours.helo], f"its PTR is {', '.join(found) or 'missing'}, not {ours.helo}"
    forward = _asked(project, ours.helo, kind)
    assert str(ours.ip) in forward, f"{ours.helo} {kind} is {', '.join(forward) or 'missing'}, not {ours.ip}"


def test_one_spf_record(domain: Domain, project: Project) -> None:
    """The domain has exactly one SPF record, and it names every address that sends."""
    texts = [text for text in _asked(project, domain.name, "TXT") if text.lower().startswith('"v=spf1')]

    assert len(texts) == 1, f"it has {len(texts)}"
    for host in project.fleet.hosts_of(domain):
        for address in host.addresses:
            assert f"ip{address.ip.version}:{address.ip}" in texts[0], f"{address.ip} is not in {texts[0]}"


def test_dkim_key_is_published(domain: Domain, project: Project) -> None:
    """The key hosts sign with is the one DNS shows, RSA of at least 2048 bits and not in test mode."""
    key = material.keyring_of(project).signing_key(domain.name)
    assert key is not None, "no active key"
    text = (joined_text(project, f"{key.selector}._domainkey.{domain.name}") or b"").decode()
    tags = dict(tag.strip().split("=", 1) for tag in text.split(";") if "=" in tag)

    assert text, f"there is not exactly one TXT at {key.selector}._domainkey.{domain.name}"
    assert tags.get("p") == key.p, f"the key of {key.selector} in DNS is another one"
    assert key.bits >= 2048, f"it has {key.bits} bits"
    assert "y" not in tags.get("t", ""), "it is in test mode (t=y)"


def test_dmarc_is_published(domain: Domain, project: Project) -> None:
    """The domain has exactly one DMARC record, with the policy of the inventory."""
    texts = [text.strip('"') for text in _asked(project, f"_dmarc.{domain.name}", "TXT")]

    assert len(texts) == 1, f"it has {len(texts)}"
    expected = f"v=DMARC1; p={domain.dmarc.policy}"
    assert texts[0].startswith(expected), f"it is {texts[0]!r}, not {expected}"


def test_helo_names_have_spf(address: tuple[Host, Address], project: Project) -> None:
    """The HELO name has an SPF record of its own: bounces have no other name to be judged by."""
    _, ours = address
    texts = [text for text in _asked(project, ours.helo, "TXT") if text.lower().startswith('"v=spf1')]

    assert len(texts) == 1, f"{ours.helo} has {len(texts)}"
    assert str(ours.ip) in texts[0], f"{ours.ip} is not in {texts[0]}"


def _asked(project: Project, name: str, kind: str) -> tuple[str, ...]:
    servers, _ = authoritative(project.fleet, zone_for(project.fleet, name))
    try:
        return ask(servers[0], name, kind)
    except NoAnswerError as error:
        raise UnknownError(f"{name} {kind}: name server {servers[0].name} gives no answer: {error}") from None


def _resolved(name: str, kind: str) -> tuple[str, ...]:
    import dns.exception  # noqa: PLC0415
    import dns.resolver  # noqa: PLC0415

    try:
        return tuple(rdata.to_text() for rdata in dns.resolver.resolve(name, kind, lifetime=5))
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return ()
    except (dns.exception.DNSException, OSError) as error:
        raise UnknownError(f"{name} {kind}: this machine's resolver gives no answer: {error}") from None
