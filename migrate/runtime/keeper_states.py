"""What a checkpoint holds: the states of objects, named values, and random generators; how it is written and read."""

import collections
import copy
import importlib
import io
import json
import os
import pickle
import random
import re
import sys
import types
from typing import Any, Dict, List, Sequence

from migrate.runtime.outputs import Refused, _rank

_CLASS = "~class"  # marks the dict that stands for an object with a state of its own
_PLAIN = (type(None), bool, int, float, complex, str, bytes)
_MARK = b"plain values\n"  # begins what is written without torch
_SIMPLE = (("types", "SimpleNamespace"), ("argparse", "Namespace"))


class _Attributes:
    """Attributes of ``target`` that the loop carries; what its class works out by itself cannot be set."""

    def __init__(self, target: Any, names: Sequence[str]) -> None:
        self.target = target
        self.names = [name for name in names if getattr(getattr(type(target), name, None), "fset", True) is not None]


def _module(name: str) -> Any:
    """A module, if the script has loaded it: the keeper loads none."""
    return sys.modules.get(name)


def _is(value: Any, path: str) -> bool:
    """Whether ``value`` is of the class at ``path``, in a module that the script has loaded."""
    module, _, name = path.rpartition(".")
    kind = getattr(_module(module), name, None)
    return isinstance(kind, type) and isinstance(value, kind)


def _class(value: Any) -> str:
    return "%s.%s" % (type(value).__module__, type(value).__name__)


def _unwrapped(value: Any) -> Any:
    """The model inside a wrapper, so that wrapped and unwrapped ones fit each other."""
    while type(value).__name__ in ("DistributedDataParallel", "DataParallel", "OptimizedModule"):
        value = value._orig_mod if hasattr(value, "_orig_mod") else value.module
    return value


_SPREAD = {"FullyShardedDataParallel", "FSDPModule", "DeepSpeedEngine"}  # what holds a part in each process


def _check(value: Any) -> None:
    """Raises Refused for a model that is spread over processes."""
    for part in list(value.modules()) if _is(value, "torch.nn.Module") else [value]:
        if _SPREAD & {kind.__name__ for kind in type(part).__mro__}:
            raise Refused("%s spreads its state over the processes; its own checkpoints are needed, the keeper has none" % _class(part))


def _get_module(module: Any) -> Dict[str, Any]:
    """With what a state_dict leaves out: what is frozen, which parts train, and gradients that are being gathered."""
    named = list(module.named_parameters())
    grads = {name: p.grad.detach() for name, p in named if p.grad is not None and not p.grad.is_sparse}
    trained = {name: p.requires_grad for name, p in named}
    return {"state": module.state_dict(), "trained": trained, "training": [m.training for m in module.modules()], "grads": grads}


def _put_module(module: Any, state: Dict[str, Any]) -> None:
    module.load_state_dict(state["state"])
    for part, training in zip(module.modules(), state["training"]):
        part.training = training
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(state["trained"].get(name, parameter.requires_grad))
        grad = state["grads"].get(name)
        parameter.grad = None if grad is None else grad.to(parameter.device, copy=True)


def _get_optimizer(optimizer: Any) -> Dict[str, Any]:
    """With the tensors that it trains: some belong to no model, those of a model take no more room."""
    return {
        "state": optimizer.state_dict(),
        "trained": [[p.detach() for p in group["params"]] for group in getattr(optimizer, "param_groups", [])],
    }


def _put_optimizer(optimizer: Any, state: Dict[str, Any]) -> None:
    optimizer.load_state_dict(state["state"])
    for group, tensors in zip(getattr(optimizer, "param_groups", []), state["trained"]):
        for parameter, tensor in zip(group["params"], tensors):
            parameter.data.copy_(tensor)


def _get_dict(value: Any) -> Any:
    """The state_dict without functions: a scheduler has them from its script, and keeps them."""
    state = value.state_dict()
    return {key: item for key, item in state.items() if not isinstance(item, types.FunctionType)} if type(state) is dict else state


def _put_array(value: Any, state: Any) -> None:
    if tuple(value.shape) != tuple(state.shape):
        raise ValueError("its shape is %s, in the checkpoint %s" % (tuple(value.shape), tuple(state.shape)))
    (value.data if hasattr(value, "data") and hasattr(value, "detach") else value)[...] = state


def _put_items(value: Any, state: Any) -> None:
    if isinstance(value, list):
        value[:] = [_put(value[place] if place < len(value) else None, item) for place, item in enumerate(state)]
    elif isinstance(value, dict):
        found = [(key, _put(value.get(key), item)) for key, item in state.items()]
        value.clear()
        value.update(dict(found))  # a Counter would count the pairs
    elif isinstance(value, bytearray):
        value[:] = state
    else:
        value.clear()
        (value.extend if isinstance(value, collections.deque) else value.update)(_restored(None, state))


def _put(given: Any, held: Any) -> Any:
    """What a list or a dict holds: in place where it can be, since an optimizer or another list may hold it too."""
    held = _on_device(held, given)
    if type(given) is type(held) and type(given) in (list, dict) and not (type(held) is dict and _CLASS in held):
        _put_items(given, held)
        return given
    if type(given) is type(held) is tuple and len(given) == len(held):
        return tuple(_put(one, item) for one, item in zip(given, held))
    if _is(given, "torch.Tensor") and _is(held, "torch.Tensor") and given.shape == held.shape and given.dtype == held.dtype:
        given.data.copy_(held)
        return given
    return _restored(given, held)


def _put_attributes(value: _Attributes, state: Dict[str, Any]) -> None:
    for name, item in state.items() if value.target is not None else ():
        before = getattr(value.target, name, None)
        after = _restored(before, item)
        same = after is before or (isinstance(after, _PLAIN) and type(after) is type(before) and after == before)
        if not (same and hasattr(value.target, name)):  # an object may take no more changes, where there is nothing to change
            setattr(value.target, name, after)


def _generators(loader: Any) -> List[Any]:
    """The random generators of its own that a data loader or sampler draws from."""
    parts = [loader, getattr(loader, "sampler", None), getattr(loader, "batch_sampler", None)]
    found = [getattr(part, "generator", None) for part in parts + [getattr(parts[2], "sampler", None)]]
    return list({id(each): each for each in found if each is not None}.values())


# Which objects, how their state is taken, and how it is put into them.
_KINDS = [
    (lambda v: v is None, lambda v: None, lambda v, state: None),  # what the settings of this run leave out
    (lambda v: isinstance(v, _Attributes), lambda v: {n: _held(getattr(v.target, n, None)) for n in v.names}, _put_attributes),
    (lambda v: _is(v, "torch.nn.Module"), _get_module, _put_module),
    (lambda v: _is(v, "torch.optim.Optimizer"), _get_optimizer, _put_optimizer),
    (lambda v: hasattr(v, "load_state_dict"), _get_dict, lambda v, state: v.load_state_dict(state)),
    (lambda v: _is(v, "torch.Tensor") or _is(v, "numpy.ndarray"), lambda v: v.detach() if hasattr(v, "detach") else v, _put_array),
    (lambda v: isinstance(v, dict), lambda v: _held(dict(v)), _put_items),
    (lambda v: isinstance(v, (list, set, collections.deque, bytearray)), lambda v: _held(v), _put_items),
    (lambda v: isinstance(v, random.Random), lambda v: v.getstate(), lambda v, state: v.setstate(state)),
    (lambda v: hasattr(v, "bit_generator"), lambda v: v.bit_generator.state, lambda v, state: setattr(v.bit_generator, "state", state)),
    (lambda v: hasattr(v, "set_state"), lambda v: v.get_state(), lambda v, state: v.set_state(state)),
    (lambda v: hasattr(v, "batch_sampler") or _is(v, "torch.utils.data.Sampler"), lambda v: [], lambda v, state: None),  # see _generators
]  # type: List[Any]
_OTHERS = []  # type: List[Any]  # the same of other frameworks
# Parts of a graph, which a feed has as its keys: what is saved of one, whether something was, and the part of that name.
_GRAPH = [(lambda v: None, lambda held: False, lambda held: held)]  # type: List[Any]
# Arrays of other frameworks, by the names of their types: how they become plain, and are made of it and of what is there.
_ARRAYS = {}  # type: Dict[str, Any]
_TREES = []  # type: List[Any]  # values that another framework takes apart: which ones, how, and how they are made again


def _kind(value: Any) -> Any:
    found = next((kind for kind in _KINDS + _OTHERS if kind[0](value)), None)
    if found is None and hasattr(value, "__dict__") and not isinstance(value, (type, types.ModuleType)) and not hasattr(value, "__next__"):
        return None, lambda v: _state(_Attributes(v, list(vars(v)))), lambda v, state: _put_attributes(_Attributes(v, []), state)
    if found is None:
        raise Refused("a %s has no state that can be saved and put back in place" % _class(value))
    return found


def _state(value: Any) -> Any:
    value = _unwrapped(value)
    return _kind(value)[1](value)


def _load(value: Any, state: Any) -> None:
    """Put the state that ``_state`` gave into ``value``, in place."""
    value = _unwrapped(value)
    try:
        _kind(value)[2](value, state)
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise Refused("%s does not fit: %s" % (_class(value), " ".join(str(error).split())[:600]))


def _stateful(value: Any) -> bool:
    return hasattr(value, "load_state_dict") or any(kind[0](value) for kind in _OTHERS)


def _held(value: Any, parameters: Sequence[Any] = ()) -> Any:
    """A value as it is saved. An optimizer's tells which of ``parameters`` it is over."""
    value = _unwrapped(value)
    if _stateful(value):
        _check(value)
        places = {id(p): place for place, p in enumerate(parameters)}
        over = [[places.get(id(p), -1) for p in group["params"]] for group in getattr(value, "param_groups", [])]
        return {_CLASS: _class(value), "state": _state(value), "over": over}
    if type(value) in (list, tuple):
        return type(value)(_held(item, parameters) for item in value)
    if type(value) is dict:
        return {_GRAPH[0][0](key) or key: _held(item, parameters) for key, item in value.items()}
    if _GRAPH[0][0](value):
        return _GRAPH[0][0](value)
    if type(value) is collections.deque:
        return collections.deque((_held(item, parameters) for item in value), value.maxlen)
    if type(value).__name__ in _ARRAYS:
        return {_CLASS: type(value).__name__, "state": _ARRAYS[type(value).__name__][0](value)}
    for is_one, get, _ in _TREES:
        if is_one(value):
            return {_CLASS: "tree", "state": get(value)}
    if _is(value, "torch.Tensor"):
        value = value.detach()
        return value if value.device.type == "cpu" else {_CLASS: "tensor", "state": value, "device": str(value.device)}
    return value


def _restored(value: Any, held: Any, parameters: Sequence[Any] = ()) -> Any:
    """What ``held`` stands for; an object with a state of its own is ``value``, or of it. An optimizer may be over other ``parameters``."""
    held = _on_device(held, value)
    if _GRAPH[0][1](held):
        return _GRAPH[0][2](held)
    if type(held) is dict and held.get(_CLASS) == "tree":
        return _TREES[0][2](held["state"], value)
    if type(held) is dict and _CLASS in held:
        if held["over"] and _held(value, parameters).get("over") != held["over"] or _class(value) != held[_CLASS]:
            value = _made_anew(held, parameters)
        _load(value, held["state"])
        return _unwrapped(value) if value is None else value
    if type(held) in (list, tuple):
        given = list(value) if type(value) is type(held) and len(value) == len(held) else [None] * len(held)
        return type(held)(_restored(one, item, parameters) for one, item in zip(given, held))
    if type(held) is dict:
        made = {(_GRAPH[0][2](key) if _GRAPH[0][1](key) else key): item for key, item in held.items()}
        return {key: _restored(value.get(key) if isinstance(value, dict) else None, item, parameters) for key, item in made.items()}
    if type(held) is collections.deque:
        return collections.deque((_restored(None, item, parameters) for item in held), held.maxlen)
    if _is(held, "numpy.ndarray") and held.dtype.kind in "biufc":
        return held.view(held.dtype.str)  # over the dtype that the script's arrays have: so pickles of them stay the same
    return held


def _on_device(held: Any, given: Any = None) -> Any:
    """A tensor that was not on the CPU: on its device, or, in one of several processes, on this process's own; others' arrays."""
    if type(held) is dict and held.get(_CLASS) in _ARRAYS:
        return _ARRAYS[held[_CLASS]][1](held["state"], given)
    if type(held) is not dict or held.get(_CLASS) != "tensor":
        return held
    kind, tensor = held["device"].partition(":")[0], held["state"]
    if kind == "cuda" and not sys.modules["torch"].cuda.is_available():
        return tensor
    return tensor.to(held["device"] if _rank()[1] == 1 else kind)


def _made_anew(held: Dict[str, Any], parameters: Sequence[Any]) -> Any:
    """The optimizer of the checkpoint over this script's parameters: the script had changed it for another in mid-run."""
    module, _, name = held[_CLASS].rpartition(".")
    kind = getattr(_module(module), name, None)
    if not held["over"] or not isinstance(kind, type) or any(not -1 < p < len(parameters) for group in held["over"] for p in group):
        raise Refused("the checkpoint holds a %s there, which cannot be made of what the script has" % held[_CLASS])
    groups = held["state"]["state"]["param_groups"]
    return kind([dict(group, params=[parameters[p] for p in places]) for group, places in zip(groups, held["over"])])


def _frozen(value: Any) -> Any:
    """``value`` so that later turns do not change it; objects with a state of their own stay what they are."""
    if isinstance(value, _PLAIN) or _stateful(value):
        return value
    try:
        return copy.deepcopy(_held(value))
    except (TypeError, AttributeError, RuntimeError):  # nor can it be saved, as the save will tell
        return value


def _random_state() -> Dict[str, Any]:
    """The state of every global random generator that the script has loaded."""
    torch, np = _module("torch"), _module("numpy")
    found = {"python": json.dumps(random.getstate())}  # type: Dict[str, Any]
    if hasattr(np, "random"):
        found["numpy"] = json.dumps([part.tolist() if hasattr(part, "tolist") else part for part in np.random.get_state()])
    if hasattr(torch, "get_rng_state"):
        found["torch"] = torch.get_rng_state()
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            found["cuda"] = torch.cuda.get_rng_state_all()
    return found


def _set_random_state(found: Dict[str, Any]) -> None:
    torch, np = _module("torch"), _module("numpy")
    version, numbers, gauss = json.loads(found["python"])
    random.setstate((version, tuple(numbers), gauss))
    if "numpy" in found and hasattr(np, "random"):
        np.random.set_state(tuple(json.loads(found["numpy"])))
    if "torch" in found and hasattr(torch, "set_rng_state"):
        torch.set_rng_state(found["torch"])
        if "cuda" in found and torch.cuda.is_available():
            if len(found["cuda"]) == torch.cuda.device_count():
                torch.cuda.set_rng_state_all(found["cuda"])
            else:
                print("keeper: another number of GPUs than in the checkpoint: their random state is not restored", flush=True)


def _dump(tree: Any, file: Any) -> None:
    """Write a tree. Raises OSError where the disk is full, Refused where something cannot be pickled."""
    try:
        if hasattr(_module("torch"), "save"):
            sys.modules["torch"].save(tree, file, pickle_protocol=4)
        else:
            file.write(_MARK)
            pickle.dump(tree, file, 4)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise Refused("something cannot be saved: %s" % error)
    except RuntimeError as error:  # so torch tells that a write has failed
        raise OSError(str(error.__context__ or error).splitlines()[0])


def _parse(file: Any) -> Any:
    """Read a tree, by ``_Unpickler`` alone."""
    if file.read(len(_MARK)) == _MARK:
        return _Unpickler(file).load()
    file.seek(0)
    torch = importlib.import_module("torch")
    reader = types.ModuleType("reader")
    reader.Unpickler, reader.load = _Unpickler, lambda source, **options: _Unpickler(source, **options).load()  # type: ignore[attr-defined]
    options = {"weights_only": False} if "weights_only" in torch.load.__code__.co_varnames else {}
    return torch.load(file, map_location="cpu", pickle_module=reader, **options)


class _Unpickler(pickle.Unpickler):
    """Makes plain values, containers, arrays and tensors; other classes only if the script has loaded them, and never without saying so."""

    plain = {"collections", "datetime", "decimal", "fractions", "pathlib", "argparse", "enum", "numpy", "torch"}
    builtin = {"set", "frozenset", "bytearray", "complex", "slice", "range", "int", "float", "list", "dict", "str", "bool"}

    def find_class(self, module: str, name: str) -> Any:
        top = module.partition(".")[0]
        found = getattr(sys.modules.get(module), name, None)
        if module == "torch.storage" and name == "_load_from_bytes":
            return lambda data: _parse(io.BytesIO(data))
        if top in ("numpy", "torch", "sklearn", "_codecs", "copyreg") and re.fullmatch(
            "_rebuild.*|_reconstruct.*|_from.*|scalar|encode|__newobj__|__[a-z_]+_ctor|__pyx_unpickle_.*", name
        ):
            return found
        if isinstance(found, type) and (top in self.plain or (top == "builtins" and name in self.builtin) or (module, name) in _SIMPLE):
            return found
        path = getattr(sys.modules.get(top), "__file__", None) or ""
        if isinstance(found, type) and (top == "__main__" or "-packages" in path or (path and os.path.dirname(os.__file__) not in path)):
            print("keeper: unpickles %s.%s, which the checkpoint holds and the script has loaded" % (module, name), flush=True)
            return found
        raise Refused("the checkpoint asks for %s.%s, which is not unpickled" % (module, name))
