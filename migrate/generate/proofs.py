"""The part of MIGRATION.md that ``migrate verify`` writes: found, put in, and carried over when the page is made anew."""

from __future__ import annotations

from migrate.generate.mark import mark, read_mark

HEADING = "## Proofs"  # as the template has it
BEGIN = "<!-- from here to the next heading like it: what migrate verify has seen, written anew each time -->"


def read(page: bytes) -> str:
    """What ``verify`` has written into the page, with its first line; empty where it has not."""
    found = page.decode("utf-8", "replace").replace("\r\n", "\n").partition(f"\n{BEGIN}\n")
    return f"{BEGIN}\n{found[2].partition(f'{chr(10)}## ')[0].rstrip()}\n" if found[1] else ""


def insert(page: bytes, section: str) -> bytes | None:
    """The page with ``section`` in place of the last one's; None where it has no heading for it.

    A page that is as it was made stays one: its mark is made anew. One that a person has edited stays that too.
    """
    text = page.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    before, heading, rest = text.partition(f"\n{HEADING}\n")
    if not heading:
        return None
    own, more, after = rest.partition("\n## ")
    own = own.partition(f"\n{BEGIN}\n")[0].rstrip("\n")
    made = f"{before}{heading}{own}\n\n{BEGIN}\n{section.strip()}\n{more}{after}".encode("utf-8", "surrogateescape")
    if read_mark(page) is not True:
        return made.replace(b"\n", b"\r\n") if b"\r\n" in page else made
    return mark(made.partition(b"\n")[2], "<!--")
