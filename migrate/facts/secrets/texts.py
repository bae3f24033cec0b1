"""What makes a text a secret: patterns of known keys, or a name that says so. The patterns are detect-secrets' (patterns.json)."""

from __future__ import annotations

import functools
import importlib.resources
import json
import re
from collections.abc import Iterator
from typing import Any

# Kinds that detect-secrets does not know: (kind, pattern).
_MORE = (
    ("Hugging Face token", r"\bhf_[A-Za-z0-9]{30,}"),
    ("Weights & Biases key", r"\bwandb_v\d+_[A-Za-z0-9_]{40,}"),
    ("GitHub token", r"\bgithub_pat_[A-Za-z0-9_]{60,}"),
    ("Google API key", r"\bAIza[A-Za-z0-9_-]{35}"),
)
# Words of detect-secrets that name other things in training code (pwd: the working folder), and words that it lacks.
_NOT = ("pwd", "contraseña", "contrasena")
_WORDS = r"access_?key|secret_?key|passphrase|webhook(?:_?ur[li])?|(?:access|api|auth|bearer|bot|hf|hub|git(?:hub|lab)|slack|wandb)_?token"
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# A cheap sign of a line worth looking at: a long word, or an address with a password.
_WORTH = re.compile(r"[A-Za-z0-9_+/=.\-]{16,}|://[^\s/'\"]*:[^\s/'\"]*@|PRIVATE KEY|PuTTY")
_REST = re.compile(r"[A-Za-z0-9_+/=.\-]*")  # what a pattern may have left of a token
_NO_SECRET = re.compile(
    r"example|your|change.?me|placeholder|replace|insert|dummy|fake|redacted|xxx|\*\*\*|\.\.\.|<|>|\$[\w({]|\{|%s|%\(|arn:|env[.(]",
    re.IGNORECASE,
)
_A_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|[a-z]+(?:_[a-z]+)+")  # the name of one, not what it holds
_A_PATH = re.compile(r"[~./\\]|https?://|.*\.(?:env|json|key|pem|toml|txt|ya?ml)$")


@functools.cache
def _tables() -> Any:
    return json.loads(importlib.resources.files("migrate.facts.secrets").joinpath("patterns.json").read_text("utf-8"))


@functools.cache
def _patterns() -> list[tuple[str, re.Pattern[str], int]]:
    known = [(e["kind"], re.compile(e["pattern"], re.IGNORECASE if e["any_case"] else 0), e["group"]) for e in _tables()["patterns"]]
    return known + [(kind, re.compile(pattern), 0) for kind, pattern in _MORE]


@functools.cache
def _names() -> re.Pattern[str]:
    words = [word for word in _tables()["words"] if word not in _NOT]
    return re.compile(rf"(?:^|_)(?:{'|'.join(words)}|{_WORDS})$")


def names_a_secret(name: str) -> bool:
    """Whether a variable, option or key of that name holds a secret: ``WANDB_API_KEY``, ``--db-password``; not ``secret_name``."""
    plain = _HUMP.sub("_", name).lower().replace("-", "_").replace(".", "_").strip("_")
    return _names().search(plain) is not None


# Files and folders where programs of the EC2 machine keep what lets them in, by the names that those programs give them.
_KEPT_IN = re.compile(
    r"(?:^|/)\.(?:aws|ssh|kaggle|gnupg|azure)/|(?:^|/)(?:\.netrc|\.pgpass|\.env|id_rsa|id_ed25519|kaggle\.json)$|\.(?:pem|ppk)$"
)
_FILE_OF = re.compile(r"_(?:file|path|filename|fname|json|txt)$")


def is_secret_file(path: str) -> bool:
    """Whether a file holds a secret, by its name or that of its option: ``~/.aws/credentials``, ``password.txt``, ``api_key_file``."""
    last = path.rpartition("/")[2]
    stem = _FILE_OF.sub("", (last.rpartition(".")[0] or last).lower().replace("-", "_"))
    return _KEPT_IN.search(path) is not None or names_a_secret(stem) or re.search(r"(?:^|_)(?:credentials?|passwords?)$", stem) is not None


def known_secrets(text: str) -> Iterator[tuple[str, str]]:
    """(kind, value) of each key whose form is known, in one line."""
    if not _WORTH.search(text):
        return
    for kind, pattern, group in _patterns():
        for match in pattern.finditer(text):
            value = match[group] if group else match[0] + _REST.match(text, match.end())[0]  # type: ignore[index]
            if value and not _NO_SECRET.search(value):
                yield kind, value


def looks_meant(value: str) -> bool:
    """Whether a text that is called a secret is one: no placeholder, no path, no name of a variable."""
    if len(value) < 6 or re.search(r"\s", value) or len(set(value)) < 4:
        return False
    return not (_NO_SECRET.search(value) or _A_VARIABLE.fullmatch(value) or _A_PATH.match(value) or names_a_secret(value))


def is_secret(name: str | None, value: object) -> bool:
    """Whether ``value`` under ``name`` is a secret, by its form or by its name."""
    if not isinstance(value, str):
        return False
    quoted = f'{name or ""} = "{value}"'
    return next(known_secrets(quoted), None) is not None or (name is not None and names_a_secret(name) and looks_meant(value))
