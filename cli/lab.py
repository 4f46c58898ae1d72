"""``postwright lab``: real hosts on this machine to practise on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

import click

from postwright.cli.options import Options
from postwright.cli.output import Progress, document
from postwright.lab.layout import DEFAULT_HOSTS, HOSTS
from postwright.lab.verdict import Verdict


@click.group()
def lab() -> None:
    """Practise on real hosts: a small internet on this machine.

    Boots Debian hosts in network namespaces: an empty one for you to set up, a name server that takes your updates
    (RFC 2136, DNSSEC), and a receiving mail server that checks SPF, DKIM, DMARC and TLS. Needs root on Linux, and
    touches nothing of the machine that `lab down` does not put back.

    The environment variable POSTWRIGHT_LAB names the lab: lab (the default), or lab1 to lab9 for more than one at a
    time; each has addresses of its own (10.78.N.0/24 and fd78:0:0:N::/64).

    \b
      sudo postwright lab up
      sudo postwright -i inventories/lab.py apply
      sudo postwright lab mail
      sudo postwright lab down
    """


@lab.command()
@click.option(
    "--host", "hosts", multiple=True, type=click.Choice(HOSTS), default=DEFAULT_HOSTS, show_default=True,
    help="A host to boot; may be given several times. mx1 and mx2 are empty ones, mx3 to mx8 have the packages already, mx12 is one of Debian 12.",
)  # fmt: skip
@click.pass_obj
def up(options: Options, hosts: tuple[str, ...]) -> None:
    """Boot the lab, or the hosts of it that do not run.

    The first time it builds the hosts' file tree, from this machine's Debian mirror (about a minute; kept in
    /var/cache/postwright/lab, which may be deleted while no lab is up). Later it takes seconds. A running lab is left
    as it is. Keys and passwords are made anew for each lab, in .lab/ of the current directory.

    \b
      sudo postwright lab up
      sudo postwright lab up --host mx2        one more sending host
    """
    from postwright.lab import box  # noqa: PLC0415 - loaded when needed, so that --help is quick

    running = box.up(hosts=hosts, progress=Progress().phase)
    if options.json:
        document(running.model_dump(mode="json"))
        return
    _table((name, host.ipv4, host.ipv6) for name, host in running.hosts.items())
    click.echo(f"\nlog in:   ssh -i {running.ssh_key} -o UserKnownHostsFile={running.known_hosts} root@ADDRESS")
    click.echo("next:     postwright -i inventories/lab.py apply")


@lab.command()
@click.pass_obj
def down(options: Options) -> None:
    """Remove the lab and everything it made, its keys and passwords included.

    Works from any directory, also after an `up` that was killed or after a reboot, and does nothing where no lab is.

    \b
      sudo postwright lab down
    """
    from postwright.lab import box  # noqa: PLC0415

    box.down()
    if options.json:
        document({"down": True})


@lab.command()
@click.pass_obj
def status(options: Options) -> None:
    """Say which hosts run. Exits 1 if the lab is not up.

    \b
      sudo postwright lab status
    """
    from postwright.lab import box  # noqa: PLC0415

    found = box.status()
    if options.json:
        document(asdict(found))
    else:
        click.echo(f"{found.name}: {'up' if found.complete else 'not up'}")
        _table((host.name, "runs" if host.running else "stopped", host.ipv4, host.ipv6) for host in found.hosts)
    click.get_current_context().exit(0 if found.complete else 1)


@lab.command(context_settings={"ignore_unknown_options": True})
@click.argument("host", type=click.Choice(HOSTS))
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def shell(host: str, command: tuple[str, ...]) -> None:
    """Get a root shell on a host, or run one command there.

    This does not go through ssh: it also works when ssh is locked out.

    \b
      sudo postwright lab shell mx1
      sudo postwright lab shell mx1 -- postqueue -p
      sudo postwright lab shell receiver -- journalctl -u postfix -n 50
    """
    from postwright.lab import box  # noqa: PLC0415

    box.shell(None, host, command)


@lab.command()
@click.option("--host", type=click.Choice(HOSTS), default="mx1", show_default=True, help="The host that sends it.")
@click.option("--port", type=int, default=465, show_default=True, help="465 is implicit TLS; others are STARTTLS.")
@click.option("--from", "sender", metavar="ADDRESS", help="The sender.  [default: the lab's login]")
@click.option("--to", "recipient", metavar="ADDRESS", help="The recipient, at the receiver's domain.")
@click.option("--timeout", type=float, default=30.0, show_default=True, help="Seconds to wait for it to arrive.")
@click.pass_obj
def mail(options: Options, *, host: str, port: int, sender: str | None, recipient: str | None, timeout: float) -> None:
    """Send one message as an application would, and show what the receiver made of it.

    Exits 1 unless SPF, DKIM and DMARC pass and the message came by TLS.

    \b
      sudo postwright lab mail
      sudo postwright lab mail --host mx2 --port 587
    """
    from postwright.lab.mail import exchange  # noqa: PLC0415

    found = exchange(host=host, port=port, sender=sender, recipient=recipient, timeout=timeout)
    if options.json:
        document(asdict(found) | {"good": found.good})
    else:
        _show(found)
    click.get_current_context().exit(0 if found.good else 1)


def _show(found: Verdict) -> None:
    signatures = [("dkim", one.result, f"d={one.domain} s={one.selector}") for one in found.dkim]
    _table(
        [
            ("spf", found.spf, f"from {found.client}"),
            *(signatures or [("dkim", "none", "no signature")]),
            ("dmarc", found.dmarc, ""),
            ("tls", "pass" if found.tls else "none", found.tls or "it came in clear"),
        ],
    )


def _table(rows: Iterable[tuple[str, ...]]) -> None:
    lines = [tuple(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
