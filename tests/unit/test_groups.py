"""What pyinfra merges or leaves out without a word is told before it does."""

import pytest

from postwright.groups import problems

MX1 = ("mx1", {"mail_host": {}})


def test_sound_groups_have_no_problems():
    groups = {"mail_hosts": [MX1, "mx2"], "mail": (["mx1", "mx2"], {"mail_fleet": {}}), "web": ["web1"], "all": ["mx1"]}
    assert problems(groups) == []


def test_what_is_no_group_is_left_alone():
    assert problems({"ports": [25, 587], "_helper": (), "number": 3, "__builtins__": {}, "nothing": []}) == []


def test_a_host_twice_in_one_list_is_told():
    assert problems({"mail_hosts": [MX1, "mx1"]}) == ["mail_hosts: host mx1 stands there 2 times; keep one entry"]


def test_a_host_defined_in_two_groups_is_told():
    found = problems({"east": [MX1], "west": [MX1], "mail": ["mx1"]})
    assert found == ["west: host mx1 has mail_host already in east; define it once, name it elsewhere"]


def test_two_fleets_for_one_host_are_told():
    found = problems({"mail": (["mx1"], {"mail_fleet": {}}), "more": (["mx1"], {"mail_fleet": {}})})
    assert found == ["more: mail_fleet is given already by mail, for the same hosts; define it once"]


def test_two_fleets_of_different_hosts_are_no_clash_here():
    assert problems({"mail": (["mx1"], {"mail_fleet": {}}), "more": (["mx2"], {"mail_fleet": {}})}) == []


@pytest.mark.parametrize(
    "value", [("mx1", {"mail_fleet": {}}), (), (["mx1"],), (["mx1"], {}, {}), (["mx1"], None), (5, {}), (1, 2, 3)]
)
def test_a_pair_that_is_no_group_is_told(value):
    (found,) = problems({"mail": value})
    assert found.startswith("mail: a group is a list of hosts, or a pair")


@pytest.mark.parametrize("entry", [{"mx1": {}}, ("mx1",), ("mx1", 5), (5, {}), "", ("", {}), ("mx1", {}, {})])
def test_what_is_no_host_is_told_with_its_position(entry):
    for value in (["web1", entry], (["web1", entry], {})):
        (found,) = problems({"mail": value})
        assert found.startswith("mail[1]: a host is a name, or a pair of a name and a mapping of data")


def test_all_groups_are_judged():
    assert len(problems({"a": (), "b": [MX1, MX1], "c": [("x",)]})) == 3
