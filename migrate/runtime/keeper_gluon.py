"""The states of what MXNet's Gluon trains: the parameters of blocks, and trainers with their optimizer and its counts."""

import os
import sys
import tempfile
from typing import Any, Dict

from migrate.runtime.keeper_states import _OTHERS, _is


def _get_block(block: Any) -> Dict[str, Any]:
    """Parameters that a first pass has yet to give their shape have no data, and are left out."""
    found = block._collect_params_with_prefix()
    return {name: parameter.data().asnumpy() for name, parameter in found.items() if parameter._data is not None}


def _put_block(block: Any, state: Dict[str, Any]) -> None:
    found = block._collect_params_with_prefix()
    for name, array in state.items():
        found[name].set_data(sys.modules["mxnet"].nd.array(array, dtype=array.dtype))
        if found[name]._deferred_init:
            found[name]._finish_deferred_init()  # its shape is known now


def _get_trainer(trainer: Any) -> bytes:
    if not trainer._kv_initialized:  # before its first step it has no states
        return b""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "states")
        trainer.save_states(path)
        with open(path, "rb") as file:
            return file.read()


def _put_trainer(trainer: Any, state: bytes) -> None:
    if not state:
        return
    print("keeper: MXNet unpickles the states of its trainer, which the checkpoint holds", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "states")
        with open(path, "wb") as file:
            file.write(state)
        trainer.load_states(path)


_OTHERS += [
    (lambda v: _is(v, "mxnet.gluon.block.Block"), _get_block, _put_block),
    (lambda v: _is(v, "mxnet.gluon.trainer.Trainer"), _get_trainer, _put_trainer),
]
