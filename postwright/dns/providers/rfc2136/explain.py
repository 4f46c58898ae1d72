"""What a name server's refusal means to an operator, and what to do about it. Promise: pure; no secret is in reach."""

from __future__ import annotations

import dns.exception
import dns.rcode
import dns.tsig

_TSIG = {
    dns.tsig.PeerBadKey: "the server does not know the TSIG key {key}, or grants it nothing here (BADKEY); check key_name and its ACL",
    dns.tsig.PeerBadSignature: "the server has another secret for the TSIG key {key} (BADSIG); compare secret and algorithm",
    dns.tsig.BadSignature: "the answer is not signed with our secret of the TSIG key {key}; compare secret and algorithm",
    dns.tsig.PeerBadTime: "the clocks differ by more than 300 s (BADTIME); compare `date -u` here and there, and run NTP",
    dns.tsig.BadTime: "the clocks differ by more than 300 s (BADTIME); compare `date -u` here and there, and run NTP",
}


def unreachable(error: OSError) -> str:
    """No connection."""
    return f"cannot be reached over TCP ({error.strerror or error}); check address, port, firewall and that it runs"


def failed(error: Exception, key: str) -> str:
    """Connected, but no answer that can be trusted."""
    for kind, text in _TSIG.items():
        if isinstance(error, kind):
            return text.format(key=key)
    if isinstance(error, dns.tsig.PeerError):
        return f"the server refused our signature with the TSIG key {key} ({error}); compare secret and algorithm"
    if isinstance(error, dns.exception.Timeout):
        return "did not answer in time; what was sent may have been done all the same: run the plan again"
    if isinstance(error, dns.exception.FormError):
        return unsigned(key)
    return f"broke off ({type(error).__name__}: {error}); run the plan again to see what was done"


def unsigned(key: str) -> str:
    """An answer anybody could have sent."""
    reasons = f"it does not serve the zone, does not know the TSIG key {key}, grants it nothing here, has another secret for it,"
    compare = "compare zone, key name, secret and algorithm, and `date -u` here and there"
    return f"answered without a signature: {reasons} or the clocks differ by more than 300 s; {compare}"


def query_refused(code: dns.rcode.Rcode, key: str) -> str:
    """An error code instead of an answer."""
    if code in (dns.rcode.REFUSED, dns.rcode.NOTAUTH):
        return (
            f"the server does not serve the zone, or lets the TSIG key {key} not query it ({dns.rcode.to_text(code)})"
        )
    return f"the server could not answer ({dns.rcode.to_text(code)}); see its log"


def update_refused(code: dns.rcode.Rcode, key: str) -> str:
    """An error code instead of an update; nothing of the message was applied."""
    text = {
        dns.rcode.REFUSED: f"the server's policy lets the TSIG key {key} not make these changes, or a CNAME stands at a name"
        " (PowerDNS says so for both); its log says which: grant them, or delete the CNAME",
        dns.rcode.NOTAUTH: "the server is not authoritative for the zone; name its primary",
        dns.rcode.NOTZONE: "a name is not in the zone; split the inventory's zones as the servers have them",
    }.get(code, "the server could not do the update; see its log")
    return f"{text} ({dns.rcode.to_text(code)}, nothing was applied)"


def no_authority(name: str) -> str:
    """An answer, but not the zone's own."""
    return f"the answer for {name} is without authority (no AA); the server does not serve the zone"


def no_zone(parent: str | None) -> str:
    """The server answers for the name of the zone, but no zone begins there."""
    if parent is None:
        return "the server answers, but not with the zone's SOA; it does not serve the zone"
    return f"no zone begins there, the server has it as a part of {parent}; put {parent} into the inventory's zones instead"
