from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from migrate.repo.cache import Cache
from migrate.repo.tree import find_files


def age(root: Path) -> None:
    """Makes the files an hour old, past the doubt about files that were just written; ctime is what it is."""
    for path in root.rglob("*"):
        if path.is_file():
            os.utime(path, (time.time() - 3600,) * 2)


def key(root: Path, *options: str) -> str:
    return Cache(find_files(root)).key(*options)


def test_a_value_comes_back(make) -> None:
    root = make({"a.py": "1", "b.txt": "x"})
    cache = Cache(find_files(root))
    value = {"output": "caf\u00e9 \udcff", "code": 1, "list": [1, None]}
    cache.put(cache.key("scan"), value)
    again = Cache(find_files(root))
    assert again.get(again.key("scan")) == value
    assert again.get(again.key("scan", "--select SM1")) is None


def test_state_never_makes_a_dirty_tree(make) -> None:
    plain = make({"a.py": ""})
    Cache(find_files(plain)).put("k", 1)
    assert find_files(plain).files == ("a.py",)
    assert sorted(os.listdir(plain)) == [".migrate", "a.py"]
    subprocess.run(["git", "init", "-q", str(plain)], check=True)
    told = subprocess.run(["git", "-C", str(plain), "status", "--porcelain", "-uall"], check=True, capture_output=True, text=True).stdout
    assert told == "?? a.py\n"
    Cache(find_files(plain)).put("k", 1)
    assert (plain / ".git/migrate/cache/k.json").is_file()


def test_content_decides(make) -> None:
    root = make({"a.py": "1", "data/huge.bin": "0"})
    age(root)
    first = key(root)
    assert key(root) == first
    os.utime(root / "a.py", (1, 1))  # touched, not changed
    assert key(root) == first
    (root / "a.py").write_text("2")  # same length
    assert key(root) != first
    (root / "a.py").write_text("1")
    assert key(root) == first
    (root / "data/huge.bin").write_text("00")
    assert key(root) != first


def test_a_new_or_renamed_file_counts(make) -> None:
    root = make({"a.py": "1"})
    first = key(root)
    (root / "a.py").rename(root / "b.py")
    second = key(root)
    (root / "empty.py").write_text("")
    assert len({first, second, key(root)}) == 3


@pytest.mark.parametrize("damage", [b"", b"nonsense", b"\0" * 100, b"0000\n[1]", b'{"a": 1}'])
def test_damage_is_a_miss(make, damage: bytes) -> None:
    root = make({"a.py": "1"})
    cache = Cache(find_files(root))
    first = cache.key()
    cache.put(first, [1])
    for path in cache.folder.iterdir():
        path.write_bytes(damage)
    again = Cache(find_files(root))
    assert again.key() == first
    assert again.get(first) is None
    again.put(first, [2])
    assert again.get(first) == [2]


def test_where_nothing_can_be_written_nothing_fails(make) -> None:
    root = make({"a.py": "1", ".migrate": "a file where the folder should be"})
    cache = Cache(find_files(root))
    cache.put(cache.key(), 1)
    assert cache.get(cache.key()) is None


def test_old_values_go(make) -> None:
    root = make({"a.py": "1"})
    cache = Cache(find_files(root))
    for number in range(40):
        cache.put(f"k{number}", number)
        os.utime(cache.folder / f"k{number}.json", (number, number))
    assert (cache.get("k0"), cache.get("k39")) == (None, 39)
    assert len(os.listdir(cache.folder)) <= 34
