"""A host moves to other DKIM keys by a reload: no message is turned away, none is signed badly, and a failure is noticed.

The same deploy as ever brings keys to the host; which ones is said by a file, not by the keyring.
"""

import json
import re
import subprocess
import sys
from base64 import b64encode
from functools import cache

import dns.query
import dns.tsig
import dns.update
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from inbox import Inbox
from traffic import Traffic

from postwright.lab import box, mail, state

pytestmark = pytest.mark.lab

LAB, HOST = "lab1", "mx3"
KEYS = "/etc/postwright/dkim"
BROKEN = "/run/systemd/system/opendkim.service.d/broken.conf"  # before postwright-stamp.conf in the alphabet

DEPLOY = """
import json
from base64 import b64decode
from pathlib import Path

from pyinfra.context import host, inventory

from postwright.deploys.mail_host import mail_host
from postwright.hosts.inventory_file import host_data
from postwright.hosts.looking import look
from postwright.inventory import project_of
from postwright.lab.state import load
from postwright.services.bundle import bundle
from postwright.services.parts import Context, HostSecrets, SigningKey

lab, said = load(), json.loads(Path("said.json").read_text())
kinds = {
    kind: tuple(SigningKey("shop.test", selector, b64decode(pem), algorithm=name) for selector, pem, name in keys)
    for kind, keys in said.items()
}
secrets = HostSecrets(
    certificate=lab.tls[host.name].certificate.read_bytes(),
    private_key=lab.tls[host.name].key.read_bytes(),
    password_hashes={lab.submission.login: lab.submission.password_hash_file.read_text().strip()},
    **kinds,
)
fleet = project_of(host_data(inventory), Path("inventories/lab.py")).fleet
release = look({"system": True})["system"]["release"]
mail_host(bundle=bundle(Context(fleet, fleet.host(host.name), release, secrets)))
"""


@cache
def private_key(selector):
    """A key, the same each time it is asked for; that of a selector ``ed…`` is an Ed25519 key."""
    return ed25519.Ed25519PrivateKey.generate() if selector.startswith("ed") else rsa.generate_private_key(65537, 2048)


def entry(selector):
    pem = private_key(selector).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return selector, b64encode(pem).decode(), "ed25519" if selector.startswith("ed") else "rsa"


def record(selector):
    """The key's TXT (RFC 6376 §3.6.1, RFC 8463 §4) in strings that are short enough."""
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    if selector.startswith("ed"):
        form = serialization.Encoding.Raw, serialization.PublicFormat.Raw
    public = b64encode(private_key(selector).public_key().public_bytes(*form)).decode()
    text = f"v=DKIM1; k={entry(selector)[2]}; p={public}"
    return " ".join(f'"{text[start : start + 250]}"' for start in range(0, len(text), 250))


def publish(*selectors):
    lab = state.load(LAB)
    keyring = {
        dns.name.from_text(lab.tsig.name): dns.tsig.Key(
            lab.tsig.name, lab.tsig.secret_file.read_text().strip(), lab.tsig.algorithm
        )
    }
    update = dns.update.UpdateMessage("shop.test", keyring=keyring)
    for selector in selectors:
        update.replace(f"{selector}._domainkey", 5, "TXT", record(selector))
    assert dns.query.tcp(update, lab.nameserver, timeout=10).rcode() == 0


@pytest.fixture(scope="module")
def host(operator):
    """The operator of a host that signs with ``rsa1``; all keys of this module are in DNS."""
    publish("rsa1", "rsa2", "ed1")
    deploy(operator, "rsa1")
    return operator


def deploy(operator, *signing, kept=(), check=True):
    """Bring the host to these keys; what pyinfra said."""
    said = {"signing_keys": [entry(it) for it in signing], "kept_keys": [entry(it) for it in kept]}
    (operator.folder / "said.json").write_text(json.dumps(said))
    (operator.folder / "deploy.py").write_text(DEPLOY)
    done = subprocess.run(
        [sys.executable, "-m", "pyinfra", "-y", operator.inventory, "deploy.py"],
        cwd=operator.folder, env=operator.environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    words = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
    assert not check or done.returncode == 0, words
    return words


def changed(words):
    """How many operations did something."""
    return int(re.search(r"Grand total\s+\d+\s+(\d+|-)", words)[1].replace("-", "0"))


def pid(operator):
    return operator.on_host("systemctl show -p MainPID --value opendkim").stdout.strip()


def stamped(operator):
    return operator.on_host("test -e /run/postwright/opendkim.reload.stamp", check=False).returncode == 0


def break_reload(operator, command):
    """`systemctl reload` of the signer runs this instead; what notes stamps stays."""
    text = f"[Service]\nExecReload=\nExecReload=+/bin/sh -c '{command}'\n"  # +: out of the sandbox
    operator.on_host(f"mkdir -p $(dirname {BROKEN})")
    box.run(LAB, HOST, ["tee", BROKEN], input=text)
    operator.on_host("systemctl daemon-reload")


def mend_reload(operator):
    operator.on_host(f"rm {BROKEN}; chmod 644 /etc/opendkim.conf; systemctl daemon-reload")


def pems(operator):
    return operator.on_host(f"cd {KEYS} && find . -name '*.pem' | sort").stdout.split()


def signatures(**sent):
    """Selector → result, as the receiver of one new message has it."""
    found = mail.exchange(name=LAB, host=HOST, **sent)
    return {it.selector: it.result for it in found.dkim}


def test_keys_change_under_traffic_and_no_message_is_turned_away_or_badly_signed(host):
    before = pid(host)

    with Traffic(LAB, (HOST,), per_second=10) as traffic:
        seen = []
        for turn in range(6):
            new, old = ("rsa2", "rsa1") if turn % 2 == 0 else ("rsa1", "rsa2")
            words = deploy(host, new, kept=[old])
            seen.append((new, changed(words), signatures()))
        traffic.wait_for(5)
    found = Inbox(LAB).arrived(traffic.tokens)

    assert seen == [(new, 2, {new: "pass"}) for new in ("rsa2", "rsa1") * 3]  # files, and the signer
    assert traffic.deferred == []
    assert [token for token, verdict in found.items() if not verdict.dkim_passed] == []
    assert {it.selector for verdict in found.values() for it in verdict.dkim} == {"rsa1", "rsa2"}
    assert pid(host) == before


def test_a_key_that_is_kept_needs_no_reload_and_is_in_no_table(host):
    deploy(host, "rsa1")
    first = changed(deploy(host, "rsa1", kept=["rsa2"]))
    second = changed(deploy(host, "rsa1", kept=["rsa2"]))

    assert (first, second) == (1, 0)
    assert pems(host) == ["./shop.test/rsa1.pem", "./shop.test/rsa2.pem"]
    assert "rsa2" not in host.on_host(f"cat {KEYS}/KeyTable").stdout
    assert signatures() == {"rsa1": "pass"}


@pytest.mark.parametrize(
    ("reload", "complaint"),
    [
        ("chmod 600 /etc/opendkim.conf; kill -USR1 $MAINPID", "configuration error at line 0"),
        ("exit 1", "systemctl reload opendkim.service"),
        ("true", "was told to reload and did not"),
    ],
    ids=["refused", "failed", "nothing done"],
)
def test_a_reload_that_fails_is_noticed_and_tried_again_and_until_then_the_old_key_signs(host, reload, complaint):
    deploy(host, "rsa1")
    before = pid(host)
    break_reload(host, reload)
    words = deploy(host, "rsa2", check=False)
    held = signatures(), pems(host), stamped(host)
    mend_reload(host)
    healed = changed(deploy(host, "rsa2"))

    assert complaint in words, words
    assert held == ({"rsa1": "pass"}, ["./shop.test/rsa1.pem", "./shop.test/rsa2.pem"], False)
    assert healed >= 2  # the signer, and the old key removed
    assert (signatures(), pems(host), stamped(host)) == ({"rsa2": "pass"}, ["./shop.test/rsa2.pem"], True)
    assert pid(host) == before
    assert changed(deploy(host, "rsa2")) == 0


def test_a_session_from_before_the_reload_ends_with_the_key_it_began_with_and_never_unsigned(host):
    deploy(host, "rsa1")
    lab = state.load(LAB)
    with mail._connect(lab, HOST, mail.IMPLICIT_TLS) as client:
        client.login(lab.submission.login, lab.submission.password_file.read_text().strip())
        deploy(host, "rsa2", kept=["rsa1"])
        client.send_message(message := mail.compose(lab, "session-from-before"))
        deploy(host, "rsa2")
        with pytest.raises(Exception, match="451"):
            client.send_message(mail.compose(lab, "session-without-its-key"))
    found = Inbox(LAB).arrived([mail.token_of(message)])

    assert [(it.selector, it.result) for it in found["session-from-before"].dkim] == [("rsa1", "pass")]
    assert signatures() == {"rsa2": "pass"}


def test_a_reload_by_somebody_else_is_no_change_unless_it_took_up_other_tables(host):
    deploy(host, "rsa1")
    host.on_host("systemctl reload opendkim")
    unchanged = changed(deploy(host, "rsa1"))
    host.on_host(
        f"cd {KEYS} && cp -a KeyTable /root/ && echo '# edited' >>KeyTable && systemctl reload opendkim"
        " && mv /root/KeyTable ."
    )
    mended = changed(deploy(host, "rsa1"))

    assert (unchanged, mended) == (0, 1)
    assert changed(deploy(host, "rsa1")) == 0


def test_a_host_with_both_kinds_of_keys_signs_twice_and_both_signatures_pass(host):
    deploy(host, "rsa1")
    deploy(host, "rsa1", "ed1")
    again = changed(deploy(host, "rsa1", "ed1"))
    both = signatures(), signatures(port=mail.STARTTLS)
    host.on_host(["sendmail", "-i", "-f", "news@shop.test", "ops@bigmail.test"], check=False)
    lists = host.on_host(f"cat {KEYS}/KeyTable; find {KEYS}").stdout, host.on_host(f"find {KEYS}-ed25519").stdout

    assert again == 0
    assert both == ({"rsa1": "pass", "ed1": "pass"},) * 2
    assert "ed1" not in lists[0]
    assert "rsa1" not in lists[1]


def test_the_second_signer_reloads_by_itself_and_the_first_is_left_alone(host):
    publish("ed2")
    deploy(host, "rsa1", "ed1")
    before = pid(host), host.on_host("systemctl show -p MainPID opendkim-ed25519").stdout
    steps = changed(deploy(host, "rsa1", "ed2"))

    assert steps == 3  # files, the second signer, the old key
    assert signatures() == {"rsa1": "pass", "ed2": "pass"}
    assert (pid(host), host.on_host("systemctl show -p MainPID opendkim-ed25519").stdout) == before


def test_without_ed25519_keys_nothing_is_left_of_the_second_signer(host):
    deploy(host, "rsa1", "ed1")
    deploy(host, "rsa1")
    again = changed(deploy(host, "rsa1"))
    left = host.on_host("find /etc -path '*ed25519*' -not -path '/etc/ssh/*'; ls /var/spool/postfix/opendkim").stdout
    unit = host.on_host("systemctl is-active opendkim-ed25519; systemctl is-enabled opendkim-ed25519", check=False)

    assert again == 0
    assert left.split() == ["opendkim.sock"]
    assert unit.stdout.split()[0] == "inactive"
    assert "enabled" not in unit.stdout
    assert host.on_host("systemctl list-units --failed --plain --no-legend").stdout == ""
    assert host.on_host("postconf -h smtpd_milters").stdout == "unix:opendkim/opendkim.sock\n"
    assert signatures() == {"rsa1": "pass"}
