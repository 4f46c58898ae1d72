"""How messages left, read from lines as Postfix 3.10 and journald write them."""

import subprocess

import pytest

from postwright.checks.deliveries import SHOWN, deliveries

TLS = "{trust} TLS connection {how} to mx.partner.test[192.0.2.45]:25: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)"
SENT = "4jXZrp0lhdz1RM: to=<x@partner.test>, relay=mx.partner.test[192.0.2.45]:25, delay=0.13, delays=0/0/0/0, dsn=2.0.0, status=sent (250 2.0.0 OK)"
ALIAS = "4jXZrp0lhdz1RM: to=<x@Partner.test>, orig_to=<y@shop.test>, relay=mx.partner.test[192.0.2.45]:25, conn_use=2, delay=0.13, dsn=2.0.0, status=sent (250 OK)"


def line(text, at=2000, pid=7, lane="smtp"):
    return f"{at}.123456 mx1 postfix/{lane}[{pid}]: {text}"


BEGIN = line("Trusted TLS connection established to mx.other.test[192.0.2.9]:25: TLSv1.3", at=1000, pid=1)


@pytest.mark.parametrize(
    ("lines", "trust"),
    [
        ([line(TLS.format(trust="Verified", how="established")), line(SENT)], "Verified"),
        ([line(TLS.format(trust="Verified", how="reused"), lane="v4-192-0-2-1-other/smtp"), line(ALIAS)], "Verified"),
        ([line(TLS.format(trust="Trusted", how="established")), line(SENT)], "Trusted"),
        ([line(TLS.format(trust="Untrusted", how="established")), line(SENT)], "Untrusted"),
        ([line(SENT)], "Clear"),
        ([line(TLS.format(trust="Verified", how="established"), pid=8), line(SENT)], "Clear"),
    ],
)
def test_a_message_left_as_the_session_of_its_own_process_was(lines, trust):
    (left,) = deliveries([BEGIN, *lines])

    assert left == ("partner.test", "mx.partner.test[192.0.2.45]:25", trust)


def test_what_began_before_the_log_does_is_not_judged():
    assert list(deliveries([line(SENT, at=1000), line(SENT, at=1500)])) == []


def test_other_lines_mean_nothing():
    deferred = SENT.replace("status=sent (250 2.0.0 OK)", "status=deferred (Server certificate not verified)")
    assert list(deliveries([BEGIN, line(deferred), "-- Boot 1 --", ""])) == []


def test_what_goes_to_the_gate_of_a_paced_host_has_not_left_yet():
    gate = SENT.replace("mx.partner.test[192.0.2.45]:25", "127.0.0.1[127.0.0.1]:10026")
    assert list(deliveries([BEGIN, line(gate, lane="gate")])) == []


@pytest.mark.parametrize(
    ("journal", "failed", "printed"),
    [
        (f"echo '{line(SENT)}'; echo other", False, f"{line(SENT)}\n"),
        ("echo other", False, ""),
        ("true", False, ""),
        ("echo 'No journal files were opened' >&2; exit 1", True, ""),
    ],
)
def test_a_log_that_cannot_be_read_is_told_from_one_that_says_nothing(tmp_path, journal, failed, printed):
    (tmp_path / "journalctl").write_text(f"#!/bin/sh\n{journal}\n")
    (tmp_path / "journalctl").chmod(0o755)

    done = subprocess.run(["sh", "-c", SHOWN], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=False, capture_output=True, text=True)  # fmt: skip

    assert (bool(done.returncode), done.stdout) == (failed, printed)
