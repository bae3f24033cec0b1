#!/usr/bin/env python3
"""Write `fixtures/NAME/after/` anew from what the tool makes of `before/`: review the difference, then commit it.

.envs/main/bin/python tools/update_fixtures.py [NAME ...]
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.fixtures.after import kept, made
from tests.fixtures.harness import FIXTURES, fixtures


def main() -> None:
    """Write the folders of the named fixtures, or of all, and tell which changed."""
    for fixture in fixtures():
        if sys.argv[1:] and fixture.name not in sys.argv[1:]:
            continue
        before = kept(fixture)
        with tempfile.TemporaryDirectory() as scratch:
            after = made(fixture, Path(scratch))
        shutil.rmtree(FIXTURES / fixture.name / "after", ignore_errors=True)
        for path, content in after.items():
            target = FIXTURES / fixture.name / "after" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        print(f"{fixture.name}: {'same' if after == before else 'changed'}")


if __name__ == "__main__":
    main()
