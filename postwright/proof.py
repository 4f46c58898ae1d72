"""Proves that hosts sign: a message is submitted on each, and its signatures verified with the keys DNS shows.

DNS is asked through ``key_text``, so that what verifies is what the world sees and not what we meant to publish.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from email import message_from_string

from postwright.errors import DeployError
from postwright.hosts import runner
from postwright.inventory import Project
from postwright.keys.signing import Held
from postwright.services.postfix import PROOF_PORT

DOMAINS_PER_HOST = 20  # a message each; with thousands of domains those whose key changes come first, and all of them

KeyText = Callable[[str], bytes | None]


@dataclass(frozen=True)
class Signature:
    """One verified signature: host, d= and s=."""

    host: str
    domain: str
    selector: str


class ProofFailed(DeployError):  # noqa: N818 - what happened
    """Messages that do not verify; ``reasons``: domain → why."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        self.reasons = dict(reasons)
        super().__init__("\n".join(reasons.values()))


def prove_signing(
    project: Project, keys: Mapping[str, Collection[Held]], key_text: KeyText, first: Collection[str] = ()
) -> list[Signature]:
    """A verified signature per host, domain and key; ProofFailed lists everything that does not verify.

    ``keys``: those each host is to have. ``key_text`` answers the TXT of a name, or None. ``first`` are domains that must
    be among those looked at.
    """
    signing = {host: _by_domain(held) for host, held in keys.items()}
    chosen = {host: _chosen(list(found), first) for host, found in signing.items()}
    requests = {
        host.name: {"hostname": host.fqdn, "port": PROOF_PORT, "domains": chosen[host.name]}
        for host in project.fleet.hosts
    }
    answers = runner.run_script(project, "prove", requests)
    results = [
        result
        for host, answer in answers.items()
        for domain, text in answer["messages"].items()
        for result in _verified(host, domain, text, signing[host][domain], key_text)
    ]
    reasons = {
        domain: f"host {host}: {domain}: Postfix did not take the message: {said}; see `journalctl -u opendkim` there"
        for host, answer in answers.items()
        for domain, said in answer["refused"].items()
    }
    reasons |= dict(result for result in results if isinstance(result, tuple))
    if reasons:
        raise ProofFailed(reasons)
    return [result for result in results if isinstance(result, Signature)]


def _by_domain(held: Collection[Held]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key in held:
        if key.signs:
            found.setdefault(key.domain, []).append(key.selector)
    return found


def _chosen(domains: list[str], first: Collection[str]) -> list[str]:
    """Those that must be looked at, then others up to the number."""
    urgent = set(first)
    ordered = sorted(domains, key=lambda name: name not in urgent)
    return ordered[: max(DOMAINS_PER_HOST, sum(name in urgent for name in domains))]


def _verified(
    host: str, domain: str, text: str, selectors: Collection[str], key_text: KeyText
) -> Iterator[Signature | tuple[str, str]]:
    """Each signature of a message, or its domain and what is wrong with it."""
    headers = message_from_string(text).get_all("DKIM-Signature", [])
    made = [_tags(header) for header in headers]
    strange = [f"{tags.get('s')} of {tags.get('d')}" for tags in made if tags.get("d") != domain]
    missing = set(selectors) - {tags.get("s") for tags in made if tags.get("d") == domain}
    if strange:
        yield domain, f"host {host}: {domain}: signed with {', '.join(strange)}, which does not align"
    elif missing:
        others = ", ".join(str(tags.get("s")) for tags in made) or "not at all"
        wanted = ", ".join(sorted(missing))
        yield (
            domain,
            f"host {host}: {domain}: not signed with {wanted} but {others}; see `journalctl -u opendkim` there",
        )
    for position, tags in enumerate(made):
        if tags.get("d") == domain:
            problem = _problem(text, position, key_text)
            where = f"host {host}: {domain}: the signature by {tags.get('s')}"
            yield (domain, f"{where} {problem}") if problem else Signature(host, domain, str(tags.get("s")))


def _tags(header: str) -> dict[str, str]:
    pairs = (tag.partition("=") for tag in re.sub(r"\s", "", str(header)).split(";"))
    return {name: value for name, _, value in pairs}


def _problem(text: str, position: int, key_text: KeyText) -> str:
    """What is wrong with a message's signature; empty if nothing is."""

    def answer(name: bytes, timeout: int = 5) -> bytes | None:  # noqa: ARG001 - dkimpy's interface
        return key_text(name.decode().rstrip("."))

    import dkim  # noqa: PLC0415 - loads more than all else, and most runs have nothing to prove

    try:
        valid = dkim.DKIM(text.replace("\n", "\r\n").encode()).verify(idx=position, dnsfunc=answer)
    except dkim.DKIMException as error:
        return f"cannot be verified: {error}"
    return "" if valid else "does not verify with the key in DNS"
