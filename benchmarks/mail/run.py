"""The mail host: beside one tuned by hand, what each lever of signing costs, slow destinations by the thousand, and pacing.

Usage: run.py [ROUNDS]. A lab host, built by a real apply, signs (RSA-2048) and sends from smtp-source to smtp-sink, both of
which are Postfix's own and run on hosts of the lab. Prints tables and writes them to results/mail.md.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import destinations
import levers
import pacing
import zone
from comparing import Rounds, in_turns, table
from hand import hand_tuned
from measuring import SERVICES, SESSIONS, SIZE, Bench, Pour, Variant
from operators import lab_operator, leave
from paced import Paced, paced
from providers_of_mail import Providers

RESULTS = Path(__file__).parents[1] / "results" / "mail.md"
LAB, HOST = os.environ.get("POSTWRIGHT_LAB", "lab6"), "mx3"
BY_HAND, LEVER, PACED = 1000, 400, 1000  # messages of one measure


@dataclass(frozen=True)
class Part:
    """A table of the results, under its heading, with what there is to say of it."""

    heading: str
    found: Rounds
    notes: list[str]
    services: tuple[str, ...] = SERVICES


def main(rounds: str = "3") -> None:
    """Run, print, and write the results."""
    with tempfile.TemporaryDirectory() as folder:
        operator = lab_operator(Path(folder), LAB, HOST)
        try:
            providers = Providers(LAB).start()
            host, bench = paced(operator, providers), Bench(operator, providers)
            host.apply("without")
            zone.describe(LAB, providers.address("sink"))
            bench.prepare()
            for parts in measured(host, bench, int(rounds)):
                RESULTS.write_text(report(parts))
        finally:
            leave(operator)
    print(RESULTS.read_text())


def measured(host: Paced, bench: Bench, rounds: int) -> Iterator[list[Part]]:
    """All there is so far, after each part. Pacing comes last, for it applies."""
    parts = [by_hand(bench, rounds + 2)]
    yield parts
    parts.append(far(bench, max(1, rounds - 2)))
    yield parts
    parts.append(signing(bench, rounds))
    yield parts
    bench.be(Variant("as built"))
    parts.append(paced_modes(host, bench, max(1, rounds - 1)))
    yield parts


def paced_modes(host: Paced, bench: Bench, rounds: int) -> Part:
    """The host with and without pacing."""
    found = in_turns(pacing.MODES, rounds, lambda mode: pacing.measure(host, bench, mode, PACED))
    return Part("What pacing costs", found, pacing.NOTES, pacing.SERVICES)


def by_hand(bench: Bench, rounds: int) -> Part:
    """The built host, and one that somebody wrote by hand."""
    variants = (hand_tuned(), Variant("built"))
    found = in_turns(variants, rounds, lambda it: bench.measure(it, Pour(BY_HAND)))
    return Part("Beside a host tuned by hand", found, BESIDE)


def signing(bench: Bench, rounds: int) -> Part:
    """Each lever of signing alone."""
    found = in_turns(levers.ALL, rounds, lambda it: bench.measure(it, levers.pour_of(it, LEVER)))
    return Part("What signing costs, one lever at a time", found, levers.NOTES)


def far(bench: Bench, rounds: int) -> Part:
    """Destinations that take a second."""
    bench.start_sink(destinations.SLOW)
    found = in_turns(destinations.ALL, rounds, lambda it: bench.measure(it, destinations.pour()))
    cold, warm = destinations.questions(bench)
    bench.start_sink()
    return Part(f"{zone.COUNT:,} destinations that take a second each", found, destinations.notes(cold, warm))


def report(parts: list[Part]) -> str:
    """The results as a page."""
    made = f"Made by `make bench-mail` on {datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} CPUs, Debian 13,"
    lines = [
        "# The mail host",
        "",
        f"{made} load average {os.getloadavg()[2]:.1f} over the last quarter of an hour.",
        f"Messages of {SIZE:,} bytes, RSA-2048, {SESSIONS} sessions; source, host and sink share the machine.",
        "Ratios are to the first line of the same round: the median, and the least and the greatest.",
    ]
    for part in parts:
        lines += ["", f"## {part.heading}", "", f"Rounds: {len(part.found)}, all lines in turns.", ""]
        lines += [*table(part.found, part.services), "", *part.notes]
    return "\n".join(lines) + "\n"


BESIDE = """
- By hand: the files in `benchmarks/mail/hand-tuned/`, same key, same resolver, no sandbox, nothing in a chroot, no
  submission, no DANE, one domain, no Lua.
""".splitlines()[1:]


if __name__ == "__main__":
    main(*sys.argv[1:])
