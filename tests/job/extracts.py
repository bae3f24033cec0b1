"""The scripts under tools/ that make the data extracts, as modules."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

TOOLS = Path(__file__).resolve().parents[2] / "tools"


def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"tools_{name}", TOOLS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def service_model() -> dict[str, Any]:
    """What tools/extract_service_model.py would write today, without source and date."""
    made: dict[str, Any] = tool("extract_service_model").extract()
    return made
