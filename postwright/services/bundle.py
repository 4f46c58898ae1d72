"""Everything one host is to have, put together from its services. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from postwright.services import SERVICES
from postwright.services.parts import Check, Context, HostDirectory, HostFile, Service

STAMPS = "/etc/postwright/stamps"
MANIFEST = "/etc/postwright/files"


@dataclass(frozen=True)
class Activation:
    """A unit that must run what ``stamped`` lists."""

    name: str
    title: str
    unit: str
    stamped: tuple[str, ...]
    ready: str


@dataclass(frozen=True)
class Bundle:
    """Packages, directories, files, checks and units of one host, in the order they are dealt with."""

    host: str
    packages: tuple[str, ...]
    directories: tuple[HostDirectory, ...]
    files: tuple[HostFile, ...]
    checks: tuple[tuple[str, Check], ...]
    activations: tuple[Activation, ...]
    retired: tuple[Activation, ...] = ()


def bundle(context: Context) -> Bundle:
    """What the context's host is to have."""
    wanted = [service for service in SERVICES if service.wanted(context)]
    own = {service.name: service.files(context) for service in wanted}
    activations = tuple(_activation(service, context, own) for service in wanted if service.unit)
    files = [file for service in wanted for file in own[service.name]]
    files += [file for activation in activations if activation.name != "firewall" for file in _stamp_files(activation)]
    manifest = "".join(f"{path}\n" for path in sorted([MANIFEST, *(file.path for file in files)]))
    return Bundle(
        host=context.host.name,
        packages=tuple(sorted({package for service in wanted for package in service.packages})),
        directories=tuple(directory for service in wanted for directory in service.directories(context)),
        files=(*files, HostFile(MANIFEST, manifest.encode())),
        checks=tuple((service.name, check) for service in wanted for check in service.checks),
        activations=activations,
        retired=tuple(_unwanted(service, context) for service in SERVICES if service.unit and service not in wanted),
    )


def _unwanted(service: Service, context: Context) -> Activation:
    """The unit of a service this host is not to have; it is stopped if it was us who set it up."""
    return Activation(service.name, service.title, _unit(service, context), (), "true")


def _activation(service: Service, context: Context, own: dict[str, tuple[HostFile, ...]]) -> Activation:
    parts = [service.name, *(name for name in service.uses if name in own)]
    stamped = tuple(file.path for part in parts for file in own[part])
    return Activation(service.name, service.title, _unit(service, context), stamped, service.ready)


def _unit(service: Service, context: Context) -> str:
    if service.unit is None:
        raise AssertionError(service.name)
    return service.unit(context.release)


def _stamp_files(activation: Activation) -> tuple[HostFile, HostFile]:
    """Every start of the unit, whoever starts it, notes the digest of the configuration it starts with."""
    listing = "".join(f"{path}\n" for path in activation.stamped)
    text = (
        "# postwright decides from this stamp whether the service runs what is on disk.\n"
        f"[Service]\nExecStartPre=+/etc/postwright/stamp {activation.name}\n"
    )
    return (
        HostFile(f"{STAMPS}/{activation.name}", listing.encode()),
        HostFile(drop_in(activation), text.encode()),
    )


def drop_in(activation: Activation) -> str:
    """The file that makes the unit write its stamp."""
    return f"/etc/systemd/system/{activation.unit}.d/postwright-stamp.conf"
