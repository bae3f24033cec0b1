"""Run by ``runs.py`` as Python starts: a seed for scripts that set none, so that two runs compare; made-up files for what they download."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import random
import sys
import types
from collections.abc import Sequence


class _Fetched:
    """The answer to ``requests.get``: the file of that name in the folder that ``RUNS_FETCHED`` names."""

    def __init__(self, url: str, **_: object) -> None:
        self.raw = open(os.path.join(os.environ["RUNS_FETCHED"], os.path.basename(url)), "rb")

    def __enter__(self) -> _Fetched:
        return self

    def __exit__(self, *_: object) -> None:
        self.raw.close()


class _Seeding(importlib.abc.MetaPathFinder):
    """Seeds torch and numpy as soon as each has been imported, and Python's own generator with them."""

    def __init__(self) -> None:
        self.left = {"torch", "numpy", *(["requests"] if "RUNS_FETCHED" in os.environ else [])}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in self.left:
            return None
        self.left.remove(name)
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is None or spec.loader is None:
            return None
        run = spec.loader.exec_module

        def exec_module(module: types.ModuleType) -> None:
            run(module)
            if name == "requests":
                module.get = _Fetched  # type: ignore[attr-defined]
                return
            (module.manual_seed if name == "torch" else module.random.seed)(0)
            random.seed(0)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, _Seeding())
