"""A running installation is taken over with the keys it signs with, and goes on when the keyring is lost."""

import json
import shutil
from base64 import b64encode

import dns.message
import dns.name
import dns.query
import dns.rdatatype
import dns.tsig
import dns.update
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from inbox import arrived, assert_all_signed
from traffic import Traffic

from postwright.lab import mail, state

pytestmark = pytest.mark.lab

LAB, HOST = "lab2", "mx3"
DAY = 86400


def genkey(bits=2048):
    """What opendkim-genkey makes: a PKCS#1 PEM, and the text of the record."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    pem = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    der = made.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return pem, f"v=DKIM1; h=sha256; k=rsa; p={b64encode(der).decode()}"


def publish(selector, text):
    """By hand, as whoever set up the old server did it, in strings as genkey cuts them."""
    lab = state.load(LAB)
    keyring = {
        dns.name.from_text(lab.tsig.name): dns.tsig.Key(
            lab.tsig.name, lab.tsig.secret_file.read_text().strip(), lab.tsig.algorithm
        )
    }
    head, p = text[: text.index("p=")], text[text.index("p=") :]
    strings = " ".join(f'"{piece}"' for piece in (head, *(p[at : at + 250] for at in range(0, len(p), 250))))
    update = dns.update.UpdateMessage("shop.test", keyring=keyring)
    update.replace(f"{selector}._domainkey", 5, "TXT", strings)
    assert dns.query.tcp(update, lab.nameserver, timeout=10).rcode() == 0


def record(selector):
    """The text the name server shows for a selector; None if there is none."""
    query = dns.message.make_query(f"{selector}._domainkey.shop.test", "TXT")
    answer = dns.query.tcp(query, state.load(LAB).nameserver, timeout=5).answer
    texts = [b"".join(it.strings).decode() for rrset in answer if rrset.rdtype == dns.rdatatype.TXT for it in rrset]
    return texts[0] if texts else None


def keyring():
    return state.load(LAB).ssh_key.parent / "keys"


def states(operator):
    return {row["selector"]: row["state"] for row in operator.json("keys", "list")}


def signed_by():
    """The selector of a message the receiver has verified."""
    found = mail.exchange(name=LAB, host=HOST)
    assert (found.dkim_passed, found.dmarc) == (True, "pass")
    return found.dkim[0].selector


@pytest.fixture(scope="module")
def old(operator):
    """The text of the record of the key the host signs with, as it was taken over and applied."""
    pem, text = genkey()
    publish("old", text)
    copy = operator.folder / "mx3/etc/opendkim"
    (copy / "keys").mkdir(parents=True)
    (copy / "keys/old.private").write_bytes(pem)
    (copy / "KeyTable").write_text("# ours\nshop shop.test:old:/etc/opendkim/keys/old.private\n")
    operator.run("keys", "import", "--key-table", str(copy / "KeyTable"), "--root", str(operator.folder / "mx3"))
    return text


def test_a_key_dns_does_not_show_is_not_taken_over(operator):
    pem, _ = genkey()
    path = operator.folder / "other.private"
    path.write_bytes(pem)

    nothing = operator.run("keys", "import", "--domain", "shop.test", "--selector", "nobody", str(path), check=False)
    publish("theirs", genkey()[1])
    another = operator.run("keys", "import", "--domain", "shop.test", "--selector", "theirs", str(path), check=False)

    assert (nothing.returncode, another.returncode) == (2, 2)
    assert "DNS has no TXT record at nobody._domainkey.shop.test" in nothing.stderr
    assert "DNS has another key at theirs._domainkey.shop.test: 'v=DKIM1; h=sha256; k=rsa; p=" in another.stderr
    assert operator.json("keys", "list") == []


def test_an_imported_key_needs_no_change_of_dns_and_no_new_key(operator, old):
    plan = operator.json("plan")

    touched = [it["name"] for zone in plan["dns"]["zones"] for it in (*zone["additive"], *zone["subtractive"])]
    assert plan["keys"] == []
    assert [name for name in touched if "_domainkey" in name] == []
    assert record("old") == old


def test_hosts_sign_with_the_imported_key_and_its_record_stays_as_it_was(operator, old):
    landed = operator.json("apply", "--yes", "--no-verify")

    assert [it["selector"] for it in landed["proven"]] == ["old"]
    assert landed["keys"] == []
    assert signed_by() == "old"
    assert record("old") == old
    plan = operator.json("plan")
    assert plan["empty"], plan


def test_an_imported_key_is_rotated_as_any_other(operator, old):
    operator.run("keys", "rotate", "--domain", "shop.test", "--settle", "--yes", "--no-verify")

    assert states(operator)["old"] == "retiring"
    assert record("old") == old
    assert signed_by() != "old"


@pytest.fixture(scope="module")
def lost(operator, old):
    """What DNS shows of the keys that lie on the host, the one it signs with last; the keyring is gone."""
    (signing,) = [selector for selector, where in states(operator).items() if where == "active"]
    shutil.rmtree(keyring())
    return {"old": old, signing: record(signing)}


def test_without_its_keyring_nothing_is_done_and_the_ways_out_are_named(operator, lost):
    """An apply would take the keys from the host and from DNS."""
    plan = operator.run("plan")
    refused = operator.run("apply", "--yes", check=False)

    assert "keys recover" in plan.stdout
    assert refused.returncode == 1
    assert "keys recover" in refused.stderr
    assert not keyring().exists()
    assert {selector: record(selector) for selector in lost} == lost
    assert signed_by() in lost


def test_a_keyring_that_is_lost_is_gone_on_from_without_an_unsigned_message(operator, lost):
    with Traffic(LAB, (HOST,)) as traffic:
        recovered = operator.json("keys", "recover", "--yes")
        noted = json.loads((keyring() / "shop.test/lifecycle.json").read_text())["keys"]
        traffic.wait_for(5)
        landed = operator.json("apply", "--yes", "--no-verify")
        traffic.wait_for(5)

    (after,) = {it["selector"] for it in landed["proven"]}
    assert {it["selector"]: it["state"] for it in recovered["noted"]} == dict.fromkeys(lost, "retiring")
    assert {it["selector"]: (it["here"], it["record"]) for it in noted} == {it: (False, lost[it]) for it in lost}
    assert after not in lost
    assert {selector: record(selector) for selector in lost} == lost
    assert states(operator) == {**dict.fromkeys(lost, "retiring"), after: "active"}
    plan = operator.json("plan")
    assert plan["empty"], plan
    verdicts = arrived(LAB, traffic.tokens)
    assert_all_signed(verdicts)
    assert {it.dkim[0].selector for it in verdicts.values()} == {[*lost][-1], after}


def test_lost_keys_are_revoked_when_no_mail_they_signed_is_under_way_and_later_deleted(operator, lost):
    operator.run("apply", "--yes", "--no-verify", clock=8 * DAY)
    revoked = {selector: record(selector) for selector in lost}
    operator.run("apply", "--yes", "--no-verify", clock=39 * DAY)

    assert all(text.endswith("p=") for text in revoked.values())
    assert {record(selector) for selector in lost} == {None}
    assert signed_by() not in lost
