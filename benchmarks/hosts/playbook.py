"""Ansible's side: the playbook of ``ansible/`` with the files postwright renders, for the same hosts.

Left out is what only postwright needs to decide by: its stamps, and the list of its files. Ansible has its own way for that.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from operators import Operator
from subject import bundle
from timing import Contender

from postwright.lab import state
from postwright.services.bundle import Bundle

SOURCE = Path(__file__).parents[1] / "ansible"
OURS_ALONE = ("/etc/postwright/stamp", "/postwright-stamp.conf", "/etc/postwright/files", "/postwright-ssh.service")
# The first that is part of a file's path says which service it belongs to.
SERVICES = {
    "chrony": "base", "unbound": "resolver", "resolv.conf": "resolver", "firewall": "firewall", "/bans": "bans",
    "-bans": "bans", "dkim": "opendkim", "from.lua": "opendkim", "from-unsigned": "opendkim", "kernel": "kernel",
    "sysctl": "kernel", "journald": "kernel", "ssh": "ssh", "dovecot": "submission", "fail2ban": "fail2ban",
    "ban-exempt": "fail2ban", "postfix": "postfix", "/tls": "postfix",
}  # fmt: skip
MOVED = {"/etc/postwright/sshd.conf": "/etc/ssh/sshd_config.d/00-postwright.conf"}
UNITS = {"ssh": "ssh.service"}
NOT_IN_CONTAINERS = "base"  # chrony's own unit says so


def contender(name: str, programs: Path, folder: Path, book: str = "site.yml") -> Contender:
    """The playbook, which must end without a change."""
    command = [str(programs / "ansible-playbook"), "-i", "hosts.json", book]
    return Contender(name, command, folder=folder, sound=unchanged)


def unchanged(output: str) -> str:
    """What is wrong with the output of a run that is to change nothing."""
    recap = output.rpartition("PLAY RECAP")[2]
    right = "changed=0 " in recap and "failed=0" in recap and "unreachable=0" in recap
    return "" if right else "it changed something, or failed"


def written(operator: Operator, folder: Path, reached: Mapping[str, str] | None = None) -> Path:
    """The playbook's folder. ``reached``: host → the address to use, if not its own; the host key is the same."""
    shutil.copytree(SOURCE, folder)
    lab = state.load(operator.lab)
    hosts = {host: _host(operator, folder, host, (reached or {}).get(host, "")) for host in operator.hosts}
    options = f"-o UserKnownHostsFile={lab.known_hosts} -o StrictHostKeyChecking=yes"
    shared = {"ansible_user": "root", "ansible_ssh_private_key_file": str(lab.ssh_key)}
    (folder / "hosts.json").write_text(json.dumps({"mail": {"hosts": hosts, "vars": shared}}))
    with (folder / "ansible.cfg").open("a") as file:
        file.write(f"ssh_common_args = {options}\ncontrol_path_dir = {folder}/c\n")
    return folder


def _host(operator: Operator, folder: Path, host: str, address: str) -> dict[str, Any]:
    found = bundle(operator.inventory, host)
    at = {"ansible_host": address or state.load(operator.lab).hosts[host].ipv4}
    alias = {"ansible_ssh_extra_args": f"-o HostKeyAlias={host}"}
    return {**at, **alias, "mail_packages": found.packages, "mail_services": _services(found, folder / "files" / host)}


def _services(found: Bundle, folder: Path) -> dict[str, Any]:
    """Directories, files and unit of each service; the files' contents go to ``folder``."""
    services = {it.name: _service(it.name, UNITS.get(it.name, it.unit)) for it in found.activations}
    for file in found.files:
        if not any(it in file.path for it in OURS_ALONE):
            target = MOVED.get(file.path, file.path)
            source = folder / file.path.lstrip("/")
            source.parent.mkdir(parents=True, exist_ok=True)
            source.write_bytes(file.content)
            services[_owner(file.path)]["files"].append(_rights(file) | {"path": target, "source": str(source)})
            services[_owner(file.path)]["secret"] |= file.secret
    for it in found.directories:
        services[_owner(it.path)]["directories"].append(_rights(it) | {"path": it.path})
    return services


def _service(name: str, unit: str) -> dict[str, Any]:
    running = {} if name == NOT_IN_CONTAINERS else {"state": "started"}
    return {"name": name, "unit": unit, "files": [], "directories": [], "secret": False, **running}


def _rights(it: Any) -> dict[str, str]:
    return {"mode": f"{it.mode:04o}", "owner": it.owner, "group": it.group}


def _owner(path: str) -> str:
    return next(service for part, service in SERVICES.items() if part in path)
