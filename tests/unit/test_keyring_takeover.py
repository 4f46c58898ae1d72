"""A key is taken over only if every name server shows that very key; and what was lost is noted as DNS has it."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from support import PASSPHRASE, host_data, mail_fleet, sound_project
from txt_server import TxtServer

from postwright import material
from postwright.dns.records import desired
from postwright.dns.shown import shown
from postwright.errors import DeployError
from postwright.hosts.plan import FileChange, HostPlan
from postwright.hosts.remote import tables as script
from postwright.keys import lifecycle
from postwright.keys.foreign import entry
from postwright.keys.key import Key
from postwright.keys.keyring import public_keys
from postwright.keys.lifecycle import Facts
from postwright.keys.private import public_text
from postwright.rotation import recovery, strangers, takeover
from postwright.rotation.periods import wants_of

NAME, AT = "example.com", "mail2024._domainkey.example.com"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SHORT = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - as old installations have
ED25519 = ed25519.Ed25519PrivateKey.generate()
NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)


def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def record(key=KEY):
    """As opendkim-genkey writes it."""
    kind = "ed25519" if isinstance(key, ed25519.Ed25519PrivateKey) else "rsa"
    return f"v=DKIM1; h=sha256; k={kind}; p={public_text(key)}"


@pytest.fixture
def servers():
    with TxtServer({AT: [record()]}) as first, TxtServer({AT: [record()]}) as second:
        yield first, second


@pytest.fixture
def made(tmp_path, servers):
    return project(tmp_path, servers)


def project(base, servers, **changes):
    zones = [{"name": NAME, "provider": "ns1", "servers": [server.endpoint for server in servers]}]
    return sound_project(base, host_data(fleet=mail_fleet(zones=zones, **changes)))


def looked(made, key=KEY, domain=NAME, selector="mail2024"):
    return takeover.look(made, {entry(domain, selector, Path("a.private")): pem(key)}, None)


def keys_of(made):
    return material.keyring_of(made).keys(NAME)


def foreseen(made, keys, **facts):
    wants = wants_of(made.fleet)[NAME]
    return lifecycle.foresee(keys, wants, Facts(keys[-1].since, **facts), lambda *_: "next")


def test_an_imported_key_is_active_with_the_text_dns_has(made):
    found = looked(made)
    takeover.take(made, found.fit)

    assert found.problems == ()
    (key,) = keys_of(made)
    assert (key.selector, key.state, key.p, key.record, key.note) == (
        "mail2024", "active", public_text(KEY), record(), "imported",
    )  # fmt: skip
    assert set(key.history) == {"generated", "published", "confirmed", "active"}
    assert material.keyring_of(made).private_key(NAME, key, PASSPHRASE).private_numbers() == KEY.private_numbers()


def test_an_imported_key_signs_on_and_its_record_stays_the_very_same(made):
    takeover.take(made, looked(made).fit)
    keys = keys_of(made)

    assert foreseen(made, keys) == keys
    (wanted,) = [it for it in desired(made.fleet, public_keys({NAME: keys})) if it.name == AT]
    assert wanted.rdata.replace('" "', "").strip('"') == record()


def test_an_import_again_says_that_it_is_there_and_changes_nothing(made):
    takeover.take(made, looked(made).fit)
    before = keys_of(made)
    again = looked(made)
    takeover.take(made, again.fit)

    assert (again.fit, again.problems, [it.selector for it in again.already]) == ((), (), ["mail2024"])
    assert keys_of(made) == before


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ([], f"DNS has no TXT record at {AT}"),
        ([record(SHORT)], f"DNS has another key at {AT}: 'v=DKIM1; h=sha256; k=rsa; p=MIG"),
        ([record(), record(SHORT)], f"{AT} has 2 TXT records, where only one may be"),
        (["v=DKIM1; p="], "says that the key is revoked"),
        ([record().replace("sha256", "sha1")], "allows h=sha1 only"),
        ([record() + " ü"], "that is not ASCII"),
    ],
)
def test_a_key_dns_does_not_show_is_refused_with_what_it_shows(made, servers, texts, reason):
    for server in servers:
        server.records[AT] = texts

    found = looked(made)

    assert found.fit == ()
    assert len(found.problems) == 1
    assert reason in found.problems[0]
    assert keys_of(made) == ()


def test_servers_that_disagree_are_named_with_what_each_shows(made, servers):
    servers[1].records[AT] = []

    (problem,) = looked(made).problems

    assert f"name servers disagree on {AT}" in problem
    assert f"{servers[0].endpoint} shows 'v=DKIM1" in problem
    assert f"{servers[1].endpoint} shows none" in problem


def test_a_server_that_does_not_answer_makes_it_unknown_and_not_none(tmp_path, servers):
    with TxtServer({AT: [record()]}) as gone:
        made = project(tmp_path, (servers[0], gone))

    (problem,) = looked(made).problems

    assert "a name server gives no answer" in problem
    assert shown(made.fleet, [AT])[AT].text is None


def test_everything_that_is_wrong_is_told_at_once(made):
    ours, stranger = entry(NAME, "mail2024", Path("a.private")), entry("stranger.example", "s1", Path("b.private"))

    found = takeover.look(made, {ours: pem(SHORT), stranger: b"x"}, None)

    assert [line.split(":")[0] for line in found.problems] == [NAME, "b.private", "stranger.example"]
    assert "is no domain of" in found.problems[2]


def test_an_ed25519_key_needs_an_inventory_that_signs_with_it(tmp_path, servers):
    for server in servers:
        server.records[AT] = [record(ED25519)]
    plain = project(tmp_path / "a", servers)
    dual = {"keys": {"directory": "keys", "passphrase": {"file": "passphrase"}, "algorithm": "rsa+ed25519"}}

    assert 'set keys.algorithm to "rsa+ed25519"' in looked(plain, ED25519).problems[0]
    assert looked(project(tmp_path / "b", servers, **dual), ED25519).problems == ()


def test_a_short_key_signs_on_and_its_rotation_is_announced(made, servers):
    for server in servers:
        server.records[AT] = [record(SHORT)]
    found = looked(made, SHORT)
    takeover.take(made, found.fit)

    assert found.fit[0].notes == ("it has 1024 bits and the inventory wants 2048: the next apply begins a rotation",)
    assert [(key.selector, key.state) for key in foreseen(made, keys_of(made))] == [
        ("mail2024", "active"),
        ("next", "published"),
    ]


def test_a_domain_that_hosts_sign_for_already_is_to_be_rotated_instead(made):
    signs = Key("pw1", "active", "rsa", 2048, "AAAA", None, dict.fromkeys(("published", "confirmed", "active"), NOW))
    material.keyring_of(made).write(NAME, (signs,))

    (problem,) = looked(made).problems
    assert problem.startswith(f"{NAME}: mail2024 (a.private): hosts sign with pw1 of the keyring already; ")
    assert problem.endswith(f"to change to a new one: postwright keys rotate --domain {NAME}")


def test_a_key_made_before_that_never_signed_makes_way(made):
    draft = Key("pw1", "generated", "rsa", 1024, "", None, {"generated": NOW})
    material.keyring_of(made).create([(NAME, draft)], PASSPHRASE)

    takeover.take(made, looked(made).fit)

    assert [(key.selector, key.state) for key in keys_of(made)] == [("pw1", "deleted"), ("mail2024", "active")]


def test_a_selector_that_was_ever_used_is_not_used_again(made):
    material.keyring_of(made).write(NAME, (Key("mail2024", "deleted", "rsa", 2048, "AAAA", None, {"deleted": NOW}),))

    assert "has had a key mail2024, now deleted; a selector is never used twice" in looked(made).problems[0]


def test_of_two_keys_in_dns_the_operator_says_which_one_signs(made, servers):
    for server in servers:
        server.records[f"s2._domainkey.{NAME}"] = [record(SHORT)]
    entries = {entry(NAME, "mail2024", Path("a")): pem(KEY), entry(NAME, "s2", Path("b")): pem(SHORT)}

    found = takeover.look(made, entries, None)

    assert found.fit == ()
    (problem,) = found.problems
    assert problem.startswith(
        f"{NAME}: mail2024, s2 are all in DNS, and hosts sign with one; import the one SigningTable"
    )


def test_a_delegated_domain_needs_the_selector_among_those_that_are_led(tmp_path, servers):
    delegated = [{"name": "customer.example", "mx": "keep", "delegated": {"to": f"customer.{NAME}"}}]

    (problem,) = looked(project(tmp_path, servers, domains=delegated), domain="customer.example").problems

    assert "mail2024 is not among delegated.selectors of customer.example; add it, and have its CNAME set" in problem


def test_a_delegated_domain_whose_zone_is_ours_as_well_keeps_its_key_where_it_is(tmp_path, servers):
    delegated = [{"name": f"customer.{NAME}", "mx": "keep", "delegated": {"to": f"hold.{NAME}"}}]
    for server in servers:
        server.records[f"mail2024._domainkey.customer.{NAME}"] = [record()]

    found = looked(project(tmp_path, servers, domains=delegated), domain=f"customer.{NAME}")

    assert (found.problems, len(found.fit)) == ((), 1)


def test_where_each_host_is_to_have_its_own_key_that_is_announced(tmp_path, servers):
    own = {"directory": "keys", "passphrase": {"file": "passphrase"}, "per_host": True}

    (taken,) = looked(project(tmp_path, servers, keys=own)).fit

    assert taken.notes == (
        "the inventory wants a key for each host (keys.per_host): the next apply begins to make them",
    )


def test_a_stranger_is_a_key_on_a_host_that_the_keyring_never_knew():
    known = {NAME: (Key("s1", "deleted", "rsa", 2048, "AAAA", None, {"deleted": NOW}),)}
    lying = {"mx1": {(NAME, "s1"), (NAME, "s2")}, "mx2": {("example.org", "s1")}, "mx3": set()}

    assert strangers.strangers(lying, known) == [("mx1", NAME, "s2"), ("mx2", "example.org", "s1")]
    assert strangers.strangers({}, known) == []


def noted(made, monkeypatch, **lying):
    monkeypatch.setattr(recovery, "tables", lambda _project: lying)
    found = recovery.notes(made)
    recovery.note(made, found)
    return found


def test_a_lost_key_is_noted_as_retiring_with_what_dns_shows_and_replaced(made, monkeypatch):
    found = noted(made, monkeypatch, mx1={(NAME, "mail2024")})

    (key,) = keys_of(made)
    assert [str(it) for it in found] == [f"{NAME}: mail2024 (on mx1) is noted as retiring: its private key is lost"]
    assert (key.state, key.here, key.record, key.p, key.bits) == ("retiring", False, record(), public_text(KEY), 2048)
    assert [(it.selector, it.state) for it in foreseen(made, (key,))] == [("mail2024", "retiring"), ("next", "active")]
    assert noted(made, monkeypatch, mx1={(NAME, "mail2024")}) == []


def test_a_key_taken_out_of_dns_elsewhere_is_never_signed_with_again(made, monkeypatch):
    """Somebody rotated with another copy of the keyring: ours would have hosts go back."""
    before = dict.fromkeys(("published", "confirmed", "active"), NOW)
    material.keyring_of(made).write(NAME, (Key("s0", "active", "rsa", 2048, public_text(SHORT), None, before),))

    noted(made, monkeypatch, mx1={(NAME, "mail2024")})

    assert [(key.selector, key.state) for key in keys_of(made)] == [("s0", "revoked"), ("mail2024", "retiring")]


def test_a_key_dns_still_shows_goes_on_signing(made, servers, monkeypatch):
    for server in servers:
        server.records[f"s0._domainkey.{NAME}"] = [record(SHORT)]
    before = dict.fromkeys(("published", "confirmed", "active"), NOW)
    material.keyring_of(made).write(NAME, (Key("s0", "active", "rsa", 1024, public_text(SHORT), None, before),))

    noted(made, monkeypatch, mx1={(NAME, "mail2024")})

    assert [(key.selector, key.state) for key in keys_of(made)] == [("s0", "active"), ("mail2024", "retiring")]


@pytest.mark.parametrize(
    ("domain", "texts", "reason"),
    [(NAME, [], "DNS has no record of it"), (NAME, ["v=DKIM1; p="], "its record says that the key is revoked"),
     ("example.org", [], "its domain lies in no zone of the inventory")],
)  # fmt: skip
def test_a_lost_key_dns_has_no_use_of_is_noted_as_known_and_nothing_else(
    made, servers, monkeypatch, domain, texts, reason
):
    for server in servers:
        server.records[AT] = texts

    (it,) = noted(made, monkeypatch, mx1={(domain, "mail2024")})

    assert (it.key.state, it.key.p) == ("deleted", "")
    assert reason in str(it)
    assert material.keyring_of(made).keys(domain) == (it.key,)


def test_the_lost_key_of_a_delegated_domain_is_looked_for_where_its_owner_leads_to(tmp_path, servers, monkeypatch):
    delegated = [{"name": "customer.test", "mx": "keep", "delegated": {"to": f"customer.{NAME}"}}]
    for server in servers:
        server.records[f"pw1._domainkey.customer.{NAME}"] = [record()]
    made = project(tmp_path, servers, domains=delegated)

    (it,) = noted(made, monkeypatch, mx1={("customer.test", "pw1")})

    assert (it.domain, it.key.state, it.key.record) == ("customer.test", "retiring", record())


def test_what_dns_shows_of_a_lost_key_must_be_certain(made, servers, monkeypatch):
    servers[1].records[AT] = []

    with pytest.raises(DeployError, match="not certain; mend that, then run again\n  name servers disagree"):
        noted(made, monkeypatch, mx1={(NAME, "mail2024")})

    assert keys_of(made) == ()


def test_a_key_of_one_host_stays_that_of_this_host(tmp_path, servers, monkeypatch):
    own = {"directory": "keys", "passphrase": {"file": "passphrase"}, "per_host": True}
    made = project(tmp_path, servers, keys=own)

    noted(made, monkeypatch, mx1={(NAME, "mail2024")})

    assert [key.host for key in keys_of(made)] == ["mx1"]


@pytest.fixture
def host(tmp_path, monkeypatch):
    monkeypatch.setattr(script, "ETC", tmp_path)
    return tmp_path


def answered(capsys):
    script.main({})
    return json.loads(capsys.readouterr().out)["keys"]


def test_a_host_tells_of_keys_its_tables_name_and_of_those_that_lie_beside_them(host, capsys):
    folder = host / "dkim" / NAME
    folder.mkdir(parents=True)
    (folder / "s1.pem").touch()
    (folder / "s0.pem").touch()
    (host / "dkim/KeyTable").write_text(f"# ours\n{NAME} {NAME}:s1:{folder}/s1.pem\n")
    (host / "dkim-ed25519").mkdir()
    (host / "dkim-ed25519/KeyTable").write_text(f"{NAME} {NAME}:e1:/x/e1.pem\n")

    assert answered(capsys) == [
        [NAME, "e1", "/x/e1.pem"],
        [NAME, "s0", f"{folder}/s0.pem"],
        [NAME, "s1", f"{folder}/s1.pem"],
    ]


@pytest.mark.usefixtures("host")
def test_a_bare_host_has_none(capsys):
    assert answered(capsys) == []


def test_a_table_that_cannot_be_read_is_not_an_empty_one(host, capsys):
    (host / "dkim/KeyTable").mkdir(parents=True)

    with pytest.raises(SystemExit):
        script.main({})

    assert "cannot read" in capsys.readouterr().err


def test_a_table_somebody_has_broken_is_told_with_its_line(host, capsys):
    (host / "dkim").mkdir()
    (host / "dkim/KeyTable").write_text("oops\n")

    with pytest.raises(SystemExit):
        script.main({})

    assert "KeyTable: 'oops' is not a line of a KeyTable" in capsys.readouterr().err


def test_a_host_that_names_paths_instead_of_domains_is_not_believed(made, monkeypatch):
    monkeypatch.setattr(strangers.runner, "run_script", lambda *_: {"mx1": {"keys": [["../../x", "s1", "/etc/x"]]}})

    with pytest.raises(DeployError, match=r"host mx1: /etc/x: '\.\./\.\./x' is not"):
        strangers.tables(made)


@pytest.mark.parametrize("what", ["removed", "changed"])
def test_a_plan_that_costs_a_host_an_unknown_key_is_unsafe_and_names_the_ways_out(made, what):
    """Where the keyring is lost on the day a key was made, the next one is given the same name."""
    plan = HostPlan("mx1", (), (FileChange(f"/etc/postwright/dkim/{NAME}/s1.pem", what),), ())

    (danger,) = strangers.dangers(made, [plan])
    material.keyring_of(made).write(NAME, (Key("s1", "deleted", "rsa", 2048, "AAAA", None, {"deleted": NOW}),))

    assert danger.startswith("host mx1: has keys that ")
    assert "s1 of example.com" in danger
    assert "fetch that" in danger
    assert "keys recover" in danger
    assert list(strangers.dangers(made, [plan])) == []


def test_a_plan_that_adds_keys_or_changes_other_files_is_not_unsafe(made):
    files = (
        FileChange(f"/etc/postwright/dkim/{NAME}/s1.pem", "new"),
        FileChange("/etc/postwright/dkim/KeyTable", "changed"),
    )

    assert list(strangers.dangers(made, [HostPlan("mx1", (), files, ())])) == []


def test_what_is_changed_keeps_its_place_in_the_list():
    first, second = (Key(name, "active", "rsa", 2048, "AAAA", None, {"active": NOW}) for name in ("a", "b"))
    gone = replace(first, state="revoked")

    assert recovery._with((first, second), {"a": gone}) == (gone, second)
