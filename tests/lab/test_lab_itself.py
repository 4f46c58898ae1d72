"""The lab keeps its own promises: real hosts, real DNS, real mail, and nothing left behind."""

import base64
import contextlib
import json
import os
import re
import secrets
import ssl
import subprocess
import sys
import time
from email import message_from_bytes
from pathlib import Path

import dkim
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.reversename
import dns.tsigkeyring
import dns.update
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from postwright.cli.main import cli
from postwright.errors import LabError
from postwright.lab import box, certificates, guest, machine, mail, network, state
from postwright.lab.layout import Layout
from postwright.lab.verdict import Signature, verdict

pytestmark = pytest.mark.lab

NAME = "lab9"
LAYOUT = Layout.named(NAME)
SEND = """
import smtplib, ssl, sys
client = smtplib.SMTP("mx.bigmail.test", 25, "mx1.shop.test", timeout=20)
client.starttls(context=ssl._create_unverified_context())
client.sendmail("news@shop.test", ["someone.else@bigmail.test"], sys.stdin.read())
"""


def others():
    """Other labs may come and go while this one is tested; what belongs to them is not compared."""
    return re.compile(rf"pw(?!{LAYOUT.number}\b)\d\b|postwright/lab/lab(?!9\b)\d?\b")


def sh(command):
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False).stdout


def snapshot():
    """What a lab could leave on the machine."""
    commands = {
        "namespaces": "ip netns list | cut -d' ' -f1",
        "mounts": "cut -d' ' -f1-3 /proc/mounts",
        "tables": "nft list tables",
        "links": "ip -o link | cut -d: -f2",
        "groups": "find /sys/fs/cgroup -maxdepth 3 -type d -name 'pw*'",
        "processes": "ps -eo args | grep '^[s]ystemd-nspawn'",
        "machines": "find /run/systemd/nspawn -mindepth 2 2>/dev/null",
        "forwarding": "cat /proc/sys/net/ipv4/ip_forward",
        "registry": "find /run/postwright -mindepth 1 -maxdepth 2 -not -path '*/.locks*' -not -name .machine.json",
    }
    found = {what: sh(command).splitlines() for what, command in commands.items()}
    return {what: sorted(line for line in lines if not others().search(line)) for what, lines in found.items()}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A directory of its own, so that .lab/ of the checkout is left alone."""
    box.down(NAME)
    directory = tmp_path_factory.mktemp("home")
    with contextlib.chdir(directory):
        yield directory
        box.down(NAME)


@pytest.fixture(scope="module")
def lab(home):
    before = snapshot()
    yield box.up(NAME)
    box.down(NAME)

    assert snapshot() == before
    assert not list(home.iterdir())


def ssh(lab, host, command, address=None):
    options = ["-o", f"UserKnownHostsFile={lab.known_hosts}", "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes"]
    target = f"root@{address or lab.hosts[host].ipv4}"
    return subprocess.run(
        ["ssh", "-F", "none", "-i", lab.ssh_key, *options, "-o", "ConnectTimeout=5", target, command],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def ask(lab, name, kind, server=None):
    query = dns.message.make_query(name, kind, want_dnssec=True)
    return dns.query.udp(query, server or lab.resolver[0], timeout=5)


def update(lab, zone, *records, secret=None):
    """Replace record sets, as an operator's tool does: by RFC 2136, signed with TSIG."""
    secret = secret or lab.tsig.secret_file.read_text()
    change = dns.update.UpdateMessage(
        zone, keyring=dns.tsigkeyring.from_text({lab.tsig.name: secret}), keyalgorithm=lab.tsig.algorithm
    )
    for name, kind, text in records:
        change.replace(dns.name.from_text(name), 60, kind, text)
    return dns.query.tcp(change, lab.nameserver, timeout=5).rcode()


def answer(lab, name, kind, server=None):
    """The data of a validated answer."""
    reply = ask(lab, name, kind, server)
    assert reply.flags & dns.flags.AD, reply
    return [rdata.to_text() for rrset in reply.answer if rrset.rdtype.name == kind for rdata in rrset]


def leaders():
    return {host: guest.entry(LAYOUT, host)[2] for host in ("mx1", "receiver", "ns")}


# --- hosts


def test_a_second_up_changes_nothing_and_is_quick(lab):
    files = {path: path.read_bytes() for path in lab.ssh_key.parent.iterdir()}
    before, started = leaders(), time.monotonic()

    assert box.up(NAME) == lab
    assert time.monotonic() - started < 1
    assert leaders() == before
    assert {path: path.read_bytes() for path in lab.ssh_key.parent.iterdir()} == files


def test_secrets_are_for_their_owner_only(lab):
    directory = lab.ssh_key.parent

    assert directory.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}
    assert LAYOUT.vault.stat().st_mode & 0o777 == 0o700


def test_what_was_written_is_loaded_again(lab, tmp_path, monkeypatch):
    assert state.load(NAME) == lab

    monkeypatch.chdir(tmp_path)

    assert state.load(NAME) == lab


def test_no_lab_is_an_error_that_says_what_to_do():
    with pytest.raises(LabError, match="the lab is not up: run `postwright lab up`"):
        state.load("lab8")


@pytest.mark.parametrize("host", ["mx1", "receiver", "ns"])
def test_ssh_knows_each_host_by_both_addresses(lab, host):
    for address in (lab.hosts[host].ipv4, lab.hosts[host].ipv6):
        done = ssh(lab, host, "hostname; systemctl is-system-running", address)

        assert done.stdout.split() == [host, "running"], done.stderr


def test_a_sender_is_an_empty_trixie(lab):
    done = ssh(lab, "mx1", "cat /etc/debian_version; ls /usr/sbin/postfix /usr/sbin/unbound; ss -Htln | wc -l")

    assert done.stdout.split()[0].startswith("13.")
    assert done.stdout.split()[1:] == ["2"]  # ssh, on two address families


def test_apt_firewall_and_network_settings_work_inside(lab):
    script = """
    set -e
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends nftables >/dev/null 2>&1
    nft add table inet trial
    nft add chain inet trial input '{ type filter hook input priority 0; policy accept; }'
    nft add rule inet trial input tcp dport 25 ct state new limit rate 5/second log drop
    systemctl start nftables
    sysctl -q -w net.ipv4.tcp_syncookies=0 net.core.somaxconn=1234
    """
    done = ssh(lab, "mx1", script)

    assert done.returncode == 0, done.stderr
    assert Path("/proc/sys/net/ipv4/tcp_syncookies").read_text().strip() == "1"


@pytest.mark.usefixtures("lab")
def test_run_hands_over_input_and_reports_failure():
    assert box.run(NAME, "mx1", ["cat"], input="hello").stdout == "hello"
    assert box.run(NAME, "mx1", "echo $((6*7)); hostname").stdout.split() == ["42", "mx1"]
    with pytest.raises(LabError, match=r"mx1: bash failed \(3\): because"):
        box.run(NAME, "mx1", "echo because >&2; exit 3")
    assert box.run(NAME, "mx1", ["false"], check=False).returncode == 1


# --- names


def test_the_receiver_is_published_and_validated(lab):
    (tlsa,) = answer(lab, "_25._tcp.mx.bigmail.test", "TLSA")

    assert answer(lab, "bigmail.test", "MX") == ["10 mx.bigmail.test."]
    assert answer(lab, "mx.bigmail.test", "AAAA", lab.resolver[1]) == [lab.hosts["receiver"].ipv6]
    assert tlsa == certificates.tlsa_3_1_1(presented(lab).encode())


def presented(lab):
    """The certificate the receiver shows after STARTTLS."""
    target = [
        "-connect",
        f"{lab.hosts['receiver'].ipv4}:25",
        "-starttls",
        "smtp",
        "-verify_hostname",
        "mx.bigmail.test",
    ]
    command = ["openssl", "s_client", *target, "-CAfile", lab.ca_certificate, "-verify_return_error"]
    done = subprocess.run(command, input="", capture_output=True, text=True, check=True)
    return ssl.DER_cert_to_PEM_cert(
        ssl.PEM_cert_to_DER_cert(re.search("-----BEGIN.*END CERTIFICATE-----", done.stdout, re.DOTALL)[0])
    )


def test_addresses_lead_back_to_names(lab):
    for address in (lab.hosts["receiver"].ipv4, lab.hosts["receiver"].ipv6):
        reply = ask(lab, dns.reversename.from_address(address), "PTR")

        assert [rdata.to_text() for rrset in reply.answer for rdata in rrset] == ["mx.bigmail.test."]


def test_an_update_is_seen_at_once_and_validated(lab):
    missing = ask(lab, "_dmarc.shop.test", "TXT")

    assert missing.rcode() == dns.rcode.NXDOMAIN
    for text in ('"v=DMARC1; p=none"', '"v=DMARC1; p=reject"'):
        assert update(lab, "shop.test", ("_dmarc.shop.test.", "TXT", text)) == dns.rcode.NOERROR
        assert eventually(lambda text=text: answer(lab, "_dmarc.shop.test", "TXT") == [text], 2)


def eventually(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_reverse_zones_take_updates(lab):
    v4, v6 = lab.reverse_zones
    assert update(lab, v4, (f"10.{v4}.", "PTR", "mx1.shop.test.")) == dns.rcode.NOERROR
    name = dns.reversename.from_address(lab.hosts["mx1"].ipv6).to_text()
    assert update(lab, v6, (name, "PTR", "mx1.shop.test.")) == dns.rcode.NOERROR


def test_an_update_with_another_key_is_refused(lab):
    with pytest.raises(dns.tsig.PeerBadSignature):
        update(lab, "shop.test", ("evil.shop.test.", "A", "192.0.2.1"), secret=base64.b64encode(b"another").decode())

    assert ask(lab, "evil.shop.test", "A").rcode() == dns.rcode.NXDOMAIN


# --- mail


def compose(lab):
    return mail.compose(lab, secrets.token_hex(4), sender="news@shop.test")


def deliver(lab, message):
    """By hand, from the empty host's address."""
    box.run(NAME, "mx1", ["python3", "-c", SEND], input=message.as_string())
    return mail.find(lab, mail.token_of(message))


def test_the_receiver_judges_what_it_gets(lab):
    update(
        lab,
        "shop.test",
        ("shop.test.", "TXT", f'"v=spf1 ip4:{lab.hosts["mx1"].ipv4} ip6:{lab.hosts["mx1"].ipv6} -all"'),
    )
    update(lab, "shop.test", ("_dmarc.shop.test.", "TXT", '"v=DMARC1; p=reject"'))
    found = verdict(deliver(lab, compose(lab)))

    assert (found.spf, found.dmarc) == ("pass", "pass")
    assert [signature.result for signature in found.dkim] == ["none"]
    assert found.tls == "TLSv1.3"
    assert found.client in {lab.hosts["mx1"].ipv4, lab.hosts["mx1"].ipv6}
    assert not found.good


def test_the_receiver_sees_a_changed_record(lab):
    update(lab, "shop.test", ("shop.test.", "TXT", '"v=spf1 -all"'))
    found = []

    def no_longer_permitted():
        found.append(verdict(deliver(lab, compose(lab))))
        return (found[-1].spf, found[-1].dmarc) == ("fail", "fail")

    assert eventually(no_longer_permitted, 5), found[-1]


def test_a_signed_message_is_good(lab):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    text = f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"
    update(lab, "shop.test", ("s1._domainkey.shop.test.", "TXT", f'"{text[:255]}" "{text[255:]}"'))
    update(lab, "shop.test", ("shop.test.", "TXT", '"v=spf1 ip4:10.78.9.10 ip6:fd78:0:0:9::10 -all"'))
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    found = []

    def good():
        message = compose(lab).as_bytes().replace(b"\n", b"\r\n")
        found.append(verdict(deliver(lab, message_from_bytes(dkim.sign(message, b"s1", b"shop.test", pem) + message))))
        return found[-1].good

    assert eventually(good, 5), found[-1]
    assert found[-1].dkim == (Signature("pass", "shop.test", "s1"),)


def test_a_message_that_does_not_come_is_an_error_with_the_next_step(lab):
    with pytest.raises(LabError, match=r"did not reach the receiver within 0.1 s; see .*postqueue"):
        mail.find(lab, "never-sent", timeout=0.1)


# --- the command line


def postwright(*arguments):
    return CliRunner().invoke(cli, arguments, env={"POSTWRIGHT_LAB": NAME})


def test_the_commands_speak_of_the_running_lab(lab):
    assert postwright("lab", "status").output.splitlines()[:2] == [
        "lab9: up",
        "mx1       runs  10.78.9.10  fd78:0:0:9::10",
    ]
    assert json.loads(postwright("--json", "lab", "status").stdout)["complete"] is True
    assert json.loads(postwright("--json", "lab", "up").stdout) == json.loads(lab.model_dump_json())


@pytest.mark.usefixtures("lab")
def test_shell_runs_a_command_and_gives_its_status():
    start = [sys.executable, "-c", "from postwright.cli.main import main; main()"]
    command = [*start, "lab", "shell", "receiver", "--", "sh", "-c", "hostname; exit 7"]
    done = subprocess.run(
        command, env=os.environ | {"POSTWRIGHT_LAB": NAME}, capture_output=True, text=True, check=False
    )

    assert (done.stdout, done.returncode) == ("receiver\n", 7)


@pytest.mark.usefixtures("lab")
def test_mail_from_a_host_not_set_up_says_so():
    done = postwright("lab", "mail")

    assert done.exit_code == 1
    assert "mx1 port 465 did not take the message" in done.stderr


# --- life and death of hosts


def test_a_reset_host_is_new_but_known(lab):
    box.run(NAME, "mx1", "touch /etc/was-here")
    identity = box.run(NAME, "mx1", ["cat", "/etc/machine-id"]).stdout
    started = time.monotonic()
    box.reset(NAME, "mx1")
    took = time.monotonic() - started
    done = ssh(lab, "mx1", "test ! -e /etc/was-here && cat /etc/machine-id")

    assert done.returncode == 0, done.stderr
    assert done.stdout != identity
    assert took < 5


def test_a_rebooted_host_keeps_its_files_and_loses_its_rules(lab):
    script = "touch /etc/was-here && sysctl -q -w net.core.somaxconn=1234 && journalctl --sync"
    box.run(NAME, "mx1", script)
    box.stop_host(NAME, "mx1")

    assert {host.name: host.running for host in box.status(NAME).hosts} == {"mx1": False, "receiver": True, "ns": True}
    with pytest.raises(LabError, match="mx1 does not run; start it: postwright lab up"):
        box.run(NAME, "mx1", ["true"])

    box.start_host(NAME, "mx1")
    done = ssh(
        lab, "mx1", "ls /etc/was-here; cat /proc/sys/net/core/somaxconn; journalctl --list-boots | grep -c '^ *-1'"
    )

    assert done.stdout.split() == ["/etc/was-here", "4096", "1"], done.stderr


def test_a_host_survives_a_power_cut(lab):
    box.run(NAME, "mx1", "touch /etc/was-here")
    box.stop_host(NAME, "mx1", cut_power=True)
    box.up(NAME)

    assert ssh(lab, "mx1", "ls /etc/was-here").returncode == 0


def test_the_name_server_comes_back_with_its_keys_and_records(lab):
    update(lab, "shop.test", ("kept.shop.test.", "A", "192.0.2.7"))
    box.stop_host(NAME, "ns")
    box.start_host(NAME, "ns")

    assert answer(lab, "kept.shop.test", "A") == ["192.0.2.7"]

    box.reset(NAME, "ns")

    assert answer(lab, "bigmail.test", "MX") == ["10 mx.bigmail.test."]
    assert ask(lab, "kept.shop.test", "A").rcode() == dns.rcode.NXDOMAIN


@pytest.mark.usefixtures("lab")
def test_one_more_host_joins_a_running_lab():
    before = leaders()
    grown = box.up(NAME, hosts=["mx2"])

    assert leaders() == before
    assert ssh(grown, "mx2", "hostname").stdout.strip() == "mx2"
    assert state.load(NAME).hosts.keys() == {"mx1", "mx2", "receiver", "ns"}


# --- nothing is left behind; these take the lab away, so they stand last


def left_by(snapshot):
    """What of a snapshot is this lab's."""
    return {what: [line for line in lines if "pw9" in line or "lab9" in line] for what, lines in snapshot.items()}


@pytest.fixture
def nothing(home):
    """The machine without this lab."""
    box.down(NAME)
    before = snapshot()

    assert not any(left_by(before).values())
    assert not list(home.iterdir())
    return before


MOMENTS = {
    "the registry is mounted": lambda: LAYOUT.directory in box.mounts(),
    "the bridge is there": lambda: network.exists(LAYOUT),
    "a tree is mounted": lambda: guest.exists(LAYOUT, "receiver"),
    "a host boots": lambda: any(box.cgroup.leader(LAYOUT, host) for host in ("mx1", "receiver", "ns")),
    "a host runs": lambda: (
        subprocess.run(
            ["ip", "netns", "exec", "pw9-ns", "ss", "-Hltn", "sport = 22"], capture_output=True, check=False
        ).stdout
    ),
    "secrets are published": lambda: Path(".lab", NAME, "password").exists(),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_down_heals_a_killed_up(nothing, moment, tmp_path_factory, monkeypatch):
    process = subprocess.Popen([sys.executable, "-c", f"from postwright.lab import box; box.up({NAME!r})"])

    assert eventually(MOMENTS[moment], 20)

    process.kill()
    process.wait()
    home = Path.cwd()
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    box.down(NAME)

    assert eventually(lambda: snapshot() == nothing, 2), left_by(snapshot())
    assert not (home / ".lab").exists()

    box.down(NAME)

    assert snapshot() == nothing


def test_up_heals_a_killed_up(nothing):
    process = subprocess.Popen([sys.executable, "-c", f"from postwright.lab import box; box.up({NAME!r})"])
    assert eventually(lambda: guest.exists(LAYOUT, "receiver"), 20)
    process.kill()
    process.wait()

    box.up(NAME)

    assert {host.running for host in box.status(NAME).hosts} == {True}

    box.down(NAME)

    assert snapshot() == nothing


def test_an_interrupted_up_cleans_up_after_itself(nothing, monkeypatch):
    def interrupt(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(guest, "boot", interrupt)
    with pytest.raises(KeyboardInterrupt):
        box.up(NAME)

    assert snapshot() == nothing


def test_a_host_that_cannot_boot_shows_its_console(nothing, monkeypatch):
    monkeypatch.setattr(guest, "_BOOT_SECONDS", 3)
    seed = box.seeds.seed

    def broken(layout, host, root):
        seed(layout, host, root)
        if host == "mx1":
            (root / "usr/lib/systemd/systemd").unlink()

    monkeypatch.setattr(box.seeds, "seed", broken)
    with pytest.raises(LabError, match=r"mx1 did not come up.*its console said: .*(init|systemd)"):
        box.up(NAME)

    assert snapshot() == nothing


def test_the_machine_is_fit():
    assert machine.problem() is None
    assert subprocess.run([sys.executable, "-m", "postwright.lab.require"], check=False).returncode == 0
