"""The files an inventory names are judged before anything is connected to; what hosts get is kept out of all texts."""

import subprocess
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives import serialization
from support import (
    PASSPHRASE,
    another_host,
    certificate,
    host_data,
    mail_fleet,
    signing_key,
    sound_project,
    write_private,
)

from postwright import material
from postwright.errors import UsageError
from postwright.keys.private import public_text
from postwright.keys.signing import Held

LOGIN = {"login": "app", "password_hash": "app.hash", "senders": ["@example.com"]}
PROBE = {"login": "app", "password": {"file": "app.password"}, "sender": "a@example.com", "recipient": "b@example.net"}


def refusal(project):
    with pytest.raises(UsageError) as caught:
        material.require_valid(project)
    assert caught.value.exit_status == 2
    return str(caught.value)


@pytest.fixture
def sound(tmp_path):
    project = sound_project(tmp_path, host_data(fleet=mail_fleet(logins=[LOGIN])))
    material.require_valid(project)
    return project


def use(project, *names, **times):
    chain, key = certificate(*names, **times)
    write_private(project.base / "tls.crt", chain)
    write_private(project.base / "tls.key", key)


@pytest.mark.parametrize(
    ("names", "times", "expected"),
    [
        (["mx1.example.com"], {"start": -100, "days": 90}, "tls.crt: expired on "),
        (["mx1.example.com"], {"start": 2}, "tls.crt: valid only from "),
        (["mx2.example.com", "a.b"], {}, "is for mx2.example.com, a.b, not for mx1.example.com; get one for that name"),
        ([], {}, "is for no name, not for mx1.example.com"),
        (["*.mx1.example.com"], {}, "is for *.mx1.example.com, not for"),
        (["*.com"], {}, "is for *.com, not for"),
    ],
)
def test_a_certificate_that_does_not_fit_is_told(sound, names, times, expected):
    use(sound, *names, **times)
    assert expected in refusal(sound)


@pytest.mark.parametrize("name", ["mx1.example.com", "MX1.Example.com", "*.example.com"])
def test_a_certificate_for_the_host_is_fine(sound, name):
    use(sound, name)
    material.require_valid(sound)


def test_what_is_no_certificate_is_told(sound):
    write_private(sound.base / "tls.crt", "x")
    assert "tls.crt: not a PEM certificate" in refusal(sound)


def test_a_key_of_another_certificate_is_told(sound):
    write_private(sound.base / "tls.key", certificate("mx1.example.com")[1])
    assert "tls.key: not the key of its certificate" in refusal(sound)


def test_private_files_that_others_can_read_are_told(sound):
    for name in ("tls.key", "app.hash", "passphrase", "tsig"):
        (sound.base / name).chmod(0o644)
    text = refusal(sound)
    assert text.count("run: chmod 600") == 4
    assert "4 problems in files it names" in text


def test_files_that_are_gone_since_are_told(sound):
    for name in ("tls.key", "tsig"):
        (sound.base / name).unlink()
    assert "tls.key: cannot be read: No such file" in refusal(sound)
    assert "mail_fleet.providers.ns1.secret: cannot read" in refusal(sound)


@pytest.mark.parametrize("text", ["", "hunter2", "$6$a\n$6$b", "$6$a:b"])
def test_what_is_no_password_hash_is_told_and_not_repeated(sound, text):
    write_private(sound.base / "app.hash", text)
    assert "app.hash: not a password hash; make one with: openssl passwd -6" in refusal(sound)
    assert "hunter2" not in refusal(sound)


def test_a_weak_passphrase_and_a_missing_probe_password_are_told(tmp_path):
    project = sound_project(tmp_path, host_data(fleet=mail_fleet(logins=[LOGIN], probe=PROBE)))
    write_private(tmp_path / "passphrase", "hunter2")
    text = refusal(project)
    assert "2 problems" in text
    assert "shorter than 16 characters" in text
    assert "mail_fleet.probe.password: cannot read" in text
    assert "hunter2" not in text


def test_secrets_in_variables_are_left_for_the_command_that_needs_them(tmp_path):
    keys = {"directory": "keys", "passphrase": {"env": "POSTWRIGHT_NOT_SET"}}
    material.require_valid(sound_project(tmp_path, host_data(fleet=mail_fleet(keys=keys))))


def encrypted(pem, passphrase):
    key = serialization.load_pem_private_key(pem.encode(), None)
    encryption = serialization.BestAvailableEncryption(passphrase.encode())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()


def test_a_tls_key_may_be_encrypted_with_the_fleets_passphrase(sound):
    chain, key = certificate("mx1.example.com")
    write_private(sound.base / "tls.crt", chain)
    write_private(sound.base / "tls.key", encrypted(key, PASSPHRASE))
    material.require_valid(sound)
    assert material.host_secrets(sound, sound.fleet.hosts[0], PASSPHRASE, ()).private_key == key.encode()


def test_a_passphrase_that_does_not_open_the_tls_key_is_one_problem_among_others(sound):
    write_private(sound.base / "tls.key", encrypted(certificate("mx1.example.com")[1], "another passphrase"))
    write_private(sound.base / "app.hash", "x")
    text = refusal(sound)
    assert "tls.key: the passphrase does not open it" in text
    assert "not a password hash" in text


def test_a_self_signed_certificate_is_noted(sound):
    [note] = [it for it in material.notes(sound) if "self-signed" in it]
    assert note.endswith("tls.crt: self-signed; clients of mx1 will refuse it, get one from an authority")


def test_a_certificates_digest_is_what_openssl_makes_of_it(sound):
    """RFC 7671 §5.1: selector 1 is the public key, matching type 1 its SHA-256."""
    pem = subprocess.check_output(["openssl", "x509", "-in", sound.base / "tls.crt", "-noout", "-pubkey"])
    der = subprocess.check_output(["openssl", "pkey", "-pubin", "-outform", "der"], input=pem)
    assert material.certificate_digests(sound) == {"mx1": sha256(der).hexdigest()}


def test_only_hosts_that_take_mail_have_their_certificate_published_and_only_if_wanted(tmp_path):
    fleet = mail_fleet()
    made = sound_project(tmp_path, host_data(fleet=fleet), another_host("out1", fleet, roles=["submission"]))
    assert set(material.certificate_digests(made)) == {"mx1"}
    off = mail_fleet(tlsa=False)
    assert material.certificate_digests(sound_project(tmp_path, host_data(fleet=off))) == {}


def test_a_certificate_that_cannot_be_published_is_told_by_its_file(sound):
    write_private(sound.base / "tls.crt", "x")
    with pytest.raises(UsageError, match=r"tls.crt: not a PEM certificate .* the host's own first"):
        material.certificate_digests(sound)


def test_a_host_gets_the_keys_it_signs_with_apart_from_those_it_may_go_back_to(sound):
    ring = material.keyring_of(sound)
    for selector, algorithm in (("old", "rsa"), ("new", "rsa"), ("ed", "ed25519")):
        signing_key(ring, "example.com", selector, algorithm=algorithm)
    held = [
        Held("example.com", selector, algorithm, signs)
        for selector, algorithm, signs in (("old", "rsa", False), ("new", "rsa", True), ("ed", "ed25519", True))
    ]

    secrets = material.host_secrets(sound, sound.fleet.hosts[0], PASSPHRASE, held)

    assert [(it.selector, it.algorithm) for it in secrets.signing_keys] == [("new", "rsa"), ("ed", "ed25519")]
    assert [it.selector for it in secrets.kept_keys] == ["old"]
    keys = {key.selector: key.p for key in ring.keys("example.com")}
    for it in (*secrets.signing_keys, *secrets.kept_keys):
        assert public_text(serialization.load_pem_private_key(it.pem, None)) == keys[it.selector]


def test_a_selector_that_came_round_again_stands_for_its_newest_key(sound):
    ring = material.keyring_of(sound)
    signing_key(ring, "example.com", "pw1", state="deleted")
    newest = signing_key(ring, "example.com", "pw1")
    held = [Held("example.com", "pw1", "rsa", signs=True)]
    (found,) = material.host_secrets(sound, sound.fleet.hosts[0], PASSPHRASE, held).signing_keys
    assert public_text(serialization.load_pem_private_key(found.pem, None)) == newest.p


def test_a_key_that_is_only_foreseen_has_no_private_half_yet(sound):
    held = [Held("example.com", "pw20261122", "rsa", signs=True)]
    (found,) = material.host_secrets(sound, sound.fleet.hosts[0], PASSPHRASE, held).signing_keys
    assert (found.selector, found.pem) == ("pw20261122", b"")


def test_nothing_private_is_in_the_text_of_what_a_host_gets(sound):
    signing_key(material.keyring_of(sound), "example.com")
    held = [Held("example.com", "pw20261122", "rsa", signs=True)]
    secrets = material.host_secrets(sound, sound.fleet.hosts[0], PASSPHRASE, held)
    private = secrets.signing_keys[0].pem.decode().splitlines()[2]
    assert private in secrets.signing_keys[0].pem.decode()
    for holder in (secrets, secrets.signing_keys[0]):
        text = f"{holder!r} {holder}"
        assert private not in text
        assert "PRIVATE KEY" not in text
        assert "$6$" not in text


def relaying(tmp_path, text):
    """A project whose mail overflows to a relay with this password."""
    relay = {"server": "smtp.esp.example", "login": "x", "password": {"file": "relay"}}
    write_private(tmp_path / "relay", text)
    return sound_project(tmp_path, host_data(fleet=mail_fleet(pacing={"relay": relay})))


def relay_password(project):
    return material.host_secrets(project, project.fleet.hosts[0], PASSPHRASE, ()).relay_passwords["relay"]


def test_the_relays_password_is_read_as_it_is(tmp_path):
    assert relay_password(relaying(tmp_path, "a b:c#d=\n")) == "a b:c#d="


@pytest.mark.parametrize("text", ["first\nsecond\n", " leading", "trailing \n", "tab\there"])
def test_a_password_postfixs_table_could_not_hold_is_refused_without_showing_it(tmp_path, text):
    with pytest.raises(UsageError) as caught:
        relay_password(relaying(tmp_path, text))
    assert "mail_fleet.pacing.relay.password: file relay" in str(caught.value)
    assert text.split()[0] not in str(caught.value)


def test_a_relays_password_that_others_can_read_is_told_before_anything_is_connected_to(tmp_path):
    project = relaying(tmp_path, "secret")
    (tmp_path / "relay").chmod(0o644)
    assert "mail_fleet.pacing.relay.password" in refusal(project)
