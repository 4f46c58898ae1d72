"""The zones both tools are run on, and what is to change in them: the DMARC policy of every domain. Pure.

Promise: both tools are given the same records. octoDNS owns whole zones, so its description has the filler too.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from postwright.dns.providers.cloudflare import batches as cloudflare_batches
from postwright.dns.records import desired
from postwright.keys.public import PublicKey
from postwright.model import (
    Address,
    Cloudflare,
    Dmarc,
    Domain,
    Fleet,
    Host,
    Keys,
    MtaSts,
    Rfc2136,
    SecretSource,
    Ssh,
    TlsFiles,
    Zone,
)

TTL = 300
FILLER = "192.0.2.77"


@dataclass(frozen=True)
class Scenario:
    """``zones`` with ``domains`` changes each, and ``filler`` records of others.

    ``rerun``: nothing changes, and each domain has ten records instead of four.
    """

    title: str
    zones: tuple[str, ...]
    domains: int
    filler: int
    rerun: bool = False

    def domains_of(self, zone: str) -> list[str]:
        """The zone itself, where there is one domain only."""
        return [zone] if self.domains == 1 else [f"d{number}.{zone}" for number in range(self.domains)]

    @property
    def names(self) -> list[str]:
        return [name for zone in self.zones for name in self.domains_of(zone)]


MANY = tuple(f"z{number:03}.test" for number in range(1000))
SCENARIOS = {
    "large": Scenario("one zone, 10,000 records of others, 20 changes", ("large.test",), 20, 10_000),
    "many": Scenario("1,000 zones, one change each", MANY, 1, 5),
    "rerun": Scenario("1,000 zones, ten records of ours each, no change", MANY, 1, 5, rerun=True),
}


def fleet(scenario: Scenario, provider: Rfc2136 | Cloudflare, policy: str) -> Fleet:
    """One host, the scenario's domains, and what is published for them."""
    first = scenario.zones[0]
    host = Host(
        name="mail",
        ssh=Ssh(hostname="192.0.2.1"),
        tls=TlsFiles(certificate=Path("cert.pem"), key=Path("key.pem")),
        addresses=(Address(ip="192.0.2.1", helo=f"mail.{first}"),),
    )
    return Fleet(
        hosts=(host,),
        domains=[domain(name, policy, rich=scenario.rerun) for name in scenario.names],
        zones=[Zone(name=name, provider="ns", ttl=TTL) for name in scenario.zones],
        providers={"ns": provider},
        keys=Keys(directory=Path("keys"), passphrase=SecretSource(env="UNUSED")),
        postmaster=f"postmaster@{first}",
        tlsa=False,
    )


def domain(name: str, policy: str, *, rich: bool) -> Domain:
    """MX, SPF and DMARC; ``rich``: MTA-STS, where its policy is, and TLS reports as well."""
    more = {
        "mta_sts": MtaSts(mx=("mx.mail.test",), policy_host="policy.mail.test"),
        "tls_reports": ("tls@mail.test",),
    }
    return Domain(name=name, mx="null", dmarc=Dmarc(policy=policy), **(more if rich else {}))


def keys(scenario: Scenario) -> list[PublicKey]:
    """A public key for each domain, or four; its length is what counts."""
    selectors = ("s1", "s2", "s3", "s4") if scenario.rerun else ("s1",)
    return [PublicKey(name, selector, "A" * 392) for name in scenario.names for selector in selectors]


def write_yaml(scenario: Scenario, wanted: Fleet, directory: Path) -> None:
    """The same in octoDNS's words, a file per zone, with the comments we make at Cloudflare. JSON is YAML."""
    comment = {"octodns": {"cloudflare": {"comment": cloudflare_batches.mark(wanted.deployment)}}}
    found: dict[str, dict[str, dict[str, dict[str, Any]]]] = {zone: _filler(scenario) for zone in scenario.zones}
    for record in desired(wanted, keys(scenario)):
        zone = next(zone for zone in (record.name, *_parents(record.name)) if zone in found)
        label = record.name.removesuffix(zone).rstrip(".")
        entry = {"type": record.type, "ttl": record.ttl, **comment}
        there = found[zone].setdefault(label, {}).setdefault(record.type, entry)
        if record.type == "CNAME":
            there["value"] = record.rdata
        else:
            there.setdefault("values", []).append(_value(record))
    directory.mkdir(parents=True, exist_ok=True)
    for zone, names in found.items():
        text = json.dumps({label: list(types.values()) for label, types in names.items()})
        (directory / f"{zone}.yaml").write_text(text)


def _filler(scenario: Scenario) -> dict[str, dict[str, dict[str, Any]]]:
    entry = {"A": {"type": "A", "ttl": TTL, "values": [FILLER]}}
    return {"ns1": {"A": entry["A"] | {"values": ["127.0.0.1"]}}} | {
        f"r{number:05}": entry for number in range(scenario.filler)
    }


def _parents(name: str) -> list[str]:
    labels = name.split(".")
    return [".".join(labels[start:]) for start in range(1, len(labels))]


def _value(record: Any) -> Any:
    if record.type == "MX":
        preference, exchange = record.rdata.split()
        return {"preference": int(preference), "exchange": exchange}
    if record.type == "TXT":
        return "".join(record.rdata[1:-1].split('" "')).replace(";", "\\;")
    return record.rdata
