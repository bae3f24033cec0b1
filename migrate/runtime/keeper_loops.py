"""The loops and the restores of a program that runs: which they are, how far they have come, what they carry."""

import contextlib
import dis
import itertools
import sys
from typing import Any, Dict, Iterator, Sequence, Tuple

from migrate.runtime.keeper_states import _carried, _class, _frozen, _parameters, _state, _to_tree, _unwrapped
from migrate.runtime.outputs import Refused


class _Loop:
    """A loop that runs, or is over. Its path says which call of the program it is: turns and calls of the loops around it, counted."""

    def __init__(self, path: str, kind: str, frame: Any) -> None:
        self.path, self.kind, self.frame = path, kind, frame
        self.label = "%s in %s" % (kind, frame.f_code.co_name if frame else "")
        self.line = frame.f_lineno if frame else 0
        self.done = 0  # turns that have run to their end
        self.begun = 0  # turns done when this process came to it
        self.over = self.nested = False
        self.events = 0  # restores and loops met in this turn
        self.items = []  # type: Any  # those of them that are restores, or loops that are over
        self.start = self.turn = self.end = None  # type: Any  # random states: at the first turn, at this turn, at the end
        self.order = []  # type: Any  # generators of its own that a data loader draws from
        self.range = None  # type: Any

    def told(self) -> Dict[str, Any]:
        randoms = {"start": self.start, "turn": self.turn, "end": self.end}
        return dict({name: _to_tree(found) for name, found in randoms.items()}, label=self.label, done=self.done, over=self.over)

    def holds(self, frame: Any) -> bool:
        """Whether the code that runs (``frame``, or what it has called) still stands in this loop."""
        while frame is not None and frame is not self.frame:
            frame = frame.f_back
        if frame is None or self.kind != "while":
            return frame is not None
        self.range = self.range or _instructions(frame.f_code, self.line)
        return bool(self.range[0] <= frame.f_lasti <= self.range[1])


def _instructions(code: Any, line: int) -> Tuple[int, int]:
    """Where the while loop whose condition stands on ``line`` begins and ends; compilers repeat the condition, or jump back to it."""
    lines, where, current = dict(dis.findlinestarts(code)), {}, None  # type: Dict[int, Any], Dict[int, Any], Any
    found = []
    for step in dis.get_instructions(code):
        current = where[step.offset] = lines.get(step.offset) or current
        back = "JUMP" in step.opname and isinstance(step.argval, int) and step.argval < step.offset and where.get(step.argval) == line
        if current == line or back:
            found.append(step.offset)
    return min(found), max(found)


class _Restore:
    """A call of ``keeper.restore``: the objects and the names that it restores."""

    def __init__(self, path: str, frame: Any, objects: Any, values: Dict[str, Any]) -> None:
        self.path, self.frame, self.objects, self.names = path, frame, objects, list(values)
        names = [_class(_unwrapped(thing)).rpartition(".")[2] for thing in objects] + self.names
        self.label = "restore(%s) in %s" % (", ".join(names), frame.f_code.co_name)
        # What an optimizer that is named may be over, now or after the script has changed it for another.
        self.around = {name: _parameters([value] + [_unwrapped(thing) for thing in objects]) for name, value in values.items()}
        self.values = None  # type: Any  # as they were when the turn began, or at the end of the loop
        self.closed = False  # another restore has come after it
        self.blob = None  # type: Any  # what holds the objects as they were at the end of the loop

    def now(self) -> Dict[str, Any]:
        """The values that the names have, read from the code that called."""
        local, others = self.frame.f_locals, self.frame.f_globals
        return {name: local[name] if name in local else others[name] for name in self.names if name in local or name in others}

    def note(self) -> None:
        self.values = {name: _frozen(value) for name, value in self.now().items()}

    def told(self, fresh: bool, states: bool) -> Dict[str, Any]:
        values = self.now() if self.values is None or (fresh and not self.closed) else self.values
        told = {"label": self.label, "values": {n: _carried(v, self.around[n]) for n, v in values.items()}}  # type: Dict[str, Any]
        if states:
            told.update({"blob": self.blob} if self.closed and self.blob else {"states": [_state(thing) for thing in self.objects]})
        return told


def _inner(iterable: Any) -> Any:
    """The data loader, or its iterator, inside of ``enumerate`` or a progress bar."""
    while True:
        if type(iterable) is enumerate:
            iterable = iterable.__reduce__()[1][0]
        elif hasattr(iterable, "iterable"):
            iterable = iterable.iterable
        else:
            return iterable


def _skipped(items: Any, count: int) -> Any:
    """``items`` without the first ``count``: by their indices only where a data loader loads in this process, else by drawing them."""
    made = items.__reduce__()[1] if type(items) is enumerate else None  # type: Any
    inner, place = made or (items, 0)
    if type(inner).__name__ == "_SingleProcessDataLoaderIter" and getattr(inner, "_dataset_kind", None) == 0:
        with contextlib.suppress(StopIteration):
            for _ in range(count):
                inner._next_index()
        inner._num_yielded += count
        return enumerate(inner, place + count) if type(items) is enumerate else inner
    next(itertools.islice(items, count, count), None)
    return items


def _set_states(generators: Sequence[Any], states: Sequence[Any]) -> None:
    for generator, state in zip(generators, states):
        generator.set_state(state)


def _reattach(objects: Sequence[Any], before: Dict[str, Any], after: Dict[str, Any]) -> None:
    """A scheduler whose optimizer was made anew goes on with the new one."""
    for name, value in before.items():
        for thing in objects if after[name] is not value and value is not None else []:
            if getattr(thing, "optimizer", None) is value:
                thing.optimizer = after[name]


@contextlib.contextmanager
def _clear() -> Iterator[None]:
    """A refusal ends the script with its text."""
    try:
        yield
    except Refused as error:
        sys.exit("keeper: cannot go on from the checkpoint: %s" % error)


@contextlib.contextmanager
def _naming(name: str) -> Iterator[None]:
    try:
        yield
    except Refused as error:
        raise Refused("%s: %s" % (name, error))
