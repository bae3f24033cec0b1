"""What two files hold, compared value by value. Run by the script's own Python, which has its packages; never imported by the tool.

    python contents.py FOLDER FOLDER TOLERANCE SMALLEST < {"a.pt": "b.pt"} > {"a.pt": {"faults": ..., "texts": ..., "largest": ...}}

Nothing of a file is executed: torch loads weights only, NumPy loads no objects, and what is pickled is read with stand-ins for classes.
Python 3.8 and later; a package that is not there leaves its files to be compared by their bytes.
"""

from __future__ import annotations

import gzip
import io
import json
import math
import os
import pickle
import re
import struct
import sys
import zipfile
from collections.abc import Iterator
from typing import Any

_UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    RuntimeError,
    struct.error,
    zipfile.BadZipFile,
)
# Single values of such a name say when, how fast, or at which address; not what.
_TIMES = re.compile(
    r"(?:^|[^a-z])(?:elapsed|elapsed_time|wall_?time|time|timestamp|duration|date|date_saved|runtime|\w+_per_second|shared_object_id)(?:\.npy)?$",
    re.IGNORECASE,
)
_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1", "BOOL": "?"}
_ID = re.compile(r"(?:^|[^a-z])id$", re.IGNORECASE)
_MOST = 100  # places that one file's report holds


class Stand:
    """Stands in for any object of a pickle: keeps what it is made of, and runs nothing."""

    def __init__(self, name: str, *parts: Any) -> None:
        self.name, self.parts, self.state = name, parts, None  # type: Any, Any, Any
        self.items = []  # type: Any
        self.pairs = {}  # type: Any

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        self.pairs[repr(key)] = value

    def append(self, item: Any) -> None:
        self.items.append(item)

    def extend(self, items: Any) -> None:
        self.items.extend(items)

    add = append


class _Inert(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        full = f"{module}.{name}"

        class Made(Stand):
            def __new__(cls, *parts: Any, **named: Any) -> Any:
                made = object.__new__(cls)
                Stand.__init__(made, full, *parts, *([named] if named else []))
                return made

            def __init__(self, *parts: Any, **named: Any) -> None:
                pass  # not every object of a pickle comes by here

        return Made

    def persistent_load(self, pid: Any) -> Any:
        return Stand("persistent", pid)


def load(data: bytes, name: str) -> Any:
    """The values in a file, as nested dicts, lists, arrays and scalars; the bytes themselves where it says nothing to us."""
    try:
        if data[:4] == b"PK\x03\x04":
            return _archive(data, name)
        if data[:6] == b"\x93NUMPY":
            return _module("numpy").load(io.BytesIO(data), allow_pickle=False)
        if data[:8] == b"\x89HDF\r\n\x1a\n":
            return _hdf5(data)
        if data[:2] == b"\x1f\x8b":
            return load(gzip.decompress(data), name)
        if name.endswith(".safetensors"):
            return _safetensors(data)
        if name.endswith(".json"):
            return json.loads(data)
        if data[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"):
            return _pickled(data)
    except (*_UNREADABLE, pickle.UnpicklingError, ImportError):
        return data
    return data


def _module(name: str) -> Any:
    import importlib

    return importlib.import_module(name)


def _archive(data: bytes, name: str) -> Any:
    archive = zipfile.ZipFile(io.BytesIO(data))
    members = archive.namelist()
    torch = any(member.endswith("/data.pkl") for member in members)
    if torch:
        try:
            return _module("torch").load(io.BytesIO(data), map_location="cpu", weights_only=True)
        except (*_UNREADABLE, pickle.UnpicklingError, ImportError):
            pass  # a whole model, not weights alone: its parts
    names = {member: member.partition("/")[2] if torch else member for member in members}  # torch puts the file's own name before
    members = [member for member in members if not member.endswith(("/", "/serialization_id"))]  # torch numbers its savings
    return {names[member]: _member(archive.read(member), member) for member in members}


def _member(data: bytes, name: str) -> Any:
    return _pickled(data) if name.endswith(".pkl") else load(data, name)


def _hdf5(data: bytes) -> Any:
    found = {}
    with _module("h5py").File(io.BytesIO(data), "r") as file:

        def visit(name: str, item: Any) -> None:
            if hasattr(item, "dtype"):
                found[name] = item[()]

        file.visititems(visit)
    return found


def _safetensors(data: bytes) -> Any:
    numpy = _module("numpy")
    length = struct.unpack("<Q", data[:8])[0]
    header, start, out = json.loads(data[8 : 8 + length]), 8 + length, {}
    for name, told in header.items():
        if name == "__metadata__":
            out[name] = told
            continue
        begin, end = told["data_offsets"]
        raw = data[start + begin : start + end]
        known = _DTYPES.get(told["dtype"])
        out[name] = numpy.frombuffer(raw, known).reshape(told["shape"]) if known else raw
    return out


def _pickled(data: bytes) -> Any:
    if data[2:12] == b"\x8a\nl\xfc\x9cF\xf9 j\xa8":  # torch before 1.6
        return _module("torch").load(io.BytesIO(data), map_location="cpu", weights_only=True)
    return _Inert(io.BytesIO(data)).load()


def leaves(value: Any, name: str = "", above: tuple[int, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every array and scalar below a value, with its place in words."""
    if id(value) in above:
        yield name, "(itself)"
        return
    above = (*above, id(value))
    array = _pickled_array(value)
    if array is not None:
        yield name, array
    elif isinstance(value, Stand):
        yield f"{name} class", value.name
        parts = {"": value.parts, "state": value.state, "items": value.items, "pairs": value.pairs}
        for key, part in parts.items():
            if part:
                yield from leaves(part, f"{name}.{key}" if key else name, above)
    elif isinstance(value, dict):
        for key in value:
            yield from leaves(value[key], f"{name}.{key}" if name else str(key), above)
    elif isinstance(value, (list, tuple)):
        yield f"{name} length", len(value)
        for number, item in enumerate(value):
            yield from leaves(item, f"{name}[{number}]", above)
    elif isinstance(value, (set, frozenset)):
        yield from leaves(sorted(map(repr, value)), name, above)
    else:
        yield name, value


def _pickled_array(value: Any) -> Any:
    """The NumPy array that a stand-in stands for; None for anything else."""
    if not isinstance(value, Stand) or not value.name.endswith("._reconstruct"):
        return None
    try:
        shape, dtype, fortran, data = value.state[1:]
        numpy = _module("numpy")
        kind = numpy.dtype(dtype.parts[0]).newbyteorder(dtype.state[1])
        return None if kind.hasobject else numpy.frombuffer(data, kind).reshape(shape, order="F" if fortran else "C")
    except (*_UNREADABLE, ImportError):
        return None


def compare(left: Any, right: Any, relative: float, smallest: float) -> dict[str, Any]:
    """``faults`` are places that differ, in words, and whether more than one value does; ``texts`` are for the caller to judge."""
    one, other = dict(leaves(left)), dict(leaves(right))
    out: dict[str, Any] = {"faults": [], "texts": [], "largest": 0.0}
    for place in [*one, *(place for place in other if place not in one)]:
        if len(out["faults"]) >= _MOST:
            out["faults"].append(["", f"{_MOST} values and more differ", True])
            break
        if place not in one or place not in other:
            out["faults"].append([place, f"{place or 'it'} is in only one of the two", True])
        elif not (_says_when(place, one[place]) and _says_when(place, other[place])):
            _note(out, place, one[place], other[place], _beside(one[place], other[place], relative, smallest))
    return out


def _note(out: dict[str, Any], place: str, left: Any, right: Any, found: float | str) -> None:
    words = _words(left), _words(right)
    if isinstance(found, float):
        out["largest"] = max(out["largest"], found)
    elif words[0] is not None and words[1] is not None:
        out["texts"].append([place, *words])
    else:
        text = place + ("" if found.startswith("[") else ": " if place else "") + found
        out["faults"].append([place, text, isinstance(left, bytes) or getattr(left, "size", 1) != 1])


def _says_when(place: str, leaf: Any) -> bool:
    """Whether a single value is a time, by its name, or the address of an object: no result."""
    if _TIMES.search(place):
        return getattr(leaf, "size", 1) == 1
    return bool(_ID.search(place)) and type(leaf) is int and leaf > 1 << 32


def _words(leaf: Any) -> str | None:
    """The text that a leaf holds, which may tell of the time: text itself, or an array of it."""
    if isinstance(leaf, str):
        return leaf
    if getattr(getattr(leaf, "dtype", None), "kind", "") in ("U", "S"):
        return "\n".join(str(item) for item in leaf.ravel().tolist())
    return None


def _beside(left: Any, right: Any, relative: float, smallest: float) -> float | str:
    """The largest relative difference of two leaves, 0 where they are the same; in words where they differ."""
    if hasattr(left, "detach") and hasattr(right, "detach"):
        left, right = _plain(left), _plain(right)
    if hasattr(left, "shape") and hasattr(right, "shape"):
        return _arrays(left, right, relative, smallest)
    if isinstance(left, bytes) and isinstance(right, bytes) and left != right:
        at = next((n for n in range(min(len(left), len(right))) if left[n] != right[n]), min(len(left), len(right)))
        return f"byte {at} of {len(left)}"
    if isinstance(left, float) and isinstance(right, float):
        if left == right or (math.isnan(left) and math.isnan(right)):
            return 0.0
        share = abs(left - right) / max(abs(left), 1e-300)
        return share if abs(left - right) <= smallest + relative * abs(left) else f"{right!r} instead of {left!r}"
    if type(left) is type(right) and left == right:
        return 0.0
    return 0.0 if repr(left) == repr(right) and not hasattr(left, "shape") else f"{right!r:.60} instead of {left!r:.60}"


def _plain(tensor: Any) -> Any:
    tensor = tensor.detach().cpu()
    if tensor.is_sparse or tensor.is_quantized:
        tensor = tensor.to_dense() if tensor.is_sparse else tensor.int_repr()
    try:
        return tensor.numpy()
    except TypeError:  # bfloat16 and smaller: float32 holds all their values
        return tensor.float().numpy()


def _arrays(left: Any, right: Any, relative: float, smallest: float) -> float | str:
    if left.shape != right.shape or left.dtype != right.dtype:
        return f"{right.dtype}{list(right.shape)} instead of {left.dtype}{list(left.shape)}"
    if left.tobytes() == right.tobytes():
        return 0.0
    numpy = _module("numpy")
    same = (left == right) | ((left != left) & (right != right))
    if numpy.all(same):
        return 0.0
    at = tuple(int(n) for n in numpy.argwhere(~same)[0])
    words = f"{list(at)}: {right[at]!s} instead of {left[at]!s}" if at else f"{right!s} instead of {left!s}"
    count = int((~same).sum())
    words += f" ({count} of {left.size} values differ)"
    if left.dtype.kind not in "fc":
        return words
    gap, size = numpy.abs(right - left), numpy.abs(left)
    if not numpy.all(same | (gap <= smallest + relative * size)):
        return words
    return float(numpy.max(numpy.where(same, 0, gap / numpy.maximum(size, 1e-30))))


def main() -> None:
    left, right, relative, smallest = sys.argv[1:]
    out = {}
    for name, other in json.load(sys.stdin).items():
        told = []
        for path in (os.path.join(left, name), os.path.join(right, other)):
            with open(path, "rb") as file:
                told.append(file.read())
        out[name] = compare(load(told[0], name), load(told[1], name), float(relative), float(smallest))
    json.dump(out, sys.stdout)


if __name__ == "__main__":
    del sys.path[0]  # this folder: its modules are not for the packages that are imported here
    main()
