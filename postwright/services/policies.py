"""Serves the MTA-STS policies of domains that receive on our hosts: nginx on port 443, and nothing else of nginx."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from postwright.dns.kinds import mta_sts
from postwright.model import Domain, Fleet, Host
from postwright.policy_hosts import policy_name, policy_names, served
from postwright.render import template
from postwright.services import tls
from postwright.services.parts import Check, Context, HostFile, Service
from postwright.tls_suites import STRONG_LIST

PORT = 443
CONFIGURATION = "/etc/nginx/nginx.conf"
FOLDER = "/etc/postwright/policies"
UNIT = "nginx.service"
_CERTIFICATES = "/etc/postwright/tls/policies"
_DROP_IN = f"/etc/systemd/system/{UNIT}.d/postwright.conf"


@dataclass(frozen=True)
class Site:
    """The names that are served with one certificate."""

    names: tuple[str, ...]
    certificate: str
    key: str


def serves(fleet: Fleet, host: Host) -> bool:
    """Whether a host serves any policy."""
    return bool(served(fleet, host))


def wanted(context: Context) -> bool:
    return serves(context.fleet, context.host)


def _files(context: Context) -> tuple[HostFile, ...]:
    values = {
        "listening": [f"{'[::]:' if version == 6 else ''}{PORT}" for version in (4, 6) if context.host.first(version)],  # noqa: PLR2004 - IPv6
        "sites": list(_sites(context)),
        "path": mta_sts.POLICY_PATH,
        "folder": FOLDER,
        "ciphers": STRONG_LIST,
    }
    return (
        HostFile(CONFIGURATION, template("transport/nginx.conf.j2", context, **values)),
        HostFile(_DROP_IN, template("transport/nginx.service.conf.j2", context)),
        *(_policy(context.fleet, domain) for domain in served(context.fleet, context.host)),
        *_pairs(context),
    )


def _sites(context: Context) -> Iterator[Site]:
    """One for all names of the host's own certificate, one for each policy with a certificate of its own."""
    if names := policy_names(context.fleet, context.host):
        yield Site(names, tls.CERTIFICATE, tls.KEY)
    for domain in served(context.fleet, context.host):
        if domain.name in context.secrets.policy_certificates:
            yield Site((policy_name(domain),), *_paths(domain.name))


def _paths(name: str) -> tuple[str, str]:
    return f"{_CERTIFICATES}/{name}.pem", f"{_CERTIFICATES}/{name}.key"


def _policy(fleet: Fleet, domain: Domain) -> HostFile:
    """Read anew for each visitor: a new policy is served at once."""
    path = f"{FOLDER}/{policy_name(domain)}{mta_sts.POLICY_PATH}"
    return HostFile(path, mta_sts.policy_text(fleet, domain).encode(), taken_up="use")


def _pairs(context: Context) -> Iterator[HostFile]:
    for name, pair in sorted(context.secrets.policy_certificates.items()):
        certificate, key = _paths(name)
        yield HostFile(certificate, pair.certificate)
        yield HostFile(key, pair.private_key, mode=0o600, secret=True)


SERVICE = Service(
    name="policies",
    title="MTA-STS policies",
    packages=("nginx",),
    files=_files,
    # Whether key and certificate belong together is among what it looks at, as soon as one has been issued.
    checks=(Check(f"! test -e {tls.CERTIFICATE} || nginx -t -q -e stderr -c {CONFIGURATION}"),),
    unit=lambda _release: UNIT,
    uses=("tls",),
    ready=f"ss -Hltn sport = :{PORT} | grep -q .",
    wanted=wanted,
)
