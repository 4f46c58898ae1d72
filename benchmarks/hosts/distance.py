"""A second way to a host of the lab, with a delay both ways: two tun links, and this process between them.

Usage: distance.py NAMESPACE NEAR FAR MILLISECONDS. NEAR is this machine's address on it, FAR that of the host. It says
``ready``, and ends with its standard input. The links live as long as the process: nothing is left behind.
"""

import ctypes
import fcntl
import os
import select
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000  # linux/if_tun.h
CLONE_NEWNET = 0x40000000  # linux/sched.h
LINK, LARGEST = "pwfar", 65536


@contextmanager
def at_a_distance(namespace: str, near: str, far: str, milliseconds: float) -> Iterator[None]:
    """The way is there for the block: so many milliseconds of round trip."""
    argv = [sys.executable, __file__, namespace, near, far, str(milliseconds / 2)]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout.readline() != "ready\n":
            raise SystemExit("there is no second way to the host; is there /dev/net/tun?")
        yield
    finally:
        process.stdin.close()
        process.wait()


def main(namespace: str, near: str, far: str, milliseconds: str) -> None:
    """Make both links, and carry packets until nobody wants them any more."""
    here = link()
    configure(["ip"], near, far)
    enter(namespace)
    there = link()
    configure(["ip"], far, near)
    print("ready", flush=True)
    carry(here, there, float(milliseconds) / 1000)


def link() -> int:
    """A tun link in the network namespace this process is in."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH", LINK.encode(), IFF_TUN | IFF_NO_PI))
    return descriptor


def enter(namespace: str) -> None:
    with Path("/run/netns", namespace).open() as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")


def configure(ip: list[str], own: str, other: str) -> None:
    subprocess.run([*ip, "address", "add", own, "peer", other, "dev", LINK], check=True)
    subprocess.run([*ip, "link", "set", LINK, "up"], check=True)


def carry(here: int, there: int, delay: float) -> None:
    """Hand packets over when they have been under way for ``delay`` seconds."""
    waiting = deque[tuple[float, int, bytes]]()  # all wait as long, so they are in order
    while True:
        left = waiting[0][0] - time.monotonic() if waiting else None
        ready, _, _ = select.select([here, there, sys.stdin], [], [], None if left is None else max(0.0, left))
        if sys.stdin in ready:
            return
        due = time.monotonic() + delay
        waiting.extend((due, there if it == here else here, os.read(it, LARGEST)) for it in ready)
        while waiting and waiting[0][0] <= time.monotonic():
            _, to, packet = waiting.popleft()
            os.write(to, packet)


if __name__ == "__main__":
    main(*sys.argv[1:])
