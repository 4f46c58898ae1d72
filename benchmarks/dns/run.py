"""postwright and octoDNS on the same zones, one after the other, in one run; prints a table and writes results/dns.md.

Usage: run.py THEIR_PYTHON [knot|bind|cloudflare]... [large|many|rerun]...; all by default. Each tool runs in a process of its own,
timed without its start and imports. Before and after, postwright's plan tells that both began with the same zones and
brought about the same records.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from scenario import SCENARIOS, Scenario, fleet, keys, write_yaml
from servers import CloudflareServer, DnsServer

from postwright.dns import publish
from postwright.dns.providers.cloudflare import budget
from postwright.model.zones import Provider

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results" / "dns.md"
KINDS = ("knot", "bind", "cloudflare")
BEFORE, AFTER = "none", "quarantine"
WORKERS = 8  # zones at once; postwright's number, given to octoDNS too
WINDOW, ALLOWED = 300, 1200  # seconds, calls: Cloudflare's limit
Row = dict[str, Any]


def main(python: str, *chosen: str) -> None:
    """Run what was chosen; the table of everything that was run replaces the results, which grow as it goes on."""
    kinds = [kind for kind in KINDS if kind in chosen or not set(chosen) & set(KINDS)]
    names = [name for name in SCENARIOS if name in chosen or not set(chosen) & SCENARIOS.keys()]
    budget.Budget.take = lambda _: None
    RESULTS.parent.mkdir(exist_ok=True)
    rows: list[Row] = []
    for kind, name in ((kind, name) for name in names for kind in kinds):
        rows += compare(python, kind, name)
        RESULTS.write_text(table(rows))
    print(table(rows))


def compare(python: str, kind: str, name: str) -> list[Row]:
    """Both tools on one server: the same change from the same state."""
    scenario = SCENARIOS[name]
    with tempfile.TemporaryDirectory() as text:
        place = Path(text)
        (place / "server").mkdir()
        server = CloudflareServer(scenario) if kind == "cloudflare" else DnsServer(kind, scenario, place / "server")
        try:
            config = server.ours(place)
            before = AFTER if scenario.rerun else BEFORE
            settle(scenario, config, place, before)
            ours = [str(HERE / "ours.py"), name, AFTER, json.dumps(config), text]
            rows = [measure("postwright", [sys.executable, *ours], server)]
            expect(scenario, config, place)
            settle(scenario, config, place, before)
            described = describe(scenario, server, config, place / "octodns")
            rows.append(measure("octoDNS", [python, str(HERE / "theirs.py"), described], server))
            expect(scenario, config, place)
        finally:
            server.stop()
    return [{"scenario": scenario.title, "server": kind, **row} for row in rows]


def measure(tool: str, command: list[str], server: Any) -> Row:
    server.calls()
    environment = os.environ | {"PYTHONPATH": str(HERE)}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{tool} failed:\n{done.stderr}\n{server.log()}")
    return {"tool": tool, **json.loads(done.stdout.splitlines()[-1]), "calls": server.calls()}


def settle(scenario: Scenario, config: dict[str, Any], place: Path, policy: str) -> None:
    wanted = fleet(scenario, TypeAdapter(Provider).validate_python(config), policy)
    plan = publish.plan(wanted, keys(scenario), place, place / "ledger")
    publish.apply_additive(plan, wanted, place, place / "ledger")
    publish.apply_subtractive(plan, wanted, place, place / "ledger")


def expect(scenario: Scenario, config: dict[str, Any], place: Path) -> None:
    """Whoever did it, it must have been done."""
    wanted = fleet(scenario, TypeAdapter(Provider).validate_python(config), AFTER)
    left = publish.plan(wanted, keys(scenario), place, place / "ledger")
    if not left.is_empty:
        raise SystemExit(f"not converged: {[zone for zone in left.zones if not zone.is_empty][:1]}")


def describe(scenario: Scenario, server: Any, config: dict[str, Any], directory: Path) -> str:
    """octoDNS's configuration and zones; returns the configuration's path."""
    write_yaml(scenario, fleet(scenario, TypeAdapter(Provider).validate_python(config), AFTER), directory / "zones")
    source = {"class": "octodns.provider.yaml.YamlProvider", "directory": str(directory / "zones")}
    source |= {"default_ttl": 300, "enforce_order": False}
    zones = {f"{zone}.": {"sources": ["config"], "targets": ["target"], "lenient": True} for zone in scenario.zones}
    text = {
        "manager": {"max_workers": WORKERS},
        "providers": {"config": source, "target": server.theirs()},
        "zones": zones,
    }
    file = directory / "config.yaml"
    file.write_text(json.dumps(text))
    return str(file)


def table(rows: list[Row]) -> str:
    machine = f"{os.cpu_count()} CPUs ({platform.machine()}), Python {platform.python_version()}"
    lines = [
        "# DNS: postwright and octoDNS on the same zones",
        "",
        f"Made by `make bench-dns` on {datetime.now(UTC):%Y-%m-%d}: {machine}. {_versions(rows)}.",
        "",
        "| zones | server | tool | calls | round trips | changes | seconds | peak MB |",
        "|---|---|---|---|---|---|---|---|",
        *map(_line, rows),
        "",
        *NOTES,
    ]
    return "\n".join(lines) + "\n"


NOTES = f"""
- Where nothing changes, postwright's plan and apply are all that `postwright apply` does in DNS.
- The change: the DMARC policy of each domain, one value of one TXT record. Both tools began with the same zones, and
  postwright's plan was empty after each.
- Seconds are without the start of Python and imports. They are of loopback, where a round trip costs nothing.
- Round trips: how often a tool waited for answers (postwright sends the queries of a zone all at once), and the TCP
  connections it opened. A zone transfer counts as one, however long it is. Over a network each costs its time, shared
  among the zones at work; TLS adds to each connection.
- What safety costs: postwright plans, writes on condition and reads back; through Cloudflare, which knows no
  conditions, it also reads again right before. octoDNS (`Manager.sync`) plans and writes. It owns whole zones, so it
  is told of all records; reading that is shown apart, summed over threads.
- Both work on {WORKERS} zones at a time. octoDNS runs with its defaults otherwise, but for page rules, which are off.
- Knot's `tcp-io-timeout` is 60 s here. octoDNS's transfer ended early in some runs with the default of 0.5 s; with
  60 s it did not. The cause was not looked into further.
- Cloudflare is a local server with its documented rules, written in Python: its own time is in both. postwright's limit
  on calls was off; where there are more than {ALLOWED:,}, the real API takes at least the time in brackets.
""".splitlines()[1:]


def _line(row: Row) -> str:
    counts = {**row["messages"], **row["calls"]}
    calls = ", ".join(f"{number:,} {kind}" for kind, number in sorted(counts.items()))
    phases = dict(row["seconds"])
    changes = phases.pop("changes")
    seconds = ", ".join(f"{phase} {value:.1f}" for phase, value in phases.items())
    windows = (sum(row["calls"].values()) - 1) // ALLOWED
    wait = f" ({windows * WINDOW:,} s)" if row["calls"] and windows > 0 else ""
    trips = f"{row['waits'] + sum(row['calls'].values()):,}"
    memory = f"{row['megabytes']:.0f}"
    cells = (row["scenario"], row["server"], row["tool"], calls + wait, trips, changes, seconds, memory)
    return f"| {' | '.join(map(str, cells))} |"


def _versions(rows: list[Row]) -> str:
    found = {name: version for row in rows for name, version in row["versions"].items()}
    return ", ".join(f"{name} {version}" for name, version in sorted(found.items()))


if __name__ == "__main__":
    main(*sys.argv[1:])
