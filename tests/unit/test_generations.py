"""A host keeps the states its files had: whole, closed, and without a key that has left it."""

import ast
import grp
import json
import os
import pwd
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from support import context, host_data, mail_fleet, mail_host, project

from postwright.errors import UsageError
from postwright.hosts import generations
from postwright.hosts.plan import host_plan, lasting_files, obsolete_files
from postwright.hosts.remote import converge, keeping, package
from postwright.rollback import Generation, target
from postwright.services import acme, ssh, tls
from postwright.services.bundle import bundle
from postwright.services.parts import Context, HostFile, HostSecrets

SCRIPTS = ("acme", "activate", "converge", "drain", "generations", "install", "lock", "look", "pacing", "prove", "queue", "reload", "tables", "trial")  # fmt: skip


@pytest.fixture
def host(tmp_path, monkeypatch):
    """The root of a host, on which the real functions work."""
    root = tmp_path / "host"
    (root / "etc").mkdir(parents=True)
    monkeypatch.setattr(keeping, "STATE", tmp_path)
    monkeypatch.setattr(keeping, "GENERATIONS", tmp_path / "generations")
    monkeypatch.setattr(keeping, "PENDING", tmp_path / "generations/.pending")
    monkeypatch.setattr(keeping, "managed", listed)
    return root


def listed():
    """The files that the newest state put there, as the list on a host says."""
    last = max(keeping.numbers(), default=0)
    return [it["path"] for it in keeping.record(last)["files"]] if last else []


def wanted(host, number=5, **texts):
    """Write files on the host's disk, and what is asked to be kept of them; those named ``secret…`` are 0600."""
    files = []
    for name, text in texts.items():
        path = host / "etc" / name
        path.write_text(text)
        path.chmod(0o600 if name.startswith("secret") else 0o644)
        files.append({"path": str(path), "secret": name.startswith("secret"), "replace_link": False})
    about = {"packages": [], "directories": [], "checks": [], "activations": [], "known": [], "all_checks": []}
    return {"generations": number, "restores": 0, "files": files, **about}


def texts_of(number):
    return {it["path"].rpartition("/")[2]: keeping.copy_of(number, it["path"]).read_text() for it in keeping.record(number)["files"]}  # fmt: skip


def test_every_state_is_kept_with_its_contents_and_modes(host):
    keeping.keep("", wanted(host, a="1", secret="s"))
    keeping.keep("", wanted(host, a="2", secret="s"))

    assert (texts_of(1), texts_of(2)) == ({"a": "1", "secret": "s"}, {"a": "2", "secret": "s"})
    assert keeping.record(2)["files"][1]["mode"] == 0o600
    kept = keeping.copy_of(2, str(host / "etc/secret"))
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(keeping.GENERATIONS.stat().st_mode) == 0o700


def test_a_state_that_is_the_newest_already_is_not_kept_twice(host):
    same = wanted(host, a="1")
    keeping.keep("", same)
    keeping.keep("", same)

    assert keeping.numbers() == [1]


def test_only_the_last_ones_are_kept_and_numbers_are_not_used_again(host):
    for text in "12345":
        keeping.keep("", wanted(host, 2, a=text))

    assert keeping.numbers() == [4, 5]
    assert texts_of(5) == {"a": "5"}


def test_an_edit_by_hand_is_kept_before_it_is_replaced(host, tmp_path):
    keeping.keep("", wanted(host, a="1"))
    (host / "etc/a").write_text("by hand")
    stage = tmp_path / "stage"
    (stage.joinpath(*host.parts[1:]) / "etc").mkdir(parents=True)
    staged = stage.joinpath(*host.parts[1:]) / "etc/a"
    staged.write_text("2")
    asked = {**wanted(host, a="by hand"), "generations": 5}
    keeping.keep(str(stage), asked)

    assert [texts_of(number)["a"] for number in keeping.numbers()] == ["1", "by hand", "2"]
    assert [keeping.record(number)["found"] for number in keeping.numbers()] == [False, True, False]
    assert keeping.record(3)["before"] == 2


def test_what_a_cut_off_run_left_half_done_is_no_state(host):
    keeping.keep("", wanted(host, a="1"))
    keeping.PENDING.touch()
    asked = wanted(host, a="half")
    keeping.keep("", asked)

    assert [keeping.record(number)["found"] for number in keeping.numbers()] == [False, False]


def test_the_present_state_is_the_newest_that_is_on_disk(host):
    keeping.keep("", wanted(host, a="1"))
    keeping.keep("", wanted(host, a="2"))
    assert keeping.present() == 2

    (host / "etc/a").write_text("1")
    assert keeping.present() == 1

    (host / "etc/a").write_text("3")
    assert keeping.present() is None


def test_a_key_that_leaves_the_host_leaves_every_state_and_is_told_as_lost(host):
    asked = wanted(host, secret="key", secret_two="key")
    path, other = (it["path"] for it in asked["files"])
    for text in "12":
        keeping.keep("", {**asked, "files": [*asked["files"], *wanted(host, a=text)["files"]]})
    adopted = Path(f"{keeping.STATE}/adopted-20261122T000000Z{path}")
    adopted.parent.mkdir(parents=True)
    adopted.write_text("key")
    for it in (path, other, str(host / "etc/a")):
        Path(it).unlink()
    keeping.purge((str(host / "etc/secret"),))

    assert [keeping.copy_of(number, it).exists() for number in (1, 2) for it in (path, other)] == [False] * 4
    assert not adopted.exists()
    assert keeping.lost(1, keeping.record(1)["files"]) == [path, other]
    assert texts_of_rest(2) == "2"


def texts_of_rest(number):
    (path,) = (it["path"] for it in keeping.record(number)["files"] if "secret" not in it["path"])
    return keeping.copy_of(number, path).read_text()


def test_a_key_that_is_on_disk_stays_in_every_state(host):
    asked = wanted(host, secret="key")
    keeping.keep("", asked)
    keeping.purge((str(host / "etc/secret"),))

    assert texts_of(1) == {"secret": "key"}


def leaving(host, path):
    """A request that takes a key away, and what it leaves is listed."""
    mine = {"mode": 0o600, "owner": pwd.getpwuid(os.getuid())[0], "group": grp.getgrgid(os.getgid())[0]}
    listed = {"path": str(host / "etc/files"), "content": "", "replace_link": False, **mine}
    return {
        "files": [listed], "directories": [], "remove": [path], "private": [str(host / "etc/secret")],
    }  # fmt: skip


def test_a_run_killed_when_the_key_has_left_and_before_it_left_the_states_is_healed_by_the_next(host, monkeypatch):
    asked = wanted(host, secret="key")
    path = asked["files"][0]["path"]
    keeping.keep("", asked)
    listing = host / "etc/files"
    listing.write_text(f"{path}\n")
    monkeypatch.setattr(converge, "MANIFEST", str(listing))
    whole = converge.purge
    monkeypatch.setattr(converge, "purge", interrupted)
    with pytest.raises(KeyboardInterrupt):
        converge.replace_all(leaving(host, path))
    left = listing.read_text()
    monkeypatch.setattr(converge, "purge", whole)
    converge.replace_all({**leaving(host, path), "remove": []})  # the key is no longer found on disk

    assert left == f"{path}\n"  # what differs from it brings the next run here
    assert listing.read_text() == ""
    assert not keeping.copy_of(1, path).exists()


def interrupted(_private):
    raise KeyboardInterrupt


def kept(made, number=3, **changes):
    """What a host answers of a state that is this bundle."""
    asked = json.loads(json.dumps(generations.keep_request(made)))
    files = [
        {**said, "sha256": file.sha256, "mode": file.mode, "owner": file.owner, "group": file.group}
        for said, file in zip(asked["files"], made.files[:-1], strict=True)
    ]
    texts = {it.path: it.content.decode() for it in made.files if not it.secret}
    return {
        **asked,
        "number": number,
        "files": files,
        "texts": texts,
        "managed": [it["path"] for it in files],
        **changes,
    }


def test_a_state_comes_back_as_what_the_host_was_to_have(tmp_path):
    made = bundle(context(tmp_path))
    again = generations.restored("mx1", kept(made), "13")

    assert [(it.path, it.sha256, it.mode, it.owner) for it in again.files] == [
        (it.path, it.sha256, it.mode, it.owner) for it in made.files
    ]
    assert (again.activations, again.checks, again.directories) == (made.activations, made.checks, made.directories)
    assert (again.generations, again.retired) == (0, ())


def test_no_secret_of_a_state_comes_to_the_operator(tmp_path):
    made = bundle(context(tmp_path))
    again = generations.restored("mx1", kept(made), "13")

    assert {it.content for it in again.files if it.secret} == {b""}


def test_a_service_that_state_does_not_have_is_stopped(tmp_path):
    made = bundle(context(tmp_path))
    extra = "/etc/systemd/system/postwright-pacing.service.d/postwright-stamp.conf"
    again = generations.restored("mx1", kept(made, managed=[extra]), "13")

    assert [(it.name, it.unit) for it in again.retired] == [("pacing", "postwright-pacing.service")]
    assert host_plan(again, running(again, [extra])).stops == ("pacing",)


def running(again, managed):
    """What a host answers on which everything of these runs."""
    states = dict.fromkeys(("active", "enabled", "current", "loaded", "wanted_here"), True)
    services = {it.name: states for it in (*again.activations, *again.retired)}
    installed = {"packages": dict.fromkeys(again.packages, "1"), "guarded": False}
    return {**installed, "files": {}, "managed": managed, "services": services}


def test_certificates_by_acme_end_with_the_timer_when_a_state_with_files_comes_back(tmp_path):
    made = bundle(context(tmp_path))
    managed = [f"/etc/systemd/system/{it}" for it in (acme.TIMER, acme.UNIT)]
    again = generations.restored("mx1", kept(made, managed=managed), "13")

    assert host_plan(again, running(again, managed)).stops == ("certificate by ACME",)
    assert set(lasting_files(again, running(again, managed))) == set(managed)


def with_acme(base):
    """What a host is to have that gets its certificate by ACME."""
    data = host_data(host=mail_host(tls="acme"), fleet=mail_fleet(acme={"contact": "ops@example.net"}))
    fleet = project(base, data).fleet
    return bundle(Context(fleet, fleet.host("mx1"), "13", HostSecrets(private_key=b"(key)")))


def test_the_certificate_on_disk_stays_when_a_state_with_acme_comes_back(tmp_path):
    made = with_acme(tmp_path)
    managed = [*(it.path for it in made.files), tls.CERTIFICATE, tls.KEY]
    again = generations.restored("mx1", kept(made, managed=managed), "13")

    assert {tls.CERTIFICATE, tls.KEY}.isdisjoint(obsolete_files(again, {"managed": managed}))


def test_settings_of_sshd_are_taken_back_by_a_trial_when_a_state_from_before_them_comes_back(tmp_path):
    made = bundle(context(tmp_path))
    unit = f"/etc/systemd/system/{ssh.UNIT}"
    before = replace(
        made,
        activations=tuple(it for it in made.activations if it.name != "ssh"),
        files=tuple(it for it in made.files if it.path != unit),
    )
    again = generations.restored("mx1", kept(before, managed=[unit]), "13")

    assert [(it.name, it.tried) for it in again.activations if it.tried] == [("firewall", True), ("ssh", True)]
    assert "ssh" not in {it.name for it in again.retired}


def test_the_keys_a_state_signs_with_are_read_from_its_tables(tmp_path):
    made = bundle(context(tmp_path))
    found = generations.signed_with(kept(made))

    assert {(it.domain, it.selector, it.algorithm) for it in found} >= {("example.com", "pw20261122", "rsa")}


def test_a_state_that_is_put_back_is_not_kept_anew_and_what_it_replaces_is(host, tmp_path):
    made = generations.restored("mx1", kept(bundle(context(tmp_path))), "13")
    keeping.keep("", wanted(host, a="1"))
    (host / "etc/a").write_text("by hand")
    asked = json.loads(json.dumps(generations.keep_request(made)))

    assert keeping.keep("", asked) == (3, 3)
    assert [(keeping.record(it)["found"], texts_of(it)) for it in keeping.numbers()] == [
        (False, {"a": "1"}),
        (True, {"a": "by hand"}),
    ]


def generation(number, before=None, **changes):
    return (
        Generation(number, 0, before, False, (), False, ())
        if not changes
        else replace(generation(number, before), **changes)
    )


@pytest.mark.parametrize(
    ("states", "to", "expected"),
    [
        ([generation(1), generation(2, 1, present=True)], None, 1),
        ([generation(1), generation(2, 1), generation(3, 1, present=True)], None, 1),  # made after a rollback to 1
        ([generation(1), generation(2, present=True, found=True)], None, 1),
        ([generation(4, 3), generation(5, 4), generation(6, 5, begun=True)], None, 5),  # taking back what has begun
        ([generation(4, 3, present=True), generation(5, 4, begun=True)], None, 4),  # begun, and nothing replaced yet
        ([generation(3, 3, begun=True), generation(4, 3)], None, 3),  # a rollback that was cut off goes on
        ([generation(1), generation(2, 1)], None, 2),  # edited by hand since
        ([generation(1, present=True), generation(2, 1)], 2, 2),
    ],
)
def test_without_a_number_the_way_is_to_the_state_before(states, to, expected):
    assert target("mx1", states, to).number == expected


@pytest.mark.parametrize(
    ("states", "to", "words"),
    [
        ([], None, "no generation before that of now"),
        ([generation(1, present=True)], None, "no way back"),
        ([generation(1, begun=True)], None, "no way back"),  # the first apply ever was cut off
        (
            [generation(5), generation(6, 1, present=True)],
            None,
            "no longer generation 1, .* choose one of 5, 6 with --to",
        ),
        ([generation(1, present=True)], 7, "no generation 7; it has 1"),
    ],
)
def test_where_there_is_no_way_back_it_is_said(states, to, words):
    with pytest.raises(UsageError, match=words):
        target("mx1", states, to)


def test_a_kept_file_does_not_show_its_content():
    file = generations.KeptFile("/etc/x", b"", digest="00", number=1)

    assert isinstance(file, HostFile)
    assert "00" not in repr(file)


@pytest.mark.parametrize("script", SCRIPTS)
def test_modules_that_are_sent_together_have_no_name_twice(script):
    """They become one program, in which the later definition would replace the earlier one."""
    tree = ast.parse(package(script, {}))
    names = [it.name for it in tree.body if isinstance(it, ast.FunctionDef | ast.ClassDef)]
    names += [target.id for it in tree.body if isinstance(it, ast.Assign) for target in it.targets]

    assert sorted(names) == sorted(set(names))
