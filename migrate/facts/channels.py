"""Inputs: which channel brings them, and what they are called below it."""

from __future__ import annotations

import ast

from migrate.facts.grouping import Group, above_fields, is_folder, is_itself, is_opened, without_text
from migrate.facts.locations import DATA_WORDS, SPLITS, folder_of, is_below, is_file_like, is_trivial, normal, split_of, words
from migrate.facts.uses import Origin


def channels(origins: list[Origin]) -> list[Group]:
    """The inputs, grouped by channel."""
    groups: list[Group] = []
    for text in {normal(o.text) for o in origins if o.text is not None}:  # one path, whatever each place calls it
        alike = [o for o in origins if o.text is not None and normal(o.text) == text]
        shared = set().union(*(o.names for o in alike))
        if len({split_of(o.names) for o in alike}) > 1:  # the training data and others lie in it
            shared -= set().union(*(marks for _, marks in SPLITS))
        for origin in alike:
            origin.names = shared
    for origin in sorted(origins, key=lambda o: (normal(o.text or "~~"), o.line)):
        root = above_fields(origin, _input_root(origin))
        name = _channel_name(origin)
        home = next((g for g in groups if g.channel == name and root == g.root), None) if origin.text is not None else None
        home = home or next((g for g in groups if any(_replaces(o, origin) for o in g.origins)), None)
        home = home or next((g for g in groups if root and is_below(root, g.root) and g.root != "" and not g.root.startswith("<")), None)
        if home is None:
            home = next((g for g in groups if g.channel == name and _common(g.root, root) is not None), None)
            if home is not None:
                home.root = home.base = _common(home.root, root) or ""
        if home is None:
            home = Group(root, [], base=root, channel=name)
            groups.append(home)
        home.origins.append(origin)
    _name_channels(groups)
    return groups


def _replaces(literal: Origin, origin: Origin) -> bool:
    """Whether a literal is what an option becomes where it is not given: ``if args.data is None: args.data = "./data"``."""
    statement = literal.module.parent(literal.node) if literal.node is not None else None
    if origin.option is None or origin.text is not None or literal.option is not None or not isinstance(statement, ast.Assign):
        return False
    return any(isinstance(t, ast.Attribute) and t.attr == origin.option.dest for t in statement.targets)


def _common(one: str, two: str) -> str | None:
    if one.startswith("<") or two.startswith("<") or not one or not two:
        return None
    parts = []
    for left, right in zip(one.split("/"), two.split("/"), strict=False):
        if left != right:
            break
        parts.append(left)
    common = "/".join(parts)
    return None if is_trivial(common) else common


def _input_root(origin: Origin) -> str:
    if origin.text is None:
        return without_text(origin)
    text = normal(origin.text)
    opened = is_file_like(text) and any(u.act == "read" and is_itself(origin, v) for u, v in origin.uses)  # a file, where it is none
    if not opened and any(u.act == "list" and len(v) == 1 and "*" not in text for u, v in origin.uses):
        return text
    if origin.text.endswith("/") or (not opened and is_folder(origin) and not is_file_like(text)):
        return text
    if is_file_like(text) or is_opened(origin) or isinstance(origin.node, ast.JoinedStr) or any(len(v) > 1 for _, v in origin.uses):
        return folder_of(text) if "/" in text else ""
    return text


def _channel_name(origin: Origin) -> str:
    kinds = {u.row.kind for u, _ in origin.uses if u.act == "read"}
    last = normal(origin.text or "").rsplit("/", 1)[-1]
    if kinds == {"model"}:
        return "pretrained"
    own = split_of(origin.names)
    if own is not None and (origin.text is None or not is_file_like(last) or origin.option is not None):
        if is_file_like(last) and origin.option is None:
            return "training"
        return own if not is_file_like(last) else "training"
    if is_file_like(last):
        return "training"
    return split_of(words(last)) or "training"


def _home(root: str) -> str | None:
    """The folder by whose name a person knows the data: ``celeba`` of ``data/celeba/train``."""
    named = [part for part in root.split("/") if words(part) - DATA_WORDS and split_of(words(part)) is None and part.strip(".~")]
    return named[-1] if named and not root.startswith("<") else None


def _name_channels(groups: list[Group]) -> None:
    taken: set[str] = set()
    alike = {"train", "training"} <= {g.channel for g in groups}  # two data sets: nobody could tell which is which
    for group in sorted(groups, key=lambda g: g.origins[0].line):
        name = group.channel or "training"
        if name in taken or (alike and name in ("train", "training")):
            own = group.origins[0].option.dest if group.origins[0].option else group.root.rsplit("/", 1)[-1]
            own = _home(group.root) or own if alike else own
            own = "".join(c if c.isalnum() and c.isascii() else "_" for c in own).strip("_").lower()
            name = own if own and not own.isdigit() else name
        number = 2
        while name in taken:
            name, number = f"{(group.channel or 'training')}_{number}", number + 1
        taken.add(name)
        group.channel, group.env = name, f"SM_CHANNEL_{name.upper()}"
