"""module_fit(mod.fit)(data, ...) is mod.fit(data, ...), which goes on at the epoch that a checkpoint was made before.

What MXNet draws at random itself (dropout) begins its sequence again: it hands out no state of it. Data iterators that are written in
C++ begin their order again.
"""

import functools
import inspect
import os
import sys
import tempfile
from typing import Any, Dict

from migrate.runtime.managed import (
    _Cadence,
    _get_values,
    _global_random,
    _mark_more_to_do,
    _next_store,
    _Plain,
    _put_values,
    _set_global_random,
    _unmark,
)
from migrate.runtime.outputs import Refused, _Store, checkpoint_folder

_NEEDED = {"train_data", "epoch_end_callback", "kvstore", "arg_params", "aux_params", "force_init", "begin_epoch"}


def module_fit(fit: Any) -> Any:
    """``fit`` as it is where no checkpoints are made, or where it is no Module's. Several fits are told apart by their order."""
    kinds = type(getattr(fit, "__self__", None)).__mro__
    ours = any(kind.__name__ == "BaseModule" and kind.__module__.startswith("mxnet.") for kind in kinds)
    return functools.partial(_module_fit, fit) if ours and checkpoint_folder() is not None else fit


def _module_fit(fit: Any, *args: Any, **kwargs: Any) -> Any:
    if not _NEEDED <= set(inspect.signature(fit).parameters):
        print("keeper: this fit does not take what MXNet's own does: NO CHECKPOINT IS MADE, training goes on", flush=True)
        return fit(*args, **kwargs)
    given = inspect.signature(fit).bind(*args, **kwargs)
    given.apply_defaults()
    arguments = given.arguments
    if "dist" in str(getattr(arguments["kvstore"], "type", arguments["kvstore"])):
        print("keeper: the parameters are spread over machines: this fit starts from the beginning", flush=True)
        return fit(*args, **kwargs)
    store = _next_store("mxnet")
    try:
        newest = store.newest()
    except Refused as error:
        sys.exit("keeper: %s" % error)
    _unmark()
    saved = None if newest is None else _get_values(store, newest[1]["blobs"][0])
    kept = _KeptModule(store, fit.__self__, arguments, saved)
    if newest is not None and saved is not None:
        print("keeper: fit goes on at epoch %d, from %s" % (saved["epoch"] + 1, store.path), flush=True)
        store.put_back(newest[1]["files"])
        array = sys.modules["mxnet"].nd.array  # type: Any
        for name in ("arg_params", "aux_params"):
            arguments[name] = {key: array(value, dtype=value.dtype) for key, value in saved[name].items()}
        arguments.update(force_init=True, begin_epoch=saved["epoch"] + 1)
    with kept:
        result = fit(*given.args, **given.kwargs)
    if not kept.mute and (saved is None or not saved["done"]):
        kept.save(True)
    return result


class _KeptModule:
    """One call of ``fit``. It saves when the data are set back for the next epoch: all that belongs to the one before is done."""

    def __init__(self, store: _Store, module: Any, arguments: Dict[str, Any], saved: Any) -> None:
        self.store, self.module, self.saved, self.cadence = store, module, saved, _Cadence()
        self.data, callbacks = arguments["train_data"], arguments["epoch_end_callback"]
        own = [] if callbacks is None else callbacks if isinstance(callbacks, list) else [callbacks]
        self.plain = [_Plain(one) for one in [self.data] + own]
        self.epoch = arguments["begin_epoch"] - 1 if saved is None else saved["epoch"]
        self.mute = False  # there is no optimizer whose states can be had
        self.over = False  # an epoch is, and its data are not set back yet
        self.order = None if saved is None else saved["order"]  # of the data, by where they lay when fit began
        arguments["epoch_end_callback"] = own + [self.end]

    def __enter__(self) -> None:
        self.reset, self.init = self.data.reset, self.module.init_optimizer
        self.data.reset, self.module.init_optimizer = self.set_back, self.start

    def __exit__(self, *error: Any) -> None:
        del self.data.reset, self.module.init_optimizer

    def start(self, *args: Any, **kwargs: Any) -> None:
        """The last that ``fit`` does before its first epoch."""
        self.init(*args, **kwargs)
        self.mute = not hasattr(_inner(self.module), "_update_on_kvstore")
        if self.mute:
            kind = type(self.module).__name__
            print("keeper: a %s hands out no optimizer: NO CHECKPOINT IS MADE, training goes on" % kind, flush=True)
        if self.saved is not None:
            _put_updater(_inner(self.module), self.saved["states"].tobytes())
            if self.order is not None:
                _sort(self.data, self.order)
            for one, state in zip(self.plain, self.saved["plain"]):
                one.put_back(state)
            _set_global_random(self.saved["random"])

    def end(self, epoch: int, *given: Any) -> None:
        self.epoch, self.over = epoch, True

    def set_back(self) -> None:
        self.reset()
        if getattr(self.data, "shuffle", False) is True and hasattr(self.data, "_shuffle_data"):
            self.order = self.data.idx.copy() if self.order is None else self.order[self.data.idx]
        if self.mute or not self.over:
            return
        self.over = False
        self.cadence.turned()
        out_of_time = self.cadence.out_of_time()
        if out_of_time or self.cadence.due():
            self.save(False)
        if out_of_time:
            _mark_more_to_do("epoch %d" % (self.epoch + 1))
            print("keeper: saved; stops before the runtime limit: more to do", flush=True)
            sys.exit(0)

    def save(self, done: bool) -> None:
        import numpy as np

        arg_params, aux_params = self.module.get_params()
        values = {"epoch": self.epoch, "done": done, "random": _global_random(), "plain": [one.state() for one in self.plain]}
        values["order"] = self.order
        values.update(arg_params=_arrays_of(arg_params), aux_params=_arrays_of(aux_params))
        values["states"] = np.frombuffer(_get_updater(_inner(self.module)), dtype=np.uint8)
        with self.cadence.saving():
            self.store.publish({"blobs": [_put_values(self.store, values)], "epoch": self.epoch})


def _sort(data: Any, order: Any) -> None:
    """Lay the data of an NDArrayIter in this order, by what it shuffles them with."""
    import numpy as np

    shuffle, np.random.shuffle = np.random.shuffle, lambda x: None
    try:
        data.idx = order.copy()
        data._shuffle_data()
    finally:
        np.random.shuffle = shuffle


def _arrays_of(parameters: Dict[str, Any]) -> Dict[str, Any]:
    return {name: value.asnumpy() for name, value in parameters.items()}


def _inner(module: Any) -> Any:
    """The module that holds the optimizer: of several buckets, the current one, which shares it."""
    return getattr(module, "_curr_module", None) or module


def _get_updater(module: Any) -> bytes:
    """The optimizer with its counts and schedule, and its states."""
    if not module._update_on_kvstore:
        return bytes(module._updater.get_states(dump_optimizer=True))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "states")
        module._kvstore.save_optimizer_states(path, dump_optimizer=True)
        with open(path, "rb") as file:
            return file.read()


def _put_updater(module: Any, states: bytes) -> None:
    print("keeper: MXNet unpickles the states of its optimizer, which the checkpoint holds", flush=True)
    updater = module._kvstore._updater if module._update_on_kvstore else module._updater
    updater.set_states(states)
