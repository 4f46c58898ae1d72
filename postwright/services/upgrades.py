"""Debian's security updates, each day, by unattended-upgrades and the timers of apt.

A service that an update restarts notes with what it was started, as after any start, so the next apply does nothing.
"""

from __future__ import annotations

from postwright.render import template
from postwright.services.parts import Check, Context, HostFile, Service

TIMERS = ("apt-daily.timer", "apt-daily-upgrade.timer")
# apt touches them when it has looked for updates, and when they were installed; where it failed it says nothing.
STAMPS = ("/var/lib/apt/periodic/update-stamp", "/var/lib/apt/periodic/upgrade-stamp")
UNIT = "postwright-upgrades.service"
_RUN = "/etc/postwright/upgrades.conf"
PERIODIC = "/etc/apt/apt.conf.d/52postwright-upgrades"


def _files(context: Context) -> tuple[HostFile, ...]:
    said = context.fleet.hardening.upgrades
    drop_in = f"# Made by postwright; see {_RUN}.\n[Service]\nEnvironment=APT_CONFIG={_RUN}\n".encode()
    return (
        HostFile(PERIODIC, template("hardening/upgrades.conf.j2", context, upgrades=said), taken_up="use"),
        HostFile(_RUN, template("hardening/upgrades_run.conf.j2", context), taken_up="use"),
        HostFile("/etc/systemd/system/apt-daily-upgrade.service.d/postwright.conf", drop_in),
        HostFile(f"/etc/systemd/system/{UNIT}", template("hardening/upgrades.service.j2", context)),
    )


SERVICE = Service(
    name="upgrades",
    title="security updates",
    packages=("unattended-upgrades",),
    files=_files,
    checks=(Check(f"APT_CONFIG={_RUN} apt-config dump >/dev/null", silent=True),),
    unit=lambda _release: UNIT,
    holds=f"systemctl --quiet is-active {' '.join(TIMERS)} && systemctl --quiet is-enabled {' '.join(TIMERS)}",
    lasting=(f"/etc/systemd/system/{UNIT}",),
    wanted=lambda context: context.fleet.hardening.upgrades is not None,
)
