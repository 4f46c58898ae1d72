"""Answers in a host's stead, as sshd's forced command: what the product's scripts ask, as a host that is as described.

Usage: simulated.py FOLDER, with a table per address in it (see ``crowd.py``). Debian's Python, nothing else. It writes a
line per command to FOLDER/log: what, from where, to where.
"""

import base64
import json
import os
import sys
import time
import zlib

RIGHT = ("active", "enabled", "current", "loaded", "wanted_here")


def main(folder: str) -> None:
    """Answer one command."""
    client, port, address, _ = os.environ["SSH_CONNECTION"].split()
    text = script(os.environ["SSH_ORIGINAL_COMMAND"])
    holds = "'held'" in text
    note(folder, "lock" if holds else "look", client, port, address)
    if holds:
        print("held", flush=True)
        sys.stdin.read()
        return
    if "def file_state(" not in text:
        sys.exit("a simulated host answers remote/look.py and remote/lock.py only")
    with open(f"{folder}/{address}") as file:  # noqa: PTH123
        table = json.load(file)
    request = json.loads(packed(text))
    if request.get("system") and table["delay"]:  # asked at the beginning of a session
        note(folder, "wait", client, port, address)
        time.sleep(table["delay"])
    print(json.dumps(look(table, request, [client, address])))


def note(folder: str, what: str, client: str, port: str, address: str) -> None:
    with open(f"{folder}/log", "a") as file:  # noqa: PTH123 - this starts once per command, and pathlib takes its time
        file.write(f"{what} {client}:{port} {address}\n")


def script(command: str) -> str:
    """The script of a command: in its arguments, or on standard input."""
    inside = packed(command)
    return zlib.decompress(inside).decode() if inside else sys.stdin.read()


def packed(text: str) -> bytes:
    """What the last base64 in a text holds."""
    return base64.b64decode(text.rpartition('b64decode("')[2].partition('"')[0]) if 'b64decode("' in text else b""


def look(table: dict, request: dict, reached: list) -> dict:
    """As remote/look.py."""
    found = {"system": {**table["system"], "clock": time.time(), "reached": reached}} if request.get("system") else {}
    if "packages" in request:
        found |= {"packages": table["packages"], "guarded": False}
    if "files" in request:
        found |= {"managed": table["managed"], "files": files(table, request["files"])}
    wanted = table["activations"]
    found["services"] = {it["name"]: dict.fromkeys(RIGHT, it["name"] in wanted) for it in request.get("services", ())}
    return found | table["rest"]


def files(table: dict, asked: list) -> dict:
    """Path → state."""
    return {path: table["files"].get(path) for path in dict.fromkeys((*table["managed"], *asked))}


if __name__ == "__main__":
    main(*sys.argv[1:])
