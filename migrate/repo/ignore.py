"""Git's ignore rules, read from the files themselves. ``git`` is not run: a repository's own configuration may name programs that git
starts."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_MARK = "ps_d"  # pathspec's name for the slash where a match ends, so that what lies below matches too
_EXCLUDES_FILE = re.compile(rb"^\s*excludesfile\s*=\s*\"?([^\"#;\r\n]+)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Pattern:
    """One line of an ignore file: ``keeps`` for a line that starts with ``!``."""

    regex: re.Pattern[str]
    keeps: bool
    whole_paths: bool  # a slash at the end of a directory's path counts: ``build/``

    def matches(self, path: str, is_dir: bool) -> bool:
        """Whether the line means ``path`` itself, not a folder above it: the walk asks for those before."""
        text = f"{path}/" if is_dir and self.whole_paths else path
        if self.regex.pattern == "(?P<ps_d>/)":  # pathspec's short form of ``*/``: any folder
            return text.endswith("/")
        found = self.regex.search(text)
        if found is None:
            return False
        if _MARK not in self.regex.groupindex:
            return True
        end = found.end(_MARK)
        return end == -1 or end == len(text)


@dataclass(frozen=True)
class IgnoreFile:
    """The lines of one ignore file, last first. ``base`` is its folder, POSIX, relative to the git root, ``""`` or ending with a slash."""

    base: str
    patterns: tuple[Pattern, ...]

    def verdict(self, path: str, is_dir: bool) -> bool | None:
        """True: ignored; False: kept by a ``!`` line; None: this file says nothing. ``path`` is relative to the git root."""
        below = path[len(self.base) :]
        if not below.isascii():
            below = os.fsencode(below).decode("latin-1")
        for pattern in self.patterns:
            if pattern.matches(below, is_dir):
                return not pattern.keeps
        return None


def ignored(files: Sequence[IgnoreFile], path: str, is_dir: bool) -> bool:
    """Whether ``path`` is ignored. ``files`` goes from the weakest (the user's own) to the nearest ``.gitignore``."""
    for file in reversed(files):
        verdict = file.verdict(path, is_dir)
        if verdict is not None:
            return verdict
    return False


@lru_cache(maxsize=4096)
def _pattern(line: str) -> Pattern | None:
    from pathspec.patterns.gitignore.base import GitIgnorePatternError
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

    try:
        regex, keeps = GitIgnoreSpecPattern.pattern_to_regex(line)
    except GitIgnorePatternError:
        return None  # git passes over what it cannot read
    if regex is None or keeps is None:
        return None
    return Pattern(re.compile(regex), not keeps, line.rstrip().endswith("/"))


def parse(text: bytes, base: str) -> IgnoreFile | None:
    """The ignore file with this content, None when it ignores nothing."""
    lines = text.removeprefix(b"\xef\xbb\xbf").decode("latin-1").split("\n")  # one character a byte: git matches bytes
    patterns = tuple(p for p in map(_pattern, (line.removesuffix("\r") for line in reversed(lines) if line)) if p is not None)
    return IgnoreFile(base, patterns) if patterns else None


def read(path: Path, base: str) -> IgnoreFile | None:
    """The ignore file at ``path``; None when there is none, it is a link (git does not follow it), or it cannot be read."""
    try:
        if path.name == ".gitignore" and path.is_symlink():
            return None
        return parse(path.read_bytes(), base)
    except OSError:
        return None


def _user_files(git_dir: Path) -> list[Path]:
    """The file that ``core.excludesFile`` names, or git's default for it."""
    home = Path(os.path.expanduser("~"))
    config_home = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    for config in (git_dir / "config", home / ".gitconfig", config_home / "git" / "config"):
        try:
            named = _EXCLUDES_FILE.findall(config.read_bytes())
        except OSError:
            continue
        if named:
            return [Path(os.path.expanduser(os.fsdecode(named[-1].strip())))]
    return [config_home / "git" / "ignore"]


def standard(git_dir: Path, common_dir: Path) -> list[IgnoreFile]:
    """What ``--exclude-standard`` reads besides ``.gitignore``: the user's file, then ``info/exclude``."""
    found = [read(path, "") for path in [*_user_files(git_dir), common_dir / "info" / "exclude"]]
    return [file for file in found if file is not None]
