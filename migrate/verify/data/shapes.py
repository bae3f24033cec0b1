"""What a program expects to find in its input, by what its source says: classes of images, idx files, tables, texts. Nothing is run."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

_CLASSES = {"ImageFolder": "root", "flow_from_directory": "directory", "image_dataset_from_directory": "directory"}
_IDX = ("MNIST", "FashionMNIST", "KMNIST")  # torchvision keeps each below NAME/raw, and checks no digest of them
_DIGESTS = ("CIFAR10", "CIFAR100", "SVHN", "STL10", "Caltech101")  # torchvision takes only the real ones
IMAGES = (".png", ".jpg", ".jpeg", ".ppm", ".bmp")
_TABLES = ("read_csv", "read_table", "DictReader", "scan_csv")  # readers that know columns by their names
_KNOWN = (".csv", ".tsv", ".txt", *IMAGES)


@dataclass
class Shape:
    """What a channel would have to hold; paths are relative to it. ``refused`` says in words what cannot be made up."""

    classes: list[str] = field(default_factory=list)  # folders that hold a folder of images for each class
    idx: list[str] = field(default_factory=list)  # folders of MNIST's four files
    cifar: list[str] = field(default_factory=list)  # folders of CIFAR-10's pickles
    files: list[str] = field(default_factory=list)  # tables, texts, images; an asterisk stands for several
    columns: list[str] = field(default_factory=list)  # names that tables have, by the code
    width: int = 0  # numbers in a row of a table without names, as far as the code tells
    header: bool = True
    suffix: str = ".png"  # of images
    refused: list[str] = field(default_factory=list)
    named: bool = False  # whether anything reads a table by the names of its columns


def shape_of(sources: Iterable[tuple[str, bytes]], default: str | None) -> Shape:
    """The shape by the sources of a program. ``default`` is the channel's path on EC2, which literal paths may begin with."""
    out = Shape()
    for _, text in sources:
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError):
            continue
        _Reader(out, default or "").read(tree)
    if not out.named:
        out.columns = []  # then what looks like one is the key of a dictionary
    for name in ("classes", "idx", "cifar", "files", "columns", "refused"):
        setattr(out, name, list(dict.fromkeys(getattr(out, name))))
    return out


class _Reader:
    """Walks one module."""

    def __init__(self, shape: Shape, default: str) -> None:
        self.shape = shape
        self.default = posixpath.normpath(default) if default else ""
        self.names: dict[str, ast.expr] = {}

    def read(self, tree: ast.Module) -> None:
        nodes = list(ast.walk(tree))
        for node in nodes:
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                self.names[node.targets[0].id] = node.value
        self._suffix(nodes)
        for node in nodes:
            if isinstance(node, ast.Call):
                self._call(node)
            elif isinstance(node, ast.Subscript):
                self._subscript(node)
        for path in self._literals(nodes):
            self._literal(path)

    def _call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id if isinstance(node.func, ast.Name) else ""
        if name in _CLASSES:
            self.shape.classes.append(self._place(node, _CLASSES[name]))
        elif name in _IDX and (node.args or node.keywords):
            self.shape.idx.append(posixpath.join(self._place(node, "root"), name, "raw"))
        elif name in _DIGESTS and (node.args or node.keywords):
            self.shape.refused.append(f"{name}: torchvision takes the real data alone")
        for word in node.keywords:
            if word.arg in ("usecols", "names", "columns") and isinstance(word.value, (ast.List, ast.Tuple)):
                self.shape.columns += [
                    item.value for item in word.value.elts if isinstance(item, ast.Constant) and isinstance(item.value, str)
                ]
        self.shape.named = self.shape.named or name in _TABLES
        if name in ("loadtxt", "genfromtxt"):
            self.shape.header = any(word.arg in ("skiprows", "skip_header", "names") for word in node.keywords)

    def _subscript(self, node: ast.Subscript) -> None:
        """``table["speed"]`` names a column, ``rows[:, 3]`` says that there are four."""
        index = node.slice
        if isinstance(index, ast.Constant) and isinstance(index.value, str) and isinstance(node.value, ast.Name):
            self.shape.columns.append(index.value)
        self.shape.columns += _texts(index)
        if isinstance(index, ast.Tuple) and len(index.elts) == 2:
            last = index.elts[1].upper if isinstance(index.elts[1], ast.Slice) else index.elts[1]
            if isinstance(last, ast.Constant) and isinstance(last.value, int):
                self.shape.width = max(self.shape.width, last.value + 1)

    def _suffix(self, nodes: Iterable[ast.AST]) -> None:
        named = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        found = [suffix for suffix in IMAGES if any(text.lower().endswith(suffix) and len(text) <= 6 for text in named)]
        if found and ".png" not in found:
            self.shape.suffix = found[0]

    def _literals(self, nodes: Iterable[ast.AST]) -> Iterator[str]:
        inner: set[int] = set()
        for node in nodes:  # the outermost comes first
            if isinstance(node, (ast.Call, ast.BinOp, ast.JoinedStr)) or (isinstance(node, ast.Constant) and id(node) not in inner):
                inner |= {id(child) for child in ast.walk(node)} if not isinstance(node, ast.Call) or _joins(node) else set()
                if (text := self._tail(node)) is not None and not (isinstance(node, ast.Call) and not _joins(node)):
                    yield text

    def _literal(self, path: str) -> None:
        pure = PurePosixPath(path)
        if pure.name in ("data_batch_1", "test_batch") or pure.name == "cifar-10-batches-py":
            self.shape.cifar.append(str(pure.parent if pure.name != "cifar-10-batches-py" else pure))
        elif re.fullmatch(r"(train|t10k)-(images-idx3|labels-idx1)-ubyte(\.gz)?", pure.name):
            self.shape.idx.append(str(pure.parent))
        elif pure.suffix.lower() in _KNOWN and (pure.stem or "*" in path) and not re.search(r"[\s:{}%]", path):
            self.shape.files.append(path)

    def _place(self, node: ast.Call, keyword: str) -> str:
        """The folder that a call names below the channel; the channel itself where it names none."""
        given = node.args[0] if node.args else next((word.value for word in node.keywords if word.arg == keyword), None)
        return (self._tail(given) or "") if given is not None else ""

    def _tail(self, node: ast.AST, depth: int = 0) -> str | None:
        """What an expression adds to the channel's own path: "train" of ``os.path.join(args.data, "train")``; None for nothing."""
        if depth > 5:
            return None
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return self._below(node.value)
        if isinstance(node, ast.Name) and node.id in self.names:
            return self._tail(self.names[node.id], depth + 1)
        parts: list[ast.expr] = []
        if isinstance(node, ast.Call) and _joins(node):
            parts = list(node.args)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Div, ast.Add)):
            parts = [node.left, node.right]
        elif isinstance(node, ast.JoinedStr):
            parts = list(node.values)
        told = [self._part(part, depth + 1) if number else self._tail(part, depth + 1) for number, part in enumerate(parts)]
        texts = [text.strip("/") for text in told if text]
        return "/".join(texts) if texts else None

    def _part(self, node: ast.expr, depth: int) -> str | None:
        """The same for what comes after another part, where a slash at its beginning only joins the two."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value.lstrip("/")
        return self._tail(node, depth)

    def _below(self, text: str) -> str:
        path = text.removeprefix("./")
        if self.default and (path == self.default or path.startswith(f"{self.default}/")):
            return path[len(self.default) :].lstrip("/")
        return path if not path.startswith(("/", "~", "..")) else ""


def _texts(node: ast.expr) -> list[str]:
    """The texts of a list that holds nothing else."""
    items = node.elts if isinstance(node, (ast.List, ast.Tuple)) else []
    texts = [item.value for item in items if isinstance(item, ast.Constant) and isinstance(item.value, str)]
    return texts if len(texts) == len(items) else []


def _joins(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Attribute) and node.func.attr in ("join", "joinpath") and not isinstance(node.func.value, ast.Constant)
