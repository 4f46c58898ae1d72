"""Packet filter and bans on a real host: what is shut out, what is let out, and that others' rules stay as they are."""

import pytest
from guarding import (
    ATTACKER,
    BY_TUNNEL,
    CONTAINER,
    FEW,
    FOREIGN,
    GUESS,
    RELAY,
    TUNNEL,
    USERSPACE,
    again,
    banned,
    connects,
    eventually,
    from_attacker,
)

from postwright.lab import box, mail, state

pytestmark = pytest.mark.lab

LAB = "lab4"


@pytest.fixture(scope="module")
def guarded(operator):
    """The host, set up to ban after three failures; another program of it then loads rules of its own."""
    made = operator.changed("guarded", FEW)
    made.run("apply", "--yes", "--no-verify")
    made.on_host(f"cat >/etc/nftables.conf <<'E'\n{FOREIGN}\nE\nsystemctl enable --now nftables")
    return made


def test_an_apply_stands_beside_rules_of_others_and_every_check_passes(guarded):
    before = guarded.on_host("nft -s list table ip foreign").stdout
    guarded.run("apply", "--yes", "--no-verify")  # the other's file has flushed ours
    guarded.on_host("systemctl restart postwright-firewall postwright-bans")

    assert guarded.on_host("nft -s list table ip foreign").stdout == before
    assert guarded.json("verify")["all_ok"]
    assert guarded.json("plan")["empty"]


def test_only_postfix_gets_out_to_port_25(guarded):
    receiver = state.load(LAB).hosts["receiver"]
    outcome = {
        (user, address): guarded.on_host(connects(user, address, 25)).stdout.strip().partition(":")[0]
        for user in ("root", "nobody", "postfix")
        for address in (receiver.ipv4, receiver.ipv6)
    }

    assert {user for (user, _), said in outcome.items() if said == "connected"} == {"postfix"}
    assert {said for (user, _), said in outcome.items() if user != "postfix"} == {"ConnectionRefusedError"}
    assert guarded.on_host(connects("nobody", receiver.ipv4, 22)).stdout.strip() == "connected"


def test_what_runs_behind_the_host_does_not_get_out_to_port_25_of_the_world(guarded):
    guarded.on_host(CONTAINER)
    within = "ip netns exec inside"
    outside = guarded.on_host(connects("root", "203.0.113.25", 25, within)).stdout
    counted = guarded.on_host("nft list table ip witness").stdout
    near = guarded.on_host(connects("root", state.load(LAB).hosts["receiver"].ipv4, 25, within)).stdout

    assert "ConnectionRefusedError" in outside
    assert "counter packets 0 " in counted
    assert near.strip() == "connected"


def test_verify_sees_rules_that_were_taken_away_and_the_next_apply_brings_them_back(guarded):
    guarded.on_host("nft flush chain inet postwright egress; nft delete table inet postwright_bans")
    seen = [
        it["outcome"]
        for words in ("is that of its file", "connect to port 25")
        for it in guarded.json("verify", "-k", words, check=False)["checks"]
    ]
    guarded.run("apply", "--yes", "--no-verify")

    assert seen == ["failed"] * 3
    assert guarded.json("verify", "-k", "is that of its file")["ok"] == 2


def test_who_guesses_passwords_of_submission_is_banned_from_it_and_nobody_else(guarded):
    here = state.load(LAB).hosts["mx1"]
    said = from_attacker(["python3", "-c", GUESS.replace("HOST", repr(here.ipv4))])

    assert said.count("authentication failed") == 3
    assert eventually(lambda: banned(guarded, "login_v4"), [ATTACKER[0]]) == [ATTACKER[0]]
    assert from_attacker(connects("root", here.ipv4, 587)) != "connected"
    assert from_attacker(connects("root", here.ipv4, 465)) != "connected"
    assert from_attacker(connects("root", here.ipv4, 25)) == "connected"  # its mail to us is another matter
    assert mail.exchange(name=LAB).good


def test_who_guesses_at_ssh_is_banned_from_it_and_nobody_else(guarded):
    here = state.load(LAB).hosts["mx1"]
    options = "-o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
    for user in ("root", "admin", "root"):
        from_attacker(f"ssh {options} {user}@{here.ipv6} true")

    assert eventually(lambda: banned(guarded, "ssh_v6"), [ATTACKER[1]]) == [ATTACKER[1]]
    assert from_attacker(connects("root", here.ipv6, 22)) != "connected"
    assert from_attacker(connects("root", here.ipv4, 22)) == "connected"


def test_an_operator_who_mistypes_is_not_banned(guarded):
    """Logged in by SSH just now, by the apply."""
    here = state.load(LAB).hosts["mx1"]
    code = GUESS.replace("HOST", repr(here.ipv4))
    namespace = {}
    exec(code, namespace)  # noqa: S102 - the same guesses, from this machine

    ignored = "grep -c 'postfix-sasl. Ignore 10.78.4.1 by command' /var/log/fail2ban.log"
    assert eventually(lambda: guarded.on_host(ignored, check=False).stdout.strip() > "0", True)
    assert banned(guarded, "login_v4") == [ATTACKER[0]]
    assert mail.exchange(name=LAB).good


def test_bans_outlive_restarts_and_new_rules_and_a_rollback(guarded):
    guarded.on_host("systemctl restart fail2ban postwright-bans postwright-firewall")
    eventually(lambda: guarded.on_host("fail2ban-client ping", check=False).returncode, 0)
    narrow = guarded.changed("narrow", f'{FEW}; fleet["firewall"] = {{"ssh_from": ["192.0.2.0/24"]}}')
    foreign = guarded.on_host("nft -s list table ip foreign").stdout
    done = narrow.run("apply", "--yes", check=False)

    assert "they were taken back" in done.stderr
    assert guarded.on_host("nft -s list table ip foreign").stdout == foreign
    assert (banned(guarded, "login_v4"), banned(guarded, "ssh_v6")) == ([ATTACKER[0]], [ATTACKER[1]])
    guarded.run("apply", "--yes", "--no-verify")


def test_a_reboot_brings_rules_and_bans_back_beside_those_of_others(guarded):
    foreign = guarded.on_host("nft -s list table ip foreign").stdout
    guarded.cut_power()
    guarded.boot()
    eventually(lambda: guarded.on_host("fail2ban-client ping", check=False).returncode, 0)

    assert eventually(lambda: banned(guarded, "login_v4"), [ATTACKER[0]]) == [ATTACKER[0]]
    assert guarded.on_host("nft -s list table ip foreign").stdout == foreign
    assert guarded.json("plan")["empty"]
    assert guarded.json("verify", "-k", "is that of its file")["ok"] == 2


def test_rules_for_a_user_who_is_gone_do_not_leave_the_host_without_a_filter(guarded):
    file, unit = "/var/lib/postwright/firewall.nft", "postwright-firewall"

    guarded.on_host(f"sed -i.kept 's/skuid != postfix/skuid != gone/' {file}; systemctl restart {unit}")
    stood = guarded.on_host("nft list table inet postwright").stdout
    guarded.on_host(f"mv {file}.kept {file}; systemctl restart {unit}")

    assert "policy drop" in stood
    assert "skuid" not in stood
    assert "skuid" in guarded.on_host("nft list table inet postwright").stdout


def test_a_ban_is_lifted_by_hand_and_one_made_by_hand_ends_by_itself(guarded):
    here = state.load(LAB).hosts["mx1"]
    guarded.on_host(f"fail2ban-client unban {ATTACKER[0]} {ATTACKER[1]}")
    lifted = (banned(guarded, "login_v4"), banned(guarded, "ssh_v6"), from_attacker(connects("root", here.ipv4, 587)))
    guarded.on_host("nft add element inet postwright_bans banned_v4 '{ 10.78.4.16/28 timeout 10s }'")
    shut = from_attacker(connects("root", here.ipv4, 25))

    assert lifted == ([], [], "connected")
    assert shut != "connected"
    assert eventually(lambda: from_attacker(connects("root", here.ipv4, 25)), "connected") == "connected"


def test_what_is_switched_off_goes_and_leaves_nothing(guarded):
    off = guarded.changed("off", 'fleet["firewall"] = {"egress": False, "bans": False}; fleet["fail2ban"] = None')
    off.run("apply", "--yes", "--no-verify")
    tables = guarded.on_host("nft list tables").stdout
    running = guarded.on_host("systemctl is-active fail2ban postwright-bans", check=False).stdout.split()
    left = guarded.on_host("ls -d /etc/fail2ban/*/postwright* /etc/postwright/ban* 2>/dev/null", check=False).stdout

    assert "postwright_bans" not in tables
    assert running == ["inactive", "inactive"]
    assert left == ""
    assert off.json("verify", "-k", "runs_what_is_on_disk")["all_ok"]


@pytest.fixture(scope="module")
def alice(operator):
    """The public key of an operator whose machine can make a tunnel; the host can as well."""
    operator.on_host(USERSPACE)
    box.run(LAB, "receiver", USERSPACE)
    return from_attacker("umask 077; wg genkey | tee /root/wg.key | wg pubkey")


@pytest.fixture(scope="module")
def tunnelled(operator, alice):
    """The host with a tunnel beside its other ways in, and the operator's end of it up as `show management` says."""
    made = operator.changed("tunnelled", TUNNEL.replace("KEY", alice))
    made.run("apply", "--yes", "--no-verify")
    text = made.run("show", "management").stdout
    (made.folder / "shown").write_text(text)
    box.run(
        LAB,
        "receiver",
        'umask 077; sed "s|(yours)|$(cat /root/wg.key)|" >/etc/wireguard/alice.conf && wg-quick up alice',
        input=text,
    )
    return made


@pytest.fixture(scope="module")
def by_tunnel(operator, tunnelled, alice):
    """A project of the operator who comes by the tunnel, and wants nobody to come otherwise."""
    relay, config, known = (tunnelled.folder / name for name in ("relay.py", "ssh_config", "known_hosts"))
    relay.write_text(RELAY)
    config.write_text(f"Host 10.99.0.1\n    ProxyCommand ip netns exec pw4-receiver python3 {relay}\n")
    known.write_text(state.load(LAB).known_hosts.read_text().replace("10.78.4.10", "10.99.0.1"))
    code = TUNNEL.replace("KEY", alice) + BY_TUNNEL.replace("CONFIG", str(config)).replace("KNOWN", str(known))
    return operator.changed("by-tunnel", f'{code}fleet["management"]["only"] = True')


def test_an_operator_gets_in_by_the_tunnel_that_show_prints(tunnelled):
    assert "PrivateKey = (yours)" in (tunnelled.folder / "shown").read_text()
    assert from_attacker(connects("root", "10.99.0.1", 22)) == "connected"
    assert tunnelled.json("verify", "-k", "management network")["all_ok"]
    assert tunnelled.json("plan")["empty"]


@pytest.mark.usefixtures("tunnelled")
def test_ssh_is_not_closed_to_one_who_does_not_come_by_the_tunnel(operator, alice):
    early = operator.changed("early", TUNNEL.replace("KEY", alice) + 'fleet["management"]["only"] = True')
    done = early.run("apply", "--yes", check=False)

    assert done.returncode == 1
    assert "it is reached at 10.78.4.10, not by the tunnel" in done.stderr
    assert from_attacker(connects("root", "10.78.4.10", 22)) == "connected"


def test_ssh_by_the_tunnel_alone_is_closed_to_all_others(by_tunnel):
    by_tunnel.run("apply", "--yes", "--no-verify")
    here = state.load(LAB).hosts["mx1"]

    assert [from_attacker(connects("root", it, 22)) == "connected" for it in (here.ipv4, here.ipv6, "10.99.0.1")] == [
        False,
        False,
        True,
    ]
    assert by_tunnel.json("plan")["empty"]
    assert by_tunnel.json("verify", "-k", "management network")["all_ok"]
    assert mail.exchange(name=LAB).good


def test_an_operator_cannot_take_his_own_end_of_the_tunnel_away(operator, by_tunnel):
    bob = 'fleet["management"]["operators"] = {"bob": {"public_key": "A" * 43 + "=", "address": "10.99.0.7"}}'
    done = again(operator, by_tunnel, "gone", bob).run("apply", "--yes", check=False)

    assert done.returncode == 1
    assert "you would be cut off" in done.stderr
    assert from_attacker(connects("root", "10.99.0.1", 22)) == "connected"


def test_the_tunnel_outlives_a_restart_and_a_reboot_and_goes_when_it_is_no_longer_wanted(operator, by_tunnel):
    by_tunnel.on_host("systemctl restart postwright-wireguard")
    restarted = from_attacker(connects("root", "10.99.0.1", 22))
    by_tunnel.cut_power()
    by_tunnel.boot()
    rebooted = eventually(lambda: from_attacker(connects("root", "10.99.0.1", 22)), "connected")
    again(operator, by_tunnel, "reopened", 'fleet["management"]["only"] = False').run("apply", "--yes", "--no-verify")
    operator.run("apply", "--yes", "--no-verify")

    assert (restarted, rebooted) == ("connected", "connected")
    assert operator.on_host("ip link show postwright", check=False).returncode != 0
    assert operator.on_host("pgrep wireguard-go", check=False).returncode != 0
