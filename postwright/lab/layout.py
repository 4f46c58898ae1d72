"""Where everything of a lab stands: its number, names, addresses and paths.

Promise: pure arithmetic; touches neither files nor the network.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_network
from pathlib import Path

from postwright.errors import LabError

RUN = Path("/run/postwright/lab")
CACHE = Path("/var/cache/postwright/lab")

MACHINE = 1
RESOLVER = 54
# Those from mx3 on have the packages of a mail host already, so that trials need not wait for apt.
INSTALLED = {"mx3": 13, **{f"mx{number}": 10 + number for number in range(4, 9)}}
LAST_BYTE = {"mx1": 10, "mx2": 11, **INSTALLED, "mx12": 12, "receiver": 20, "ns": 53}
HOSTS = tuple(LAST_BYTE)
SENDERS = ("mx1", "mx2", *INSTALLED, "mx12")
DEFAULT_HOSTS = ("mx1", "receiver", "ns")
TRIXIE, BOOKWORM = "trixie", "bookworm"
RELEASES = {"mx12": BOOKWORM}  # all others are Debian 13

SENDING_DOMAIN = "shop.test"
RECEIVING_DOMAIN = "bigmail.test"
RECEIVER_NAME = f"mx.{RECEIVING_DOMAIN}"
ACME_NAME = "acme.test"
ACME_PORT, ACME_MANAGEMENT_PORT = 14000, 15000
SIGNED_ZONES = ("test", SENDING_DOMAIN, RECEIVING_DOMAIN)


def default_name() -> str:
    """The lab that is meant where none is named."""
    return os.environ.get("POSTWRIGHT_LAB") or "lab"


@dataclass(frozen=True)
class Layout:
    """One lab; ``number`` is the byte that keeps its addresses apart from those of other labs."""

    name: str
    number: int

    @classmethod
    def named(cls, name: str | None = None) -> Layout:
        """``lab`` is number 0, ``lab1`` to ``lab9`` are 1 to 9."""
        name = name or default_name()
        match = re.fullmatch(r"lab([1-9]?)", name)
        if match is None:
            msg = f"lab {name!r}: a lab is called lab, or lab1 to lab9; set POSTWRIGHT_LAB to one of them"
            raise LabError(msg)
        return cls(name, int(match[1] or 0))

    @property
    def v4_prefix(self) -> str:
        return f"10.78.{self.number}"

    @property
    def v6_prefix(self) -> str:
        return f"fd78:0:0:{self.number}"

    def v4(self, last: int) -> str:
        return str(IPv4Address(f"{self.v4_prefix}.{last}"))

    def v6(self, last: int) -> str:
        """The IPv6 twin of an IPv4 address: the same decimal digits in the last group (.53 and ::53)."""
        return str(IPv6Address(f"{self.v6_prefix}::{last}"))

    def addresses(self, host: str) -> tuple[str, str]:
        last = LAST_BYTE[known(host)]
        return self.v4(last), self.v6(last)

    def mac(self, host: str) -> str:
        """The same after each reset: neighbours remember it."""
        return f"02:70:77:00:{self.number:02x}:{LAST_BYTE[known(host)]:02x}"

    @property
    def resolvers(self) -> tuple[str, str]:
        return self.v4(RESOLVER), self.v6(RESOLVER)

    @property
    def v4_reverse_zone(self) -> str:
        return f"{self.number}.78.10.in-addr.arpa"

    @property
    def v6_reverse_zone(self) -> str:
        network = ip_network(f"{self.v6_prefix}::/64")
        nibbles = network.network_address.exploded.replace(":", "")[:16]
        return ".".join(reversed(nibbles)) + ".ip6.arpa"

    @property
    def bridge(self) -> str:
        return f"pw{self.number}"

    @property
    def nat_table(self) -> str:
        return f"pw{self.number}_nat"

    def unit(self, host: str) -> str:
        """The name of a host's network namespace, link, cgroup and machine."""
        return f"pw{self.number}-{known(host)}"

    @property
    def directory(self) -> Path:
        """The registry: a tmpfs that holds all that a running lab consists of, and goes with it."""
        return RUN / self.name

    @property
    def vault(self) -> Path:
        return self.directory / "secrets"


def known(host: str) -> str:
    """The host's name, if a lab has such a host."""
    if host not in LAST_BYTE:
        msg = f"lab: there is no host {host!r}; the hosts are {', '.join(HOSTS)}"
        raise LabError(msg)
    return host
