"""What a host does at a time fits its cores and its memory, and only a host of another size is told something else."""

import os
import re
from dataclasses import astuple, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import context

from postwright.hosts.remote import size as remote
from postwright.services.bundle import bundle
from postwright.services.sizing import DELIVERY, PORTS, SESSION, counted, size

CORES, MEMORY = st.integers(1, 256), st.integers(448, 1 << 20)
# Files that a signer may have open unless its unit says otherwise, less those that are no session.
OPEN_FILES = 1024 - 100
SIZED = ("/etc/postfix/main.cf", "/etc/postfix/master.cf", "/etc/unbound/unbound.conf")


def texts(base, release="13", **changes):
    made = replace(context(base, release=release), **changes)
    return {file.path: file.content.decode() for file in bundle(made).files}


@given(CORES, MEMORY, CORES, MEMORY)
def test_more_cores_or_more_memory_never_means_less(cores, memory, more_cores, more_memory):
    smaller, larger = size(cores, memory), size(cores + more_cores, memory + more_memory)

    assert all(less <= more for less, more in zip(astuple(smaller), astuple(larger), strict=True))


@given(CORES, MEMORY)
def test_all_processes_at_once_leave_three_eighths_of_the_memory_to_the_rest(cores, memory):
    found = size(cores, memory)

    assert PORTS * found.sessions * SESSION + found.deliveries * DELIVERY <= counted(memory) * 5 // 8


@given(CORES, MEMORY)
def test_a_session_on_every_port_never_takes_the_signers_last_file(cores, memory):
    assert PORTS * size(cores, memory).sessions <= OPEN_FILES


@given(CORES, MEMORY)
def test_one_client_never_takes_all_sessions(cores, memory):
    found = size(cores, memory)

    assert 0 < found.of_one_client < found.sessions


@given(CORES, MEMORY)
def test_the_resolver_has_a_power_of_two_of_slabs_and_one_per_thread(cores, memory):
    found = size(cores, memory)

    assert found.slabs.bit_count() == 1
    assert found.threads <= found.slabs < 2 * found.threads


def test_the_smallest_host_there_is_takes_ten_sessions_or_more_and_does_not_swap():
    found = size(1, 456)  # what a rented 512 MiB look like from inside

    assert found.sessions >= 10
    assert found.deliveries >= 20
    assert PORTS * found.sessions * SESSION + found.deliveries * DELIVERY < 456 * 3 // 4


@pytest.mark.parametrize("bought", [512, 1024, 2048, 4096, 8192, 16384, 65536])
def test_a_reading_that_wobbles_changes_nothing(bought):
    readings = [bought - bought * per_mille // 1000 for per_mille in range(120)]

    assert {size(2, reading) for reading in readings} == {size(2, bought)}


def test_a_host_of_unknown_size_is_told_nothing(tmp_path):
    assert size(0, 4096) is None
    assert size(4, 0) is None
    assert "process_limit" not in texts(tmp_path)["/etc/postfix/main.cf"]


@pytest.mark.parametrize("release", ["12", "13"])
def test_size_changes_the_files_of_postfix_and_the_resolver_alone(tmp_path, release):
    unknown, known = texts(tmp_path, release), texts(tmp_path, release, cores=4, memory=8192)

    assert [path for path in unknown if unknown[path] != known[path]] == [SIZED[2], SIZED[0], SIZED[1]]


def test_files_say_what_was_worked_out(tmp_path):
    made, found = texts(tmp_path, cores=4, memory=7900), size(4, 8192)

    assert re.search(rf"^default_process_limit = {found.sessions}$", made[SIZED[0]], re.MULTILINE)
    assert re.search(rf"^smtp +unix +- +- +y +- +{found.deliveries} +smtp$", made[SIZED[1]], re.MULTILINE)
    assert re.search(rf"^ +rrset-cache-size: {found.records}m$", made[SIZED[2]], re.MULTILINE)


def test_the_signer_tries_no_pattern_per_domain_for_a_message(tmp_path):
    made = texts(tmp_path)["/etc/opendkim.conf"]

    assert re.findall(r"^(\S+) +refile:", made, re.MULTILINE) == ["InternalHosts", "ExternalIgnoreList"]


def test_what_nobody_may_say_in_from_is_told_by_the_names_the_signer_is_told(tmp_path):
    made = texts(tmp_path)
    pattern = re.search(r'line:match\("\^\(\[\^#%s\]%S\*\) "\)', made["/etc/postwright/from-unsigned.lua"])
    rows = [line for line in made["/etc/postwright/dkim/SigningTable"].splitlines() if not line.startswith("#")]

    assert pattern
    assert all(re.fullmatch(r"[a-z0-9.-]+ [a-z0-9.-]+", row) for row in rows)


def test_a_host_reads_what_it_may_have_of_the_memory_that_is_built_in(tmp_path, monkeypatch):
    blocks, limit = tmp_path / "memory", tmp_path / "memory.max"
    monkeypatch.setattr(remote, "BLOCKS", blocks)
    monkeypatch.setattr(remote, "LIMIT", limit)
    total = remote.memory()
    for number in range(32):
        (blocks / f"memory{number}").mkdir(parents=True)
    (blocks / "block_size_bytes").write_text("8000000\n")
    built_in = remote.memory()
    limit.write_text("max\n")
    unlimited = remote.memory()
    limit.write_text(f"{2**30}\n")

    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert total == pages // (1 << 20)
    assert (built_in, unlimited, remote.memory()) == (4096, 4096, 1024)
