"""What the argument parsers of the script made of the hyperparameters that were sent. Loaded by the probe, inside the run.

``argparse`` is watched, not changed: each outermost ``parse_args`` / ``parse_known_args`` is noted with its namespace, and each
hyperparameter is compared with what the same parser makes of the same value when a person types it on EC2.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

_MISSING = object()
_PLAIN = (bool, int, float, str, type(None))


def watch(argparse: Any, probe: Any) -> None:
    """Wrap the parser class of a freshly loaded ``argparse``."""
    cls = argparse.ArgumentParser
    state = threading.local()
    claimed: dict[str, bool] = {}
    real_known, real_strict, real_error = cls.parse_known_args, cls.parse_args, cls.error

    def outermost(real: Any, strict: bool) -> Any:
        def parse(self: Any, *args: Any, **kwargs: Any) -> Any:
            if getattr(state, "depth", 0):
                return real(self, *args, **kwargs)
            state.depth = 1
            probe.tell("parser", actions=facts(argparse, self, probe.spec["sent"]), commands=commands(argparse, self, probe.spec["sent"]))
            try:
                result = real(self, *args, **kwargs)
            finally:
                state.depth = 0
            namespace = result if strict else result[0]
            argv = args[0] if args else kwargs.get("args")
            judge(self, namespace, argv, strict)
            return result

        return parse

    def judge(parser: Any, namespace: Any, argv: Any, strict: bool) -> None:
        results = compare(argparse, parser, namespace, probe.spec["sent"])
        for result in results:
            claimed[result["name"]] = True
        told = list(sys.argv[1:] if argv is None else argv)
        probe.tell(
            "parsed", argv=told, namespace=plain(getattr(namespace, "__dict__", {})), results=results, strict=strict, where=probe.where()
        )
        done = all(sent["name"] in claimed for sent in probe.spec["sent"])
        if probe.spec["stop"] and (done or (strict and results)):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)

    def error(self: Any, message: str) -> Any:
        if getattr(state, "depth", 0):
            probe.tell("refused", message=message, prog=self.prog, argv=list(sys.argv[1:]), where=probe.where())
        return real_error(self, message)

    for name, real, strict in (("parse_known_args", real_known, False), ("parse_args", real_strict, True)):
        wrapper = outermost(real, strict)
        wrapper.__name__, wrapper.__qualname__, wrapper.__doc__ = real.__name__, real.__qualname__, real.__doc__
        setattr(cls, name, wrapper)
    cls.error = error


def facts(argparse: Any, parser: Any, sent: list[dict[str, Any]]) -> dict[str, Any]:
    """What the live parser says of each option that was sent: choices and kinds that only exist at run time."""
    out = {}
    for owner in chosen(argparse, parser, argparse.Namespace()):
        for item in sent:
            action = find(argparse, owner, item)
            if action is not None and item["name"] not in out:
                choices = [choice for choice in list(action.choices or ())[:1000] if isinstance(choice, _PLAIN)]
                out[item["name"]] = {
                    "choices": choices,
                    "flag": action.nargs == 0,
                    "spelt": spelt(action, item),
                    "const": action.const if isinstance(action.const, _PLAIN) else None,
                    "count": isinstance(action, argparse._CountAction),
                    "default": action.default if isinstance(action.default, _PLAIN) else None,
                    "command": isinstance(action, argparse._SubParsersAction),
                }
    return out


def commands(argparse: Any, parser: Any, sent: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The subcommands of this parser, and which of the settings each of them knows, the parser itself under ""."""
    out = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            known = {"": [item["name"] for item in sent if find(argparse, parser, item)]}
            for name, sub in action.choices.items():
                below = chosen(argparse, sub, argparse.Namespace())
                known[name] = [item["name"] for item in sent if any(find(argparse, owner, item) for owner in below)]
            out.append({"dest": "command" if action.dest == argparse.SUPPRESS else action.dest, "known": known})
    return out


def compare(argparse: Any, parser: Any, namespace: Any, sent: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One result for each hyperparameter that this parser, or the subcommand it chose, knows."""
    parsers = chosen(argparse, parser, namespace)
    out = []
    for item in sent:
        for owner in parsers:
            action = find(argparse, owner, item)
            if action is not None:
                got = getattr(namespace, action.dest, _MISSING)
                want = expected(argparse, owner, action, item)
                if isinstance(action, argparse._SubParsersAction) and action.dest == argparse.SUPPRESS:
                    got = want  # argparse keeps the name of the command nowhere
                ok = want is not _MISSING and got is not _MISSING and same(got, want)
                out.append({"name": item["name"], "dest": action.dest, "ok": ok, "got": show(got), "expected": show(want)})
                break
    return out


def chosen(argparse: Any, parser: Any, namespace: Any) -> list[Any]:
    """The parser and the subparsers that the namespace names."""
    out = [parser]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            name = getattr(namespace, action.dest, None) if action.dest != argparse.SUPPRESS else None
            subs = [action.choices[name]] if name in action.choices else ([] if name else list(action.choices.values()))
            for sub in subs:
                out += chosen(argparse, sub, namespace)
    return out


def find(argparse: Any, parser: Any, item: dict[str, Any]) -> Any | None:
    for option in item["options"]:
        if option in parser._option_string_actions:
            return parser._option_string_actions[option]
    for action in parser._actions:
        if not action.option_strings and action.dest == item["dest"]:
            return action
        if isinstance(action, argparse._SubParsersAction) and item["name"] == "command":
            return action
    return None


def expected(argparse: Any, parser: Any, action: Any, item: dict[str, Any]) -> Any:
    """What a person who types the value on EC2 gets; ``type=bool`` alone means the value itself (False arrives as False)."""
    value = item["value"]
    if isinstance(action, argparse._SubParsersAction):
        return value
    if action.nargs == 0:
        return _flag(parser, action, item)
    if action.type is bool and isinstance(value, bool):
        return value
    try:
        if isinstance(value, list):
            values = [parser._get_value(action, text(part)) for part in value]
        else:
            values = parser._get_value(action, text(value))
            if isinstance(action.nargs, int) or action.nargs in ("*", "+"):
                values = [values]
        if isinstance(action, argparse._StoreAction):
            return values
        blank = argparse.Namespace(**{action.dest: action.default})
        action(parser, blank, values, (action.option_strings or [None])[0])
        return getattr(blank, action.dest, _MISSING)
    except (argparse.ArgumentError, argparse.ArgumentTypeError, TypeError, ValueError):
        return _MISSING


def _flag(parser: Any, action: Any, item: dict[str, Any]) -> Any:
    """A flag: under its own spelling the key means "present"; under another name it means the value of ``dest``."""
    value = item["value"]
    if not spelt(action, item) or type(action).__name__ == "BooleanOptionalAction" or not isinstance(value, bool):
        return value
    if value:
        const = getattr(action, "const", True)
        return [*(action.default or []), const] if type(action).__name__ == "_AppendConstAction" else const
    # absent: unless another flag of the same dest says False
    off = [other for other in parser._actions if other.dest == action.dest and other.nargs == 0 and other is not action]
    return False if any(other.const is False for other in off) else action.default


def spelt(action: Any, item: dict[str, Any]) -> bool:
    """Whether the key is spelt as one of the option's own spellings."""
    key = item["name"].replace("_", "-")
    return any(option.lstrip("-").replace("_", "-") == key for option in action.option_strings)


def text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def same(left: Any, right: Any) -> bool:
    """Equal in value and in type; a NaN equals itself."""
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right))  # noqa: B905  (strict= came with 3.10)
    if type(left) is not type(right):
        return False
    try:
        return bool(left == right) or bool(left != left and right != right)
    except (TypeError, ValueError):
        return repr(left) == repr(right)


def show(value: Any) -> str:
    return "nothing" if value is _MISSING else repr(value)[:200]


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """The namespace as JSON: plain values as they are, the rest as their ``repr``."""
    return {str(key): value if isinstance(value, _PLAIN) else repr(value)[:200] for key, value in list(values.items())[:500]}
