"""Checkpoints of training loops: saved while they run, gone on from after an interruption.

    best, step = keeper.restore(model, optimizer, best=best, step=step)
    for epoch in keeper.epochs(range(10)):
        for i, batch in keeper.batches(enumerate(loader)):

Works only with SM_CHECKPOINT_DIR set, or on SageMaker with /opt/ml/checkpoints there; elsewhere every call hands back what it
was given. SM_CHECKPOINT_SECONDS: the least time between two saves (0: each turn). SM_CHECKPOINT_KEEP: how many stay (2).
SM_MAX_SECONDS: stop before that many seconds with exit code 0 and more-to-do.json in the checkpoint folder. SIGTERM: exit code 143.

After an interruption the script runs again from its top. Each restore gives the objects and names what they had, and each loop
skips the turns that are done, down to the place of the save; random generators are set to what they were there and on the way.
"""

import ast
import contextlib
import itertools
import json
import os
import re
import signal
import sys
import threading
import time
from typing import Any, Dict, Iterator, List, Optional

from migrate.runtime.keeper_states import (
    _Attributes,
    _check,
    _dump,
    _frozen,
    _generators,
    _held,
    _is,
    _load,
    _parse,
    _random_state,
    _restored,
    _set_random_state,
    _state,
    _unwrapped,
)
from migrate.runtime.outputs import Refused, _rank, _Store, _write, checkpoint_folder

_BORN = time.time()
MORE_TO_DO = "more-to-do.json"
TERMINATED = 143  # exit code after SIGTERM, as a shell tells it


class _Loop:
    """A loop that runs, or is over. Its path says which one of the program it is: turns and calls of the loops around it, counted."""

    def __init__(self, path: str, kind: str, frame: Any) -> None:
        self.path, self.kind, self.frame = path, kind, frame
        self.label = "%s in %s" % (kind, frame.f_code.co_name if frame else "")
        self.line, self.last = (frame.f_lineno if frame else 0), 0  # of its first and its last line
        self.done = self.begun = 0  # turns that have run to their end, and had when this process came to it
        self.over = self.nested = False
        self.events = 0  # restores and loops met in this turn
        self.items = []  # type: List[Any]  # those of them that are restores, or loops that are over
        self.random = {}  # type: Dict[str, Any]  # random states at the start, at this turn, at the end
        self.order = None  # type: Optional[List[str]]  # of the names that are its turns, at the first start

    def told(self) -> Dict[str, Any]:
        return {"label": self.label, "done": self.done, "over": self.over, "random": self.random, "order": self.order}

    def ordered(self, turns: Any) -> Any:
        """``turns`` as at the first start, where they are names: another machine may list a folder in another order."""
        if not isinstance(turns, (list, tuple)) or not all(isinstance(one, (str, os.PathLike)) for one in turns):
            return turns
        names = {str(one): one for one in turns}
        if self.order == list(names):
            return turns  # itself, for a script that adds to it
        if self.order is not None and len(names) == len(turns) and sorted(names) == sorted(self.order):
            return [names[name] for name in self.order]
        self.order = list(map(str, turns))
        return turns

    def holds(self, frame: Any) -> bool:
        """Whether the code that runs (``frame``, or what it has called) still stands in this loop. A while loop does not tell its end."""
        while frame is not None and frame is not self.frame:
            frame = frame.f_back
        if frame is None or self.kind != "while":
            return frame is not None
        if not self.last:
            with open(frame.f_code.co_filename, "rb") as file:
                loops = [node for node in ast.walk(ast.parse(file.read())) if isinstance(node, ast.While) and node.lineno <= self.line]
            parts = [part for one in max(loops, key=lambda node: node.lineno).body for part in ast.walk(one)]
            self.last = max(getattr(part, "lineno", 0) for part in parts)
        return bool(self.line <= frame.f_lineno <= self.last)


class _Restore:
    """A call of ``keeper.restore``: the objects and the names that it restores."""

    def __init__(self, path: str, frame: Any, objects: Any, values: Dict[str, Any]) -> None:
        self.path, self.frame, self.objects, self.names = path, frame, objects, list(values)
        names = [type(_unwrapped(thing)).__name__ for thing in objects] + self.names
        self.label = "restore(%s) in %s" % (", ".join(names), frame.f_code.co_name)
        # What an optimizer that is named may be over, now or after the script has changed it for another.
        parts = [list(m.parameters()) for m in map(_unwrapped, list(objects) + list(values.values())) if _is(m, "torch.nn.Module")]
        parts += [g["params"] for o in values.values() for g in getattr(o, "param_groups", [])]
        self.parameters = list({id(p): p for part in parts for p in part}.values())
        self.values = None  # type: Any  # as they were when the turn began, or the loop ended; None: as they are
        self.over = False  # the loop behind it has come to its end
        self.blob = None  # type: Any  # what holds all as it was at that end

    def now(self) -> Dict[str, Any]:
        """The values that the names have, read from the code that called."""
        local, others = self.frame.f_locals, self.frame.f_globals
        return {name: local[name] if name in local else others[name] for name in self.names if name in local or name in others}

    def told(self) -> Dict[str, Any]:
        if self.blob:
            return {"label": self.label, "blob": self.blob}
        values = self.now() if self.values is None else self.values
        held = {name: _held(value, self.parameters) for name, value in values.items()}
        for name, value in values.items():
            for other in [other for other in values if value is not None and getattr(value, "optimizer", None) is values[other]]:
                held[name]["of"] = other
        return {"label": self.label, "values": held, "states": [_state(thing) for thing in self.objects]}

    def note(self) -> None:
        self.values = {name: _frozen(value) for name, value in self.now().items()}


class _Turns:
    """An iterable of turns that are counted, and skipped where they are done. All else is the iterable's own."""

    def __init__(self, keeper: "Keeper", iterable: Any, kind: str, frame: Any) -> None:
        self._keeper, self._iterable, self._kind, self._frame = keeper, iterable, kind, frame

    def __len__(self) -> int:
        return len(self._iterable)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._iterable, name)

    def __iter__(self) -> Iterator[Any]:
        keeper, broken = self._keeper, True
        loop = keeper._enter(self._kind, self._frame)
        if loop.over:
            return
        try:
            items = _skipped(iter(loop.ordered(self._iterable)), loop.done)
            keeper._arrive(loop)
            while True:
                keeper._ask(loop)
                try:
                    item = next(items)
                except StopIteration:
                    broken = False
                    return
                yield item
                loop.done += 1
        finally:
            if not sys.is_finalizing():
                keeper._leave(loop, broken)


class Keeper:
    """What the migrated script calls. Inactive, it does nothing at all."""

    def __init__(self) -> None:
        self._store = None  # type: Any
        self._asked = False  # whether the environment was looked at
        self._saved = None  # type: Any  # the checkpoint's tree, until the place of its save is reached
        self._body = {}  # type: Dict[str, Any]
        self._stack = [_Loop("", "script", None)]
        self._mute = False  # something cannot be saved
        self._own = {}  # type: Dict[str, List[Any]]  # generators that data loaders draw from, by the restores that name them
        self._cost, self._last, self._longest, self._turned = 0.0, time.monotonic(), 0.0, time.monotonic()
        self._at = self._blob = None  # type: Any  # the last save
        self._term = self._exiting = False

    # What the script calls

    def restore(self, *objects: Any, **values: Any) -> Any:
        """Put the saved state into ``objects``; returns the saved values of the names, in their order (one: bare, none: None)."""
        given = list(values.values())
        if self._active():
            with _clear():
                given = self._restore(sys._getframe(1), objects, values)
        return None if not values else given[0] if len(given) == 1 else tuple(given)

    def attributes(self, target: Any, *names: str) -> Any:
        """For ``restore``: these attributes of ``target``."""
        return _Attributes(target, names)

    def epochs(self, iterable: Any) -> Any:
        """The turns of a training loop, without those that are done."""
        return _Turns(self, iterable, "epochs", sys._getframe(1)) if self._active() else iterable

    def batches(self, iterable: Any) -> Any:
        """The turns of a loop within a turn: saved by time only. Wrap the outermost: ``keeper.batches(enumerate(loader))``."""
        return _Turns(self, iterable, "batches", sys._getframe(1)) if self._active() else iterable

    def turn(self) -> bool:
        """Called each time that a while loop asks whether to go on. False only where the loop was over before the interruption."""
        return not self._active() or self._turn(sys._getframe(1))

    def _turn(self, frame: Any) -> bool:
        loop = next((one for one in self._stack if one.frame is frame and one.line == frame.f_lineno and one.kind == "while"), None)
        if loop is None:
            loop = self._enter("while", frame)
            if loop.over:
                return False
            self._arrive(loop)
        else:
            loop.done += 1
        self._ask(loop)
        return True

    # Where the program stands

    def _enter(self, kind: str, frame: Any) -> _Loop:
        self._settle(frame)
        parent = self._stack[-1]
        parent.nested = True
        loop = _Loop(self._path(), kind, frame)
        saved = self._known("loops", loop)
        if saved is None:
            loop.random = {"start": self._random()}
        else:
            loop.done, loop.order = saved["done"], saved.get("order")
            loop.begun = loop.done
            loop.over, loop.random = saved["over"], saved["random"]
            self._set_random(loop.random["end" if loop.over else "start"])
        if not loop.over:
            self._stack.append(loop)
            return loop
        for item in parent.items:
            if isinstance(item, _Restore) and not item.over:
                item.over, item.blob = True, item.blob or self._body["state"]
        parent.items.append(loop)
        if loop.path == self._saved["point"]:
            self._reached(parent)
        return loop

    def _path(self) -> str:
        parent = self._stack[-1]
        parent.events += 1
        return "%s%d.%d/" % (parent.path, parent.done, parent.events)

    def _settle(self, frame: Any) -> None:
        """Take the loops off the stack that the program has left without telling."""
        while len(self._stack) > 1 and not self._stack[-1].holds(frame):
            self._leave(self._stack[-1], True)

    def _known(self, what: str, item: Any) -> Any:
        """What the checkpoint says of a loop or a restore; None if it is later than the checkpoint."""
        if self._saved is None:
            return None
        found = self._saved[what].get(item.path)
        if found is None or found["label"] != item.label:
            there = "does not know it" if found is None else "has `%s` there" % found["label"]
            sys.exit("keeper: the script comes to `%s`, but the checkpoint, made by another script, %s" % (item.label, there))
        return found

    def _arrive(self, loop: _Loop) -> None:
        """The iterator stands at the loop's turn: what is random goes on from there."""
        if self._saved is not None and loop.path == self._saved["point"]:
            self._reached(self._stack[-2])
        elif self._saved is not None:
            self._set_random(loop.random["turn"])

    def _reached(self, level: _Loop) -> None:
        """The place of the save. What ran since the outer restores was run for its local variables only; its effects are undone."""
        saved, self._saved = self._saved, None
        with _clear():
            for item in [item for loop in self._stack if loop is not level for item in loop.items]:
                if isinstance(item, _Restore) and not item.over:
                    self._put(item, self._read(self._body["state"])["restores"][item.path])
            if not _rank()[0]:
                self._store.put_back(self._body["files"])
        self._set_random(saved["random"])
        self._at, self._blob = (saved["point"], saved["loops"][saved["point"]]["done"]), self._body["state"]
        self._last = time.monotonic()

    def _random(self) -> Dict[str, Any]:
        return {"all": _random_state(), "own": {key: [each.get_state() for each in found] for key, found in self._own.items()}}

    def _set_random(self, state: Dict[str, Any]) -> None:
        _set_random_state(state["all"])
        for key, found in self._own.items():
            for generator, one in zip(found, state["own"].get(key, [])):
                generator.set_state(one)

    # Restoring

    def _restore(self, frame: Any, objects: Any, values: Dict[str, Any]) -> List[Any]:
        self._settle(frame)
        item = _Restore(self._path(), frame, objects, values)
        own = [generator for thing in objects for generator in _generators(thing)]
        if own:
            self._own[re.sub(r"\d+\.", ".", item.path)] = own
        for thing in objects:
            _check(_unwrapped(thing))
        saved = self._known("restores", item)
        given = list(values.values())
        if saved is None:
            states = [_state(thing) for thing in objects]
            try:
                with open(os.devnull, "wb") as nowhere:  # what cannot be saved is told at once, not after the first hours
                    _dump(states + [_held(value) for value in given], nowhere)
            except Refused as error:
                if _rank()[1] > 1:  # the other processes would wait for this one
                    raise
                self._mute = True
                self._say("%s: NO CHECKPOINT IS MADE, an interrupted run begins again; training goes on" % error)
        else:
            item.blob = saved.get("blob")
            if item.blob:
                saved = self._read(item.blob)["restores"][item.path]
            self._put(item, saved)
            kept = saved["values"]
            found = dict(values)
            for name in sorted(values, key=lambda name: values[name] is None):  # what is None by now may be made as another one is
                if name in kept:
                    found[name] = _restored(values[name], kept[name], item.parameters)
            for name in [name for name in found if isinstance(kept.get(name), dict) and "of" in kept[name]]:
                found[name].optimizer = found[kept[name]["of"]]  # a scheduler goes on with the optimizer that was made anew
            given = list(found.values())
        self._stack[-1].items.append(item)
        return given

    def _put(self, item: _Restore, saved: Dict[str, Any]) -> None:
        for thing, state in zip(item.objects, saved["states"]):
            _load(thing, state)

    def _read(self, blob: str) -> Any:
        with open(self._store.blob(blob), "rb") as file:
            return _parse(file)

    def _active(self) -> bool:
        if not self._asked:
            self._asked = True
            with _clear():
                self._start()
        return self._store is not None

    def _start(self) -> None:
        root = checkpoint_folder()
        if root is None:
            return
        script = re.sub(r"\W+", "_", os.path.splitext(os.path.basename(sys.argv[0]))[0]) or "main"
        self._root, keep = root, max(1, int(os.environ.get("SM_CHECKPOINT_KEEP") or 2))
        self._store = _Store(os.path.join(root, "keeper", script), keep)
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._on_term)
        found = self._newest()
        if not _rank()[0]:
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(root, MORE_TO_DO))
        if found is None:
            self._say("saves into %s, the last %d checkpoints stay" % (self._store.path, keep))
            return
        self._body = found[1]
        self._saved = self._read(found[1]["state"])
        self._start_as_rank(self._saved)
        if not _rank()[0]:
            self._store.put_back(found[1]["files"])
        self._say("goes on from checkpoint %s in %s" % (found[0], self._store.path))

    def _newest(self) -> Any:
        return self._store.newest()

    def _start_as_rank(self, saved: Dict[str, Any]) -> None:
        """Change what differs in this process, if there are several."""

    # Saving

    def _ask(self, loop: _Loop) -> None:
        """A turn is asked for: the place where all that the loop carries can be read."""
        while self._stack[-1] is not loop:
            self._leave(self._stack[-1], True)
        del loop.items[:]
        loop.events = 0
        waiting = [item for item in self._stack[-2].items if isinstance(item, _Restore) and not item.over]
        for item in waiting:
            item.values = None
        if loop.done > loop.begun:
            self._stop_or_save(loop)
        if loop.nested or loop.done == loop.begun:  # there may be loops inside, at whose turns this one's begin is saved
            loop.random["turn"] = self._random()
            for item in waiting:
                item.note()

    def _stop_or_save(self, loop: _Loop) -> None:
        due, more = self._due(loop), self._more(loop) and not self._mute  # with nothing saved, a next job could not go on
        wish = self._agreed("more" if more else "term" if self._term else "save" if due else "", loop)
        saved = self._save(loop) if wish else None
        if wish == "more" and not _rank()[0]:
            text = json.dumps({"loop": loop.label, "turns": loop.done}).encode()
            with contextlib.suppress(OSError):
                _write(self._root, MORE_TO_DO, lambda file: file.write(text))
        if wish in ("more", "term"):
            self._exiting = True
            when = "before the runtime limit: more to do" if wish == "more" else "on SIGTERM"
            self._say("%s; stops %s" % ("saved" if saved else "NOT saved", when))
            sys.exit(0 if wish == "more" else TERMINATED)

    def _agreed(self, wish: str, loop: _Loop) -> str:
        """What all processes do at this turn; there is but one here."""
        return wish

    def _due(self, loop: _Loop) -> bool:
        now, text = time.monotonic(), os.environ.get("SM_CHECKPOINT_SECONDS", "")
        least = float(text) if text else 600.0 if loop.kind == "batches" else 0.0
        if loop.kind != "batches":
            self._longest, self._turned = max(self._longest, now - self._turned), now
        first = self._at is None and not self._body and loop.kind != "batches"
        return first or (text != "" and least == 0) or now - self._last >= max(100 * self._cost, least)

    def _more(self, loop: _Loop) -> bool:
        """Whether the next turn might not end before SM_MAX_SECONDS."""
        limit = float(os.environ.get("SM_MAX_SECONDS") or 0)
        margin = 3 * self._cost + min(120.0, limit / 20) + (self._longest if loop.kind != "batches" else 0.0)
        return bool(limit) and time.time() - _BORN + margin >= limit

    def _save(self, loop: _Loop, publish: bool = True) -> Optional[str]:
        """Save at ``loop``: at its turn, or at its end. Returns the blob with the state; None if that failed."""
        if not self._saves() or self._mute:
            return None
        began = time.monotonic()
        loops, restores = {}, {}  # type: Dict[str, Any], Dict[str, Any]
        try:
            for one in self._stack + [item for level in self._stack for item in level.items]:
                (restores if isinstance(one, _Restore) else loops)[one.path] = one.told()
            tree = {"point": loop.path, "random": self._random(), "loops": loops, "restores": restores, "rank": _rank()[0]}
            self._blob = self._store.put(lambda file: _dump(tree, file))
            blobs = {self._blob} | {told["blob"] for told in restores.values() if "blob" in told}
            if publish:
                self._publish(loop, {"state": self._blob, "blobs": sorted(blobs)})
            self._at = (loop.path, loop.done)
            return str(self._blob)
        except (OSError, Refused) as error:
            self._say("could not save (%s); the checkpoints before stay, training goes on" % error)
            return None
        finally:
            self._last = time.monotonic()
            self._cost = self._last - began

    def _saves(self) -> bool:
        """Whether this process writes what the script carries."""
        return not _rank()[0]

    def _publish(self, loop: _Loop, body: Dict[str, Any]) -> None:
        self._store.publish(body)

    def _leave(self, loop: _Loop, broken: bool) -> None:
        """The loop is over. After a break a later save says so: an exception, which may end the script, would look the same from here."""
        if loop not in self._stack or self._exiting:
            return
        while self._stack[-1] is not loop:
            self._leave(self._stack[-1], True)
        self._stack.pop()
        parent = self._stack[-1]
        waiting = [item for item in parent.items if isinstance(item, _Restore) and not item.over]
        for item in waiting:
            item.note()
        parent.items.append(loop)
        if self._saved is not None:
            return
        loop.over, loop.random = True, {"end": self._random()}
        kept = self._at == (loop.path, loop.done) and not broken  # in every process, or in none
        blob = self._blob if kept else None
        if not kept and loop.kind != "batches":
            wish = "save" if self._due(loop) or parent.kind == "script" else ""
            if wish if broken else self._agreed(wish, loop):
                blob = self._save(loop, publish=not broken)
        for item in waiting:
            item.over, item.blob = True, blob
        if self._term and not broken:
            self._stop_or_save(loop)

    # Stopping

    def _on_term(self, number: int, frame: Any) -> None:
        again, self._term = self._term, True
        if callable(self._before):
            self._before(number, frame)
        if again or len(self._stack) == 1:
            sys.exit(TERMINATED)

    def _say(self, text: str) -> None:
        if not _rank()[0]:
            print("keeper: " + text, flush=True)


def _skipped(items: Any, count: int) -> Any:
    """``items`` without the first ``count``: by their indices only where a data loader loads in this process, else by drawing them."""
    counted = items.__reduce__()[1] if type(items) is enumerate else None  # type: Any
    inner, place = counted or (items, 0)
    if type(inner).__name__ == "_SingleProcessDataLoaderIter" and getattr(inner, "_dataset_kind", None) == 0:
        with contextlib.suppress(StopIteration):
            for _ in range(count):
                inner._next_index()
        inner._num_yielded += count
        return enumerate(inner, place + count) if counted else inner
    next(itertools.islice(items, count, count), None)
    return items


@contextlib.contextmanager
def _clear() -> Iterator[None]:
    """A refusal ends the script with its text."""
    try:
        yield
    except Refused as error:
        sys.exit("keeper: %s" % error)


# One for the process: a repository may have this file beside several of its modules.
keeper = vars(sys).setdefault("_sagemaker_keeper", Keeper())  # type: Keeper
