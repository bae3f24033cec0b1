"""The state of a TensorFlow 1 session: the values of its graph's variables, by their names."""

import sys
from typing import Any, Dict, Optional, Tuple

from migrate.runtime.keeper_states import _GRAPH, _OTHERS
from migrate.runtime.outputs import Refused


def _session_variables(session: Any) -> Dict[str, Any]:
    keys = ("variables", "local_variables")
    return {variable.name: variable for key in keys for variable in session.graph.get_collection(key)}


def _get_session(session: Any) -> Dict[str, Any]:
    """Those of its variables that have a value. Adds nothing to the graph, which may be finalized."""
    last = vars(session).get("_keeper_last")
    if last is not None:
        return dict(last)
    _read_at_close(session)
    variables = _session_variables(session)
    unset = sys.modules["tensorflow"].errors.FailedPreconditionError
    try:
        return dict(session.run(variables))
    except unset:
        found = {}
        for name, variable in variables.items():
            try:
                found[name] = session.run(variable)
            except unset:
                continue
        return found


def _put_session(session: Any, state: Dict[str, Any]) -> None:
    _read_at_close(session)
    variables = _session_variables(session)
    strangers = sorted(set(state) - set(variables))
    if strangers:
        raise ValueError("its graph has no variable %s, which the checkpoint has: make it before the loop" % strangers[0])
    for name, value in state.items():  # one by one: variables may share what they start from
        session.run(variables[name].initializer, {variables[name].initializer.inputs[1]: value})


def _read_at_close(session: Any) -> None:
    """Have a session read its variables when it is closed: a while loop does not tell its end before that."""
    close = session.close
    if "close" in vars(session):
        return

    def closing() -> None:
        if vars(session).get("_keeper_last") is None:
            session._keeper_last = _get_session(session)
        close()

    session.close = closing


def _graph_name(value: Any) -> Optional[Tuple[str, str]]:
    """What is saved of a placeholder, a tensor or an operation of a graph; None for all else."""
    kind = type(value)
    if not str(kind.__module__).startswith("tensorflow.") or "Variable" in kind.__name__ or not hasattr(value, "graph"):
        return None
    return ("keeper: part of a graph", value.name) if isinstance(getattr(value, "name", None), str) else None


def _is_graph_name(held: Any) -> bool:
    return type(held) is tuple and len(held) == 2 and held[0] == "keeper: part of a graph"


def _graph_part(held: Any) -> Any:
    tensorflow = sys.modules["tensorflow"]
    old = getattr(getattr(tensorflow, "compat", None), "v1", tensorflow)  # TensorFlow before 1.13 has no compat.v1
    try:
        return old.get_default_graph().as_graph_element(held[1])
    except (KeyError, ValueError) as error:
        raise Refused("the graph has no %s, which the checkpoint has: %s" % (held[1], error))


def _is_session(value: Any) -> bool:
    return hasattr(value, "run") and hasattr(getattr(value, "graph", None), "get_collection") and not _graph_name(value)


_GRAPH.insert(0, (_graph_name, _is_graph_name, _graph_part))
_OTHERS += [(_is_session, _get_session, _put_session)]
