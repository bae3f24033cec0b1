"""The states of Keras's models, optimizers and variables."""

from typing import Any, List, Optional

from migrate.runtime.keeper_states import _OTHERS


def _variables(value: Any) -> Optional[List[Any]]:
    """The variables of a Keras optimizer."""
    found = getattr(value, "variables", None)
    found = found() if callable(found) else found
    return list(found) if isinstance(found, (list, tuple)) and all(hasattr(v, "assign") for v in found) else None


def _put_variables(value: Any, state: Any) -> None:
    variables = _variables(value) or []
    if len(variables) != len(state):
        raise ValueError("it has %d variables, in the checkpoint %d: build it before the loop" % (len(variables), len(state)))
    for variable, item in zip(variables, state):
        variable.assign(item)


_OTHERS += [
    (lambda v: hasattr(v, "get_weights") and hasattr(v, "set_weights"), lambda v: v.get_weights(), lambda v, state: v.set_weights(state)),
    (lambda v: hasattr(v, "assign") and hasattr(v, "numpy"), lambda v: v.numpy(), lambda v, state: v.assign(state)),
    (lambda v: _variables(v) is not None, lambda v: [variable.numpy() for variable in _variables(v) or []], _put_variables),
]
