"""How large a host is: what it may use, not what its machine has."""

from __future__ import annotations

import os
import re
from pathlib import Path

from postwright.hosts.remote.common import text_of

BLOCKS = Path("/sys/devices/system/memory")
LIMIT = Path("/sys/fs/cgroup/memory.max")


def cores() -> int:
    """The cores that programs may run on."""
    return len(os.sched_getaffinity(0))


def memory() -> int:
    """The host's memory in MiB, or what it may have of it; 0 if it does not say.

    The memory that is built in (kernel.org, admin-guide/mm/memory-hotplug), for what the kernel can give to programs
    (MemTotal) is another number with each kernel, and moves with a balloon. In a container its limit (cgroups(7)).
    """
    size = text_of(BLOCKS / "block_size_bytes").strip()
    built_in = int(size, 16) * len(list(BLOCKS.glob("memory[0-9]*"))) if size else 0
    total = re.search(r"^MemTotal: +(\d+) kB$", text_of("/proc/meminfo"), re.MULTILINE)
    limit = text_of(LIMIT).strip()
    found = built_in or (int(total[1]) * 1024 if total else 0)
    return (min(found, int(limit)) if limit.isdigit() else found) // 2**20
