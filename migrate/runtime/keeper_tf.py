"""The state of a TensorFlow 1 session: the values of its graph's variables, by their names."""

import sys
from typing import Any, Dict

from migrate.runtime.keeper_states import _OTHERS


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


_OTHERS += [(lambda v: hasattr(v, "run") and hasattr(getattr(v, "graph", None), "get_collection"), _get_session, _put_session)]
