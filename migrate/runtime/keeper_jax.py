"""What JAX trains: arrays, random keys, pytrees such as a TrainState or optax's states, and the objects of flax.nnx."""

import collections
import copy
import json
import sys
from typing import Any, Dict

from migrate.runtime.keeper_states import _ARRAYS, _OTHERS, _TREES, _class, _held, _module, _restored
from migrate.runtime.outputs import Refused

_TOLD = ("bool", "int", "float", "complex", "str", "bytes")  # leaves of a tree that are saved beside arrays


def _get_jax(array: Any) -> Dict[str, Any]:
    """By bytes: NumPy does not know every type of JAX's (bfloat16)."""
    import numpy as np

    if not (getattr(array, "is_fully_addressable", True) or getattr(array, "is_fully_replicated", True)):
        raise Refused("an array lies on several machines, and no process holds all of it")
    there = np.asarray(array)
    data = np.frombuffer(there.tobytes(), np.uint8)
    return {"dtype": str(there.dtype), "shape": list(there.shape), "weak": bool(getattr(array, "weak_type", False)), "data": data}


def _make_jax(state: Dict[str, Any], given: Any) -> Any:
    """The array, where ``given`` lies if that is on several devices."""
    import numpy as np

    jax = sys.modules["jax"]  # type: Any
    there = np.frombuffer(np.asarray(state["data"]).tobytes(), jax.numpy.dtype(state["dtype"])).reshape(state["shape"])
    made = jax.numpy.asarray(there.item() if state["weak"] and not state["shape"] else there)
    spread = getattr(given, "sharding", None)
    if spread is None or getattr(given, "shape", None) != made.shape or len(spread.device_set) == 1:
        return made
    return jax.device_put(made, spread)


def _get_key(key: Any) -> Dict[str, Any]:
    random = sys.modules["jax"].random  # type: Any
    return {"impl": str(random.key_impl(key)), "data": _get_jax(random.key_data(key))}


def _make_key(state: Dict[str, Any], given: Any) -> Any:
    random = sys.modules["jax"].random  # type: Any
    return random.wrap_key_data(_make_jax(state["data"], None), impl=state["impl"])


def _is_tree(value: Any) -> bool:
    """Whether JAX takes a value apart, and it is none of Python's own containers, which are saved by their elements."""
    util = getattr(sys.modules.get("jax"), "tree_util", None)
    if util is None or value is None or type(value) in (list, tuple, dict) or type(value).__name__ in _ARRAYS:
        return False
    return _nnx(value) is None and not hasattr(value, "detach") and not util.all_leaves([value])


def _get_tree(value: Any) -> Dict[str, Any]:
    """Python's own kinds of tuples and dictionaries by their elements, which may become more; of all else the leaves.

    A leaf that is neither a number nor an array is the script's own (a function), and stays.
    """
    if isinstance(value, dict):
        return {"class": _class(value), "items": [[key, _held(item)] for key, item in value.items()]}
    if isinstance(value, tuple):
        return {"class": _class(value), "fields": [_held(item) for item in value]}
    leaves, kind = sys.modules["jax"].tree_util.tree_flatten(value)
    kept = [hasattr(leaf, "dtype") or type(leaf).__name__ in _TOLD for leaf in leaves]
    return {"form": _form(kind), "leaves": [_held(leaf) if keep else {} for leaf, keep in zip(leaves, kept)]}


def _make_tree(state: Dict[str, Any], given: Any) -> Any:
    if "class" in state:
        return _make_container(state, given)
    util = sys.modules["jax"].tree_util  # type: Any
    leaves, kind = util.tree_flatten(given)
    _learn(kind)
    form = json.dumps(state["form"])
    if json.dumps(_form(kind)) != form and form in _forms:  # None at the start, say: then as another value of this form
        kind, leaves = _forms[form], [None] * len(state["leaves"])
    if len(leaves) != len(state["leaves"]):
        raise Refused("a value has %d parts, in the checkpoint %d" % (len(leaves), len(state["leaves"])))
    return util.tree_unflatten(kind, [leaf if held == {} else _restored(leaf, held) for leaf, held in zip(leaves, state["leaves"])])


def _make_container(state: Dict[str, Any], given: Any) -> Any:
    same = _class(given) == state["class"]
    module, _, name = state["class"].rpartition(".")
    kind = type(given) if same else getattr(_module(module), name, None)
    if not isinstance(kind, type):
        raise Refused("the checkpoint holds a %s there, which the script does not have" % state["class"])
    if "fields" in state:
        there = given if same and len(given) == len(state["fields"]) else [None] * len(state["fields"])
        return tuple.__new__(kind, [_restored(one, held) for one, held in zip(there, state["fields"])])
    if not same and kind is collections.defaultdict:
        raise Refused("the checkpoint holds a defaultdict where the script has none")
    made = copy.copy(given) if same else kind()
    made.clear()
    made.update((key, _restored(given.get(key) if same else None, held)) for key, held in state["items"])
    return made


_forms = {}  # type: Dict[str, Any]  # the structure of every value that JAX takes apart, and of its parts, by what is told of it


def _form(kind: Any) -> Any:
    """What can be told of a structure: its classes, its keys, its parts. Functions that belong to it cannot."""
    node = kind.node_data()
    if node is None:
        return kind.num_leaves
    keys = list(node[1]) if isinstance(node[1], (list, tuple)) and all(isinstance(key, str) for key in node[1]) else []
    return ["%s.%s" % (node[0].__module__, node[0].__name__), keys, [_form(part) for part in kind.children()]]


def _learn(kind: Any) -> None:
    _forms.setdefault(json.dumps(_form(kind)), kind)
    for part in kind.children():
        _learn(part)


def _nnx(value: Any) -> Any:
    """flax.nnx, for an object of its own."""
    nnx = sys.modules.get("flax.nnx")
    kinds = tuple(kind for kind in (getattr(nnx, name, None) for name in ("Object", "Pytree", "Module")) if isinstance(kind, type))
    return nnx if kinds and isinstance(value, kinds) else None


def _get_nnx(value: Any) -> Any:
    nnx = _nnx(value)
    return _held(nnx.to_pure_dict(nnx.state(value)))


def _put_nnx(value: Any, held: Any) -> None:
    nnx = _nnx(value)
    state = nnx.state(value)
    nnx.replace_by_pure_dict(state, _restored(nnx.to_pure_dict(state), held))
    nnx.update(value, state)


_ARRAYS.update(ArrayImpl=(_get_jax, _make_jax), PRNGKeyArray=(_get_key, _make_key))
_TREES.append((_is_tree, _get_tree, _make_tree))
_OTHERS += [(lambda v: _nnx(v) is not None, _get_nnx, _put_nnx)]
