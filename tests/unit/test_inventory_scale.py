"""Thousands of domains: the work grows with their number, not with its square. Calls are counted, not seconds."""

import sys

import pytest
from support import another_host, certificate, host_data, mail_fleet, write_files, write_private

from postwright import describe
from postwright.errors import InventoryError
from postwright.inventory import Project, project_of
from postwright.services.bundle import bundle
from postwright.services.parts import Context, HostSecrets, SigningKey

MANY = 2000


def fleet_of(count, **domain):
    """As many domains as that, each in a zone of its own, each with a login."""
    names = [f"shop{number}.example" for number in range(count)]
    return mail_fleet(
        domains=[{"name": name, "aliases": {"sales": "a@example.net"}, **domain} for name in names],
        zones=[{"name": name, "provider": "ns1"} for name in ("example.com", *names)],
        logins=[{"login": f"app@{name}", "password_hash": "app.hash", "senders": [f"@{name}"]} for name in names],
    )


def project(base, count):
    fleet = fleet_of(count)
    return project_of([host_data(fleet=fleet), another_host(fleet=fleet)], base / "inventory.py")


def files_of(made):
    host = made.fleet.hosts[0]
    keys = tuple(SigningKey(domain.name, "s1", b"") for domain in made.fleet.domains_of(host))
    return {file.path: file for file in bundle(Context(made.fleet, host, "13", HostSecrets(keys))).files}


def calls(function, *arguments):
    """How many functions of Python or C it takes."""
    count = 0

    def counted(_frame, event, _argument):
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(counted)
    try:
        function(*arguments)
    finally:
        sys.setprofile(None)
    return count


@pytest.fixture
def base(tmp_path):
    write_files(tmp_path)
    write_private(tmp_path / "tls.crt", certificate("mx1.example.com")[0])
    return tmp_path


def test_a_fleet_of_thousands_of_domains_is_valid_and_renders(base):
    made = project(base, MANY)
    assert isinstance(made, Project)
    files = files_of(made)
    assert files["/etc/postwright/dkim/SigningTable"].content.count(b"\nshop") == MANY
    assert files["/etc/postwright/dkim/KeyTable"].content.count(b"/s1.pem\n") == MANY
    assert sum(path.endswith("/s1.pem") for path in files) == MANY
    assert files["/etc/postfix/virtual"].content.count(b"\nsales@shop") == MANY


def test_all_problems_of_thousands_of_domains_are_told(base):
    fleet = fleet_of(MANY, hosts=["mx9"])
    with pytest.raises(InventoryError) as caught:
        project_of([host_data(fleet=fleet)], base / "inventory.py")
    assert sum("no host 'mx9'" in problem for problem in caught.value.problems) == MANY


@pytest.mark.parametrize("what", [project_of, files_of, describe.summary, describe.records])
def test_twice_the_domains_are_twice_the_work(base, what):
    small, large = 100, 200
    if what is project_of:
        counts = [calls(project, base, count) for count in (small, large)]
    else:
        projects = [project(base, count) for count in (small, large)]
        what(projects[0])  # what is loaded once is not counted
        counts = [calls(what, made) for made in projects]
    assert counts[1] < 2.2 * counts[0]
