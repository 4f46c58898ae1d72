"""A host goes back to what it was, services included; and what somebody else configured is not lost."""

import signal

import pytest
from operators import kill

from postwright.lab import box, mail

pytestmark = pytest.mark.lab

LAB, HOST = "lab2", "mx3"


def generations(operator):
    return operator.json("rollback", "--list")["hosts"][HOST]


def present(operator):
    return next((it["number"] for it in generations(operator) if it["present"]), None)


def setting(operator, name):
    return operator.on_host(f"postconf -h {name}").stdout.strip()


def test_a_host_somebody_else_has_configured_is_refused_and_untouched(operator):
    operator.on_host(
        "postconf -e relayhost=[relay.old.test] && echo 'auth_verbose = yes' >>/etc/dovecot/conf.d/10-auth.conf"
    )
    before = operator.on_host("find /etc -newer /etc/hostname -type f | sort | xargs sha256sum").stdout
    done = operator.run("apply", "--yes", check=False)

    assert done.returncode == 1
    assert "/etc/dovecot/conf.d/10-auth.conf, /etc/postfix/main.cf" in done.stderr
    assert "/etc/opendkim.conf" not in done.stderr  # as Debian's package left it
    assert "--adopt" in done.stderr
    assert operator.on_host("find /etc -newer /etc/hostname -type f | sort | xargs sha256sum").stdout == before


def test_adopted_it_is_saved_and_shown_as_a_difference(operator, tmp_path):
    plan = tmp_path / "plan.json"
    shown = operator.json("plan", "--adopt", "--out", str(plan))
    main = next(it for it in shown["hosts"][0]["files"] if it["path"] == "/etc/postfix/main.cf")
    operator.run("apply", "--plan", str(plan), "--no-verify")
    saved = operator.on_host("ls -d /var/lib/postwright/adopted-*").stdout.strip()

    assert "-relayhost = [relay.old.test]" in main["diff"]
    assert operator.on_host(f"stat -c %a {saved}").stdout == "700\n"
    assert operator.on_host(f"grep ^relayhost {saved}/etc/postfix/main.cf").stdout == "relayhost = [relay.old.test]\n"
    assert operator.on_host(f"tail -1 {saved}/etc/dovecot/conf.d/10-auth.conf").stdout == "auth_verbose = yes\n"
    assert operator.json("apply", "--yes")["changed"] is False
    assert mail.exchange(name=LAB, host=HOST).good


def test_a_rollback_brings_files_and_services_back_and_says_that_the_inventory_differs(operator):
    before = present(operator)
    smaller = operator.changed(
        "smaller", 'fleet["logins"] = []; del fleet["probe"]; fleet["policies"] = {"message_size": 90000}'
    )
    smaller.run("apply", "--yes", "--no-verify")
    gone = operator.on_host("systemctl is-active dovecot", check=False).stdout.strip()
    refused = smaller.run("rollback", "--yes", check=False)
    asked = smaller.run("rollback", "--force", check=False, stdin="n\n")
    done = smaller.run("rollback", "--force", "--yes")

    assert gone == "inactive"
    assert "brings back /etc/dovecot/submission.passwd" in refused.stderr
    assert "+message_size_limit = 26214400" in asked.stdout
    assert asked.returncode == 1
    assert "the inventory still says otherwise" in done.stdout
    assert "none was downgraded" in done.stdout
    assert "proven: mx3 signs shop.test" in done.stdout
    assert (present(operator), setting(operator, "message_size_limit")) == (before, "26214400")
    assert operator.on_host("systemctl is-active dovecot && systemctl is-enabled dovecot").stdout.split() == [
        "active",
        "enabled",
    ]
    assert mail.exchange(name=LAB, host=HOST).good
    assert operator.json("plan")["empty"]


def test_the_way_forward_is_a_rollback_too_and_stops_what_that_state_does_not_have(operator):
    before, newest = present(operator), generations(operator)[-1]["number"]
    done = operator.json("rollback", "--to", str(newest), "--force", "--yes")  # other ports are open then

    assert done["hosts"][HOST]["was"] == before
    assert (present(operator), setting(operator, "message_size_limit")) == (newest, "90000")
    assert operator.on_host("systemctl is-active dovecot", check=False).stdout.strip() == "inactive"
    operator.run("apply", "--yes", "--no-verify")
    assert setting(operator, "message_size_limit") == "26214400"


def test_what_is_kept_is_root_s_alone_and_secrets_are_closed(operator):
    folder = "/var/lib/postwright/generations"
    secrets = f"find {folder} '(' -path '*/dkim/*.pem' -o -name key.pem ')' -printf '%m %u\\n' | sort -u"

    assert operator.on_host(f"stat -c '%a %U' {folder}").stdout == "700 root\n"
    assert operator.on_host(secrets).stdout.splitlines() == ["600 opendkim", "600 root"]


def test_a_rollback_that_is_killed_is_healed_by_the_next(operator):
    operator.changed("other", 'fleet["policies"] = {"message_size": 80000}').run("apply", "--yes", "--no-verify")
    process = operator.start("-v", "rollback", "--yes")
    begun = any("run Postfix" in line for line in process.stderr)
    kill(process)
    done = operator.run("rollback", "--yes", "--to", str(generations(operator)[-2]["number"]))

    assert (begun, process.returncode) == (True, -signal.SIGKILL), "it had ended before it was killed"
    assert done.returncode == 0
    assert setting(operator, "message_size_limit") == "26214400"
    assert operator.json("plan")["empty"]
    assert mail.exchange(name=LAB, host=HOST).good


def test_after_a_rotation_the_way_back_is_open_while_the_old_key_lies_there_and_shut_once_it_is_revoked(operator):
    old = operator.json("keys", "list")[0]["selector"]
    number = present(operator)
    operator.run("keys", "rotate", "--settle", "--yes", "--no-verify")
    operator.json("rollback", "--to", str(number), "--yes")
    signed = mail.exchange(name=LAB, host=HOST)
    operator.run("apply", "--yes", "--no-verify")
    operator.run("keys", "revoke", "--domain", "shop.test", "--selector", old, "--yes", "--no-verify", "--force")
    refused = operator.run("rollback", "--to", str(number), "--yes", check=False)

    assert (signed.dkim_passed, signed.dkim[0].selector) == (True, old)
    assert refused.returncode == 1
    assert f"/etc/postwright/dkim/shop.test/{old}.pem" in refused.stderr
    assert "nothing was changed" in refused.stderr
    assert operator.on_host(f"find /var/lib/postwright -name {old}.pem").stdout == ""
    assert mail.exchange(name=LAB, host=HOST).good


def test_a_state_its_programs_would_refuse_is_not_put_back(operator):
    """Somebody has changed what is kept: it is found to be other than it was."""
    last = generations(operator)[-1]["number"]
    operator.on_host(f"echo nonsense >>/var/lib/postwright/generations/{last:06d}/files/etc/unbound/unbound.conf")
    done = operator.run("rollback", "--to", str(last), "--yes", check=False)

    assert done.returncode == 1
    assert "/etc/unbound/unbound.conf" in done.stderr
    assert box.run(LAB, HOST, "unbound-checkconf").returncode == 0
