"""Checkpoints of training loops: saved while they run, gone on from after an interruption.

    best, step = keeper.restore(model, optimizer, best=best, step=step)
    for epoch in keeper.epochs(range(10)):
        for i, batch in keeper.batches(enumerate(loader)):

Works only with SM_CHECKPOINT_DIR set, or on SageMaker with /opt/ml/checkpoints there; elsewhere every call hands back what it
was given. SM_CHECKPOINT_SECONDS: the least time between two saves (0: each turn). SM_CHECKPOINT_KEEP: how many stay (2).
SM_MAX_SECONDS: stop before that many seconds with exit code 0 and more-to-do.json in the checkpoint folder. SIGTERM: exit code 143.
"""

import contextlib
import hashlib
import json
import os
import re
import signal
import sys
import threading
import time
from typing import Any, Dict, Iterator, List, Optional

from migrate.runtime.keeper_folder import _dump, _Folder, _parse
from migrate.runtime.keeper_loops import _clear, _inner, _Loop, _naming, _reattach, _Restore, _set_states, _skipped
from migrate.runtime.keeper_states import (
    _Attributes,
    _check_kind,
    _class,
    _from_tree,
    _generators,
    _load,
    _module,
    _random_state,
    _restored,
    _set_random_state,
    _state,
    _to_tree,
    _unwrapped,
)
from migrate.runtime.outputs import Refused, _rank, checkpoint_folder

_BORN = time.time()
MORE_TO_DO = "more-to-do.json"
TERMINATED = 143  # exit code after SIGTERM, as a shell tells it


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
        loop = keeper._enter(self._kind, self._frame, self._iterable)
        if loop.over:
            return
        try:
            items = _skipped(iter(self._iterable), loop.done)
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
        self._folder = None  # type: Any
        self._asked = False  # whether the environment was looked at
        self._saved = None  # type: Any  # the checkpoint's tree, until the place of its save is reached
        self._point = ""  # the path of the loop at whose turn it was saved
        self._body = {}  # type: Dict[str, Any]
        self._stack = [_Loop("", "script", None)]
        self._waiting = None  # type: Any  # the end of a loop that was left by break, or by an exception
        self._at = self._state_blob = None  # type: Any
        self._cost, self._last, self._longest, self._first = 0.0, time.monotonic(), 0.0, True
        self._term = self._exiting = False
        self._turned = None  # type: Any
        self._loaders = {}  # type: Dict[str, Any]  # the generators that data loaders draw from, by the loops over them
        self._orders = {}  # type: Dict[str, Any]  # their states in the checkpoint
        self._told = set()  # type: Any

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
            loop = self._enter("while", frame, None)
            if loop.over:
                return False
            self._arrive(loop)
        else:
            while self._stack[-1] is not loop:
                self._leave(self._stack[-1], False)
            loop.done += 1
        self._ask(loop)
        return True

    # Where the program stands

    def _enter(self, kind: str, frame: Any, iterable: Any) -> _Loop:
        self._settle(frame)
        parent = self._stack[-1]
        loop = _Loop(self._path(), kind, frame)
        parent.nested = True
        self._note_order(loop, iterable)
        with _clear():
            saved = self._known("loops", loop)
        if saved is None:
            loop.start = dict(_random_state(), order=[g.get_state() for g in loop.order])
            self._stack.append(loop)
            return loop
        loop.done = loop.begun = saved["done"]
        loop.over = saved["over"]
        loop.start, loop.turn, loop.end = (_from_tree(saved[name]) for name in ("start", "turn", "end"))
        _set_random_state(loop.end if loop.over else loop.start)
        if not loop.over:
            _set_states(loop.order, loop.start["order"])
            self._stack.append(loop)
            return loop
        parent.items.append(loop)
        for item in parent.items:
            if isinstance(item, _Restore) and not item.closed:
                item.note()
                item.blob = item.blob or self._body["state"]
        if loop.path == self._point:
            self._reached(parent)
        return loop

    def _path(self) -> str:
        parent = self._stack[-1]
        parent.events += 1
        return "%s%d.%d/" % (parent.path, parent.done, parent.events)

    def _settle(self, frame: Any) -> None:
        """Take the loops off the stack that the program has left without telling, and believe in those that it told of."""
        while len(self._stack) > 1 and not self._stack[-1].holds(frame):
            self._leave(self._stack[-1], False)
        self._confirm()

    def _known(self, what: str, item: Any) -> Any:
        """What the checkpoint says of a loop or a restore; None if it is later than the checkpoint."""
        if self._saved is None:
            return None
        found = self._saved[what].get(item.path)
        if found is None and not _rank()[0]:
            raise Refused("the script comes to `%s`, which the checkpoint does not know: it was made by another script" % item.label)
        if found is not None and found["label"] != item.label:
            raise Refused("the checkpoint is of `%s`, the script comes to `%s`" % (found["label"], item.label))
        return found

    def _arrive(self, loop: _Loop) -> None:
        """The iterator stands at the loop's turn: what is random goes on from there."""
        if self._saved is None:
            return
        if loop.path == self._point:
            self._reached(self._stack[-2])
        elif loop.turn is not None:
            _set_random_state(loop.turn)

    def _reached(self, level: _Loop) -> None:
        """The place of the save. What ran since the outer restores was run for its local variables only; its effects are undone."""
        saved, self._saved = self._saved, None
        with _clear():
            for loop in self._stack:
                for item in loop.items if loop is not level else []:
                    if isinstance(item, _Restore) and "states" in saved["restores"].get(item.path, {}):
                        again = self._folder.get(self._body["state"])["restores"][item.path]["states"]
                        for thing, tree in zip(item.objects, again):
                            _load(thing, tree)
            if not _rank()[0]:
                self._folder.put_back(self._body["files"])
        for key, generators in self._loaders.items():
            _set_states(generators, self._orders.get(key, []))
        _set_random_state(_from_tree(saved["random"]))
        self._last = time.monotonic()

    def _note_order(self, loop: _Loop, iterable: Any) -> None:
        """Generators of its own that a data loader draws from go on as the global ones do."""
        iterable = _inner(iterable)
        loop.order = _generators(iterable)
        key = re.sub(r"\d+\.", ".", loop.path)
        if loop.order and key not in self._loaders:
            _set_states(loop.order, self._orders.get(key, []))
        if loop.order:
            self._loaders[key] = loop.order
        if getattr(iterable, "persistent_workers", False) or getattr(iterable, "_persistent_workers", False):
            self._say("workers of a data loader outlive the epoch: their random state cannot be restored", once=True)

    # Restoring

    def _restore(self, frame: Any, objects: Any, values: Dict[str, Any]) -> List[Any]:
        self._settle(frame)
        parent = self._stack[-1]
        for item in parent.items:
            if isinstance(item, _Restore) and not item.closed:
                item.closed = True
                if item.values is None:
                    item.note()
        item = _Restore(self._path(), frame, objects, values)
        for thing in objects:
            _check_kind(thing)
        given = values
        saved = self._known("restores", item)
        if saved is None:
            for thing in objects:
                _state(thing)  # what cannot be saved is told at once, not after the first hours
        else:
            states = saved["states"] if "states" in saved else self._folder.get(saved["blob"])["restores"][item.path]["states"]
            item.blob = saved.get("blob")
            for thing, tree in zip(objects, states):
                with _naming(_class(_unwrapped(thing))):
                    _load(thing, tree)
            given = {}
            for name, value in values.items():
                with _naming(name):
                    known = name in saved["values"]
                    given[name] = _restored(value, saved["values"][name], item.around[name]) if known else value
            _reattach(list(objects) + list(given.values()), values, given)
        parent.items.append(item)
        return [given[name] for name in values]

    def _active(self) -> bool:
        if not self._asked:
            self._asked = True
            with _clear():
                self._start()
        return self._folder is not None

    def _start(self) -> None:
        root = checkpoint_folder()
        if root is None:
            return
        script = re.sub(r"\W+", "_", os.path.splitext(os.path.basename(sys.argv[0]))[0]) or "main"
        self._folder = folder = _Folder(root, script, max(1, int(os.environ.get("SM_CHECKPOINT_KEEP") or 2)))
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._on_term)
        found = folder.newest()
        if not _rank()[0]:
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(root, MORE_TO_DO))
        if found is None:
            self._say("saves into %s, the last %d checkpoints stay" % (folder.path, folder.keep))
            return
        self._body, self._saved, self._first = found[1], folder.get(found[1]["state"]), False
        self._point = self._saved["point"]
        own = self._rank_file(self._saved)
        if own and os.path.exists(own):
            with open(own, "rb") as file:
                mine = _parse(file)
            for path, told in mine["restores"].items():
                told.update({key: self._saved["restores"].get(path, {}).get(key) for key in ("states", "blob")})
                self._saved["restores"][path] = {key: value for key, value in told.items() if value is not None}
            self._saved.update(loops=mine["loops"], random=mine["random"], loaders=mine["loaders"])
        elif own:
            self._say("no random state of this process (%d of %d) is in the checkpoint: it is not restored" % _rank())
        self._orders = self._saved["loaders"]
        if not _rank()[0]:
            folder.put_back(found[1]["files"])
        self._say("goes on from checkpoint %s in %s" % (found[0], folder.path))

    # Saving

    def _ask(self, loop: _Loop) -> None:
        """A turn is asked for: the place where all that the loop carries can be read."""
        self._confirm()
        del loop.items[:]
        loop.events = 0
        if loop.done > loop.begun:
            self._stop_or_save(loop)
        if loop.nested or loop.done == loop.begun:
            loop.turn = _random_state()
        if loop.nested or loop.done == loop.begun or loop.kind == "while":
            for item in self._stack[-2].items:
                if isinstance(item, _Restore) and not item.closed:
                    item.note()

    def _stop_or_save(self, loop: _Loop) -> None:
        rank, now = _rank()[0], time.monotonic()
        stop = self._term and not rank
        more = self._more(loop)
        if stop or more or self._due(loop, now):
            self._save(loop)
        if more and not rank:
            text = json.dumps({"loop": loop.label, "turns": loop.done}).encode()
            with contextlib.suppress(OSError):
                self._folder.write(self._folder.root, MORE_TO_DO, lambda file: file.write(text))
        if stop or more:
            self._exiting = True
            self._say("saved; stops %s" % ("before the runtime limit: more to do" if more else "on SIGTERM"))
            sys.exit(0 if more else TERMINATED)

    def _due(self, loop: _Loop, now: float) -> bool:
        text = os.environ.get("SM_CHECKPOINT_SECONDS", "")
        least = float(text) if text else 600.0 if loop.kind == "batches" else 0.0
        if loop.kind != "batches":
            self._longest = max(self._longest, now - (self._turned or now))
            self._turned = now
            if self._first:
                return True
        return text != "" and least == 0 or now - self._last >= max(100 * self._cost, least)

    def _save(self, loop: _Loop, publish: bool = True) -> bool:
        """Save at ``loop``: at its turn, or at its end."""
        began = time.monotonic()
        rank = _rank()[0]
        tree = self._tree(loop, not rank)
        try:
            if rank:
                path = self._rank_file(tree) or ""
                self._folder.write(os.path.dirname(path), os.path.basename(path), lambda file: _dump(tree, file))
                _keep_newest(os.path.dirname(path), "%d-" % rank, 20)
            else:
                with self._folder.alone():
                    self._state_blob = self._folder.put_tree(tree)
                    blobs = {self._state_blob} | {told["blob"] for told in tree["restores"].values() if "blob" in told}
                    body = {"state": self._state_blob, "blobs": sorted(blobs)}
                    if publish:
                        self._folder.publish(body)
                    else:
                        self._waiting = body
            self._at, self._first = (loop.path, loop.done), False
            return True
        except OSError as error:
            self._say("could not save (%s); the checkpoints before stay, training goes on" % error)
            return False
        finally:
            self._last = time.monotonic()
            self._cost = self._last - began

    def _tree(self, point: _Loop, states: bool) -> Dict[str, Any]:
        level = self._stack[-2] if self._stack[-1] is point else self._stack[-1]
        loops, restores = {}, {}  # type: Dict[str, Any], Dict[str, Any]
        for loop in self._stack:
            if loop.kind != "script":
                loops[loop.path] = loop.told()
            for item in loop.items:
                if isinstance(item, _Restore):
                    restores[item.path] = item.told(loop is level, states)
                else:
                    loops[item.path] = item.told()
        loaders = {key: [g.get_state() for g in generators] for key, generators in self._loaders.items()}
        found = {"point": point.path, "done": point.done, "world": _rank()[1], "random": _to_tree(_random_state())}
        return dict(found, loops=loops, restores=restores, loaders=loaders)

    def _leave(self, loop: _Loop, broken: bool) -> None:
        """The loop is over. After a break that is believed when the script goes on: an exception would look the same from here."""
        if loop not in self._stack or self._exiting:
            return
        while self._stack[-1] is not loop:
            self._leave(self._stack[-1], broken)
        self._stack.pop()
        parent = self._stack[-1]
        loop.over, loop.start, loop.turn, loop.end = True, None, None, _random_state()
        parent.items.append(loop)
        open_ = [item for item in parent.items if isinstance(item, _Restore) and not item.closed]
        if loop.kind != "while":  # what a while loop left was read when its last turn was asked for
            for item in open_:
                item.note()
        if self._term and not broken:
            self._stop_or_save(loop)
        early = parent.kind == "script" and len(parent.items) < 20
        if loop.kind != "batches" and loop.done > loop.begun and (early or self._due(loop, time.monotonic())):
            if (self._at == (loop.path, loop.done) and not broken) or self._save(loop, publish=not broken):
                for item in open_:
                    item.blob = self._state_blob

    def _confirm(self) -> None:
        if self._waiting is not None:
            body, self._waiting = self._waiting, None
            try:
                with self._folder.alone():
                    self._folder.publish(body)
            except OSError as error:
                self._say("could not save (%s); the checkpoints before stay, training goes on" % error)

    # Stopping

    def _on_term(self, number: int, frame: Any) -> None:
        again, self._term = self._term, True
        if callable(self._before):
            self._before(number, frame)
        if again or len(self._stack) == 1:
            sys.exit(TERMINATED)

    def _more(self, loop: _Loop) -> bool:
        """Whether the next turn might not end before SM_MAX_SECONDS. Several processes stop at the same turn."""
        limit = float(os.environ.get("SM_MAX_SECONDS") or 0)
        rank, world = _rank()
        if not limit or (loop.kind == "batches" and world > 1):
            return False
        margin = 3 * self._cost + min(120.0, limit / 20) + (self._longest if loop.kind != "batches" else 0.0)
        late = time.time() - _BORN + margin >= limit
        if world > 1 and hasattr(_module("torch"), "distributed") and _module("torch").distributed.is_initialized():
            flags = [late]
            _module("torch").distributed.broadcast_object_list(flags)
            return bool(flags[0])
        return late

    def _rank_file(self, tree: Dict[str, Any]) -> Optional[str]:
        rank, world = _rank()
        where = hashlib.sha256(("%s %d" % (tree["point"], tree["done"])).encode()).hexdigest()[:16]
        return os.path.join(self._folder.path, "ranks", "%d-of-%d-%s" % (rank, world, where)) if rank else None

    def _say(self, text: str, once: bool = False) -> None:
        if text not in self._told and (not _rank()[0] or "this process" in text):
            print("keeper: " + text, flush=True)
        if once:
            self._told.add(text)


def _keep_newest(folder: str, start: str, count: int) -> None:
    found = [entry for entry in os.scandir(folder) if entry.name.startswith(start)]
    for entry in sorted(found, key=lambda entry: -entry.stat().st_mtime)[count:]:
        os.unlink(entry.path)


keeper = Keeper()
