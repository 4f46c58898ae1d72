"""The configuration that somebody wrote by hand for throughput, in ``hand-tuned/``, as a variant of a built host."""

from __future__ import annotations

from pathlib import Path

from measuring import Variant

FOLDER = Path(__file__).parent / "hand-tuned"
_TO = {"main.cf": "/etc/postfix/main.cf", "master.cf": "/etc/postfix/master.cf", "opendkim.conf": "/etc/opendkim.conf"}
# By hand nobody writes sandboxes; the same key signs, and the same resolver is asked.
_BARE = """
rm -f /etc/systemd/system/{postfix,opendkim,unbound}.service.d/postwright-{sandbox,stamp}.conf
sed -i "s/SELECTOR/$(sed -n 's/^[^#]*:\\(.*\\):.*/\\1/p' /etc/postwright/dkim/KeyTable)/" /etc/opendkim.conf
"""


def hand_tuned() -> Variant:
    """The files of ``hand-tuned/``, whole, in place of ours."""
    written = "".join(f"cat >{path} <<'end'\n{(FOLDER / name).read_text()}end\n" for name, path in _TO.items())
    return Variant("by hand", written + _BARE)
