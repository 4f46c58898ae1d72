"""The management network: what the inventory may say, what hosts get, and when it is refused."""

import base64
import subprocess
from dataclasses import replace

import pytest
from support import (
    PASSPHRASE,
    another_host,
    context,
    host_data,
    mail_fleet,
    mail_host,
    problems,
    project,
    signing_key,
)

from postwright import describe
from postwright.errors import DeployError, KeyringError
from postwright.hosts import preflight, way_in
from postwright.hosts.plan import FileChange, HostPlan
from postwright.hosts.remote import look
from postwright.keys import archive, management
from postwright.keys.keyring import Keyring
from postwright.services import wireguard
from postwright.services.bundle import bundle
from postwright.services.fail2ban import ignored
from postwright.services.wireguard import CONFIGURATION

ALICE = "6uPRTAsD8Sn0W4dHmvpHHmgDjRMiNYWKhwKMEyBH2Uc="
BOB = "A" * 43 + "="
NETWORK = {"network": "10.99.0.0/24", "operators": {"alice": {"public_key": ALICE, "address": "10.99.0.201"}}}
RULES = "/etc/postwright/firewall.nft"


def managed(base, address="10.99.0.1", host=None, fleet=None, **changes):
    """A fleet of one host with a management network, changed."""
    shared = mail_fleet(management=NETWORK | changes, **(fleet or {}))
    return project(base, host_data(host=mail_host(management=address, **(host or {})), fleet=shared))


def files(base, **changes):
    fleet = managed(base, **changes).fleet
    made = context(base)
    secrets = replace(made.secrets, management_key="(private key of the tunnel)")
    return {file.path: file for file in bundle(replace(made, fleet=fleet, host=fleet.hosts[0], secrets=secrets)).files}


def refused(base, address="10.99.0.1", fleet=None, **changes):
    shared = mail_fleet(management=NETWORK | changes, **(fleet or {}))
    return problems(base, host_data(host=mail_host(management=address), fleet=shared))


def test_the_private_key_is_in_one_file_that_is_roots_alone_and_never_shown(tmp_path):
    made = files(tmp_path)
    holding = [path for path, file in made.items() if b"private key of the tunnel" in file.content]

    assert holding == [CONFIGURATION]
    assert (made[CONFIGURATION].mode, made[CONFIGURATION].secret) == (0o600, True)
    assert f"PublicKey = {ALICE}\nAllowedIPs = 10.99.0.201/32\n".encode() in made[CONFIGURATION].content


def test_ssh_is_open_by_the_tunnel_beside_the_other_ways_or_alone(tmp_path):
    beside, alone = (files(tmp_path, only=only)[RULES].content.decode() for only in (False, True))
    inner = 'iifname "postwright" tcp dport { 22 } accept'

    assert inner in beside
    assert inner in alone
    assert "\n        tcp dport { 22 } accept" in beside
    assert "\n        tcp dport { 22 } accept" not in alone
    assert "udp dport 51820 accept" in alone


def test_metrics_that_listen_beyond_the_host_are_open_on_the_tunnel(tmp_path):
    pacing = {"pacing": {"metrics": {"address": "10.99.0.1", "port": 9725}}}
    rules = files(tmp_path, fleet=pacing)[RULES].content.decode()

    assert 'iifname "postwright" tcp dport { 22, 9725 } accept' in rules


def test_networks_named_for_ssh_do_not_count_where_the_tunnel_is_the_only_way(tmp_path):
    rules = files(tmp_path, only=True, fleet={"firewall": {"ssh_from": ["192.0.2.0/24"]}})[RULES].content.decode()

    assert "192.0.2.0/24" not in rules


def test_who_comes_by_the_tunnel_is_never_banned(tmp_path):
    fleet = managed(tmp_path).fleet

    assert "10.99.0.0/24" in ignored(replace(context(tmp_path), fleet=fleet, host=fleet.hosts[0]))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"address": "10.98.0.1"}, "host mx1: mail_host.management: 10.98.0.1 is no address of mail_fleet.management.network"),
        ({"address": "10.99.0.0"}, "host mx1: mail_host.management: 10.99.0.0 is no address of mail_fleet.management.network"),
        ({"address": "10.99.0.201"}, "mail_fleet.management.operators.alice.address: 10.99.0.201 is used already by host mx1"),
        ({"address": None}, "host mx1: mail_host.management: missing; give it an address of 10.99.0.0/24"),
        ({"port": 53}, "mail_fleet.management.port: 53 is that of the resolver"),
        ({"operators": {}}, "mail_fleet.management.operators: "),
        ({"operators": {"alice": {"public_key": "short", "address": "10.99.0.2"}}}, "mail_fleet.management.operators.alice.public_key: "),
        ({"only": True, "fleet": {"firewall": {"extra_tcp": [22]}}}, "mail_fleet.firewall.extra_tcp: opens 22 to everybody"),
        (
            {"operators": {name: {"public_key": ALICE, "address": f"10.99.0.{last}"} for name, last in (("a", 2), ("b", 3))}},
            "mail_fleet.management.operators.b.public_key: is that of a",
        ),
    ],
)  # fmt: skip
def test_what_could_not_work_is_refused_with_its_key_path(tmp_path, changes, expected):
    assert [problem.startswith(expected) for problem in refused(tmp_path, **changes)] == [True]


def test_a_network_that_holds_a_hosts_own_address_is_refused(tmp_path):
    operators = {"alice": {"public_key": ALICE, "address": "192.0.2.201"}}
    (problem,) = refused(tmp_path, address="192.0.2.1", network="192.0.2.0/24", operators=operators)

    assert "192.0.2.10 of host mx1 (addresses[0]) lies in it" in problem


def test_a_host_with_an_address_and_no_network_is_refused(tmp_path):
    (problem,) = problems(tmp_path, host_data(host=mail_host(management="10.99.0.1")))

    assert "there is no mail_fleet.management" in problem


def test_every_host_of_the_fleet_needs_an_address(tmp_path):
    fleet = mail_fleet(management=NETWORK)
    found = problems(
        tmp_path, host_data(host=mail_host(management="10.99.0.1"), fleet=fleet), another_host(fleet=fleet)
    )

    assert [it.partition(":")[0] for it in found] == ["host mx2"]


def system(reached, tunnel, port="51820", key=BOB):
    """What a host answers whose end of the tunnel is 10.99.0.1."""
    return {
        "id": "debian", "release": "13", "pretty": "", "root": True, "systemd": True, "free": {}, "clock": 0, "applying": None,
        "reached": reached, "tunnel": tunnel, "tunnel_end": {"addresses": ["10.99.0.1"], "port": port, "key": key},
    }  # fmt: skip


def come(fleet, reached, tunnel, *, returns=False, key=BOB):
    seen = {"system": system(reached, tunnel), "listeners": {}}
    return list(preflight.problems(fleet.hosts[0], fleet, seen, 0, returns=returns, tunnel_key=key))


WITHIN = ["10.99.0.201", "10.99.0.1"]


def test_only_is_for_who_comes_by_the_tunnel(tmp_path):
    fleet = managed(tmp_path, only=True).fleet
    tunnel = {"10.99.0.201": ALICE}

    assert "it is reached at 192.0.2.10, not by the tunnel" in come(fleet, ["198.51.100.1", "192.0.2.10"], {})[0]
    assert "reached at an unknown address" in come(fleet, [], tunnel)[0]
    assert "would close SSH to you" in come(fleet, ["10.99.0.1", "10.99.0.1"], tunnel)[0]  # by a jump over the host
    assert come(fleet, WITHIN, tunnel) == []
    assert come(managed(tmp_path).fleet, ["198.51.100.1", "192.0.2.10"], {}) == []


@pytest.mark.parametrize("only", [True, False])
@pytest.mark.parametrize("tunnel", [{"10.99.0.201": BOB}, {"10.99.0.7": ALICE}])
def test_nobody_takes_the_end_of_the_tunnel_away_that_he_comes_by(tmp_path, tunnel, only):
    (operator,) = tunnel
    (problem,) = come(managed(tmp_path, only=only).fleet, [operator, "10.99.0.1"], tunnel)

    assert "no longer has that address with that key: you would be cut off" in problem


@pytest.mark.parametrize("only", [True, False])
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"port": 51821}, "its port would be 51821, and your end speaks to 51820"),
        ({"address": "10.99.0.2"}, "its address would be 10.99.0.2, and you come to 10.99.0.1"),
    ],
)
def test_who_comes_by_the_tunnel_moves_neither_its_port_nor_its_address(tmp_path, changes, words, only):
    (problem,) = come(managed(tmp_path, only=only, **changes).fleet, WITHIN, {"10.99.0.201": ALICE})

    assert words in problem
    assert "you would be cut off. First apply with" in problem


@pytest.mark.parametrize("key", [ALICE, ""])
def test_who_comes_by_the_tunnel_does_not_give_the_host_another_key(tmp_path, key):
    (problem,) = come(managed(tmp_path).fleet, WITHIN, {"10.99.0.201": ALICE}, key=key)

    assert "its own key would be another, which your end does not know; restore management/mx1.pem and .pub" in problem
    assert "you would be cut off" in problem
    assert come(managed(tmp_path).fleet, ["198.51.100.1", "192.0.2.10"], {"10.99.0.201": ALICE}, key=key) == []


def test_who_comes_by_the_tunnel_does_not_take_the_management_network_away(tmp_path):
    (problem,) = come(project(tmp_path).fleet, WITHIN, {"10.99.0.201": ALICE})

    assert "there would be no tunnel to it" in problem
    assert come(project(tmp_path).fleet, ["198.51.100.1", "192.0.2.10"], {"10.99.0.201": ALICE}) == []


@pytest.mark.parametrize("path", wireguard.FILES)
def test_a_rollback_to_another_tunnel_is_refused_to_who_comes_by_it(tmp_path, path):
    operator = way_in.tunnelled(system(WITHIN, {"10.99.0.201": ALICE}))
    stranger = way_in.tunnelled(system(["198.51.100.1", "192.0.2.10"], {"10.99.0.201": ALICE}))
    (problem,) = way_in.cut_by_rollback(operator, {path, "/etc/postfix/main.cf"})

    assert f"you come by the tunnel from 10.99.0.201, and that generation has another one ({path})" in problem
    assert list(way_in.cut_by_rollback(operator, {"/etc/postfix/main.cf"})) == []
    assert list(way_in.cut_by_rollback(stranger, {path})) == []
    assert come(project(tmp_path).fleet, WITHIN, {"10.99.0.201": ALICE}, returns=True) == []


def test_each_host_is_named_that_a_rollback_could_cut_off():
    plans = {host: HostPlan(host, (), (FileChange(CONFIGURATION, "changed"),), ()) for host in ("mx1", "mx2", "mx3")}
    with pytest.raises(DeployError) as refused:
        way_in.require_way_in({"mx1": "10.99.0.201", "mx2": "", "mx3": "10.99.0.201"}, plans)

    *told, last = str(refused.value).splitlines()
    assert [it.partition(": you come by the tunnel")[0] for it in told] == ["host mx1", "host mx3"]
    assert last == "no host was changed"


def test_the_host_tells_the_addresses_the_port_and_the_key_of_its_end(monkeypatch, tmp_path):
    said = {
        "ip": "7: postwright    inet 10.99.0.1/24 scope global postwright\\       valid_lft forever\n"
        "7: postwright    inet6 fd00::1/64 scope global \\       valid_lft forever\n",
        "listen-port": "51820\n",
        "public-key": f"{BOB}\n",
    }
    answers = lambda *argv: subprocess.CompletedProcess(argv, 0, said.get(argv[-1]) or said[argv[0]], "")  # noqa: E731
    monkeypatch.setattr(look, "run", answers)
    monkeypatch.setattr(look, "TUNNEL", tmp_path)

    assert look.tunnel_end() == {"addresses": ["10.99.0.1", "fd00::1"], "port": "51820", "key": BOB}
    monkeypatch.setattr(look, "TUNNEL", tmp_path / "gone")
    assert look.tunnel_end() == {"addresses": [], "port": "", "key": ""}


def test_a_key_is_made_once_encrypted_and_private_and_its_public_half_fits(tmp_path):
    first = management.make(tmp_path, ["mx1", "mx2"], PASSPHRASE)
    kept = management.public_key(tmp_path, "mx1")
    second = management.make(tmp_path, ["mx1", "mx2"], PASSPHRASE)
    pem = tmp_path / "management" / "mx1.pem"

    assert (first, second) == (["mx1", "mx2"], [])
    assert management.public_key(tmp_path, "mx1") == kept != management.public_key(tmp_path, "mx2")
    assert b"ENCRYPTED" in pem.read_bytes()
    assert pem.stat().st_mode & 0o777 == 0o600
    assert len(base64.b64decode(management.private_key(tmp_path, "mx1", PASSPHRASE))) == 32


def test_a_run_cut_short_between_the_halves_goes_on_with_the_first(tmp_path):
    management.make(tmp_path, ["mx1"], PASSPHRASE)
    public = management.public_key(tmp_path, "mx1")
    (tmp_path / "management" / "mx1.pub").unlink()

    assert management.make(tmp_path, ["mx1"], PASSPHRASE) == ["mx1"]
    assert management.public_key(tmp_path, "mx1") == public


def test_a_key_that_is_not_there_is_told_apart_from_one_that_cannot_be_read(tmp_path):
    absent = management.private_key(tmp_path, "mx1", PASSPHRASE), management.public_key(tmp_path, "mx1")
    management.make(tmp_path, ["mx1"], PASSPHRASE)

    assert absent == ("", "")
    with pytest.raises(KeyringError, match="the passphrase does not open it"):
        management.private_key(tmp_path, "mx1", "another passphrase that is long")
    with pytest.raises(KeyringError, match="cannot be that of a file"):
        management.make(tmp_path, ["../mx1"], PASSPHRASE)


def test_a_private_key_that_is_lost_or_another_is_told_and_nothing_takes_its_place(tmp_path):
    management.make(tmp_path, ["mx1", "mx2"], PASSPHRASE)
    folder, public = tmp_path / "management", management.public_key(tmp_path, "mx1")
    (folder / "mx2.pem").rename(folder / "mx1.pem")

    with pytest.raises(KeyringError, match=r"mx1.pem: not the key .*mx1.pub is the public half of"):
        management.private_key(tmp_path, "mx1", PASSPHRASE)
    (folder / "mx1.pem").unlink()
    with pytest.raises(KeyringError, match=r"mx1.pem: missing, though mx1.pub is there; restore it"):
        management.private_key(tmp_path, "mx1", PASSPHRASE)
    with pytest.raises(KeyringError, match=r"mx1.pem: missing"):
        management.make(tmp_path, ["mx1"], PASSPHRASE)
    assert management.public_key(tmp_path, "mx1") == public


def test_a_backup_holds_it_and_a_restore_brings_back_what_is_lost_of_it(tmp_path):
    ring, packed = Keyring(tmp_path / "keys"), tmp_path / "backup.tar.gz"
    signing_key(ring, "example.com")
    management.make(ring.directory, ["mx1"], PASSPHRASE)
    made = management.private_key(ring.directory, "mx1", PASSPHRASE)
    packed.write_bytes(archive.pack(archive.files(ring, PASSPHRASE)))
    (ring.directory / "management/mx1.pem").unlink()

    with pytest.raises(KeyringError, match=r"mx1.pem: missing"):
        archive.files(ring, PASSPHRASE)
    with archive.opened(archive.unpack(packed), PASSPHRASE, packed) as archived:
        assert archive.lost(ring, archived) == ()
        archive.restore(archive.unpack(packed), ring.directory)
    assert management.private_key(ring.directory, "mx1", PASSPHRASE) == made


def test_a_restore_that_would_replace_the_key_of_a_tunnel_says_so(tmp_path):
    ring, packed = Keyring(tmp_path / "keys"), tmp_path / "backup.tar.gz"
    signing_key(ring, "example.com")
    management.make(ring.directory, ["mx1"], PASSPHRASE)
    packed.write_bytes(archive.pack(archive.files(ring, PASSPHRASE)))
    for half in ("pem", "pub"):
        (ring.directory / f"management/mx1.{half}").unlink()
    management.make(ring.directory, ["mx1"], PASSPHRASE)

    with archive.opened(archive.unpack(packed), PASSPHRASE, packed) as archived:
        told = [str(it) for it in archive.lost(ring, archived)]

    assert told == ["management: mx1 is another key than that of the archive"]


def test_a_host_whose_name_cannot_be_that_of_a_file_is_refused_before_its_key_is_to_be_made(tmp_path):
    shared = mail_fleet(management=NETWORK)
    (problem,) = problems(tmp_path, host_data(name="mx 1/..", host=mail_host(management="10.99.0.1"), fleet=shared))

    assert 'with "management" its name must be letters, digits, dots and hyphens; rename it' in problem


def test_what_is_shown_is_an_operators_configuration_but_for_the_private_key(tmp_path):
    made = managed(tmp_path, host={"addresses": [("2001:db8::10", "mx1.example.com")]})
    before = describe.management(made)[1]
    management.make(tmp_path / "keys", ["mx1"], PASSPHRASE)
    value, lines = describe.management(made)

    assert "PublicKey = (made by the first apply)" in before
    assert f"PublicKey = {management.public_key(tmp_path / 'keys', 'mx1')}" in lines
    assert {"Address = 10.99.0.201/32", "AllowedIPs = 10.99.0.1/32", "Endpoint = [2001:db8::10]:51820"} <= set(
        value["alice"]
    )
