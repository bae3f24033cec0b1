"""Small trees, written where a test asks for them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """``make({"train.py": "..."}, git=True)``: a folder with these files, a git repository when asked."""

    def build(files: Mapping[str, str | bytes], git: bool = False) -> Path:
        root = tmp_path / "project"
        root.mkdir(exist_ok=True)
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        if git:
            subprocess.run(["git", "init", "-q", str(root)], check=True)
        return root

    return build
