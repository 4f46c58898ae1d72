"""What an inventory says of one domain that mail is sent from. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from postwright import values, values_tls
from postwright.model.fields import DnsName, EmailAddress, HostName, HttpsUrl, Label, NotEmpty, ReportTarget, Strict
from postwright.model.pacing import DomainWarmup
from postwright.model.tls import TlsFiles

Policy = Literal["none", "quarantine", "reject"]


class Dmarc(Strict):
    """The DMARC policy of a domain (RFC 9989 §4.7). ``strict`` aligns exact domains instead of organisational ones.

    ``test`` (``t=y``): receivers apply the policy one step lower; raise it in the order none, quarantine with test,
    quarantine, reject with test, reject.
    """

    policy: Policy = "none"
    subdomain_policy: Policy | None = None
    nonexistent_policy: Policy | None = None
    test: bool = False
    aggregate_reports: tuple[EmailAddress, ...] = ()
    failure_reports: tuple[EmailAddress, ...] = ()
    strict: bool = False


class MtaSts(Strict):
    """Senders must find TLS and one of these MX hosts (RFC 8461). The policy file itself is served by ``policy_host``.

    ``policy_host``: where ``mta-sts.DOMAIN`` leads by CNAME; ``hosts``: to the domain's MX hosts, by address; None: that
    name is somebody else's business. What leads to hosts of ours is served by them, see ``policy_hosts``; ``certificate``
    is for that name, where the host's own is not. ``mx``: names or ``*.name`` patterns; left out, the domain's own MX
    hosts. ``max_age``: seconds.
    """

    mode: Literal["testing", "enforce", "none"] = "testing"
    policy_host: Annotated[str, AfterValidator(values_tls.policy_host)] | None = None
    certificate: TlsFiles | None = None
    mx: tuple[Annotated[str, AfterValidator(values.mx_pattern)], ...] = ()
    max_age: int = Field(default=604_800, ge=86_400, le=31_557_600)


class Bimi(Strict):
    """A logo beside the mail (BIMI): an SVG Tiny PS and, for most receivers, its mark certificate, both over HTTPS."""

    logo: HttpsUrl
    certificate: HttpsUrl | None = None
    selector: Label = "default"


class Delegated(Strict):
    """The domain's owner has led its mail records to a zone of ours by CNAME, once, and never touches DNS again.

    ``to``: the name in our zone below which they live: ``SELECTOR._domainkey.TO``, ``_dmarc.TO``, ``RETURN_PATH.TO``.
    ``selectors``: those the owner has set CNAMEs for; keys take turns in them. ``return_path``: the label of the envelope
    sender's domain, below the domain; None: not led here.
    """

    to: DnsName
    selectors: Annotated[tuple[Label, ...], NotEmpty] = ("pw1", "pw2")
    dmarc: bool = True
    return_path: Label | None = "bounce"


class Domain(Strict):
    """A domain mail is sent from. ``hosts`` None means every host.

    ``mx``: ``hosts`` publishes the sending hosts with role mx, ``null`` publishes "takes no mail" (RFC 7505), ``keep``
    leaves the MX to whoever manages it. ``spf_include``: publish the addresses at this name, of a zone of ours, and only
    include it in the domain's record; several domains may name one. ``aliases``: local part → address; postmaster and
    abuse go to the fleet's postmaster unless said here. ``warmup``: a budget that its hosts share.
    """

    name: HostName
    hosts: tuple[str, ...] | None = None
    mx: Literal["hosts", "null", "keep"] = "hosts"
    spf_all: Literal["~all", "-all"] = "~all"
    spf_include: DnsName | None = None
    dmarc: Dmarc = Dmarc()
    mta_sts: MtaSts | None = None
    tls_reports: tuple[ReportTarget, ...] = ()
    bimi: Bimi | None = None
    delegated: Delegated | None = None
    aliases: dict[Annotated[str, AfterValidator(values.alias)], EmailAddress] = Field(default_factory=dict)
    warmup: DomainWarmup | None = None

    @property
    def return_path(self) -> str | None:
        """The envelope sender's domain where it is led to us by CNAME."""
        label = self.delegated and self.delegated.return_path
        return f"{label}.{self.name}" if label else None
