"""The lab installs from the mirror the machine itself uses, whatever the form of its apt sources."""

import pytest

from postwright.lab.mirror import choose

ONE_LINE = """
# deb http://old.example/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/x.gpg] http://mirror.example/debian/ bookworm main contrib
deb-src http://mirror.example/debian bookworm main
deb http://mirror.example/debian-security bookworm-security main
"""
DEB822 = """
Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb deb-src
URIs: http://mirror.example/debian-security
Suites: bookworm-security
"""
CLOUD = """
Types: deb
URIs: mirror+file:///etc/apt/mirrors/debian.list
Suites: bookworm

Types: deb
URIs: mirror+file:///etc/apt/mirrors/debian-security.list
Suites: bookworm-security
"""
OTHERS = """
deb https://packages.example/tools bookworm main

Types: deb
URIs: http://disabled.example/debian
Suites: bookworm
Enabled: no
"""
EXPECTED = ("http://mirror.example/debian", "http://mirror.example/debian-security")


@pytest.mark.parametrize("text", [ONE_LINE, DEB822])
def test_both_forms_are_read(text):
    assert choose([OTHERS, text], "bookworm") == EXPECTED


def test_a_list_of_mirrors_counts():
    assert choose([CLOUD], "bookworm") == (
        "mirror+file:///etc/apt/mirrors/debian.list",
        "mirror+file:///etc/apt/mirrors/debian-security.list",
    )


@pytest.mark.parametrize(("text", "codename"), [(OTHERS, "bookworm"), (DEB822, "noble"), ("", "bookworm")])
def test_no_mirror_is_no_guess(text, codename):
    assert choose([text], codename) is None
