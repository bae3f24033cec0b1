"""What an expression is known to be: parts that are put together, and how values of several are made of those of their pieces."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cached_property

from migrate.facts.ec2_literal import ec2_literal
from migrate.facts.model import Option, Span
from migrate.facts.program import Module

MOST_VALUES = 8  # alternatives kept of one expression
FORMAT_HOLE = re.compile(r"%(?:\((?P<key>[^)]*)\))?[-#0 +]*\d*(?:\.\d+)?[a-zA-Z%]")
BRACE_HOLE = re.compile(r"\{\{|\}\}|\{[^{}]*\}")
# Reasons of holes that decide something: names without a folder, and what is no path at all.
PART_OF_PATH = "a part of a path"
TIME_OR_CHANCE = "the time or chance"
IN_MEMORY = "an object in memory"
NOT_RUN = "an argument of calls that do not run"
CODE = "the code's own file"
MADE_BY_LIBRARY = "what a library makes of it"
LIBRARY_DEFAULT = "the library's own folder"


@dataclass(frozen=True, eq=False)
class Part:
    """``kind``: literal (``text``, at ``node``), option (``option``), env (``text`` is the variable), hole (``text`` is the reason), anchor
    (the expression ``node`` names the working folder, ``.``, or the folder of the code)."""

    kind: str
    text: str
    module: Module | None = None
    node: ast.expr | None = None
    option: Option | None = None
    joined: ast.Call | ast.BinOp | None = None  # of an anchor: the ``os.path.join``, or ``/`` of paths, that it starts

    @cached_property
    def key(self) -> tuple[str, str, object]:
        if self.kind in ("literal", "anchor") and self.module is not None and self.node is not None:
            return self.kind, self.module.path, (Span.of(self.node), self.text)
        return self.kind, self.text, None


Value = tuple[Part, ...]


def text_of(value: Value) -> str:
    """The text on EC2 as far as it is known; what is not is ``*``."""
    text = ""
    for part in value:
        known = _known_text(part)
        if text.endswith("/"):  # a migrated default that is empty stands between two slashes
            known = known.lstrip("/")
        text += known if text or part.kind != "literal" or not value[0].text.startswith("SM_") else known.removeprefix("/")
    return text


def _known_text(part: Part) -> str:
    if part.kind == "literal":
        return part.text
    if part.kind == "env" and part.text.startswith("SM_"):  # migrated: its default is what it is on EC2
        try:
            known = ec2_literal(part.node)
        except ValueError:
            return "*"
        return known if isinstance(known, str) else "*"
    return str(part.option.default) if part.option and isinstance(part.option.default, str) else "*"


def hole(reason: str, node: ast.expr | None = None) -> Value:
    return (Part("hole", reason, node=node),)


def folder(part: Part) -> Value:
    if part.kind == "literal":
        head, slash, _ = part.text.rpartition("/")
        return (Part("literal", head if slash else ".", part.module, part.node if slash else None),)
    return (part, Part("hole", "its folder"))


def is_none(value: Value) -> bool:
    return len(value) == 1 and value[0].kind == "hole" and value[0].text == "None"


def distinct(values: list[Value]) -> list[Value]:
    told = [tuple([p for p in value if p.kind != "literal" or p.text or p.node is not None]) or value for value in values]
    if len(told) < 2:
        return told
    seen: dict[tuple[object, ...], Value] = {}
    for value in told:
        seen.setdefault(tuple([p.key for p in value]), value)
    return list(seen.values())[:MOST_VALUES]


def concatenated(pieces: list[list[Value]]) -> list[Value]:
    results: list[Value] = [()]
    for alternatives in pieces:
        results = [(*head, *tail) for head in results for tail in alternatives][:MOST_VALUES]
    return [tuple(p for p in value if p.kind != "literal" or p.text) or value[:1] for value in results]


def joined(pieces: list[list[Value]]) -> list[Value]:
    """As ``os.path.join``: an empty first part vanishes, an absolute later part starts anew."""
    results: list[Value] = [()]
    for place, alternatives in enumerate(pieces):
        step: list[Value] = []
        if place == 0:  # `folder=""` is what a caller leaves out
            alternatives = [v for v in alternatives if any(p.kind != "literal" or p.text for p in v)] or alternatives
        for head in results:
            for tail in alternatives:
                absolute = bool(tail) and tail[0].kind == "literal" and tail[0].text.startswith(("/", "~"))
                empty = all(p.kind == "literal" and not p.text for p in head)
                slash = bool(head) and head[-1].kind == "literal" and head[-1].text.endswith("/")
                step.append(tail if absolute or empty else (*head, *(() if slash else (Part("literal", "/"),)), *tail))
        results = step[:MOST_VALUES]
    return results
