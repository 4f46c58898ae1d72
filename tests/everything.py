"""A fleet that uses what ``support.full_fleet`` does not: ACME, mailboxes, limits, the tunnel, streams, relays, policies, delegation."""

from dataclasses import replace

from support import another_host, full_fleet, host_data, mail_fleet, mail_host, project, secrets_of, write_private

from postwright.services.parts import Context, SigningKey

_ALICE = "A" * 43 + "="
_WARM = {"warmup": "warm"}
_ADDRESSES = [
    {"ip": "192.0.2.10", "helo": "mx1.example.com", **_WARM},
    {"ip": "192.0.2.11", "helo": "news.example.com", "pool": "news", **_WARM},
]


def whole_fleet(base):
    """The first host has it all; the second takes mail in with a certificate from files."""
    for name in ("mailbox.hash", "relay", "esp"):
        write_private(base / name, "$6$salt$digest\n")
    fleet = mail_fleet(
        domains=[
            {
                "name": "example.com",
                "hosts": ["mx1"],
                "mta_sts": {"mode": "testing", "policy_host": "hosts"},
                "tls_reports": ["reports@example.com"],
                "aliases": {"dmarc": "reports@example.com"},
                "dmarc": {"policy": "none", "aggregate_reports": ["reports@example.com", "dmarc@reports.test"]},
            },
            {"name": "example.org", "mx": "keep"},
            {"name": "customer.test", "mx": "keep", "delegated": {"to": "customer.example.com", "return_path": "bounce", "selectors": ["pw1", "pw2", "pw3", "pw4"]}},
        ],
        zones=[{"name": name, "provider": "ns1"} for name in ("example.com", "example.org")],
        logins=[{"login": "shop@example.com", "password_hash": "app.hash", "senders": ["@example.com"]}],
        probe={"login": "shop@example.com", "sender": "probe@example.com", "password": {"file": "passphrase"}, "recipient": "p@example.net"},
        keys={"directory": "keys", "passphrase": {"file": "passphrase"}, "algorithm": "rsa+ed25519", "rotate_every": "90d"},
        mailboxes={"reports@example.com": {"password_hash": "mailbox.hash", "keep": "90d"}},
        bounces="reports@example.com",
        user_limits={"messages_per_hour": 500},
        outbound_tls={"mta_sts": True, "policies": {"clinic.test": {"level": "encrypt"}}},
        acme={"contact": "ops@example.net"},
        certificate_authorities=["letsencrypt.org"],
        management={"network": "10.99.0.0/24", "operators": {"alice": {"public_key": _ALICE, "address": "10.99.0.201"}}},
        pacing={
            "streams": {
                "promo": {"senders": ["promo@example.com"], "pool": "news", "fallback": ["default"]},
                "bulk": {"senders": ["bulk@example.com"], "via": "esp"},
            },
            "relay": {"server": "smtp.esp.test", "login": "a", "password": {"file": "relay"}},
            "relays": {"esp": {"server": "smtp2.esp.test", "login": "b", "password": {"file": "esp"}}},
        },
    )  # fmt: skip
    first = mail_host(addresses=_ADDRESSES, tls="acme", management="10.99.0.1")
    second = another_host(fleet=fleet, tls={"certificate": "tls.crt", "key": "tls.key"}, management="10.99.0.2")
    return project(base, host_data(host=first, fleet=fleet), second).fleet


def whole_context(base, release="13"):
    """All that templates see of its first host."""
    fleet = whole_fleet(base)
    known = secrets_of(fleet, fleet.hosts[0])
    second = SigningKey("example.com", "pw20261123", b"(second private key of example.com)\n", "ed25519")
    secrets = replace(
        known,
        signing_keys=(*known.signing_keys, second),
        relay_passwords={"relay": "(password)", "esp": "(password)"},
        management_key="(private key of the tunnel)",
        mailbox_hashes={"reports@example.com": "$6$salt$digest"},
    )
    return Context(fleet, fleet.hosts[0], release, secrets)


FLEETS = (full_fleet, whole_fleet)
