"""What the tests of packet filter, bans and tunnel do: guess passwords, bring rules of others, come by the tunnel."""

import json
import time

from postwright.lab import box

LAB = "lab4"
FEW = 'fleet["fail2ban"] = {"ssh_failures": 3, "login_failures": 3}'
ATTACKER = ("10.78.4.20", "fd78:0:0:4::20")
# Three clients at once, for Dovecot lets each wait longer than the last.
GUESS = """
import smtplib, ssl, threading
easy = ssl._create_unverified_context()
def guess(port):
    client = smtplib.SMTP_SSL(HOST, port, context=easy) if port == 465 else smtplib.SMTP(HOST, port)
    if port == 587:
        client.starttls(context=easy)
    client.ehlo()
    client.user, client.password = "shop@shop.test", "a guess"
    try:
        client.auth("PLAIN", client.auth_plain)
    except smtplib.SMTPException as error:
        print(error)
guesses = [threading.Thread(target=guess, args=(port,)) for port in (465, 587, 465)]
for it in guesses: it.start()
for it in guesses: it.join()
"""
# What another program may have: chains of its own, translation of addresses, and a file that flushes all rules first.
FOREIGN = """
flush ruleset
table ip foreign {
    set theirs { type ipv4_addr; elements = { 203.0.113.1, 203.0.113.2 }; }
    chain before { type nat hook prerouting priority dstnat; policy accept; tcp dport 8080 dnat to 10.200.0.2:80; }
    chain after { type nat hook postrouting priority srcnat; policy accept; ip saddr 10.200.0.0/24 masquerade; }
    chain passing { type filter hook forward priority filter; policy accept; ip saddr @theirs drop; }
}
table ip witness {
    chain out { type filter hook postrouting priority 200; policy accept; ip daddr 203.0.113.25 tcp dport 25 counter; }
}
"""
CONTAINER = """
ip netns add inside && ip link add to-inside type veth peer name eth0 netns inside && sysctl -qw net.ipv4.ip_forward=1
ip addr add 10.200.0.1/24 dev to-inside && ip link set to-inside up
ip -n inside addr add 10.200.0.2/24 dev eth0 && ip -n inside link set eth0 up && ip -n inside route add default via 10.200.0.1
"""
# Lab hosts share the machine's kernel, which may have no WireGuard; Debian's process stands in for it.
USERSPACE = "DEBIAN_FRONTEND=noninteractive apt-get -qq update && apt-get -qq install -y --no-install-recommends wireguard-go wireguard-tools"
TUNNEL = """
fleet["management"] = {"network": "10.99.0.0/24", "operators": {"alice": {"public_key": "KEY", "address": "10.99.0.201"}}}
host["mail_host"]["management"] = "10.99.0.1"
"""
# The operator's own machine is the receiver here: its end of the tunnel is there.
BY_TUNNEL = """
host["ssh_hostname"], host["ssh_config_file"], host["ssh_known_hosts_file"] = "10.99.0.1", "CONFIG", "KNOWN"
"""
RELAY = """
import os, socket, sys, threading
there = socket.create_connection(("10.99.0.1", 22), timeout=20)
there.settimeout(None)
def inward():
    while found := there.recv(65536):
        os.write(1, found)
    os._exit(0)
threading.Thread(target=inward, daemon=True).start()
while found := os.read(0, 65536):
    there.sendall(found)
"""


def connects(user, address, port, within=""):
    """A shell command that says whether a user of the host gets a connection."""
    code = f"import socket; socket.create_connection(('{address}', {port}), timeout=5)"
    return f'{within} runuser -u {user} -- python3 -c "{code}" 2>&1 | tail -1 | grep . || echo connected'


def from_attacker(command):
    return box.run(LAB, "receiver", command, check=False).stdout.strip()


def banned(guarded, name):
    """Who is in a set of the table of bans, IPv4 or IPv6."""
    shown = guarded.on_host(f"nft -j list set inet postwright_bans {name}").stdout
    (found,) = [it["set"].get("elem", []) for it in json.loads(shown)["nftables"] if "set" in it]
    return [it["elem"]["val"] if isinstance(it, dict) else it for it in found]


def eventually(question, wanted):
    deadline = time.monotonic() + 30
    while (found := question()) != wanted and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def again(operator, by_tunnel, name, code):
    """The project of who comes by the tunnel, changed."""
    same = by_tunnel.inventory.read_text().partition("\nfleet, host = ")[2].partition("\n")[2]
    return operator.changed(name, f"{same}\n{code}")
