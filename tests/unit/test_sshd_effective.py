"""What would win over our settings of sshd is named by file and line; sshd's own answer is given, its files are real."""

import pytest

from postwright.services import sshd_effective

WANTED = "PasswordAuthentication no\nPermitRootLogin prohibit-password\n\nMatch User *,!root\n    KbdInteractiveAuthentication yes\n"
SAID = {"passwordauthentication": "no", "permitrootlogin": "without-password"}


@pytest.fixture
def found(tmp_path, monkeypatch):
    """Problems of a host with these foreign files, where sshd says this."""
    folder = tmp_path / "sshd_config.d"
    folder.mkdir()

    def look(said=SAID, main="Include /etc/ssh/sshd_config.d/*.conf\n", **others):
        for path, text in {
            tmp_path / "wanted": WANTED,
            tmp_path / "sshd_config": main,
            folder / "00-ours.conf": WANTED,
        }.items():
            path.write_text(text)
        for name, text in others.items():
            (folder / f"{name}.conf").write_text(text)
        monkeypatch.setattr(sshd_effective, "WANTED", str(tmp_path / "wanted"))
        monkeypatch.setattr(sshd_effective, "MAIN", str(tmp_path / "sshd_config"))
        monkeypatch.setattr(sshd_effective, "OURS", str(folder / "00-ours.conf"))
        monkeypatch.setattr(sshd_effective, "FOLDER", str(folder))
        monkeypatch.setattr(sshd_effective, "effective", lambda: said)
        return [problem.replace(f"{tmp_path}/", "") for problem in sshd_effective.problems()]

    return look


def test_settings_that_hold_are_no_problem_whatever_stands_after_them(found):
    assert found(later="PasswordAuthentication yes\n") == []


def test_the_foreign_line_that_wins_is_named(found):
    (problem,) = found(SAID | {"passwordauthentication": "yes"}, aaa="# mine\nPasswordAuthentication=yes\n")

    assert problem == (
        "passwordauthentication is 'yes' and not 'no': sshd_config.d/aaa.conf:2 says otherwise, and is read first; "
        "take that line out"
    )


def test_a_match_block_that_gives_passwords_back_is_named(found):
    (problem,) = found(bbb="Match User backup\n    PasswordAuthentication yes\n    X11Forwarding yes\n")

    assert problem == "sshd_config.d/bbb.conf:2: a Match block says passwordauthentication yes; take the line out"


def test_a_main_file_that_includes_nothing_is_named(found):
    (problem,) = found(SAID | {"permitrootlogin": "yes"}, main="UsePAM yes\n")

    assert problem.endswith("sshd_config must begin with the line Include /etc/ssh/sshd_config.d/*.conf")


def test_what_was_changed_in_our_own_file_is_told(found):
    (problem,) = found(SAID | {"permitrootlogin": "yes"})

    assert problem.endswith("sshd_config.d/00-ours.conf is not as described; an apply puts it back")


@pytest.mark.parametrize(
    "line", ["PasswordAuthentication\tyes", "passwordauthentication = yes", "ChallengeResponseAuthentication yes"]
)
def test_a_match_block_is_read_as_sshd_reads_it(found, line):
    (problem,) = found(bbb=f"Match\tUser bob\n\t{line}\n")

    assert problem.startswith("sshd_config.d/bbb.conf:2: a Match block says ")


def test_a_match_block_that_asks_for_other_factors_is_named_where_we_ask_for_two(found, monkeypatch, tmp_path):
    assert found(bbb="Match User bob\n    AuthenticationMethods publickey\n") == []

    wanted = tmp_path / "second"
    wanted.write_text(WANTED + "AuthenticationMethods publickey,keyboard-interactive:pam\n")
    monkeypatch.setattr(sshd_effective, "wanted", dict)
    monkeypatch.setattr(sshd_effective, "WANTED", str(wanted))
    (problem,) = sshd_effective.problems()

    assert problem.endswith("bbb.conf:2: a Match block says authenticationmethods publickey; take the line out")
