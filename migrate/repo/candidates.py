"""Which files are worth parsing: a look at the bytes that keeps every training script."""

from __future__ import annotations

import re

# Code that runs at top level, and a word or call of training. Names of frameworks do not count: scripts train through wrappers.
# Every pattern starts with the line's end before it: ``re`` looks for one fixed character much faster than for a line's start.
_CALL = re.compile(rb"\n(?:__name__\b|[A-Za-z_][\w.]*(?:\[[^\]\n]*\])?[ ]?\(|@[\w.]+\.automain|await )")
_NO_CALL = re.compile(rb"\n(?:if|elif|while|for|with|except|assert|return|raise|del|import|from|class|def|and|or|not|in) ?\(")
_BLOCK = re.compile(rb"\n(?:for|while|with|if|elif|else|try|except|finally|async)\b")
_ACT_ASSIGNED = re.compile(rb"\n[A-Za-z_(\[][^\n=]*=[^\n]*?(?:train|fit|learn|minimize|run|main|solve|optimi|grad)\w*\(", re.IGNORECASE)
_STATEMENT = re.compile(rb"[ \t]+(?!(?:import|from|class|raise|pass|def|assert|@|#)\b)(?:[^\n#]*[\w\])])\(")
_WORDS = (
    b"train",
    b"learn",
    b"fit",
    b"backward",
    b"minimize",
    b"grad",
    b"optimi",
    b"epoch",
    b"solver",
    b"step(",
    b"fine_tun",
    b"finetun",
)
_LOCAL_START = re.compile(rb"\n[ \t]*(?:from\s+[\w.]+\s+import|import\s+\w)")
THIN = 6_000  # bytes: a front this small may leave all the training to what it imports, and hold no word of it


def runs(source: bytes) -> bool:
    """Whether code runs at the top level of ``source``, beyond definitions, imports and plain assignments."""
    if b"__main__" in source:
        return True
    text = b"\n" + source if b"\r" not in source else b"\n" + source.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for call in _CALL.finditer(text):
        if _NO_CALL.match(text, call.start()) is None:
            return True
    return _ACT_ASSIGNED.search(text) is not None or any(_block_calls(text, block.end()) for block in _BLOCK.finditer(text))


def _block_calls(source: bytes, at: int) -> bool:
    """Whether the block whose first line goes on at ``at`` holds a statement that calls something."""
    end = source.find(b"\n", at)
    colon = source.find(b":", at, end if end != -1 else len(source))
    rest = source[colon + 1 : end if end != -1 else len(source)].strip()
    if colon != -1 and rest and not rest.startswith(b"#") and b"(" in rest:
        return True  # all on one line
    while end != -1:
        start = end + 1
        end = source.find(b"\n", start)
        first = source[start : start + 1]
        if first in (b" ", b"\t"):
            if _STATEMENT.match(source, start, end if end != -1 else len(source)):
                return True
        elif first not in (b"\n", b"#"):
            return False
    return False


def may_train(source: bytes) -> bool:
    """Whether ``source`` may be a training script. It loses none; many that pass are none."""
    small = source.lower()
    if not any(word in small for word in _WORDS):
        return len(source) <= THIN and runs(source) and _LOCAL_START.search(b"\n" + source) is not None
    return runs(source)
