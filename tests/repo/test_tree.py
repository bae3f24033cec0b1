from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate.errors import UserError
from migrate.repo import gitdir
from migrate.repo.tree import find_files

NAMES = st.sampled_from(["a", "b", "ab", "foo", "foo.py", "a b", "x.log", "data", "[a]", "#c", "keep", "é", "!d"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
PIECES = st.sampled_from(
    ["a", "b", "*", "**", "?", "foo", "*.py", "*.log", "data", "[ab]", "[!a]", "[a-c]*", "\\#c", "\\!d", "a b", "keep", "a*", "é", "f?o"]
)
PATTERNS = st.builds(
    lambda bang, slash, pieces, end: bang + slash + "/".join(pieces) + end,
    st.sampled_from(["", "", "", "!"]),
    st.sampled_from(["", "", "/"]),
    st.lists(PIECES, min_size=1, max_size=3),
    st.sampled_from(["", "", "/", " ", "/**"]),
)
IGNORE = st.lists(PATTERNS | st.just("# a comment") | st.just(""), max_size=5).map("\n".join)


def git(root: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True).stdout


def listed(root: Path) -> list[str]:
    """What git lists of the regular files that are there."""
    names = {os.fsdecode(name) for name in git(root, "ls-files", "-co", "--exclude-standard", "-z").split(b"\0") if name}
    return sorted(name for name in names if (root / name).is_file() and not (root / name).is_symlink())


def plant(root: Path, files: list[str]) -> None:
    for name in files:
        path = root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        except OSError:
            continue  # a name is already a file, or a folder


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(PATHS, min_size=1, max_size=14),
    IGNORE,
    st.dictionaries(st.sampled_from(["a", "foo", "data", "a/b"]), IGNORE, max_size=2),
    IGNORE,
    st.booleans(),
)
def test_agrees_with_git(files: list[str], top: str, nested: dict[str, str], exclude: str, force: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        git(root, "init", "-q")
        plant(root, files)
        (root / ".gitignore").write_text(top, "utf-8")
        (root / ".git/info/exclude").write_text(exclude, "utf-8")
        for where, text in nested.items():
            if (root / where).is_dir():
                (root / where / ".gitignore").write_text(text, "utf-8")
        if force:
            git(root, "add", "-f", "--", next(name for name in files if (root / name).exists()))
        assert list(find_files(root).files) == listed(root)


@pytest.mark.parametrize("version", ["2", "4"])
def test_tracked_files_count_even_where_ignored(make, version: str) -> None:
    root = make({"out/train.py": "", "out/b.py": "", "out/deep/longer_name.py": "", "c.py": "", ".gitignore": "out\n"}, git=True)
    git(root, "add", "-f", "out/train.py", "out/deep/longer_name.py", "c.py")
    git(root, "update-index", "--index-version", version)
    assert gitdir.tracked(root / ".git") == {"out/train.py", "out/deep/longer_name.py", "c.py"}
    assert find_files(root).files == (".gitignore", "c.py", "out/deep/longer_name.py", "out/train.py")


def test_a_damaged_index_is_no_index(make) -> None:
    root = make({"a.py": ""}, git=True)
    (root / ".git/index").write_bytes(b"DIRC\0\0\0\2\0\0\0\x09nonsense")
    assert find_files(root).files == ("a.py",)


def test_ignore_files_hold_outside_git_too(make) -> None:
    root = make({"a.py": "", "data/b.py": "", "sub/c.log": "", "sub/.gitignore": "*.log\n", ".gitignore": "data/\n"})
    tree = find_files(root)
    assert tree.git_root is None
    assert tree.files == (".gitignore", "a.py", "sub/.gitignore")


def test_vendored_and_generated_trees_are_left_out(make) -> None:
    ours = ["train.py", "lib/net.py", "building/x.py", "environment/y.py"]
    theirs = [
        "node_modules/a.py",
        "third_party/b.py",
        "vendor/c.py",
        ".venv/d.py",
        "x/site-packages/e.py",
        "build/lib/f.py",
        "pkg.egg-info/g.py",
        "sagemaker_job/launch.py",
    ]
    root = make(
        {
            **dict.fromkeys([*ours, *theirs], ""),
            "myenv/pyvenv.cfg": "",
            "myenv/lib/h.py": "",
            "sagemaker_support.py": "",
            ".migrate/cache": "",
        }
    )
    assert find_files(root).files == tuple(sorted(ours))


def test_a_tracked_build_folder_is_source(make) -> None:
    root = make({"build/train.py": "", "dist/x.py": ""}, git=True)
    git(root, "add", "build/train.py")
    assert find_files(root).files == ("build/train.py",)


def test_links_are_never_followed(make, tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    (outside / "secret.py").write_text("")
    root = make({"real/net.py": "", "train.py": ""})
    (root / "out").symlink_to(outside)
    (root / "file.py").symlink_to(outside / "secret.py")
    (root / "alias").symlink_to(root / "real")
    (root / "loop").symlink_to(root)
    tree = find_files(root)
    assert tree.files == ("real/net.py", "train.py")
    assert tree.links == {"alias": "real"}


def test_a_folder_keeps_the_rules_of_its_repository(make) -> None:
    root = make({".gitignore": "*.tmp.py\n/sub/x\n", "sub/a.py": "", "sub/b.tmp.py": "", "sub/x/c.py": "", "top.py": ""}, git=True)
    tree = find_files(root / "sub")
    assert (tree.root, tree.git_root, tree.files) == (root / "sub", root, ("a.py",))


def test_a_named_folder_that_git_ignores_is_looked_at(make) -> None:
    root = make({".gitignore": "work/\n", "work/deep/a.py": ""}, git=True)
    tree = find_files(root / "work" / "deep")
    assert (tree.git_root, tree.files) == (None, ("a.py",))


def test_other_repositories_inside_one_are_not_its_files(make) -> None:
    root = make({"a.py": "", "clone/b.py": ""}, git=True)
    subprocess.run(["git", "init", "-q", str(root / "clone")], check=True)
    assert find_files(root).files == ("a.py",)


def test_a_plain_folder_of_clones_is_looked_into(make) -> None:
    root = make({"one/.gitignore": "x.py\n", "one/x.py": "", "one/a.py": ""})
    subprocess.run(["git", "init", "-q", str(root / "one")], check=True)
    assert find_files(root).files == ("one/.gitignore", "one/a.py")


def test_a_single_script_stands_in_its_repository(make) -> None:
    root = make({"tools/train.py": "", "net.py": ""}, git=True)
    tree = find_files(root / "tools" / "train.py")
    assert (tree.root, tree.only, tree.files) == (root, "tools/train.py", ("net.py", "tools/train.py"))


def test_bad_paths_end_in_one_line(make, tmp_path: Path) -> None:
    root = make({"notes.txt": "hello", "blob.py": b"\x00\x01"})
    for path in [root / "none", root / "notes.txt", root / "blob.py", root / "a\0b"]:
        with pytest.raises(UserError) as caught:
            find_files(path)
        assert "\n" not in str(caught.value)
    (tmp_path / "empty").mkdir()
    assert find_files(tmp_path / "empty").files == ()
