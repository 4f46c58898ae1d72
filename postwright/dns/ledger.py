"""What we last wrote: one sorted JSON file per zone, ``<zone>.json``, one line per value, fit for Git.

Promise: a write is whole or not there (temporary file, fsync, rename); a file that cannot be understood is an error that
names it, never an empty ledger. Of an SPF record it holds our tokens only. It is written before DNS is (with the old and
the new values) and again after, so that a crash between the two leaves nothing of ours unknown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from dns.exception import DNSException

from postwright.dns.canonical import canonical
from postwright.dns.records import Record, sort_key
from postwright.errors import UsageError
from postwright.files import write_atomically

_FORMAT = 1


def path(directory: Path, zone: str) -> Path:
    """The ledger of a zone."""
    return directory / f"{zone}.json"


def zones(directory: Path) -> tuple[str, ...]:
    """The zones something is recorded of, sorted."""
    return tuple(sorted(file.stem for file in directory.glob("*.json")))


def read(directory: Path, zone: str) -> tuple[Record, ...]:
    """The values of ours in a zone; none when the zone was never written. UsageError when the file is damaged."""
    file = path(directory, zone)
    try:
        return _parse(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}; mend its permissions") from None
    except (ValueError, TypeError, KeyError, DNSException) as error:
        hint = "take it from version control, or delete it: then nothing in the zone is known to be ours"
        raise UsageError(f"{file}: is not a ledger of postwright ({error}); {hint}") from None


def write(directory: Path, zone: str, records: Iterable[Record]) -> None:
    """Replace the ledger of a zone; UsageError when the place cannot be written."""
    write_atomically(path(directory, zone), render(zone, records).encode())


def render(zone: str, records: Iterable[Record]) -> str:
    """The text of a ledger: JSON, one value per line, in the order of ``records.sort_key``."""
    lines = [json.dumps(asdict(record)) for record in sorted(set(records), key=sort_key)]
    body = "".join(f"\n  {line}{',' if line is not lines[-1] else ''}" for line in lines)
    return f'{{"format": {_FORMAT}, "zone": {json.dumps(zone)}, "records": [{body}\n]}}\n'


def _parse(text: str) -> tuple[Record, ...]:
    data = json.loads(text)
    if data["format"] != _FORMAT:
        raise ValueError(f"format {data['format']}, this version reads {_FORMAT}")
    records = tuple(Record(**entry) for entry in data["records"])
    for record in records:
        canonical(record.type, record.rdata)  # raises for what is no rdata of that type
    return records
