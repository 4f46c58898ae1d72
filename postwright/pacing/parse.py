"""From the JSON of pacing.json to a Config. Pure: collects all problems, then raises them as one ConfigError."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, get_args

from .config import DEFAULT, Address, Config, ConfigError, DomainBudget, Failure, budget_name
from .parse_streams import relays, streams
from .plan import Plan
from .plan_json import plan_of
from .providers import OTHER, UNKNOWN, Provider
from .reader import Reader, short, transport
from .stages import Thresholds

_NEEDED = frozenset(
    [
        "format",
        "host",
        "addresses",
        "providers",
        "plans",
        "thresholds",
        "own_domains",
        "domains",
        "streams",
        "relay",
        "failure",
        "outstanding",
        "queue_lifetime",
        "gate",
        "metrics",
        "lab_clock",
    ]
)
_OPTIONAL = frozenset(["relays", "header_streams", "certificates", "own_addresses"])
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


def parsed(data: Any) -> Config:
    """The configuration; ConfigError with every problem of the data."""
    reader = Reader()
    top = reader.table("", data, _NEEDED, _OPTIONAL)
    if top.get("format") != 1:
        reader.wrong("format", f"must be 1, is {short(top.get('format'))}")
    plans = _plans(reader, top.get("plans"))
    providers = _providers(reader, top.get("providers"))
    made: dict[str, Any] = {
        "host": reader.text("host", top.get("host")),
        "addresses": _addresses(reader, top.get("addresses"), plans),
        "providers": providers,
        "thresholds": _thresholds(reader, top.get("thresholds")),
        "own_domains": frozenset(name.lower() for name in reader.texts("own_domains", top.get("own_domains"))),
        "budgets": _budgets(reader, top.get("domains"), plans, {it.name for it in providers}),
        "streams": streams(reader, top),
        "relays": relays(reader, top),
        **_rest(reader, top),
    }
    if reader.problems:
        raise ConfigError(reader.problems)
    return Config(**made)


def _rest(reader: Reader, top: Mapping[str, Any]) -> dict[str, Any]:
    gate = reader.table("gate", top.get("gate"), {"port", "filter"})
    return {
        "failure": reader.choice("failure", top.get("failure"), get_args(Failure)),
        "outstanding": reader.number("outstanding", top.get("outstanding"), 1, 20_000),
        "queue_lifetime": reader.number("queue_lifetime", top.get("queue_lifetime"), 60, 100 * 86_400),
        "gate_port": str(reader.number("gate.port", gate.get("port"), 1, 65_535)),
        "gate_filter": transport(reader, "gate.filter", gate.get("filter")),
        "metrics": _metrics(reader, top.get("metrics")),
        "header_streams": reader.yes("header_streams", top.get("header_streams", False)),
        "own_addresses": frozenset(reader.texts("own_addresses", top.get("own_addresses", []))),
        "certificates": _certificates(reader, top.get("certificates", {})),
        "lab_clock": None if top.get("lab_clock") is None else reader.text("lab_clock", top["lab_clock"]),
    }


def _certificates(reader: Reader, value: Any) -> Mapping[str, str]:
    said = reader.mapping("certificates", value)
    return {print_: reader.text(f"certificates.{print_}", login) for print_, login in said.items()}


def _metrics(reader: Reader, value: Any) -> tuple[str, int] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2:  # noqa: PLR2004 - a pair
        reader.wrong("metrics", f'must be ["address", port], is {short(value)}')
        return None
    return _ip(reader, "metrics[0]", value[0]), reader.number("metrics[1]", value[1], 1, 65_535)


def _ip(reader: Reader, path: str, value: Any) -> str:
    try:
        return str(ipaddress.ip_address(value if isinstance(value, str) else ""))
    except ValueError:
        reader.wrong(path, f"must be an IP address, is {short(value)}")
        return "0.0.0.0"  # noqa: S104 - never bound to: the problem above is raised


def _addresses(reader: Reader, value: Any, plans: Mapping[str, Plan]) -> tuple[Address, ...]:
    made: list[Address] = []
    for at, item in enumerate(reader.items("addresses", value)):
        path = f"addresses[{at}]"
        table = reader.table(path, item, {"ip", "label", "plan", "start"}, {"pool"})
        address = ipaddress.ip_address(_ip(reader, f"{path}.ip", table.get("ip")))
        label = reader.text(f"{path}.label", table.get("label"))
        if label and not _LABEL.fullmatch(label):
            reader.wrong(f"{path}.label", f"must be letters, digits and -, is {short(label)}")
        plan = _plan(reader, f"{path}.plan", table.get("plan"), plans) if table.get("plan") is not None else None
        start = reader.start(f"{path}.start", table.get("start"))
        if address in {ipaddress.ip_address(it.ip) for it in made} or label in {it.label for it in made}:
            reader.wrong(path, f"{address} or its label is listed twice")
        pool = reader.text(f"{path}.pool", table.get("pool", DEFAULT))
        made.append(Address(str(address), address.version, label, plan, start, pool))
    if not made:
        reader.wrong("addresses", "lists none: nothing could ever be sent")
    return tuple(made)


def _plan(reader: Reader, path: str, name: Any, plans: Mapping[str, Plan]) -> Plan | None:
    if isinstance(name, str) and name in plans:
        return plans[name]
    reader.wrong(path, f"there is no plan {short(name)} among plans")
    return None


def _plans(reader: Reader, value: Any) -> dict[str, Plan]:
    made = {}
    for name, data in reader.mapping("plans", value).items():
        try:
            made[name] = plan_of(name, data)
        except (ValueError, TypeError) as error:
            reader.wrong(f"plans.{name}", str(error))
    return made


def _providers(reader: Reader, value: Any) -> tuple[Provider, ...]:
    made: dict[str, Provider] = {}
    keys = {"name", "suffixes", "connections", "messages_per_connection", "per_minute"}
    for at, item in enumerate(reader.items("providers", value)):
        path = f"providers[{at}]"
        table = reader.table(path, item, keys)
        name = reader.text(f"{path}.name", table.get("name"))
        if name in made or (name and not re.fullmatch(r"[a-z0-9]+", name)):
            reader.wrong(f"{path}.name", f"must be lower-case letters and digits and stand once, is {short(name)}")
        numbers = [reader.number(f"{path}.{key}", table.get(key), 1, 100_000) for key in sorted(keys)[:2]]
        rate = table.get("per_minute")
        rate = None if rate is None else reader.number(f"{path}.per_minute", rate, 1, 10_000_000)
        suffixes = reader.texts(f"{path}.suffixes", table.get("suffixes"))
        made[name] = Provider(name, suffixes, numbers[0], numbers[1], rate)
    for name in (OTHER, UNKNOWN):
        if name not in made:
            reader.wrong("providers", f"{name} is missing: each recipient belongs to some provider")
    return tuple(made.values())


def _thresholds(reader: Reader, value: Any) -> Thresholds:
    known = set(Thresholds().to_json())
    numbers: dict[str, Any] = {}
    for key, number in reader.table("thresholds", value, known).items():
        if isinstance(number, bool) or not isinstance(number, int | float) or not number >= 0:
            reader.wrong(f"thresholds.{key}", f"must be a number from 0 on, is {short(number)}")
        elif key in known:
            numbers[key] = number
    return Thresholds.of_json(numbers)


def _budgets(reader: Reader, value: Any, plans: Mapping[str, Plan], providers: set[str]) -> Mapping[str, DomainBudget]:
    made = {}
    for domain, item in reader.mapping("domains", value).items():
        path = f"domains.{domain}"
        table = reader.table(path, item, {"plan", "start", "share", "providers"})
        plan = _plan(reader, f"{path}.plan", table.get("plan"), plans)
        start = reader.start(f"{path}.start", table.get("start"))
        share = _share(reader, f"{path}.share", table.get("share"))
        for provider in reader.texts(f"{path}.providers", table.get("providers")):
            if provider not in providers:
                reader.wrong(f"{path}.providers", f"{short(provider)} is not among providers")
            name = budget_name(domain.lower(), provider)
            if plan:
                made[name] = DomainBudget(name, domain.lower(), provider, plan, start, share)
    return made


def _share(reader: Reader, path: str, value: Any) -> tuple[int, int]:
    if isinstance(value, list) and len(value) == 2 and all(type(it) is int for it in value):  # noqa: PLR2004 - a pair
        part, of = value
        if 1 <= part <= of:
            return part, of
    reader.wrong(path, f"must be [which part, of how many], counted from 1, is {short(value)}")
    return 1, 1
