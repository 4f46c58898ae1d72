"""The rules of a key's life, one by one; ``test_lifecycle_model`` has them in every order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from postwright.keys import lifecycle
from postwright.keys import signing as signing_of
from postwright.keys.key import STATES, Key
from postwright.keys.lifecycle import Facts
from postwright.keys.selectors import next_fixed
from postwright.keys.signing import KEPT, Held, Wants

NOW = datetime(2026, 11, 22, 6, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ONE, TWO = Wants(("mx1",)), Wants(("mx1", "mx2"))
PATH = {
    "generated": ("generated",),
    "published": ("generated", "published"),
    "confirmed": ("generated", "published", "confirmed"),
    "active": ("generated", "published", "confirmed", "active"),
    "retiring": ("generated", "published", "confirmed", "active", "retiring"),
    "revoked": ("generated", "published", "confirmed", "active", "retiring", "revoked"),
    "deleted": ("generated", "published", "confirmed", "active", "retiring", "revoked", "deleted"),
}


def key(selector, state="active", age=HOUR, **changes):
    """A key that has been in its state for ``age``, and for as long off the hosts and gone from DNS as far as its state says."""
    history = dict.fromkeys(PATH[state], NOW - age)
    made = Key(selector, state, "rsa", 2048, f"{selector}AAA=", history=history)
    usable = NOW - age if "published" in history else None
    off_hosts = NOW - age if state in {"retiring", "revoked", "deleted"} else None
    told = NOW - age if state in {"revoked", "deleted"} else None
    return replace(made, **{"usable": usable, "off_hosts": off_hosts, "told": told} | changes)


def numbered(keys, host, algorithm, urgent):  # noqa: ARG001 - as names are asked for
    return f"s{len(keys) + 1}"


def foreseen(keys, wants=ONE, name=numbered, **facts):
    """What an apply would make of them."""
    return lifecycle.foresee(keys, wants, Facts(NOW, **facts), name)


def states(keys):
    return {it.selector: it.state for it in keys}


def signs(keys, wants, host, algorithm="rsa"):
    found = signing_of.signing(keys, host, algorithm, wants)
    return found.selector if found else None


def wait(_key):
    return HOUR


# The first key


def test_the_first_key_waits_for_nobody():
    (first,) = foreseen(())
    assert (first.selector, first.state, first.usable, first.why) == ("s1", "active", NOW, "the first")
    assert (first.algorithm, first.bits, first.p) == ("rsa", 2048, "")


def test_the_first_key_of_a_domain_whose_owner_has_not_led_it_to_us_is_published_only():
    assert states(foreseen((), led=False)) == {"s1": "published"}


def test_a_domain_that_nobody_sends_for_gets_no_key():
    assert foreseen((), Wants(())) == ()


@pytest.mark.parametrize("state", ["revoked", "deleted"])
def test_a_first_key_under_a_selector_that_had_one_waits_for_the_caches(state):
    keys = (key("pw1", state), key("pw1", "generated"))
    assert lifecycle.published(keys, ONE, NOW, wait)[1].usable == NOW + HOUR


# Rotation


def test_a_rotation_waits_for_the_caches_and_until_then_the_old_key_signs():
    keys = foreseen((key("s1"),), rotate=True)
    assert states(keys) == {"s1": "active", "s2": "published"}
    assert (keys[1].usable, signs(keys, ONE, "mx1")) == (NOW + timedelta(seconds=1), "s1")


def test_when_the_wait_is_over_the_new_key_signs_and_the_old_one_retires():
    keys = (key("s1"), key("s2", "published", usable=NOW))
    assert states(foreseen(keys)) == {"s1": "retiring", "s2": "active"}


def test_a_second_before_the_wait_is_over_nothing_happens():
    keys = (key("s1"), key("s2", "published", usable=NOW + timedelta(seconds=1)))
    assert foreseen(keys) == keys


def test_who_waits_for_the_caches_within_the_apply_is_done_in_one():
    assert states(foreseen((key("s1"),), rotate=True, wait=timedelta())) == {"s1": "retiring", "s2": "active"}


def test_without_a_period_a_key_signs_for_ever():
    keys = (key("s1", age=3650 * DAY),)
    assert foreseen(keys) == keys


@pytest.mark.parametrize(("age", "number"), [(90 * DAY - timedelta(seconds=1), 1), (90 * DAY, 2)])
def test_a_key_is_replaced_when_its_period_is_over(age, number):
    keys = foreseen((key("s1", age=age),), replace(ONE, rotate_every=90 * DAY))
    assert len(keys) == number
    assert keys[-1].why == ("the one before is older than 90 days" if number == 2 else "")


def test_a_key_that_is_due_is_replaced_once():
    keys = (key("s1", age=91 * DAY), key("s2", "published", usable=NOW + HOUR))
    assert foreseen(keys, replace(ONE, rotate_every=90 * DAY)) == keys
    assert foreseen(keys, rotate=True) == keys


def test_a_key_with_fewer_bits_than_wanted_is_replaced_and_one_with_more_is_not():
    fewer = foreseen((key("s1"),), replace(ONE, bits=3072))
    assert (fewer[1].bits, fewer[1].why) == (3072, "the one before has 2048 bits only")
    assert len(foreseen((key("s1", bits=4096),), replace(ONE, bits=3072))) == 1


def test_a_key_that_was_asked_for_says_so():
    assert foreseen((key("s1"),), rotate=True)[1].why == "asked for"


def test_where_there_is_no_selector_the_old_key_goes_on_signing():
    assert foreseen((key("s1"),), name=lambda *_: None, rotate=True) == (key("s1"),)


def test_not_led_the_old_key_goes_on_signing():
    keys = (key("s1"), key("s2", "published", usable=NOW))
    assert foreseen(keys, led=False) == keys


def test_an_apply_with_nothing_due_changes_nothing():
    keys = (key("s0", "revoked"), key("s1", "retiring"), key("s2"))
    assert foreseen(keys, TWO, drained={"s1"}) == keys


# A proof that fails


def test_hosts_go_back_to_the_key_before_and_the_new_one_is_tried_again_after_a_day():
    keys = lifecycle.failed((key("s1"), key("s2", "confirmed")), {"s2"}, ONE, NOW, "mx1: not signed")
    assert signs(keys, ONE, "mx1") == "s1"
    assert (keys[1].state, keys[1].held_back, keys[1].note) == ("published", True, "held back: mx1: not signed")
    assert lifecycle.confirmed(keys, NOW + DAY - timedelta(seconds=1)) == keys
    assert states(lifecycle.confirmed(keys, NOW + DAY)) == {"s1": "active", "s2": "confirmed"}


def test_the_only_key_is_kept_though_its_proof_fails():
    keys = (key("s1", "confirmed"),)
    assert lifecycle.failed(keys, {"s1"}, ONE, NOW, "not signed") == keys


def test_the_first_key_of_one_host_is_kept_though_that_of_another_can_go_back():
    wants = replace(TWO, per_host=True)
    keys = (key("s1"), key("s2", "confirmed", host="mx1"), key("s3", "confirmed", host="mx2"))
    assert states(lifecycle.failed(keys, {"s2", "s3"}, wants, NOW, "")) == {
        "s1": "active",
        "s2": "published",
        "s3": "published",
    }
    alone = lifecycle.failed(keys[1:], {"s2"}, wants, NOW, "")
    assert alone == keys[1:], "mx1 has nothing else to sign with"


def test_of_several_keys_that_fail_at_once_none_is_taken_that_a_host_cannot_do_without():
    keys = (key("s1", "confirmed"), key("s2", "confirmed", age=timedelta()))
    failed = lifecycle.failed(keys, {"s1", "s2"}, ONE, NOW, "")
    assert signs(failed, ONE, "mx1") == "s2"


def test_a_proof_that_fails_takes_nothing_from_the_other_algorithm():
    wants = replace(ONE, algorithms=("rsa", "ed25519"))
    keys = (key("s1"), key("s2", "confirmed", algorithm="ed25519"))
    assert lifecycle.failed(keys, {"s2"}, wants, NOW, "") == keys, "no other Ed25519 key is there"
    both = (*keys, key("s3", "confirmed", age=timedelta()))
    assert states(lifecycle.failed(both, {"s3"}, wants, NOW, ""))["s3"] == "published"


def test_a_proof_that_failed_changes_no_key_that_is_not_about_to_be_signed_with():
    keys = (key("s1"), key("s2", "published"), key("s3", "retiring"))
    assert lifecycle.failed(keys, {"s1", "s2", "s3"}, ONE, NOW, "") == keys


def test_only_the_key_whose_proof_failed_is_held_back():
    keys = (key("s1"), key("s2", "confirmed"), key("s3", "confirmed"))
    assert states(lifecycle.failed(keys, {"s3"}, ONE, NOW, "")) == {
        "s1": "active",
        "s2": "confirmed",
        "s3": "published",
    }


def test_instead_of_a_key_that_is_held_back_another_can_be_asked_for():
    held = lifecycle.failed((key("s1"), key("s2", "confirmed")), {"s2"}, ONE, NOW, "")
    assert states(foreseen(held)) == {"s1": "active", "s2": "published"}
    assert states(foreseen(held, rotate=True)) == {"s1": "active", "s2": "published", "s3": "published"}


def test_of_two_pending_keys_the_older_goes_and_stays_in_dns_if_mail_may_bear_it():
    held = lifecycle.failed((key("s1"), key("s2", "confirmed")), {"s2"}, ONE, NOW, "")
    assert states(foreseen((*held, key("s3", "published", usable=NOW + HOUR))))["s2"] == "retiring"
    never = (key("s1"), key("s2", "published"), key("s3", "published", usable=NOW + HOUR))
    assert states(foreseen(never))["s2"] == "deleted"


# A key that somebody takes out of DNS


@pytest.mark.parametrize("state", ["published", "confirmed"])
def test_a_key_that_was_gone_from_dns_waits_anew_from_when_it_is_seen_there_again(state):
    gone = lifecycle.put_back((key("s1"), key("s2", state)), {"s2"}, ONE, NOW)
    assert (gone[0], gone[1].state, gone[1].usable) == (key("s1"), "published", None)
    assert lifecycle.confirmed(gone, NOW + DAY) == gone, "a run that was killed then has not seen it"
    seen = lifecycle.published(gone, ONE, NOW + DAY, wait)
    assert (seen[0], seen[1].state, seen[1].usable) == (key("s1"), "published", NOW + DAY + HOUR)
    assert signs(seen, ONE, "mx1") == "s1"


def test_the_first_key_waits_too_if_it_was_gone_from_dns():
    gone = lifecycle.put_back((key("s1", "published"),), {"s1"}, ONE, NOW)
    assert lifecycle.published(gone, ONE, NOW, wait)[0].usable == NOW + HOUR, "somebody may have asked for it"


def test_a_key_that_waits_goes_on_waiting_as_long_as_it_was_to():
    keys = (key("s1"), key("s2", "published", usable=NOW + timedelta(minutes=1)))
    assert lifecycle.published(keys, ONE, NOW, wait) == keys


@pytest.mark.parametrize("state", ["generated", "active", "retiring", "revoked", "deleted"])
def test_a_key_hosts_sign_with_or_that_is_new_is_put_back_as_it_was(state):
    keys = (key("s1", state),)
    assert lifecycle.put_back(keys, {"s1"}, ONE, NOW) == keys


def test_the_only_key_a_host_may_sign_with_is_not_taken_from_it_though_it_was_gone_from_dns():
    keys = (key("s1", "confirmed"),)
    assert lifecycle.put_back(keys, {"s1"}, ONE, NOW) == keys


def test_of_a_selector_that_came_round_the_key_it_has_now_is_put_back():
    keys = (key("s1", "deleted"), key("s2"), key("s1", "confirmed"))
    found = lifecycle.put_back(keys, {"s1"}, ONE, NOW)
    assert [it.state for it in found] == ["deleted", "active", "published"]


# Going back


def test_going_back_the_key_that_retired_last_signs_again_at_once():
    keys = foreseen((key("s0", "retiring", 2 * DAY), key("s1", "retiring"), key("s2")), back=True)
    assert states(keys) == {"s0": "retiring", "s1": "active", "s2": "retiring"}
    assert signs(keys, ONE, "mx1") == "s1"


def test_going_back_when_no_key_retires_changes_nothing():
    keys = (key("s0", "revoked"), key("s1"))
    assert foreseen(keys, back=True) == keys


@pytest.mark.parametrize("change", [{"compromised": True}, {"here": False}])
def test_nobody_goes_back_to_a_key_that_is_compromised_or_lost(change):
    keys = (key("s1", "retiring", **change), key("s2"))
    assert lifecycle.returned(keys, ONE, NOW) == keys
    assert signs(foreseen(keys, back=True), ONE, "mx1") == "s2"


def test_who_goes_back_does_not_get_the_key_that_was_on_its_way():
    keys = (key("s0", "retiring"), key("s1"), key("s2", "published", usable=NOW))
    assert states(foreseen(keys, back=True)) == {"s0": "active", "s1": "retiring", "s2": "deleted"}


def test_of_two_keys_that_had_one_selector_the_deleted_one_does_not_come_back():
    gone, retired = key("s1", "deleted", 40 * DAY), key("s1", "retiring", 2 * DAY)
    keys = lifecycle.returned((gone, retired, key("s2")), ONE, NOW)

    assert [it.state for it in keys] == ["deleted", "confirmed", "active"]


def test_a_key_gone_back_to_whose_proof_fails_retires_again():
    keys = lifecycle.returned((key("s1", "retiring"), key("s2")), ONE, NOW)
    assert states(lifecycle.failed(keys, {"s1"}, ONE, NOW, "")) == {"s1": "retiring", "s2": "active"}


# What the operator wants revoked


def test_a_retiring_key_can_be_revoked_early_and_a_key_that_signs_cannot():
    keys = (key("s1", "retiring"), key("s2"))
    assert states(foreseen(keys, revoke={"s1", "s2"})) == {"s1": "revoked", "s2": "active"}


# A key that somebody else may have


def test_to_mark_a_key_as_compromised_leaves_the_others_as_they_are():
    keys = (key("s1"), key("s2"))
    assert lifecycle.compromised(keys, {"s2"}) == (keys[0], replace(keys[1], compromised=True))


def test_a_compromised_key_is_replaced_at_once_and_then_revoked_whatever_queues_hold():
    keys = foreseen((key("s1", compromised=True),))
    assert states(keys) == {"s1": "retiring", "s2": "active"}
    assert keys[1].why == lifecycle.COMPROMISED
    assert states(foreseen(keys)) == {"s1": "revoked", "s2": "active"}


def test_a_compromised_key_signs_until_there_is_another():
    assert signs((key("s1", compromised=True),), ONE, "mx1") == "s1"
    assert states(foreseen((key("s1", compromised=True),), led=False)) == {"s1": "active", "s2": "published"}


def test_a_key_on_its_way_waits_no_longer_when_the_one_before_is_compromised():
    keys = (key("s1", compromised=True), key("s2", "published", usable=NOW + HOUR))
    assert lifecycle.published(keys, ONE, NOW, wait)[1].usable == NOW
    assert states(foreseen(keys)) == {"s1": "retiring", "s2": "active"}


def test_a_key_whose_proof_failed_is_not_what_a_compromised_one_is_replaced_with():
    held = lifecycle.failed((key("s1"), key("s2", "confirmed")), {"s2"}, ONE, NOW, "")
    keys = foreseen(lifecycle.compromised(held, {"s1"}))
    assert states(keys) == {"s1": "retiring", "s2": "published", "s3": "active"}


def test_a_compromised_key_that_is_not_used_yet_is_never_used():
    keys = foreseen((key("s1"), key("s2", "published", compromised=True)))
    assert states(keys) == {"s1": "active", "s2": "deleted"}


def test_a_key_that_is_not_compromised_signs_before_one_confirmed_later():
    assert signs((key("s1", age=DAY), key("s2", compromised=True)), ONE, "mx1") == "s1"


def test_the_name_for_a_key_is_asked_for_as_urgent_only_if_the_one_before_is_compromised():
    asked = []

    def name(_keys, _host, _algorithm, urgent):
        asked.append(urgent)

    foreseen((key("s1", compromised=True),), name=name)
    foreseen((key("s1"),), name=name, rotate=True)
    assert asked == [True, False]


# Key sets


def test_each_host_has_a_key_of_its_own_if_that_is_wanted():
    wants = replace(TWO, per_host=True)
    keys = foreseen((), wants)
    assert [(it.selector, it.host, it.state) for it in keys] == [("s1", "mx1", "active"), ("s2", "mx2", "active")]
    assert [signs(keys, wants, host) for host in wants.hosts] == ["s1", "s2"]


def test_from_shared_keys_to_keys_per_host_the_shared_one_signs_until_all_hosts_have_theirs():
    wants = replace(TWO, per_host=True)
    keys = foreseen((key("s1"),), wants)
    assert states(keys) == {"s1": "active", "s2": "published", "s3": "published"}
    first = lifecycle.settled((key("s1"), key("s2", host="mx1"), keys[2]), wants, NOW)
    assert [signs(first, wants, host) for host in wants.hosts] == ["s2", "s1"]
    assert states(first) == {"s1": "active", "s2": "active", "s3": "published"}
    both = (key("s1"), key("s2", host="mx1"), key("s3", "confirmed", host="mx2"))
    assert states(lifecycle.settled(both, wants, NOW)) == {"s1": "retiring", "s2": "active", "s3": "active"}


def test_from_keys_per_host_to_a_shared_one_each_host_signs_with_its_own_until_then():
    own = (key("s1", host="mx1"), key("s2", host="mx2"))
    keys = foreseen(own, TWO)
    assert (states(keys), keys[2].host) == ({"s1": "active", "s2": "active", "s3": "published"}, None)
    assert [signs(keys, TWO, host) for host in TWO.hosts] == ["s1", "s2"]
    later = foreseen((*own, replace(keys[2], usable=NOW)), TWO)
    assert states(later) == {"s1": "retiring", "s2": "retiring", "s3": "active"}


def test_who_wants_shared_keys_again_in_the_midst_of_the_change_keeps_the_one_there_is():
    keys = (key("s1"), key("s2", host="mx1", age=timedelta()), key("s3", "published", host="mx2"))
    assert states(foreseen(keys, TWO)) == {"s1": "active", "s2": "retiring", "s3": "deleted"}


def test_no_host_signs_with_the_key_of_another():
    wants = replace(TWO, per_host=True)
    assert signs((key("s1", host="mx1"),), wants, "mx2") is None
    assert signs((key("s1", host="mx1"),), TWO, "mx2") is None


def test_a_second_algorithm_waits_for_the_caches_and_is_a_key_set_of_its_own():
    wants = replace(ONE, algorithms=("rsa", "ed25519"))
    keys = foreseen((key("s1"),), wants)
    assert [(it.algorithm, it.bits, it.state) for it in keys[1:]] == [("ed25519", 256, "published")]
    later = foreseen((keys[0], replace(keys[1], usable=NOW)), wants)
    assert [signs(later, wants, "mx1", algorithm) for algorithm in wants.algorithms] == ["s1", "s2"]
    assert states(later) == {"s1": "active", "s2": "active"}


def test_the_keys_of_an_algorithm_that_is_no_longer_wanted_retire():
    assert states(foreseen((key("s1"), key("s2", algorithm="ed25519", bits=256)))) == {"s1": "active", "s2": "retiring"}


def test_more_bits_are_wanted_of_rsa_only():
    wants = replace(ONE, algorithms=("rsa", "ed25519"), bits=4096)
    keys = foreseen((key("s1", bits=4096), key("s2", algorithm="ed25519", bits=256)), wants)
    assert len(keys) == 2


# Hosts and domains that come and go


def test_a_host_that_is_added_signs_with_the_key_of_all():
    assert foreseen((key("s1"),), TWO) == (key("s1"),)
    assert signs((key("s1"),), TWO, "mx2") == "s1"


def test_a_host_that_is_added_where_each_has_its_own_key_gets_one_at_once():
    wants = replace(TWO, per_host=True)
    keys = foreseen((key("s1", host="mx1"),), wants)
    assert [(it.host, it.state, it.usable) for it in keys[1:]] == [("mx2", "active", NOW)]


def test_the_key_of_a_host_that_no_longer_sends_for_the_domain_retires():
    keys = (key("s1", host="mx1"), key("s2", host="mx2"))
    assert states(foreseen(keys, replace(ONE, per_host=True))) == {"s1": "active", "s2": "retiring"}


def test_the_keys_of_a_domain_taken_out_of_the_inventory_are_seen_to_their_end():
    keys = (key("s1"), key("s2", "published"), key("s3", "generated"))
    gone = foreseen(keys, Wants(()))
    assert states(gone) == {"s1": "retiring", "s2": "deleted", "s3": "deleted"}
    assert states(foreseen((key("s1", "retiring", 8 * DAY),), Wants(()), drained={"s1"})) == {"s1": "revoked"}
    assert states(foreseen((key("s1", "revoked", 31 * DAY),), Wants(()))) == {"s1": "deleted"}


def test_a_domain_that_comes_back_while_its_key_retires_gets_a_new_one():
    assert states(foreseen((key("s1", "retiring"),))) == {"s1": "retiring", "s2": "active"}


# The end of a key


@pytest.mark.parametrize(
    ("age", "drained", "state"),
    [
        (7 * DAY, {"s1"}, "revoked"),
        (7 * DAY - timedelta(seconds=1), {"s1"}, "retiring"),
        (400 * DAY, set(), "retiring"),
        (400 * DAY, {"s2"}, "retiring"),
    ],
)
def test_a_key_is_revoked_when_its_time_is_over_and_no_queue_holds_mail_of_it(age, drained, state):
    assert states(foreseen((key("s1", "retiring", age), key("s2")), drained=drained))["s1"] == state


def test_a_key_that_was_not_seen_off_every_host_is_not_revoked():
    keys = (key("s1", "retiring", 400 * DAY, off_hosts=None), key("s2"))
    assert states(foreseen(keys, drained={"s1"}))["s1"] == "retiring"


def test_the_operator_may_have_a_key_revoked_that_was_not_seen_off_every_host():
    assert states(foreseen((key("s1", "retiring", off_hosts=None), key("s2")), revoke={"s1"}))["s1"] == "revoked"


def test_queues_are_asked_only_for_keys_whose_time_is_over_and_that_lie_on_no_host():
    keys = (
        key("s0", "retiring", 7 * DAY, off_hosts=None),
        key("s1", "retiring", 7 * DAY),
        key("s2", "retiring", 6 * DAY),
        key("s3", "retiring", 9 * DAY, compromised=True),
        key("s4", age=9 * DAY),
        key("s5", "revoked", 9 * DAY),
    )
    assert [it.selector for it in lifecycle.outlived(keys, ONE, NOW)] == ["s1"]


@pytest.mark.parametrize(("age", "state"), [(30 * DAY - timedelta(seconds=1), "revoked"), (30 * DAY, "deleted")])
def test_a_key_stays_revoked_for_its_time(age, state):
    assert states(foreseen((key("s1", "revoked", age), key("s2"))))["s1"] == state


def test_the_time_of_a_revoked_key_counts_from_when_dns_said_so():
    keys = (
        key("s1", "revoked", 90 * DAY, told=NOW - 30 * DAY + HOUR),
        key("s2", "revoked", 90 * DAY, told=None),
        key("s3"),
    )
    assert states(foreseen(keys)) == {"s1": "revoked", "s2": "revoked", "s3": "active"}
    assert states(lifecycle.aged(keys, ONE, Facts(NOW + HOUR)))["s1"] == "deleted"


def test_when_dns_said_what_it_is_to_say_is_noted_once_and_of_these_keys_alone():
    keys = (
        key("s1", "revoked", told=None),
        key("s2", "deleted", told=None),
        key("s3", "revoked"),
        key("s4", "retiring"),
        key("s5"),
    )
    found = lifecycle.told(keys, NOW)
    assert [it.told for it in found] == [NOW, NOW, NOW - HOUR, None, None]
    assert lifecycle.told(found, NOW + DAY) == found


def test_that_dns_said_a_key_is_revoked_does_not_mean_it_said_that_it_is_deleted():
    (found, _) = foreseen((key("s1", "revoked", 30 * DAY), key("s2")))
    assert (found.state, found.told) == ("deleted", None)


def test_a_delegated_selector_comes_round_again_when_its_key_is_deleted():
    def fixed(keys, _host, _algorithm, urgent):
        return next_fixed(("pw1", "pw2"), keys, urgent=urgent)

    both = (key("pw1", "revoked"), key("pw2"))
    assert foreseen(both, name=fixed, rotate=True) == both
    shown = (key("pw1", "deleted", told=None), key("pw2"))
    assert foreseen(shown, name=fixed, rotate=True) == shown, "DNS may show it still"
    gone = foreseen((key("pw1", "deleted"), key("pw2")), name=fixed, rotate=True)
    assert [(it.selector, it.state) for it in gone] == [("pw1", "deleted"), ("pw2", "active"), ("pw1", "published")]


def test_all_hosts_of_a_domain_are_switched_before_the_old_key_retires():
    """Nothing but ``settled`` retires a key that signs, and that is called when every host was proven."""
    keys = (key("s1"), key("s2", "published", usable=NOW))
    done = lifecycle.confirmed(lifecycle.aged(keys, TWO, Facts(NOW)), NOW)
    assert states(done) == {"s1": "active", "s2": "confirmed"}
    assert states(lifecycle.settled(done, TWO, NOW)) == {"s1": "retiring", "s2": "active"}


# What hosts have


def test_a_host_has_what_it_signs_with_and_what_it_may_go_back_to():
    retired = key("s1", "retiring", off_hosts=None)
    keys = (retired, key("s2"), key("s3", "confirmed"), key("s4", "published"), key("s5", "revoked"))
    assert list(signing_of.held("example.com", keys, "mx1", ONE, NOW)) == [
        Held("example.com", "s1", "rsa", signs=False),
        Held("example.com", "s2", "rsa", signs=False),
        Held("example.com", "s3", "rsa", signs=True),
    ]


@pytest.mark.parametrize("change", [{"here": False}, {"compromised": True}, {"host": "mx2"}, {"algorithm": "ed25519"}])
def test_a_host_does_not_have_what_it_could_not_go_back_to(change):
    keys = (key("s1", "retiring", **{"off_hosts": None} | change), key("s2"))
    assert [it.selector for it in signing_of.held("example.com", keys, "mx1", ONE, NOW)] == ["s2"]


def test_a_retired_key_lies_on_hosts_for_a_day():
    keys = (key("s1", "retiring", KEPT - timedelta(seconds=1), off_hosts=None), key("s2"))
    assert [it.selector for it in signing_of.held("example.com", keys, "mx1", ONE, NOW)] == ["s1", "s2"]
    later = NOW + timedelta(seconds=1)
    assert [it.selector for it in signing_of.held("example.com", keys, "mx1", ONE, later)] == ["s2"]


def test_a_key_that_went_off_the_hosts_does_not_come_back_when_the_clock_goes_back():
    keys = lifecycle.reclocked((key("s1", "retiring", -2 * DAY, off_hosts=NOW + 3 * DAY), key("s2")), NOW)
    assert [it.selector for it in signing_of.held("example.com", keys, "mx1", ONE, NOW)] == ["s2"]


def test_a_retired_key_is_off_the_hosts_only_when_they_were_brought_to_it_after_that_day():
    keys = (key("s1", "retiring", KEPT - timedelta(seconds=1), off_hosts=None), key("s2"))
    assert signing_of.taken_off(keys, TWO, NOW) == keys
    later = NOW + timedelta(seconds=1)
    assert [it.off_hosts for it in signing_of.taken_off(keys, TWO, later)] == [later, None]


def test_when_a_key_went_off_the_hosts_is_noted_once():
    keys = (key("s1", "retiring", 2 * DAY), key("s2"))
    assert signing_of.taken_off(keys, ONE, NOW) == keys


@pytest.mark.parametrize("state", ["generated", "published", "confirmed", "active", "revoked"])
def test_only_a_retiring_key_goes_off_the_hosts(state):
    keys = (key("s1", state, 9 * DAY, off_hosts=None), key("s2"))
    assert signing_of.taken_off(keys, ONE, NOW) == keys


def test_a_compromised_key_and_those_of_a_domain_that_is_gone_are_off_the_hosts_at_once():
    stolen = (key("s1", "retiring", off_hosts=None, compromised=True), key("s2"))
    assert signing_of.taken_off(stolen, ONE, NOW)[0].off_hosts == NOW
    assert signing_of.taken_off((key("s1", "retiring", off_hosts=None),), Wants(()), NOW)[0].off_hosts == NOW


def test_a_key_gone_back_to_lies_on_hosts_again_and_must_be_taken_off_anew():
    keys = lifecycle.returned((key("s1", "retiring", 2 * DAY), key("s2")), ONE, NOW)
    assert keys[0].off_hosts is None
    again = lifecycle.failed(keys, {"s1"}, ONE, NOW, "")
    assert (again[0].state, again[0].off_hosts) == ("retiring", None)
    assert lifecycle.outlived(again, ONE, NOW + 9 * DAY) == []


# Clocks


def test_a_clock_that_ran_ahead_makes_no_key_wait_for_years():
    ahead = 3650 * DAY
    keys = (key("s1", "retiring", -ahead), key("s2", "published", -ahead, usable=NOW + ahead + HOUR))
    first, second = lifecycle.reclocked(keys, NOW)
    assert (first.since, set(first.history.values())) == (NOW, {NOW})
    assert (second.since, second.usable) == (NOW, NOW + HOUR), "the wait starts anew, and is as long as it was"


def test_a_clock_that_is_some_minutes_off_changes_nothing():
    keys = (key("s1", "retiring", -timedelta(minutes=4)),)
    assert lifecycle.reclocked(keys, NOW) == keys


def test_after_the_clock_went_back_a_key_retires_for_its_whole_time_once_more():
    keys = (key("s1", "retiring", -DAY), key("s2"))
    assert foreseen(keys, drained={"s1"})[0].since == NOW
    assert lifecycle.outlived(keys, ONE, NOW) == []
    assert states(foreseen((key("s1", "revoked", -DAY),), Wants(()))) == {"s1": "revoked"}


def test_what_was_told_and_taken_off_under_a_wrong_clock_counts_from_now():
    (retired, gone) = lifecycle.reclocked(
        (key("s1", "retiring", off_hosts=NOW + DAY), key("s2", "revoked", 40 * DAY, told=NOW + DAY)), NOW
    )
    assert (retired.off_hosts, gone.told) == (NOW, NOW)
    assert (retired.since, gone.since) == (NOW - HOUR, NOW - 40 * DAY)


def test_what_lies_in_the_past_is_kept():
    history = {"generated": NOW - DAY, "published": NOW - HOUR, "confirmed": NOW + DAY}
    (found,) = lifecycle.reclocked((key("s1", "confirmed", history=history, usable=NOW - HOUR),), NOW)
    assert (found.history, found.usable) == ({**history, "confirmed": NOW}, NOW - HOUR)


# The way through the states


@pytest.mark.parametrize("state", STATES)
def test_a_key_never_leaves_the_way_of_its_life(state):
    there = key("s1", state)
    allowed = set()
    for other in STATES:
        try:
            assert there.to(other, NOW).since == NOW
            allowed.add(other)
        except ValueError as error:
            assert str(error) == f"s1: a key that is {state} never becomes {other}"  # noqa: PT017
    assert (
        allowed
        == {
            "generated": {"published", "deleted"},
            "published": {"confirmed", "retiring", "deleted"},
            "confirmed": {"active", "retiring", "published"},
            "active": {"retiring"},
            "retiring": {"confirmed", "revoked"},
            "revoked": {"deleted"},
            "deleted": set(),
        }[state]
    )
