"""Makes passwords and their hashes. A password is in no argument, no log and no error.

Hashes are sha512-crypt, made by ``openssl passwd -6`` from standard input: Dovecot of Debian 12 and 13 verifies them by the
C library, OpenSSL is maintained and there already, and Python 3.13 has no crypt module any more. The passwords made here
have 155 bits, so a slow hash would add nothing but load; ones that people choose must be long.
"""

from __future__ import annotations

import secrets
import string
import subprocess

from postwright.errors import UsageError

_ALPHABET = string.ascii_letters + string.digits  # fit for every client's configuration file
_LENGTH = 26
_SHORTEST = 14  # characters of one that somebody chose
_LONGEST = 128


def generated() -> str:
    """A new one."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def require_fit(password: str) -> str:
    """One that somebody chose; UsageError, without it, if it is too short or cannot be sent by every client."""
    if not _SHORTEST <= len(password) <= _LONGEST:
        raise UsageError(f"the password must have {_SHORTEST} to {_LONGEST} characters; leave it out, and one is made")
    if not password.isascii() or not password.isprintable():
        raise UsageError("the password may hold printable ASCII characters only: others are sent in many encodings")
    return password


def hashed(password: str) -> str:
    """Its sha512-crypt hash with a new salt."""
    command = ("openssl", "passwd", "-6", "-stdin")
    try:
        done = subprocess.run(command, input=f"{password}\n", capture_output=True, text=True, check=False, timeout=30)
    except OSError:
        raise UsageError("openssl is not installed here; install it: apt install openssl") from None
    found = done.stdout.strip()
    if done.returncode or not found.startswith("$6$"):
        raise UsageError(
            f"`{' '.join(command)}` made no hash (exit status {done.returncode}); is it OpenSSL 1.1.1 or newer?"
        )
    return found
