"""Hosts are locked down by default, each part can be switched off, and nothing an inventory can say locks anybody out unseen."""

from dataclasses import replace

import pytest
from support import context, host_data, mail_fleet, problems

from postwright.hosts.preflight import problems as unfit
from postwright.model import Fleet, Hardening
from postwright.services.bundle import bundle

RELEASES = ("12", "13")
SSHD = "/etc/postwright/sshd.conf"


def with_hardening(base, release="13", **said):
    """The files of a host whose fleet says this of hardening."""
    made = context(base, release=release)
    fleet = made.fleet.model_copy(update={"hardening": Hardening.model_validate(said)})
    return {file.path: file.content.decode() for file in bundle(replace(made, fleet=fleet)).files}


def settings(text):
    """Keyword → value of what sshd is told of everybody."""
    lines = (line.split(None, 1) for line in text.partition("\nMatch ")[0].splitlines() if line and line[0] != "#")
    return dict(lines)


@pytest.mark.parametrize("release", RELEASES)
def test_sshd_takes_keys_only_and_no_old_cipher(tmp_path, release):
    said = settings(with_hardening(tmp_path, release)[SSHD])

    assert (said["PasswordAuthentication"], said["KbdInteractiveAuthentication"]) == ("no", "no")
    assert (said["PermitRootLogin"], said["PubkeyAuthentication"]) == ("prohibit-password", "yes")
    assert "curve25519-sha256" in said["KexAlgorithms"].split(",")
    for weak in ("sha1", "nistp", "cbc", "umac-64", "group14"):
        assert weak not in said["KexAlgorithms"] + said["Ciphers"] + said["MACs"], weak


def test_the_ssh_of_debian_12_is_told_nothing_it_does_not_know(tmp_path):
    older = with_hardening(tmp_path, "12", ssh={"second_factor": "fido2"})[SSHD]

    assert "mlkem" not in older
    assert "PAMServiceName" not in older


@pytest.mark.parametrize("factor", ["totp", "fido2"])
def test_a_second_factor_is_asked_of_everybody_but_those_who_come_from_known_networks(tmp_path, factor):
    text = with_hardening(tmp_path, ssh={"second_factor": factor, "key_only": ["backup"]})[SSHD]
    _, stranger, program, person = text.split("\nMatch ")

    assert stranger.startswith(
        "User root,backup Address *,!198.51.100.0/24,!198.51.100.0/25,!2001:db8:1::/48\n    PubkeyAuthentication no"
    )
    assert program == "User root,backup\n    AuthenticationMethods publickey"
    assert person.startswith("User *,!root,!backup\n")
    assert ("publickey,keyboard-interactive:pam" in person) == (factor == "totp")
    assert ("verify-required" in person) == (factor == "fido2")


def test_a_code_is_asked_by_pam_alone_and_never_of_who_has_no_secret(tmp_path):
    files = with_hardening(tmp_path, ssh={"second_factor": "totp"})

    assert "PAMServiceName postwright-sshd\n" in files[SSHD]
    assert "pam_google_authenticator.so\n" in files["/etc/pam.d/postwright-sshd"]
    assert "common-auth" not in files["/etc/pam.d/postwright-sshd"]


@pytest.mark.parametrize("part", ["ssh", "sandbox"])
def test_a_part_that_is_switched_off_leaves_no_file(tmp_path, part):
    gone = with_hardening(tmp_path).keys() - with_hardening(tmp_path, **{part: False}).keys()

    assert gone
    assert all(part in path for path in gone)


def test_every_restart_takes_up_the_sandbox(tmp_path):
    made = bundle(context(tmp_path))
    boxed = [path for path in (file.path for file in made.files) if path.endswith("postwright-sandbox.conf")]
    stamped = [path for it in made.activations for path in it.stamped if path in boxed]

    assert sorted(stamped) == sorted(boxed)
    assert len(boxed) == 4  # unbound, OpenDKIM, Dovecot, Postfix


def test_a_second_factor_without_networks_for_programs_is_refused(tmp_path):
    said = mail_fleet(hardening={"ssh": {"second_factor": "totp"}})

    (found,) = problems(tmp_path, host_data(fleet=said, ssh_user="deploy"))

    assert found == (
        "mail_fleet.hardening.ssh.second_factor: deploy would log in with a key alone from anywhere; name the networks they "
        "come from in mail_fleet.firewall.ssh_from"
    )


def test_exceptions_without_a_rule_are_refused(tmp_path):
    (found,) = problems(tmp_path, host_data(fleet=mail_fleet(hardening={"ssh": {"key_only": ["backup"]}})))

    assert found.startswith("mail_fleet.hardening.ssh.key_only: without second_factor ")


def seen(login, release="13"):
    system = {
        "id": "debian", "release": release, "pretty": "Debian", "root": True, "systemd": True, "free": {}, "clock": 0,
        "applying": None,
    }  # fmt: skip
    return {"system": system, "listeners": {}, "login": login}


def told(fleet, answer):
    return list(unfit(fleet.hosts[0], fleet, answer, 0))


def hardened(base, **ssh):
    fleet: Fleet = context(base).fleet
    return fleet.model_copy(update={"hardening": Hardening.model_validate({"ssh": ssh})})


@pytest.mark.parametrize("login", ["password", "keyboard-interactive"])
def test_who_logs_in_without_a_key_is_told_before_anything_changes(tmp_path, login):
    (found,) = told(hardened(tmp_path), seen(login))

    assert found.startswith(
        f"you log in by {login}, and sshd would take keys only (mail_fleet.hardening.ssh); put your key"
    )
    assert told(hardened(tmp_path), seen("publickey")) == []


def test_with_hardening_of_ssh_switched_off_any_login_will_do(tmp_path):
    fleet = context(tmp_path).fleet.model_copy(update={"hardening": Hardening.model_validate({"ssh": False})})

    assert told(fleet, seen("password")) == []


def test_debian_12_is_told_that_it_cannot_ask_for_a_code(tmp_path):
    (found,) = told(hardened(tmp_path, second_factor="totp"), seen("publickey", "12"))

    assert "the OpenSSH of Debian 12 cannot ask for a code alone" in found
