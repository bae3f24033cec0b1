"""The states of Keras's models, optimizers, metrics and variables, and of TensorFlow's modules; tensors that a name holds."""

import sys
from typing import Any, List, Optional

from migrate.runtime.keeper_states import _ARRAYS, _OTHERS, _random_state, _set_random_state

_LATER = {}  # type: Any  # the states of what makes its variables when it is first used
_MAKE_VARIABLES = ("build", "_create_all_weights", "_create_slots")  # of optimizers, from new ones to old ones


def _variables(value: Any) -> Optional[List[Any]]:
    """The variables of a Keras model, optimizer or metric, or of a module."""
    found = getattr(value, "variables", None)
    found = found() if callable(found) else found
    return list(found) if isinstance(found, (list, tuple)) and all(hasattr(v, "assign") for v in found) else None


def _get_variables(value: Any) -> Any:
    return _LATER.get(id(value)) or [variable.numpy() for variable in _variables(value) or []]


def _put_variables(value: Any, state: Any) -> None:
    variables = _variables(value) or []
    if len(variables) == len(state):
        for variable, item in zip(variables, state):
            variable.assign(item)
        return
    maker = "call" if hasattr(value, "call") else next((name for name in _MAKE_VARIABLES if hasattr(value, name)), None)
    if maker is None or len(variables) > len(state):
        raise ValueError("it has %d variables, in the checkpoint %d: build it before the loop" % (len(variables), len(state)))
    if id(value) not in _LATER:
        _put_when_made(value, maker)
    _LATER[id(value)] = state


def _put_when_made(value: Any, maker: str) -> None:
    """Have the method that makes the variables put the state into them, as soon as they are made for real: Keras also tries it out."""
    make = getattr(value, maker)

    def first(*args: Any, **kwargs: Any) -> Any:
        random, state, result = _random_state(), _LATER[id(value)], None
        scope = sys.modules.get("keras.src.backend.common.stateless_scope")  # type: Any
        made = len(_variables(value) or []) == len(state)
        if not made:
            result = make(*args, **kwargs)
            _set_random_state(random)  # what the first values are drawn from was drawn before the checkpoint
        if scope is not None and scope.in_stateless_scope():
            return make(*args, **kwargs) if made else result
        del _LATER[id(value)]
        delattr(value, maker)
        with sys.modules["tensorflow"].init_scope():
            _put_variables(value, state)
        return make(*args, **kwargs) if made or maker == "call" else result

    setattr(value, maker, first)


_OTHERS += [
    (lambda v: hasattr(v, "assign") and hasattr(v, "numpy"), lambda v: v.numpy(), lambda v, state: v.assign(state)),
    (lambda v: _variables(v) is not None, _get_variables, _put_variables),
]
_ARRAYS.update(EagerTensor=(lambda v: v.numpy(), lambda state, given: sys.modules["tensorflow"].constant(state)))
