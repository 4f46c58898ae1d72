"""A host is asked once for all that an apply is to know, and again only after something was done there."""

import json
import subprocess
import sys

# A process of its own, for pyinfra changes the one it is loaded in.
PROGRAM = """
import json
from types import SimpleNamespace
from postwright.hosts import looking

asked = []
stage = SimpleNamespace(current_stage="prepare")
looking.state = stage

def at(name):
    looking.host = SimpleNamespace(name=name)

def look(request):
    asked.append(f"{looking.host.name}: " + " ".join([*sorted(request.keys() - {"services"}), *names(request)]))
    parts = {"packages": ("packages", "guarded"), "files": ("files", "managed")}
    found = {key: True for part in request for key in parts.get(part, (part,))}
    return {**found, **({"services": {name: len(asked) for name in names(request)}} if "services" in request else {})}

def names(request):
    return [it["name"] for it in request.get("services", ())]

def service(name):
    return {"services": [{"name": name}]}

looking.look = look
ALL = {"packages": [], "files": [], "certificate": "c", "services": [{"name": "a"}, {"name": "b"}]}
"""


def asked(steps):
    program = f"{PROGRAM}{steps}\nprint(json.dumps(asked))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


WHOLE = "mx1: certificate files packages a b"


def test_all_questions_of_a_host_as_described_are_one():
    steps = """
at("mx1")
looking.expect(ALL)
looking.seen({"packages": []})
looking.seen({"packages": [], "files": [], "services": ALL["services"]})
looking.seen({"certificate": "c"})
for name in "ab":
    looking.seen(service(name))
"""

    assert asked(steps) == [WHOLE]


def test_after_a_change_all_services_are_asked_for_once_and_files_only_when_they_matter():
    steps = """
at("mx1")
looking.expect(ALL)
looking.seen({"packages": [], "files": []})
looking.forget()
looking.seen(service("a"))
looking.seen(service("b"))
looking.seen({"files": []})
"""

    assert asked(steps) == [WHOLE, "mx1: a b", WHOLE]


def test_what_was_seen_of_one_host_or_while_preparing_says_nothing_of_another_or_while_executing():
    steps = """
at("mx1")
looking.expect(ALL)
looking.seen(service("a"))
at("mx2")
looking.expect(ALL)
looking.seen(service("a"))
stage.current_stage = "execute"
looking.seen(service("a"))
at("mx1")
looking.seen(service("a"))
looking.expect(ALL)
looking.seen(service("a"))
"""

    assert asked(steps) == ["mx1: a b", "mx2: a b", "mx2: a b", "mx1: a b", "mx1: a b"]


def test_a_change_on_one_host_leaves_what_is_known_of_others():
    steps = """
for name in ("mx1", "mx2"):
    at(name)
    looking.expect(ALL)
    looking.seen(service("a"))
looking.forget()
at("mx1")
looking.seen(service("b"))
"""

    assert asked(steps) == ["mx1: a b", "mx2: a b"]
