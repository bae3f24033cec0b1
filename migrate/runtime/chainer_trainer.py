"""Chainer trainers: ``resume_trainer(trainer)`` before ``trainer.run()`` lets it go on from the newest checkpoint.

A trainer's own snapshots lack the random state, the settings of optimizers that were changed while it ran, and what extensions
and triggers without ``serialize`` know. These are saved too.
"""

import io
import pickle
import sys
import types
from typing import Any, Dict

from migrate.runtime.keeper import _clear, keeper
from migrate.runtime.keeper_chainer import _hidden, _load_hidden, _load_optimizer_settings, _optimizer_settings, _sampler
from migrate.runtime.keeper_states import _PLAIN, _held, _is, _load, _module, _restored, _state, _Unpickler

_FUNCTIONS = (types.FunctionType, types.MethodType, types.BuiltinFunctionType)


def resume_trainer(trainer: Any) -> None:
    """Put the saved state into ``trainer``, and save it while it runs. Does nothing where the keeper does nothing."""
    if keeper._active():
        state = _TrainerState(trainer)
        with _clear():
            keeper._restore(sys._getframe(1), (state,), {})
        trainer.stop_trigger = _KeptTrigger(state, trainer.stop_trigger)


class _KeptTrigger:
    """The trainer's stop trigger: each time that it is asked, a turn of the training loop begins."""

    def __init__(self, state: "_TrainerState", trigger: Any) -> None:
        self._state, self._trigger = state, trigger

    def __call__(self, trainer: Any) -> bool:
        self._state.again()
        if not keeper._turn(sys._getframe(1)):
            return True
        loop, over = keeper._stack[-1], bool(self._trigger(trainer))
        if over:  # told at once: what the script draws at random before its next trainer does not belong to this one
            keeper._leave(loop, False)
        return over

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trigger, name)


class _TrainerState:
    """All that a trainer carries from one iteration to the next."""

    def __init__(self, trainer: Any) -> None:
        self.trainer, self.loaded = trainer, None  # type: Any, Any
        self.stop_trigger = trainer.stop_trigger
        self.given = {name: _simple(part) for name, part in self.parts().items()}

    def parts(self) -> Dict[str, Any]:
        """The parts of a trainer that may keep something without saving it."""
        found = {"updater": self.trainer.updater, "stop_trigger": self.stop_trigger}
        for name, entry in self.trainer._extensions.items():
            found.update({"extension " + name: entry.extension, "trigger " + name: entry.trigger})
            found.update({"iterator %s of %s" % (key, name): one for key, one in _evaluated(entry.extension).items()})
        found.update({"iterator " + name: iterator for name, iterator in self.iterators().items()})
        return {name: part for name, part in found.items() if not isinstance(part, _FUNCTIONS + (type,))}

    def iterators(self) -> Dict[str, Any]:
        return getattr(self.trainer.updater, "_iterators", None) or {}

    def get_state(self) -> Dict[str, Any]:
        if self.trainer._start_at is None:  # before it runs it cannot be serialized
            return {}
        kept = {}
        for name, part in self.parts().items():
            kept[name] = {key: tree for key, tree in _simple(part).items() if self.given.get(name, {}).get(key) != tree}
        optimizers = self.trainer.updater.get_all_optimizers()
        return {
            "trainer": _state(self.trainer),
            "optimizers": {name: _optimizer_settings(one) for name, one in optimizers.items()},
            "hidden": {name: _hidden(one.target) for name, one in optimizers.items()},
            "kept": kept,
            "samplers": {name: _sampler(one, None) for name, one in self.iterators().items()},
        }

    def set_state(self, found: Dict[str, Any]) -> None:
        self.loaded = found
        if found:
            self._set(found)

    def _set(self, found: Dict[str, Any]) -> None:
        _load(self.trainer, found["trainer"])
        for name, optimizer in self.trainer.updater.get_all_optimizers().items():
            _load_optimizer_settings(optimizer, found["optimizers"].get(name))
            _load_hidden(optimizer.target, found["hidden"].get(name, {}))
        for name, iterator in self.iterators().items():
            _sampler(iterator, found["samplers"].get(name))
        parts = self.parts()
        for name, values in found["kept"].items():
            for key, tree in values.items() if name in parts else ():
                vars(parts[name])[key] = _restored(vars(parts[name]).get(key), _Unpickler(io.BytesIO(tree)).load())

    def again(self) -> None:
        """Once more, since extensions that the trainer has initialized may have loaded an older snapshot."""
        found, self.loaded = self.loaded, None
        if found:
            self._set(found)


def _evaluated(extension: Any) -> Dict[str, Any]:
    """The iterators of the script's own that an evaluator copies at each time; what copies share, such as an order, is in no snapshot."""
    iterators = getattr(extension, "_iterators", None)
    if not isinstance(iterators, dict):
        return {}
    return {key: _Copied(one) for key, one in iterators.items() if hasattr(one, "__dict__") and not _is_chainers(one)}


def _is_chainers(iterator: Any) -> bool:
    return type(iterator).__module__.startswith("chainer.")


class _Copied:
    """All attributes of an iterator but its data, as those of a part that does not serialize itself."""

    def __init__(self, iterator: Any) -> None:
        self.__dict__ = vars(iterator)  # the very same: what is set here is set there


def _simple(part: Any) -> Dict[str, Any]:
    """Those attributes that hold plain values, as bytes; of what serializes itself only triggers and means of its own, which some leave
    out, but for updaters, which are derived from."""
    chainer = _module("chainer")
    nothing = (None, chainer.training.Extension.serialize, chainer.dataset.Iterator.serialize)
    itself = getattr(type(part), "serialize", None) not in nothing and not isinstance(part, chainer.training.Updater)
    wanted = _is_small if itself else _is_simple
    own = {name: value for name, value in vars(part).items() if not (isinstance(part, _Copied) and name == "dataset")}
    return {name: pickle.dumps(_held(value), 4) for name, value in own.items() if wanted(value)}


def _is_simple(value: Any) -> bool:
    if isinstance(value, (list, tuple, set)):
        return all(_is_simple(item) for item in value)
    if isinstance(value, dict):
        return all(_is_simple(item) for pair in value.items() for item in pair)
    return _is_small(value) or type(value) in _PLAIN or _is(value, "numpy.ndarray") or _is(value, "numpy.generic")


def _is_small(value: Any) -> bool:
    """Whether it is a trigger, or the means of what was observed."""
    return type(value).__module__.startswith(("chainer.training.triggers.", "chainer.reporter")) and hasattr(value, "serialize")
