"""A zone nobody's API reaches: a real Knot, and a person who does by hand what the written file says, and nothing else.

The person reads the file as a person would, sharing no code with postwright, and stops where the lines to take out are not
there exactly so.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.rrset
import dns.tsig
import dns.update
from provider.backends import knot
from provider.backends.server import DnsBackend

from postwright.model import Zonefile

DIRECTORY = Path("to-paste")


@dataclass
class ZonefileBackend(DnsBackend):
    """What Knot serves, changed by hand."""

    @property
    def endpoint(self) -> None:
        return None

    def provider(self, _project: Path, **changes: Any) -> Zonefile:
        return Zonefile(kind="zonefile", directory=changes.get("directory", DIRECTORY))

    def zone_fields(self, _zone: str) -> dict[str, Any]:
        return {"servers": (f"127.0.0.1@{self.place.port}",)}

    def settle(self, project: Path) -> None:
        """Paste every file there is."""
        for file in sorted((project / DIRECTORY).glob("*.txt")):
            self.paste(file)

    def paste(self, file: Path) -> None:
        """Replace record set by record set, in their order."""
        for section in file.read_text().split("\n\n; ")[1:]:
            lines = section.splitlines()[1:]
            out = [line.removeprefix(";- ") for line in lines if line.startswith(";- ")]
            assert self._are_there(out), f"not there exactly so: {out}"
            self._replace(file.stem, out, [line for line in lines if not line.startswith(";")])

    def _replace(self, zone: str, out: list[str], into: list[str]) -> None:
        key = dns.tsig.Key("writer.", self.place.writer, "hmac-sha256.")
        update = dns.update.UpdateMessage(f"{zone}.", keyring=key)
        for line in out:
            name, _, _, rdtype, rdata = line.split(" ", 4)
            update.delete(name, dns.rdata.from_text("IN", rdtype, rdata))
        for line in into:
            name, ttl, _, rdtype, rdata = line.split(" ", 4)
            update.add(name, int(ttl), dns.rdata.from_text("IN", rdtype, rdata))
        code = dns.query.tcp(update, "127.0.0.1", port=self.place.port, timeout=10).rcode()
        assert code == dns.rcode.NOERROR, dns.rcode.to_text(code)

    def _are_there(self, lines: list[str]) -> bool:
        if not lines:
            return True
        name, ttl, _, rdtype, _ = lines[0].split(" ", 4)
        query = dns.message.make_query(name, rdtype)
        (found,) = dns.query.tcp(query, "127.0.0.1", port=self.place.port, timeout=10).answer
        wanted = {dns.rdata.from_text("IN", rdtype, line.split(" ", 4)[4]) for line in lines}
        return set(found) == wanted and found.ttl == int(ttl)


def start(directory: Path) -> ZonefileBackend:
    """A server with every slot's zones."""
    served = knot.start(directory)
    return ZonefileBackend("zonefile", served.place, served.process)
