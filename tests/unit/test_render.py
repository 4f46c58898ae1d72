"""The files of a host, byte for byte: what they are, that they are the same each time, and what must not be in them.

After a change that is meant: POSTWRIGHT_UPDATE_GOLDEN=1 pytest tests/unit/test_render.py, and read the diff.
"""

import re
from dataclasses import replace

import jinja2
import pytest
from support import GOLDEN, another_host, context, host_data, mail_fleet, project, same_as_golden, secrets_of

from postwright import render
from postwright.services import SERVICES
from postwright.services.bundle import MANIFEST, STAMPS, bundle, drop_in
from postwright.services.parts import Context, SigningKey

RELEASES = ("13", "12")


def golden_name(release, path):
    return f"host-{release}/{path.strip('/').replace('/', '_')}"


@pytest.fixture(params=RELEASES)
def whole(request, tmp_path):
    return bundle(context(tmp_path, release=request.param))


@pytest.fixture
def relay(tmp_path):
    """A host that takes mail in for its domains and from nobody who logs in."""
    return bundle(context(tmp_path, host="mx2"))


def texts(made):
    return {file.path: file.content.decode() for file in made.files}


@pytest.mark.parametrize("release", RELEASES)
def test_every_file_is_as_its_golden_file(tmp_path, release):
    made = bundle(context(tmp_path, release=release))
    differing = [file.path for file in made.files if not same_as_golden(golden_name(release, file.path), file.content)]
    assert differing == []


@pytest.mark.parametrize("release", RELEASES)
def test_packages_permissions_checks_and_units_are_as_the_golden_file(tmp_path, release):
    made = bundle(context(tmp_path, release=release))
    lines = [f"package {package}" for package in made.packages]
    lines += [f"{it.mode:04o} {it.owner}:{it.group} {it.path}/" for it in made.directories]
    lines += [f"{it.mode:04o} {it.owner}:{it.group} {it.path}{' secret' * it.secret}" for it in made.files]
    lines += [f"check {name}: {check.command}{' (silent)' * check.silent}" for name, check in made.checks]
    lines += [f"unit {it.name}: {it.unit}; ready: {it.ready}" for it in made.activations]
    assert same_as_golden(f"host-{release}.txt", ("\n".join(lines) + "\n").encode())


@pytest.mark.parametrize("release", RELEASES)
def test_no_golden_file_is_left_of_a_file_that_is_no_longer_made(tmp_path, release):
    made = {golden_name(release, file.path) for file in bundle(context(tmp_path, release=release)).files}
    assert {f"host-{release}/{path.name}" for path in (GOLDEN / f"host-{release}").iterdir()} == made


def test_the_same_description_gives_the_same_bytes(tmp_path):
    first = context(tmp_path)
    secrets = replace(first.secrets, signing_keys=tuple(reversed(first.secrets.signing_keys)))
    assert bundle(first) == bundle(replace(context(tmp_path), secrets=secrets))


def test_a_name_a_template_does_not_know_is_an_error(tmp_path, monkeypatch):
    real = render._environment()
    loader = jinja2.DictLoader({"typo.j2": "{{ host.fqnd }}", "unknown.j2": "{{ hots }}", "given.j2": "{{ extra }}"})
    monkeypatch.setattr(render, "_environment", lambda: real.overlay(loader=loader))
    for name in ("typo.j2", "unknown.j2", "given.j2"):
        with pytest.raises(jinja2.UndefinedError):
            render.template(name, context(tmp_path))
    assert render.template("given.j2", context(tmp_path), extra="x") == b"x"


def test_every_file_ends_with_a_line_end_and_says_who_made_it(whole):
    for file in whole.files:
        assert file.content.endswith(b"\n"), file.path
        if not (file.secret or file.path.startswith((STAMPS, MANIFEST, "/etc/postwright/tls"))):
            assert b"postwright" in file.content.partition(b"\n\n")[0], file.path


def test_every_path_is_there_once_and_absolute(whole):
    paths = [file.path for file in whole.files]
    assert len(paths) == len(set(paths))
    assert all(path.startswith("/etc/") for path in paths)


def test_every_private_part_is_secret_and_closed_to_others(whole):
    private = [file for file in whole.files if re.search(rb"\(private|\$6\$", file.content)]
    assert len(private) == 6  # four DKIM keys, the TLS key, the password hashes
    assert all(file.secret and file.mode & 0o007 == 0 for file in private)


def test_no_secret_is_in_the_text_of_the_bundle(whole):
    assert "private key of" not in repr(whole)
    assert "$6$" not in repr(whole)


def test_a_host_without_submission_opens_no_port_for_it_and_has_no_dovecot(relay):
    files = texts(relay)
    assert "tcp dport { 25, 587, 9100 } accept" in files["/etc/postwright/firewall.nft"]  # 587 is one of extra_tcp
    assert not any("dovecot" in path for path in files)
    assert "dovecot-core" not in relay.packages
    assert "submission" not in {it.name for it in relay.activations}
    assert "submission" not in re.sub("#.*", "", files["/etc/postfix/master.cf"])
    assert "sasl_type" not in files["/etc/postfix/main.cf"]


def test_without_logins_nobody_can_submit_and_no_port_is_open_for_it(tmp_path):
    made = context(tmp_path)
    fleet = made.fleet.model_copy(update={"logins": ()})
    files = texts(bundle(replace(made, fleet=fleet)))
    assert "465" not in files["/etc/postwright/firewall.nft"]
    assert not any("dovecot" in path for path in files)


def test_a_host_without_roles_takes_in_nothing(tmp_path):
    made = context(tmp_path)
    silent = made.host.model_copy(update={"roles": frozenset(), "trusted_networks": ()})
    files = texts(bundle(replace(made, host=silent)))
    assert "tcp dport { 587, 9100 } accept" in files["/etc/postwright/firewall.nft"]
    assert "\n127.0.0.1:smtp inet" in files["/etc/postfix/master.cf"]
    assert "\nsmtp      inet" not in files["/etc/postfix/master.cf"]
    assert "virtual_alias_domains =\n" in files["/etc/postfix/main.cf"]


def test_ssh_is_open_to_everybody_only_while_no_network_is_named(tmp_path):
    made = context(tmp_path)
    rules = texts(bundle(made))["/etc/postwright/firewall.nft"]
    assert rules.count("saddr @ssh_v") == 2
    assert "\n        tcp dport { 22, 2222 } accept" not in rules
    anywhere = made.fleet.model_copy(update={"firewall": made.fleet.firewall.model_copy(update={"ssh_from": ()})})
    rules = texts(bundle(replace(made, fleet=anywhere)))["/etc/postwright/firewall.nft"]
    assert rules.count("\n        tcp dport { 22, 2222 } accept") == 1
    assert "saddr @" not in rules


@pytest.mark.parametrize("networks", [["198.51.100.0/24"], ["2001:db8::/32"]])
def test_ssh_from_one_ip_version_does_not_open_it_for_the_other(tmp_path, networks):
    made = context(tmp_path)
    firewall = type(made.fleet.firewall)(ssh_from=networks)
    rules = texts(bundle(replace(made, fleet=made.fleet.model_copy(update={"firewall": firewall}))))
    assert rules["/etc/postwright/firewall.nft"].count("dport { 22 } accept") == 1


def test_networks_that_overlap_are_joined_because_nft_refuses_them(whole):
    assert "elements = { 198.51.100.0/24 }" in texts(whole)["/etc/postwright/firewall.nft"]


def test_a_domain_that_is_the_hosts_own_name_is_not_in_two_classes_of_postfix(whole):
    files = texts(whole)
    assert "virtual_alias_domains = example.com\n" in files["/etc/postfix/main.cf"]
    addresses = [line.split()[0] for line in files["/etc/postfix/virtual"].splitlines() if not line.startswith("#")]
    assert len(addresses) == len(set(addresses))
    assert "sales@mx1.example.com" in addresses


@pytest.fixture
def led_here(tmp_path):
    """Texts of the files of both hosts where a customer's return path is led to them; the second takes no mail in."""
    login = {"login": "app", "password_hash": "app.hash", "senders": ["news@customer.example"]}
    customer = {"name": "customer.example", "mx": "keep", "delegated": {"to": "customer.example.com"}}
    data = mail_fleet(domains=[{"name": "example.com"}, customer], logins=[login])
    fleet = project(tmp_path, host_data(fleet=data), another_host("out1", data, roles=["submission"])).fleet
    return [texts(bundle(Context(fleet, host, "13", secrets_of(fleet, host)))) for host in fleet.hosts]


def test_bounces_to_a_delegated_domains_return_path_reach_the_postmaster_whatever_their_local_part(led_here):
    taking, sending = led_here
    assert "virtual_alias_domains = example.com bounce.customer.example\n" in taking["/etc/postfix/main.cf"]
    alias = re.search(r"^@bounce.customer.example (\S+)@localhost$", taking["/etc/postfix/virtual"], re.MULTILINE)[1]
    assert f"\n{alias} ops@example.net\n" in taking["/etc/postfix/forwards"]
    assert "bounce.customer.example" not in sending["/etc/postfix/main.cf"] + sending["/etc/postfix/virtual"]


def test_who_may_send_as_a_delegated_domain_may_use_its_return_path(led_here):
    for files in led_here:
        assert "\n@bounce.customer.example app\nnews@customer.example app\n" in files["/etc/postfix/senders"]


def test_bounces_are_signed_by_a_domain_that_aligns_with_the_hosts_name(whole, relay):
    assert "\nmx1b.example.com example.com\n" in texts(whole)["/etc/postwright/dkim/SigningTable"]
    assert "\nmx2.example.com example.com\n" in texts(relay)["/etc/postwright/dkim/SigningTable"]


def test_a_stamp_lists_only_files_of_the_bundle_and_of_the_services_it_uses(whole):
    files = texts(whole)
    for activation in whole.activations:
        assert set(activation.stamped) <= set(files), activation.name
        if drop_in(activation) in files:
            for stamp, paths in activation.stamps.items():
                assert set(paths) <= set(files), stamp
                assert files[f"{STAMPS}/{stamp}"].splitlines() == list(paths)


def test_postfix_restarts_for_a_new_certificate_and_nobody_restarts_for_the_files_of_others(whole):
    stamped = {activation.name: set(activation.stamped) for activation in whole.activations}
    assert {"/etc/postwright/tls/certificate.pem", "/etc/postwright/tls/key.pem", "/etc/resolv.conf"} <= stamped[
        "postfix"
    ]
    assert "/etc/postfix/main.cf" not in set().union(*(files for name, files in stamped.items() if name != "postfix"))
    assert not any(path.startswith("/etc/postwright/tls") for path in stamped["opendkim"])


def test_every_unit_with_files_notes_what_it_was_started_with(whole):
    files = texts(whole)
    for activation in whole.activations:
        noted = f"/etc/systemd/system/{activation.unit}.d/postwright-stamp.conf" in files
        assert noted == (
            activation.name not in ("firewall", "ssh", "apparmor")
        )  # two that are tried; one that reads nothing


def test_the_manifest_lists_every_file_itself_included(whole):
    assert texts(whole)[MANIFEST].splitlines() == sorted(file.path for file in whole.files)


def test_services_are_activated_in_the_order_they_are_needed(whole):
    names = [activation.name for activation in whole.activations]
    sometimes = {"acme", "opendkim-ed25519", "limits", "pacing", "policies", "mta-sts", "tls-gate", "wireguard"}
    assert names == [service.name for service in SERVICES if service.unit and service.name not in sometimes]
    for before, after in (
        ("resolver", "postfix"),
        ("firewall", "postfix"),
        ("opendkim", "postfix"),
        ("submission", "postfix"),
    ):
        assert names.index(before) < names.index(after)


def signing(base, *extra, kept=()):
    """Texts of the files of the first host with these keys besides its RSA keys."""
    made = context(base)
    keys = (*made.secrets.signing_keys, *extra)
    return bundle(replace(made, secrets=replace(made.secrets, signing_keys=keys, kept_keys=tuple(kept))))


def key(algorithm, selector="next", domain="example.com"):
    return SigningKey(domain, selector, f"(private {algorithm} key)\n".encode(), algorithm=algorithm)


def test_keys_come_before_the_tables_that_name_them_and_key_table_before_signing_table(tmp_path):
    paths = [
        file.path for file in signing(tmp_path, key("ed25519")).files if file.path.startswith("/etc/postwright/dkim")
    ]
    kinds = [
        (
            "-ed25519" in path,
            ["KeyTable", "SigningTable", "TrustedHosts"].index(name)
            if (name := path.rpartition("/")[2])[0].isupper()
            else -1,
        )
        for path in paths
    ]
    assert kinds == sorted(kinds)
    assert {kind for _, kind in kinds} == {-1, 0, 1, 2}


def test_a_rotation_changes_key_table_and_no_other_table(tmp_path):
    made = context(tmp_path)
    turned = tuple(replace(it, selector="next") for it in made.secrets.signing_keys)
    before = texts(bundle(made))
    after = texts(
        bundle(replace(made, secrets=replace(made.secrets, signing_keys=turned, kept_keys=made.secrets.signing_keys)))
    )
    assert {path for path in before if after[path] != before[path]} == {MANIFEST, "/etc/postwright/dkim/KeyTable"}


def test_a_kept_key_lies_on_the_host_and_is_in_no_table(tmp_path):
    files = texts(signing(tmp_path, kept=[key("rsa", "kept", "example.com"), key("rsa", "kept", "gone.example")]))
    assert files["/etc/postwright/dkim/example.com/kept.pem"] == files["/etc/postwright/dkim/gone.example/kept.pem"]
    assert "kept" not in files["/etc/postwright/dkim/KeyTable"]
    assert "gone.example" not in files["/etc/postwright/dkim/SigningTable"]


def test_each_signer_gets_keys_of_its_own_algorithm_alone(tmp_path):
    files = texts(signing(tmp_path, key("ed25519"), kept=[key("ed25519", "kept")]))
    of_rsa = {path: text for path, text in files.items() if path.startswith("/etc/postwright/dkim/")}
    of_ed25519 = {path: text for path, text in files.items() if path.startswith("/etc/postwright/dkim-ed25519/")}
    assert "ed25519" not in "".join((*of_rsa, *of_rsa.values()))
    assert {path.rpartition("/")[2] for path in of_ed25519} == {
        "KeyTable", "SigningTable", "TrustedHosts", "next.pem", "kept.pem"
    }  # fmt: skip
    assert "private rsa" not in "".join(of_ed25519.values())
    assert re.findall(r"^[^#].*", of_ed25519["/etc/postwright/dkim-ed25519/KeyTable"], re.MULTILINE) == [
        "example.com example.com:next:/etc/postwright/dkim-ed25519/example.com/next.pem"
    ]
    assert "SignatureAlgorithm      rsa-sha256\n" in files["/etc/opendkim.conf"]
    assert "SignatureAlgorithm      ed25519-sha256\n" in files["/etc/opendkim-ed25519.conf"]
    assert "/dkim/" not in files["/etc/opendkim-ed25519.conf"]


def test_postfix_asks_the_second_signer_only_where_it_has_keys(tmp_path, whole):
    both = signing(tmp_path, key("ed25519"))
    sockets = "unix:opendkim/opendkim.sock unix:opendkim/ed25519.sock"
    assert f"\nsmtpd_milters = {sockets}\nnon_smtpd_milters = $smtpd_milters\n" in texts(both)["/etc/postfix/main.cf"]
    names = [it.name for it in both.activations]
    assert names[names.index("opendkim") + 1] == "opendkim-ed25519"
    assert "ed25519" not in "".join((*texts(whole), *texts(whole).values()))
    assert "opendkim-ed25519" in [it.name for it in whole.retired]


def test_a_kept_key_alone_makes_no_second_signer(tmp_path):
    made = signing(tmp_path, kept=[key("ed25519")])
    assert not any("ed25519" in file.path for file in made.files)


def test_what_a_reload_takes_up_is_what_sshd_reads_and_the_tables_of_the_signers(tmp_path):
    made = signing(tmp_path, key("ed25519"))
    tables = {it.name: [path.rpartition("/")[2] for path in it.reloaded] for it in made.activations if it.reloaded}
    names = ["KeyTable", "SigningTable", "TrustedHosts"]
    assert tables == {"ssh": ["sshd.conf"], "opendkim": names, "opendkim-ed25519": names}
    assert not any(path.endswith(".pem") for it in made.activations if it.reloaded for path in it.stamped)
