"""Scripts that train only to test something: unit tests, and the trial runs at the end of library modules."""

from __future__ import annotations

import posixpath
import re

from migrate.repo.outline import RUNNING, Outline
from migrate.repo.tree import Tree

_FOLDER = re.compile(r"^(?:tests?|unit_?tests?|testing|\w+_tests|test_\w+|\.?testdata|\.\w.*)$", re.IGNORECASE)
_STRICT = re.compile(r"^(?:tests|unit_?tests|\w+_tests|\.?testdata|\.\w.*)$", re.IGNORECASE)
_NAME = re.compile(r"^(?:test_.*|.*_test|conftest)\.py$", re.IGNORECASE)
_TEST_CODE = re.compile(rb"^\s*(?:import|from)\s+(?:unittest|pytest|nose)\b|^\s*(?:async\s+)?def\s+test_", re.MULTILINE)
_MADE_UP = frozenset("rand randn rand_like randn_like randint random normal uniform zeros ones arange linspace FakeData make_blobs".split())
_REAL = frozenset(
    """
    save save_model save_weights load read_csv open imread DataLoader ImageFolder ArgumentParser parse_args from_pretrained load_dataset
    glob listdir fit
    """.split()
)


def is_test(path: str, source: bytes) -> bool:
    """Whether a file that runs code is a unit test: by its folder, or by its name together with what stands in it."""
    *folders, name = path.split("/")
    if any(_STRICT.match(folder) for folder in folders):
        return True
    if not _NAME.match(name):
        return False
    return any(_FOLDER.match(folder) for folder in folders) or _TEST_CODE.search(source) is not None


def is_smoke_test(tree: Tree, path: str, own: Outline) -> bool:
    """Whether what runs at the end of a module only tries it out: on made-up data, reading and saving nothing, in a module that others
    import."""
    if not own.guarded or not own.methods:
        return False
    body = own.bodies[RUNNING]
    used = body.attributes | body.names
    for function in [key for key in own.bodies if key in body.names]:
        used |= own.bodies[function].attributes | own.bodies[function].names
    return bool(used & _MADE_UP) and not used & _REAL and _is_imported(tree, path)


def _is_imported(tree: Tree, path: str) -> bool:
    stem = posixpath.splitext(posixpath.basename(path))[0]
    name = re.escape(stem.encode())
    member = rb"(?:from[ \t]+[\w.]+[ \t]+)?import\b[^\n]*\b%b\b" % name
    pattern = re.compile(rb"^[ \t]*(?:from[ \t]+[\w.]*\b%b[ \t]+import|%b)" % (name, member), re.MULTILINE)
    top = path[: path.find("/") + 1]
    for other in tree.python_files:
        if other != path and other.startswith(top):
            try:
                source = tree.read(other)
                if name in source and pattern.search(source):
                    return True
            except OSError:
                continue
    return False
