"""Keys that could not be rotated as the inventory says are refused at once, with what to do."""

import pytest
from support import another_host, host_data, mail_fleet, problems

PLACE = "mail_fleet.domains[1] (customer.example).delegated.selectors"


def said(tmp_path, selectors=("pw1", "pw2"), hosts=1, **keys):
    """What is wrong with a fleet of so many hosts, a customer who leads us these selectors, and these options of keys."""
    to = {"to": "customer.example.com", "selectors": list(selectors), "dmarc": False, "return_path": None}
    fleet = mail_fleet(domains=[{"name": "example.com"}, {"name": "customer.example", "mx": "keep", "delegated": to}])
    fleet["keys"] |= keys
    others = [another_host(f"mx{number}", fleet, addresses=[(f"192.0.2.{number}", f"mx{number}.example.com")]) for number in range(2, hosts + 1)]  # fmt: skip
    return problems(tmp_path, host_data(fleet=fleet), *others)


def names(number):
    return [f"pw{position}" for position in range(1, number + 1)]


@pytest.mark.parametrize(
    ("needed", "hosts", "keys"),
    [
        (1, 1, {}),
        (1, 2, {}),
        (2, 1, {"algorithm": "rsa+ed25519"}),
        (2, 2, {"per_host": True}),
        (4, 2, {"per_host": True, "algorithm": "rsa+ed25519"}),
        (2, 1, {"rotate_every": "90d"}),
        (4, 2, {"per_host": True, "rotate_every": "90d"}),
        (8, 2, {"per_host": True, "algorithm": "rsa+ed25519", "rotate_every": "90d"}),
    ],
)
def test_a_customer_leads_us_as_many_selectors_as_keys_sign_and_twice_that_where_they_rotate(
    tmp_path, needed, hosts, keys
):
    assert said(tmp_path, names(needed), hosts, **keys) == []
    if needed > 1:
        (problem,) = said(tmp_path, names(needed - 1), hosts, **keys)
        assert problem.startswith(
            f"{PLACE}: names {needed - 1}, but {needed} are needed: a key each for its hosts and algor"
        )
        assert ("and as many for the next ones" in problem) == ("rotate_every" in keys)
        assert problem.endswith("add some and have their CNAMEs set")


@pytest.mark.parametrize(
    ("selectors", "rotate_every", "enough"),
    [(2, "37d", True), (2, "36d", False), (3, "19d", True), (3, "18d", False), (4, "13d", True), (4, "12d", False)],
)
def test_keys_rotate_no_faster_than_selectors_come_free(tmp_path, selectors, rotate_every, enough):
    found = said(tmp_path, names(selectors), rotate_every=rotate_every)
    expected = (
        f"{PLACE}: {selectors} are too few to rotate every {rotate_every}: one is free again 37 days after its key was "
        "replaced; add some, or rotate less often"
    )
    assert found == ([] if enough else [expected])


def test_a_key_that_stays_revoked_for_longer_keeps_its_selector_for_longer(tmp_path):
    assert said(tmp_path, rotate_every="90d", keep_revoked="83d") == []
    (problem,) = said(tmp_path, rotate_every="90d", keep_revoked="84d")
    assert "one is free again 91 days after" in problem


def test_each_key_set_takes_its_own_share_of_the_selectors(tmp_path):
    both = {"algorithm": "rsa+ed25519", "rotate_every": "30d"}
    assert said(tmp_path, names(6), **both) == []
    (problem,) = said(tmp_path, names(5), **both)
    assert "5 are too few to rotate every 30d" in problem


def test_a_domain_with_selectors_of_our_own_may_rotate_as_often_as_it_likes(tmp_path):
    assert problems(tmp_path, host_data(fleet=mail_fleet(keys=mail_fleet()["keys"] | {"rotate_every": "1d"}))) == []


def test_a_host_whose_name_is_too_long_for_a_selector_is_named(tmp_path):
    keys = mail_fleet()["keys"] | {"selector": "{host}-{date}"}
    long = "a" * 55
    fleet = mail_fleet(keys=keys)
    (problem,) = problems(tmp_path, host_data(long, fleet=fleet), another_host("mx2", fleet))
    assert problem == (
        f"mail_fleet.keys.selector: with host {long} it makes '{long}-20261122', which is no DNS label; leave {{host}} out"
    )
    assert problems(tmp_path, host_data("a" * 54, fleet=fleet), another_host("mx2", fleet)) == []


def test_the_name_of_a_host_does_not_matter_where_it_is_not_part_of_the_selector(tmp_path):
    assert problems(tmp_path, host_data("a" * 70)) == []
