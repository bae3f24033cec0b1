"""What a checkpoint holds: objects as trees of plain values, arrays and tensors, and back.

A framework is touched only where the script has imported it. What has a class of its own and no state that it hands out is
pickled; it is read back by an unpickler that makes nothing but containers and classes which the script itself has loaded.
"""

import collections
import contextlib
import io
import os
import pickle
import random
import sys
import types
from typing import Any, Dict, List, Optional, Sequence

from migrate.runtime.outputs import Refused

_TAG = "~keeper"
_PLAIN = (type(None), bool, int, float, complex, str, bytes)
_FUNCTIONS = (types.FunctionType, types.MethodType, types.BuiltinFunctionType)
_CONTAINERS = {"set": set, "frozenset": frozenset, "tuple": tuple, "bytearray": bytearray, "Counter": collections.Counter}
_HARMLESS = ("collections", "datetime", "decimal", "fractions", "pathlib", "argparse", "enum", "_codecs")


class _Attributes:
    """Attributes of ``target`` that the loop carries."""

    def __init__(self, target: Any, names: Sequence[str]) -> None:
        self.target, self.names = target, list(names)


class _Tree:
    """A value as it was: its tree."""

    def __init__(self, value: Any) -> None:
        self.tree = _to_tree(value)


def _module(name: str) -> Any:
    return sys.modules.get(name)


def _is(value: Any, path: str) -> bool:
    """Whether ``value`` is of the class at ``path`` in a module that the script has loaded."""
    module, _, name = path.rpartition(".")
    kind = getattr(_module(module), name, None)
    return isinstance(kind, type) and isinstance(value, kind)


def _frozen(value: Any) -> Any:
    """``value`` so that later turns do not change it; large tensors and objects with a state of their own stay as they are."""
    if isinstance(value, _PLAIN) or _stateful(value):
        return value
    if _is(value, "torch.Tensor"):
        return value.detach().clone() if value.numel() <= 65536 and not value.requires_grad else value
    return _Tree(value)


def _stateful(value: Any) -> bool:
    return hasattr(value, "load_state_dict") or hasattr(value, "serialize") or hasattr(value, "set_weights")


def _to_tree(value: Any) -> Any:
    """``value`` as plain values, lists, dicts and bare tensors; all else as a dict with a tag."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is _Tree:
        return value.tree
    if kind is list:
        return [_to_tree(item) for item in value]
    if kind is dict and all(type(key) in (str, int) and key != _TAG for key in value):
        return {key: _to_tree(item) for key, item in value.items()}
    if kind in (dict, collections.OrderedDict):
        pairs = [[_to_tree(key), _to_tree(item)] for key, item in value.items()]
        return {_TAG: kind.__name__, "items": pairs, "meta": _to_tree(getattr(value, "_metadata", None))}
    if kind is collections.defaultdict and value.default_factory in (None, int, float, list, dict, set, str):
        factory = getattr(value.default_factory, "__name__", None)
        return {_TAG: "defaultdict", "items": [[_to_tree(key), _to_tree(item)] for key, item in value.items()], "factory": factory}
    if kind is collections.deque:
        return {_TAG: "deque", "items": [_to_tree(item) for item in value], "maxlen": value.maxlen}
    if kind.__name__ == "Size" and _is(value, "torch.Size"):
        return {_TAG: "tuple", "items": list(value)}
    if kind is collections.Counter:
        return {_TAG: "Counter", "items": _to_tree(dict(value))}
    if kind in _CONTAINERS.values():
        return {_TAG: kind.__name__, "items": [_to_tree(item) for item in value]}
    if _is(value, "torch.Tensor"):
        if value.device.type == "cpu" and not value.requires_grad:
            return value.detach()
        return {_TAG: "tensor", "value": value.detach(), "device": str(value.device), "grad": value.requires_grad}
    if _is(value, "numpy.ndarray") and not value.dtype.hasobject and value.dtype.names is None:
        return {_TAG: "array", "dtype": value.dtype.str, "shape": list(value.shape), "bytes": value.tobytes()}
    if _is(value, "numpy.generic") and not value.dtype.hasobject and value.dtype.names is None:
        return {_TAG: "scalar", "dtype": value.dtype.str, "bytes": value.tobytes()}
    if kind.__module__.partition(".")[0] == "cupy" and hasattr(value, "get"):
        return {_TAG: "cupy", "value": _to_tree(value.get())}
    if _stateful(value):
        return {_TAG: "object", "class": _class(value), "state": _state(value)}
    try:
        return {_TAG: "pickle", "class": _class(value), "bytes": pickle.dumps(value, 4)}
    except Exception as error:  # whatever the script's own classes raise, they cannot be saved
        raise Refused("a %s cannot be saved (%s)" % (_class(value), error))


def _from_tree(tree: Any) -> Any:
    if isinstance(tree, list):
        return [_from_tree(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    tag = tree.get(_TAG)
    if tag is None:
        return {key: _from_tree(item) for key, item in tree.items()}
    if tag in ("dict", "OrderedDict"):
        made = (dict if tag == "dict" else collections.OrderedDict)((_from_tree(key), _from_tree(item)) for key, item in tree["items"])  # type: Any
        if tree["meta"] is not None:
            made._metadata = _from_tree(tree["meta"])
        return made
    if tag == "defaultdict":
        factory = {k.__name__: k for k in (int, float, list, dict, set, str)}.get(tree["factory"])
        return collections.defaultdict(factory, [(_from_tree(key), _from_tree(item)) for key, item in tree["items"]])
    if tag == "deque":
        return collections.deque(_from_tree(tree["items"]), tree["maxlen"])
    if tag in _CONTAINERS:
        return _CONTAINERS[tag](_from_tree(tree["items"]))
    if tag == "tensor":
        return tree["value"].to(tree["device"]).requires_grad_(tree["grad"])
    if tag in ("array", "scalar"):
        array = sys.modules["numpy"].frombuffer(tree["bytes"], dtype=tree["dtype"])
        return array.reshape(tree["shape"]).copy() if tag == "array" else array[0]
    if tag == "cupy":
        return sys.modules["cupy"].asarray(_from_tree(tree["value"]))
    if tag == "pickle":
        print("keeper: unpickles a %s that a checkpoint holds (only classes that this script has loaded)" % tree["class"], flush=True)
        return _Unpickler(io.BytesIO(tree["bytes"])).load()
    raise Refused("the checkpoint holds a %s (%s) where this script has none" % (tag, tree.get("class")))


class _Unpickler(pickle.Unpickler):
    """Makes containers, arrays, tensors, and classes of modules that the script has loaded, none of them of the system's."""

    def find_class(self, module: str, name: str) -> Any:
        found = getattr(_module(module), name, None)
        top = module.partition(".")[0]
        path = getattr(_module(top), "__file__", None) or ""
        own = top in ("__main__", "__mp_main__") or (bool(path) and not _of_the_system(path))
        if module == "torch.storage" and name == "_load_from_bytes":
            return lambda data: _module("torch").load(io.BytesIO(data), weights_only=True)
        if isinstance(found, type) and (own or top in _HARMLESS or (module == "builtins" and name in _CONTAINERS)):
            return found
        if (top == "numpy" and name in ("_reconstruct", "scalar", "_frombuffer")) or (
            module == "torch._utils" and name.startswith("_rebuild")
        ):
            return found
        if (module, name) in (("types", "SimpleNamespace"), ("_codecs", "encode"), ("builtins", "complex"), ("builtins", "slice")):
            return found
        raise Refused("the checkpoint asks for %s.%s, which is not unpickled" % (module, name))


def _of_the_system(path: str) -> bool:
    return os.path.dirname(os.__file__) in path and "-packages" not in path


def _class(value: Any) -> str:
    return "%s.%s" % (type(value).__module__, type(value).__name__)


def _unwrapped(value: Any) -> Any:
    """The model inside a wrapper, so that wrapped and unwrapped ones fit each other."""
    while type(value).__name__ in ("DistributedDataParallel", "DataParallel", "OptimizedModule"):
        value = value._orig_mod if hasattr(value, "_orig_mod") else value.module
    return value


def _check_kind(value: Any) -> None:
    parts = [value] + (list(value.modules()) if _is(value, "torch.nn.Module") else [])
    for part in parts:
        names = {kind.__name__ for kind in type(part).__mro__}
        if names & {"FullyShardedDataParallel", "FSDPModule", "DeepSpeedEngine"}:
            raise Refused("%s spreads its state over the processes; its own checkpoints are needed, the keeper has none" % _class(part))


def _state(value: Any) -> Any:
    """The state of an object as a tree; see ``_load`` for the way back."""
    value = _unwrapped(value)
    if value is None:  # what the settings of this run leave out
        return None
    if isinstance(value, _Attributes):
        return {name: _to_tree(getattr(value.target, name, None)) for name in value.names}
    if isinstance(value, (list, dict, set, collections.deque, bytearray)) or _is(value, "torch.Tensor") or _is(value, "numpy.ndarray"):
        return _to_tree(value.detach() if _is(value, "torch.Tensor") else value)
    if isinstance(value, random.Random):
        return _to_tree(value.getstate())
    if _is(value, "numpy.random.Generator"):
        return _to_tree(value.bit_generator.state)
    if hasattr(value, "get_state") and hasattr(value, "set_state"):
        return _to_tree(value.get_state())
    if _is(value, "torch.utils.data.DataLoader"):
        return [_to_tree(generator.get_state()) for generator in _generators(value)]
    if hasattr(value, "load_state_dict"):
        found = value.state_dict()
        if type(found) is dict:
            found = {key: item for key, item in found.items() if not isinstance(item, _FUNCTIONS)}
        more = _module_state(value) if _is(value, "torch.nn.Module") else {}
        if _is(value, "torch.optim.Optimizer"):  # tensors that are trained and belong to no model; those of a model take no more room
            more = {"trained": [[p.detach() for p in group["params"]] for group in value.param_groups]}
        return dict({"state": _to_tree(found)}, **more)
    if hasattr(value, "serialize") and "chainer" in sys.modules:
        writer = sys.modules["chainer"].serializers.DictionarySerializer()
        writer.save(value)
        npz = {key: None if _is_none(array) else _to_tree(array) for key, array in writer.target.items()}
        return {"npz": npz, "settings": _optimizer_settings(value), "hidden": _hidden(value), "sampler": _to_tree(_sampler(value, None))}
    if hasattr(value, "get_weights") and hasattr(value, "set_weights"):
        return _to_tree(value.get_weights())
    if hasattr(value, "assign") and hasattr(value, "numpy"):
        return _to_tree(value.numpy())
    variables = _variables(value)
    if variables is not None:
        return [_to_tree(variable.numpy()) for variable in variables]
    if not hasattr(value, "__dict__") or isinstance(value, (type, types.ModuleType)) or callable(getattr(value, "__next__", None)):
        raise Refused("a %s has no state that can be saved and put back in place" % _class(value))
    return _state(_Attributes(value, sorted(vars(value))))


def _module_state(module: Any) -> Dict[str, Any]:
    """What a state_dict leaves out: which parameters are frozen, which parts train, and gradients that are being gathered."""
    named = list(module.named_parameters())
    grads = {name: p.grad.detach() for name, p in named if p.grad is not None and not p.grad.is_sparse}
    return {"trained": {name: p.requires_grad for name, p in named}, "training": [m.training for m in module.modules()], "grads": grads}


def _load(value: Any, tree: Any) -> None:
    """Put the state that ``_state`` gave into ``value``, in place."""
    value = _unwrapped(value)
    if value is None:
        return
    if isinstance(value, _Attributes):
        for name, item in tree.items() if value.target is not None else ():
            setattr(value.target, name, _restored(getattr(value.target, name, None), item, []))
    elif _is(value, "torch.Tensor") or _is(value, "numpy.ndarray"):
        found = _from_tree(tree)
        if tuple(found.shape) != tuple(value.shape):
            raise Refused("its shape is %s, in the checkpoint %s" % (tuple(value.shape), tuple(found.shape)))
        if _is(value, "torch.Tensor"):
            value.data.copy_(found)
        else:
            value[...] = found
    elif isinstance(value, list):
        value[:] = [_put(value[place] if place < len(value) else None, item) for place, item in enumerate(tree)]
    elif isinstance(value, bytearray):
        value[:] = _from_tree(tree)
    elif isinstance(value, dict):
        pairs = tree["items"] if _TAG in tree else list(tree.items())
        found = [(key, _put(value.get(key), item)) for key, item in ((_from_tree(key), item) for key, item in pairs)]
        value.clear()
        value.update(found)
    elif isinstance(value, (set, collections.deque)):
        value.clear()
        (value.extend if isinstance(value, collections.deque) else value.update)(_from_tree(tree))
    elif isinstance(value, random.Random):
        value.setstate(_from_tree(tree))
    elif _is(value, "numpy.random.Generator"):
        value.bit_generator.state = _from_tree(tree)
    elif hasattr(value, "get_state") and hasattr(value, "set_state"):
        value.set_state(_from_tree(tree))
    elif _is(value, "torch.utils.data.DataLoader"):
        for generator, state in zip(_generators(value), tree):
            generator.set_state(state)
    elif hasattr(value, "load_state_dict"):
        try:
            value.load_state_dict(_from_tree(tree["state"]))
        except (RuntimeError, ValueError, KeyError, TypeError) as error:
            raise Refused(" ".join(str(error).split())[:600])
        if _is(value, "torch.nn.Module"):
            _load_module_state(value, tree)
        elif "trained" in tree:
            _load_trained(value, tree["trained"])
    elif hasattr(value, "serialize") and "chainer" in sys.modules:
        numpy = sys.modules["numpy"]
        npz = {key: numpy.asarray(item) for key, item in _from_tree(tree["npz"]).items()}
        try:
            sys.modules["chainer"].serializers.NpzDeserializer(npz).load(value)
        except (ValueError, KeyError, TypeError) as error:
            raise Refused("it does not fit (%s)" % error)
        _load_optimizer_settings(value, tree["settings"])
        _load_hidden(value, tree["hidden"])
        _sampler(value, _from_tree(tree["sampler"]))
    elif hasattr(value, "get_weights") and hasattr(value, "set_weights"):
        value.set_weights(_from_tree(tree))
    elif hasattr(value, "assign") and hasattr(value, "numpy"):
        value.assign(_from_tree(tree))
    elif _variables(value) is not None:
        variables = _variables(value) or []
        if len(variables) != len(tree):
            raise Refused("it has %d variables, in the checkpoint %d: build it before the loop" % (len(variables), len(tree)))
        for variable, item in zip(variables, tree):
            variable.assign(_from_tree(item))
    else:
        _load(_Attributes(value, []), tree)


def _put(given: Any, tree: Any) -> Any:
    """What a list or a dict holds: in place where it can be, since an optimizer or another list may hold it too."""
    if (
        type(given) is list
        and isinstance(tree, list)
        or (type(given) is dict and isinstance(tree, dict) and tree.get(_TAG, "dict") == "dict")
    ):
        _load(given, tree)
        return given
    if type(given) is tuple and isinstance(tree, dict) and tree.get(_TAG) == "tuple" and len(given) == len(tree["items"]):
        return tuple(_put(old, item) for old, item in zip(given, tree["items"]))
    found = _restored(given, tree, [])
    if _is(given, "torch.Tensor") and _is(found, "torch.Tensor") and given.shape == found.shape and given.dtype == found.dtype:
        given.data.copy_(found)
        return given
    return found


def _load_module_state(module: Any, tree: Dict[str, Any]) -> None:
    flags = tree["training"]
    parts = list(module.modules())
    for part, training in zip(parts, flags if len(flags) == len(parts) else []):
        part.training = training
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(tree["trained"].get(name, parameter.requires_grad))
        grad = tree["grads"].get(name)
        parameter.grad = None if grad is None else grad.to(parameter.device, copy=True)


def _is_none(array: Any) -> bool:
    return bool(array.dtype == object and array.ndim == 0 and array[()] is None)


def _optimizer_settings(optimizer: Any) -> Any:
    """What a Chainer optimizer does not serialize: its hyperparameters, and those of single parameters that differ."""
    if not hasattr(getattr(optimizer, "hyperparam", None), "get_dict") or getattr(optimizer, "target", None) is None:
        return None
    rules = {name: p.update_rule for name, p in optimizer.target.namedparams() if p.update_rule is not None}
    own = {name: {k: v for k, v in vars(rule.hyperparam).items() if k != "_parent"} for name, rule in rules.items()}
    return {
        "all": _to_tree(optimizer.hyperparam.get_dict()),
        "own": {name: _to_tree(values) for name, values in own.items() if values},
        "frozen": [name for name, rule in rules.items() if not rule.enabled],
    }


def _load_optimizer_settings(optimizer: Any, tree: Any) -> None:
    if tree is None:
        return
    for name, value in _from_tree(tree["all"]).items():
        setattr(optimizer.hyperparam, name, value)
    for path, parameter in optimizer.target.namedparams():
        if parameter.update_rule is not None:
            parameter.update_rule.enabled = path not in tree["frozen"]
            for name, value in _from_tree(tree["own"].get(path, {})).items():
                setattr(parameter.update_rule.hyperparam, name, value)


def _hidden(model: Any) -> Dict[str, Any]:
    """What the recurrent links of a Chainer model carry to the next step, without its graph."""
    variable = sys.modules["chainer"].Variable
    links = [(path, link) for path, link in model.namedlinks() if hasattr(link, "reset_state")] if hasattr(model, "namedlinks") else []
    found = {}
    for path, link in links:
        names = [name for name, one in vars(link).items() if isinstance(one, variable) and name not in link._params]
        found.update({"%s %s" % (path, name): _to_tree(vars(link)[name].array) for name in names})
    return found


def _load_hidden(model: Any, tree: Dict[str, Any]) -> None:
    links = dict(model.namedlinks()) if tree else {}
    for place, item in tree.items():
        path, _, name = place.rpartition(" ")
        link = links[path]
        with sys.modules["chainer"].using_device(link.device) if hasattr(link, "device") else contextlib.suppress():
            setattr(link, name, sys.modules["chainer"].Variable(link.xp.asarray(_from_tree(item))))


def _sampler(iterator: Any, state: Any) -> Any:
    """The random generator of its own that a Chainer iterator draws its order from: its state, or None; ``state`` is put into it."""
    own = getattr(getattr(iterator, "order_sampler", None), "_random", None)  # type: Any
    if not hasattr(own, "get_state") or own is getattr(sys.modules["numpy"].random.random, "__self__", None):
        return None
    if state is not None:
        own.set_state(state)
    return own.get_state()


def _load_trained(optimizer: Any, groups: Sequence[Any]) -> None:
    for group, tensors in zip(optimizer.param_groups, groups):
        for parameter, tensor in zip(group["params"], tensors):
            if parameter.shape == tensor.shape:
                parameter.data.copy_(tensor)


def _variables(value: Any) -> Optional[List[Any]]:
    """The variables of a Keras optimizer."""
    found = getattr(value, "variables", None)
    found = found() if callable(found) else found
    return list(found) if isinstance(found, (list, tuple)) and all(hasattr(v, "assign") for v in found) else None


def _generators(loader: Any) -> List[Any]:
    """The random generators of its own that a data loader draws its order from."""
    parts = [loader] + [getattr(loader, name, None) for name in ("sampler", "batch_sampler", "_index_sampler")]
    parts += [getattr(part, "sampler", None) for part in parts[1:]]
    found = [part.generator for part in parts if _is(getattr(part, "generator", None), "torch.Generator")]
    return [g for place, g in enumerate(found) if not any(g is other for other in found[:place])]


def _restored(given: Any, tree: Any, parameters: Sequence[Any]) -> Any:
    """The value that ``tree`` stands for; an object like ``given`` is loaded in place. An optimizer may be over ``parameters``."""
    if not isinstance(tree, dict) or tree.get(_TAG) != "object":
        return _from_tree(tree)
    if "over" in tree:
        same = given is not None and _class(given) == tree["class"] and _places(given, parameters) == tree["over"]
        given = given if same else _rebuilt(tree, parameters)
    if given is None or _class(_unwrapped(given)) != tree["class"]:
        raise Refused("it is a %s in the checkpoint, which cannot be made of a %s" % (tree["class"], _class(given)))
    _load(given, tree["state"])
    return given


def _carried(value: Any, parameters: Sequence[Any]) -> Any:
    """The tree of a value that is named; an optimizer's tells which parameters it is over."""
    tree = _to_tree(_unwrapped(value) if _stateful(value) else value)
    if _is(value, "torch.optim.Optimizer"):
        tree["over"] = _places(value, parameters)
    return tree


def _parameters(objects: Sequence[Any]) -> List[Any]:
    found = []  # type: Any
    for thing in objects:
        if _is(thing, "torch.optim.Optimizer"):
            found += [p for group in thing.param_groups for p in group["params"]]
        elif _is(thing, "torch.nn.Module"):
            found += list(thing.parameters())
    return list({id(p): p for p in found}.values())


def _places(optimizer: Any, parameters: Sequence[Any]) -> List[List[int]]:
    index = {id(p): place for place, p in enumerate(parameters)}
    return [[index.get(id(p), -1) for p in group["params"]] for group in optimizer.param_groups]


def _rebuilt(tree: Dict[str, Any], parameters: Sequence[Any]) -> Any:
    """The optimizer of the checkpoint, over parameters of this script: the script had changed it for another in mid-run."""
    module, _, name = tree["class"].rpartition(".")
    kind = getattr(_module(module), name, None)
    groups = _from_tree(tree["state"]["state"])["param_groups"]
    if not isinstance(kind, type) or any(not -1 < place < len(parameters) for group in tree["over"] for place in group):
        raise Refused("the %s of the checkpoint cannot be made anew over this script's parameters" % tree["class"])
    mine = [dict(group, params=[parameters[place] for place in places]) for group, places in zip(groups, tree["over"])]
    try:
        return kind(mine)
    except (TypeError, ValueError) as error:
        raise Refused("the %s of the checkpoint cannot be made anew: %s" % (tree["class"], error))


def _random_state() -> Dict[str, Any]:
    """The state of every global random generator that the script has loaded."""
    torch, np = _module("torch"), _module("numpy")
    found = {"python": random.getstate()}  # type: Dict[str, Any]
    if hasattr(np, "random"):
        found["numpy"] = np.random.get_state()
    if hasattr(torch, "get_rng_state"):
        found["torch"] = torch.get_rng_state()
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            found["cuda"] = torch.cuda.get_rng_state_all()
        if hasattr(torch, "mps") and torch.backends.mps.is_available():
            found["mps"] = torch.mps.get_rng_state()
    return found


def _set_random_state(found: Dict[str, Any]) -> None:
    torch, np = _module("torch"), _module("numpy")
    random.setstate(found["python"])
    if "numpy" in found and hasattr(np, "random"):
        np.random.set_state(found["numpy"])
    if "torch" in found and hasattr(torch, "set_rng_state"):
        torch.set_rng_state(found["torch"])
        if "cuda" in found and torch.cuda.is_available():
            if len(found["cuda"]) != torch.cuda.device_count():
                print("keeper: another number of GPUs than in the checkpoint: their random state is not restored", flush=True)
            else:
                torch.cuda.set_rng_state_all(found["cuda"])
        if "mps" in found and hasattr(torch, "mps") and torch.backends.mps.is_available():
            torch.mps.set_rng_state(found["mps"])
