"""The host's certificate by ACME: a program of ours that runs Debian's lego, and the timer that renews it on the host.

The key comes from the operator's keyring, so DNS knows it (TLSA) before the host exists, and renewals change nothing there.
Certificate and key are put where files of the operator would be, but are no files of the bundle: whoever the host had them
from before, they stay until the new certificate is there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from ipaddress import IPv6Address
from typing import Any

from postwright import values
from postwright.model import Acme, Rfc2136
from postwright.policy_hosts import policy_names
from postwright.render import template
from postwright.services import policies, postfix, submission
from postwright.services.parts import Check, Context, HostDirectory, HostFile, Service, sound_units
from postwright.services.tls import CERTIFICATE, KEY

FOLDER = "/etc/postwright/acme"
PROGRAM = f"{FOLDER}/acme.py"
OWN_KEY = f"{FOLDER}/key.pem"
AUTHORITY = f"{FOLDER}/authority.pem"
SECRET = f"{FOLDER}/tsig"
UNIT = "postwright-acme.service"
TIMER = "postwright-acme.timer"
_UNITS = tuple(f"/etc/systemd/system/{name}" for name in (UNIT, TIMER))
PORT = 80  # where http-01 is answered, RFC 8555 §8.3


def wanted(context: Context) -> bool:
    return context.fleet.acme_of(context.host) is not None


def answers_http(context: Context) -> bool:
    """Whether the ACME server comes to this host on port 80."""
    acme = context.fleet.acme_of(context.host)
    return acme is not None and acme.challenge == "http-01"


def _files(context: Context) -> tuple[HostFile, ...]:
    acme = context.fleet.acme_of(context.host)
    if acme is None:
        return ()
    text = json.dumps(_settings(context, acme), indent=2, sort_keys=True) + "\n"
    return (
        HostFile(PROGRAM, (resources.files("postwright.acme") / "host.py").read_bytes(), taken_up="use"),
        HostFile(f"{FOLDER}/acme.json", text.encode(), taken_up="use"),
        HostFile(OWN_KEY, context.secrets.private_key, mode=0o600, secret=True, taken_up="use"),
        *_optional(context, acme),
        *_units(context),
    )


def _optional(context: Context, acme: Acme) -> tuple[HostFile, ...]:
    secret = HostFile(SECRET, context.secrets.acme_secret.encode(), mode=0o600, secret=True, taken_up="use")
    authority = HostFile(AUTHORITY, context.secrets.acme_authority, taken_up="use")
    return (*((secret,) if acme.provider else ()), *((authority,) if acme.authority else ()))


def _units(context: Context) -> tuple[HostFile, ...]:
    said = {"program": PROGRAM, "folder": "/etc/postwright/tls", "listens": answers_http(context)}
    names = ("acme.service.j2", "acme.timer.j2")
    return tuple(
        HostFile(path, template(f"acme/{name}", context, **said)) for path, name in zip(_UNITS, names, strict=True)
    )


def _settings(context: Context, acme: Acme) -> dict[str, Any]:
    """What acme.json says; ``postwright.acme.host`` reads it."""
    return {
        "names": [*context.host.names, *policy_names(context.fleet, context.host)],
        "contact": acme.contact,
        "directory": acme.directory,
        "staging": acme.staging,
        "challenge": acme.challenge,
        "renew_before": int(values.duration(acme.renew_before).total_seconds()),
        "environment": _environment(context, acme),
        "own_key": OWN_KEY,
        "certificate": CERTIFICATE,
        "key": KEY,
        "reload": list(_readers(context)),
    }


def _readers(context: Context) -> Iterator[str]:
    """The units that serve TLS with the certificate."""
    yield postfix.unit(context.release)
    for service in (submission.SERVICE, policies.SERVICE):
        if service.unit and service.wanted(context):
            yield service.unit(context.release)


def _environment(context: Context, acme: Acme) -> dict[str, str]:
    """What lego reads from variables; it takes a secret from the file that NAME_FILE names."""
    said = {"LEGO_CA_CERTIFICATES": AUTHORITY} if acme.authority else {}
    provider = context.fleet.providers.get(acme.provider or "")
    if not isinstance(provider, Rfc2136):
        return said
    address = f"[{provider.server}]" if isinstance(provider.server, IPv6Address) else provider.server
    return said | {
        "RFC2136_NAMESERVER": f"{address}:{provider.port}",
        "RFC2136_TSIG_KEY": provider.key_name,
        "RFC2136_TSIG_ALGORITHM": f"{provider.algorithm}.",
        "RFC2136_TSIG_SECRET_FILE": SECRET,
        "RFC2136_TTL": "60",
    }


def _directories(_context: Context) -> tuple[HostDirectory, ...]:
    return (HostDirectory("/etc/postwright/tls"), HostDirectory(FOLDER, mode=0o700))


SERVICE = Service(
    name="acme",
    title="certificate by ACME",
    packages=("lego", "openssl", "python3"),
    files=_files,
    directories=_directories,
    checks=(
        Check(f"python3 -B {PROGRAM} check"),
        sound_units(*_UNITS),
    ),
    unit=lambda _release: TIMER,
    kept=(CERTIFICATE, KEY),
    # The timer cannot be stopped by its name once its file is gone.
    lasting=(f"{FOLDER}/", *_UNITS),
    wanted=wanted,
)
