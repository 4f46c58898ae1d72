"""A plan as the operator reads it."""

from __future__ import annotations

import click

from postwright.cli import output
from postwright.dns.show import lines as dns_lines
from postwright.hosts.plan import HostPlan
from postwright.plan import FleetPlan


def print_plan(plan: FleetPlan, *, whole: bool = False) -> None:
    """Keys, DNS and hosts; one line if nothing would change. ``whole`` shows the content of new files too."""
    for note in plan.dns.notes:
        click.secho(f"note: {note}", fg="yellow")
    if plan.is_empty:
        click.secho("Nothing to do: hosts and DNS are as the inventory says.", fg="green")
        return
    if plan.keys:
        output.heading("Keys")
        output.diff_lines(
            (f"+ {it.domain}: RSA-{it.bits}, selector {it.selector}, and its TXT record" for it in plan.keys), "  "
        )
    if dns := dns_lines(plan.dns):
        output.heading("DNS")
        output.diff_lines(dns, "  ")
    for host in plan.hosts:
        _print_host(host, whole=whole)
    click.echo(_totals(plan))


def _print_host(host: HostPlan, *, whole: bool) -> None:
    if not host.changes:
        return
    output.heading(f"Host {host.host}")
    if host.packages:
        output.diff_lines([f"+ packages: {', '.join(host.packages)}"], "  ")
    for change in host.files:
        new = change.what in {"new", "directory"}
        click.secho(f"  {'+' if new else '~'} {change.path}: {change.what}", fg="green" if new else None)
        if whole or not new:
            output.diff_lines(change.diff)
    if host.stops:
        click.secho(f"  - stops: {', '.join(host.stops)}", fg="red")
    if host.restarts:
        click.echo(f"  ↻ restarts: {', '.join(host.restarts)}")


def _totals(plan: FleetPlan) -> str:
    rrsets = sum(len(zone.net) for zone in plan.dns.zones) + len(plan.keys)
    changes = output.counted(sum(host.changes for host in plan.hosts), "change")
    parts = (output.counted(len(plan.keys), "key"), output.counted(rrsets, "RRset"))
    return f"\n{', '.join(parts)}, {changes} on {output.counted(len(plan.hosts), 'host')}"
