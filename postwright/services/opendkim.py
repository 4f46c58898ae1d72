"""OpenDKIM: signs everything a host sends for its domains, with keys only it can read."""

from __future__ import annotations

from postwright.render import template
from postwright.services.parts import Check, Context, HostDirectory, HostFile, Service, SigningKey

KEYS = "/etc/postwright/dkim"


def key_path(key: SigningKey) -> str:
    return f"{KEYS}/{key.domain}/{key.selector}.pem"


def _files(context: Context) -> tuple[HostFile, ...]:
    keys = sorted(context.secrets.signing_keys, key=lambda key: (key.domain, key.selector))
    return (
        HostFile("/etc/opendkim.conf", template("opendkim/opendkim.conf.j2", context)),
        HostFile(
            "/etc/systemd/system/opendkim.service.d/postwright-socket.conf",
            template("opendkim/socket.conf.j2", context),
        ),
        _table("KeyTable", context, keys),
        _table("SigningTable", context, keys),
        _table("TrustedHosts", context, keys),
        *(
            HostFile(key_path(key), key.pem, mode=0o600, owner="opendkim", group="opendkim", secret=True)
            for key in keys
        ),
    )


def _table(name: str, context: Context, keys: list[SigningKey]) -> HostFile:
    content = template(
        f"opendkim/{name}.j2",
        context,
        keys=[(key.domain, key.selector, key_path(key)) for key in keys],
        helo_names=_helo_names(context, keys),
    )
    return HostFile(f"{KEYS}/{name}", content, owner="opendkim", group="opendkim", mode=0o640)


def _helo_names(context: Context, keys: list[SigningKey]) -> list[tuple[str, str]]:
    """HELO names with the domain that signs for them: bounces come from MAILER-DAEMON@host and must align too."""
    names = sorted({address.helo for address in context.host.addresses})
    domains = sorted((key.domain for key in keys), key=len, reverse=True)
    signers = ((name, next((d for d in domains if name.endswith("." + d)), None)) for name in names)
    return [(name, domain) for name, domain in signers if domain and name not in domains]


def _directories(context: Context) -> tuple[HostDirectory, ...]:
    domains = sorted({key.domain for key in context.secrets.signing_keys})
    return (
        HostDirectory(KEYS, 0o750, "root", "opendkim"),
        *(HostDirectory(f"{KEYS}/{d}", 0o700, "opendkim", "opendkim") for d in domains),
    )


SERVICE = Service(
    name="opendkim",
    title="DKIM signer",
    packages=("opendkim",),
    files=_files,
    directories=_directories,
    checks=(Check("opendkim -n -x /etc/opendkim.conf"),),
    unit=lambda _release: "opendkim.service",
    ready="test -S /var/spool/postfix/opendkim/opendkim.sock",
)
