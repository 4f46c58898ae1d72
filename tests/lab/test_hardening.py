"""On a real host: keys only, never a lock-out, services that live in their sandbox, and what drifts is put back."""

import base64
import hashlib
import hmac
import time

import paramiko
import pytest

from postwright.hosts.remote import package
from postwright.lab import box, mail, state

pytestmark = pytest.mark.lab

LAB = "lab7"
PASSWORD = "a password of root"  # noqa: S105 - of a lab
LIVE = "/etc/ssh/sshd_config.d/00-postwright.conf"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEH"  # noqa: S105 - of a lab; base32


def session():
    """A new SSH session with mx1, nobody logged in yet."""
    made = paramiko.Transport((state.load(LAB).hosts["mx1"].ipv4, 22))
    made.start_client(timeout=10)
    return made


def key(operator):
    return paramiko.PKey.from_path(operator.folder / ".lab" / LAB / "ssh_key")


def logs_in(operator, user="root"):
    """Whether the operator's key alone lets this user in over a new connection."""
    made = session()
    try:
        return made.auth_publickey(user, key(operator)) == []
    except paramiko.AuthenticationException:
        return False
    finally:
        made.close()


def logs_in_again(operator):
    """Whether it does by now; sshd may be taking up its settings at this moment."""
    try:
        return logs_in(operator)
    except (paramiko.SSHException, EOFError):
        return False


def code(moment):
    """The code of this moment (RFC 6238), made from the secret."""
    counter = int(moment // 30).to_bytes(8, "big")
    digest = hmac.digest(base64.b32decode(SECRET + "=" * (-len(SECRET) % 8)), counter, hashlib.sha1)
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start : start + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06d}"


def answering(said):
    """Says this to each prompt; PAM's last word comes without one."""
    return lambda _title, _text, prompts: [said for _ in prompts]


def tried(what, seconds):
    """Begin the trial of sshd's settings or of the packet filter's rules, run on the host as an apply runs it."""
    request = {"what": what, "step": "try", "seconds": seconds}
    return box.run(LAB, "mx1", ["python3", "-"], input=package("trial", request))


def until(condition):
    """Wait for it, for a minute at most."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.2)


def test_an_operator_who_logs_in_with_a_password_is_refused_before_anything_changes(operator):
    operator.on_host(f"echo 'root:{PASSWORD}' | chpasswd; echo PermitRootLogin yes >/etc/ssh/sshd_config.d/99-lab.conf")
    operator.on_host("systemctl reload ssh")
    by_password = operator.changed("password", f'del host["ssh_key"]; host["ssh_password"] = {PASSWORD!r}')
    done = by_password.run("apply", "--yes", check=False)

    assert done.returncode == 1
    assert "host mx1: you log in by password, and sshd would take keys only" in done.stderr
    assert "no host was changed" in done.stderr
    assert operator.on_host("ls /etc/postwright", check=False).returncode != 0


def test_a_hardened_host_lets_keys_in_and_no_password_and_mail_flows(operator):
    operator.run("apply", "--yes")
    stranger = session()

    with pytest.raises(paramiko.BadAuthenticationType) as refused:
        stranger.auth_password("root", PASSWORD)
    stranger.close()

    assert refused.value.allowed_types == ["publickey"]
    assert logs_in(operator)
    assert mail.exchange(name=LAB).good
    assert operator.json("plan")["empty"]


def test_an_update_that_restarts_services_leaves_nothing_for_an_apply_to_do(operator):
    before = operator.on_host("systemctl show -p InvocationID opendkim postfix").stdout
    operator.on_host("apt-get install -q -y --no-download --reinstall opendkim postfix")
    plan = operator.json("plan")

    assert operator.on_host("systemctl show -p InvocationID opendkim postfix").stdout != before
    assert plan["empty"], plan


def waits(operator, timer):
    return operator.on_host(f"systemctl is-active {timer}.timer", check=False).stdout.strip() == "active"


def test_settings_that_lock_out_take_themselves_back(operator):
    before = operator.on_host(f"cat {LIVE}").stdout
    operator.on_host("echo DenyUsers root >>/etc/postwright/sshd.conf")
    tried("ssh", 10)
    locked_out = not logs_in(operator)
    waiting = waits(operator, "postwright-rollback-ssh")
    # Not by logging in over and over: sshd punishes that (PerSourcePenalties).
    until(lambda: not waits(operator, "postwright-rollback-ssh") and operator.on_host(f"cat {LIVE}").stdout == before)
    until(lambda: logs_in_again(operator))

    assert (locked_out, waiting) == (True, True)
    assert operator.on_host(f"cat {LIVE}").stdout == before


def test_settings_and_rules_that_nobody_has_confirmed_do_not_outlive_a_power_cut(operator):
    """The timers, which would take an hour, are not what brings the former back."""
    before = operator.on_host(f"cat {LIVE}; nft list table inet postwright").stdout
    operator.on_host("echo DenyUsers root >>/etc/postwright/sshd.conf")
    operator.on_host("echo 'add set inet postwright tried { type ipv4_addr; }' >>/etc/postwright/firewall.nft")
    tried("ssh", 3600)
    tried("firewall", 3600)
    waiting = [waits(operator, it) for it in ("postwright-rollback-ssh", "postwright-rollback")]
    loaded = "set tried" in operator.on_host("nft list table inet postwright").stdout
    operator.cut_power()
    operator.boot()

    assert (waiting, loaded) == ([True, True], True)
    assert operator.on_host(f"cat {LIVE}; nft list table inet postwright").stdout == before
    assert logs_in(operator)


def test_a_foreign_file_that_would_win_is_named_and_nothing_changes(operator):
    operator.on_host(
        "echo PasswordAuthentication yes >/etc/ssh/sshd_config.d/00-foreign.conf; rm /etc/postwright/sshd.conf"
    )
    done = operator.run("apply", "--yes", "--no-verify", check=False)
    missing = operator.on_host("ls /etc/postwright/sshd.conf", check=False).returncode
    operator.on_host("rm /etc/ssh/sshd_config.d/00-foreign.conf")

    assert done.returncode == 1
    assert "/etc/ssh/sshd_config.d/00-foreign.conf:1 says otherwise, and is read first" in done.stderr
    assert missing != 0
    assert operator.run("apply", "--yes", "--no-verify").returncode == 0


def test_what_drifts_is_told_and_put_back(operator):
    operator.on_host(
        f"sed -i 's/^PasswordAuthentication no/PasswordAuthentication yes/' {LIVE} && systemctl reload ssh"
    )
    operator.on_host(
        "sysctl -qw net.ipv4.conf.all.send_redirects=1; chmod 666 /etc/systemd/journald.conf.d/postwright.conf"
    )
    failed = {it["promise"] for it in operator.json("verify", check=False)["checks"] if it["outcome"] == "failed"}
    landed = operator.json("apply", "--yes", "--no-verify")

    assert {words.split(",")[0] for words in failed} == {
        "Service is enabled and runs with the configuration on disk.",
        "A stranger who connects by SSH is asked for a key",
        "What sshd says of itself is what postwright's file says",
        "The kernel's live settings are as described",
        "No file of ours can be written by anybody but its owner",
    }
    assert landed["hosts"] == {
        "mx1": ["put files in place", "hardening | set up kernel and journal", "hardening | let in keys only"]
    }


ADMIN = f"""
useradd -m -s /bin/bash alice && install -d -m 700 -o alice ~alice/.ssh && cp ~/.ssh/authorized_keys ~alice/.ssh/
printf '{SECRET}\\n" TOTP_AUTH\\n' >~alice/.google_authenticator
chown alice ~alice/.ssh/authorized_keys ~alice/.google_authenticator && chmod 400 ~alice/.google_authenticator
"""


def test_an_admin_needs_a_code_besides_the_key_and_the_inventory_s_user_does_not(operator):
    operator.on_host(ADMIN)
    ssh_from = 'fleet["firewall"] = {"ssh_from": ["10.78.0.0/16", "fd78::/16"]}; '
    on = operator.changed(
        "codes", ssh_from + 'fleet["hardening"] |= {"ssh": {"second_factor": "totp"}, "upgrades": True}'
    )
    on.run("apply", "--yes", "--no-verify")
    right, wrong = session(), session()
    still_asked = right.auth_publickey("alice", key(operator))
    done = right.auth_interactive("alice", answering(code(time.time())))
    wrong.auth_publickey("alice", key(operator))

    with pytest.raises(paramiko.AuthenticationException):
        wrong.auth_interactive("alice", answering("000000"))
    right.close()
    wrong.close()

    assert (still_asked, done) == (["keyboard-interactive"], [])
    assert logs_in(operator, "root")
    assert on.json("plan")["empty"]


def test_with_fido2_a_plain_key_lets_no_admin_in(operator):
    ssh_from = 'fleet["firewall"] = {"ssh_from": ["10.78.0.0/16", "fd78::/16"]}; '
    operator.changed("fido2", ssh_from + 'fleet["hardening"]["ssh"] = {"second_factor": "fido2"}').run(
        "apply", "--yes", "--no-verify"
    )

    assert not logs_in(operator, "alice")
    assert logs_in(operator, "root")


def test_a_part_that_is_switched_off_is_taken_back(operator):
    less = operator.changed(
        "less", 'fleet["hardening"] |= {"ssh": False, "sandbox": False, "journal": False, "sysctl": False}'
    )
    less.run("apply", "--yes", "--no-verify")
    there = operator.on_host(f"ls {LIVE} /etc/systemd/system/*/postwright-sandbox.conf", check=False).stdout
    failed = operator.on_host("systemctl --failed --plain --no-legend").stdout
    empty = less.json("plan")["empty"]

    assert there == failed == ""
    assert empty
    assert mail.exchange(name=LAB).good
