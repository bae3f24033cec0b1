"""Whether pip finds a wheel for a pinned version (``data/wheels.json``, remade by ``tools/extract_wheels.py``).

Only some compiled packages that training scripts use are in the table; of others nothing is said.
"""

from __future__ import annotations

import functools
import importlib.resources
import json
from typing import Any

from packaging.version import InvalidVersion, Version


def why_no_wheel(package: str, version: str, python: str | None) -> str | None:
    """Why ``package==version`` cannot be installed on ``python`` (``3.10``) without a compiler; None where it can, or nobody knows."""
    table = _extract()["packages"].get(package)
    if table is None or python is None:
        return None
    if python not in table:
        return None
    first, last = table[python]
    try:
        if Version(first) <= Version(version) <= Version(last):
            return None
    except InvalidVersion:
        return None
    return f"{package} {version} has no wheel for Python {python}: there are {first} to {last}"


def last_wheel(package: str, python: str | None) -> str | None:
    """The last version of ``package`` that pip finds a wheel of for ``python``; None where the table has none."""
    found: str | None = _extract()["packages"].get(package, {}).get(python, [None, None])[1]
    return found


@functools.cache
def _extract() -> Any:
    return json.loads(importlib.resources.files("migrate.job").joinpath("data/wheels.json").read_text("utf-8"))
