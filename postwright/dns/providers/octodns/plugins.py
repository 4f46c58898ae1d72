"""Plugins of octoDNS: which may be used, how one is loaded, and what its errors say.

Promise: octoDNS is imported only when a provider of that kind is opened. A plugin that is known to harm values it was not
asked to change is refused before it is made. No secret option is in a repr or in the text of an error, whoever raised it.
Read for the three lists: octodns-transip 1.0.1, -sakuracloud 0.0.1, -gandi 1.2.0, -ovh 1.2.0, -digitalocean 1.0.1,
-dnsimple 1.0.1, -dnsmadeeasy 1.0.1, -constellix 1.0.1, -easydns 1.0.1, -autodns 0.0.2, -infomaniak 0.1.10, -hetzner 2.0.0.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from postwright import secret
from postwright.errors import UsageError
from postwright.model import Octodns

NATIVE = {"octodns_cloudflare": "cloudflare", "octodns_bind": "rfc2136"}
# Every apply replaces the whole zone by what octoDNS knows of it: types and values it does not know are gone.
WHOLE_ZONE = frozenset({"octodns_transip", "octodns_sakuracloud"})
# An update deletes the RRset and creates it anew: it is missing in between, and lost if the second call fails.
DELETE_FIRST = frozenset(
    {
        "octodns_autodns",
        "octodns_constellix",
        "octodns_digitalocean",
        "octodns_dnsimple",
        "octodns_dnsmadeeasy",
        "octodns_easydns",
        "octodns_gandi",
        "octodns_hetzner",  # its backend "dnsapi", the default
        "octodns_infomaniak",
        "octodns_ovh",
    }
)
_SHOWN = 400  # characters of a stranger's error text, which may be a whole web page


@dataclass(frozen=True)
class Plugin:
    """A provider class of octoDNS with its arguments."""

    name: str
    path: str
    kind: Any = field(repr=False)
    options: Mapping[str, Any] = field(repr=False)
    hidden: tuple[str, ...] = field(repr=False)
    delete_first: bool = False

    def fresh(self) -> Any:
        """A new instance; plugins keep what they once read, so an instance is good for one reading and its apply."""
        try:
            return self.kind(self.name, **self.options)
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything
            hint = "see its README for the options it takes; those that are secret stand in secret_options"
            raise UsageError(f"provider {self.name}: {self.path} cannot be made ({self.told(error)}); {hint}") from None

    def supports(self, rdtype: str) -> bool:
        """Whether the class can publish records of that type at all."""
        return rdtype in self.kind.SUPPORTS

    def told(self, error: Exception) -> str:
        """What an exception says, without our secrets: some plugins put them into URLs, and the URLs into errors."""
        text = " ".join(str(error).split())
        for value in self.hidden:
            for spelling in (value, quote(value), quote(value, safe=""), quote_plus(value)):
                text = text.replace(spelling, "***")
        return f"{type(error).__name__}: {text[:_SHOWN]}" if text else type(error).__name__


def load(name: str, config: Octodns, base_dir: Path) -> Plugin:
    """The class a provider of the inventory names, made once to see that its options fit.

    Raises UsageError, naming provider, plugin and what to do, when it is refused, not installed or does not take the options.
    """
    package, _, _ = config.plugin.partition(".")
    _refuse(name, package, config)
    hidden = {
        key: secret.read(source, base_dir, f"provider {name}: secret option {key}")
        for key, source in config.secret_options.items()
    }
    plugin = Plugin(
        name,
        config.plugin,
        _kind(name, config.plugin),
        {**config.options, **hidden},
        tuple(hidden.values()),
        package in DELETE_FIRST and not config.whole_zone,
    )
    plugin.fresh()
    return plugin


def _refuse(name: str, package: str, config: Octodns) -> None:
    if package in NATIVE:
        kind = NATIVE[package]
        hint = f'write kind "{kind}" instead, which keeps foreign values byte for byte and does not write blindly'
        raise UsageError(f"provider {name}: {config.plugin} is not used; {hint}")
    if package in WHOLE_ZONE and not config.whole_zone:
        hint = "keep such a zone by kind zonefile, or set whole_zone to risk what octoDNS does not know of it"
        raise UsageError(f"provider {name}: {config.plugin} replaces the whole zone at every change; {hint}")


def _kind(name: str, path: str) -> Any:
    module, _, attribute = path.rpartition(".")
    package = module.partition(".")[0].replace("_", "-")
    command = f"pip install 'postwright[octodns]' {package}"
    try:
        import_module("octodns.provider.base")
        found = getattr(import_module(module), attribute)
    except ImportError as error:
        raise UsageError(f"provider {name}: {path} cannot be loaded ({error}); run: {command}") from None
    except AttributeError:
        raise UsageError(f"provider {name}: {module} has no class {attribute}; see the README of {package}") from None
    logging.getLogger("Record").setLevel(logging.ERROR)  # it warns of every foreign record it finds unusual
    return found
