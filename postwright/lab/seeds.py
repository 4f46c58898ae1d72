"""What is written into a host's tree before it boots.

Promise: the same layout and vault give the same host each time, so that a reset changes no address and no host key.
A sender gets nothing but its name, its resolver and its keys for ssh.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from postwright.lab import machine
from postwright.lab.command import run
from postwright.lab.content import put, put_secret, render
from postwright.lab.layout import (
    ACME_MANAGEMENT_PORT,
    ACME_PORT,
    RECEIVER_NAME,
    RECEIVING_DOMAIN,
    RESOLVER,
    SIGNED_ZONES,
    Layout,
)
from postwright.lab.zones import trust_anchor, zones


def seed(layout: Layout, host: str, root: Path) -> None:
    """Write the host's files into its tree, which stands at ``root``."""
    _any_host(layout, host, root)
    if host == "ns":
        _name_server(layout, root)
    if host == "receiver":
        _receiver(layout, root)


def _any_host(layout: Layout, host: str, root: Path) -> None:
    put(root / "etc/hostname", f"{host}\n")
    put(root / "etc/hosts", f"127.0.0.1 localhost\n::1 localhost ip6-localhost\n127.0.1.1 {host}\n")
    put(root / "etc/resolv.conf", "".join(f"nameserver {address}\n" for address in layout.resolvers))
    put(root / "etc/machine-id", secrets.token_hex(16) + "\n", mode=0o444)
    (root / "root/.ssh").mkdir(mode=0o700, exist_ok=True)
    put_secret(root / "root/.ssh/authorized_keys", (layout.vault / "ssh_key.pub").read_text())
    put_secret(root / "etc/ssh/ssh_host_ed25519_key", (layout.vault / f"host-{host}").read_bytes())
    put(root / "etc/ssh/ssh_host_ed25519_key.pub", (layout.vault / f"host-{host}.pub").read_bytes())


def _name_server(layout: Layout, root: Path) -> None:
    keys = {zone: (layout.vault / f"zone-{zone}.pem").read_bytes() for zone in SIGNED_ZONES}
    served = zones(layout, keys, (layout.vault / "receiver.pem").read_bytes())
    v4, v6 = layout.addresses("ns")
    tsig = (layout.vault / "tsig").read_text()
    put_secret(root / "etc/knot/knot.conf", render("knot.conf.j2", v4=v4, v6=v6, tsig=tsig, zones=served))
    for zone in served:
        put(root / f"var/lib/knot/{zone.name}.zone", render("zone.j2", zone=zone))
    for name, key in keys.items():
        put_secret(root / f"root/{name}.pem", key)
    resolver = render(
        "unbound.conf.j2",
        v4=layout.v4(RESOLVER),
        v6=layout.v6(RESOLVER),
        authority=v4,
        zones=served,
        trust_anchor=trust_anchor(keys["test"]),
        forwarders=machine.resolvers(),
    )
    put(root / "etc/unbound/unbound.conf", resolver)
    _certificate_authority(layout, root)
    _within(root, render("prepare-ns.sh.j2", zones=SIGNED_ZONES))


def _certificate_authority(layout: Layout, root: Path) -> None:
    """An ACME server; what it issues with is new at each of its starts."""
    for kind in ("pem", "key"):
        put_secret(root / f"etc/pebble/api.{kind}", (layout.vault / f"acme.{kind}").read_bytes())
    ports = {"port": ACME_PORT, "management": ACME_MANAGEMENT_PORT}
    put(root / "etc/pebble/pebble.json", render("pebble.json.j2", **ports))
    put(root / "etc/pebble/root.py", render("pebble-root.py.j2", **ports))
    put(root / "etc/systemd/system/pebble-root.service", render("pebble-root.service"))
    put(root / "etc/systemd/system/pebble.service", render("pebble.service.j2", resolver=layout.v4(RESOLVER)))


def _receiver(layout: Layout, root: Path) -> None:
    put_secret(root / "etc/postfix/tls.pem", _chain(layout))
    put(root / "etc/postfix/main.cf", render("main.cf.j2", name=RECEIVER_NAME, domain=RECEIVING_DOMAIN))
    put(root / "etc/rspamd/rspamd.conf", render("rspamd.conf.j2", resolver=layout.v4(RESOLVER), name=RECEIVER_NAME))
    put(root / "etc/rspamd/public-suffixes", "test\ncom\nnet\norg\n")
    put(root / "etc/systemd/system/rspamd.service.d/lab.conf", render("rspamd.service.conf"))
    trusted = root / "etc/ssl/certs/ca-certificates.crt"
    put(trusted, trusted.read_bytes() + (layout.vault / "ca.pem").read_bytes())
    _within(root, render("prepare-receiver.sh"))


def _chain(layout: Layout) -> bytes:
    return (layout.vault / "receiver.key").read_bytes() + (layout.vault / "receiver.pem").read_bytes()


def _within(root: Path, script: str) -> None:
    """Run a script in the host's tree, before it boots."""
    run("chroot", root, "sh", "-eu", stdin=script)
