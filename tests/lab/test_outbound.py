"""Transport security on a real host: receivers that fail to prove themselves, and the policy the host serves itself.

The host is paced, so that all of this holds for lanes, whose transports are not Postfix's own.
"""

import json
import subprocess
import time

import pytest
from mailqueue import flush, queued
from operators import lab_operator, leave
from scanned import finger, old_server, scan
from secured import KNOWN, Secured

from postwright.lab import box, certificates, mail, state
from postwright.lab.content import put_secret
from postwright.tls_suites import STRONG

pytestmark = pytest.mark.lab

LAB, HOST = "lab3", "mx3"
DEMANDING = """
fleet["outbound_tls"] = {"mta_sts": True, "policies": {
    "partner.test": {"level": "secure", "match": ["mx.partner.test"]},
    ".partner.test": {"level": "secure", "match": ["mx.deep.partner.test"]},
}}
fleet["pacing"] = {}
fleet["tls_authorities"] = "../authorities.pem"
fleet["mailboxes"] = {"reports@shop.test": {"password_hash": "../mailbox.hash"}}
fleet["domains"][0]["mta_sts"] = {
    "mode": "enforce", "policy_host": "hosts", "max_age": 86400,
    "certificate": {"certificate": "../policy.crt", "key": "../policy.key"},
}
"""
GATE = "socketmap:unix:/var/spool/postfix/tls-gate/socket:policy"
RESOLVER = "socketmap:unix:/run/mta-sts/resolver.sock:postfix"
MUST_PROVE = {
    "dane.test": "wrong",  # not the key of its TLSA record
    "sts.test": "wrong",  # another name's certificate
    "both.test": "renewed",  # its own name's, of a known authority, but not the key of its TLSA record
    "partner.test": "wrong",
    "deep.partner.test": None,  # no TLS at all
}


@pytest.fixture(scope="module")
def operator(tmp_path_factory):
    made = lab_operator(tmp_path_factory.mktemp("operator"), LAB, HOST)
    yield made.changed("demanding", DEMANDING)
    leave(made)


@pytest.fixture(scope="module")
def receivers(operator):
    return Secured(operator.lab).start(HOST)


@pytest.fixture(scope="module")
def applied(operator, receivers):
    own = certificates.issue(receivers.authority, "mta-sts.shop.test")
    put_secret(operator.folder / "policy.crt", own.certificate_pem)
    put_secret(operator.folder / "policy.key", own.key_pem)
    known = state.load(LAB).ca_certificate.read_bytes() + receivers.authority.certificate_pem
    put_secret(operator.folder / "authorities.pem", known)
    hashed = subprocess.run(["openssl", "passwd", "-6", "reading"], capture_output=True, check=True).stdout
    put_secret(operator.folder / "mailbox.hash", hashed)
    operator.run("apply", "--yes", "--no-verify")
    return operator


def post(local, domains=KNOWN):
    for domain in domains:
        mail.send(state.load(LAB), host=HOST, sender="probe@shop.test", recipient=f"{local}@{domain}")


def wait_for(receivers, local, domains):
    """How the messages to these domains came, once all have come."""
    deadline = time.monotonic() + 30
    while len(found := came(receivers, local)) < len(domains):
        assert time.monotonic() < deadline, f"{found}\n{box.run(LAB, HOST, 'postqueue -p').stdout}"
        time.sleep(0.1)
    assert set(found) == set(domains)
    return found


def came(receivers, local):
    """Domain → the TLS versions this sender's messages came by; None stands for one in clear."""
    split = ((to.partition("@"), how) for to, how in receivers.taken().items())
    return {domain: how for (said, _, domain), how in split if said == local}


def reasons():
    """Recipient's domain → why its message waits."""
    shown = box.run(LAB, HOST, "postqueue -j").stdout.splitlines()
    told = [to for line in shown for to in json.loads(line)["recipients"]]
    return {to["address"].partition("@")[2]: to.get("delay_reason", "") for to in told}


def wait_until_deferred(number):
    deadline = time.monotonic() + 30
    while sum(map(bool, reasons().values())) < number:
        assert time.monotonic() < deadline, reasons()
        time.sleep(0.1)
    return reasons()


def log(pattern):
    return box.run(LAB, HOST, f"journalctl -o cat --no-pager _COMM=smtp | grep -E '{pattern}'", check=False).stdout


def test_a_second_apply_changes_nothing(applied):
    assert applied.run("plan", "--expect-no-changes").returncode == 0


@pytest.mark.usefixtures("applied")
def test_receivers_that_prove_themselves_get_mail_over_verified_tls(receivers):
    post("right")
    found = wait_for(receivers, "right", KNOWN)

    assert {versions[0] for versions in found.values()} == {"TLSv1.3"}
    for domain in MUST_PROVE:
        assert f"Verified TLS connection established to mx.{domain}[" in log("TLS connection established")


@pytest.mark.usefixtures("applied")
def test_receivers_that_fail_get_nothing_in_clear_until_they_are_mended(receivers):
    for domain in KNOWN:
        receivers.shows(domain, MUST_PROVE.get(domain))
    post("wrong")
    in_clear = wait_for(receivers, "wrong", KNOWN.keys() - MUST_PROVE)
    waiting = wait_until_deferred(len(MUST_PROVE))

    # Who asks for no proof gets mail as before; a policy in testing asks for none.
    assert in_clear == {"plain.test": [None], "trial.test": [None]}
    assert waiting == {domain: "Server certificate not verified" for domain, shown in MUST_PROVE.items() if shown} | {
        "deep.partner.test": waiting["deep.partner.test"]
    }
    assert "TLS is required, but was not offered" in waiting["deep.partner.test"]

    for domain in KNOWN:
        receivers.shows(domain, "right")
    flush(LAB, HOST)
    found = wait_for(receivers, "wrong", KNOWN)
    assert {domain: found[domain] for domain in MUST_PROVE} == {domain: ["TLSv1.3"] for domain in MUST_PROVE}
    assert log("status=bounced") == ""


@pytest.mark.usefixtures("applied")
def test_the_resolver_alone_would_have_overridden_dane():
    """Else the gate were for nothing."""
    alone, gated = (box.run(LAB, HOST, f"postmap -q both.test {table}").stdout for table in (RESOLVER, GATE))

    assert alone.startswith("secure match=mx.both.test")
    assert gated.strip() == "dane-only"


# The gate remembers answers for a minute; a new one remembers nothing.
TAKEN_AWAY = {
    "postfix-mta-sts-resolver": (
        "systemctl mask -q --runtime --now postfix-mta-sts-resolver && systemctl restart postwright-tls-gate",
        "systemctl unmask -q --runtime postfix-mta-sts-resolver && systemctl start postfix-mta-sts-resolver",
    ),
    "postwright-tls-gate": ("systemctl stop postwright-tls-gate", "systemctl start postwright-tls-gate"),
}


@pytest.mark.parametrize("unit", TAKEN_AWAY)
def test_while_a_policy_cannot_be_asked_for_mail_waits_and_verify_says_so(applied, receivers, unit):
    away, back = TAKEN_AWAY[unit]
    box.run(LAB, HOST, away)
    post(unit, ("sts.test", "plain.test"))
    waiting = wait_until_deferred(2)
    told = applied.json("verify", "-k", "can_be_learnt", check=False)
    taken = came(receivers, unit)
    box.run(LAB, HOST, back)
    flush(LAB, HOST)

    assert taken == {}
    assert set(waiting) == {"sts.test", "plain.test"}
    assert (told["failed"], "does not answer" in told["checks"][0]["reason"]) == (1, True)
    assert wait_for(receivers, unit, ("sts.test", "plain.test"))["sts.test"] == ["TLSv1.3"]
    assert queued(LAB, HOST).total() == 0


@pytest.mark.parametrize("unit", ["postfix-mta-sts-resolver", "postwright-tls-gate", "nginx"])
@pytest.mark.usefixtures("applied")
def test_what_dies_comes_back_by_itself(unit):
    box.run(LAB, HOST, f"kill -9 $(systemctl show -p MainPID --value {unit})")
    deadline = time.monotonic() + 20
    while box.run(LAB, HOST, f"systemctl is-active {unit}", check=False).stdout.strip() != "active":
        assert time.monotonic() < deadline, unit
        time.sleep(0.1)


FETCH = """
import http.client, json, socket, ssl, sys
address, name, path, asked = sys.argv[1:]
trust = ssl.create_default_context(cafile="/srv/secured/authority.pem")
try:
    opened = trust.wrap_socket(socket.create_connection((address, 443), timeout=10), server_hostname=name)
except ssl.SSLError as error:
    sys.exit(print(json.dumps([0, error.reason, ""])))
connection = http.client.HTTPSConnection(asked)
connection.sock = opened
connection.request("GET", path)
answer = connection.getresponse()
print(json.dumps([answer.status, answer.getheader("Content-Type"), answer.read().decode()]))
"""
PATH = "/.well-known/mta-sts.txt"


def fetched(receivers, name, path, asked=None):
    """What another host gets: status, type, content."""
    put_secret(receivers.folder / "authority.pem", receivers.authority.certificate_pem)
    address = state.load(LAB).hosts[HOST].ipv4
    found = box.run(LAB, "receiver", ["python3", "-c", FETCH, address, name, path, asked or name])
    return json.loads(found.stdout)


def test_another_host_fetches_the_policy_that_show_prints_and_nothing_else(applied, receivers):
    printed = applied.json("show", "policies")["shop.test"]["text"]

    assert fetched(receivers, "mta-sts.shop.test", PATH) == [200, "text/plain", printed]
    assert fetched(receivers, "mta-sts.shop.test", "/")[0] == 404
    assert fetched(receivers, "mta-sts.shop.test", PATH, asked="mx3.shop.test")[0] in {404, 421}
    assert fetched(receivers, "mx3.shop.test", PATH)[0] == 0
    assert printed.startswith("version: STSv1\r\nmode: enforce\r\nmx: mx3.shop.test\r\n")


@pytest.mark.usefixtures("applied")
def test_the_policy_is_what_senders_resolver_makes_of_it():
    found = box.run(LAB, HOST, f"postmap -q shop.test {RESOLVER}").stdout

    assert found.startswith("secure match=mx3.shop.test")


@pytest.mark.usefixtures("applied")
def test_no_visitor_is_written_down(receivers):
    fetched(receivers, "mta-sts.shop.test", "/nowhere")
    fetched(receivers, "elsewhere.test", PATH)
    said = box.run(LAB, HOST, "cat /var/log/nginx/* 2>/dev/null; journalctl -u nginx -o cat --no-pager").stdout

    assert "10.78." not in said


def test_every_shipped_check_passes(applied):
    results = applied.json("verify", check=False)
    about = {it["promise"] for it in results["checks"] if it["outcome"] == "ok"}

    assert [it for it in results["checks"] if it["outcome"] == "failed"] == []
    # This machine's own resolver knows nothing of the lab's names.
    assert {it["where"] for it in results["checks"] if it["outcome"] == "unknown"} <= {"shop.test"}
    for sought in ("asks the tables", "has a level or tables", "demands of a receiver", "resolver answer", "verified only",
                   "serves the inventory's MTA-STS policy", "forward secrecy", "25 refuses TLS 1.1"):  # fmt: skip
        assert [it for it in about if sought in it], sought


MUST_BE_STRONG = {443, 465, 587, 993, 995}
STRONG_ONES = {*STRONG, "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
NO_GOOD = ("ADH", "AECDH", "DHE", "CAMELLIA", "ARIA", "NULL", "PSK", "RC4", "EXP", "DES", "IDEA", "SEED")


def test_a_scanner_finds_tls_1_2_and_1_3_alone_with_good_ciphers_and_no_known_flaw_on_any_port(applied, tmp_path):
    assert applied
    found = scan(state.load(LAB).hosts[HOST].ipv4, "mta-sts.shop.test", 25, *MUST_BE_STRONG)
    with old_server(tmp_path, 18_465):
        # s_server serves one connection after the other: a second one at once waits, and may wait too long.
        (old,) = scan("127.0.0.1", "old.test", 18_465, at_a_time=1).values()
    suites = {port: {name for names in it["spoken"].values() for name in names} for port, it in found.items()}

    assert found.keys() == {25, *MUST_BE_STRONG}
    assert [(port, flaw) for port, it in found.items() for flaw in it["flaws"]] == []
    assert {tuple(it["spoken"]) for it in found.values()} == {("TLSv1.2", "TLSv1.3")}
    assert set.union(*(suites[port] for port in MUST_BE_STRONG)) <= STRONG_ONES
    assert [name for name in suites[25] if name.startswith(NO_GOOD)] == []
    # The scanner sees what is bad where it is.
    assert {"TLSv1", "TLSv1.1"} <= set(old["spoken"])
    assert "AES256-SHA" in old["spoken"]["TLSv1"]
    assert old["flaws"] == ["renegotiation by the client"]


@pytest.mark.parametrize(("port", "level"), [(25, "verify"), (587, "verify"), (25, "dane-only")])
@pytest.mark.usefixtures("applied")
def test_a_sender_s_postfix_verifies_the_host_by_its_authority_and_by_dane(port, level):
    name = f"{HOST}.shop.test"

    assert "Verified TLS connection established to" in finger(LAB, HOST, level, f"[{name}]:{port}", name)
    assert "Verified TLS" not in finger(LAB, HOST, "secure", f"[{name}]:{port}", "another.test")
