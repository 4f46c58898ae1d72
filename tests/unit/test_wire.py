"""An inventory comes through to the other process as it was, in JSON, and a shared fleet comes once."""

import json
from ipaddress import ip_address
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from support import another_host, host_data, mail_fleet, mail_host, project

from postwright.wire import HostData, packed, plain, unpacked

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.builds(object)
    | st.builds(Path),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers() | st.tuples(st.text()), inner, max_size=3)
        | st.frozensets(st.text() | st.integers(), max_size=3)
    ),
    max_leaves=8,
)


def through(*hosts, clashes=()):
    return unpacked(json.loads(json.dumps(packed(hosts, clashes))))


def test_a_project_is_the_same_on_both_sides(tmp_path):
    fleet = mail_fleet()
    hosts = [host_data(fleet=fleet, ssh_port=2222, _sudo=True), another_host(fleet=fleet)]
    received, clashes = through(*hosts)
    assert project(tmp_path, *received) == project(tmp_path, *hosts)
    assert clashes == []


def test_python_types_that_json_lacks_are_understood_on_the_other_side(tmp_path):
    host = mail_host(roles={"submission", "mx"}, addresses=((ip_address("192.0.2.10"), "mx1.example.com"),))
    fleet = mail_fleet(keys={"directory": Path("keys"), "passphrase": {"file": Path("passphrase")}})
    received, _ = through(HostData("mx1", {"mail_host": host, "mail_fleet": fleet}))
    made = project(tmp_path, *received).fleet
    assert made.hosts[0].roles == {"submission", "mx"}
    assert made.keys.directory == Path("keys")


def test_a_fleet_that_hosts_share_is_carried_once():
    fleet = mail_fleet()
    text = json.dumps(packed([host_data(f"mx{number}", fleet=fleet) for number in range(50)]))
    assert text.count("postmaster") == 1
    received, _ = unpacked(json.loads(text))
    assert all(host.data["mail_fleet"] is received[0].data["mail_fleet"] for host in received)


def test_fleets_that_differ_come_through_as_they_were():
    received, _ = through(host_data(), another_host(fleet={}), HostData("web1", {}))
    assert received[1].data["mail_fleet"] == {}
    assert "mail_fleet" not in received[2].data


def test_what_is_not_ours_stays_where_it_is():
    (host,), _ = through(host_data(of_mine=1, my_own=object()))
    assert set(host.data) == {"ssh_hostname", "mail_host", "mail_fleet"}


def test_clashes_come_through():
    assert through(host_data(), clashes=["one", "two"])[1] == ["one", "two"]


@given(ANYTHING)
def test_whatever_python_can_hold_json_can_carry(value):
    json.dumps(plain(value))
