"""Put on PYTHONPATH by ``runs.py``: a seed for scripts that set none, and the operators that a CUDA build of torchvision misses beside a CPU torch."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Sequence
from typing import Any


def _before_torchvision() -> None:
    import torch

    for name, form in (
        ("nms", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"),
        ("qnms", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"),
    ):
        torch.library.define(f"torchvision::{name}", form)


def _after_torch(module: Any) -> None:
    module.manual_seed(0)


class _Finder(importlib.abc.MetaPathFinder):
    """Runs something before or after the first import of a module, then stands aside."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None) -> Any:
        if name not in ("torch", "torchvision") or name in _DONE:
            return None
        _DONE.add(name)
        if name == "torchvision":
            _before_torchvision()
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is None or spec.loader is None:
            return None
        run = spec.loader.exec_module

        def exec_module(module: types.ModuleType) -> None:
            run(module)
            _after_torch(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


_DONE: set[str] = set()
sys.meta_path.insert(0, _Finder())
