"""The practice lab's fleet: `postwright lab up` makes the machines this inventory speaks of.

Read it as a real one: only the addresses and the paths of throw-away secrets come from the running lab.
"""

from postwright.lab.state import load as _load

_lab = _load()
_here = _lab.ssh_key.parent
_mx1 = _lab.hosts["mx1"]
_reverse_zones = (
    f"{_lab.number}.78.10.in-addr.arpa",
    f"{'.'.join(reversed(f'{_lab.number:04d}'))}.0.0.0.0.0.0.0.0.8.7.d.f.ip6.arpa",
)

mail_hosts = [
    (
        "mx1",
        {
            "ssh_hostname": _mx1.ipv4,
            "ssh_user": "root",
            "ssh_key": str(_lab.ssh_key),
            "ssh_known_hosts_file": str(_lab.known_hosts),
            "ssh_strict_host_key_checking": "yes",
            "mail_host": {
                "addresses": [(_mx1.ipv4, "mx1.shop.test"), (_mx1.ipv6, "mx1.shop.test")],
                "tls": {"certificate": str(_lab.tls["mx1"].certificate), "key": str(_lab.tls["mx1"].key)},
            },
        },
    ),
]

mail = (
    ["mx1"],
    {
        "mail_fleet": {
            "postmaster": "ops@bigmail.test",
            "domains": [
                {
                    "name": "shop.test",
                    "dmarc": {"policy": "reject", "aggregate_reports": ["dmarc@shop.test"]},
                    "aliases": {"dmarc": "ops@bigmail.test"},
                },
            ],
            "zones": [{"name": zone, "provider": "ns", "ttl": 5} for zone in ("shop.test", *_lab.reverse_zones)],
            "providers": {
                "ns": {
                    "kind": "rfc2136",
                    "server": _lab.nameserver,
                    "key_name": _lab.tsig.name,
                    "algorithm": _lab.tsig.algorithm,
                    "secret": {"file": str(_lab.tsig.secret_file)},
                },
            },
            "keys": {
                "directory": str(_here / "keys"),
                "passphrase": {"file": str(_lab.passphrase_file)},
            },
            "logins": [
                {
                    "login": _lab.submission.login,
                    "password_hash": str(_lab.submission.password_hash_file),
                    "senders": ["@shop.test"],
                },
            ],
            "resolver": {"forward_to": _lab.resolver, "trust_anchors": [_lab.trust_anchor]},
            "probe": {
                "login": _lab.submission.login,
                "password": {"file": str(_lab.submission.password_file)},
                "sender": "probe@shop.test",
                "recipient": _lab.recipient,
            },
            # A container has neither an audit log nor AppArmor, and no package comes by the clock into a lab.
            "hardening": {"upgrades": False, "audit": False, "apparmor": False},
            "ledger": str(_here / "dns-ledger"),
            "tls_authorities": str(_lab.ca_certificate),
        },
    },
)
