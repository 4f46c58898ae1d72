"""What to configure at a provider so that postwright may do what it must, and nothing else.

Promise: pure text. No secret is in it: SECRET and ADDRESS (where postwright runs) are for the operator to replace. A server's
names and types are those of ``grants``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from postwright.dns.providers.grants import Grant, grants
from postwright.keys.public import PublicKey
from postwright.model import Cloudflare, Fleet, Octodns, Rfc2136, Zonefile

Zones = Mapping[str, Sequence[Grant]]


def lines(fleet: Fleet, keys: Sequence[PublicKey], name: str) -> list[str]:
    """The configuration for provider ``name`` of the fleet, line by line; KeyError if there is none of that name."""
    config, zones = fleet.providers[name], grants(fleet, keys, name)
    match config:
        case Rfc2136():
            return _servers(config, zones)
        case Cloudflare():
            return _cloudflare(config, fleet, tuple(zones))
        case Octodns():
            return [
                f"{config.plugin} logs in with what options and secret_options give it. Let that reach these zones alone:",
                *_indented(zones),
                "Records of other names there are read, too, and none of them is written.",
            ]
        case Zonefile():
            return [
                "Nothing is logged into: a person pastes what is written to the directory. These zones:",
                *_indented(zones),
            ]


def _servers(config: Rfc2136, zones: Zones) -> list[str]:
    return [
        f"# Replace SECRET by the text of {config.secret}, and ADDRESS by where postwright runs. What the inventory no longer",
        "# wants is not in here: print this again after the apply that removes it.",
        "",
        "# --- Knot DNS 3.4 or newer: knot.conf; then knotc conf-check, knotc reload",
        *knot(config, zones),
        "",
        "# Knot before 3.4 (Debian 12) does not know patterns: leave out the three update-owner lines of each rule. The key may",
        "# then write these types at any name of the zone.",
        "",
        "# --- BIND: named.conf; then named-checkconf, rndc reconfig",
        *bind(config, zones),
        "",
        "# --- PowerDNS: pdns.conf",
        *powerdns(),
        "",
        "# /etc/powerdns/postwright.lua",
        *powerdns_policy(config, zones),
        "",
        "# The key and who may use it; the first command prints the secret, which belongs into",
        f"# the {config.secret}. Then restart pdns.",
        *powerdns_commands(config, zones),
    ]


def knot(config: Rfc2136, zones: Zones, *, patterns: bool = True) -> list[str]:
    """knot.conf. One rule per zone, for a single rule must cover a whole update; ``patterns``: Knot 3.4 or newer."""
    key = config.key_name
    text = ["key:", f"  - id: {key}", f"    algorithm: {config.algorithm}", "    secret: SECRET", "", "acl:"]
    for zone, granted in zones.items():
        types = sorted({rdtype for grant in granted for rdtype in grant.types})
        owners = ", ".join(f'"{"*." if grant.below else ""}{grant.name}."' for grant in granted)
        text += [
            f"  - id: {key}-{zone}",
            "    # address: ADDRESS",
            f"    key: {key}",
            "    action: update",
            f"    update-type: [ {', '.join(types)} ]",
        ]
        if patterns:
            text += [
                "    update-owner: name",
                "    update-owner-match: pattern",
                f"    update-owner-name: [ {owners} ]",
            ]
    return [*text, "", "zone:", *(line for zone in zones for line in (f"  - domain: {zone}", f"    acl: {key}-{zone}"))]


def bind(config: Rfc2136, zones: Zones) -> list[str]:
    """named.conf, with the zones' files where Debian's named may write them."""
    text = [f'key "{config.key_name}" {{ algorithm {config.algorithm}; secret "SECRET"; }};']
    for zone, granted in zones.items():
        text += [
            "",
            f'zone "{zone}" {{',
            "    type primary;",
            f'    file "/var/lib/bind/{zone}.zone";',
            "    update-policy {",
            *(
                f'        grant "{config.key_name}" {"subdomain" if grant.below else "name"} "{grant.name}." {" ".join(grant.types)};'
                for grant in granted
            ),
            "    };",
            "};",
        ]
    return text


def powerdns() -> list[str]:
    """Settings of pdns.conf."""
    return [
        "dnsupdate=yes",
        "# From nowhere, but what a zone's own ALLOW-DNSUPDATE-FROM says.",
        "allow-dnsupdate-from=",
        "lua-dnsupdate-policy-script=/etc/powerdns/postwright.lua",
    ]


def powerdns_policy(config: Rfc2136, zones: Zones) -> list[str]:
    """The Lua policy. PowerDNS asks it once per record of an update."""
    granted = [grant for grants_of in zones.values() for grant in grants_of]
    return [
        "local at = {",
        *(_lua(grant) for grant in granted if not grant.below),
        "}",
        "local below = {",
        *(_lua(grant) for grant in granted if grant.below),
        "}",
        "",
        "function updatepolicy(input)",
        f'  if input:getTsigName():toString():lower() ~= "{config.key_name}." then return false end',
        "  local name, kind = input:getQName():toString():lower(), input:getQType()",
        '  local types = at[name] or below[name:match("^[^.]+%.(.+)$")] or {}',
        "  return types[kind] == true",
        "end",
    ]


def _lua(grant: Grant) -> str:
    return f'  ["{grant.name}."] = {{ {", ".join(f"[pdns.{rdtype}] = true" for rdtype in grant.types)} }},'


def powerdns_commands(config: Rfc2136, zones: Zones) -> list[str]:
    """What pdnsutil must be told."""
    return [
        f"pdnsutil generate-tsig-key {config.key_name} {config.algorithm}",
        *(
            f"pdnsutil set-meta {zone} {setting}"
            for zone in zones
            for setting in (f"TSIG-ALLOW-DNSUPDATE {config.key_name}", "ALLOW-DNSUPDATE-FROM ADDRESS")
        ),
    ]


def _cloudflare(config: Cloudflare, fleet: Fleet, zones: Sequence[str]) -> list[str]:
    """Permissions by their names in Cloudflare's dashboard (developers.cloudflare.com/fundamentals/api/get-started/create-token)."""
    without_id = [zone.name for zone in fleet.zones if zone.name in zones and zone.zone_id is None]
    listing = [
        "     Zone - Zone - Read    not needed once these zones have their zone_id in the inventory (dashboard, Overview):",
        *_indented(without_id, 8),
    ]
    return [
        "An API token, not the global API key: it can then do nothing but this.",
        "  1. dash.cloudflare.com, My Profile, API Tokens, Create Token, Create Custom Token.",
        "  2. Permissions:",
        "     Zone - DNS - Edit",
        *(listing if without_id else []),
        "  3. Zone Resources: Include - Specific zone, each of these and no other:",
        *_indented(zones, 5),
        "  4. Client IP Address Filtering: Is in ADDRESS, where postwright runs.",
        f"  5. Put the token into the {config.token} and nowhere else; a file wants mode 0600.",
        "Cloudflare grants by zone, not by name or type: only the ledger and the plan keep foreign records safe there.",
    ]


def _indented(names: Mapping[str, object] | Sequence[str], by: int = 2) -> list[str]:
    return [f"{' ' * by}{name}" for name in names]
