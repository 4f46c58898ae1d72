"""`postwright keys import|backup|restore|passphrase|recover`: the keyring itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from postwright.cli import output
from postwright.cli.options import Options
from postwright.cli.project import project as read
from postwright.errors import UnsafePlan, UsageError

if TYPE_CHECKING:  # loads pydantic and cryptography, which would slow down every --help
    from postwright.inventory import Project
    from postwright.keys.foreign import Entry
    from postwright.rotation.recovery import Noted
    from postwright.rotation.takeover import Takeover

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command("import")
@click.argument("file", required=False, type=_FILE)
@click.option("--domain", metavar="NAME", help="Whose key FILE holds.")
@click.option("--selector", metavar="NAME", help="The selector its public half has in DNS.")
@click.option("--key-table", type=_FILE, help="Take over every key of this KeyTable of OpenDKIM.")
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path("/"),
    help="Where the paths in the KeyTable start: a copy of the server's files.",
)
@click.option("--key-passphrase-file", type=_FILE, help="Opens the keys that are encrypted; without it you are asked.")
@click.option("--skip-bad", is_flag=True, help="Take over the keys that are fit, and only tell of the others.")
@click.pass_obj
def import_keys(
    options: Options,
    file: Path | None,
    domain: str | None,
    selector: str | None,
    key_table: Path | None,
    root: Path,
    key_passphrase_file: Path | None,
    skip_bad: bool,
) -> None:
    """Take over keys that hosts sign with already.

    FILE is a private key in PEM: what opendkim-genkey made, or PKCS#8, encrypted or not. DNS must show that very key at
    every authoritative server. The next apply puts it on the hosts under the same selector; its record stays as it is.

    \b
    Examples:
      postwright keys import --domain shop.example --selector mail2024 mail2024.private
      mkdir mx1 && ssh root@mx1 tar c /etc/opendkim | tar x -C mx1
      postwright keys import --key-table mx1/etc/opendkim/KeyTable --root mx1
    """
    project = read(options)
    entries, problems = _entries(file, domain, selector, key_table, root)
    contents, unread = _contents(entries)
    passphrase = _key_passphrase(contents, key_passphrase_file)
    found, skipped = _take_over(project, contents, passphrase, [*problems, *unread], skip_bad=skip_bad)
    if options.json:
        output.document(_taken_json(found, skipped))
    else:
        _print_taken(found, skipped)


def _take_over(
    project: Project, contents: dict[Entry, bytes], passphrase: str | None, wrong: list[str], *, skip_bad: bool
) -> tuple[Takeover, list[str]]:
    """What was taken over, and what is wrong with the rest; UsageError if there is such a rest and nobody gave leave."""
    from postwright import apply, material  # noqa: PLC0415 - heavy
    from postwright.rotation import takeover  # noqa: PLC0415

    with apply.exclusively(project):
        material.passphrase_of(project)  # or the operator would hear of it when everything else is done
        found = takeover.look(project, contents, passphrase)
        wrong = [*wrong, *found.problems]
        if wrong and not (skip_bad and (found.fit or found.already)):
            lines = "\n".join(f"  - {line}" for line in wrong)
            raise UsageError(f"{output.counted(len(wrong), 'problem')}; nothing was taken over\n{lines}")
        takeover.take(project, found.fit)
    return found, wrong


def _entries(
    file: Path | None, domain: str | None, selector: str | None, key_table: Path | None, root: Path
) -> tuple[list[Entry], list[str]]:
    from postwright.keys import foreign  # noqa: PLC0415 - heavy

    if key_table and not (file or domain or selector):
        found, problems = foreign.key_table(key_table, root)
        if not (found or problems):
            raise UsageError(f"{key_table}: names no key; is it the KeyTable that OpenDKIM's configuration names?")
        return found, problems
    if key_table or not (file and domain and selector):
        raise UsageError("what is to be taken over? give --domain, --selector and FILE, or --key-table alone")
    try:
        return [foreign.entry(domain, selector, file)], []
    except ValueError as error:
        raise UsageError(f"{file}: {error}; mend --domain or --selector") from None


def _contents(entries: list[Entry]) -> tuple[dict[Entry, bytes], list[str]]:
    """What each file holds, and the problems of those that cannot be read."""
    from postwright.keys import foreign  # noqa: PLC0415 - heavy

    contents, problems = {}, []
    for entry in entries:
        try:
            contents[entry] = foreign.content(entry.path)
        except UsageError as error:
            problems.append(str(error))
    return contents, problems


def _key_passphrase(contents: dict[Entry, bytes], file: Path | None) -> str | None:
    """The passphrase of the foreign files, if one of them needs any."""
    from postwright import secret  # noqa: PLC0415 - heavy
    from postwright.keys.foreign import is_encrypted  # noqa: PLC0415
    from postwright.model import SecretSource  # noqa: PLC0415

    locked = [entry for entry, content in contents.items() if is_encrypted(content)]
    if not locked:
        return None
    if file:
        return secret.read(SecretSource(file=file), Path.cwd(), "--key-passphrase-file")
    what = str(locked[0].path) if len(locked) == 1 else f"the {len(locked)} keys that are encrypted"
    return str(click.prompt(f"Passphrase of {what}", hide_input=True, err=True))


def _taken_json(found: Takeover, skipped: list[str]) -> dict[str, object]:
    taken = [
        {"domain": it.entry.domain, "selector": it.entry.selector, "algorithm": it.key.algorithm, "bits": it.key.bits,
         "notes": it.notes}
        for it in found.fit
    ]  # fmt: skip
    already = [{"domain": it.domain, "selector": it.selector} for it in found.already]
    return {"taken": taken, "already": already, "skipped": skipped, "changed": bool(taken)}


def _print_taken(found: Takeover, skipped: list[str]) -> None:
    for line in skipped:
        click.secho(f"skipped: {line}", fg="red", err=True)
    for entry in found.already:
        click.echo(f"  {entry.domain}: {entry.selector} is in the keyring already")
    for it in found.fit:
        click.secho(f"+ {it.entry.domain}: {it.entry.selector}, {it.key.kind}", fg="green")
        for note in it.notes:
            click.secho(f"    {note}", fg="yellow")
    click.echo("next: `postwright apply`; hosts then sign with the same selector, and its record stays as it is")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_obj
def backup(options: Options, file: Path) -> None:
    """Write the keyring into one file.

    A tar.gz with the keys as they are, encrypted, and a digest of each file. Before it is written every key is opened with
    the keyring's passphrase and compared; an existing FILE is never overwritten. Keep the passphrase elsewhere: without it
    the archive is of no use.

    \b
    Example:
      postwright keys backup keyring-20261122.tar.gz
    """
    from postwright import apply, material  # noqa: PLC0415 - heavy
    from postwright.keys import archive  # noqa: PLC0415

    project = read(options)
    keyring = material.keyring_of(project)
    with apply.exclusively(project):
        content = archive.files(keyring, material.passphrase_of(project))
    if not content:
        raise UsageError(f"{keyring.directory}: there are no keys to back up; apply makes them")
    archive.write_new(file, archive.pack(content))
    if options.json:
        output.document({"file": str(file), "domains": keyring.domains(), "files": len(content)})
    else:
        domains = output.counted(len(keyring.domains()), "domain")
        click.secho(f"{file}: keys of {domains}, every one opened and compared", fg="green")


@click.command()
@click.argument("file", type=_FILE)
@click.option("--force", is_flag=True, help="Even if the keyring knows more than the archive; what is lost is listed.")
@click.pass_obj
def restore(options: Options, file: Path, force: bool) -> None:
    """Put a keyring back from what `keys backup` wrote.

    All of the archive is verified before anything is written. A keyring that knows keys the archive does not, or knows them
    to be further in their life, is left alone unless you say --force: hosts may sign with them. Domains the archive does
    not have stay as they are. If it is cut short, run it again.

    \b
    Example:
      postwright keys restore keyring-20261122.tar.gz && postwright plan
    """
    from postwright import apply, material  # noqa: PLC0415 - heavy
    from postwright.keys import archive  # noqa: PLC0415

    project = read(options)
    keyring, content = material.keyring_of(project), archive.unpack(file)
    with apply.exclusively(project), archive.opened(content, material.passphrase_of(project), file) as archived:
        lost = [str(it) for it in archive.lost(keyring, archived)]
        if lost and not force:
            raise _refused(keyring.directory, file, lost)
        written = archive.restore(content, keyring.directory)
    if options.json:
        output.document({"written": written, "lost": lost, "changed": bool(written)})
        return
    for line in lost:
        click.secho(f"lost: {line}", fg="red", err=True)
    files = output.counted(len(written), "file")
    click.secho(
        f"{files} written, {len(content) - len(written)} were there already; next: `postwright plan`", fg="green"
    )


def _refused(directory: Path, file: Path, lost: list[str]) -> UnsafePlan:
    lines = "\n".join(f"  - {line}" for line in lost)
    hint = "--force restores all the same; mail signed with what is lost may fail"
    return UnsafePlan(f"{directory} knows more than {file}; nothing was written; {hint}\n{lines}")


@click.command("passphrase")
@click.option("--new-file", type=_FILE, help="A file, mode 0600, with the new passphrase.")
@click.option("--new-env", metavar="NAME", help="The variable that holds the new passphrase.")
@click.pass_obj
def change_passphrase(options: Options, new_file: Path | None, new_env: str | None) -> None:
    """Encrypt all keys with another passphrase.

    Those of the keyring, and TLS keys of the inventory that are encrypted, as they are opened with the same one. Every key is
    opened before the first is written. If it is cut short, run it again with the same new passphrase. Where the inventory
    reads the passphrase from a file, that file then holds the new one; else you are told where to put it.

    What version control remembers is still encrypted with the old one: if somebody has that, rotate the keys too.

    \b
    Example:
      (umask 077; openssl rand -base64 30 > new)
      postwright keys passphrase --new-file new
    """
    from postwright import apply  # noqa: PLC0415 - heavy
    from postwright.rotation import passphrase  # noqa: PLC0415

    project = read(options)
    with apply.exclusively(project):
        new = passphrase.new_passphrase(project, new_file, new_env)
        written = passphrase.change(project, new)
    left = passphrase.left_to_do(project)
    if options.json:
        output.document({"written": [str(path) for path in written], "left": left, "changed": bool(written)})
        return
    click.secho(f"{output.counted(len(written), 'key')} encrypted anew", fg="green")
    click.secho(left, fg="yellow" if left.startswith("now") else None)


@click.command()
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def recover(options: Options, yes: bool) -> None:
    """Go on without private keys that are lost.

    Looks at which keys lie on the hosts, and notes those the keyring does not know: the next apply makes new ones, under
    other selectors, and the lost ones stay in DNS until no queue holds mail they signed. Then they are revoked.

    If the keyring was changed elsewhere, by a colleague or in another clone, fetch that instead. If there is a backup, use
    `keys restore`. This is for when neither is there.

    \b
    Example:
      postwright keys recover && postwright apply
    """
    from postwright import apply  # noqa: PLC0415 - heavy
    from postwright.rotation import recovery  # noqa: PLC0415

    click.secho("If the keyring was changed elsewhere, fetch that instead; this is for keys that are lost.", err=True)
    project = read(options)
    with apply.exclusively(project):
        found = recovery.notes(project)
        for it in found:
            click.secho(f"~ {it}", fg="yellow", err=options.json)
        if found and not yes:
            click.confirm("Note this?", abort=True, err=True)
        recovery.note(project, found)
    if options.json:
        output.document({"noted": [_noted(it) for it in found], "changed": bool(found)})
    else:
        text = "noted; next: `postwright apply`, which makes new keys and leaves these in DNS until they are drained"
        click.echo(text if found else "nothing is lost: the keyring knows every key that lies on a host")


def _noted(it: Noted) -> dict[str, object]:
    key = it.key
    return {"domain": it.domain, "selector": key.selector, "hosts": it.hosts, "state": key.state, "note": key.note}
