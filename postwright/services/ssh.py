"""SSH: keys only, a second factor if wanted. Activated with a timed roll-back, as the packet filter is.

What is described is a candidate. ``remote/trial.py`` puts it to where sshd reads it, and it stays there only if a new
connection comes about. Debian's own files of sshd are left as they are; one that would win over ours is an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources

from postwright.model import Fleet, IPNetwork, SshHardening
from postwright.render import template
from postwright.services.parts import Check, Context, HostFile, Release, Service

CANDIDATE = "/etc/postwright/sshd.conf"
LIVE = "/etc/ssh/sshd_config.d/00-postwright.conf"
EFFECTIVE = "/etc/postwright/sshd_effective.py"
UNIT = "postwright-ssh.service"
_PAM = "/etc/pam.d/postwright-sshd"

# OpenSSH 9.2 of Debian 12 does not know the ML-KEM hybrid, nor the name the other one has got from IANA.
_HYBRIDS: dict[Release, tuple[str, ...]] = {
    "12": ("sntrup761x25519-sha512@openssh.com",),
    "13": ("mlkem768x25519-sha256", "sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com"),
}
_KEX = ("curve25519-sha256", "curve25519-sha256@libssh.org", "diffie-hellman-group16-sha512")
_CIPHERS = (
    *("chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com", "aes128-gcm@openssh.com"),
    *("aes256-ctr", "aes192-ctr", "aes128-ctr"),
)
_MACS = ("hmac-sha2-512-etm@openssh.com", "hmac-sha2-256-etm@openssh.com", "umac-128-etm@openssh.com")


def key_only(context: Context) -> tuple[str, ...]:
    """Who logs in with a key alone where others need a second factor: the inventory's user first."""
    said = context.fleet.hardening.ssh
    return tuple(dict.fromkeys((context.host.ssh.user, *(said.key_only if said else ()))))


def _files(context: Context) -> tuple[HostFile, ...]:
    said = context.fleet.hardening.ssh
    return tuple(_made(context, said)) if said else ()


def _made(context: Context, said: SshHardening) -> Iterator[HostFile]:
    values = {
        "hardening": said,
        "kex": (*_HYBRIDS[context.release], *_KEX),
        "ciphers": _CIPHERS,
        "macs": _MACS,
        "key_only": key_only(context),
        "networks": _known_networks(context.fleet),
    }
    yield HostFile(f"/etc/systemd/system/{UNIT}", template("hardening/ssh_undo.service.j2", context), taken_up="use")
    yield HostFile(
        EFFECTIVE, (resources.files("postwright.services") / "sshd_effective.py").read_bytes(), taken_up="use"
    )
    yield HostFile(CANDIDATE, template("hardening/sshd.conf.j2", context, **values), taken_up="reload")


def _known_networks(fleet: Fleet) -> list[IPNetwork]:
    """Where programs and operators come from; the management network too, for nobody else is in it."""
    return [*fleet.firewall.ssh_from, *([fleet.management.network] if fleet.management else [])]


# Runs on the staged /etc, where nobody minds that the candidate is put in place.
_CHECK = f"""
if test -e {CANDIDATE}; then
  mkdir -p -m 0755 /run/sshd && mkdir -p {LIVE.rpartition("/")[0]} && cp {CANDIDATE} {LIVE} && python3 -B {EFFECTIVE}
fi""".strip()


def _asks_for_codes(context: Context) -> bool:
    said = context.fleet.hardening.ssh
    return bool(said and said.second_factor == "totp")


# What sshd asks by PAM; a file of ours beside Debian's own, which stays as it is.
CODES = Service(
    name="codes",
    title="second factor",
    packages=("libpam-google-authenticator",),
    files=lambda context: (HostFile(_PAM, template("hardening/pam_sshd.j2", context)),),
    # sshd names it until its trial: without it PAM would take `other`, which asks for a password.
    lasting=(_PAM,),
    wanted=_asks_for_codes,
)

SERVICE = Service(
    name="ssh",
    title="SSH",
    files=_files,
    checks=(Check(_CHECK),),
    unit=lambda _release: UNIT,
    tried=True,
    # A power cut in the middle of the trial that takes all of it away is undone too.
    lasting=(f"/etc/systemd/system/{UNIT}",),
)
