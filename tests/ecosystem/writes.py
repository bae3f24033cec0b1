"""The obvious writes of a program, counted without the tool: a known saver called with a path that the source spells out."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.ecosystem.alive import live_nodes
from tests.ecosystem.trees import touched_lines

# (last part of the called name, position of the path, keyword of the path); the dotted prefix where the last part alone says too little.
SAVERS: dict[str, tuple[int, str]] = {
    "torch.save": (1, "f"), "np.save": (0, "file"), "numpy.save": (0, "file"), "np.savez": (0, "file"), "np.savetxt": (0, "fname"),
    "makedirs": (0, "name"), "mkdir": (0, "path"), "savefig": (0, "fname"), "SummaryWriter": (0, "log_dir"), "save_image": (1, "fp"),
    "imsave": (0, "fname"), "to_csv": (0, "path_or_buf"), "to_pickle": (0, "path"), "to_parquet": (0, "path"),
    "joblib.dump": (1, "filename"),
    "save_npz": (0, "file"), "imwrite": (0, "filename"), "save_weights": (0, "filepath"), "save_pretrained": (0, "save_directory"),
    "FileHandler": (0, "filename"), "ModelCheckpoint": (0, "filepath"), "CSVLogger": (0, "filename"), "TensorBoard": (0, "log_dir"),
}  # fmt: skip
OPENERS = ("open", "gzip.open", "io.open", "codecs.open", "bz2.open")
SAFE_STARTS = ("/dev/",)


Line = tuple[str, int]  # the file and the line, from 1
Spelt = tuple[str, tuple[Line, ...]]


@dataclass(frozen=True)
class Write:
    """A literal write: the call, and the lines that its path is spelt on, be it a constant's or an option's default."""

    path: str
    line: int
    end_line: int
    call: str
    text: str
    roots: tuple[Line, ...]


@dataclass
class Audit:
    """What became of the literal writes of one program."""

    redirected: int = 0
    reported: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    files: int = 0


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


class _Constants(ast.NodeVisitor):
    """Names that a file binds once; with the attributes that the program gives a text to, what a path begins with."""

    def __init__(self, path: str, tree: ast.Module, attributes: dict[str, Spelt]) -> None:
        self.path, self.attributes = path, attributes
        self.found: dict[str, list[ast.Assign]] = {}
        self.visit(tree)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.found.setdefault(target.id, []).append(node)

    def spelt(self, node: ast.expr | None, depth: int = 0) -> Spelt | None:
        """The literal that a path begins with and the lines it stands on; None where the source does not say."""
        if depth > 4 or node is None:
            return None
        if isinstance(node, ast.Constant):
            return (node.value, ((self.path, node.lineno),)) if isinstance(node.value, str) and node.value else None
        if isinstance(node, ast.Attribute) and isinstance(node.value, (ast.Name, ast.Attribute)):
            return self.attributes.get(node.attr)  # args.save_dir, self.opt.save_dir, config.OUT_DIR
        if isinstance(node, ast.Name) and len(self.found.get(node.id, ())) == 1:
            assigned = self.found[node.id][0]
            told = self.spelt(assigned.value, depth + 1)
            return (told[0], (*told[1], (self.path, assigned.lineno))) if told else None
        return self.spelt(_first(node), depth + 1)


def _first(node: ast.expr) -> ast.expr | None:
    """The part of a path expression that its beginning comes from."""
    if isinstance(node, ast.JoinedStr) and node.values:
        first = node.values[0]
        return first.value if isinstance(first, ast.FormattedValue) else first
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Mod, ast.Div)):
        return node.left
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr == "format":
            return node.func.value
        if _dotted(node.func).rpartition(".")[2] in ("join", "Path", "str", "abspath", "expanduser") and node.args:
            return node.args[0]
    return None


def _attributes(parsed: Mapping[str, ast.Module]) -> dict[str, Spelt]:
    """What ``args.name`` and ``config.NAME`` begin as: an option's text default, a text of a class body; none that two give."""
    found: dict[str, list[Spelt]] = {}
    for path, tree in parsed.items():
        for node in ast.walk(tree):
            told = _default(node) if isinstance(node, ast.Call) and _dotted(node.func).endswith("add_argument") else None
            if told:
                assert isinstance(node, ast.Call)
                lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
                found.setdefault(told[0], []).append((told[1], tuple((path, line) for line in lines)))
            for statement in node.body if isinstance(node, ast.ClassDef) else ():
                if (
                    isinstance(statement, ast.Assign)
                    and isinstance(statement.value, ast.Constant)
                    and isinstance(statement.value.value, str)
                ):
                    spelt = (statement.value.value, ((path, statement.lineno),))
                    for target in statement.targets:
                        found.setdefault(ast.unparse(target), []).append(spelt)
    return {name: given[0] for name, given in found.items() if len(given) == 1 and given[0][0]}


def _default(call: ast.Call) -> tuple[str, str] | None:
    """An option's dest and the text that it has by default."""
    given = {k.arg: k.value.value for k in call.keywords if isinstance(k.value, ast.Constant)}
    spelt = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    name = given.get("dest") or next((one for one in spelt if one.startswith("--")), spelt[0] if spelt else None)
    default = given.get("default")
    return (name.lstrip("-").replace("-", "_"), default) if isinstance(name, str) and isinstance(default, str) else None


def literal_writes(root: Path, files: Sequence[str]) -> list[Write]:
    """The literal writes of a program, of which ``files`` has the entry point first; files that do not parse have none."""
    parsed = {name: tree for name in files if (tree := _parsed(root / name)) is not None}
    found, attributes = [], _attributes(parsed)
    for name, nodes in live_nodes(parsed, files[0]).items():
        constants = _Constants(name, parsed[name], attributes)
        for node in nodes:
            target = _written(node) if isinstance(node, ast.Call) else None
            told = constants.spelt(target) if target is not None else None
            if told and isinstance(node, ast.Call) and not told[0].startswith(SAFE_STARTS):
                found.append(Write(name, node.lineno, node.end_lineno or node.lineno, _dotted(node.func), told[0], told[1]))
    return sorted(found, key=lambda write: (write.path, write.line))


def _parsed(path: Path) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return None


def _written(call: ast.Call) -> ast.expr | None:
    """The expression that a saver's path is given by, None where the call is none."""
    name = _dotted(call.func)
    if name in OPENERS:
        mode = call.args[1] if len(call.args) > 1 else next((k.value for k in call.keywords if k.arg == "mode"), None)
        writes = isinstance(mode, ast.Constant) and isinstance(mode.value, str) and mode.value[:1] in ("w", "a", "x")
        return call.args[0] if writes and call.args else None
    place = SAVERS.get(name) or SAVERS.get(name.rpartition(".")[2])
    if place is None:
        return None
    position, keyword = place
    return next((k.value for k in call.keywords if k.arg == keyword), call.args[position] if len(call.args) > position else None)


def closure(root: Path, entry: str) -> list[str]:
    """The entry point and the local modules that it imports, by file names alone."""
    places = [root / Path(entry).parent, root, root / "src"]
    seen, todo = [], [entry]
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.append(name)
        tree = _parsed(root / name)
        for node in ast.walk(tree) if tree else ():
            for wanted, base in _wanted(node, root / name):
                for place in [base] if base else places:
                    todo += [_relative(root, file) for file in _files(place, wanted) if _relative(root, file)]
    return seen


def _wanted(node: ast.AST, path: Path) -> list[tuple[str, Path | None]]:
    if isinstance(node, ast.Import):
        return [(alias.name, None) for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = path.parents[node.level - 1] if node.level else None
        module = node.module or ""
        return [(module, base), *((f"{module}.{alias.name}".strip("."), base) for alias in node.names)]
    return []


def _files(place: Path, module: str) -> list[Path]:
    stem = place.joinpath(*module.split(".")) if module else place
    return [file for file in (stem.with_suffix(".py"), stem / "__init__.py") if file.is_file()]


def _relative(root: Path, file: Path) -> str:
    try:
        return file.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return ""


def audit(original: Path, migrated: Path, files: list[str], findings: list[dict[str, Any]]) -> Audit:
    """Whether every literal write stands on a line that apply changed, or that a finding speaks of."""
    seen = Audit(files=len(files))
    writes = literal_writes(original, files)
    named = {path for write in writes for path in (write.path, *(root[0] for root in write.roots))}
    touched = {name: touched_lines((original / name).read_bytes(), (migrated / name).read_bytes()) for name in named}
    told = {(f["path"], line) for f in findings for line in range(f["line"], (f.get("end_line") or f["line"]) + 1)}
    for write in writes:
        lines = {*((write.path, line) for line in range(write.line, write.end_line + 1)), *write.roots}
        row = f"{write.path}:{write.line} {write.call}({write.text!r})"
        if any(line in touched[path] for path, line in lines):
            seen.redirected += 1
        elif lines & told:
            seen.reported.append(row)
        else:
            seen.missed.append(row)
    return seen
