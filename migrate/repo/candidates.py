"""Which files are worth parsing: a look at the bytes that keeps every training script."""

from __future__ import annotations

import re

# Code that runs at top level, and a word or call of training. Names of frameworks do not count: scripts train through wrappers of their
# own.
_CALL = re.compile(rb"^(?:__name__|[A-Za-z_][\w.]*(?:\[[^\]\n]*\])?\()|__main__|^@[\w.]+\.automain|^await ", re.MULTILINE)
_BLOCK = re.compile(rb"^(?:for|while|with|if|elif|else|try|async)\b", re.MULTILINE)
_INDENTED_CALL = re.compile(rb"[\w\])]\(")
_ACT_ASSIGNED = re.compile(
    rb"^[A-Za-z_][^\n=]*=[^\n]*(?:train|fit|learn|minimize|run|main|solve|optimi)\w*\(", re.MULTILINE | re.IGNORECASE
)
_TRAINS = re.compile(rb"train|learn|[^a-z]fit|backward|minimize|gradient|optimi[sz]|epoch|solver|\bstep\(|fine_?tun", re.IGNORECASE)
_LOCAL_START = re.compile(rb"^\s*(?:from\s+[\w.]+\s+import|import\s+\w)", re.MULTILINE)
THIN = 6_000  # bytes: a front this small may leave all the training to what it imports, and hold no word of it


def runs(source: bytes) -> bool:
    """Whether code runs at the top level of ``source``, beyond definitions, imports and plain assignments."""
    if _CALL.search(source) is not None or _ACT_ASSIGNED.search(source) is not None:
        return True
    return any(_block_calls(source, block.end()) for block in _BLOCK.finditer(source))


def _block_calls(source: bytes, at: int) -> bool:
    end = source.find(b"\n", at)
    if end == -1:
        end = len(source)
    if _INDENTED_CALL.search(source, at, end):
        return True
    while end < len(source):
        start = end + 1
        end = source.find(b"\n", start)
        if end == -1:
            end = len(source)
        first = source[start : start + 1]
        if first in b" \t" and first:
            if _INDENTED_CALL.search(source, start, end):
                return True
        elif first not in (b"\n", b"\r", b"#", b""):
            return False
    return False


def may_train(source: bytes) -> bool:
    """Whether ``source`` may be a training script. It loses none; many that pass are none."""
    if _TRAINS.search(source) is None:
        return len(source) <= THIN and runs(source) and _LOCAL_START.search(source) is not None
    return runs(source)
