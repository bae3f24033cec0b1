"""keras_fit(model.fit)(x, y, ...) is model.fit(x, y, ...), which goes on behind the last epoch that a checkpoint was made of."""

import contextlib
import functools
import importlib
import inspect
import sys
from typing import Any, Dict, List

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


def keras_fit(fit: Any) -> Any:
    """``fit`` as it is where no checkpoints are made, or where it is no model of Keras. Several fits are told apart by their order."""
    keras = any(kind.__module__.split(".")[0] in _HOMES for kind in type(getattr(fit, "__self__", None)).__mro__)
    return functools.partial(_kept_fit, fit) if keras and checkpoint_folder() is not None else fit


def _kept_fit(fit: Any, *args: Any, **kwargs: Any) -> Any:
    given = inspect.signature(fit).bind(*args, **kwargs)
    given.apply_defaults()
    arguments, rest = given.arguments, given.arguments.get("kwargs", {})
    start = arguments if "initial_epoch" in arguments else rest
    if "callbacks" not in arguments or (start is rest and "kwargs" not in arguments):
        print("keeper: %s takes no callbacks or no initial_epoch: it starts from the beginning" % fit.__qualname__, flush=True)
        return fit(*args, **kwargs)
    epochs = rest.get("nb_epoch") or arguments.get("nb_epoch") or arguments.get("epochs") or 1
    store = _next_store("keras")
    try:
        kept = _KeptFit(store, fit.__self__, arguments)
    except Refused as error:
        sys.exit("keeper: %s" % error)
    if hasattr(kept.data, "element_spec"):
        kept.count(kept.data)
    if kept.saved is not None:
        start["initial_epoch"] = epochs if kept.saved["over"] else kept.saved["epoch"] + 1
        store.put_back(kept.files)
        kept.go_on(start["initial_epoch"], arguments)
    arguments["callbacks"] = kept.callbacks()
    history = fit(*given.args, **given.kwargs)
    kept.merge(history)
    if kept.saved is None or not kept.saved["done"]:
        kept.save(over=True, done=True)
    return history


class _KeptFit:
    """One call of ``fit``: what it saves at the end of an epoch, and puts back."""

    def __init__(self, store: _Store, model: Any, arguments: Dict[str, Any]) -> None:
        self.store, self.model, self.cadence = store, model, _Cadence()
        given = arguments["callbacks"]
        self.list = given if hasattr(given, "append") and not isinstance(given, list) else None  # a CallbackList
        found = given.callbacks if self.list is not None else given if isinstance(given, (list, tuple)) else [given]
        self.given = [one for one in found if one is not None and type(one).__name__ != "BackupAndRestore"]  # it does the same
        self.data = arguments.get("x", arguments.get("generator"))
        self.plain = [_Plain(one) for one in [_own(self.data)] + self.given]
        self.epoch, self.epochs, self.logs = -1, [], {}  # type: int, List[int], Dict[str, List[Any]]
        self.drawn, self.early = 0, None  # type: int, Any  # how many iterators of a tf.data set were made, how many of them for no epoch
        newest = store.newest()
        self.saved = None if newest is None else _get_values(store, newest[1]["blobs"][0])
        self.files = [] if newest is None else newest[1]["files"]
        if self.saved is not None:
            self.epoch, self.epochs, self.logs = self.saved["epoch"], self.saved["epochs"], self.saved["logs"]

    def count(self, data: Any) -> None:
        """Count the iterators that are made of a tf.data set."""
        kept, kind = self, type(data)

        class Counted(kind):  # type: ignore[misc, valid-type]
            def __iter__(self) -> Any:
                kept.drawn += 1
                return kind.__iter__(self)

        with contextlib.suppress(TypeError):
            data.__class__ = Counted

    def callbacks(self) -> Any:
        """What ``fit`` gets for its callbacks: the script's own, but for a fit that was over, and the one that saves behind them."""
        ours = _callback(self)
        if self.saved is not None and self.saved["done"]:
            return [ours]
        if self.list is not None:
            self.list.append(ours)
            return self.list
        for one in self.given if self.saved is not None else []:
            if any(kind.__name__ == "CSVLogger" for kind in type(one).__mro__):
                one.append = True  # the file is there again, with its header
        return list(self.given) + [ours]

    def go_on(self, epoch: int, arguments: Dict[str, Any]) -> None:
        """Before ``fit`` starts: the model gets its variables, the data set stands where it stood."""
        data = self.data  # type: Any
        print("keeper: fit goes on at epoch %d, from %s" % (epoch + 1, self.store.path), flush=True)
        if not getattr(self.model, "built", True):
            first = _first_batch(data)
            if first is None:
                sys.exit("keeper: the model has no variables before its first batch, which a generator cannot give twice")
            self.model(first)
        if self.saved is not None and not self.saved["over"] and hasattr(data, "element_spec"):
            steps = arguments.get("steps_per_epoch")
            if steps:
                arguments["x"] = data.skip(steps * len(self.epochs))
            else:
                for _ in range(self.saved["drawn"]):
                    iter(data)  # a shuffled data set draws a new order each time

    def begin(self) -> None:
        """``fit`` is about to run its first epoch, and the script's own callbacks have begun."""
        if self.saved is None:
            return
        optimizer = getattr(self.model, "optimizer", None)
        _build(self.model, optimizer)
        for name, thing in (("model", self.model), ("optimizer", optimizer)):
            _set_variables(thing, self.saved[name], name)
        for one, state in zip(self.plain, self.saved["plain"]):
            one.put_back(state)
        if not self.saved["done"]:
            self.store.put_back(self.files)  # a callback may have opened its file anew
        _set_global_random(self.saved["random"])

    def merge(self, history: Any) -> None:
        """A History tells the epochs before the interruption too."""
        if isinstance(getattr(history, "history", None), dict) and hasattr(history, "epoch") and history.epoch != self.epochs:
            history.epoch, history.history = list(self.epochs), {name: list(values) for name, values in self.logs.items()}

    def turned(self, epoch: int, logs: Any) -> None:
        self.epoch = epoch
        self.epochs = self.epochs + [epoch]
        for name, value in (logs or {}).items():
            self.logs.setdefault(name, []).append(value)
        self.cadence.turned()
        over = bool(getattr(self.model, "stop_training", False))
        out_of_time = self.cadence.out_of_time()
        if over or out_of_time or self.cadence.due():
            self.save(over)
        if out_of_time:
            _mark_more_to_do("epoch %d" % (epoch + 1))
            print("keeper: saved; stops before the runtime limit: more to do", flush=True)
            sys.exit(0)

    def save(self, over: bool, done: bool = False) -> None:
        optimizer = getattr(self.model, "optimizer", None)
        values = {"epoch": self.epoch, "over": over, "done": done, "epochs": self.epochs, "drawn": self.drawn - (self.early or 0)}
        values.update(model=_arrays(self.model), optimizer=_arrays(optimizer), random=_global_random())
        values["plain"] = [one.state() for one in self.plain]  # of the data set, and of the callbacks
        values["logs"] = {name: [_number(value) for value in found] for name, found in self.logs.items()}
        with self.cadence.saving():
            self.store.publish({"blobs": [_put_values(self.store, values)], "epoch": self.epoch})


def _callback(kept: _KeptFit) -> Any:
    """The callback, of the Keras that the model is of."""
    home = next(kind.__module__ for kind in type(kept.model).__mro__ if kind.__module__.split(".")[0] in _HOMES)
    package = "tensorflow" if home.startswith("tensorflow") else home.split(".")[0]
    module = importlib.import_module(package)
    base = getattr(module, "keras", module).callbacks.Callback if package == "tensorflow" else module.callbacks.Callback

    class Kept(base):  # type: ignore[misc, valid-type]
        def on_train_begin(self, logs: Any = None) -> None:
            _unmark()
            kept.begin()

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if kept.early is None:
                kept.early = int(kept.drawn > (kept.saved or {}).get("drawn", 0))
            kept.merge(getattr(kept.model, "history", None))

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            kept.turned(epoch, logs)

    return Kept()


_HOMES = ("keras", "tf_keras", "tensorflow", "tensorflow_core")


def _variables_of(thing: Any) -> List[Any]:
    """The variables of a model or an optimizer; the learning rate, which Keras 2 keeps apart, comes last."""
    found = getattr(thing, "variables", [])
    variables = list(found() if callable(found) else found)
    rate = getattr(thing, "_learning_rate", getattr(thing, "lr", None))
    return variables + [rate] if hasattr(rate, "assign") and not any(rate is one for one in variables) else variables


def _arrays(thing: Any) -> List[Any]:
    """The values of all variables of a model or an optimizer."""
    variables = _variables_of(thing)
    if all(hasattr(variable, "numpy") for variable in variables):
        return [_number(variable.numpy()) for variable in variables]
    return list(thing.get_weights())  # a graph


def _set_variables(thing: Any, arrays: List[Any], name: str) -> None:
    variables = _variables_of(thing)
    if [tuple(v.shape) for v in variables] != [a.shape for a in arrays]:
        sys.exit("keeper: the checkpoint is of another %s: its variables have other shapes" % name)
    if all(hasattr(variable, "numpy") for variable in variables):
        for variable, array in zip(variables, arrays):
            variable.assign(array)
    else:
        thing.set_weights(arrays)


def _build(model: Any, optimizer: Any) -> None:
    """Make the optimizer's variables, as its first step would."""
    if hasattr(optimizer, "_create_all_weights"):
        optimizer._create_all_weights(model.trainable_variables)
    elif hasattr(optimizer, "build"):
        if not getattr(optimizer, "built", False):
            optimizer.build(model.trainable_variables)
    elif hasattr(model, "_make_train_function"):
        model._make_train_function()


def _first_batch(data: Any) -> Any:
    if isinstance(data, (list, tuple)):
        return type(data)(_first_batch(part) for part in data)
    if isinstance(data, dict):
        return {name: _first_batch(part) for name, part in data.items()}
    if hasattr(data, "element_spec"):
        first = next(iter(data.take(1)))
        return first[0] if isinstance(first, (list, tuple)) else first
    if hasattr(data, "shape"):
        return data[:1]
    return data[0][0] if hasattr(data, "__getitem__") and hasattr(data, "__len__") else None


def _own(data: Any) -> Any:
    """A data set whose attributes say where it stands: a Sequence, a PyDataset, an iterator over images; None for the others."""
    return data if hasattr(data, "__getitem__") and hasattr(data, "__len__") and not hasattr(data, "shape") else None


def _number(value: Any) -> Any:
    import numpy as np

    return value if isinstance(value, (bool, int, float)) else np.array(value)
