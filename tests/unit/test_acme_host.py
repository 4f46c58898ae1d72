"""The program that keeps a host's certificate: when it asks for another, what it takes for good, how it puts it in place.

Certificates and keys are real, and so is openssl; asking an ACME server is for the lab's tests.
"""

import os
import subprocess
import time
from pathlib import Path

import pytest
from support import certificate, write_private

from postwright.acme import host as keeper

DAY = 86_400
NAMES = ["mx1.example.com", "mx1b.example.com"]


@pytest.fixture
def there(tmp_path, monkeypatch):
    """Settings of a host that serves a certificate issued by the directory it names, for the key it was given."""
    for name in ("etc", "state", "run"):
        (tmp_path / name).mkdir()
    (tmp_path / "etc/files").write_text("/etc/postwright/stamp\n")
    monkeypatch.setattr(keeper, "ETC", tmp_path / "etc")
    monkeypatch.setattr(keeper, "STATE", tmp_path / "state")
    monkeypatch.setattr(keeper, "LOCK", tmp_path / "run/converge.lock")
    (tmp_path / "state/directory").write_text("https://ca.example/dir\n")
    paths = {name: str(tmp_path / f"{name}.pem") for name in ("own_key", "key", "certificate")}
    settings = {
        **paths, "names": NAMES, "directory": "https://ca.example/dir", "staging": None, "contact": "ops@example.net",
        "renew_before": 30 * DAY, "reload": [],
    }  # fmt: skip
    serve(settings, *certificate(*NAMES))
    return settings


def serve(settings, chain, key):
    """Have the host serve this pair, and let its own key be that."""
    for name, text in (("certificate", chain), ("key", key), ("own_key", key)):
        write_private(Path(settings[name]), text)


def served(settings):
    return Path(settings["certificate"]).read_bytes()


def test_a_certificate_that_fits_is_left_alone(there):
    assert keeper.unfit(there) == ""
    assert keeper.renew(there).startswith("nothing to do: valid until ")


@pytest.mark.parametrize(
    ("names", "times", "reason"),
    [
        (NAMES[:1], {}, "the certificate is not for mx1b.example.com"),
        ([], {}, "the certificate is not for mx1.example.com, mx1b.example.com"),
        (NAMES, {"start": -100, "days": 90}, "the certificate is not valid at this time"),
        (NAMES, {"start": 2}, "the certificate is not valid at this time"),
    ],
)
def test_a_certificate_that_does_not_serve_the_host_is_told(there, names, times, reason):
    serve(there, *certificate(*names, **times))

    assert keeper.unfit(there).startswith(reason)


def test_without_a_certificate_one_is_needed(there):
    Path(there["certificate"]).unlink()

    assert keeper.unfit(there) == "there is no certificate"


def test_another_key_needs_another_certificate(there):
    _, key = certificate(*NAMES)
    write_private(Path(there["own_key"]), key)

    assert keeper.unfit(there) == "the certificate is for another key"


def test_another_directory_needs_another_certificate(there):
    there["directory"] = "https://other.example/dir"

    assert keeper.unfit(there) == "the certificate was issued by another authority"


@pytest.mark.parametrize(
    ("lifetime", "expected"),
    [(90 * DAY, 30 * DAY), (31 * DAY, 30 * DAY), (30 * DAY, 10 * DAY), (6 * DAY, 2 * DAY)],
)
def test_a_certificate_is_renewed_in_good_time_and_a_short_one_for_its_last_third(lifetime, expected):
    assert keeper.window(0, lifetime, 30 * DAY) == expected


@pytest.mark.parametrize(("days", "asked"), [(31, False), (29, True)])
def test_the_authority_is_asked_when_a_certificate_is_due_and_not_before(there, days, asked, monkeypatch):
    serve(there, *certificate(*NAMES, start=days - 90, days=90))
    calls = []
    monkeypatch.setattr(keeper, "obtained", lambda _, directory: calls.append(directory) or served(there))

    keeper.renew(there)

    assert calls == ([there["directory"]] if asked else [])


@pytest.mark.parametrize(("fits", "expected"), [(False, ["staging", "real"]), (True, ["real"])])
def test_staging_is_asked_first_where_no_certificate_fits_and_never_for_a_renewal(there, fits, expected, monkeypatch):
    there |= {"staging": "staging", "directory": "real"}
    if fits:
        (keeper.STATE / "directory").write_text("real\n")
    calls = []
    monkeypatch.setattr(keeper, "obtained", lambda _, directory: calls.append(directory) or served(there))

    keeper.renew(there, force=True)

    assert calls == expected


def test_what_is_installed_is_there_whole_with_its_key_private(there):
    chain, key = certificate(*NAMES)
    write_private(Path(there["own_key"]), key)

    said = keeper.install(there, chain.encode())

    assert said == "reloaded: nothing runs"
    assert served(there) == chain.encode()
    assert keeper.unfit(there) == ""
    assert Path(there["key"]).stat().st_mode & 0o777 == 0o600
    assert Path(there["certificate"]).stat().st_mode & 0o777 == 0o644


def test_the_very_same_certificate_makes_nobody_reload(there):
    there["reload"] = ["no-such-unit.service"]

    assert keeper.install(there, served(there)) == "nobody had to be reloaded"


def test_a_run_cut_off_before_the_reload_is_completed_by_the_next(there, monkeypatch):
    reloaded = []

    def cut_off(unit):
        raise KeyboardInterrupt(unit)

    there["reload"] = ["postfix.service"]
    chain, key = certificate(*NAMES)
    write_private(Path(there["own_key"]), key)
    monkeypatch.setattr(keeper, "_reload", cut_off)
    with pytest.raises(KeyboardInterrupt):
        keeper.install(there, chain.encode())
    monkeypatch.setattr(keeper, "_reload", lambda unit: reloaded.append(unit) or True)

    assert "nothing to do" in keeper.renew(there)
    assert "nothing to do" in keeper.renew(there)
    assert reloaded == ["postfix.service"]


def test_a_certificate_that_is_the_operators_again_is_not_overwritten(there):
    (keeper.ETC / "files").write_text(f"{there['certificate']}\n")
    before = served(there)

    assert keeper.install(there, b"another").startswith("not installed: ")
    assert served(there) == before


def test_a_request_is_for_all_names_and_the_given_key(there, tmp_path):
    keeper._write_request(there, tmp_path / "request.pem")

    shown = subprocess.run(
        ["openssl", "req", "-in", tmp_path / "request.pem", "-noout", "-text", "-pubkey", "-verify"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "DNS:mx1.example.com, DNS:mx1b.example.com" in shown
    assert keeper._pem(shown) == keeper.public_key(there["own_key"])


def test_a_key_that_is_damaged_is_told_before_anybody_is_asked(there, tmp_path):
    write_private(Path(there["own_key"]), "no key")

    assert keeper.complaints(there) == [f"{there['own_key']} is no private key"]
    with pytest.raises(keeper.RefusedError, match="openssl makes no request with the key"):
        keeper._write_request(there, tmp_path / "request.pem")


def test_settings_without_what_every_request_needs_are_told(there):
    assert keeper.complaints(there | {"names": [], "contact": ""}) == ["names is missing", "contact is missing"]


def test_of_what_lego_prints_the_complaint_is_left():
    """As lego 4.9.1 prints it."""
    output = (
        "2026/11/22 16:24:20 No key found for account ops@example.net. Generating a P256 key.\n"
        "!!!! HEADS UP !!!!\nYour account credentials have been saved\n"
        "2026/11/22 16:24:21 [INFO] [mx1.example.com] acme: Could not find solver for: tls-alpn-01\n"
        "2026/11/22 16:24:21 [INFO] [mx1.example.com] acme: Trying to solve HTTP-01\n"
        "2026/11/22 16:24:27 Could not obtain certificates:\n"
        "\terror: one or more domains had a problem:\n"
        "[mx1.example.com] acme: error: 400 :: urn:ietf:params:acme:error:connection :: refused\n"
    )

    assert keeper.said(output) == (
        "Could not obtain certificates: error: one or more domains had a problem: "
        "[mx1.example.com] acme: error: 400 :: urn:ietf:params:acme:error:connection :: refused"
    )
    assert keeper.said("") == "lego failed without a word"


def test_a_lego_that_fails_is_quoted_and_leaves_what_is_there(there, tmp_path, monkeypatch):
    """Whoever stands at its name; here it is a program that knows what to say."""
    program = tmp_path / "bin/lego"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "2026/11/22 16:24:27 no such host: $4" >&2\nexit 1\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    before = served(there)

    with pytest.raises(keeper.RefusedError, match=r"https://ca\.example/dir issues no certificate: no such host"):
        keeper.renew({**there, "challenge": "http-01", "environment": {}}, force=True)
    assert served(there) == before


def test_the_end_of_a_certificate_is_told_as_people_read_it(there):
    end = keeper.certificate(there["certificate"]).end

    assert time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(end)) in keeper.renew(there)
