"""Whatever is wrong with an inventory is said at once, each with its place and what to do, and nothing is touched."""

import pytest
from support import another_host, host_data, mail_fleet, mail_host, problems, project, write_files

from postwright.errors import InventoryError, UsageError
from postwright.inventory import project_of
from postwright.wire import HostData

PROBE = {"login": "app", "password": {"env": "P"}, "sender": "probe@example.com", "recipient": "x@example.net"}
LOGIN = {"login": "app", "password_hash": "app.hash", "senders": ["@example.com"]}


def keys(**said):
    """A keyring with these options."""
    return {"keys": {"directory": "keys", "passphrase": {"file": "passphrase"}, **said}}


def fleet_problems(tmp_path, **changes):
    return problems(tmp_path, host_data(fleet=mail_fleet(**changes)))


def host_problems(tmp_path, **changes):
    return problems(tmp_path, host_data(host=mail_host(**changes)))


def test_a_sound_inventory_makes_a_fleet(tmp_path):
    made = project(tmp_path, host_data(), another_host())
    assert [host.name for host in made.fleet.hosts] == ["mx1", "mx2"]
    assert made.fleet.host("mx2").fqdn == "mx2.example.com"
    assert made.path(made.fleet.keys.directory) == tmp_path / "keys"


def test_without_options_keys_are_rsa_2048_shared_by_all_hosts_and_are_not_rotated_by_themselves(tmp_path):
    found = project(tmp_path).fleet.keys
    assert (found.bits, found.algorithms, found.per_host, found.rotate_every) == (2048, ("rsa",), False, None)
    assert (found.selector, found.retire_margin, found.keep_revoked) == ("pw{date}", "2d", "30d")


def test_keys_are_as_the_inventory_says(tmp_path):
    said = {
        "bits": 4096,
        "algorithm": "rsa+ed25519",
        "rotate_every": "90d",
        "per_host": True,
        "selector": "{host}-{date}",
    }
    found = project(tmp_path, host_data(fleet=mail_fleet(**keys(**said)))).fleet.keys
    assert found.algorithms == ("rsa", "ed25519")
    assert {name: getattr(found, name) for name in said} == said


def test_pyinfras_own_keys_are_left_alone_and_say_how_to_connect(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/op")
    data = {"ssh_user": "admin", "ssh_port": 2222, "ssh_key": "~/key", "_sudo": True, "my_own": object()}
    ssh = project(tmp_path, host_data(**data)).fleet.host("mx1").ssh
    assert (ssh.hostname, ssh.user, ssh.port, str(ssh.key), ssh.sudo) == (
        "192.0.2.10",
        "admin",
        2222,
        "/home/op/key",
        True,
    )


def test_without_connection_data_the_name_of_the_host_is_where_it_is(tmp_path):
    write_files(tmp_path)
    data = {"mail_host": mail_host(), "mail_fleet": mail_fleet()}
    assert (
        project_of([HostData("mx1.example.com", data)], tmp_path / "i.py").fleet.hosts[0].ssh.hostname
        == "mx1.example.com"
    )


def test_hosts_that_are_not_mail_hosts_are_left_alone(tmp_path):
    assert problems(tmp_path, host_data(), HostData("web1", {"mail_fleet": "of no interest"})) == []


def test_an_inventory_without_mail_hosts_is_refused(tmp_path):
    assert problems(tmp_path, HostData("web1", {})) == [
        "no host has mail_host data; give each mail host its addresses there, see inventories/example.py"
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"adresses": []}, "host mx1: mail_host.adresses: unknown key; remove it or mend its spelling"),
        ({"name": "x"}, "host mx1: mail_host.name: unknown key; it comes from pyinfra's own data"),
        ({"addresses": []}, "host mx1: mail_host.addresses: is empty; name at least one"),
        ({"addresses": "192.0.2.1"}, "host mx1: mail_host.addresses: must be a list, is a str"),
        ({"addresses": [("192.0.2.1", "mx1.example.com"), 5]}, "host mx1: mail_host.addresses[1]: must be a mapping"),
        ({"addresses": [("192.0.2.256", "mx1.example.com")]}, "addresses[0].ip: '192.0.2.256' is not an IP address"),
        ({"addresses": [("127.0.0.1", "mx1.example.com")]}, "addresses[0].ip: 127.0.0.1 cannot send mail to others"),
        ({"addresses": [("192.0.2.1", "mx_1.example.com")]}, "addresses[0].helo: 'mx_1.example.com' is not a fully"),
        ({"addresses": [("192.0.2.1", "mx1")]}, "addresses[0].helo: 'mx1' is not a fully qualified host name"),
        ({"addresses": [("192.0.2.1", "192.0.2.1")]}, "helo: '192.0.2.1' is an address, not a host name"),
        ({"addresses": [("192.0.2.1", "mx.bücher.example")]}, "write its A-label form ('mx.xn--bcher-kva.example')"),
        ({"addresses": [("192.0.2.1", "mx1.example.org")]}, "mx1.example.org lies in no zone of mail_fleet.zones"),
        ({"tls": {"certificate": "tls.crt"}}, "host mx1: mail_host.tls.key: missing; add it"),
        ({"tls": {"certificate": "no.crt", "key": "tls.key"}}, "host mx1: mail_host.tls.certificate: no file"),
        ({"roles": ["mx", "web"]}, "host mx1: mail_host.roles"),
        ({"trusted_networks": ["10.0.0.1/8"]}, "trusted_networks[0]: 10.0.0.1/8 has host bits set; write a network"),
        ({"trusted_networks": ["::/0"]}, "trusted_networks[0]: ::/0 is everybody: the host would be an open relay"),
    ],
)
def test_a_host_that_cannot_be_is_refused_with_its_key_path(tmp_path, changes, expected):
    found = host_problems(tmp_path, **changes)
    assert len(found) == 1
    assert expected in found[0]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("ssh_port", "ssh", "host mx1: data.ssh_port: input should be a valid integer"),
        ("ssh_port", 0, "host mx1: data.ssh_port: input should be greater than or equal to 1 (given: 0)"),
        ("ssh_key", 5, "host mx1: data.ssh_key: "),
        ("ssh_user", "-oProxyCommand=x", "host mx1: data.ssh_user: "),
        ("_sudo", {}, "host mx1: data._sudo: "),
    ],
)
def test_connection_data_that_cannot_be_is_refused_by_pyinfras_name_of_it(tmp_path, key, value, expected):
    found = problems(tmp_path, host_data(**{key: value}))
    assert len(found) == 1
    assert expected in found[0]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"domain": []},
            "mail_fleet.domain: unknown key; keys are acme, bounces, certificate_authorities, deployment, domains, fail2ban,",
        ),
        ({"postmaster": "ops"}, "mail_fleet.postmaster: 'ops' is not a mail address, such as ops@example.com"),
        ({"domains": {}}, "mail_fleet.domains: must be a list, is a dict"),
        ({"domains": [{"name": "example.com", "mx": "none"}]}, "mail_fleet.domains[0] (example.com).mx: "),
        ({"domains": [{"name": "example.org"}]}, "mail_fleet.domains[0] (example.org): lies in no zone"),
        ({"domains": [{"name": "example.com"}] * 2}, "mail_fleet.domains: example.com stands there more than once"),
        ({"domains": [{"name": "example.com", "hosts": ["mx9"]}, {"name": "example.com"}]}, "no host 'mx9'"),
        ({"domains": [{"name": "example.com", "hosts": []}]}, "hosts: no host sends for it; name one, or remove"),
        (
            {"domains": [{"name": "example.com", "aliases": {"a b": "x@example.net"}}]},
            "'a b' cannot stand before the @",
        ),
        ({"domains": [{"name": "example.com", "aliases": {"a": "x"}}]}, "(example.com).aliases.a: 'x' is not a mail"),
        (
            {"zones": [{"name": "example.com", "provider": "ns2"}]},
            "zones[0].provider: no provider 'ns2' (there is: ns1)",
        ),
        (
            {"zones": [{"name": "example.com", "provider": "ns1"}] * 2},
            "mail_fleet.zones: example.com stands there more",
        ),
        ({"zones": [{"name": "example.com", "provider": "ns1", "ttl": "soon"}]}, "zones[0] (example.com).ttl: "),
        ({"firewall": {"ssh_ports": [0]}}, "mail_fleet.firewall.ssh_ports[0]: "),
        ({"policies": {"queue_lifetime": "0d"}}, "mail_fleet.policies.queue_lifetime: "),
        ({"policies": {"time_servers": ["a b"]}}, "mail_fleet.policies.time_servers[0]: 'a b' is not a fully"),
        ({"resolver": {"trust_anchors": ['x"\n']}}, "mail_fleet.resolver.trust_anchors[0]: "),
        ({"logins": [LOGIN | {"senders": ["@example.org"]}]}, "logins[0].senders: @example.org is of no domain"),
        ({"logins": [LOGIN, LOGIN]}, "mail_fleet.logins: app stands there more than once"),
        ({"logins": [LOGIN | {"password_hash": "no.hash"}]}, "mail_fleet.logins (app).password_hash: no file"),
        ({"probe": PROBE}, "mail_fleet.probe.login: no 'app' in mail_fleet.logins"),
        ({"logins": [LOGIN], "probe": PROBE | {"sender": "a@example.org"}}, "app may not send as a@example.org"),
        ({"tls_authorities": "no.pem"}, "mail_fleet.tls_authorities: no file"),
        ({"ledger": ""}, "mail_fleet.ledger: '' is not a path"),
        ({"keys": {"directory": "k", "passphrase": {}}}, 'mail_fleet.keys.passphrase: give exactly one of "file"'),
        *(
            (keys(**said), f"mail_fleet.keys.{place}: {expected}")
            for said, place, expected in (
                ({"bits": 1024}, "bits", ""),
                ({"algorithm": "ed25519"}, "algorithm", "is Ed25519 alone, which many receivers cannot verify"),
                ({"algorithm": "dsa"}, "algorithm", ""),
                ({"rotate_every": "12h"}, "rotate_every", "'12h' is too short; 1d is the least"),
                ({"rotate_every": "soon"}, "rotate_every", ""),
                ({"keep_revoked": "29d"}, "keep_revoked", "'29d' is too short; 30d is the least"),
                ({"retire_margin": "0d"}, "retire_margin", ""),
                ({"selector": "pw"}, "selector", "'pw' is not a template for selectors, such as 'pw{date}'"),
                ({"per_host": "yes please"}, "per_host", ""),
            )
        ),
        ({"postmaster": "ops@example.com"}, "ops@example.com lies behind these hosts, which would refuse its mail"),
    ],
)
def test_a_fleet_that_cannot_be_is_refused_with_its_key_path(tmp_path, changes, expected):
    found = fleet_problems(tmp_path, **changes)
    assert any(expected in problem for problem in found), found


def domain_problems(tmp_path, *domains, **changes):
    """The problems of domains besides example.com, in a fleet that also holds example.net."""
    zones = [{"name": name, "provider": "ns1"} for name in ("example.com", "example.net")]
    said = {"domains": [{"name": "example.com"}, *domains], "zones": zones, "postmaster": "ops@elsewhere.example"}
    return fleet_problems(tmp_path, **(said | changes))


TO = {"to": "customer.mail.example.net"}
CUSTOMER = {"name": "customer.example", "mx": "keep", "delegated": TO}
LOGO = {"logo": "https://example.com/logo.svg"}
STRICT = {"policy": "reject"}


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        (CUSTOMER | {"mx": "hosts"}, "domains[1] (customer.example).mx: is \"hosts\", but a delegated domain's MX is its owner's; say \"mx\": \"keep\""),
        (CUSTOMER | {"mta_sts": {"mx": ["mx.customer.example"]}}, "(customer.example).mta_sts: its records would stand in the domain's own zone"),
        (CUSTOMER | {"tls_reports": ["a@example.com"]}, "(customer.example).tls_reports: its records would stand in the"),
        (CUSTOMER | {"bimi": LOGO, "dmarc": STRICT}, "(customer.example).bimi: its records would stand in the domain's own"),
        (CUSTOMER | {"delegated": {"to": "mail.example.org"}}, "(customer.example).delegated.to: mail.example.org lies in no zone"),
        (CUSTOMER | {"delegated": {"to": "example.com"}}, "delegated.to: _dmarc.example.com is needed by mail_fleet.domains[0] (example.com) already"),
        (CUSTOMER | {"delegated": {"to": "example.com", "return_path": "mx1", "dmarc": False}}, "delegated.to: mx1.example.com is needed by host mx1"),
        (CUSTOMER | {"name": "news.example.net", "delegated": {"to": "news.example.net"}}, "delegated: pw1._domainkey.news.example.net is needed by"),
        (CUSTOMER | {"delegated": TO | {"selectors": []}}, "(customer.example).delegated.selectors: is empty; name at least one"),
        (CUSTOMER | {"delegated": TO | {"selectors": ["a.b"]}}, "delegated.selectors[0]: 'a.b' is not one label"),
        ({"name": "example.net", "bimi": LOGO}, "(example.net).bimi: needs a DMARC policy of quarantine or reject, without test"),
        ({"name": "example.net", "bimi": LOGO, "dmarc": STRICT | {"test": True}}, "(example.net).bimi: needs a DMARC policy"),
        ({"name": "example.net", "bimi": LOGO, "dmarc": STRICT | {"subdomain_policy": "none"}}, "(example.net).bimi: needs a DMARC policy"),
        ({"name": "example.net", "bimi": {"logo": "http://example.com/logo.svg"}}, "bimi.logo: 'http://example.com/logo.svg' is not an https URL"),
        ({"name": "example.net", "mx": "null", "mta_sts": {}}, '(example.net).mta_sts: the domain takes no mail ("mx": "null")'),
        ({"name": "example.net", "mx": "keep", "mta_sts": {}}, '(example.net).mta_sts.mx: with "mx": "keep" its MX hosts are not known here; list'),
        ({"name": "example.net", "mta_sts": {"mx": ["mx9.example.com"]}}, "mta_sts.mx: mx1.example.com, an MX of the domain, is not among them"),
        ({"name": "example.net", "mta_sts": {"max_age": 60}}, "(example.net).mta_sts.max_age: "),
        ({"name": "example.net", "spf_include": "_spf.example.org"}, "(example.net).spf_include: _spf.example.org lies in no zone"),
        ({"name": "example.net", "spf_include": "example.com"}, "(example.net).spf_include: example.com is needed by mail_fleet.domains[0]"),
        ({"name": "example.net", "spf_include": "mx1.example.com"}, "(example.net).spf_include: mx1.example.com is needed by host mx1"),
        ({"name": "example.net", "tls_reports": ["reports"]}, "(example.net).tls_reports[0]: 'reports' is not a mail address"),
        ({"name": "example.net", "dmarc": {"nonexistent_policy": "deny"}}, "(example.net).dmarc.nonexistent_policy: "),
    ],
)  # fmt: skip
def test_a_mail_record_that_cannot_be_is_refused_with_its_key_path(tmp_path, domain, expected):
    found = domain_problems(tmp_path, domain)
    assert len(found) == 1
    assert expected in found[0]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"parked": ["example.org"]}, "mail_fleet.parked[0]: example.org lies in no zone of mail_fleet.zones"),
        ({"parked": ["example.com"]}, "mail_fleet.parked[0]: example.com is needed by mail_fleet.domains[0] (example.com)"),
        ({"parked": ["mx1.example.com"]}, "mail_fleet.parked[0]: mx1.example.com is needed by host mx1"),
        ({"parked": ["old.example.net"] * 2}, "mail_fleet.parked: old.example.net stands there more than once"),
        ({"parked": ["old"]}, "mail_fleet.parked[0]: 'old' is not a fully qualified host name"),
        ({"certificate_authorities": ["ca.example", "ca.example"]}, "certificate_authorities: ca.example stands there more than"),
        ({"certificate_authorities": "ca.example"}, "mail_fleet.certificate_authorities: must be a list, is a str"),
        ({"zones": [{"name": "example.com", "provider": "ns1", "zone_id": "0" * 32}]}, "zones[0] (example.com).zone_id: is Cloudflare's, and provider 'ns1' is of kind rfc2136"),
        ({"zones": [{"name": "example.com", "provider": "ns1", "zone_id": "main"}]}, "zones[0] (example.com).zone_id: "),
        ({"providers": {"ns1": {"kind": "route53"}}}, "kind must be one of rfc2136, cloudflare, octodns, zonefile"),
    ],
)  # fmt: skip
def test_a_fleet_that_cannot_publish_is_refused_with_its_key_path(tmp_path, changes, expected):
    found = domain_problems(tmp_path, **changes)
    assert len(found) == 1
    assert expected in found[0]


def test_two_delegated_domains_do_not_share_a_place(tmp_path):
    found = domain_problems(tmp_path, CUSTOMER, CUSTOMER | {"name": "other.example"})
    assert len(found) == 1
    assert "domains[2] (other.example).delegated.to: _domainkey.customer.mail.example.net is needed by" in found[0]


@pytest.mark.parametrize("nobody", ["news.example.com", "idle.example.com"])
@pytest.mark.parametrize("place", ["bounces", "postmaster", "aliases"])
def test_mail_is_not_led_to_a_domain_that_takes_none(tmp_path, place, nobody):
    address = f"bob@{nobody}"
    aliases = {"aliases": {"sales": address}} if place == "aliases" else {}
    domains = [{"name": "example.com", **aliases}, {"name": "news.example.com", "mx": "null"}]
    said = {} if aliases else {place: address}
    (problem,) = fleet_problems(tmp_path, domains=domains, parked=["idle.example.com"], **said)

    assert problem.endswith(f"{address} is at a domain that takes no mail; name an address that does")
    assert place in problem.partition(": ")[0]


def test_a_parked_domain_is_no_return_path(tmp_path):
    held = CUSTOMER | {"name": "shop.example.net"}
    for name in ("bounce.shop.example.net", "bounce.customer.mail.example.net"):
        (found,) = domain_problems(tmp_path, held, parked=[name])
        assert f"mail_fleet.parked[0]: {name} is needed by mail_fleet.domains[1] (shop.example.net).delegated" in found


def test_bounces_need_a_host_that_takes_mail_and_a_postmaster_elsewhere(tmp_path):
    fleet = mail_fleet(
        domains=[CUSTOMER | {"hosts": ["mx2"], "delegated": {"to": "customer.example.com"}}],
        postmaster="ops@bounce.customer.example",
    )
    found = problems(tmp_path, host_data(fleet=fleet), another_host("mx2", fleet, roles=["submission"]))
    assert len(found) == 2
    assert "(customer.example).delegated.return_path: none of its hosts has the role mx" in found[0]
    assert "mail_fleet.postmaster: ops@bounce.customer.example lies behind these hosts" in found[1]


def test_a_login_may_send_with_the_return_path_of_a_delegated_domain(tmp_path):
    login = LOGIN | {"senders": ["@customer.example", "@bounce.customer.example"]}
    assert domain_problems(tmp_path, CUSTOMER, logins=[login]) == []


def test_what_mail_records_need_is_enough(tmp_path):
    domain = {
        "name": "example.net",
        "spf_include": "_spf.example.com",
        "dmarc": STRICT | {"nonexistent_policy": "reject"},
        "mta_sts": {"mode": "enforce", "mx": ["*.example.com"], "policy_host": "policies.example.com"},
        "tls_reports": ["tls@example.com", "https://reports.example.com/v1"],
        "bimi": LOGO,
    }
    assert domain_problems(tmp_path, domain, CUSTOMER, parked=["old.example.net"]) == []


def test_all_problems_of_mail_records_are_told_in_one_go(tmp_path):
    found = domain_problems(
        tmp_path,
        CUSTOMER | {"mx": "null", "tls_reports": ["a@example.com"]},
        {"name": "example.net", "bimi": LOGO, "mx": "null", "mta_sts": {}, "spf_include": "example.com"},
        parked=["example.com"],
    )
    assert len(found) == 7


def test_a_missing_part_of_the_fleet_is_named(tmp_path):
    data = mail_fleet()
    del data["postmaster"]
    assert problems(tmp_path, host_data(fleet=data)) == ["mail_fleet.postmaster: missing; see inventories/example.py"]


def test_an_empty_fleet_lacks_all_that_is_required(tmp_path):
    found = problems(tmp_path, host_data(fleet={}))
    assert {problem.split(":")[0] for problem in found} == {
        f"mail_fleet.{name}" for name in ("domains", "zones", "providers", "keys", "postmaster")
    }


def test_an_address_belongs_to_one_host_once(tmp_path):
    twice = [("192.0.2.10", "mx1.example.com")] * 2
    assert (
        "192.0.2.10 is used already by host mx1: mail_host.addresses[0]" in host_problems(tmp_path, addresses=twice)[0]
    )
    (found,) = problems(tmp_path, host_data(), another_host(addresses=[("192.0.2.10", "mx2.example.com")]))
    assert found.startswith(
        "host mx2: mail_host.addresses[0]: 192.0.2.10 is used already by host mx1: mail_host.addresses"
    )


def test_a_helo_name_belongs_to_one_host(tmp_path):
    found = problems(tmp_path, host_data(), another_host(addresses=[("192.0.2.20", "mx1.example.com")]))
    assert found == [
        "host mx2: mail_host.addresses: mx1.example.com is the HELO name of host mx1 too; name hosts apart"
    ]


def test_a_fleet_that_differs_between_hosts_is_refused(tmp_path):
    other = mail_fleet(postmaster="other@example.net")
    found = problems(tmp_path, host_data(), another_host(fleet=other))
    assert found == ["host mx2: mail_fleet differs from that of host mx1; define it once, on a group"]


def test_a_host_outside_the_group_with_the_fleet_is_named(tmp_path):
    found = problems(tmp_path, host_data(), another_host(fleet=[]))
    assert found == ["host mx2: no mail_fleet mapping; put it on the group all mail hosts are in"]


def test_a_domain_whose_hosts_take_no_mail_cannot_have_them_as_mx(tmp_path):
    assert "but none of its hosts has the role mx" in host_problems(tmp_path, roles=["submission"])[0]


def test_a_postmaster_behind_the_hosts_is_fine_if_an_alias_leads_on(tmp_path):
    domains = [{"name": "example.com", "aliases": {"ops": "a@example.net"}}]
    assert fleet_problems(tmp_path, postmaster="ops@example.com", domains=domains) == []


def test_all_problems_are_told_in_one_go(tmp_path):
    """Structural ones of host and fleet, clashes between parts that are sound, and missing files."""
    host = mail_host(rolls=[], addresses=[("192.0.2.1", "nowhere")])
    fleet = mail_fleet(
        postmaster="?",
        logins=[LOGIN | {"senders": ["@example.org"], "password_hash": "no.hash"}],
        zones=[{"name": "example.com", "provider": "ns2"}],
    )
    found = problems(tmp_path, host_data(host=host, fleet=fleet), another_host(fleet=fleet))
    for expected in ("rolls: unknown", "'nowhere'", "postmaster", "@example.org", "no.hash", "no provider 'ns2'"):
        assert any(expected in problem for problem in found), expected
    assert len(found) == 6


def test_a_typo_in_one_zone_is_told_once_and_not_for_every_name_below_it(tmp_path):
    found = fleet_problems(tmp_path, zones=[{"name": "example.com", "provider": "ns1", "tll": 5}])
    assert len(found) == 1


def test_a_typo_in_one_host_does_not_make_its_domains_hostless(tmp_path):
    assert len(host_problems(tmp_path, rolls=[])) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"keys": {"directory": "keys", "passphrase": "hunter2hunter2"}},
        {"keys": {"directory": "keys", "passphrase": {"env": "hunter2-hunter2"}}},
        {"keys": {"directory": "keys", "passphrase": {"keyring": "hunter2hunter2"}}},
        {"keys": {"directory": "keys", "passphrase": {"file": ["hunter2hunter2"]}}},
        {"keys": ["hunter2hunter2"]},
        {"providers": {"ns1": {"server": "192.0.2.53", "key_name": "k", "secret": "hunter2hunter2"}}},
        {"probe": PROBE | {"password": "hunter2hunter2"}},
        {"logins": [LOGIN | {"password_hash": "$6$hunter2$hunter2"}]},
    ],
)
def test_a_secret_written_into_the_inventory_is_refused_and_not_repeated(tmp_path, changes):
    found = fleet_problems(tmp_path, **changes)
    assert found
    assert not any("hunter2" in problem for problem in found)


def test_every_problem_is_one_line_whatever_the_keys_are_called(tmp_path):
    odd = mail_fleet() | {"a\r\nb\x1b[31m": 1}
    found = problems(tmp_path, host_data("mx\n1", fleet=odd, host=mail_host() | {"c\nd": 1}))
    assert len(found) == 2
    assert all(problem.isprintable() for problem in found)


def test_the_error_names_the_file_counts_and_ends_with_wrong_usage(tmp_path):
    with pytest.raises(InventoryError) as caught:
        project(tmp_path, host_data(fleet=mail_fleet(postmaster="?", ledger="")))
    assert isinstance(caught.value, UsageError)
    assert caught.value.exit_status == 2
    first, *rest = str(caught.value).splitlines()
    assert first == f"{tmp_path / 'inventory.py'}: 2 problems"
    assert all(line.startswith("  - mail_fleet.") for line in rest)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"user_limits": {"messages_per_hour": "many"}}, "mail_fleet.user_limits.messages_per_hour: is not a number from 1 to"),
        ({"user_limits": {"messages_per_hour": True}}, "mail_fleet.user_limits.messages_per_hour: is not a number from 1 to"),
        ({"fail2ban": {"ban": "soon"}}, "mail_fleet.fail2ban.ban: is not a time such as 30m, 2h or 5d"),
        ({"hardening": {"upgrades": {"reboot_at": "dawn"}}}, "mail_fleet.hardening.upgrades.reboot_at: is not a time of the day"),
        ({"management": {"network": "10.9.0.0/24", "operators": {"Al": {}}}}, "mail_fleet.management.operators.Al: 'Al' is not a name"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_the_operators_words(tmp_path, changes, expected):
    found = fleet_problems(tmp_path, **changes)

    assert expected in "".join(it[: len(expected)] for it in found)
    assert not any(word in "\n".join(found) for word in ("[key]", "constrained-", "pattern", "literal["))


def test_a_part_that_is_there_by_default_can_be_said_to_be_there_or_not(tmp_path):
    said = {on: project(tmp_path, host_data(fleet=mail_fleet(fail2ban=on))).fleet.fail2ban for on in (True, False)}

    assert said == {True: project(tmp_path).fleet.fail2ban, False: None}
    assert said[True] is not None


def test_judging_an_inventory_changes_nothing(tmp_path):
    write_files(tmp_path)
    before = sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*"))
    problems_found = fleet_problems(tmp_path, postmaster="?")
    project(tmp_path)
    assert problems_found
    assert {path for path, _ in before} == set(tmp_path.rglob("*"))
