"""Several processes: the first one writes and says when all save and stop, all read, each has random states of its own."""

import contextlib
import hashlib
import json
import os
import sys
import time
from typing import Any, Dict, Optional

from migrate.runtime.keeper import Keeper, _Loop, keeper
from migrate.runtime.keeper_states import _dump, _parse
from migrate.runtime.outputs import Refused, _rank, _write

_said = []  # type: Any  # keys of the group's store, the oldest first


class _Together(Keeper):
    """They talk through the store of torch.distributed, so that nobody waits for one that has gone another way: see ``_heard``."""

    def _heard(self, key: str, text: str) -> str:
        """What the first process says at this place. It never waits; the others do for as long as the process group's timeout."""
        store = _group_store()
        if store is None or _rank()[1] == 1:
            return text
        try:
            if _rank()[0]:
                return str(store.get("keeper " + key).decode())
            store.set("keeper " + key, text)
            _said.append("keeper " + key)
            if len(_said) > 1000:  # nobody can be that far behind
                store.delete_key(_said.pop(0))
        except RuntimeError as error:  # timed out, or the first process is gone
            print("keeper: the first process says nothing (%s)" % str(error).splitlines()[0], flush=True)
            return ""
        return text

    def _agreed(self, wish: str, loop: _Loop) -> str:
        if _rank()[1] > 1 and loop.kind == "batches" and loop.done % 16:
            return ""  # not at every batch: each time is a message
        return self._heard("%s %d %s" % (loop.path, loop.done, loop.over), wish)

    def _newest(self) -> Any:
        found = None if _rank()[0] and _group_store() else self._store.newest()
        name = self._heard("start", found[0] if found else "")
        try:
            return found if found or not name else (name, json.loads(self._store.read(name).decode()))
        except OSError as error:
            raise Refused("the first process goes on from a checkpoint that this one does not have (%s)" % error)

    def _save(self, loop: _Loop, publish: bool = True) -> Optional[str]:
        rank, world = _rank()
        if rank and publish:
            met = self._stack + [item for level in self._stack for item in level.items]
            loops = [one for one in met if isinstance(one, _Loop)]
            tree = {
                "random": self._random(),
                "loops": {one.path: one.random for one in loops},
                "orders": {one.path: one.order for one in loops},
            }
            name = self._rank_file(loop.path, loop.done, loop.over)
            with contextlib.suppress(OSError):  # a full disk: the checkpoint is without this process's random state
                _write(os.path.dirname(name), os.path.basename(name), lambda file: _dump(tree, file))
                _keep_newest(os.path.dirname(name), "%d-of-%d-" % (rank, world), 20)
            _tell("keeper saved %s" % os.path.basename(name))
        elif publish:
            names = [os.path.basename(self._rank_file(loop.path, loop.done, loop.over, other)) for other in range(1, world)]
            _wait(["keeper saved %s" % name for name in names])
        return self._tried(loop, super()._save(loop, publish), publish)

    def _tried(self, loop: _Loop, saved: Optional[str], publish: bool) -> Optional[str]:
        """What one process could not save it does not save again at the end of the loop: the others do not know of it."""
        if publish and _rank()[1] > 1:
            self._at, self._blob = (loop.path, loop.done), saved
        return saved

    def _start_as_rank(self, saved: Dict[str, Any]) -> None:
        rank, world = _rank()
        loop = saved["loops"][saved["point"]]
        name = self._rank_file(saved["point"], loop["done"], loop["over"])
        if rank and os.path.exists(name):
            with open(name, "rb") as file:
                mine = _parse(file)
            saved["random"] = mine["random"]
            for path, random in mine["loops"].items():
                saved["loops"][path]["random"] = random
            for path, order in mine.get("orders", {}).items():
                saved["loops"][path]["order"] = order
        elif rank:
            print("keeper: the checkpoint has no random state of process %d of %d: it is not restored" % (rank, world), flush=True)

    def _rank_file(self, path: str, done: int, over: bool, rank: Optional[int] = None) -> str:
        where = hashlib.sha256(("%s %d %s" % (path, done, over)).encode()).hexdigest()[:16]
        name = "%d-of-%d-%s" % (_rank()[0] if rank is None else rank, _rank()[1], where)
        return os.path.join(self._store.path, "ranks", name)


def _group_store() -> Any:
    distributed = getattr(sys.modules.get("torch"), "distributed", None)
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return None
    get = getattr(sys.modules["torch.distributed.distributed_c10d"], "_get_default_store", None)
    return get() if get is not None else None


def _tell(key: str) -> None:
    store = _group_store()
    if store is not None:
        store.set(key, "1")


def _wait(keys: Any) -> None:
    """For a minute at most: then the checkpoint is without the random states of those that have not come."""
    store, until = _group_store(), time.monotonic() + 60
    for key in keys if store is not None else ():
        while not store.check([key]) and time.monotonic() < until:
            time.sleep(0.001)


def _keep_newest(folder: str, start: str, count: int) -> None:
    found = [entry for entry in os.scandir(folder) if entry.name.startswith(start)]
    for entry in sorted(found, key=lambda entry: -entry.stat().st_mtime)[count:]:
        os.unlink(entry.path)


if type(keeper) is Keeper:  # else a copy of this file, beside another module, has made it what it is
    keeper.__class__ = _Together
