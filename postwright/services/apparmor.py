"""AppArmor: Debian's own profiles, enforced. Nothing where the kernel has none; none of ours, for Debian's fit its packages."""

from __future__ import annotations

from postwright.services.parts import Service

UNIT = "apparmor.service"

SERVICE = Service(
    name="apparmor",
    title="AppArmor",
    packages=("apparmor",),
    unit=lambda _release: UNIT,
    wanted=lambda context: context.fleet.hardening.apparmor,
)
