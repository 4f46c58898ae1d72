"""The plan of a host says what an apply would do to it: all of that, nothing else, and no secret."""

import json
from dataclasses import replace
from hashlib import sha256

import pytest
from support import context

from postwright.hosts.plan import (
    host_plan,
    lasting_files,
    look_request,
    must_reload,
    must_restart,
    text_request,
    void_stamps,
)
from postwright.services.bundle import bundle
from postwright.services.parts import SigningKey

MAIN_CF = "/etc/postfix/main.cf"
TLS_KEY = "/etc/postwright/tls/key.pem"
KEYS = "/etc/postwright/dkim"
TABLES = [f"{KEYS}/{name}" for name in ("KeyTable", "SigningTable", "TrustedHosts")]
RUNNING = {"enabled": True, "active": True, "current": True, "loaded": True, "wanted_here": True}


@pytest.fixture
def wanted(tmp_path):
    return bundle(context(tmp_path))


def state(content, mode, owner, group, **more):
    return {
        "mode": mode,
        "owner": owner,
        "group": group,
        "regular": True,
        "directory": False,
        "sha256": sha256(content).hexdigest(),
        **more,
    }


@pytest.fixture
def seen(wanted):
    """A host that is as described; tests change it."""
    files = {it.path: state(it.content, it.mode, it.owner, it.group) for it in wanted.files}
    directories = {it.path: state(b"", it.mode, it.owner, it.group, regular=False) for it in wanted.directories}
    return {
        "packages": dict.fromkeys(wanted.packages, "1.0"),
        "guarded": False,
        "certificate": True,
        "files": files | directories,
        "managed": list(files),
        "services": {it.name: dict(RUNNING) for it in (*wanted.activations, *wanted.retired)},
    }


def only_change(wanted, seen):
    (change,) = host_plan(wanted, seen).files
    return change


def test_a_host_that_is_as_described_has_an_empty_plan(wanted, seen):
    plan = host_plan(wanted, seen)
    assert (plan.host, plan.packages, plan.files, plan.restarts) == ("mx1", (), (), ())
    assert plan.changes == 0


def test_an_empty_host_gets_everything(wanted, seen):
    off = RUNNING | {"enabled": False, "active": False, "current": False, "loaded": False}
    seen |= {"packages": {}, "files": {}, "managed": [], "services": dict.fromkeys(seen["services"], off)}
    plan = host_plan(wanted, seen)
    assert plan.packages == wanted.packages
    assert {change.path for change in plan.files if change.what == "new"} == {it.path for it in wanted.files}
    assert {change.path for change in plan.files if change.what == "directory"} == {
        it.path for it in wanted.directories
    }
    assert (plan.restarts, plan.reloads) == (tuple(it.title for it in wanted.activations), ())
    assert plan.changes == len(plan.packages) + len(plan.files) + len(plan.restarts)


def test_a_missing_package_is_named(wanted, seen):
    del seen["packages"]["opendkim"]
    assert host_plan(wanted, seen).packages == ("opendkim",)


def test_a_changed_file_is_shown_as_a_diff_and_its_service_restarts(wanted, seen):
    old = next(it.content for it in wanted.files if it.path == MAIN_CF).replace(b"biff = no", b"biff = yes")
    seen["files"][MAIN_CF] = state(old, 0o644, "root", "root")
    assert text_request(wanted, seen) == {"texts": [MAIN_CF]}
    seen["texts"] = {MAIN_CF: old.decode()}
    change = only_change(wanted, seen)
    assert (change.path, change.what) == (MAIN_CF, "changed")
    assert change.diff[:2] == ("--- a/etc/postfix/main.cf", "+++ b/etc/postfix/main.cf")
    assert [line for line in change.diff[2:] if line[0] in "+-"] == ["-biff = yes", "+biff = no"]
    assert host_plan(wanted, seen).restarts == ("Postfix",)


def test_a_new_file_is_shown_whole(wanted, seen):
    del seen["files"][MAIN_CF]
    change = only_change(wanted, seen)
    assert change.what == "new"
    assert "+myhostname = mx1.example.com" in change.diff


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"mode": 0o666}, "0666 root:root becomes 0644 root:root"),
        ({"owner": "nobody"}, "0644 nobody:root becomes 0644 root:root"),
        ({"group": "postfix"}, "0644 root:postfix becomes 0644 root:root"),
        ({"regular": False}, "replaces what is no regular file"),
    ],
)
def test_permissions_and_kind_of_a_file_count_as_well(wanted, seen, wrong, what):
    seen["files"][MAIN_CF] |= wrong
    assert only_change(wanted, seen).what == what


@pytest.mark.parametrize("wrong", [None, {"mode": 0o755}, {"owner": "root"}])
def test_a_directory_that_is_missing_or_open_is_told(wanted, seen, wrong):
    path = "/etc/postwright/dkim/example.com"
    seen["files"][path] = wrong and seen["files"][path] | wrong
    assert (only_change(wanted, seen).path, only_change(wanted, seen).what) == (path, "directory")


def test_a_secret_file_is_told_and_its_content_never_shown(wanted, seen):
    for it in wanted.files:
        if it.secret:
            seen["files"][it.path] = state(b"old secret", it.mode, it.owner, it.group)
    plan = host_plan(wanted, seen)
    secret = {it.path for it in wanted.files if it.secret}
    assert {change.path for change in plan.files} == secret
    assert {change.diff for change in plan.files} == {("(secret: not shown)",)}
    for text in (json.dumps(plan.to_json()), repr(plan)):
        assert "old secret" not in text
        assert "private" not in text.replace("/etc/postwright", "")
        assert "$6$" not in text


def test_the_host_is_never_asked_for_the_text_of_a_secret(wanted, seen):
    assert "texts" not in look_request(wanted)
    for it in wanted.files:
        seen["files"][it.path] = state(b"another", it.mode, it.owner, it.group)
    assert set(text_request(wanted, seen)["texts"]) == {it.path for it in wanted.files if not it.secret}


def test_a_host_that_is_as_described_or_empty_is_asked_for_no_text(wanted, seen):
    assert text_request(wanted, seen) == {}
    seen["files"] = dict.fromkeys(seen["files"])
    assert text_request(wanted, seen) == {}


def test_a_guard_that_a_cut_off_installation_left_is_a_change(wanted, seen):
    seen["guarded"] = True
    plan = host_plan(wanted, seen)
    assert (plan.repairs, plan.changes) == (("remove the guard of an installation that was cut off",), 1)


def test_an_expired_certificate_is_no_host_as_described_unless_a_new_one_comes(wanted, seen):
    seen["certificate"] = False
    (repair,) = host_plan(wanted, seen).repairs
    assert repair == "stop at /etc/postwright/tls/certificate.pem, which is not valid today"
    seen["files"]["/etc/postwright/tls/certificate.pem"]["sha256"] = "of the old one"
    assert host_plan(wanted, seen).repairs == ()


def test_the_question_asks_for_all_the_plan_needs(wanted):
    asked = look_request(wanted)
    assert set(asked["packages"]) == set(wanted.packages)
    assert set(asked["files"]) == {it.path for it in (*wanted.files, *wanted.directories)}
    units = (*wanted.activations, *wanted.retired)
    assert {it["name"]: it["stamped"] for it in asked["services"]} == {it.name: it.stamped for it in units}
    assert asked["certificate"] == "/etc/postwright/tls/certificate.pem"
    assert {it["name"]: it["reloaded"] for it in asked["services"]} == {it.name: it.reloaded for it in units}


def test_a_file_of_an_earlier_apply_is_removed_and_a_foreign_one_is_not(wanted, seen):
    seen["managed"].append("/etc/postwright/dkim/old.example/s1.pem")
    seen["files"]["/etc/postfix/foreign"] = state(b"", 0o644, "root", "root")
    change = only_change(wanted, seen)
    assert (change.path, change.what) == ("/etc/postwright/dkim/old.example/s1.pem", "removed")


@pytest.mark.parametrize("wrong", ["enabled", "active", "current"])
def test_a_service_that_does_not_run_what_is_on_disk_restarts_though_no_file_changes(wanted, seen, wrong):
    seen["services"]["opendkim"][wrong] = False
    plan = host_plan(wanted, seen)
    assert plan.files == ()
    assert plan.restarts == ("DKIM signer",)
    assert plan.changes == 1


def test_a_unit_that_the_container_refuses_is_not_started_again_and_again(wanted, seen):
    seen["services"]["base"] |= {"active": False, "current": False, "wanted_here": False}
    assert host_plan(wanted, seen).changes == 0


def test_a_unit_that_the_container_refuses_is_still_to_be_enabled():
    assert must_restart(RUNNING | {"enabled": False, "active": False, "current": False, "wanted_here": False})


def test_of_a_state_that_was_kept_no_mailbox_is_told_to_be_of_no_use(wanted, seen):
    kept, path = replace(wanted, mailboxes=None), "/var/mail/postwright/example.com/bob"

    assert host_plan(replace(wanted, mailboxes=()), seen | {"mailboxes": [path]}).notes
    assert look_request(wanted)["mailboxes"]
    assert "mailboxes" not in look_request(kept)
    assert host_plan(kept, seen).notes == ()


@pytest.mark.parametrize("table", TABLES)
def test_a_table_of_the_signer_is_taken_up_by_a_reload_and_not_by_a_restart(wanted, seen, table):
    seen["files"][table] |= {"sha256": "0" * 64}
    plan = host_plan(wanted, seen)
    assert (plan.restarts, plan.reloads, plan.changes) == ((), ("DKIM signer",), 2)
    assert void_stamps(wanted, [table]) == ["opendkim.reload"]


def test_a_signer_that_has_not_taken_up_its_tables_reloads_though_no_file_changes(wanted, seen):
    seen["services"]["opendkim"]["loaded"] = False
    plan = host_plan(wanted, seen)
    assert (plan.files, plan.restarts, plan.reloads, plan.changes) == ((), (), ("DKIM signer",), 1)


def test_a_signer_that_restarts_takes_up_its_tables_as_well_and_does_not_reload(wanted, seen):
    seen["files"]["/etc/opendkim.conf"] |= {"sha256": "0" * 64}
    seen["files"][TABLES[0]] |= {"sha256": "0" * 64}
    plan = host_plan(wanted, seen)
    assert (plan.restarts, plan.reloads) == (("DKIM signer",), ())


def test_a_service_that_is_not_running_is_started_and_not_reloaded():
    stopped = RUNNING | {"active": False, "loaded": False}
    assert must_restart(stopped)
    assert not must_reload(stopped)


def test_a_key_is_read_for_each_message_and_changes_without_restart_or_reload(wanted, seen):
    pem = f"{KEYS}/example.com/pw20261122.pem"
    del seen["files"][pem]
    plan = host_plan(wanted, seen)
    assert [change.path for change in plan.files] == [pem]
    assert (plan.restarts, plan.reloads, void_stamps(wanted, [pem])) == ((), (), [])


def test_what_makes_the_unit_write_its_stamps_voids_both(wanted):
    drop_in = "/etc/systemd/system/opendkim.service.d/postwright-stamp.conf"
    assert void_stamps(wanted, [drop_in]) == ["opendkim", "opendkim.reload"]


def test_an_obsolete_key_lasts_until_the_signer_has_let_go_of_it_and_other_files_do_not(wanted, seen):
    old = f"{KEYS}/example.com/old.pem"
    seen["managed"] += [old, "/etc/systemd/system/opendkim.service.d/earlier.conf"]
    assert lasting_files(wanted, seen) == [old]


def test_a_second_signer_that_is_no_longer_wanted_lasts_whole_and_is_stopped(tmp_path, wanted, seen):
    made = context(tmp_path)
    key = SigningKey("example.com", "ed1", b"(private Ed25519 key)\n", algorithm="ed25519")
    both = bundle(replace(made, secrets=replace(made.secrets, signing_keys=(*made.secrets.signing_keys, key))))
    seen["managed"] = [file.path for file in both.files]
    ours = {path for path in seen["managed"] if "ed25519" in path and not path.startswith("/etc/postwright/stamps/")}
    plan = host_plan(wanted, seen)
    assert len(ours) == 9  # its key, its tables, its configuration, its unit with three drop-ins
    assert set(lasting_files(wanted, seen)) == ours
    assert plan.stops == ("DKIM signer, Ed25519",)


def test_a_new_certificate_restarts_postfix_alone(wanted, seen):
    seen["files"][TLS_KEY] |= {"sha256": "0" * 64}
    assert host_plan(wanted, seen).restarts == ("Postfix",)


def test_a_plan_is_plain_data(wanted, seen):
    del seen["files"][MAIN_CF]
    plain = json.loads(json.dumps(host_plan(wanted, seen).to_json()))
    assert plain["files"][0]["path"] == MAIN_CF
    assert plain["restarts"] == ["Postfix"]
