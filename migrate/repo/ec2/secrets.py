"""Values that nobody may see, taken out of what is kept of the EC2 side (no secret is ever written)."""

from __future__ import annotations

import re

_NAME = r"[\w-]*(?:secret|token|passw(?:or)?d|passwd|api[_-]?key|access[_-]?key|webhook|credential|private[_-]?key)[\w-]*"
SECRET_NAME = re.compile(_NAME, re.IGNORECASE)
_PAIR = re.compile(rf"(?i)((?:--?)?{_NAME}(?:\s*=\s*|\s+|:\s*))((?!-)(?:\"[^\"]*\"|'[^']*'|\S+))")
_VALUE = re.compile(
    r"(?:AKIA|ASIA)[A-Z0-9]{16}|https://hooks\.slack\.com/\S+|xox[abprs]-[\w-]+|hf_[A-Za-z0-9]{20,}|gh[pousr]_[A-Za-z0-9]{20,}"
    r"|sk-[A-Za-z0-9_-]{20,}|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)|\b[0-9a-f]{40}\b"
)
HIDDEN = "***"


def hidden(text: str) -> str:
    """``text`` with ``***`` in place of what is, or is named as, a secret. A variable (``$TOKEN``) stays."""
    shown = _PAIR.sub(lambda match: match[0] if match[2].lstrip("\"'").startswith("$") else f"{match[1]}{HIDDEN}", text)
    return _VALUE.sub(HIDDEN, shown)


def is_secret(name: str, value: str) -> bool:
    """Whether a setting of this name and value is a secret that stands in the file itself."""
    return bool(value) and not value.startswith("$") and (SECRET_NAME.fullmatch(name) is not None or _VALUE.search(value) is not None)
