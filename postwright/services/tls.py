"""The host's certificate and key as files of the operator, used by Postfix; it has no daemon of its own. See also ``acme``."""

from __future__ import annotations

from postwright.services.parts import Check, Context, HostDirectory, HostFile, Service

CERTIFICATE = "/etc/postwright/tls/certificate.pem"
KEY = "/etc/postwright/tls/key.pem"


def _files(context: Context) -> tuple[HostFile, ...]:
    secrets = context.secrets
    return (
        HostFile(CERTIFICATE, secrets.certificate),
        HostFile(KEY, secrets.private_key, mode=0o600, secret=True),
    )


def _directories(_context: Context) -> tuple[HostDirectory, ...]:
    return (HostDirectory("/etc/postwright/tls"),)


def wanted(context: Context) -> bool:
    return context.host.tls_files is not None


# A key that does not belong to the certificate would take TLS away from every session.
_PAIR = (
    f"openssl x509 -noout -in {CERTIFICATE} && openssl pkey -noout -in {KEY} && "
    f'test "$(openssl x509 -noout -pubkey -in {CERTIFICATE})" = "$(openssl pkey -pubout -in {KEY})"'
    " || { echo the TLS key does not belong to the certificate; false; }"
)

SERVICE = Service(
    name="tls",
    title="TLS",
    packages=("openssl",),
    files=_files,
    directories=_directories,
    checks=(Check(_PAIR),),
    wanted=wanted,
)
