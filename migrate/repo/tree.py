"""The files of a repository: what git would list, without vendored and generated trees, no link followed."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from migrate.errors import UserError
from migrate.repo import gitdir, ignore

VENDORED = frozenset(
    """
    node_modules bower_components third_party thirdparty 3rdparty vendor vendored _vendor site-packages dist-packages
    venv .venv __pypackages__
    """.split()
)
GENERATED = frozenset(
    """
    __pycache__ .git .hg .svn .bzr .tox .nox .eggs .mypy_cache .pytest_cache .ruff_cache .hypothesis .ipynb_checkpoints
    .migrate sagemaker_job
    """.split()
)
BUILT = frozenset({"build", "dist", "_build"})  # left out unless git tracks what lies in them
ENVIRONMENT_MARKS = frozenset({"pyvenv.cfg", "conda-meta"})
SUPPORT_FILE = "sagemaker_support.py"
LONE_SCRIPT_LIMIT = 20_000  # entries looked at around a script that lies in no repository: it may stand in a home folder


@dataclass(frozen=True, eq=False)
class Tree:
    """The files below ``root`` (absolute). ``files`` are POSIX paths relative to it, sorted.

    ``git_root`` is the work tree that ``root`` lies in, ``git_dir`` its git directory. ``links`` maps a link inside the tree to the file
    or folder of the
    tree that it means; a link that leads elsewhere is in neither. ``only`` is the one script that the user named, if he named one.
    ``unreadable`` holds folders that could not be listed, with the reason.
    """

    root: Path
    git_root: Path | None
    files: tuple[str, ...]
    only: str | None = None
    git_dir: Path | None = None
    links: dict[str, str] = field(default_factory=dict)
    unreadable: tuple[tuple[str, str], ...] = ()

    @cached_property
    def names(self) -> frozenset[str]:
        """``files`` as a set."""
        return frozenset(self.files)

    @cached_property
    def folders(self) -> frozenset[str]:
        """Every folder that holds a file of the tree, at any depth; ``""`` is the root."""
        found = {""}
        for path in self.files:
            folder = path.rpartition("/")[0]
            while folder not in found:
                found.add(folder)
                folder = folder.rpartition("/")[0]
        return frozenset(found)

    @cached_property
    def modules(self) -> frozenset[str]:
        """Every name that an import may begin with and mean a file of the tree: folders, modules and links, wherever they stand."""
        found = {folder.rpartition("/")[2] for folder in self.folders}
        found.update(path[path.rfind("/") + 1 : -3] for path in self.python_files)
        found.update(link.rpartition("/")[2].removesuffix(".py") for link in self.links)
        return frozenset(found)

    @cached_property
    def endings(self) -> frozenset[str]:
        """What the paths of the Python files end with, from any of their slashes on: ``/b/c.py`` and ``/c.py`` of ``b/c.py``."""
        found: set[str] = set()
        for path in self.python_files:
            rest = f"/{path}"
            while rest and rest not in found:
                found.add(rest)
                rest = rest[rest.find("/", 1) :] if "/" in rest[1:] else ""
        return frozenset(found)

    @cached_property
    def memory(self) -> dict[str, dict[str, object]]:
        """What the room has read of the files, by kind and path, so that each is read once."""
        return {}

    @cached_property
    def python_files(self) -> tuple[str, ...]:
        return tuple(path for path in self.files if path.endswith(".py"))

    def read(self, path: str) -> bytes:
        """The bytes of one of ``files``. Raises OSError."""
        with open(os.path.join(self.root, path), "rb") as file:
            return file.read()


def find_files(path: Path | str) -> Tree:
    """The tree of ``path``: a repository, a folder in one, or a single Python script. Raises UserError when it is none of these."""
    given = Path(path)
    try:
        if not given.exists():
            raise UserError(f"{given}: no such file or folder; give a repository, a folder or a Python script")
        real = given.resolve()
        if real.is_dir():
            os.listdir(real)
            return _list(real, None)
        if not real.is_file():
            raise UserError(f"{given}: neither a folder nor a regular file; give a repository, a folder or a Python script")
        _check_script(given, real)
    except PermissionError as error:
        raise UserError(f"{given}: permission denied; make it readable for this user") from error
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(f"{str(given)!r}: cannot be read ({error})") from error
    repository = gitdir.find(real.parent)
    root = repository.root if repository is not None else real.parent
    return _list(root, real.relative_to(root).as_posix())


def _check_script(given: Path, real: Path) -> None:
    with real.open("rb") as file:
        head = file.read(4096)
    if b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UserError(f"{given}: a binary file, not a Python script")
    if real.suffix not in {".py", ".pyw"} and b"python" not in head.split(b"\n", 1)[0]:
        raise UserError(f"{given}: not a Python script (its name does not end in .py); give a repository, a folder or a Python script")


def _list(root: Path, only: str | None) -> Tree:
    repository = gitdir.find(root)
    files: list[ignore.IgnoreFile] = []
    prefix = ""
    if repository is not None:
        prefix = root.relative_to(repository.root).as_posix()
        prefix = "" if prefix == "." else f"{prefix}/"
        files = ignore.standard(repository.git_dir, repository.common_dir)
    tracked = gitdir.tracked(repository.git_dir) if repository is not None else frozenset()
    if repository is not None and prefix:
        above = _rules_above(repository.root, prefix, files)
        if above is None and not any(path.startswith(prefix) for path in tracked):
            repository, files, prefix, tracked = None, [], "", frozenset()  # the user named a folder that git ignores: take it by itself
        elif above is not None:
            files = above
    walk = _Walk(root, prefix, repository is not None, tracked, LONE_SCRIPT_LIMIT if only is not None and repository is None else None)
    walk.folder("", files)
    walk.add_tracked()
    if only is not None:
        walk.files.add(only)
    return Tree(
        root,
        repository.root if repository is not None else None,
        tuple(sorted(walk.files)),
        only,
        repository.git_dir if repository is not None else None,
        walk.inner_links(),
        tuple(walk.unreadable),
    )


def _rules_above(git_root: Path, prefix: str, files: list[ignore.IgnoreFile]) -> list[ignore.IgnoreFile] | None:
    """The ignore files that hold above ``prefix``; None when one of its folders is itself ignored."""
    rules, base = list(files), ""
    for part in prefix.rstrip("/").split("/"):
        own = ignore.read(git_root / base / ".gitignore", base)
        rules += [own] if own is not None else []
        if ignore.ignored(rules, base + part, True):
            return None
        base += part + "/"
    return rules


class _Walk:
    """One walk through a tree. Paths of ignore rules and of the index start at the git root: ``prefix`` + path."""

    def __init__(self, root: Path, prefix: str, in_git: bool, tracked: frozenset[str], limit: int | None) -> None:
        self.root = str(root)
        self.prefix = prefix
        self.in_git = in_git
        self.tracked = tracked
        self.limit = limit
        self.seen = 0
        self.files: set[str] = set()
        self.links: list[str] = []
        self.unreadable: list[tuple[str, str]] = []

    def folder(self, path: str, rules: list[ignore.IgnoreFile]) -> None:
        """Adds what lies in ``path``: ``""`` or a folder with a slash at its end."""
        waiting = [(path, rules)]
        while waiting:
            path, rules = waiting.pop()
            try:
                with os.scandir(os.path.join(self.root, path)) as entries:
                    found = list(entries)
            except OSError as error:
                self.unreadable.append((path.rstrip("/") or ".", f"folder cannot be listed: {error.strerror}"))
                continue
            self.seen += len(found)
            if self.limit is not None and self.seen > self.limit:
                continue
            names = {entry.name for entry in found}
            if path and (names & ENVIRONMENT_MARKS or self._other_repository(path, names)):
                continue
            if ".gitignore" in names:
                own = ignore.read(Path(self.root, path, ".gitignore"), self.prefix + path)
                rules = [*rules, own] if own is not None else rules
            waiting += [(folder, rules) for folder in self._entries(path, found, rules)]

    def _entries(self, path: str, found: list[os.DirEntry[str]], rules: list[ignore.IgnoreFile]) -> list[str]:
        folders = []
        for entry in found:
            name = entry.name
            if entry.is_symlink():
                if not ignore.ignored(rules, self.prefix + path + name, False):
                    self.links.append(path + name)
            elif entry.is_dir(follow_symlinks=False):
                if not self._left_out(path + name, name) and not (rules and ignore.ignored(rules, self.prefix + path + name, True)):
                    folders.append(f"{path}{name}/")
            elif entry.is_file(follow_symlinks=False) and name != SUPPORT_FILE:
                if not rules or not ignore.ignored(rules, self.prefix + path + name, False):
                    self.files.add(path + name)
        return folders

    def _other_repository(self, path: str, names: set[str]) -> bool:
        """A repository inside this one is another project, as git sees it; in a plain folder of clones each is looked at."""
        return self.in_git and ".git" in names and gitdir.git_dir_at(Path(self.root, path)) is not None

    def _left_out(self, path: str, name: str) -> bool:
        if name in VENDORED or name in GENERATED or name.endswith((".egg-info", ".dist-info")):
            return True
        return name in BUILT and not any(file.startswith(f"{self.prefix}{path}/") for file in self.tracked)

    def add_tracked(self) -> None:
        """What git tracks is part of the repository even where a rule ignores it."""
        for file in self.tracked:
            path = file[len(self.prefix) :]
            if not file.startswith(self.prefix) or path in self.files:
                continue
            *folders, name = path.split("/")
            if name == SUPPORT_FILE or any(self._left_out("/".join(folders[: i + 1]), folder) for i, folder in enumerate(folders)):
                continue
            steps = ["/".join(folders[: i + 1]) for i in range(len(folders))]
            if any(os.path.islink(os.path.join(self.root, step)) for step in steps):
                continue
            if any(os.path.exists(os.path.join(self.root, step, mark)) for step in steps for mark in ENVIRONMENT_MARKS):
                continue
            full = os.path.join(self.root, path)
            if os.path.isfile(full) and not os.path.islink(full):
                self.files.add(path)

    def inner_links(self) -> dict[str, str]:
        found = {}
        for link in self.links:
            target = os.path.realpath(os.path.join(self.root, link))
            if target.startswith(self.root + os.sep):
                found[link] = os.path.relpath(target, self.root).replace(os.sep, "/")
        return found
