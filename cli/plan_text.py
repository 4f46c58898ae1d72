"""A plan as the operator reads it."""

from __future__ import annotations

import click

from postwright.cli import output
from postwright.dns.show import lines as dns_lines
from postwright.hosts.plan import HostPlan
from postwright.keys.key import State
from postwright.keys.steps import KeyStep
from postwright.plan import FleetPlan


def print_plan(plan: FleetPlan, *, whole: bool = False) -> None:
    """Keys, DNS and hosts; one line if nothing would change. ``whole`` shows the content of new files too."""
    _print_remarks(plan)
    if plan.is_empty:
        done = (
            "Nothing to do elsewhere."
            if plan.unreachable
            else "Nothing to do: hosts and DNS are as the inventory says."
        )
        click.secho(done, fg=None if plan.unreachable else "green")
        return
    if plan.keys:
        output.heading("Keys")
        output.diff_lines(map(key_line, plan.keys), "  ")
    if dns := dns_lines(plan.dns):
        output.heading("DNS")
        output.diff_lines(dns, "  ")
    for host in plan.hosts:
        print_host(host, whole=whole)
    click.echo(_totals(plan))


def _print_remarks(plan: FleetPlan) -> None:
    """What is to be known besides what changes."""
    for note in plan.dns.notes:
        click.secho(f"note: {note}", fg="yellow")
    for note in (f"host {host.host}: {note}" for host in plan.hosts for note in host.notes):
        click.secho(f"note: {note}", fg="yellow")
    for host in (it.host for it in plan.hosts if it.drained):
        click.secho(f"note: host {host} is drained: it takes no mail in until `apply --undrain {host}`", fg="yellow")
    for danger in plan.dangers:
        click.secho(f"unsafe: {danger}", fg="red")
    for unreachable in plan.unreachable:
        click.secho(f"unknown: {unreachable}", fg="red")


def key_line(step: KeyStep) -> str:
    """What an apply does to one key."""
    of = f" of {step.host}" if step.host else ""
    kind = f"RSA-{step.bits}" if step.algorithm == "rsa" else "Ed25519"
    if step.is_new:
        then = "hosts sign with it" if step.to == "active" else "hosts sign with it once caches let it in"
        return f"+ {step.domain}: {kind}, selector {step.selector}{of}, and its TXT record; {then} ({step.why})"
    return f"{_KEY_MARKS.get(step.to, '~')} {step.domain}: {step.selector}{of} {_KEY_WORDS[step.to]}"


_KEY_MARKS = {"revoked": "-", "deleted": "-"}
_KEY_WORDS: dict[State, str] = {
    "generated": "is made",
    "published": "is in DNS; hosts sign with it once caches let it in",
    "confirmed": "may be signed with",
    "active": "is what hosts sign with from now on",
    "retiring": "retires: mail under way still verifies with it",
    "revoked": "is revoked: its record says so",
    "deleted": "is deleted, with its record",
}


def print_host(host: HostPlan, *, whole: bool) -> None:
    """What changes on one host; nothing if nothing does."""
    if not host.changes:
        return
    output.heading(f"Host {host.host}")
    if host.packages:
        output.diff_lines([f"+ packages: {', '.join(host.packages)}"], "  ")
    if host.adopts:
        click.secho(f"  ! somebody else's, saved on the host first: {', '.join(host.adopts)}", fg="yellow")
    for change in host.files:
        new = change.what in {"new", "directory"}
        click.secho(f"  {'+' if new else '~'} {change.path}: {change.what}", fg="green" if new else None)
        if whole or not new:
            output.diff_lines(change.diff)
    for repair in host.repairs:
        click.secho(f"  ~ {repair}", fg="yellow")
    if host.stops:
        click.secho(f"  - stops: {', '.join(host.stops)}", fg="red")
    if host.restarts:
        click.echo(f"  ↻ restarts: {', '.join(host.restarts)}")
    if host.reloads:
        click.echo(f"  ↻ reloads: {', '.join(host.reloads)}")


def _totals(plan: FleetPlan) -> str:
    new = sum(step.is_new for step in plan.keys)
    rrsets = sum(len(zone.net) for zone in plan.dns.zones) + new
    changes = output.counted(sum(host.changes for host in plan.hosts), "change")
    parts = (output.counted(len(plan.keys), "key"), output.counted(rrsets, "RRset"))
    return f"\n{', '.join(parts)}, {changes} on {output.counted(len(plan.hosts), 'host')}"
