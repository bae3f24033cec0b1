"""The command line for flags of absl, or of TensorFlow 1: ``sys.argv[1:] = sagemaker_flags(FLAGS)`` before they are read.

A list becomes a text with commas, or the flag again for each item where it takes several; None means "not given".
"""

import os
import sys
from typing import Any, Dict, List, Optional

from migrate.runtime.sagemaker_support import _PLATFORM, _encode, _name, _parts, _Setting, _settings


def sagemaker_flags(flags: Any) -> List[str]:
    """``sys.argv[1:]`` with SageMaker's hyperparameters as ``flags``, the object of all flags, read them."""
    tokens = list(sys.argv[1:])
    if os.environ.get("SM_ENTRY_SCRIPT", "set") in ("", "null"):
        return tokens
    settings = _settings(tokens)
    if not settings:
        return tokens
    try:
        known = {name: flags[name] for name in flags}  # type: Optional[Dict[str, Any]]
    except (TypeError, KeyError):  # TensorFlow before 1.5 does not list its flags, and passes over those that it does not know
        known = None
    line = []  # type: List[str]
    for part in _parts(tokens, settings):
        line += _flag_texts(known, part) if isinstance(part, _Setting) else [part]
    return line


def _flag_texts(known: Optional[Dict[str, Any]], s: _Setting) -> List[str]:
    name = next((name for name in known or {} if _name(name) == _name(s.key)), s.key)
    flag = (known or {}).get(name)
    if s.value is None or (known is not None and flag is None and _PLATFORM.fullmatch(s.key)):
        return []
    parser = getattr(flag, "parser", None)
    if s.text == "" and type(parser).__name__ in ("IntegerParser", "FloatParser", "BooleanParser"):
        return []  # None, as version 2 of the SDK writes it
    text = s.text
    if isinstance(s.value, list) and type(flag).__name__.startswith("Multi"):
        return ["--%s=%s" % (name, _encode(item)) for item in s.value]
    if isinstance(s.value, list):
        text = (" " if getattr(parser, "_token", ",") is None else ",").join(map(_encode, s.value))
    elif isinstance(s.value, dict):
        text = ",".join("%s=%s" % (key, _encode(item)) for key, item in s.value.items())
    return ["--%s=%s" % (name, text)]
