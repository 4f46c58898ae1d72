"""Whether sshd does what postwright's file says: asks sshd itself, and names the foreign line that wins over ours.

Runs on the host, also with the staged /etc in place. Exit status 1 and a line per problem on standard error if not.
"""

from __future__ import annotations

import glob
import re
import subprocess
import sys
from collections.abc import Iterator

WANTED = "/etc/postwright/sshd.conf"
OURS = "/etc/ssh/sshd_config.d/00-postwright.conf"
FOLDER = "/etc/ssh/sshd_config.d"
MAIN = "/etc/ssh/sshd_config"
# sshd -T says it in the older word.
OLDER = {"prohibit-password": "without-password"}
# What a Match block of somebody else must not give back to anybody.
NEVER = {
    "passwordauthentication": "no",
    "kbdinteractiveauthentication": "no",
    "permitemptypasswords": "no",
    "hostbasedauthentication": "no",
    "gssapiauthentication": "no",
}


# Older names of keywords, which sshd still takes.
SAME = {
    "challengeresponseauthentication": "kbdinteractiveauthentication",
    "skeyauthentication": "kbdinteractiveauthentication",
    "pubkeyacceptedkeytypes": "pubkeyacceptedalgorithms",
    "dsaauthentication": "pubkeyauthentication",
}
# What a second factor is made of: where we say it, no Match block of somebody else may say it otherwise.
SECOND_FACTOR = {"authenticationmethods", "pubkeyauthoptions", "pubkeyacceptedalgorithms", "pamservicename"}


def settings(path: str) -> Iterator[tuple[int, str, str, bool]]:
    """Line number, keyword in lower case, value, and whether it stands in a Match block, of each line of a file."""
    inside = False
    with open(path, encoding="utf-8", errors="replace") as lines:  # noqa: PTH123 - as short as it can be
        for number, line in enumerate(lines, 1):
            keyword, *rest = re.split(r"[\s=]+", line.strip(), maxsplit=1)
            name, value = keyword.lower(), "".join(rest)
            if name and not name.startswith("#"):
                inside = inside or name == "match"
                yield number, SAME.get(name, name), value.strip().strip('"'), inside


def wanted() -> dict[str, str]:
    """What is described for everybody."""
    return {key: OLDER.get(value, value) for _, key, value, inside in settings(WANTED) if not inside}


def foreign() -> list[tuple[str, int, str, str, bool]]:
    """The lines of all other files, in the order sshd reads them."""
    files = [*sorted(glob.glob(f"{FOLDER}/*.conf")), MAIN]  # noqa: PTH207
    return [(path, *line) for path in files if path != OURS for line in settings(path)]


def effective() -> dict[str, str]:
    """What sshd says it does, or the end of the program with its complaint."""
    done = subprocess.run(["/usr/sbin/sshd", "-T"], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"sshd -T: {done.stderr.strip()}")
    return dict(line.partition(" ")[::2] for line in done.stdout.splitlines())


def problems() -> Iterator[str]:
    """Each difference, with who makes it."""
    said, lines = effective(), foreign()
    factors = SECOND_FACTOR & {key for _, key, _, _ in settings(WANTED)}
    for key, value in wanted().items():
        if said.get(key, "").lower() != value.lower():
            places = [f"{path}:{number}" for path, number, name, _, inside in lines if name == key and not inside]
            yield f"{key} is {said.get(key)!r} and not {value!r}: {_cause(places)}"
    for path, number, key, value, inside in lines:
        if inside and (key in factors or NEVER.get(key, value.lower()) != value.lower()):
            yield f"{path}:{number}: a Match block says {key} {value}; take the line out"


def _cause(places: list[str]) -> str:
    if places:
        return f"{places[0]} says otherwise, and is read first; take that line out"
    if any(key == "include" for _, key, _, _ in settings(MAIN)):
        return f"{OURS} is not as described; an apply puts it back"
    return f"{MAIN} must begin with the line Include /etc/ssh/sshd_config.d/*.conf"


if __name__ == "__main__":
    found = list(problems())
    sys.exit("\n".join((*found, "or switch hardening.ssh off in the inventory")) if found else 0)
