"""The audit log: who changed keys, mail configuration, users, sudo and SSH, and who read a key.

auditd and its rules, given to the kernel by a unit of ours. A container has no audit log of its own; there it is shown
as such.
"""

from __future__ import annotations

from postwright.render import template
from postwright.services import acme, opendkim, submission
from postwright.services.parts import Check, Context, HostFile, Service

RULES = "/etc/audit/rules.d/50-postwright.rules"
UNIT = "postwright-audit.service"
_USERS = ("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/sudoers")


def _files(context: Context) -> tuple[HostFile, ...]:
    # A rule for a folder that is not there is refused, and all after it with it.
    signers = [opendkim.RSA, *([opendkim.ED25519] if len(opendkim.milters(context)) > 1 else [])]
    values = {
        "mail": ["/etc/postwright", "/etc/postfix", *(["/etc/dovecot"] if submission.needs_dovecot(context) else [])],
        "configurations": [it.configuration for it in signers],
        "keys": [*(it.keys for it in signers), "/etc/postwright/tls", *_kept(context)],
        "users": _USERS,
        "access": [
            "/etc/ssh",
            *(["/root/.ssh"] if context.host.ssh.user == "root" else []),
            *(["/etc/sudoers.d"] if context.host.ssh.sudo else []),
        ],
    }
    return (
        HostFile(RULES, template("hardening/audit.rules.j2", context, **values), mode=0o640),
        HostFile(f"/etc/systemd/system/{UNIT}", template("hardening/audit.service.j2", context)),
        # Debian 12's would fail in a container.
        HostFile(
            "/etc/systemd/system/auditd.service.d/postwright.conf",
            b"# Made by postwright: a container has no audit log of its own.\n[Unit]\nConditionVirtualization=!container\n",
        ),
    )


def _kept(context: Context) -> list[str]:
    """Where else keys and password hashes lie: the states of files a host keeps, and what only some hosts have."""
    folders = ["/var/lib/postwright"]
    folders += ["/etc/postwright/acme"] if acme.wanted(context) else []
    return [*folders, *(["/etc/dovecot"] if submission.needs_dovecot(context) else [])]


SERVICE = Service(
    name="audit",
    title="audit log",
    packages=("auditd",),
    files=_files,
    # 0 or 1: whether the rules on disk are those that were merged last. Anything else is a rules.d it cannot read.
    # Nothing reads rules but the kernel; so at least every line must be one.
    checks=(
        Check("augenrules --check >/dev/null; test $? -le 1"),
        Check(f"! grep -nvE '^(#|-a always,exit -F )' {RULES}"),
    ),
    unit=lambda _release: UNIT,
    # The rules somebody may have deleted (auditctl -D).
    holds="systemd-detect-virt --quiet --container || auditctl -l | grep -q postwright-mail",
    lasting=(f"/etc/systemd/system/{UNIT}",),
    wanted=lambda context: context.fleet.hardening.audit,
)
