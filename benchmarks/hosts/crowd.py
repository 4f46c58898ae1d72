"""A thousand hosts on one: a real sshd on a host of the lab answers at all their addresses, ``simulated.py`` in their stead.

Their connections are real; what they answer is what hosts would that are as postwright renders them. Ten hosts share a
domain. Their DNS is real too, at the lab's name server.
"""

import json
import subprocess
from collections import Counter
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import answers
import subject

from postwright import material
from postwright.dns import publish
from postwright.hosts.bundles import HostState, planned_bundle
from postwright.hosts.runner import read_project
from postwright.inventory import Project
from postwright.lab import box, certificates, guest, state
from postwright.lab.layout import Layout
from postwright.publishing import dns_plan, key_wait, ledger_of
from postwright.rotation import moves
from postwright.rotation.living import holdings, living
from postwright.rotation.outlook import outlook
from postwright.terms import Terms

STANDS_IN, PER_DOMAIN = "mx2", 10
NETWORK, FIRST, NOBODY = "10.90.0.0/16", IPv4Address("10.90.0.1"), "10.90.255.1"
PLACE = "srv/crowd"
SSHD = f"""
UsePAM no
MaxStartups 5000
LoginGraceTime 600
ForceCommand python3 -I -S /{PLACE}/simulated.py /{PLACE}
"""


@dataclass(frozen=True)
class Crowd:
    """So many hosts in a project of their own. ``folder`` is that of all crowds; ``file`` the inventory's."""

    folder: Path
    size: int
    file: str = "crowd.py"

    def name(self, number: int) -> str:
        """No name is in two crowds: each has its own records in the one zone."""
        return f"h{number:04}-{self.size}"

    @property
    def inventory(self) -> Path:
        return self.folder / f"crowd-{self.size}" / "inventories" / self.file


def address(number: int) -> str:
    return str(FIRST + number)


def stand_in() -> Path:
    """The host that answers for all, listening on all their addresses but one; its folder of tables."""
    layout = Layout.named(subject.LAB)
    place = guest.root(layout, STANDS_IN) / PLACE
    place.mkdir()
    (place / "simulated.py").write_text(Path(__file__).with_name("simulated.py").read_text())
    (place.parents[1] / "etc/ssh/sshd_config.d/crowd.conf").write_text(SSHD)
    # What is sent to nobody's address vanishes there without a word.
    routes = f"ip route add local {NETWORK} dev lo; ip route add blackhole {NOBODY} table local"
    box.run(subject.LAB, STANDS_IN, f"{routes}; systemctl reload ssh")
    subprocess.run(["ip", "route", "replace", NETWORK, "via", layout.addresses(STANDS_IN)[0]], check=True)
    return place


def described(crowd: Crowd) -> Project:
    """Write a crowd's inventory, and the certificates of its hosts."""
    lab, folder = state.load(subject.LAB), crowd.inventory.parent
    folder.mkdir(parents=True)
    hosts = [(crowd.name(number), _host(lab, crowd, number)) for number in range(crowd.size)]
    key = (guest.root(Layout.named(lab.name), STANDS_IN) / "etc/ssh/ssh_host_ed25519_key.pub").read_text()
    (crowd.folder / "known_hosts").write_text("".join(f"{it['ssh_hostname']} {key}" for _, it in hosts))
    said = json.dumps({"hosts": hosts, "fleet": _fleet(lab, crowd)})
    (folder / "said.json").write_text(said)
    reads = f"import json\n_said = json.load(open({str(folder / 'said.json')!r}))\n"
    crowd.inventory.write_text(
        f'{reads}hosts = list(map(tuple, _said["hosts"]))\nmail = ([it[0] for it in hosts], {{"mail_fleet": _said["fleet"]}})\n'
    )
    return read_project(crowd.inventory)


def _host(lab: state.Lab, crowd: Crowd, number: int) -> dict[str, Any]:
    folder, at, own = crowd.folder, address(number), f"{crowd.name(number)}.shop.test"
    tls = {"certificate": folder / f"{own}.pem", "key": folder / f"{own}.key"}
    issued = certificates.issue(certificates.authority(), own)
    tls["certificate"].write_bytes(issued.certificate_pem)
    tls["key"].touch(0o600)
    tls["key"].write_bytes(issued.key_pem)
    mail = {"addresses": [(at, own)], "tls": {kind: str(path) for kind, path in tls.items()}}
    how = {"ssh_hostname": at, "ssh_user": "root", "ssh_key": str(lab.ssh_key), "mail_host": mail}
    return how | {"ssh_known_hosts_file": str(folder / "known_hosts"), "ssh_strict_host_key_checking": "yes"}


def _fleet(lab: state.Lab, crowd: Crowd) -> dict[str, Any]:
    groups = [range(first, first + PER_DOMAIN) for first in range(0, crowd.size, PER_DOMAIN)]
    domains = [
        {"name": f"d{number:03}-{crowd.size}.shop.test", "hosts": list(map(crowd.name, hosts))}
        for number, hosts in enumerate(groups)
    ]
    server = {"kind": "rfc2136", "server": lab.nameserver, "key_name": lab.tsig.name, "algorithm": lab.tsig.algorithm}
    return {
        "postmaster": "ops@bigmail.test",
        "domains": domains,
        "zones": [{"name": "shop.test", "provider": "ns", "ttl": 5}],
        "providers": {"ns": server | {"secret": {"file": str(lab.tsig.secret_file)}}},
        "keys": {"directory": str(crowd.folder / "keys"), "passphrase": {"file": str(lab.passphrase_file)}},
        "resolver": {"forward_to": lab.resolver, "trust_anchors": [lab.trust_anchor]},
        "hardening": {"upgrades": False, "audit": False, "apparmor": False},
        "ledger": str(crowd.folder / f"ledger-{crowd.size}"),
    }


def published(project: Project) -> None:
    """Keys and DNS of a crowd as after its first apply; nobody proves that simulated hosts sign."""
    terms = Terms()
    keys = outlook(project, terms).steps
    moves.begin(project, keys, terms)
    plan = dns_plan(project, terms)
    publish.apply_additive(plan, project.fleet, project.base, ledger_of(project))
    publish.apply_subtractive(plan, project.fleet, project.base, ledger_of(project))
    moves.published(project, key_wait(project, plan))
    moves.confirmed(project, keys, ())
    moves.settled(project)


def tables(project: Project, place: Path) -> None:
    """What every host of a crowd answers."""
    keys, passphrase = living(project), material.passphrase_of(project)
    for number, host in enumerate(project.fleet.hosts):
        held = holdings(project.fleet, host, keys)
        bundle = planned_bundle(project, host, HostState("13"), passphrase, held)
        (place / address(number)).write_text(json.dumps(answers.table(bundle)))


def slow(place: Path, number: int, seconds: float) -> None:
    """From now on a host lets the first look of a session wait so long."""
    file = place / address(number)
    file.write_text(json.dumps(json.loads(file.read_text()) | {"delay": seconds}))


def asked(place: Path) -> tuple[int, Counter[str], int]:
    """Since this was asked last: connections, how often each address was looked at, and how often somebody had to wait."""
    lines = [line.split() for line in (place / "log").read_text().splitlines()] if (place / "log").exists() else []
    (place / "log").unlink(missing_ok=True)
    looks = Counter(address for what, _, address in lines if what == "look")
    return len({(port, address) for _, port, address in lines}), looks, sum(what == "wait" for what, _, _ in lines)
