"""Which mail programs of this host somebody else has configured. Changes nothing but its own two lists.

What Debian's packages leave behind when nobody has touched it counts as not configured: files whose digest dpkg or ucf
knows, a master.cf as shipped, and a main.cf that says no more than the package's own script writes.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from postwright.hosts.remote.common import ETC, STATE, fail, run, text_of

INSTALLED = STATE / "installed"  # packages that were not there before we installed them
CLAIMED = STATE / "claimed"  # files that a run has begun to put in place, until they are on the list
CONFIGURATIONS = Path("/etc")
# Package → its first file, and what else of it decides whether it is configured.
MAIN = {
    "postfix": "/etc/postfix/main.cf",
    "opendkim": "/etc/opendkim.conf",
    "dovecot-core": "/etc/dovecot/dovecot.conf",
    "unbound": "/etc/unbound/unbound.conf",
    "nginx": "/etc/nginx/nginx.conf",
}
MORE = {
    "postfix": ("postfix/master.cf",),
    "opendkim": (),
    "dovecot-core": ("dovecot/**/*.conf", "dovecot/**/*.conf.ext"),
    "unbound": ("unbound/**/*.conf",),
    # What Debian's nginx.conf includes; a site is a link to where it is written.
    "nginx": ("nginx/conf.d/*.conf", "nginx/sites-enabled/*"),
}
# What is saved of each before it is replaced.
SAVED = {
    "postfix": ("/etc/postfix", "/etc/aliases", "/etc/mailname"),
    "opendkim": ("/etc/opendkim.conf", "/etc/opendkim", "/etc/dkimkeys", "/etc/default/opendkim"),
    "dovecot-core": ("/etc/dovecot",),
    "unbound": ("/etc/unbound",),
    "nginx": ("/etc/nginx",),
}
# The parameters postfix.postinst writes, with the values that mean something and are its own.
LOOPBACK = re.compile(r"(127\.0\.0\.0/8|\[::ffff:127\.0\.0\.0\]/104|\[::1\]/128|[\s,])*")
POSTINST = {
    **dict.fromkeys(("relayhost", "mailbox_command", "content_filter"), re.compile("")),
    "mynetworks": LOOPBACK,
    "inet_interfaces": re.compile("all|loopback-only|localhost"),
    "smtpd_relay_restrictions": re.compile(
        r"permit_mynetworks[\s,]+permit_sasl_authenticated[\s,]+defer_unauth_destination"
    ),
    "default_transport": re.compile("error|smtp"),
    "relay_transport": re.compile("error|relay"),
    "smtpd_tls_cert_file": re.compile("/etc/ssl/certs/ssl-cert-snakeoil.pem"),
    "smtpd_tls_key_file": re.compile("/etc/ssl/private/ssl-cert-snakeoil.key"),
}
FREE = frozenset(
    [
        "compatibility_level",
        "myorigin",
        "myhostname",
        "mydestination",
        "smtpd_banner",
        "inet_protocols",
        "mynetworks_style",
        "mailbox_size_limit",
        "alias_maps",
        "alias_database",
        "biff",
        "recipient_delimiter",
        "cyrus_sasl_config_path",
        "smtpd_tls_security_level",
        "smtp_tls_CAfile",
        "smtp_tls_CApath",
        "smtp_tls_security_level",
        "smtp_tls_session_cache_database",
        "readme_directory",
        "html_directory",
        "append_dot_mydomain",
        "smtpd_tls_session_cache_database",
        "smtpd_use_tls",
    ]
)


def ours() -> set[str]:
    """The files and packages that are here by our doing."""
    lists = (ETC / "files", CLAIMED, INSTALLED)
    return {line for it in lists for line in text_of(it).splitlines()}


def listed() -> list[str]:
    """The files of ours: those on the list, and those that a run that was cut off had begun to put in place."""
    return list(dict.fromkeys(line for it in (ETC / "files", CLAIMED) for line in text_of(it).splitlines()))


def note(path: Path, lines: Iterable[str]) -> None:
    """Add lines to a list of ours, whole or not at all."""
    rewrite(path, {*text_of(path).splitlines(), *lines})


def strike(path: Path, lines: Iterable[str]) -> None:
    """Take lines off a list of ours, whole or not at all."""
    rewrite(path, {*text_of(path).splitlines()} - {*lines})


def rewrite(path: Path, lines: set[str]) -> None:
    """Replace a list of ours by rename."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text("".join(f"{line}\n" for line in sorted(lines)))
    new.rename(path)


def shipped() -> set[tuple[str, str]]:
    """Path and MD5 of each configuration file as its package brought it."""
    programs = ("postfix*", "opendkim*", "dovecot*", "unbound*", "nginx*")
    conffiles = run("dpkg-query", "-W", "-f", "${Conffiles}\n", *programs).stdout
    rows = (line.split()[:2] for line in conffiles.splitlines() if line.strip())
    ucf = (line.split(None, 1)[::-1] for line in text_of("/var/lib/ucf/hashfile").splitlines())
    return {(row[0].strip(), row[1]) for row in (*rows, *ucf) if len(row) > 1}


def settings(text: str) -> dict[str, str]:
    """The parameters a main.cf sets; a line that begins with white space goes on with the one before (postconf(5))."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\n\s+", " ", "\n".join(lines))
    pairs = (line.partition("=") for line in joined.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def as_postinst(text: str) -> bool:
    """Whether a main.cf says no more than Debian's package itself writes."""
    return all(
        bool(POSTINST[name].fullmatch(value)) if name in POSTINST else name in FREE
        for name, value in settings(text).items()
    )


def untouched(path: str, known: set[tuple[str, str]]) -> bool:
    """Whether a file is as its package left it."""
    if path == "/etc/postfix/main.cf":
        return as_postinst(text_of(path))
    if path == "/etc/postfix/master.cf":
        return text_of(path) in {text_of("/usr/share/postfix/master.cf.dist"), text_of("/etc/postfix/master.cf.proto")}
    return (os.path.realpath(path), hashlib.md5(Path(path).read_bytes(), usedforsecurity=False).hexdigest()) in known


def foreign(packages: Iterable[str]) -> dict[str, list[str]]:
    """Package → files of it that somebody else has configured, for each of these packages that is not ours."""
    mine = ours()
    others = [name for name in packages if name in MAIN and name not in mine and MAIN[name] not in mine]
    present = [name for name in others if os.path.exists(MAIN[name])]  # noqa: PTH110 - some are strings, some paths
    known = shipped() if present else set()
    found = {name: [path for path in files_of(name) if not untouched(path, known)] for name in present}
    return {name: paths for name, paths in found.items() if paths}


def require_ours(packages: Iterable[str], adopted: Iterable[str]) -> None:
    """End the run if somebody else has configured one of these and nobody said to adopt it, whoever started the run."""
    found = foreign(set(packages) - set(adopted))
    if found:
        files = ", ".join(path for paths in found.values() for path in paths)
        fail(
            f"{', '.join(found)}: somebody else has configured it here: {files}. No file was changed; `postwright plan --adopt` "
            "shows what would be replaced, and `postwright apply --adopt` saves it on the host and does it"
        )


def files_of(package: str) -> Iterator[str]:
    """The files that decide whether a package is configured."""
    more = {str(path) for pattern in MORE[package] for path in CONFIGURATIONS.glob(pattern) if path.is_file()}
    return iter(sorted({MAIN[package], *more}))


def save(packages: Iterable[str]) -> str:
    """Copy all that these programs are configured with to a folder for root alone; returns it."""
    target = STATE / time.strftime("adopted-%Y%m%dT%H%M%SZ", time.gmtime())
    new = STATE / ".adopted"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700, parents=True)
    there = [path for name in packages for path in SAVED.get(name, ()) if os.path.lexists(path)]
    done = run("cp", "-a", "--parents", *there, str(new))
    if done.returncode:
        raise OSError(f"cannot save {', '.join(there)}: {done.stderr.strip()}")
    os.sync()
    new.rename(target)
    return str(target)
