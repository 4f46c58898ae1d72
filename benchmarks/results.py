"""Puts the pages of results/ together as RESULTS.md; each was written by the benchmark it names, at its own time."""

import re
from pathlib import Path

HERE = Path(__file__).parent
PARTS = {
    "apply": "A rerun",
    "fleet": "A fleet",
    "first": "A first apply",
    "crowd": "A crowd",
    "dns": "DNS",
    "mail": "Mail",
}
HEAD = """
# Results

Written by `make bench`; never edited by hand. Ratios are those of runs of the same round, in turns, on the same machine:
median, and least and most in brackets. Seconds say little about another machine, ratios more. A target that was not met
says so. Each part can be measured by itself: `make bench-apply`, `bench-fleet`, `bench-first`, `bench-crowd`, `bench-dns`,
`bench-mail`.
""".strip()


def main() -> None:
    """Write the page."""
    parts = [_section(title, HERE / "results" / f"{name}.md") for name, title in PARTS.items()]
    (HERE / "RESULTS.md").write_text("\n".join([HEAD, "", _short(parts), *parts]))


def _section(title: str, file: Path) -> str:
    """A page as a section, with its own headings below."""
    text = file.read_text() if file.exists() else "Not measured yet.\n"
    return f"## {title}\n\n" + re.sub(r"^#+ ", "### ", text, flags=re.MULTILINE)


def _short(parts: list[str]) -> str:
    """How many targets were met, and which were not."""
    targets = [
        line for part in parts for line in part.splitlines() if re.search(r"\| (met|\*\*falls short\*\*) \|$", line)
    ]
    short = [line for line in targets if "falls short" in line]
    lines = [f"Targets: {len(targets) - len(short)} of {len(targets)} met.", ""]
    return "\n".join(
        [*lines, *(["| falls short | wanted | measured | |", "|---|---|---|---|", *short, ""] if short else [])]
    )


if __name__ == "__main__":
    main()
