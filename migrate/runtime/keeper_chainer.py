"""The states of what Chainer serializes, with what it leaves out: hyperparameters, hidden states, and generators of iterators."""

import contextlib
import sys
from typing import Any, Dict

from migrate.runtime.keeper_states import _OTHERS


def _get_serialized(value: Any) -> Dict[str, Any]:
    writer = sys.modules["chainer"].serializers.DictionarySerializer()
    writer.save(value)
    npz = {key: None if _is_none(array) else array for key, array in writer.target.items()}
    return {"npz": npz, "settings": _optimizer_settings(value), "hidden": _hidden(value), "sampler": _sampler(value, None)}


def _put_serialized(value: Any, state: Dict[str, Any]) -> None:
    npz = {key: sys.modules["numpy"].array(item) for key, item in state["npz"].items()}  # copies: some become the value's own
    sys.modules["chainer"].serializers.NpzDeserializer(npz).load(value)
    _load_optimizer_settings(value, state["settings"])
    _load_hidden(value, state["hidden"])
    _sampler(value, state["sampler"])


def _is_none(array: Any) -> bool:
    return bool(array.dtype == object and array.ndim == 0 and array[()] is None)


def _optimizer_settings(optimizer: Any) -> Any:
    """What a Chainer optimizer does not serialize: its hyperparameters, and those of single parameters that differ."""
    if not hasattr(getattr(optimizer, "hyperparam", None), "get_dict") or getattr(optimizer, "target", None) is None:
        return None
    rules = {name: p.update_rule for name, p in optimizer.target.namedparams() if p.update_rule is not None}
    own = {name: {k: v for k, v in vars(rule.hyperparam).items() if k != "_parent"} for name, rule in rules.items()}
    return {
        "all": optimizer.hyperparam.get_dict(),
        "own": {name: values for name, values in own.items() if values},
        "frozen": [name for name, rule in rules.items() if not rule.enabled],
    }


def _load_optimizer_settings(optimizer: Any, state: Any) -> None:
    if state is None:
        return
    for name, value in state["all"].items():
        setattr(optimizer.hyperparam, name, value)
    for path, parameter in optimizer.target.namedparams():
        if parameter.update_rule is not None:
            parameter.update_rule.enabled = path not in state["frozen"]
            for name, value in state["own"].get(path, {}).items():
                setattr(parameter.update_rule.hyperparam, name, value)


def _hidden(model: Any) -> Dict[str, Any]:
    """What the recurrent links of a Chainer model carry to the next step, without its graph."""
    chainer = sys.modules["chainer"]
    links = [(path, link) for path, link in model.namedlinks() if hasattr(link, "reset_state")] if hasattr(model, "namedlinks") else []
    found = {}
    for path, link in links:
        names = [name for name, one in vars(link).items() if isinstance(one, chainer.Variable) and name not in link._params]
        found.update({"%s %s" % (path, name): chainer.cuda.to_cpu(vars(link)[name].array) for name in names})
    return found


def _load_hidden(model: Any, state: Dict[str, Any]) -> None:
    links = dict(model.namedlinks()) if state else {}
    for place, item in state.items():
        path, _, name = place.rpartition(" ")
        link = links[path]
        with sys.modules["chainer"].using_device(link.device) if hasattr(link, "device") else contextlib.suppress():
            setattr(link, name, sys.modules["chainer"].Variable(link.xp.asarray(item)))


def _sampler(iterator: Any, state: Any) -> Any:
    """The random generator of its own that a Chainer iterator draws its order from: its state, or None; ``state`` is put into it."""
    own = getattr(getattr(iterator, "order_sampler", None), "_random", None)  # type: Any
    if not hasattr(own, "get_state") or own is getattr(sys.modules["numpy"].random.random, "__self__", None):
        return None
    if state is not None:
        own.set_state(state)
    return own.get_state()


_OTHERS += [(lambda v: hasattr(v, "serialize") and "chainer" in sys.modules, _get_serialized, _put_serialized)]
