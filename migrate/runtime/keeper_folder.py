"""The keeper's checkpoints are trees in a store, with the output files beside them."""

import os
import pickle
import types
from typing import Any, Dict

from migrate.runtime.keeper_states import _module, _Unpickler
from migrate.runtime.outputs import _Store, _write

_PLAIN_MARK = b"plain values\n"


class _Folder(_Store):
    """The checkpoints of one script below ``root``."""

    def __init__(self, root: str, script: str, keep: int) -> None:
        super().__init__(os.path.join(root, "keeper", script), keep)
        self.root = root

    def put_tree(self, tree: Any) -> str:
        return self.put(lambda file: _dump(tree, file))

    def get(self, name: str) -> Any:
        with open(self.blob(name), "rb") as file:
            return _parse(file)

    def publish(self, body: Dict[str, Any]) -> None:
        if all(os.path.exists(self.blob(blob)) for blob in body["blobs"]):  # else put some time ago, and removed by another process
            super().publish(body)

    def write(self, folder: str, name: str, fill: Any) -> None:
        _write(folder, name, fill)


def _dump(tree: Any, file: Any) -> None:
    torch = _module("torch")
    if hasattr(torch, "save"):
        torch.save(tree, file)
    else:
        file.write(_PLAIN_MARK)
        pickle.dump(tree, file, 4)


def _parse(file: Any) -> Any:
    """Read a tree. Nothing but plain values and tensors is made of it: pickled parts stay bytes until they are asked for."""
    if file.read(len(_PLAIN_MARK)) == _PLAIN_MARK:
        return _Unpickler(file).load()
    file.seek(0)
    import torch

    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except TypeError:  # before 1.13
        file.seek(0)
        reader = types.SimpleNamespace(Unpickler=_Unpickler, load=lambda source, **options: _Unpickler(source, **options).load())
        return torch.load(file, map_location="cpu", pickle_module=reader)  # nosec: makes no classes of the system
