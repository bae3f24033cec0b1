"""Training that a framework runs by itself goes on after an interruption, by checkpoints that it makes between its epochs.

SM_CHECKPOINT_SECONDS: the least time between two saves. SM_MAX_SECONDS: stop before that many seconds with exit code 0, and
more-to-do.json in the checkpoint folder. Output files travel with each checkpoint.
"""

import contextlib
import hashlib
import json
import os
import random
import sys
import time
from typing import Any, Dict, Iterator, List

from migrate.runtime.outputs import _rank, _Store, _write, checkpoint_folder

_STARTED = time.time()
_RUNS = {}  # type: Dict[str, int]  # how many trainings of each framework the script has come to


def _next_store(framework: str) -> _Store:
    """The checkpoints of the next training of the script, by its number: a script that starts again comes to the same ones."""
    script = os.path.splitext(os.path.basename(sys.argv[0]))[0] or "main"
    _RUNS[framework] = _RUNS.get(framework, 0) + 1
    return _Store(checkpoint_folder(os.path.join(framework, script, "%03d" % _RUNS[framework])) or "", 2)


class _Cadence:
    """When to save: after the first turn, and then whenever the time since is a hundred times of what a save costs.

    With ``least``: not before so many seconds have gone by, the first time too.
    """

    def __init__(self, least: float = 0.0) -> None:
        self.least, self.last = least, time.monotonic() if least else None  # type: float, Any
        self.cost, self.turn, self.longest = 0.0, time.monotonic(), 0.0

    def turned(self) -> None:
        """An epoch is over."""
        self.longest, self.turn = max(self.longest, time.monotonic() - self.turn), time.monotonic()

    def due(self) -> bool:
        text = os.environ.get("SM_CHECKPOINT_SECONDS", "")
        least = float(text or self.least)
        return self.last is None or (text != "" and not least) or time.monotonic() - self.last >= max(100 * self.cost, least)

    def out_of_time(self) -> bool:
        """Whether another epoch and a save would end behind SM_MAX_SECONDS."""
        most = float(os.environ.get("SM_MAX_SECONDS") or 0)
        return bool(most) and time.time() - _STARTED + self.longest + 2 * self.cost > most

    @contextlib.contextmanager
    def saving(self) -> Iterator[None]:
        """What is done inside is a save. A full disk ends no training."""
        start = time.monotonic()
        try:
            yield
        except OSError as error:
            print("keeper: could not save (%s); training goes on" % error, flush=True)
        self.last = time.monotonic()
        self.cost = self.last - start


def _mark_more_to_do(done: str) -> None:
    """Tell the launcher that the next job has to go on."""
    if not _rank()[0]:
        _write(checkpoint_folder() or "", "more-to-do.json", lambda file: file.write(json.dumps({"after": done}).encode()))


def _unmark() -> None:
    with contextlib.suppress(OSError):
        os.unlink(os.path.join(checkpoint_folder() or "", "more-to-do.json"))


def _global_random() -> Dict[str, Any]:
    """The state of the global random generators that the script has loaded; arrays of PyTorch are NumPy's."""
    found = {"python": random.getstate()}  # type: Dict[str, Any]
    np, torch = sys.modules.get("numpy"), sys.modules.get("torch")  # type: Any, Any
    if hasattr(np, "random"):
        found["numpy"] = np.random.get_state()
    if hasattr(torch, "get_rng_state"):
        found["torch"] = torch.get_rng_state().numpy()
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            found["cuda"] = [state.numpy() for state in torch.cuda.get_rng_state_all()]
    return found


def _set_global_random(found: Dict[str, Any]) -> None:
    np, torch = sys.modules.get("numpy"), sys.modules.get("torch")  # type: Any, Any
    random.setstate(found["python"])
    if "numpy" in found and hasattr(np, "random"):
        np.random.set_state(found["numpy"])
    if "torch" in found and hasattr(torch, "set_rng_state"):
        torch.set_rng_state(torch.from_numpy(found["torch"]))
        if len(found.get("cuda", [])) == torch.cuda.device_count() > 0:
            torch.cuda.set_rng_state_all([torch.from_numpy(state) for state in found["cuda"]])


def _pack(value: Any, arrays: List[Any]) -> Any:
    """A plain value as JSON takes it, its arrays put aside into ``arrays``. Raises TypeError for what is no plain value."""
    import numpy as np

    if value is None or isinstance(value, (bool, int, float, str)) and not isinstance(value, np.generic):
        return value
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biufc":
        arrays.append(np.asarray(value))
        return {"array" if isinstance(value, np.ndarray) else "number": len(arrays) - 1}
    if type(value) in (list, tuple):
        items = [_pack(item, arrays) for item in value]
        return items if isinstance(value, list) else {"tuple": items}
    if type(value) is dict:
        return {"dict": [[_pack(key, arrays), _pack(item, arrays)] for key, item in value.items()]}
    raise TypeError("no plain value: %r" % type(value))


def _unpack(value: Any, arrays: List[Any]) -> Any:
    if isinstance(value, list):
        return [_unpack(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    if kind == "array":
        return arrays[inner]
    if kind == "number":
        return arrays[inner][()]
    if kind == "tuple":
        return tuple(_unpack(item, arrays) for item in inner)
    return {_unpack(key, arrays): _unpack(item, arrays) for key, item in inner}


def _put_values(store: _Store, values: Dict[str, Any]) -> str:
    """Store plain values and arrays; returns the blob's name. Nothing is pickled."""
    import numpy as np

    arrays = []  # type: List[Any]
    text = np.frombuffer(json.dumps(_pack(values, arrays)).encode(), dtype=np.uint8)
    return store.put(lambda file: np.savez(file, text=text, **{"a%d" % place: array for place, array in enumerate(arrays)}))


def _get_values(store: _Store, blob: str) -> Dict[str, Any]:
    import numpy as np

    with np.load(store.blob(blob), allow_pickle=False) as found:
        arrays = [found["a%d" % place] for place in range(len(found.files) - 1)]
        values = _unpack(json.loads(found["text"].tobytes().decode()), arrays)  # type: Dict[str, Any]
        return values


# What Keras works out anew when it starts: put back, min_delta would change its sign twice.
_NOT_PROGRESS = ("model", "_model", "params", "_params", "min_delta", "append", "append_header")


class _Plain:
    """What an object's attributes hold of numbers, texts, arrays, and containers of such. Long ones count only once they have changed."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing
        self.signs = {name: sign for name, _, sign in self._each() if sign is not None}

    def _each(self) -> Iterator[Any]:
        for name, value in getattr(self.thing, "__dict__", {}).items():
            if name not in _NOT_PROGRESS and not isinstance(value, str):
                arrays = []  # type: List[Any]
                with contextlib.suppress(TypeError):
                    text = json.dumps(_pack(value, arrays))
                    size = len(text) + sum(array.nbytes for array in arrays)
                    if size < 1 << 24:
                        yield name, value, None if size < 1 << 12 else _sum_of(text, arrays)

    def state(self) -> Dict[str, Any]:
        return {name: value for name, value, sign in self._each() if sign is None or sign != self.signs.get(name)}

    def put_back(self, state: Dict[str, Any]) -> None:
        """Set the attributes that ``state`` gave, in the same lists and dictionaries. What is no plain value by now stays."""
        present = {name: value for name, value, _ in self._each()}
        for name, value in state.items():
            if isinstance(value, list) and isinstance(present.get(name), list):
                present[name][:] = value
            elif isinstance(value, dict) and isinstance(present.get(name), dict):
                present[name].clear()
                present[name].update(value)
            elif name in present or not hasattr(self.thing, name):
                setattr(self.thing, name, value)


def _sum_of(text: str, arrays: List[Any]) -> str:
    digest = hashlib.sha256(text.encode())
    for array in arrays:
        digest.update(array.tobytes())
    return digest.hexdigest()
