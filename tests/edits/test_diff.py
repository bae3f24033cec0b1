"""What ``diff`` prints, ``git apply`` takes, and it gives the very tree that ``write`` gives."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate.edits.changes import Change
from migrate.edits.diff import diff
from migrate.edits.journal import write
from migrate.edits.state import prefix

Tree = dict[str, tuple[bool, bytes]]


def tree(folder: Path) -> Tree:
    """Every file's bytes and whether it can be run; that is all of a mode that git knows."""
    found: Tree = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name.split("/")[0] not in {".git", ".migrate"}:
            found[name] = (bool(path.stat().st_mode & 0o100), path.read_bytes())
    return found


def check(root: Path, changes: list[Change], inner: str = "") -> bytes:
    """Both ways give one tree; the patch also reverses to the tree before."""
    for change in changes:
        if change.old is not None:
            path = root / inner / change.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(change.old)
            path.chmod(change.mode)
    (root / inner).mkdir(exist_ok=True)
    before = tree(root)
    patch = diff(changes, prefix(root / inner))
    other = root.with_name(root.name + "-by-git")
    shutil.copytree(root, other)
    write(root / inner, changes)
    for reverse, want in (([], tree(root)), (["-R"], before)):
        run = subprocess.run(["git", "apply", *reverse, "-"], cwd=other, input=patch, capture_output=True, check=False)
        assert run.returncode == 0 or not patch, run.stderr.decode() + patch.decode(errors="replace")
        assert tree(other) == want
    shutil.rmtree(other)
    return patch


@pytest.fixture(params=[True, False], ids=["git", "no git"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    if request.param:
        subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    return folder


CASES = {
    "lf": (b"a\nb\nc\nd\ne\nf\ng\nh\ni\n", b"a\nB\nc\nd\ne\nf\ng\nh\ni\nj\n"),
    "crlf": (b"a\r\nb\r\nc\r\n", b"a\r\nx\r\nc\r\n"),
    "mixed": (b"a\r\nb\nc\rd\n", b"a\r\nb\nx\rd\n"),
    "cr only": (b"a\rb\rc", b"a\rx\rc"),
    "no newline at either end": (b"a\nb", b"a\nc"),
    "newline goes": (b"a\nb\n", b"a\nb"),
    "newline comes": (b"a\nb", b"a\nb\n"),
    "cp932": ("x = '日本'\r\n".encode("cp932"), "y = '日本ソ'\r\n".encode("cp932")),
    "form feed and tab": (b"\x0ca\n\tb \n", b"\x0ca\n\tc \n"),
    "new": (None, b"a\n"),
    "new without newline": (None, b"a"),
    "new and empty": (None, b""),
    "gone": (b"a\nb", None),
    "gone and empty": (b"", None),
    "emptied": (b"a\n", b""),
    "filled": (b"", b"a"),
    "binary": (b"a\0b", b"a\0c" * 100),
    "binary new": (None, bytes(range(256))),
    "binary gone": (b"\0", None),
    "lines that look like a patch": (b"--- a\n+++ b\n@@ -1 +1 @@\n", b"-- a\n+++ b\n@@ -1 +1 @@\n\\ No newline\n"),
}


@pytest.mark.parametrize("mode", [0o644, 0o755])
@pytest.mark.parametrize(("old", "new"), CASES.values(), ids=CASES)
def test_git_apply_gives_what_write_gives(root: Path, old: bytes | None, new: bytes | None, mode: int) -> None:
    assert check(root, [Change("a.py", old, new, mode)])


NAMES = [
    "with blank.py",
    "日本 語.py",
    'quo"te.py',
    "back\\slash.py",
    "tab\there.py",
    "new\nline.py",
    "-x.py",
    "a b/c d/e f.py",
    "é",
    "b/b/a.py",
    " x.py ",
]


@pytest.mark.parametrize("name", NAMES)
def test_names(root: Path, name: str) -> None:
    check(root, [Change(name, b"a\n", b"b\n"), Change(f"new {name}", None, b"c"), Change(f"empty {name}", None, b"")])


def test_paths_are_relative_to_the_git_root(root: Path) -> None:
    if not (root / ".git").exists():
        assert b"a/train.py" in diff([Change("train.py", b"", b"1")], prefix(root))
        return
    patch = check(root, [Change("train.py", b"a\n", b"b\n"), Change("job/new.py", None, b"b\n")], inner="my code")
    assert b"--- a/my code/train.py\t\n" in patch


def test_nothing_to_do_prints_nothing() -> None:
    assert diff([Change("a.py", b"a", b"a"), Change("b.py", None, None)]) == b""


def test_a_patch_is_small_and_in_order() -> None:
    old = b"".join(b"line %d\n" % number for number in range(5000))
    patch = diff([Change("b.py", old, old.replace(b"line 2500\n", b"x\n").replace(b"line 10\n", b"y\n")), Change("a.py", None, b"1\n")])
    lines = patch.split(b"\n")
    assert len(lines) < 40
    assert [line for line in lines if line.startswith(b"diff")] == [b"diff --git a/a.py b/a.py", b"diff --git a/b.py b/b.py"]


content = st.one_of(
    st.none(), st.lists(st.sampled_from([b"a", b"b", b"-", b"+", b" ", b"\\", b"\n", b"\n", b"\r\n", b"\xff"])).map(b"".join)
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(["a.py", "b c.py", "d/e.py", "日.py"]), st.tuples(content, content)))
def test_any_change(files: dict[str, tuple[bytes | None, bytes | None]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "repo"
        root.mkdir()
        check(root, [Change(path, old, new) for path, (old, new) in files.items() if old != new])
