"""The lab's arithmetic: names, numbers, addresses and the zones they are in."""

from ipaddress import ip_address

import pytest

from postwright.errors import LabError
from postwright.lab.layout import HOSTS, Layout
from postwright.lab.machine import reachable_nameservers


@pytest.mark.parametrize(("name", "number"), [("lab", 0), ("lab1", 1), ("lab9", 9)])
def test_a_name_gives_the_number(name, number):
    assert Layout.named(name).number == number


@pytest.mark.parametrize("name", ["lab0", "lab10", "lab/../x", "prod", "lab\n"])
def test_other_names_are_refused(name):
    with pytest.raises(LabError, match="lab1 to lab9"):
        Layout.named(name)


def test_the_environment_names_the_lab(monkeypatch):
    monkeypatch.setenv("POSTWRIGHT_LAB", "lab3")

    assert Layout.named().bridge == "pw3"


def test_both_addresses_end_in_the_same_digits():
    assert Layout.named("lab").addresses("mx1") == ("10.78.0.10", "fd78::10")
    assert Layout.named("lab9").addresses("receiver") == ("10.78.9.20", "fd78:0:0:9::20")
    assert Layout.named("lab9").resolvers == ("10.78.9.54", "fd78:0:0:9::54")


def test_reverse_zones_hold_the_addresses():
    layout = Layout.named("lab9")
    for host in HOSTS:
        v4, v6 = layout.addresses(host)

        assert ip_address(v4).reverse_pointer.endswith("." + layout.v4_reverse_zone)
        assert ip_address(v6).reverse_pointer.endswith("." + layout.v6_reverse_zone)


def test_names_of_links_fit_the_kernel():
    assert max(len(Layout.named("lab9").unit(host)) for host in HOSTS) < 16


def test_an_unknown_host_is_named_with_the_known_ones():
    with pytest.raises(
        LabError, match="'mx9'; the hosts are mx1, mx2, mx3, mx4, mx5, mx6, mx7, mx8, mx12, receiver, ns"
    ):
        Layout.named("lab").unit("mx9")


def test_resolvers_on_loopback_are_out_of_reach_for_a_host():
    text = "# nameserver 9.9.9.9\nnameserver 127.0.0.53\nnameserver 192.0.2.1\nnameserver 2001:db8::1\noptions edns0\n"

    assert reachable_nameservers(text) == ["192.0.2.1"]
