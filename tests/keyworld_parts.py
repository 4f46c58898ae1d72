"""What the world of ``keyworld`` is made of: its inventory, mail, name servers, and what stands in for slow things."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

from support import another_host, host_data, mail_fleet, project

from postwright.dns.kinds import dkim

SHOP, CUSTOMER = "shop.test", "customer.test"  # the second is led to us: its selectors are given
ZONES = SHOP, "post.test"
START = datetime(2026, 11, 22, tzinfo=UTC)
LIFETIME = timedelta(days=5)  # of mail in a queue
KEEP = timedelta(days=30)  # a key stays revoked that long
SERVERS = 2


@dataclass(frozen=True)
class Config:
    """What the inventory says. ``shop``: the hosts that send for SHOP; empty: it is taken out of the inventory."""

    hosts: tuple[str, ...] = ("h1",)
    shop: tuple[str, ...] = ("h1",)
    per_host: bool = False
    algorithm: str = "rsa"
    bits: int = 2048
    rotate_every: str | None = None
    selectors: tuple[str, ...] = ("pw1", "pw2")
    ttl: int = 3600


@cache
def project_for(base, config):
    """The project of a configuration."""
    customer = {"to": "customer.post.test", "selectors": list(config.selectors), "dmarc": False, "return_path": None}
    domains = [{"name": CUSTOMER, "mx": "keep", "delegated": customer}]
    domains += [{"name": SHOP, "hosts": list(config.shop)}] if config.shop else []
    keys = {"per_host": config.per_host, "algorithm": config.algorithm, "bits": config.bits}
    keys |= {"rotate_every": config.rotate_every, "selector": "pw{date}"}
    sound = mail_fleet()
    fleet = sound | {
        "domains": domains,
        "zones": [*sound["zones"], *({"name": name, "provider": "ns1", "ttl": config.ttl} for name in ZONES)],
        "keys": sound["keys"] | keys,
    }
    others = (
        another_host(name, fleet, addresses=[(f"192.0.2.{20 + number}", f"{name}.example.com")])
        for number, name in enumerate(config.hosts[1:])
    )
    return project(base, host_data(config.hosts[0], fleet=fleet), *others)


@dataclass(frozen=True)
class Signed:
    """One signature: what its d= and s= are, and the public half of what made it."""

    domain: str
    selector: str
    p: str


@dataclass
class Message:
    """Mail in a host's queue."""

    host: str
    signatures: tuple[Signed, ...]
    arrived: datetime
    held: bool = False


@dataclass
class Server:
    """An authoritative server; one that lags has not taken over what the first one has."""

    texts: dict[str, str] = field(default_factory=dict)  # name → rdata
    down: bool = False
    lags: bool = False


def public_of(rdata):
    return dkim.public_part(rdata).decode()


def signing(held):
    """Domain → the selectors a host is to sign with."""
    return lying([key for key in held if key.signs])


def lying(held):
    """Domain → the selectors of the keys that lie on a host."""
    found = defaultdict(set)
    for key in held:
        found[key.domain].add(key.selector)
    return dict(found)


def names_of(table):
    return {domain: {it.selector for it in found} for domain, found in table.items()}


class OneByOne:
    """In place of threads, in which a greenlet cannot pause."""

    def __init__(self, *_workers):
        self.map = map

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        pass


def cheap(generate):
    """Real keys, of the kind that is made in no time; nothing here looks at their kind."""
    return lambda _algorithm, _bits: generate("ed25519", 256)
