"""Everything one host is to have, put together from its services. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from postwright.services import SERVICES, mailboxes, sandbox
from postwright.services.parts import Check, Context, HostDirectory, HostFile, Service

STAMPS = "/etc/postwright/stamps"
MANIFEST = "/etc/postwright/files"
# A timer is told by systemd itself: look.py says how it is.
WITHOUT_STAMP = frozenset({"acme"})
_BY_NAME = {service.name: service for service in SERVICES}


@dataclass(frozen=True)
class Activation:
    """A unit that must run what ``stamped`` lists; what ``reloaded`` lists it takes up without a restart as well."""

    name: str
    title: str
    unit: str
    stamped: tuple[str, ...]
    ready: str
    reloaded: tuple[str, ...] = ()
    milter: str = ""
    tried: bool = False
    holds: str = ""

    @property
    def stamps(self) -> dict[str, tuple[str, ...]]:
        """The stamps of this unit, each with the files whose digest it is."""
        return {self.name: self.stamped} | ({reload_stamp(self.name): self.reloaded} if self.reloaded else {})


@dataclass(frozen=True)
class Bundle:
    """Packages, directories, files, checks and units of one host, in the order they are dealt with.

    ``lasting`` are the beginnings of paths that are removed only after everything runs as described; ``kept`` are not
    removed at all, for a service on the host writes them now. ``mailboxes`` are the folders with mail; one that is no
    longer wanted stays, and is told; None: not known of a state the host had. ``generations``: how many states of its files the host keeps; 0: this one is not to be
    kept, for it comes from those. ``adopts``: packages that somebody else has configured there, with the files of it, which
    are saved before they are replaced.
    """

    host: str
    packages: tuple[str, ...]
    directories: tuple[HostDirectory, ...]
    files: tuple[HostFile, ...]
    checks: tuple[tuple[str, Check], ...]
    activations: tuple[Activation, ...]
    retired: tuple[Activation, ...] = ()
    lasting: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    mailboxes: tuple[str, ...] | None = None
    generations: int = 0
    adopts: tuple[tuple[str, tuple[str, ...]], ...] = ()


def bundle(context: Context) -> Bundle:
    """What the context's host is to have."""
    wanted = [service for service in SERVICES if service.wanted(context)]
    own = {service.name: service.files(context) for service in wanted}
    activations = tuple(_activation(service, context, own) for service in wanted if service.unit)
    files = [file for service in wanted for file in (*own[service.name], *sandbox.drop_ins(service, context))]
    files += [file for activation in activations if _noted(activation) for file in _stamp_files(activation)]
    retired = tuple(_unwanted(service, context) for service in SERVICES if service.unit and service not in wanted)
    return Bundle(
        host=context.host.name,
        packages=tuple(sorted({package for service in wanted for package in service.packages})),
        directories=tuple(directory for service in wanted for directory in service.directories(context)),
        files=(*files, manifest(file.path for file in files)),
        checks=tuple((service.name, check) for service in wanted for check in service.checks),
        activations=activations,
        retired=retired,
        kept=tuple(path for service in wanted for path in service.kept),
        # Who runs a unit of ours that is to be stopped is told from its drop-in.
        lasting=(*(path for service in SERVICES for path in service.lasting), *map(drop_in, retired)),
        mailboxes=mailboxes.folders(context),
        generations=context.fleet.rollout.generations,
    )


def manifest(paths: Iterable[str]) -> HostFile:
    """The list of all files of ours, itself included."""
    return HostFile(MANIFEST, "".join(f"{path}\n" for path in sorted({MANIFEST, *paths})).encode())


def _unwanted(service: Service, context: Context) -> Activation:
    """The unit of a service this host is not to have; it is stopped if it was us who set it up."""
    return Activation(service.name, service.title, _unit(service, context), (), "true")


def _activation(service: Service, context: Context, own: dict[str, tuple[HostFile, ...]]) -> Activation:
    own_files = (file for part in dict.fromkeys(_parts(service, own)) for file in own[part])
    files = [*own_files, *sandbox.drop_ins(service, context)]
    return Activation(
        service.name,
        service.title,
        _unit(service, context),
        stamped=tuple(file.path for file in files if file.taken_up == "start"),
        ready=service.ready,
        reloaded=tuple(file.path for file in files if file.taken_up == "reload"),
        milter=service.milter,
        tried=service.tried,
        holds=service.holds,
    )


def _parts(service: Service, own: dict[str, tuple[HostFile, ...]]) -> Iterator[str]:
    """The service, and those of this host it uses, and what these use."""
    yield service.name
    for name in (it for it in service.uses if it in own):
        yield from _parts(_BY_NAME[name], own)


def _unit(service: Service, context: Context) -> str:
    if service.unit is None:
        raise AssertionError(service.name)
    return service.unit(context.release)


def _noted(activation: Activation) -> bool:
    """Whether its starts are noted; what is tried is noted when it is confirmed, and who reads nothing needs no note."""
    noted = activation.name not in WITHOUT_STAMP and not activation.tried
    return noted and bool(activation.stamped or activation.reloaded)


def _stamp_files(activation: Activation) -> tuple[HostFile, ...]:
    """Every start of the unit, whoever starts it, notes the digest of the configuration it starts with.

    A reload notes nothing, for OpenDKIM may refuse it: it takes the stamp away if there is something new to take up,
    and ``remote/reload.py`` notes it once the reload is proven.
    """
    listings = [
        HostFile(f"{STAMPS}/{stamp}", "".join(f"{path}\n" for path in paths).encode())
        for stamp, paths in activation.stamps.items()
    ]
    lines = ["# postwright decides from this stamp whether the service runs what is on disk.", "[Service]"]
    lines += [f"ExecStartPre=+/etc/postwright/stamp {stamp}" for stamp in activation.stamps]
    if activation.reloaded:
        lines.append(f"ExecReload=+/etc/postwright/stamp --reload {reload_stamp(activation.name)}")
    return (*listings, HostFile(drop_in(activation), "".join(f"{line}\n" for line in lines).encode()))


def reload_stamp(name: str) -> str:
    """The name of the stamp of what a service has taken up by a reload; remote/common.py says the same."""
    return f"{name}.reload"


def unit_file(activation: Activation) -> str:
    """Where the unit stands if it is one of ours."""
    return f"/etc/systemd/system/{activation.unit}"


def drop_in(activation: Activation) -> str:
    """The file that makes the unit write its stamp."""
    return f"/etc/systemd/system/{activation.unit}.d/postwright-stamp.conf"
