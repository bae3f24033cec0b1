"""What the job leaves behind: the model folder, and ``model.tar.gz`` as SageMaker would pack it."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from migrate.verify import snapshot
from migrate.verify.model import Check, Evidence

if TYPE_CHECKING:
    from migrate.verify.stage import Seen

_MOST = 50
_PACKED = 64 << 20  # bytes: packing more takes longer than it tells


class _Counter(io.RawIOBase):
    """Takes bytes and remembers how many."""

    total = 0

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.total += len(data)
        return len(data)


def check(seen: Seen) -> Check:
    """The verdict on the model folder, with the size of the two archives."""
    run, files = seen.run, seen.run.model_files
    total = sum(size for _, size in files)
    evidence = tuple(Evidence(f"{name}: {size} bytes") for name, size in files[:_MOST])
    if not files and run.exit_code != 0:
        return Check("model", run.style, "not run", "the script ended before it saved a model")
    if not files:
        text = "the model folder is empty: model.tar.gz would hold nothing"
        return Check("model", run.style, "fail", text, advice="save the model below SM_MODEL_DIR")
    if not total:
        return Check("model", run.style, "fail", "the model folder holds only empty files", evidence)
    text = (
        f"{len(files)} file{'s' * (len(files) > 1)}, {total} bytes in the model folder; model.tar.gz: {_packed(seen.layout.model, total)}"
    )
    output = seen.layout.base / "output" / "data"
    others = snapshot.take(output)
    if others:
        size = sum(item.size for item in others.values())
        text += f"; output.tar.gz: {len(others)} file{'s' * (len(others) > 1)}, {_packed(output, size)}"
    return Check("model", run.style, "pass", text, evidence)


def _packed(folder: Path, total: int) -> str:
    if total > _PACKED:
        return f"at most {total} bytes (not packed here: that takes a while)"
    counter = _Counter()
    with gzip.GzipFile(fileobj=counter, mode="wb", compresslevel=6) as packed, tarfile.open(fileobj=packed, mode="w|") as archive:
        archive.add(folder, arcname=".")
    return f"{counter.total} bytes"
