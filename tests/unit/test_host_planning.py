"""Planning takes a host to be what it was last: a right guess costs one look, a wrong one two and never a wrong plan."""

import json
from hashlib import sha256

import pytest
from support import another_host, context, host_data, project

from postwright.errors import DeployError
from postwright.hosts import planning
from postwright.hosts.bundles import HostState
from postwright.services.bundle import bundle
from postwright.terms import OfHosts

RUNNING = {"enabled": True, "active": True, "current": True, "loaded": True, "wanted_here": True}
FIT = {
    "id": "debian",
    "cores": 2,
    "memory": 4096,
    "pretty": "Debian",
    "root": True,
    "systemd": True,
    "free": {"/etc": 10**9, "/var": 10**9},
    "applying": None,
    "reached": [],
    "tunnel": {},
    "tunnel_end": {"addresses": [], "port": "", "key": ""},
}


class World:
    """Hosts that are as described by the inventory, but for what a test changes. ``looks``: what each was asked for."""

    def __init__(self, monkeypatch, base, *hosts):
        self.project = project(base, *hosts)
        self.releases = dict.fromkeys((host.name for host in self.project.fleet.hosts), "13")
        self.drained, self.down = set(), set()
        self.changed = {}  # path → what is there instead
        self.looks = []
        self.patch = monkeypatch
        monkeypatch.setattr(planning.process, "asked", self.asked)
        monkeypatch.setattr(planning.material, "passphrase_of", lambda _: "")
        monkeypatch.setattr(planning, "planned_bundle", self.bundle)
        monkeypatch.setattr("time.time", lambda: 1000.0)

    def bundle(self, made, host, state, _passphrase, _held):
        sample = context(made.base)
        return bundle(type(sample)(made.fleet, host, state.release, sample.secrets, drained=state.drained))

    def asked(self, request):
        def answer(report):
            for host, asked in request["requests"].items():
                if host in self.down:
                    continue
                self.looks.append((host, sorted(asked)))
                report({"event": "seen", "host": host, "answer": self.answer(host, asked)})
            return {host: f"host {host}: gone" for host in request["requests"] if host in self.down}

        return answer

    def answer(self, host, asked):
        if "texts" in asked:
            return {"texts": {path: self.changed[path].decode() for path in asked["texts"]}, "login": "publickey"}
        state = HostState(self.releases[host], drained=host in self.drained)
        wanted = self.bundle(self.project, self.project.fleet.host(host), state, "", ())
        files = {it.path: self.file(it) for it in wanted.files if it.path in asked["files"]}
        folders = {it.path: self.entry(it, regular=False) for it in wanted.directories if it.path in asked["files"]}
        system = {**FIT, "release": self.releases[host], "clock": 1000.0, "drained": host in self.drained}
        return {
            "system": system, "listeners": {}, "foreign": {}, "login": "publickey",
            "packages": dict.fromkeys(wanted.packages, "1"), "guarded": False, "certificate": True,
            "managed": [it.path for it in wanted.files], "files": files | folders,
            "services": {it["name"]: RUNNING for it in asked["services"]},
        }  # fmt: skip

    def file(self, it):
        return self.entry(it) | {"sha256": sha256(self.changed.get(it.path, it.content)).hexdigest()}

    def entry(self, it, *, regular=True):
        return {"mode": it.mode, "owner": it.owner, "group": it.group, "regular": regular, "directory": not regular}

    def plan(self, terms=OfHosts()):  # noqa: B008 - it is frozen
        self.looks.clear()
        planned = planning.begun(self.project, dict.fromkeys(self.releases, ()), terms)()
        self.unreachable = planned.unreachable
        return planned.plans

    @property
    def asked_of(self):
        return [host for host, _ in self.looks]


@pytest.fixture
def world(monkeypatch, tmp_path):
    return World(monkeypatch, tmp_path, host_data(), another_host())


def test_hosts_that_are_as_described_are_looked_at_once_and_have_empty_plans(world):
    plans = world.plan()

    assert [(plan.host, plan.changes) for plan in plans] == [("mx1", 0), ("mx2", 0)]
    assert world.asked_of == ["mx1", "mx2"]


def test_a_host_that_is_not_what_it_was_taken_for_is_looked_at_again_that_once(world):
    world.releases["mx2"] = "12"

    assert [plan.changes for plan in world.plan()] == [0, 0]
    assert world.asked_of == ["mx1", "mx2", "mx2"]
    assert [plan.changes for plan in world.plan()] == [0, 0]
    assert world.asked_of == ["mx1", "mx2"]


def test_a_host_that_somebody_drained_meanwhile_is_planned_as_drained(world):
    world.plan()
    world.drained.add("mx1")

    assert [(plan.drained, plan.changes) for plan in world.plan()] == [(True, 0), (False, 0)]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"mx1": 5}', '{"mx1": {"release": "12", "colour": "red"}}'])
def test_a_memory_that_makes_no_sense_is_none(world, text):
    first = world.plan()
    (world.project.base / ".postwright/hosts.json").write_text(text)

    assert world.plan() == first


def test_a_memory_that_cannot_be_kept_stops_nobody(world):
    (world.project.base / ".postwright").write_text("")

    assert [plan.changes for plan in world.plan()] == [0, 0]


def test_only_the_text_of_what_differs_is_asked_for(world):
    world.changed["/etc/postfix/main.cf"] = b"myhostname = elsewhere\n"
    plans = world.plan()

    assert [[change.path for change in plan.files] for plan in plans] == [["/etc/postfix/main.cf"]] * 2
    assert "-myhostname = elsewhere" in plans[0].files[0].diff
    assert world.looks[2:] == [("mx1", ["texts"]), ("mx2", ["texts"])]


def test_what_was_known_of_hosts_that_are_not_meant_now_stays_known(world):
    world.releases["mx2"] = "12"
    world.plan()
    world.project = world.project.only(["mx1"])
    world.plan()

    assert set(json.loads((world.project.base / ".postwright/hosts.json").read_text())) == {"mx1", "mx2"}


def test_every_host_that_is_not_fit_is_named(world):
    world.releases |= {"mx1": "11", "mx2": "10"}
    world.bundle = lambda made, host, _state, *rest: World.bundle(world, made, host, HostState("13"), *rest)
    with pytest.raises(DeployError) as refused:
        world.plan()

    assert [line.partition(":")[0] for line in str(refused.value).splitlines()] == [
        "host mx1",
        "host mx2",
        "no host was changed",
    ]


def test_a_host_that_cannot_be_reached_takes_no_plan_from_the_others(world):
    world.down.add("mx1")

    assert [plan.host for plan in world.plan()] == ["mx2"]
    assert world.unreachable == {"mx1": "host mx1: gone"}


def test_a_host_that_is_lost_between_two_looks_is_one_that_cannot_be_reached(world):
    world.changed["/etc/postfix/main.cf"] = b""
    answer = world.answer
    world.answer = lambda host, asked: (world.down.add("mx1"), answer(host, asked))[1]

    assert [plan.host for plan in world.plan()] == ["mx2"]
    assert world.unreachable == {"mx1": "host mx1: gone"}
