"""A validating, caching resolver on the host itself: DANE believes only answers validated as near as that (RFC 7672)."""

from __future__ import annotations

from postwright.render import template
from postwright.services.parts import Check, Context, HostFile, Service
from postwright.services.sizing import size


def _files(context: Context) -> tuple[HostFile, ...]:
    values = {"size": size(context.cores, context.memory)}
    return (
        HostFile("/etc/unbound/unbound.conf", template("resolver/unbound.conf.j2", context, **values)),
        HostFile("/etc/resolv.conf", template("resolver/resolv.conf.j2", context), replace_link=True),
    )


SERVICE = Service(
    name="resolver",
    title="resolver",
    packages=("unbound", "dns-root-data"),
    files=_files,
    checks=(Check("unbound-checkconf /etc/unbound/unbound.conf"),),
    unit=lambda _release: "unbound.service",
    ready="ss -Hlun src 127.0.0.1:53 | grep -q .",
)
