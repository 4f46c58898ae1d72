"""A host that somebody else has configured is told from one whose packages were merely installed."""

from hashlib import md5
from pathlib import Path

import pytest
from support import context, project

from postwright.hosts import operations
from postwright.hosts.preflight import problems, watched
from postwright.hosts.remote import configured, converge
from postwright.services.bundle import bundle

DEBIAN = """\
# What postfix.postinst of Debian 13 writes.
compatibility_level = 3.9
myorigin = $myhostname
mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128
mydestination = $myhostname, localdomain, localhost
mailbox_command =
relayhost =
smtpd_tls_cert_file = /etc/ssl/certs/ssl-cert-snakeoil.pem
smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated
    defer_unauth_destination
inet_interfaces = all
"""
SEEN = {
    "system": {
        "id": "debian", "release": "13", "pretty": "", "root": True, "systemd": True, "free": {}, "clock": 0.0,
        "applying": None,
    },
    "listeners": {},
    "foreign": {"postfix": ["/etc/postfix/main.cf"], "unbound": ["/etc/unbound/unbound.conf.d/mine.conf"]},
}  # fmt: skip


def test_a_main_cf_as_the_package_writes_it_is_nobody_s_configuration():
    assert configured.as_postinst(DEBIAN)


@pytest.mark.parametrize(
    "line",
    [
        "relayhost = [relay.example.net]",
        "mynetworks = 127.0.0.0/8 10.0.0.0/8",
        "smtpd_milters = inet:localhost:8891",
        "virtual_alias_maps = hash:/etc/postfix/virtual",
        "smtpd_tls_cert_file = /etc/letsencrypt/live/mx/fullchain.pem",
        "inet_interfaces = 192.0.2.1",
        "smtpd_relay_restrictions = permit_mynetworks\n  reject",
    ],
)
def test_a_main_cf_that_says_more_is_somebody_s(line):
    assert not configured.as_postinst(f"{DEBIAN}{line}\n")


@pytest.fixture
def lists(tmp_path, monkeypatch):
    """A host on which opendkim.conf is somebody's; the lists of ours are empty."""
    for name in ("CLAIMED", "INSTALLED"):
        monkeypatch.setattr(configured, name, tmp_path / name.lower())
    monkeypatch.setattr(configured, "ETC", tmp_path)
    (tmp_path / "opendkim.conf").write_text("Domain example.com\n")
    monkeypatch.setitem(configured.MAIN, "opendkim", str(tmp_path / "opendkim.conf"))
    monkeypatch.setattr(configured, "shipped", lambda: {("/etc/x", "0")})
    return tmp_path


def test_a_file_that_no_package_brought_so_is_somebody_s(lists):
    assert configured.foreign(["opendkim", "chrony"]) == {"opendkim": [str(lists / "opendkim.conf")]}


@pytest.mark.parametrize(("of_ours", "line"), [("files", "opendkim.conf"), ("claimed", "opendkim.conf")])
def test_a_file_we_put_there_or_had_begun_to_is_ours(lists, of_ours, line):
    configured.note(lists / of_ours, [str(lists / line)])

    assert configured.foreign(["opendkim"]) == {}


def test_what_a_package_leaves_that_we_installed_in_a_run_that_was_cut_off_is_ours(lists):
    configured.note(configured.INSTALLED, ["postfix"])
    configured.note(configured.INSTALLED, ["opendkim"])

    assert configured.INSTALLED.read_text() == "opendkim\npostfix\n"
    assert configured.foreign(["opendkim"]) == {}
    assert [it.name for it in lists.glob("*.new")] == []


def test_a_host_that_somebody_else_has_configured_is_refused_with_its_files_unless_it_is_adopted(tmp_path):
    fleet = project(tmp_path).fleet
    (refused,) = problems(fleet.hosts[0], fleet, SEEN, 0.0)

    assert "postfix, unbound: somebody else has configured it there" in refused
    assert "/etc/postfix/main.cf, /etc/unbound/unbound.conf.d/mine.conf" in refused
    assert "--adopt" in refused
    assert list(problems(fleet.hosts[0], fleet, SEEN, 0.0, adopt=True)) == []


@pytest.fixture
def web(lists, monkeypatch):
    """nginx as Debian's package leaves it: its own file, and a link to its own site."""
    site = lists / "nginx/sites-available/default"
    for path, text in ((lists / "nginx/nginx.conf", "main"), (site, "site")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for folder in ("conf.d", "sites-enabled"):
        (lists / "nginx" / folder).mkdir()
    (lists / "nginx/sites-enabled/default").symlink_to(site)
    brought = {
        (str(path), md5(path.read_bytes(), usedforsecurity=False).hexdigest())
        for path in (lists / "nginx/nginx.conf", site)
    }
    monkeypatch.setitem(configured.MAIN, "nginx", str(lists / "nginx/nginx.conf"))
    monkeypatch.setattr(configured, "CONFIGURATIONS", lists)
    monkeypatch.setattr(configured, "shipped", lambda: brought)
    return lists / "nginx"


def test_nginx_as_its_package_leaves_it_is_nobody_s(web):
    assert web.exists()
    assert configured.foreign(["nginx"]) == {}


@pytest.mark.parametrize("path", ["nginx.conf", "conf.d/shop.conf", "sites-enabled/shop", "sites-available/default"])
def test_a_site_of_somebody_else_is_his(web, path):
    (web / path).write_text("server { listen 443 ssl; }")
    (found,) = configured.foreign(["nginx"])["nginx"]

    assert Path(found).resolve() == web / path


def test_a_run_that_nobody_judged_beforehand_stops_on_the_host_unless_what_is_there_is_adopted(web, capsys):
    (web / "nginx.conf").write_text("server { listen 443 ssl; }")

    configured.require_ours(["nginx", "openssl"], ["nginx"])
    with pytest.raises(SystemExit):
        configured.require_ours(["nginx", "openssl"], ["postfix"])
    assert (
        f"nginx: somebody else has configured it here: {web}/nginx.conf. No file was changed" in capsys.readouterr().err
    )


def test_a_host_looks_for_what_others_configured_before_it_writes_anything(web, tmp_path, monkeypatch):
    (web / "nginx.conf").write_text("server { listen 443 ssl; }")
    monkeypatch.setattr(converge, "exclusive", lambda _name: None)
    monkeypatch.setattr(converge, "STATE", tmp_path / "state")

    with pytest.raises(SystemExit):
        converge.main({"files": [], "packages": ["nginx"], "adopt": []})
    assert list((tmp_path / "state").iterdir()) == []


def test_what_a_host_is_to_look_at_is_all_it_is_to_have(tmp_path):
    sent = operations._converge_request(bundle(context(tmp_path)), [], [])

    assert {"postfix", "opendkim", "unbound"} <= set(sent["packages"])


def test_who_adopts_nginx_is_told_that_its_sites_end(tmp_path):
    fleet = project(tmp_path).fleet
    seen = {**SEEN, "foreign": {"nginx": ["/etc/nginx/sites-enabled/shop"]}}
    (refused,) = problems(fleet.hosts[0], fleet, seen, 0.0)

    assert "nginx: somebody else has configured it there: /etc/nginx/sites-enabled/shop" in refused
    assert "what nginx serves there for others would then not be served: name another policy_host" in refused
    assert "policy_host" not in "".join(problems(fleet.hosts[0], fleet, SEEN, 0.0))


def test_only_packages_the_host_is_to_have_are_looked_at(tmp_path):
    fleet = project(tmp_path).fleet

    assert "postfix" in watched(fleet, fleet.hosts[0])
    assert "dovecot-core" not in watched(fleet, fleet.hosts[0])  # nobody may log in


def test_every_file_that_is_looked_at_is_saved():
    for package, path in configured.MAIN.items():
        assert any(Path(path).is_relative_to(saved) for saved in configured.SAVED[package])
