"""What travels with a migrated script: the source of ``sagemaker_support.py``."""

from __future__ import annotations

from pathlib import Path

from migrate.generate.mark import mark

SUPPORT_NAME = "sagemaker_support.py"


def support_source() -> bytes:
    """The support file as it is written beside a script, with the mark of a generated file."""
    return mark(Path(__file__).with_name(SUPPORT_NAME).read_bytes())
