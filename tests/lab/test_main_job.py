"""From an empty host to a message that passes; and that nothing changes when nothing is due."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from email import message_from_string
from pathlib import Path

import pytest
from operators import kill

import postwright
from postwright.lab import box, mail, state
from postwright.lab.verdict import verdict

pytestmark = pytest.mark.lab

LAB = "lab8"


def files_of(plan):
    return {change["path"]: change for change in plan["hosts"][0]["files"]}


def test_a_plan_for_an_empty_host_names_everything_and_changes_nothing(operator):
    before = operator.on_host("find /etc -newer /etc/hostname -type f | sort; dpkg -l | wc -l").stdout
    plan = operator.json("plan")

    assert plan["keys"][0]["domain"] == "shop.test"
    assert {"postfix", "opendkim", "nftables"} <= set(plan["hosts"][0]["packages"])
    assert {"/etc/postfix/main.cf", "/etc/opendkim.conf", "/etc/postwright/firewall.nft"} <= set(files_of(plan))
    assert {change["type"] for zone in plan["dns"]["zones"] for change in zone["additive"]} >= {
        "A",
        "AAAA",
        "MX",
        "TXT",
        "PTR",
    }
    assert operator.on_host("find /etc -newer /etc/hostname -type f | sort; dpkg -l | wc -l").stdout == before
    assert operator.run("plan", "--expect-no-changes", check=False).returncode == 1


def test_apply_asks_and_does_nothing_when_told_no(operator):
    done = operator.run("apply", check=False, stdin="n\n")

    assert done.returncode == 1
    assert operator.on_host("test -e /etc/postfix/main.cf", check=False).returncode != 0


def test_apply_makes_a_host_whose_mail_passes_spf_dkim_and_dmarc_over_tls(operator):
    landed = operator.json("apply", "--yes", "--no-verify")

    assert landed["proven"][0]["domain"] == "shop.test"
    found = mail.exchange(name=LAB)
    assert (found.spf, found.dmarc, found.dkim_passed, found.good) == ("pass", "pass", True, True)
    assert found.dkim[0].selector == landed["proven"][0]["selector"]
    assert mail.exchange(name=LAB, port=mail.STARTTLS).good


def test_outgoing_mail_uses_dane(operator):
    log = operator.on_host("journalctl -t postfix/smtp -o cat").stdout

    assert re.search(r"Verified TLS connection established to mx\.bigmail\.test", log)


def test_practice_mail_never_leaves_the_machine(operator):
    # An address for documentation (RFC 5737): the machine itself refuses it, as it would any other outside the lab.
    code = "import socket; socket.create_connection(('203.0.113.25', 25), timeout=5)"
    done = operator.on_host(
        f'runuser -u postfix -- python3 -c "{code}"', check=False
    )  # others get no further than the host

    assert "ConnectionRefusedError" in done.stderr


def test_a_second_apply_changes_nothing(operator):
    landed = operator.json("apply", "--yes")

    assert landed["changed"] is False
    assert (landed["hosts"], landed["zones"], landed["keys"]) == ({}, [], [])
    assert operator.run("plan", "--expect-no-changes").returncode == 0


def test_every_shipped_check_passes(operator):
    results = operator.json("verify")

    assert results["ok"] >= 25
    assert (results["failed"], results["unknown"]) == (0, 0)


def test_a_check_of_a_stopped_service_fails_and_one_of_a_dead_host_is_not_ok(operator):
    operator.on_host("systemctl stop opendkim")
    results = operator.json("verify", "-k", "runs_what_is_on_disk", check=False)
    operator.on_host("systemctl start opendkim")

    assert {check["where"]: check["outcome"] for check in results["checks"]}["mx1 opendkim"] == "failed"


def test_a_private_key_on_the_host_that_is_not_the_one_in_dns_is_told_and_mended(operator):
    """Its signatures would verify for nobody."""
    operator.on_host("cd /etc/postwright/dkim/shop.test && openssl genrsa 2048 2>/dev/null >$(ls *.pem)")
    results = operator.json("verify", "-k", "keyring", check=False)
    operator.run("apply", "--yes", "--no-verify")

    assert [(it["outcome"], "another key than the keyring has" in it["reason"]) for it in results["checks"]] == [
        ("failed", True)
    ]
    assert operator.json("verify", "-k", "keyring")["ok"] == 1


def test_stock_pyinfra_runs_the_same_deploy_and_finds_nothing_to_do(operator):
    deploy = Path(__file__).parents[2] / "deploys/mail_host.py"
    done = subprocess.run(
        [Path(sys.executable).with_name("pyinfra"), "-y", str(operator.inventory), str(deploy)],
        cwd=operator.folder, env=operator.environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert re.search(r"Grand total\s+14\s+-\s+-\s+14", done.stdout + done.stderr)


def test_drift_is_shown_as_a_diff_and_mended(operator):
    operator.on_host("sed -i 's/^biff = no/biff = yes/' /etc/postfix/main.cf && chmod 600 /etc/postfix/main.cf")
    change = files_of(operator.json("plan"))["/etc/postfix/main.cf"]
    landed = operator.json("apply", "--yes", "--no-verify")

    assert {"-biff = yes", "+biff = no"} <= set(change["diff"])
    assert landed["hosts"] == {"mx1": ["put files in place", "postfix | send with Postfix"]}
    assert operator.json("apply", "--yes")["changed"] is False


def test_a_file_no_longer_wanted_is_removed(operator):
    smaller = operator.changed("no-logins", 'fleet["logins"] = []; del fleet["probe"]')
    smaller.run("apply", "--yes", "--no-verify")
    gone = operator.on_host("ls /etc/dovecot/submission.passwd", check=False).returncode
    listening = operator.on_host("ss -Hltn").stdout
    stopped = operator.on_host("systemctl is-active dovecot; systemctl is-enabled dovecot", check=False).stdout.split()
    operator.run("apply", "--yes", "--no-verify")

    assert gone != 0
    assert stopped == ["inactive", "disabled"]
    assert ":587 " not in listening
    assert mail.exchange(name=LAB).good


def test_no_secret_appears_in_any_output(operator):
    operator.on_host("rm -r /etc/postwright/dkim /etc/dovecot/submission.passwd")
    planned = operator.run("-v", "plan")
    done = operator.run("-v", "apply", "--yes", "--no-verify")
    words = planned.stdout + planned.stderr + done.stdout + done.stderr

    assert "PRIVATE KEY" not in words
    assert "$6$" not in words
    for name in ("passphrase", "password", "tsig"):
        secret = (operator.folder / ".lab" / LAB / name).read_text().strip()
        assert secret not in words
    journal = operator.on_host("journalctl -o cat").stdout
    assert "BEGIN PRIVATE" not in journal


def test_after_a_reboot_the_host_runs_as_before_and_nothing_is_due(operator):
    box.stop_host(LAB, "mx1")
    box.start_host(LAB, "mx1")
    plan = operator.json("plan")

    assert plan["empty"], plan
    assert operator.on_host("nft list table inet postwright").returncode == 0
    assert mail.exchange(name=LAB).good


def test_a_configuration_its_program_refuses_never_reaches_the_service(operator):
    broken = operator.changed("broken", 'fleet["resolver"]["trust_anchors"] = ["not an anchor"]')
    before = operator.on_host("sha256sum /etc/unbound/unbound.conf; systemctl show -p InvocationID unbound").stdout
    done = broken.run("apply", "--yes", check=False)

    assert done.returncode == 1
    assert "resolver refuses its configuration" in done.stderr
    assert "no file was changed" in done.stderr
    assert (
        operator.on_host("sha256sum /etc/unbound/unbound.conf; systemctl show -p InvocationID unbound").stdout == before
    )


def test_a_firewall_that_would_lock_out_takes_itself_back(operator):
    before = operator.on_host("nft list table inet postwright").stdout
    narrow = operator.changed("narrow", 'fleet["firewall"] = {"ssh_from": ["192.0.2.0/24"]}')
    done = narrow.run("apply", "--yes", check=False)

    assert done.returncode == 1
    assert "they were taken back" in done.stderr
    assert operator.on_host("nft list table inet postwright").stdout == before
    assert operator.on_host("systemctl is-active postwright-rollback.timer", check=False).stdout.strip() != "active"
    assert operator.run("apply", "--yes", "--no-verify").returncode == 0
    assert operator.json("plan")["empty"]


UNCONFIRMED = """

ROLLBACK_SECONDS = 20


def _confirm_over_a_new_connection(state, host, activation, hint):
    __import__("time").sleep(300)
    return False
"""


@pytest.fixture
def unconfirmed(tmp_path, monkeypatch):
    """Runs of a copy of the package, which never come to confirm what is tried; a host waits for 20 seconds."""
    copy = tmp_path / "postwright"
    shutil.copytree(Path(postwright.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    with (copy / "hosts/operations.py").open("a") as file:
        file.write(UNCONFIRMED)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.mark.usefixtures("unconfirmed")
def test_a_firewall_whose_operator_is_gone_before_it_is_confirmed_is_taken_back_by_the_host_alone(operator):
    def rules():
        return operator.on_host("nft list table inet postwright").stdout

    def waiting():
        return operator.on_host("systemctl is-active postwright-rollback.timer", check=False).stdout.strip() == "active"

    before = rules()
    narrow = operator.changed("gone", 'fleet["firewall"] = {"ssh_from": ["192.0.2.0/24"]}')
    process = narrow.start("apply", "--yes", "--no-verify")
    wait_until(lambda: "192.0.2.0/24" in rules())
    kill(process)
    left_alone = waiting(), rules() != before
    wait_until(lambda: rules() == before)

    assert process.returncode == -signal.SIGKILL
    assert left_alone == (True, True)
    assert not waiting()
    assert operator.run("apply", "--yes", "--no-verify").returncode == 0
    assert operator.json("plan")["empty"]


def wait_until(true):
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.2)


BOUNCE = """
import pathlib, sys, time
for _ in range(300):
    for path in pathlib.Path("/var/mail/lab").rglob("*"):
        if path.is_file() and "Subject: Undelivered Mail" in path.read_text(errors="replace"):
            sys.exit(print(path.read_text(errors="replace")))
    time.sleep(0.1)
sys.exit(1)
"""


@pytest.mark.usefixtures("operator")
def test_bounces_are_signed_and_pass_by_the_host_s_own_name():
    # A domain that does not exist makes our host bounce; the bounce goes to the alias of the sender's domain.
    mail.send(state.load(LAB), sender="dmarc@shop.test", recipient="nobody@nowhere.test")
    bounce = message_from_string(box.run(LAB, "receiver", ["python3", "-c", BOUNCE]).stdout)
    found = verdict(bounce)

    assert "MAILER-DAEMON@mx1.shop.test" in bounce["From"]
    assert (found.spf, found.dkim_passed, found.dmarc) == ("pass", True, "pass")
    assert found.dkim[0].domain == "shop.test"


# On 127.0.0.1:10925 mail is signed and held, as an apply proves signing; what was held is removed.
HELD = r"""
import json, re, smtplib, subprocess, sys
signed = {}
for author in sys.argv[1:]:
    with smtplib.SMTP("127.0.0.1", 10925) as client:
        client.ehlo()
        client.mail("news@shop.test")
        client.rcpt("ops@bigmail.test")
        name = re.search(rb"queued as (\w+)", client.data(f"From: {author}\r\n\r\nhello\r\n".encode())[1])[1].decode()
    header = subprocess.run(["postcat", "-qh", name], capture_output=True, text=True, check=True).stdout
    subprocess.run(["postsuper", "-d", name], capture_output=True, check=True)
    signed[author] = re.findall(r"\bd=([^;]+);", header)
print(json.dumps(signed))
"""


def test_signed_is_what_a_domain_says_in_any_case_and_nothing_from_below_or_beside_it(operator):
    ours = ("news@shop.test", "News@SHOP.Test", '"a b"@shop.test', "MAILER-DAEMON@mx1.shop.test")
    others = ("x@sub.shop.test", "x@ashop.test", "x@shop.test.example", "x@test", "shop.test@bigmail.test")

    found = json.loads(box.run(LAB, operator.host, ["python3", "-c", HELD, *ours, *others]).stdout)

    assert {author for author, domains in found.items() if domains == ["shop.test"]} == set(ours)
    assert {author for author, domains in found.items() if not domains} == set(others)
