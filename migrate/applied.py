"""A tree that an apply has left, and that nobody has changed since, needs no second one.

What a scan of migrated code sees is meant to be what it saw before, but a value can be lost on the way, and then a line of MIGRATION.md, or
a fix that the first pass had no room for, would come with the second. A person who starts the same command twice wants none of that. Where
anything differs from what the apply left (a file, an option, the tool itself), it is looked at as any other tree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from migrate.edits.journal import originals
from migrate.repo.cache import Cache
from migrate.repo.tree import Tree, find_files
from migrate.scan import Request


def remember(request: Request, unsafe: bool, generate: bool, extras: Sequence[str]) -> None:
    """Note how the tree is now, after an apply with these options."""
    tree = find_files(request.path)
    cache = Cache(tree)
    cache.put(_key(cache, request, unsafe, generate, extras), _written(tree))


def is_as_left(tree: Tree, request: Request, unsafe: bool, generate: bool, extras: Sequence[str]) -> bool:
    """Whether the tree is to the byte what the last apply with these options left."""
    cache = Cache(tree)
    if not cache.folder.is_dir():
        return False
    left = cache.get(_key(cache, request, unsafe, generate, extras))
    return left is not None and left == _written(tree)


def _written(tree: Tree) -> dict[str, str]:
    """The digest of each file that an apply has written: a scan does not look at those in sagemaker_job."""
    found = {}
    for path in originals(tree.root):
        there = tree.root / path
        found[path] = hashlib.sha256(there.read_bytes()).hexdigest() if there.is_file() else ""
    return found


def _key(cache: Cache, request: Request, unsafe: bool, generate: bool, extras: Sequence[str]) -> str:
    options = (request.entries, request.select, request.ignore, request.calls, unsafe, generate, tuple(extras), cache.tree.unreadable)
    return cache.key("applied", repr(options))
