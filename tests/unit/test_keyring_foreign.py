"""Keys of other tools are read in every form they come in, and whatever cannot be taken over is told with its place."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from postwright.errors import KeyringError
from postwright.keys import foreign
from postwright.keys.foreign import Entry, entry, key_table, loaded, twice
from postwright.keys.private import public_text
from postwright.keys.published import published

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ED25519 = ed25519.Ed25519PrivateKey.generate()
PASSPHRASE = "hunter2 of old"  # noqa: S105 - of tests
PATH = Path("mail.private")


def pem(key, form=serialization.PrivateFormat.PKCS8, passphrase=None):
    how = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, how)


@pytest.mark.parametrize("form", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_an_rsa_key_is_read_in_either_form_encrypted_or_not(form, passphrase):
    text = pem(RSA, form, passphrase)

    assert foreign.is_encrypted(text) is bool(passphrase)
    assert public_text(loaded(text, PASSPHRASE, PATH)) == public_text(RSA)


def test_an_ed25519_key_is_read():
    assert public_text(loaded(pem(ED25519), None, PATH)) == public_text(ED25519)


@pytest.mark.parametrize("passphrase", [None, "not it"])
def test_a_key_its_passphrase_does_not_open_is_told_without_repeating_it(passphrase):
    with pytest.raises(KeyringError, match=r"^mail\.private: the passphrase does not open it") as caught:
        loaded(pem(RSA, passphrase=PASSPHRASE), passphrase, PATH)

    assert str(passphrase) not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "not a private key in PEM, or damaged"),
        (b"hunter2", "not a private key in PEM, or damaged"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "neither an RSA nor an Ed25519 key"),
        (pem(RSA)[:-60], "not a private key in PEM"),
    ],
)
def test_a_file_without_a_key_that_can_sign_is_told_and_not_repeated(text, reason):
    with pytest.raises(KeyringError, match=rf"^mail\.private: {reason}") as caught:
        loaded(text, None, PATH)

    assert "hunter2" not in str(caught.value)


def test_a_key_that_is_too_short_for_receivers_is_refused(monkeypatch):
    """Shorter than 1024 bits cannot be made any more, so the limit is raised instead."""
    monkeypatch.setattr(foreign, "LEAST_BITS", 4096)

    with pytest.raises(KeyringError, match=r"^mail\.private: has 2048 bits; receivers take none below 4096"):
        loaded(pem(RSA), None, PATH)


def test_names_are_taken_in_lower_case_as_dns_does_not_tell_them_apart():
    found = entry("Example.COM.", "Mail2024", PATH)

    assert found == Entry("example.com", "mail2024", PATH)
    assert found.name == "mail2024._domainkey.example.com"


@pytest.mark.parametrize(
    ("domain", "selector"), [("example", "s1"), ("../x.com", "s1"), ("example.com", "../s1"), ("example.com", "-s1"),
                             ("example.com", ""), ("example.com", "s 1"), ("example.com", "s" * 64)],
)  # fmt: skip
def test_a_name_that_is_none_is_refused(domain, selector):
    with pytest.raises(ValueError, match="is not"):
        entry(domain, selector, PATH)


def test_a_key_table_is_read_below_the_root(tmp_path):
    table = tmp_path / "KeyTable"
    table.write_text(
        "# ours\n\n"
        "shop   Shop.Example:mail2024:/etc/opendkim/keys/shop.private  \n"
        "again\tshop.example:mail2024:/etc/opendkim/keys/shop.private\n"
        "news._domainkey.example.com example.com:news:./keys/news.private\n"
    )

    entries, problems = key_table(table, tmp_path / "mx1")

    assert problems == []
    assert entries == [
        Entry("shop.example", "mail2024", tmp_path / "mx1/etc/opendkim/keys/shop.private"),
        Entry("example.com", "news", tmp_path / "mx1/keys/news.private"),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("default %:default:/etc/keys/default", 'has "%" for whatever domain'),
        ("default example.com:default:/etc/keys/%", 'has "%" for whatever domain'),
        ("default example.com:default:MIIEvQIBADANBgkqhkiG9w0B", "holds the key itself, not its path"),
        ("default", "not a line of a KeyTable"),
        ("*@example.com default", "not a line of a KeyTable"),
        ("default nodomain:default:/etc/keys/default", "is not a fully qualified host name"),
    ],
)
def test_a_line_that_cannot_be_taken_over_is_told_with_its_number_and_no_secret(tmp_path, line, reason):
    table = tmp_path / "KeyTable"
    table.write_text(f"# ours\n{line}\n")

    entries, problems = key_table(table, tmp_path)

    assert entries == []
    assert len(problems) == 1
    assert problems[0].startswith(f"{table}:2: ")
    assert reason in problems[0]
    assert "MIIE" not in problems[0]


def test_a_key_table_that_is_not_there_is_told(tmp_path):
    with pytest.raises(KeyringError, match=r"cannot read .*KeyTable: No such file .*name OpenDKIM's KeyTable"):
        key_table(tmp_path / "KeyTable", tmp_path)


def test_two_files_for_one_selector_are_told():
    entries = [entry("example.com", "s1", Path("a")), entry("example.com", "s1", Path("b"))]

    assert list(twice(entries)) == [
        "example.com: s1 (b): a claims the same selector; leave the one whose key is in DNS"
    ]


def test_the_record_of_opendkim_genkey_is_understood():
    found = published(f"v=DKIM1; h=sha256; k=rsa; p={public_text(RSA)}")

    assert (found.algorithm, found.bits, found.p) == ("rsa", 2048, public_text(RSA))


def test_white_space_and_missing_tags_change_nothing():
    p = public_text(RSA)

    assert published(f"p={p[:100]} {p[100:]}").p == p
    assert published(f"k=ed25519;p={public_text(ED25519)};").bits == 256


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("v=DKIM1; p=", "is revoked"),
        ("v=spf1 -all", "is not a DKIM key"),
        (f"v=DKIM1; h=sha1; p={public_text(RSA)}", "allows h=sha1 only"),
        (f"v=DKIM1; s=other; p={public_text(RSA)}", "is not for mail"),
        ("v=DKIM1; p=AAAA", "a p= that is no rsa key"),
        ("v=DKIM1; p=%%%%", "a p= that is no rsa key"),
        (f"v=DKIM1; k=ed25519; p={public_text(RSA)}", "a p= that is no ed25519 key"),
        (f"v=DKIM1; k=gost; p={public_text(RSA)}", "is not a DKIM key"),
    ],
)
def test_a_record_no_receiver_could_verify_with_is_told(text, reason):
    with pytest.raises(ValueError, match=reason):
        published(text)
