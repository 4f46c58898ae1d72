"""What every service stands on: time, the journal, and the stamp each unit writes when it starts."""

from __future__ import annotations

from postwright.render import template
from postwright.services.parts import Check, Context, HostFile, Service


def _files(context: Context) -> tuple[HostFile, ...]:
    return (
        HostFile("/etc/chrony/chrony.conf", template("base/chrony.conf.j2", context)),
        HostFile("/etc/postwright/stamp", template("base/stamp.j2", context), mode=0o755),
    )


SERVICE = Service(
    name="base",
    title="time and basics",
    packages=("chrony", "iproute2", "ca-certificates"),
    files=_files,
    checks=(Check("chronyd -p -f /etc/chrony/chrony.conf >/dev/null"),),
    unit=lambda _release: "chrony.service",
)
