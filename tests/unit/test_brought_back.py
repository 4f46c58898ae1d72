"""A rollback says what it would bring back that was taken away or replaced since, and does it only if forced."""

import subprocess
from datetime import UTC, datetime

import pytest
from cryptography import x509
from support import certificate, host_data, mail_fleet, sound_project, write_private

from postwright import rollback
from postwright.brought_back import Kept, dangers
from postwright.certificates import key_digest
from postwright.errors import UnsafePlan
from postwright.hosts import generations
from postwright.hosts.plan import FileChange, HostPlan
from postwright.hosts.remote import generations as remote
from postwright.services import acme, certified, mailboxes, policies, ssh, submission, tls, wireguard

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def pair():
    """A certificate, the public half of its key, and what TLSA says of it."""
    chain, key = certificate("mx1.example.com")
    return chain, public(key), key_digest(x509.load_pem_x509_certificate(chain.encode()))


def public(key):
    asked = ["openssl", "pkey", "-pubout"]
    return subprocess.run(asked, input=key, capture_output=True, text=True, check=True).stdout


def told(path, what="changed", kept=None, digest=None):
    return list(dangers("mx1 brings back", (FileChange(path, what),), kept or Kept(), lambda: digest, NOW))


@pytest.mark.parametrize("path", [tls.KEY, acme.OWN_KEY])
@pytest.mark.parametrize("what", ["changed", "new"])
def test_a_tls_key_that_the_tlsa_record_does_not_name_is_a_danger(pair, path, what):
    _, key, digest = pair
    kept = Kept(keys={path: key})
    (other,) = told(path, what, kept, "0" * 64)

    assert f"mx1 brings back another TLS key, {path}, which the TLSA record of the host does not name" in other
    assert told(path, what, kept, digest) == []
    assert told(path, what, kept, None) == []  # the fleet has no TLSA
    assert len(told(path, what, Kept(), digest)) == 1  # which key it is cannot be told
    assert told(path, "0644 root:root becomes 0600 root:root", kept, "0" * 64) == []


def test_an_expired_certificate_is_a_danger(pair):
    expired, _ = certificate("mx1.example.com", start=-10, days=3)
    (problem,) = told(tls.CERTIFICATE, kept=Kept({tls.CERTIFICATE: expired}))

    assert "certificate.pem: it expired on" in problem
    assert "choose a later generation" in problem
    assert told(tls.CERTIFICATE, kept=Kept({tls.CERTIFICATE: pair[0]})) == []
    assert "it is no certificate" in told(tls.CERTIFICATE, kept=Kept({tls.CERTIFICATE: "x"}))[0]


FIREWALL, MAIN = "/etc/postwright/firewall.nft", "/etc/postfix/main.cf"
CLOSED = [submission.PASSWORDS, submission.PREVIOUS, submission.SENDERS, mailboxes.PASSWORDS, certified.TABLE, wireguard.CONFIGURATION, acme.SECRET, FIREWALL]  # fmt: skip


@pytest.mark.parametrize("path", CLOSED)
def test_what_lets_people_in_does_not_come_back_unsaid(path):
    (problem,) = told(path)

    assert problem.startswith(f"mx1 brings back {path}: ")
    assert "run `postwright apply` right after" in problem
    assert told(path, "removed") == []


@pytest.mark.parametrize("what", ["changed", "new", "removed"])
def test_ways_to_log_in_to_the_host_do_not_come_back_unsaid_nor_by_taking_our_settings_of_sshd_away(what):
    (problem,) = told(ssh.CANDIDATE, what)

    assert "without a second factor" in problem
    assert told(ssh.CANDIDATE, "0644 root:root becomes 0600 root:root") == []


def test_networks_that_may_relay_do_not_come_back_unsaid_and_other_settings_of_postfix_need_no_word():
    relaying, size = ("-mynetworks = 127.0.0.0/8", "+mynetworks = 127.0.0.0/8 10.0.0.0/8"), ("+message_size_limit = 1",)
    (problem,) = dangers("mx1 brings back", (FileChange(MAIN, "changed", relaying),), Kept(), lambda: None, NOW)

    assert "mx1 brings back /etc/postfix/main.cf: networks that were trusted then could relay again" in problem
    assert list(dangers("", (FileChange(MAIN, "changed", size),), Kept(), lambda: None, NOW)) == []


def test_a_policy_of_before_under_the_id_of_today_is_a_danger():
    path = f"{policies.FOLDER}/mta-sts.example.com/.well-known/mta-sts.txt"

    assert "under the id in DNS that is of today's" in told(path)[0]


def test_what_a_state_says_of_its_tls_comes_without_a_secret(tmp_path, monkeypatch):
    chain, key = certificate("mx1.example.com")
    files = [{"path": tls.CERTIFICATE, "secret": False}, {"path": tls.KEY, "secret": True}]
    for path, text in ((tls.CERTIFICATE, chain), (tls.KEY, key)):
        write_private(tmp_path / path.removeprefix("/"), text)
    monkeypatch.setattr(remote, "numbers", lambda: [3])
    monkeypatch.setattr(remote, "record", lambda _number: {"files": files})
    monkeypatch.setattr(remote, "copy_of", lambda _number, path: tmp_path / path.removeprefix("/"))
    monkeypatch.setattr(remote, "managed", list)
    monkeypatch.setattr(remote, "lost", lambda _number, _files: [])
    found = remote.whole(3, [tls.KEY, acme.OWN_KEY])

    assert generations.kept_tls(found) == Kept({tls.CERTIFICATE: chain}, {tls.KEY: public(key)})
    assert key not in str(found)


def test_a_rollback_to_them_is_refused_unless_forced(tmp_path, monkeypatch, pair):
    made = sound_project(tmp_path, host_data(fleet=mail_fleet(tlsa=True)))
    plan = HostPlan("mx1", (), (FileChange(tls.KEY, "changed"), FileChange(submission.PASSWORDS, "new")), ())
    answer = {"plan": plan, "signs": [], "lost": [], "kept": Kept(keys={tls.KEY: pair[1]})}
    state = rollback.Generation(3, 0, None, False, (), False, ())
    monkeypatch.setattr(rollback, "kept", lambda *_: {"mx1": [state]})
    monkeypatch.setattr(rollback.runner, "plan_rollback", lambda *_: {"mx1": answer})
    agreed = rollback.make_rollback(made, ["mx1"], 3, str)
    agreed.require_safe(force=True)

    assert len(agreed.dangers) == 2
    with pytest.raises(UnsafePlan, match="host mx1: generation 3 brings back another TLS key"):
        agreed.require_safe(force=False)


def test_a_state_with_the_key_that_dns_names_is_safe(tmp_path, monkeypatch):
    made = sound_project(tmp_path, host_data(fleet=mail_fleet(tlsa=True)))
    kept = Kept(keys={tls.KEY: public((tmp_path / "tls.key").read_text())})
    plan = HostPlan("mx1", (), (FileChange(tls.KEY, "changed"),), ())
    answer = {"plan": plan, "signs": [], "lost": [], "kept": kept}
    state = rollback.Generation(3, 0, None, False, (), False, ())
    monkeypatch.setattr(rollback, "kept", lambda *_: {"mx1": [state]})
    monkeypatch.setattr(rollback.runner, "plan_rollback", lambda *_: {"mx1": answer})

    assert rollback.make_rollback(made, ["mx1"], 3, str).dangers == ()
