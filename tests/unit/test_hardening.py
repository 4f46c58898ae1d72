"""Hosts are locked down by default, each part can be switched off, and nothing an inventory can say locks anybody out unseen."""

from dataclasses import replace

import pytest
from support import context, host_data, mail_fleet, problems, project

from postwright.hosts.preflight import problems as unfit
from postwright.model import Fleet, Hardening
from postwright.services import kernel_values
from postwright.services.bundle import bundle
from postwright.services.parts import Context, HostSecrets

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


@pytest.mark.parametrize(("key_only", "root"), [([], "no"), (["backup"], "no"), (["root"], "prohibit-password")])
def test_root_may_log_in_beside_a_second_factor_only_where_it_is_excepted_from_it(tmp_path, key_only, root):
    fleet = mail_fleet(firewall={"ssh_from": ["192.0.2.0/24"]}, hardening={"ssh": {"second_factor": "totp", "key_only": key_only}})  # fmt: skip
    made = project(tmp_path, host_data(fleet=fleet, ssh_user="deploy")).fleet
    files = bundle(Context(made, made.hosts[0], "13", HostSecrets())).files
    (text,) = (file.content.decode() for file in files if file.path == SSHD)

    assert settings(text)["PermitRootLogin"] == root


def test_a_code_is_asked_by_pam_alone_and_never_of_who_has_no_secret(tmp_path):
    files = with_hardening(tmp_path, ssh={"second_factor": "totp"})

    assert "UsePAM yes\nPAMServiceName postwright-sshd\n" in files[SSHD]
    assert "pam_google_authenticator.so\n" in files["/etc/pam.d/postwright-sshd"]
    assert "common-auth" not in files["/etc/pam.d/postwright-sshd"]


@pytest.mark.parametrize("path", ["/etc/pam.d/postwright-sshd", "/etc/systemd/system/postwright-ssh.service"])
def test_what_sshd_and_its_trial_need_lasts_until_the_trial_is_over(tmp_path, path):
    made = context(tmp_path)
    without = replace(made, fleet=made.fleet.model_copy(update={"hardening": Hardening.model_validate({"ssh": False})}))

    assert path in with_hardening(tmp_path, ssh={"second_factor": "totp"})
    assert path not in (file.path for file in bundle(without).files)
    assert path.startswith(bundle(without).lasting)


@pytest.mark.parametrize("part", ["ssh", "sandbox", "upgrades", "sysctl", "audit"])
def test_a_part_that_is_switched_off_leaves_no_file(tmp_path, part):
    gone = with_hardening(tmp_path).keys() - with_hardening(tmp_path, **{part: False}).keys()
    words = {"ssh": ("ssh",), "upgrades": ("upgrade",), "sysctl": ("sysctl", "kernel_values")}.get(part, (part,))

    assert gone
    assert all(any(word in path for word in words) for path in gone)


def test_with_every_part_switched_off_nothing_of_it_is_on_a_host(tmp_path):
    parts = ("ssh", "upgrades", "sysctl", "journal", "sandbox", "audit", "apparmor")
    files = with_hardening(tmp_path, **dict.fromkeys(parts, False))

    assert not [path for path in files if any(word in path for word in (*parts, "kernel"))]


def test_settings_to_leave_are_left_and_forwarding_always_is(tmp_path):
    path = "/etc/sysctl.d/90-postwright.conf"
    whole, less = (
        with_hardening(tmp_path)[path],
        with_hardening(tmp_path, sysctl={"leave": ["kernel.kptr_restrict"]})[path],
    )

    assert "kernel.kptr_restrict = 2\n" in whole
    assert set(whole.splitlines()) - set(less.splitlines()) == {"kernel.kptr_restrict = 2"}
    assert "forwarding" not in whole.replace("# Forwarding", "")
    assert "ip_forward" not in whole


@pytest.mark.parametrize(
    ("live", "said", "after"),
    [
        ({"rp_filter": "0", "ptrace_scope": "0"}, 2, {"rp_filter": "2", "ptrace_scope": "1"}),
        ({"rp_filter": "1", "ptrace_scope": "3"}, 0, {"rp_filter": "1", "ptrace_scope": "3"}),
        ({"rp_filter": "2", "ptrace_scope": "1"}, 0, {"rp_filter": "2", "ptrace_scope": "1"}),
    ],
)
def test_a_kernel_setting_that_is_stricter_holds_and_is_not_lowered(tmp_path, monkeypatch, capsys, live, said, after):
    (tmp_path / "settings").write_text("# ours\nrp_filter = 2\nptrace_scope = 1\nnot.there = 1\n")
    for name, value in live.items():
        (tmp_path / name).write_text(value)
    monkeypatch.setattr(kernel_values, "SETTINGS", str(tmp_path / "settings"))
    monkeypatch.setattr(kernel_values, "PROC", f"{tmp_path}/")

    with pytest.raises(SystemExit) as ended:
        kernel_values.main([])
    kernel_values.main(["set"])

    assert len(str(ended.value.code or "").splitlines()) == said
    assert {name: (tmp_path / name).read_text() for name in live} == after
    assert "not.there cannot be set here" in capsys.readouterr().out


def test_only_security_updates_come_and_no_reboot_unless_a_time_is_named(tmp_path):
    path = "/etc/apt/apt.conf.d/52postwright-upgrades"
    never, at = with_hardening(tmp_path)[path], with_hardening(tmp_path, upgrades={"reboot_at": "04:30"})[path]

    assert never.count("origin=") == never.count("label=Debian-Security") == 2
    assert 'Automatic-Reboot "false"' in never
    assert 'Automatic-Reboot-Time "04:30"' in at


def test_the_audit_log_names_no_folder_a_host_does_not_have(tmp_path):
    """A rule for a folder that is not there is refused, with all after it."""
    path = "/etc/audit/rules.d/50-postwright.rules"
    made = context(tmp_path, host="mx2")
    relay = {file.path: file.content.decode() for file in bundle(made).files}[path]

    assert "dir=/root/.ssh " in relay
    assert "dir=/etc/dovecot" in with_hardening(tmp_path)[path]
    assert "dovecot" not in relay
    assert "ed25519" not in relay
    assert "sudoers.d" not in relay


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ({"upgrades": {"reboot_at": "24:00"}}, "mail_fleet.hardening.upgrades.reboot_at: "),
        ({"journal": {"max_days": 1}}, "mail_fleet.hardening.journal.max_days: "),
        ({"journal": {"max_size": "1 GB"}}, "mail_fleet.hardening.journal.max_size: "),
        ({"sysctl": {"leave": ["a b"]}}, "mail_fleet.hardening.sysctl.leave[0]: "),
        ({"ssh": {"key_only": ["a b"]}}, "mail_fleet.hardening.ssh.key_only[0]: "),
        ({"ssh": {"second_factor": "sms"}}, "mail_fleet.hardening.ssh.second_factor: "),
        ({"ssh": None}, None),
    ],
)
def test_what_is_no_value_is_refused_with_its_key_path(tmp_path, said, place):
    found = problems(tmp_path, host_data(fleet=mail_fleet(hardening=said)))

    assert [problem for problem in found if place is None or not problem.startswith(place)] == []
    assert bool(found) == (place is not None)


def test_every_restart_takes_up_the_sandbox(tmp_path):
    made = bundle(context(tmp_path))
    boxed = [path for path in (file.path for file in made.files) if path.endswith("postwright-sandbox.conf")]
    stamped = [path for it in made.activations for path in it.stamped if path in boxed]

    assert sorted(stamped) == sorted(boxed)
    assert len(boxed) == 5  # unbound, OpenDKIM, Dovecot, fail2ban, Postfix


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
