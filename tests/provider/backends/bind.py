"""BIND, every zone with ``allow-update`` for one key."""

from pathlib import Path

from provider.backends import zone_texts
from provider.backends.server import DnsBackend, Place, launch

_CONFIGURATION = """
options {{ directory "{place.directory}"; listen-on port {place.port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  pid-file "{place.directory}/pid"; session-keyfile none; recursion no; dnssec-validation no; allow-query {{ any; }};
  notify no; }};
logging {{ channel file {{ file "{place.log}"; severity info; }}; category default {{ file; }}; }};
controls {{ }};
key writer {{ algorithm hmac-sha256; secret "{place.writer}"; }};
key reader {{ algorithm hmac-sha256; secret "{place.reader}"; }};
"""


def start(directory: Path) -> DnsBackend:
    """A server with every slot's zones."""
    place = Place(directory)
    configuration = _CONFIGURATION.format(place=place)
    for zone, text in zone_texts():
        (directory / f"{zone}.zone").write_text(text)
        configuration += f'zone "{zone}" {{ type primary; file "{zone}.zone"; allow-update {{ key writer; }}; }};\n'
    file = directory / "named.conf"
    file.write_text(configuration)
    return DnsBackend("bind", place, launch(["named", "-f", "-4", "-n", "1", "-c", str(file)], "bind9", place))
