"""What we last wrote: whole or not there, and never guessed."""

import os

import pytest

from postwright.dns import ledger
from postwright.dns.records import Record
from postwright.errors import UsageError

RECORDS = (
    Record("example.com", "TXT", 300, '"v=spf1 ip4:192.0.2.1 \\255 ~all"', shared=True),
    Record("_dmarc.example.com", "TXT", 300, '"v=DMARC1; p=none"'),
)


def test_reads_what_was_written_one_line_per_value(tmp_path):
    ledger.write(tmp_path / "new", "example.com", RECORDS)
    assert set(ledger.read(tmp_path / "new", "example.com")) == set(RECORDS)
    assert ledger.zones(tmp_path / "new") == ("example.com",)
    assert len(ledger.path(tmp_path / "new", "example.com").read_text().splitlines()) == len(RECORDS) + 2


def test_text_does_not_depend_on_order_or_repetition():
    assert ledger.render("example.com", RECORDS) == ledger.render("example.com", RECORDS[::-1] * 2)


def test_zone_never_written_has_none(tmp_path):
    assert ledger.read(tmp_path, "example.com") == ()


DAMAGED = [
    "",
    "[]",
    "{}",
    '{"format": 2, "records": []}',
    '{"format": 1, "records": [{"x": 1}]}',
    '{"format": 1, "records": [{"name": "a.example", "type": "A", "ttl": 1, "rdata": "no address"}]}',
    "\xff",
]


@pytest.mark.parametrize("text", DAMAGED)
def test_damaged_file_is_named_and_never_taken_for_empty(tmp_path, text):
    file = ledger.path(tmp_path, "example.com")
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=rf"{file}: is not a ledger.*version control"):
        ledger.read(tmp_path, "example.com")


def test_failed_write_leaves_the_old_one(tmp_path, monkeypatch):
    ledger.write(tmp_path, "example.com", RECORDS)

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match="No space left"):
        ledger.write(tmp_path, "example.com", ())
    assert set(ledger.read(tmp_path, "example.com")) == set(RECORDS)
    assert ledger.zones(tmp_path) == ("example.com",)
