"""Questions that are answered once: what was found out about a module, or a program, stands in its notes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar


class Noted(Protocol):
    """A module or a program."""

    notes: dict[str, Any]


N = TypeVar("N", bound=Noted)
P = ParamSpec("P")
T = TypeVar("T")


def once(find: Callable[Concatenate[N, P], T]) -> Callable[Concatenate[N, P], T]:
    """A question about one module or program, answered the first time that it is asked. The answer is not to be changed.

    What is given besides, such as the program's arguments, has to be the same each time.
    """
    key = f"{find.__module__}.{find.__qualname__}"

    @wraps(find)
    def asked(subject: N, /, *args: P.args, **kwargs: P.kwargs) -> T:
        notes = subject.notes
        if key not in notes:
            notes[key] = find(subject, *args, **kwargs)
        found: T = notes[key]
        return found

    return asked
