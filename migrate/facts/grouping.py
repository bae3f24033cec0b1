"""Origins that share a folder, and what the folder of one is."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from migrate.facts.calls import Row
from migrate.facts.locations import folder_of, is_file_like, normal
from migrate.facts.parts import BRACE_HOLE, FORMAT_HOLE, Value
from migrate.facts.uses import Origin

FOLDER_ARGUMENTS = frozenset(
    "log_dir logdir output_dir root save_dir out directory dirpath default_root_dir save_directory dir_name backup_dir export_dir".split()
)


FILE_ARGUMENTS = frozenset(
    """
    file filename fname file_name fileName cfg_filename filepath_or_buffer path_or_buf f fp uri io annotation_file model_file path_imgrec
    """.split()
)


@dataclass(eq=False)
class Group:
    """Outputs that stand below one another, or inputs of one channel. ``base`` is the folder that the variable replaces."""

    root: str
    origins: list[Origin]
    env: str = ""
    base: str = ""
    channel: str | None = None


def is_folder(origin: Origin) -> bool:
    """Whether the origin names a folder rather than a file."""
    text = origin.text or ""
    if text.endswith("/") or any(u.act in ("make", "list") and is_itself(origin, v) for u, v in origin.uses):
        return True
    followed = [v for _, v in origin.uses if len(v) > 1 and v[1].kind == "literal" and v[1].text.startswith("/")]
    if followed:
        return True
    if isinstance(origin.node, ast.JoinedStr) or any(len(v) > 1 for _, v in origin.uses):
        return False
    if any(a[1] in FOLDER_ARGUMENTS for u, _ in origin.uses for a in u.row.arguments):
        return True
    named = bool(origin.names & {"dir", "folder", "root", "directory", "path"})
    return named and not is_file_like(normal(text)) and "/" not in text.rstrip("/")


def takes_file(row: Row) -> bool:
    """Whether a call takes one file, by what it calls its argument, or that by position alone."""
    return any(keyword is None or keyword in FILE_ARGUMENTS for _, keyword in row.arguments)


def is_opened(origin: Origin) -> bool:
    """Whether the origin as it stands is opened as a file."""
    return any(
        u.act in ("read", "write") and is_itself(origin, v) and any(keyword in FILE_ARGUMENTS for _, keyword in u.row.arguments)
        for u, v in origin.uses
    )


def is_itself(origin: Origin, value: Value) -> bool:
    """Whether the used path is the origin as it stands, not the folder that holds it."""
    return len(value) == 1 and (origin.kind != "literal" or value[0].text == origin.text)


def without_text(origin: Origin) -> str:
    """What stands for the folder of an option whose text is not known."""
    return f"<{origin.option.dest if origin.option else ''}>"


def fields_of(origin: Origin) -> re.Pattern[str] | None:
    """What a field looks like in a literal that is filled in where it stands, by ``%`` or ``.format``; None for another literal."""
    node = origin.node
    parent = origin.module.parent(node) if node is not None else None
    if isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Mod) and parent.left is node:
        return FORMAT_HOLE
    return BRACE_HOLE if isinstance(parent, ast.Attribute) and parent.attr == "format" else None


def starred(origin: Origin, text: str) -> str:
    """A part of the origin's text as paths are told: what is filled in is ``*``."""
    fields = fields_of(origin)
    return fields.sub("*", text) if fields is not None else text


def above_fields(origin: Origin, folder: str) -> str:
    """The folder as far as it has no fields: the text of a variable has none for what is filled in."""
    fields = fields_of(origin)
    while fields is not None and fields.search(folder):
        folder = folder_of(folder) if "/" in folder else ""
    return folder
