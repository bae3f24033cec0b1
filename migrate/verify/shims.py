"""Stand-ins for programs that a training script must not reach from here. Each notes its call; none does anything.

``aws`` fails as it does without credentials; ``shutdown`` and its kin succeed, as the caller expects of them; ``sudo`` is not in
SageMaker's images at all, so it succeeds only for those, and is "not found" for anything else.
"""

from __future__ import annotations

import shlex
from pathlib import Path

_POWER = ("shutdown", "reboot", "poweroff", "halt")
_BODIES = {
    "aws": 'echo "Unable to locate credentials (the aws command is turned off by migrate verify)" >&2\nexit 253',
    "sudo": 'for word in "$@"; do case "${word##*/}" in shutdown|reboot|poweroff|halt) exit 0;; -*) ;; *) break;; esac; done\n'
    'echo "sudo: not found (SageMaker images have none)" >&2\nexit 127',
    **dict.fromkeys(_POWER, "exit 0"),
}


def write(folder: Path, log: Path) -> None:
    """Write the stand-ins into ``folder``; each appends one line to ``log``, as the script would find it, when it is called."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, body in _BODIES.items():
        path = folder / name
        note = f"printf '%s\\n' \"{name} $*\" >> {shlex.quote(log.as_posix())}"
        path.write_text(f"#!/bin/sh\n{note}\n{body}\n", encoding="utf-8")
        path.chmod(0o755)


def calls(log: Path) -> list[str]:
    """The calls so far, as they were written."""
    if not log.exists():
        return []
    return log.read_text(encoding="utf-8", errors="replace").splitlines()[:100]
