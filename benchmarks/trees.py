"""The two trees that the benchmarks run on: a library tree, unpacked from wheels, and a tree of training repositories."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

WHEELS = ("transformers==5.23.*", "timm", "ultralytics", "scikit-learn==1.7.2", "sympy")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "migrate-benchmarks"


def library_tree() -> Path:
    """The unpacked wheels of ``WHEELS``: about 5,550 Python files, 2.5 M lines. Fetched and unpacked once, into the user's cache folder."""
    target = CACHE / "library"
    if target.is_dir():
        return target
    wheels, fresh = CACHE / "wheels", CACHE / "library.new"
    wheels.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "-d", str(wheels), *WHEELS], check=True
    )
    shutil.rmtree(fresh, ignore_errors=True)
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(fresh)
    fresh.rename(target)
    return target


def size(folder: Path) -> tuple[int, int]:
    """Python files below ``folder`` and their lines."""
    files = lines = 0
    for path in folder.rglob("*.py"):
        if path.is_file():
            files += 1
            lines += path.read_bytes().count(b"\n")
    return files, lines


def nested(folder: Path, steps: int = 3) -> list[list[Path]]:
    """Growing sets of whole repositories of ``folder``: a quarter, half and all of them, in an order that does not follow their size."""
    repositories = sorted((path for path in folder.iterdir() if path.is_dir()), key=lambda path: path.name[::-1])
    return [repositories[: max(1, len(repositories) >> (steps - 1 - step))] for step in range(steps)]
