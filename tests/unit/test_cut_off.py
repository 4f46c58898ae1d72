"""A run that is cut off leaves nothing behind that nobody knows of, and the way back stays the way back."""

import base64
import grp
import os
import pwd
from subprocess import CompletedProcess

import pytest

from postwright.hosts.plan import obsolete_files
from postwright.hosts.remote import configured, converge, generations, install, keeping, look
from postwright.rollback import Generation, target
from postwright.services.bundle import Bundle, manifest
from postwright.services.parts import HostFile


class Killed(BaseException):
    """Where a run ends."""


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A host of its own on which the real functions work, lists and kept states included."""
    state, etc = tmp_path / "state", tmp_path / "etc"
    (etc / "postwright").mkdir(parents=True)
    for module in (configured, keeping, look):
        monkeypatch.setattr(module, "ETC", etc / "postwright")
        monkeypatch.setattr(module, "STATE", state)
    for module in (converge, keeping):
        monkeypatch.setattr(module, "MANIFEST", str(etc / "postwright/files"))
        monkeypatch.setattr(module, "PENDING", state / "generations/.pending")
    for module in (converge, configured):
        monkeypatch.setattr(module, "CLAIMED", state / "claimed")
    monkeypatch.setattr(converge, "RUN", tmp_path / "run")
    monkeypatch.setattr(keeping, "GENERATIONS", state / "generations")
    return tmp_path


def item(path, text):
    mine = {"owner": pwd.getpwuid(os.getuid())[0], "group": grp.getgrgid(os.getgid())[0], "mode": 0o644}
    return {"path": str(path), "content": base64.b64encode(text.encode()).decode(), "replace_link": False, **mine}


def request(host, texts, restores=0):
    """Name → text below /etc as what is asked of a host; what it has else of ours goes, and the list is the last."""
    listing = host / "etc/postwright/files"
    paths = [str(host / "etc" / name) for name in texts]
    files = [item(path, text) for path, text in zip(paths, texts.values(), strict=True)]
    files.append(item(listing, "".join(f"{path}\n" for path in (*paths, listing))))
    about = {"packages": [], "directories": [], "checks": [], "activations": [], "known": [], "all_checks": []}
    kept = [{"path": path, "secret": False, "replace_link": False} for path in paths]
    obsolete = sorted(set(seen()["managed"]) - {it["path"] for it in files})
    return {
        "files": files, "directories": [], "remove": obsolete, "void": [], "private": (), "adopt": (),
        "keep": {"generations": 5, "restores": restores, "files": kept, **about},
    }  # fmt: skip


def seen():
    """What a look at the host tells of files of ours."""
    return look.look({"files": {}})


def apply(host, restores=0, **texts):
    """The course of converge's main; the checks left out."""
    asked = request(host, texts, restores)
    stage = host / "stage"
    converge.put(str(stage), {**asked, "remove": []})
    converge.bring_in(asked, keeping.keep(str(stage), asked["keep"]))


def killed_after(monkeypatch, name, run):
    """Do it until the file of this name has been put in place."""
    whole = converge.place

    def cut_off(root, placed):
        whole(root, placed)
        if not root and placed["path"].endswith(name):
            raise Killed

    with monkeypatch.context() as cut:
        cut.setattr(converge, "place", cut_off)
        with pytest.raises(Killed):
            run()


def texts(host):
    return {it.name: it.read_text() for it in (host / "etc").iterdir() if it.is_file()}


def listed():
    """The states as the operator is told of them."""
    now, cut_off = keeping.present(), keeping.begun()
    summaries = [generations.summary(number, now, cut_off) for number in keeping.numbers()]
    return [Generation(**it) for it in summaries]


def test_a_drain_that_is_killed_and_taken_back_does_not_come_back_with_the_next_apply(host, monkeypatch):
    apply(host, main="takes mail")
    killed_after(monkeypatch, "/drained", lambda: apply(host, drained="x", main="drained"))
    main = str(host / "etc/main")
    undrained = Bundle("mx2", (), (), (HostFile(main, b"takes mail"), manifest([main])), (), ())

    assert str(host / "etc/drained") in obsolete_files(undrained, seen())
    apply(host, main="takes mail")
    assert texts(host) == {"main": "takes mail"}


def test_what_a_run_claims_is_on_the_list_when_it_has_ended_and_claimed_no_more(host):
    apply(host, main="1", jail="x")

    assert not configured.CLAIMED.exists()
    assert not keeping.PENDING.exists()
    assert str(host / "etc/jail") in configured.ours()


def test_a_state_that_another_contains_is_not_taken_for_the_one_that_is_there(host):
    apply(host, a="1", hardening="x")
    apply(host, a="1")
    assert keeping.present() == 2

    apply(host, restores=1, a="1", hardening="x")
    assert keeping.present() == 1
    apply(host, a="2", hardening="x")
    assert target("mx1", listed(), None).number == 1


@pytest.mark.parametrize(
    ("states", "now", "expected"),
    [
        ({1: "ab", 2: "a"}, "ab", 1),
        ({1: "ab", 2: "a"}, "a", 2),
        ({1: "ab", 2: "ab"}, "ab", 2),
        ({1: "ab", 2: "c"}, "bc", 2),  # some of 1 has yet to go
        ({1: "ab", 2: "a"}, "aB", None),  # 1, edited by hand; not 2
        ({}, "a", None),
    ],
)
def test_of_the_states_that_are_all_there_that_is_now_which_explains_most_of_it(states, now, expected):
    assert keeping.closest({number: set(files) for number, files in states.items()}, set(now)) == expected


def test_the_state_that_was_gone_back_to_is_not_forgotten_by_the_apply_that_leaves_it(host):
    for text in "12345":
        apply(host, a=text)
    apply(host, restores=1, a="1")
    apply(host, a="6")

    assert keeping.numbers() == [1, 3, 4, 5, 6]
    assert target("mx1", listed(), None).number == 1


@pytest.mark.parametrize(
    ("kept", "most", "back", "gone"),
    [
        ([1, 2, 3], 5, 2, []),
        ([1, 2, 3], 2, 2, [1]),
        ([1, 2, 3], 2, 1, [2]),
        ([1, 2, 3, 4], 2, 3, [1, 2]),
        ([1, 2, 3], 2, None, [1]),
    ],
)
def test_the_oldest_states_are_forgotten_and_never_the_one_to_go_back_to(kept, most, back, gone):
    assert keeping.surplus(kept, most, back) == gone


def test_after_an_apply_that_was_cut_off_the_way_back_is_not_forward(host, monkeypatch):
    apply(host, a="1", b="1")
    apply(host, a="2", b="2")
    killed_after(monkeypatch, "/a", lambda: apply(host, a="3", b="3"))

    assert [(it.number, it.begun) for it in listed()] == [(1, False), (2, False), (3, True)]
    assert target("mx1", listed(), None).number == 2


def test_an_apply_that_was_cut_off_and_mended_by_another_goes_back_to_the_last_state_that_was_whole(host, monkeypatch):
    apply(host, a="1", b="1")
    killed_after(monkeypatch, "/a", lambda: apply(host, a="2", b="2"))
    apply(host, a="mended", b="2")

    assert target("mx1", listed(), None).number == 1


def test_a_rollback_that_was_cut_off_goes_on_to_the_same_state(host, monkeypatch):
    for text in "123":
        apply(host, a=text, b=text)
    killed_after(monkeypatch, "/a", lambda: apply(host, restores=1, a="1", b="1"))

    assert target("mx1", listed(), None).number == 1


def test_a_rollback_keeps_an_edit_by_hand_before_it_replaces_it(host):
    apply(host, a="1")
    apply(host, a="2")
    (host / "etc/a").write_text("by hand")
    apply(host, restores=1, a="1")

    assert [(it.number, it.found, it.present) for it in listed()] == [
        (1, False, True),
        (2, False, False),
        (3, True, False),
    ]
    assert keeping.copy_of(3, str(host / "etc/a")).read_text() == "by hand"


@pytest.mark.parametrize("aim", ["{live}", "../../elsewhere", "../nowhere"])
@pytest.mark.parametrize("what", ["files", "directories", "remove"])
def test_what_is_staged_never_follows_a_linked_folder_out_of_the_stage(host, capsys, aim, what):
    live = host / "live"
    (live / "inner").mkdir(parents=True, mode=0o755)
    (live / "main.cf").write_text("live")
    stage = host / "stage"
    (stage / "etc").mkdir(parents=True)
    (stage / "etc/postfix").symlink_to(aim.format(live=live))
    asked = {"files": [], "directories": [], "remove": []}
    paths = {
        "files": item("/etc/postfix/main.cf", "unchecked"),
        "directories": {**item("/etc/postfix/inner", ""), "mode": 0o700},
    }
    asked[what] = [paths.get(what, "/etc/postfix/main.cf")]
    with pytest.raises(SystemExit):
        converge.put(str(stage), asked)

    assert "/etc/postfix is a symbolic link; remove it" in capsys.readouterr().err
    assert (live / "main.cf").read_text() == "live"
    assert (live / "inner").stat().st_mode & 0o777 == 0o755


def test_a_folder_that_is_a_link_within_what_is_staged_may_stay_one(host):
    stage = host / "stage"
    (stage / "etc/there").mkdir(parents=True)
    (stage / "etc/postfix").symlink_to("there")
    converge.put(str(stage), {"files": [item("/etc/postfix/main.cf", "x")], "directories": [], "remove": []})

    assert (stage / "etc/there/main.cf").read_text() == "x"


def test_an_operator_s_copy_of_a_state_does_not_end_the_next_apply(host):
    apply(host, a="1")
    for name in ("000001.bak", "1"):
        (keeping.GENERATIONS / name).mkdir()
        (keeping.GENERATIONS / name / keeping.RECORD).write_text("{}")

    assert keeping.numbers() == [1]


@pytest.fixture
def failing_apt(host, monkeypatch):
    """apt-get cannot install; dpkg has begun with nginx, and knows of a postfix that was removed."""
    monkeypatch.setattr(configured, "INSTALLED", host / "installed")
    monkeypatch.setattr(install, "INSTALLED", host / "installed")
    states = "nginx\tiU \npostfix\trc \n"
    ended = {"dpkg-query": (0, states), "env": (100, "")}
    monkeypatch.setattr(install, "run", lambda program, *_: install_result(*ended[program]))
    return host / "installed"


def install_result(status, output):
    return CompletedProcess((), status, output, "")


def test_a_package_that_could_not_be_installed_does_not_count_as_ours(failing_apt):
    failing_apt.write_text("dovecot-core\n")
    with pytest.raises(SystemExit):
        install.install(["nginx", "postfix", "unbound"])

    assert failing_apt.read_text() == "dovecot-core\nnginx\n"


def test_who_reaches_the_host_is_unknown_where_processes_are_hidden(monkeypatch):
    monkeypatch.setattr(look, "text_of", lambda _path: "")

    assert look.reached() == []
