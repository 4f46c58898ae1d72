"""Keeps the certificate of this host: has an ACME server (RFC 8555) issue one with lego, and puts it where Postfix reads it.

Installed on mail hosts as /etc/postwright/acme/acme.py: Python's standard library only, 3.11 or newer. Promise: what is
there stays until the new certificate has been looked at, and is replaced by rename; the key is the operator's, it is made
neither here nor by lego; who reads the certificate is reloaded only if it changed. ``state`` only looks.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ETC = Path("/etc/postwright")
STATE = Path("/var/lib/postwright/acme")
LOCK = Path("/run/postwright/converge.lock")  # files are put in place under it
LONGEST = 300  # seconds lego may take for all names
_NOISE = re.compile(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d (\[INFO\].*\n?)?", re.MULTILINE)
_FAILURE = re.compile(r"^[\d/]+ [\d:]+ Could not ", re.MULTILINE)
_SUBJECT = re.compile(r"DNS:([^,\s]+)")


class RefusedError(Exception):
    """No certificate was issued; the text is what whoever refused it said."""


@dataclass(frozen=True)
class Certificate:
    """What a certificate says: its names, the seconds (Unix time) it begins and ends at, its public key as PEM."""

    names: frozenset[str]
    begin: float
    end: float
    key: str


def openssl(*arguments: str) -> str:
    """What openssl prints; empty if it fails."""
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    return "" if done.returncode else done.stdout


def certificate(path: Path) -> Certificate | None:
    """The first certificate of a PEM file, or None if there is none."""
    text = openssl("x509", "-in", str(path), "-noout", "-startdate", "-enddate", "-pubkey", "-ext", "subjectAltName")
    dates = dict(line.split("=", 1) for line in text.splitlines() if line.startswith(("notBefore=", "notAfter=")))
    if not dates:
        return None
    begin, end = (float(ssl.cert_time_to_seconds(dates[key])) for key in ("notBefore", "notAfter"))
    names = frozenset(name.lower() for name in _SUBJECT.findall(text))
    return Certificate(names, begin, end, _pem(text))


def _pem(text: str) -> str:
    return "".join(re.findall(r"-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----", text))


def public_key(path: Path) -> str:
    """The public half of a private key as PEM; empty if it cannot be read."""
    return _pem(openssl("pkey", "-in", str(path), "-pubout"))


def window(begin: float, end: float, renew_before: float) -> float:
    """The seconds before its end within which a certificate is renewed: the last third of one that is valid for no longer."""
    lifetime = end - begin
    return renew_before if lifetime > renew_before else lifetime / 3


def flaw(settings: dict[str, Any], found: Certificate | None, now: float) -> str:
    """Why a certificate does not serve the host today, or nothing."""
    if found is None:
        return "there is no certificate"
    if missing := sorted(set(settings["names"]) - found.names):
        return f"the certificate is not for {', '.join(missing)}"
    if found.key != public_key(Path(settings["own_key"])):
        return "the certificate is for another key"
    if not found.begin <= now < found.end:
        return f"the certificate is not valid at this time (until {_day(found.end)})"
    return ""


def unfit(settings: dict[str, Any]) -> str:
    """Why another certificate must be issued before this host may serve TLS as described, or nothing."""
    if reason := flaw(settings, certificate(Path(settings["certificate"])), time.time()):
        return reason
    if public_key(Path(settings["key"])) != public_key(Path(settings["own_key"])):
        return "the key Postfix reads is another one"
    issued = STATE / "directory"
    if not issued.is_file() or issued.read_text().strip() != settings["directory"]:
        return "the certificate was issued by another authority"
    return ""


def _day(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(moment))


def renew(settings: dict[str, Any], *, force: bool = False) -> str:
    """Have a certificate issued if one is due; in words, what was done. RefusedError if none was had."""
    reason = unfit(settings)
    found = certificate(Path(settings["certificate"]))
    if not reason and found and not force:
        until = found.end - window(found.begin, found.end, settings["renew_before"])
        if time.time() < until:
            # A run that was cut off may have put a certificate in place that nobody has read.
            return f"nothing to do: valid until {_day(found.end)}, renewed from {_day(until)} on; {read_anew(settings)}"
    if reason and settings["staging"]:
        obtained(settings, settings["staging"])
    chain = obtained(settings, settings["directory"])
    changed = install(settings, chain)
    return f"{reason or 'it was due'}: issued for {', '.join(settings['names'])}; {changed}"


def obtained(settings: dict[str, Any], directory: str) -> bytes:
    """A certificate chain for the names and the key, from this directory."""
    with tempfile.TemporaryDirectory() as folder:
        request = Path(folder, "request.pem")
        _write_request(settings, request)
        shutil.rmtree(STATE / "lego/certificates", ignore_errors=True)
        words = lego(settings, directory, request)
        if "urn:ietf:params:acme:error:accountDoesNotExist" in words:
            # The authority has forgotten us, or has closed the account; it may be had anew at any time.
            shutil.rmtree(STATE / "lego/accounts", ignore_errors=True)
            words = lego(settings, directory, request)
    chains = [it for it in (STATE / "lego/certificates").glob("*.crt") if not it.name.endswith(".issuer.crt")]
    if words or len(chains) != 1:
        raise RefusedError(f"{directory} issues no certificate: {words or 'lego left none'}")
    if reason := flaw(settings, certificate(chains[0]), time.time()):
        raise RefusedError(f"{directory} issued what is of no use: {reason}")
    return chains[0].read_bytes()


def _write_request(settings: dict[str, Any], path: Path) -> None:
    """A certificate signing request for all names; it needs no common name (RFC 8555 §7.4)."""
    names = ",".join(f"DNS:{name}" for name in settings["names"])
    extension = f"subjectAltName=critical,{names}"
    openssl("req", "-new", "-key", settings["own_key"], "-subj", "/", "-addext", extension, "-out", str(path))
    if not path.exists():
        raise RefusedError(f"openssl makes no request with the key {settings['own_key']}; is it whole?")


def lego(settings: dict[str, Any], directory: str, request: Path) -> str:
    """Run lego; empty if it got a certificate, else what it said."""
    ways = {"http-01": ["--http"], "dns-01": ["--dns", "rfc2136"]}
    command = ["lego", "--accept-tos", "--email", settings["contact"], "--server", directory]
    command += ["--csr", str(request), "--path", str(STATE / "lego"), *ways[settings["challenge"]], "run"]
    # Secrets are named by their file: arguments are for everybody to see.
    environment = os.environ | settings["environment"]
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            check=False, timeout=LONGEST,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"lego took more than {LONGEST} s"
    return "" if done.returncode == 0 else said(done.stderr + done.stdout)


def said(output: str) -> str:
    """Lego's complaint in one line, without the progress before it."""
    begun = _FAILURE.search(output)  # a new account is told of at length, also on the way to a failure
    lines = (_NOISE.sub("", line).strip() for line in output[begun.start() if begun else 0 :].splitlines())
    return " ".join(line for line in lines if line) or "lego failed without a word"


def install(settings: dict[str, Any], chain: bytes) -> str:
    """Put key and certificate in place and have them read; in words, what changed."""
    target, key = Path(settings["certificate"]), Path(settings["key"])
    with _locked():
        if str(target) in (ETC / "files").read_text().splitlines():
            return "not installed: the certificate is one of the operator's files now"
        wanted = {key: (Path(settings["own_key"]).read_bytes(), 0o600), target: (chain, 0o644)}
        differing = {path: it for path, it in wanted.items() if not path.exists() or path.read_bytes() != it[0]}
        if differing:
            (STATE / "unread").touch()
        for path, (content, mode) in differing.items():
            _write(path, content, mode)
        (STATE / "directory").write_text(f"{settings['directory']}\n")
    return read_anew(settings)


def read_anew(settings: dict[str, Any]) -> str:
    """Reload those who read the certificate, if there is one they were not told of yet; in words, what was done."""
    unread = STATE / "unread"
    if not unread.exists():
        return "nobody had to be reloaded"
    reloaded = list(filter(_reload, settings["reload"]))
    unread.unlink()
    return f"reloaded: {', '.join(reloaded) or 'nothing runs'}"


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    """While no apply puts files in place; without the lock's directory none is at work."""
    with (LOCK if LOCK.parent.is_dir() else Path(os.devnull)).open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _write(path: Path, content: bytes, mode: int) -> None:
    """Replace by rename; closed to others until it is complete."""
    temporary = path.with_name(f".postwright-new-{path.name}")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        os.fchmod(handle, mode)
        os.fsync(handle)
    temporary.rename(path)


def _reload(unit: str) -> bool:
    """Have a unit read the certificate anew, if it runs."""
    if subprocess.run(["systemctl", "is-active", "--quiet", unit], check=False).returncode:
        return False
    done = subprocess.run(["systemctl", "reload", unit], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RefusedError(f"the new certificate is there, but systemctl reload {unit} failed: {done.stderr.strip()}")
    return True


def complaints(settings: dict[str, Any]) -> list[str]:
    """What makes the settings useless, before they are put in place."""
    found = [f"{name} is missing" for name in ("names", "directory", "contact") if not settings.get(name)]
    if not public_key(Path(settings["own_key"])):
        found.append(f"{settings['own_key']} is no private key")
    return found


def main(command: str, *, force: bool = False) -> int:
    """Run a command; 0 if all is well."""
    settings = json.loads((ETC / "acme/acme.json").read_text(encoding="utf-8"))
    if command == "check":
        return _told(complaints(settings))
    if command == "state":
        return _told([reason] if (reason := unfit(settings)) else [])
    failure = STATE / "failure"
    failure.unlink(missing_ok=True)
    try:
        sys.stdout.write(renew(settings, force=force) + "\n")
    except RefusedError as error:
        failure.write_text(f"{error}\n", encoding="utf-8")
        return _told([str(error)])
    return 0


def _told(problems: list[str]) -> int:
    sys.stderr.write("".join(f"{problem}\n" for problem in problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], force="--force" in sys.argv))
