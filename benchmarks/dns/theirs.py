"""octoDNS's half of the benchmark: ``Manager.sync(dry_run=False)``, which is what ``octodns-sync --doit`` calls.

Usage: theirs.py CONFIG.yaml. It stops as octoDNS does, by an exception, if a plan is unsafe.
"""

import sys
from typing import Any

from measured import count_messages, report, timed
from octodns.manager import Manager
from octodns.provider.yaml import YamlProvider


def main(config: str) -> None:
    """Reading the zones from YAML is timed apart: it is no DNS."""
    count_messages()
    phases: dict[str, float] = {}
    populate = YamlProvider.populate

    def timed_populate(source: YamlProvider, *args: Any, **options: Any) -> Any:
        with timed(phases, "of it YAML"):
            return populate(source, *args, **options)

    YamlProvider.populate = timed_populate
    with timed(phases, "sync"):
        manager = Manager(config)
        phases["changes"] = manager.sync(dry_run=False)
    report(phases, ("octodns", "octodns-bind", "octodns-cloudflare", "dnspython"))


if __name__ == "__main__":
    main(*sys.argv[1:])
