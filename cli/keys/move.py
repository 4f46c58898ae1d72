"""`postwright keys list|rotate|revoke`: where keys stand, and what moves them besides time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from postwright.cli import output
from postwright.cli.options import Options
from postwright.cli.project import project as read
from postwright.errors import UsageError

if TYPE_CHECKING:
    from postwright.cli.apply import Run
    from postwright.inventory import Project
    from postwright.terms import Pairs, Terms

_APPLIES = 4  # enough for any state to end in revoked
_DOMAINS = click.option("--domain", "domains", multiple=True, metavar="NAME", help="Only this domain; may be repeated.")
_YES = click.option("-y", "--yes", is_flag=True, help="Do not ask.")
_VERIFY = click.option("--verify/--no-verify", "verify", default=True, help="Run all checks afterwards, the default.")


@click.command("list")
@_DOMAINS
@click.option("--all", "everything", is_flag=True, help="Deleted keys too; their selectors are never used again.")
@click.pass_obj
def list_keys(options: Options, domains: tuple[str, ...], everything: bool) -> None:
    """Show every key: its age, its state, what comes next and when.

    Connects to nothing.

    \b
    Examples:
      postwright keys list
      postwright --json keys list --domain shop.example
    """
    from postwright import clock  # noqa: PLC0415 - heavy
    from postwright.rotation import listing  # noqa: PLC0415

    project = read(options)
    names = _known(project, domains)
    found = [row for row in listing.rows(project, deleted=everything) if not domains or row.domain in names]
    if options.json:
        output.document([row.to_json() for row in found])
        return
    for line in listing.lines(found, clock.now()) if found else ("no keys yet: apply makes them",):
        click.echo(line)


@click.command()
@_DOMAINS
@click.option("--back", is_flag=True, help="Sign with the key before again, as long as it is not revoked.")
@click.option(
    "--settle", is_flag=True, help="Wait until no cache holds an earlier answer, and switch hosts in this run."
)
@_YES
@_VERIFY
@click.pass_obj
@click.pass_context
def rotate(
    ctx: click.Context, options: Options, domains: tuple[str, ...], back: bool, settle: bool, yes: bool, verify: bool
) -> None:
    """Begin a rotation now, of all domains or of some.

    New keys are made and published. Hosts sign with them from the first apply after no cache can say that they are not
    there (the zone's negative TTL); until then, and if anything fails, they sign with the old ones.

    \b
    Examples:
      postwright keys rotate --domain shop.example
      postwright keys rotate --settle          all of it in one go; takes as long as caches do
      postwright keys rotate --back            the new key was a mistake
    """
    from postwright.cli.apply import Run  # noqa: PLC0415 - heavy
    from postwright.terms import Terms  # noqa: PLC0415

    project = read(options)
    names = _known(project, domains)
    run = Run(options, project, ask=not yes, verify=verify)
    landed = run.apply(Terms(rotate=() if back else names, back=names if back else (), settle=settle))
    if options.json:
        output.document({**landed.to_json(), "verified": run.verified and run.verified.to_json()})
    elif not landed.keys:
        click.echo("no key moved: see `postwright keys list` for what is on its way")
    if run.verified and not run.verified.all_ok:
        ctx.exit(1)


@click.command()
@_DOMAINS
@click.option("--all", "everything", is_flag=True, help="Of all domains.")
@click.option("--host", "host", metavar="NAME", help="All keys that lie on this host, or did until they are revoked.")
@click.option("--selector", metavar="NAME", help="Only the key of this selector.")
@click.option("--compromised", is_flag=True, help="Somebody else may have the key: replace it at once.")
@click.option("--force", is_flag=True, help="Even if queues hold mail signed with it, which will then fail.")
@_YES
@_VERIFY
@click.pass_obj
@click.pass_context
def revoke(
    ctx: click.Context,
    options: Options,
    domains: tuple[str, ...],
    everything: bool,
    host: str | None,
    selector: str | None,
    compromised: bool,
    force: bool,
    yes: bool,
    verify: bool,
) -> None:
    """Revoke keys before their time.

    With --compromised: a new key is made, published, and signed with as soon as every name server shows it; then the old
    one is revoked at once. What was signed with it and is still under way fails, and is listed before anything is done.
    Without it: a key that has retired is revoked now instead of later.

    \b
    Examples:
      postwright keys revoke --compromised --host mx1          somebody was on mx1
      postwright keys revoke --compromised --all
      postwright keys revoke --compromised --domain shop.example
      postwright keys revoke --domain shop.example --selector pw20260801
    """
    from postwright.cli.apply import Run  # noqa: PLC0415 - heavy
    from postwright.rotation import revoking  # noqa: PLC0415
    from postwright.terms import Terms  # noqa: PLC0415

    project = read(options)
    if not (domains or host or everything):
        raise UsageError("whose keys? name a --domain, or the --host they lie on; or say --all")
    asked = revoking.Asked(_known(project, domains) if domains else (), host, selector, compromised=compromised)
    chosen = revoking.chosen(project, asked)
    lost = revoking.lost(project, chosen, force=force or compromised)
    for line in revoking.warnings(lost, chosen):
        click.secho(line, fg="yellow", err=True)
    terms = Terms(compromised=chosen) if compromised else Terms(revoke=chosen)
    run = Run(options, project, ask=not yes, verify=verify)
    done = _until_revoked(run, chosen, terms)
    left = revoking.unrevoked(project, chosen)
    if options.json:
        verified = run.verified and run.verified.to_json()
        failing = [str(it) for it in lost]
        output.document({"applies": done, "will_fail": failing, "left": left, "verified": verified})
    for domain, name in left:
        hint = "see `postwright keys list`, and apply again then"
        click.secho(f"{domain}: {name} is not revoked yet; {hint}", fg="red", err=True)
    if left or (run.verified and not run.verified.all_ok):
        ctx.exit(1)


def _until_revoked(run: Run, chosen: Pairs, terms: Terms) -> list[Any]:
    """Apply until they are: mostly once to sign with other keys and once to revoke. What each apply did."""
    from postwright.rotation import revoking  # noqa: PLC0415 - heavy
    from postwright.terms import Terms  # noqa: PLC0415

    verify, run.verify = run.verify, False
    done = [run.apply(terms)]
    run.ask = False
    while done[-1].keys and revoking.unrevoked(run.project, chosen) and len(done) < _APPLIES:
        done.append(run.apply(Terms()))
    if verify and not all(landed.nothing for landed in done):
        run.check()
    return [landed.to_json() for landed in done]


def _known(project: Project, domains: tuple[str, ...]) -> tuple[str, ...]:
    """The domains named, all if none is; UsageError for one that is neither in the inventory nor in the keyring."""
    from postwright.dns.writing import listed  # noqa: PLC0415 - heavy
    from postwright.rotation.living import living  # noqa: PLC0415

    there = living(project)
    named = tuple(name.lower().rstrip(".") for name in domains)
    unknown = [name for name in named if name not in there]
    if unknown:
        known = listed(list(there))
        raise UsageError(f"no domain {', '.join(unknown)} in {project.inventory} or its keyring; there are {known}")
    return named or tuple(there)
