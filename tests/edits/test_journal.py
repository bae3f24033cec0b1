"""All or nothing, and back to the byte: on real files, with real git, real full disks and real crashes."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.edits.changes import Change
from migrate.edits.journal import Undone, undo, write
from migrate.edits.state import dirty_paths, find_state, is_dirty, prefix
from migrate.errors import UserError

TRAIN = "# coding: cp932\r\nx = '日本'\r\n".encode("cp932")
NEW = TRAIN + b"y = 1"


def git(folder: Path, *arguments: str) -> str:
    run = subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=folder, capture_output=True, check=True)
    return run.stdout.decode()


def snapshot(folder: Path) -> dict[str, tuple[int, bytes | None]]:
    """Every file and folder but git's own: mode and bytes."""
    result: dict[str, tuple[int, bytes | None]] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name.split("/")[0] != ".git":
            result[name] = (stat.S_IMODE(path.stat().st_mode), path.read_bytes() if path.is_file() else None)
    return result


@pytest.fixture(params=["git", "no git"])
def repo(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    root = tmp_path / "my repo"
    (root / "src").mkdir(parents=True)
    (root / "src" / "train.py").write_bytes(TRAIN)
    (root / "src" / "train.py").chmod(0o750)
    (root / "util.py").write_bytes(b"a = 1")
    (root / "util.py").chmod(0o444)
    if request.param == "git":
        git(root, "init", "-q")
        git(root, "add", ".")
        git(root, "commit", "-q", "-m", "all")
    return root


def changes() -> list[Change]:
    return [
        Change("src/train.py", TRAIN, NEW),
        Change("util.py", b"a = 1", b"a = 2"),
        Change("job/deep/launch.py", None, b"print()\n", 0o755),
        Change("src/support.py", None, b""),
    ]


def test_write_and_undo(repo: Path) -> None:
    before = snapshot(repo)
    write(repo, changes())
    after = snapshot(repo)
    assert after["src/train.py"] == (0o750, NEW)
    assert after["util.py"] == (0o444, b"a = 2")
    assert after["job/deep/launch.py"] == (0o755, b"print()\n")
    assert after["src/support.py"] == (0o644, b"")
    assert undo(repo) == Undone(("src/train.py", "util.py"), ("job/deep/launch.py", "src/support.py"))
    assert snapshot(repo) == before
    assert not find_state(repo).folder.exists()
    assert undo(repo).nothing


def test_state_is_where_git_does_not_see_it(repo: Path) -> None:
    write(repo, changes())
    state = find_state(repo)
    assert state.folder == repo / (".git/migrate" if (repo / ".git").exists() else ".migrate")
    if not state.in_git:
        git(repo, "init", "-q")
        assert ".migrate" not in git(repo, "status", "--porcelain", "-uall")


def test_undo_takes_the_first_apply_back_too(repo: Path) -> None:
    before = snapshot(repo)
    write(repo, changes())
    write(repo, [Change("src/train.py", NEW, b"z = 1\n"), Change("src/support.py", b"", b"new"), Change("util.py", b"a = 2", None)])
    undone = undo(repo)
    assert snapshot(repo) == before
    assert set(undone.removed) == {"job/deep/launch.py", "src/support.py"}


def test_a_person_s_edit_is_never_lost(repo: Path) -> None:
    write(repo, changes())
    (repo / "src" / "train.py").write_bytes(b"mine")
    (repo / "util.py").unlink()
    (repo / "job" / "deep" / "launch.py").write_bytes(b"mine too")
    undone = undo(repo)
    assert undone == Undone(
        (), ("src/support.py",), (("job/deep/launch.py", "edited since"), ("src/train.py", "edited since"), ("util.py", "deleted since"))
    )
    assert (repo / "src" / "train.py").read_bytes() == b"mine"
    assert (repo / "job" / "deep" / "launch.py").read_bytes() == b"mine too"
    assert not (repo / "util.py").exists()
    # once the person takes the edits back, the rest can be undone
    (repo / "src" / "train.py").write_bytes(NEW)
    (repo / "util.py").write_bytes(b"a = 2")
    (repo / "job" / "deep" / "launch.py").unlink()
    assert not undo(repo).refused
    assert not (repo / "job").exists()
    assert (repo / "src" / "train.py").read_bytes() == TRAIN


def test_an_edit_between_two_applies_is_what_undo_brings_back(repo: Path) -> None:
    write(repo, changes())
    (repo / "util.py").chmod(0o644)
    (repo / "util.py").write_bytes(b"a = 2\nmine = 1")
    write(repo, [Change("util.py", b"a = 2\nmine = 1", b"a = 3")])
    undo(repo)
    assert (repo / "util.py").read_bytes() == b"a = 2\nmine = 1"


CONTENT = st.sampled_from([None, b"", b"a\r\n", b"\xff"])
FILES = st.fixed_dictionaries(dict.fromkeys(("a.py", "b/c.py", "b/d/e.py", "f g.py"), CONTENT))


@settings(max_examples=60, deadline=None)
@given(FILES, st.lists(FILES, max_size=4))
def test_undo_is_exact_after_any_applies(first: dict[str, bytes | None], applies: list[dict[str, bytes | None]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for path, content in first.items():
            if content is not None:
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_bytes(content)
                (root / path).chmod(0o755 if "c" in path else 0o600)
        before, now = snapshot(root), first
        for wanted in applies:
            write(root, [Change(path, now[path], wanted[path]) for path in wanted])
            now = wanted
            assert {path: content for path, (_, content) in snapshot(root).items() if path in now} == {
                path: content for path, content in now.items() if content is not None
            }
        undo(root)
        assert snapshot(root) == before


def test_files_that_others_put_into_a_made_folder_stay(repo: Path) -> None:
    write(repo, changes())
    (repo / "job" / "notes.txt").write_bytes(b"mine")
    (repo / "job" / "deep" / "__pycache__").mkdir()
    (repo / "job" / "deep" / "__pycache__" / "launch.cpython-311.pyc").write_bytes(b"")
    undo(repo)
    assert sorted(path.name for path in (repo / "job").iterdir()) == ["notes.txt"]


def test_only_what_is_under_the_path_is_undone(repo: Path) -> None:
    write(repo, changes())
    assert undo(repo / "src") == Undone(("train.py",), ("support.py",))
    assert (repo / "util.py").read_bytes() == b"a = 2"
    assert undo(repo).restored == ("util.py",)


def test_apply_to_a_folder_then_to_the_whole(repo: Path) -> None:
    before = snapshot(repo)
    write(repo, [Change("util.py", b"a = 1", b"a = 2")])
    write(repo / "src", [Change("train.py", TRAIN, NEW)])
    undo(repo)
    assert snapshot(repo) == before


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (Change("util.py", b"other", b"new"), "util.py has changed meanwhile"),
        (Change("util.py", None, b"new"), "util.py has changed meanwhile"),
        (Change("src", None, b"new"), "src cannot be read"),
        (Change("util.py/x.py", None, b"new"), "util.py/x.py cannot be written: Not a directory"),
        (Change("../out.py", None, b"new"), "lies outside of"),
        (Change("x" * 300, None, b"new"), "File name too long"),
        (Change("link.py", b"", b"new"), "lies outside of"),
        (Change("./src/train.py", TRAIN, b"other"), "two changes of one file"),
    ],
)
def test_nothing_is_half_written(repo: Path, change: Change, reason: str) -> None:
    (repo.parent / "outside.py").write_bytes(b"")
    (repo / "link.py").symlink_to(repo.parent / "outside.py")
    before = snapshot(repo)
    for order in ([*changes(), change], [change, *changes()]):
        with pytest.raises(UserError, match=reason):
            write(repo, [one for one in order if one.path != change.path or one is change])
        assert snapshot(repo) == before
        assert undo(repo).nothing


def test_a_link_inside_the_tree_is_written_through(repo: Path) -> None:
    (repo / "link.py").symlink_to("src/train.py")
    write(repo, [Change("link.py", TRAIN, NEW)])
    assert (repo / "link.py").is_symlink()
    assert (repo / "src" / "train.py").read_bytes() == NEW
    undo(repo)
    assert (repo / "src" / "train.py").read_bytes() == TRAIN


# A child that may write files of 4 KiB at most: what is longer fails as on a full disk. Or it dies at a rename.
CHILD = """
import os, resource, signal, sys
from pathlib import Path
from migrate.edits.changes import Change
from migrate.edits.journal import write
from migrate.errors import UserError
root, what = Path(sys.argv[1]), sys.argv[2]
if what == "nobody" and os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
changes = [Change(p, None if o is None else o.encode("latin-1"), n.encode("latin-1")) for p, o, n in __import__("json").loads(sys.argv[3])]
if what == "full":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
elif what != "nobody":
    left = [int(what)]
    def hook(event, arguments):
        if event == "os.rename":
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)
try:
    write(root, changes)
except UserError as error:
    sys.exit(f"told: {error}")
"""


def in_child(repo: Path, what: str, changes: list[Change]) -> subprocess.CompletedProcess[bytes]:
    data = [(c.path, None if c.old is None else c.old.decode("latin-1"), (c.new or b"").decode("latin-1")) for c in changes]
    here = Path(__file__).parents[2]
    return subprocess.run([sys.executable, "-c", CHILD, str(repo), what, json.dumps(data)], cwd=here, capture_output=True, check=False)


def test_a_full_disk(repo: Path) -> None:
    before = snapshot(repo)
    run = in_child(repo, "full", [*changes(), Change("big.py", None, b"#" * 5000)])
    assert run.returncode == 1
    assert run.stderr.decode().endswith("nothing was changed\n")
    assert "File too large" in run.stderr.decode()
    assert snapshot(repo) == before
    assert undo(repo).nothing


def test_a_full_disk_for_the_journal(repo: Path) -> None:
    (repo / "util.py").chmod(0o644)
    (repo / "util.py").write_bytes(b"#" * 6000)
    before = snapshot(repo)
    run = in_child(repo, "full", [Change("util.py", b"#" * 6000, b"")])
    assert run.stderr.decode().endswith("nothing was changed\n")
    assert snapshot(repo) == before
    assert not find_state(repo).folder.exists()


@pytest.mark.parametrize("renames", range(7))
def test_a_crash_at_any_rename_is_undone(repo: Path, renames: int) -> None:
    before = snapshot(repo)
    run = in_child(repo, str(renames), changes())
    total = 5 if (repo / ".git").exists() else 6  # the journal, four files; outside git the state's own .gitignore
    assert run.returncode == (0 if renames >= total else -signal.SIGKILL)
    undo(repo)
    left = {name: content for name, content in snapshot(repo).items() if not name.startswith(".migrate")}
    assert left == before


def test_a_read_only_tree() -> None:
    with tempfile.TemporaryDirectory() as folder:
        repo = Path(folder)
        (repo / "a.py").write_bytes(b"1")
        (repo / "free").mkdir()
        (repo / "free").chmod(0o777)
        repo.chmod(0o555)
        before = snapshot(repo)
        # root may write anywhere, so the child is nobody then
        run = in_child(repo, "nobody", [Change("free/new.py", None, b"1"), Change("a.py", b"1", b"2")])
        assert run.stderr.decode().endswith("nothing was changed\n")
        assert "Permission denied" in run.stderr.decode()
        assert snapshot(repo) == before
        repo.chmod(0o755)


def test_a_damaged_journal_is_said(repo: Path) -> None:
    write(repo, changes())
    find_state(repo).journal.write_bytes(b"{")
    with pytest.raises(UserError, match="journal .* is damaged"):
        undo(repo)


def test_dirty(tmp_path: Path) -> None:
    (tmp_path / "sub dir").mkdir()
    (tmp_path / "sub dir" / "é.py").write_bytes(b"")
    (tmp_path / "top.py").write_bytes(b"")
    assert not is_dirty(tmp_path)
    git(tmp_path, "init", "-q")
    assert is_dirty(tmp_path)
    git(tmp_path, "add", ".")
    assert dirty_paths(tmp_path / "sub dir") == ("é.py",)  # added is not committed
    git(tmp_path, "commit", "-q", "-m", "all")
    assert not is_dirty(tmp_path)
    (tmp_path / "sub dir" / "é.py").write_bytes(b"1")
    (tmp_path / "new.py").write_bytes(b"1")
    assert dirty_paths(tmp_path) == ("sub dir/é.py", "new.py")
    assert dirty_paths(tmp_path / "sub dir") == ("é.py",)
    (tmp_path / ".gitignore").write_bytes(b"new.py\n.gitignore\n__pycache__\n")
    git(tmp_path, "checkout", "-q", "--", ".")
    assert not is_dirty(tmp_path)


def test_what_apply_left_is_not_dirty(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"1")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "all")
    write(tmp_path, [Change("a.py", b"1", b"2"), Change("job/b.py", None, b"3")])
    assert not is_dirty(tmp_path)
    (tmp_path / "job" / "b.py").write_bytes(b"4")
    assert dirty_paths(tmp_path) == ("job/b.py",)


def test_a_linked_work_tree(tmp_path: Path) -> None:
    main = tmp_path / "main"
    main.mkdir()
    (main / "a.py").write_bytes(b"1")
    git(main, "init", "-q")
    git(main, "add", ".")
    git(main, "commit", "-q", "-m", "all")
    git(main, "worktree", "add", "-q", str(tmp_path / "linked"))
    linked = tmp_path / "linked"
    write(linked, [Change("a.py", b"1", b"2")])
    assert find_state(linked).folder == main / ".git" / "worktrees" / "linked" / "migrate"
    assert not is_dirty(linked)
    assert undo(linked).restored == ("a.py",)
    assert git(linked, "status", "--porcelain") == ""


def test_prefix(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert prefix(tmp_path / "a" / "b") == ""
    git(tmp_path, "init", "-q")
    assert prefix(tmp_path) == ""
    assert prefix(tmp_path / "a" / "b") == "a/b/"


def test_the_support_file_stays_for_a_script_that_stays(repo: Path) -> None:
    script, other, support = b"from sagemaker_support import keeper\n", b"x = 1\n", b"keeper = None\n"
    (repo / "train.py").write_bytes(b"pass\n")
    (repo / "sub").mkdir()
    (repo / "sub/a.py").write_bytes(b"pass\n")
    changes = [Change("train.py", b"pass\n", script), Change("sagemaker_support.py", None, support)]
    changes += [Change("sub/a.py", b"pass\n", other), Change("sub/sagemaker_support.py", None, support)]
    write(repo, changes)
    (repo / "train.py").write_bytes(script + b"# mine\n")
    undone = undo(repo)
    assert dict(undone.refused) == {"train.py": "edited since", "sagemaker_support.py": "train.py imports it"}
    assert (repo / "sagemaker_support.py").read_bytes() == support and not (repo / "sub/sagemaker_support.py").exists()
    (repo / "train.py").write_bytes(script)
    assert not undo(repo).refused and (repo / "train.py").read_bytes() == b"pass\n" and not (repo / "sagemaker_support.py").exists()
