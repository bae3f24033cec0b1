"""Outputs: which of SageMaker's two folders keeps them, and what they are called below it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from migrate.facts.grouping import FOLDER_ARGUMENTS, Group, above_fields, is_folder, starred, without_text
from migrate.facts.locations import folder_of, is_below, kind_of, may_be_below, normal, split_at
from migrate.facts.migrated import Migrated
from migrate.facts.parts import MADE_BY_LIBRARY, text_of
from migrate.facts.uses import Origin, PathUse, Uses

MODEL_DIR = "SM_MODEL_DIR"
OUTPUT_DIR = "SM_OUTPUT_DATA_DIR"


class Outputs:
    """The outputs of one program, grouped by folder.

    ``bases`` tells the folder that the variable replaces, by the id of an origin, where it is not its group's; ``unplaced`` why an
    origin cannot be given a place below the variable.
    """

    def __init__(self, uses: Uses, origins: list[Origin], migrated: Sequence[Migrated] = ()) -> None:
        self.uses = uses
        self.migrated = migrated
        self.roles: dict[str, str] = {}  # of the files that are written, by path
        for origin in origins:
            if origin.text is not None and origin.acts() & {"write", "make"}:
                self.roles.setdefault(normal(origin.text), self.role(origin))
        self.bases: dict[int, str] = {}
        self.unplaced: dict[int, str] = {}
        self.groups = self._grouped(origins)
        self._agree_on_variables()
        self._share_variables()
        self._drop_hand_made()
        for group in self.groups:
            for origin in group.origins:
                base = self.bases.get(id(origin), group.base)
                if above_fields(origin, base) != base:
                    self.bases[id(origin)] = above_fields(origin, base)

    def role(self, origin: Origin) -> str:
        """model, checkpoint, log or data."""
        kinds = [kind_of(self.kind(u), text_of(v), origin.names) for u, v in origin.uses if u.act in ("write", "make")]
        if not kinds and origin.text is not None and (known := self.roles.get(normal(origin.text))):
            return known  # what is only read, or looked for, is what was written there
        kinds = kinds or [kind_of("text", origin.text or "", origin.names)]
        for kind in ("checkpoint", "model", "log"):
            if kind in kinds:
                return kind
        return "data"

    def kind(self, use: PathUse) -> str:
        """The row's word for what is written. A Trainer of Chainer that takes snapshots writes the model, where nothing else saves it."""
        if use.row.name == "chainer.training.Trainer" and "snapshot" in use.module.text:
            saved = any(u.row.kind == "model" and u.act == "write" for u in self.uses.uses)
            return use.row.kind if saved else "model"
        return use.row.kind

    def _grouped(self, origins: list[Origin]) -> list[Group]:
        groups: list[Group] = []
        for root, origin in sorted(((root_of(o), o) for o in origins), key=lambda pair: pair[0]):
            home = next((g for g in groups if root and g.root and is_below(root, g.root)), None)
            if home is None or origin.text is None:
                groups.append(Group(root, [origin]))
            else:
                home.origins.append(origin)
        return groups

    def _agree_on_variables(self) -> None:
        """A model's folder is SM_MODEL_DIR; what is only read or tested goes where the same file is written."""
        for group in self.groups:
            group.env = _variable(self.role(o) for o in group.origins)
        written: dict[str, str] = {}
        for group in self.groups:
            for origin in group.origins:
                if origin.text is not None and origin.acts() & {"write", "make"}:
                    text = normal(origin.text)
                    written[text] = MODEL_DIR if MODEL_DIR in (group.env, written.get(text)) else OUTPUT_DIR
        for group in self.groups:
            known = {written[normal(o.text)] for o in group.origins if o.text is not None and normal(o.text) in written}
            if known:
                group.env = MODEL_DIR if MODEL_DIR in known else OUTPUT_DIR

    def _share_variables(self) -> None:
        """A variable replaces a folder as a whole only where one group has it to itself; several keep their names below it."""
        for group in self.groups:
            rivals: list[object] = [g for g in self.groups if g.env == group.env and g is not group]
            rivals += [m for m in self.migrated if m.env == group.env and normal(m.root or m.default or "") != group.root]
            options = all(o.option is not None for o in group.origins)
            alone = not rivals and group.root not in ("", ".") and not _made_unguarded(group)
            if group.root.startswith("<"):
                group.base = group.root
            elif alone and (options or group.root.startswith(("/", "~", ".."))):
                group.base = group.root
            elif group.root.startswith(("/", "~", "..")):
                parent = folder_of(group.root)
                group.base = group.root if parent in ("", "/") else parent
            else:
                group.base = ""

    def _drop_hand_made(self) -> None:
        """A folder that no code makes is not there below the variable, which then takes its place: on EC2 a person made it, or the
        repository ships it. Where two such folders would fall together, or only a part of the folder is known, the paths are told."""
        made = [normal(text_of(v)) for u in self.uses.uses if _makes(u) for v in u.values]
        taken: dict[tuple[str, str], str] = {}
        for done in self.migrated:  # by an earlier apply
            if done.role != "channel" and done.root and not _covered(normal(done.root), made):
                taken[done.env, ""] = normal(done.root)
        for group in self.groups:
            for origin in group.origins:
                folder = root_of(origin)
                if origin.text is None:
                    continue
                if any("*" in deep and not _covered(deep, made) for deep in _folders_written(origin)):
                    self.unplaced[id(origin)] = "nothing in the code makes its folder, whose name is put together"
                    continue
                if not folder.strip("./") or is_below(group.base, folder) or _covered(starred(origin, folder), made):
                    continue
                split = split_at(origin.text, folder)
                rest = "" if is_folder(origin) or split is None else split[1] or ""
                home = taken.setdefault((group.env, rest), folder)
                self.bases[id(origin)] = folder if home == folder else ""
                if home != folder:
                    self.unplaced[id(origin)] = "nothing in the code makes its folder, and another such folder takes the variable's place"


def root_of(origin: Origin) -> str:
    """The folder of the output: the origin itself where it is a folder, else the folder that holds the file."""
    if origin.text is None:
        return without_text(origin)
    text = normal(origin.text)
    return text if is_folder(origin) else folder_of(text) if "/" in text else ""


def _variable(roles: Iterable[str]) -> str:
    return MODEL_DIR if set(roles) & {"model", "checkpoint"} else OUTPUT_DIR


def _makes(use: PathUse) -> bool:
    """Whether the call leaves a folder behind where there was none: ``makedirs``, or a writer that is given a folder."""
    return use.act == "make" or (use.act == "write" and any(keyword in FOLDER_ARGUMENTS for _, keyword in use.row.arguments))


def _folders_written(origin: Origin) -> set[str]:
    """The folders of the files that are written with this origin, as far as they are known. A library may make those that it names."""
    values = [value for use, value in origin.uses if use.act == "write" and not _makes(use)]
    written = [normal(text_of(value)) for value in values if not any(part.text == MADE_BY_LIBRARY for part in value)]
    return {folder_of(text) for text in written if "/" in text}


def _covered(folder: str, made: list[str]) -> bool:
    """Whether the code makes this folder, or one inside it. What is not known of a name may be anything."""
    return any(text.startswith("*") or may_be_below(text, folder) for text in made)


def _made_unguarded(group: Group) -> bool:
    """Whether some makedirs of the folder would fail where the folder is there already."""
    return any(makes_anew(origin) for origin in group.origins)


def makes_anew(origin: Origin) -> bool:
    """Whether some makedirs of the origin itself would fail where the folder is there already."""
    guarded = "test" in origin.acts()
    for use, value in origin.uses:
        if use.act == "make" and len(value) == 1 and not guarded and not any(k.arg == "exist_ok" for k in use.call.keywords):
            return not _in_try_or_if(use)
    return False


def _in_try_or_if(use: PathUse) -> bool:
    current = use.module.parent(use.call)
    while current is not None and not isinstance(current, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Module)):
        if isinstance(current, (ast.Try, ast.If)):
            return True
        current = use.module.parent(current)
    return False
