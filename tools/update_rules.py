#!/usr/bin/env python3
"""Write `docs/rules/` anew from the rules: `.envs/main/bin/python tools/update_rules.py`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from migrate.report.rules import pages  # noqa: E402


def main() -> None:
    """Write every page; what no rule stands behind goes."""
    folder = ROOT / "docs" / "rules"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
