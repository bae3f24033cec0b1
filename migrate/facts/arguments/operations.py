"""Operations on plain data that building a command line uses: they are done on values read from the source, never by running it."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Sequence
from typing import Any

from migrate.facts.arguments.objects import UNKNOWN, External, Unknown, is_plain

LARGEST = 10_000  # items or characters; beyond, a value is not followed

BINARY: dict[type[ast.operator], Callable[[Any, Any], object]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitOr: operator.or_,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
}
COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], object]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda a, b: operator.contains(b, a),
    ast.NotIn: lambda a, b: not operator.contains(b, a),
}
TYPES: dict[str, type] = {kind.__name__: kind for kind in (int, float, str, bool, list, tuple, dict, set, bytes, complex)}
FUNCTIONS: dict[str, Callable[..., object]] = {
    **TYPES,
    **{function.__name__: function for function in (len, sorted, max, min, sum, abs, round, repr)},
    "range": lambda *a: list(range(*a)),
    "enumerate": lambda *a: list(enumerate(*a)),
    "zip": lambda *a: list(zip(*a, strict=False)),
    "reversed": lambda a: list(reversed(a)),
}
METHODS: dict[type, frozenset[str]] = {
    str: frozenset(
        [
            "capitalize",
            "casefold",
            "count",
            "endswith",
            "find",
            "format",
            "index",
            "isdigit",
            "join",
            "lower",
            "lstrip",
            "partition",
            "replace",
            "rpartition",
            "rsplit",
            "rstrip",
            "split",
            "startswith",
            "strip",
            "swapcase",
            "title",
            "upper",
            "zfill",
        ]
    ),
    dict: frozenset(["items", "keys", "values", "get", "copy", "update", "pop", "setdefault"]),
    list: frozenset(["append", "extend", "insert", "copy", "index", "count", "pop", "remove"]),
    set: frozenset(["add", "union", "difference", "intersection", "update", "copy"]),
    tuple: frozenset(["index", "count"]),
}
FAULTS = (TypeError, ValueError, KeyError, IndexError, AttributeError, ArithmeticError, OverflowError, LookupError)


def small(value: object) -> bool:
    if isinstance(value, (str, bytes, list, tuple, dict, set)):
        return len(value) <= LARGEST
    return not isinstance(value, int) or abs(value) < 10**40


def binary(op: ast.operator, left: object, right: object) -> object:
    """``left op right`` for plain data, UNKNOWN otherwise."""
    function = BINARY.get(type(op))
    if (
        function is None
        or not (is_plain(left) or isinstance(left, (list, tuple, dict)))
        or not (is_plain(right) or isinstance(right, (list, tuple, dict)))
    ):
        return UNKNOWN
    if isinstance(op, ast.Mod) and isinstance(left, (str, bytes)) and _wide(str(left)):
        return UNKNOWN
    if isinstance(op, (ast.Pow, ast.LShift, ast.Mult)) and not (_modest(left, op) and _modest(right, op, exponent=True)):
        return UNKNOWN
    sequence, times = (left, right) if isinstance(left, (str, bytes, list, tuple)) else (right, left)
    if isinstance(op, ast.Mult) and isinstance(sequence, (str, bytes, list, tuple)) and not (isinstance(times, int) and times <= 1000):
        return UNKNOWN
    try:
        result = function(left, right)
    except FAULTS:
        return UNKNOWN
    return result if small(result) else UNKNOWN


def _modest(value: object, op: ast.operator, exponent: bool = False) -> bool:
    """Whether the operation stays small: the result of two modest values fits in a line."""
    if isinstance(value, (str, bytes, list, tuple)):
        return isinstance(op, ast.Mult) and len(value) <= 100
    largest = 64 if exponent and not isinstance(op, ast.Mult) else 2**40
    return isinstance(value, (int, float)) and abs(value) <= largest


def compare(op: ast.cmpop, left: object, right: object) -> object:
    """The truth of a comparison, UNKNOWN when the values do not tell it."""
    if isinstance(op, (ast.Is, ast.IsNot, ast.Eq, ast.NotEq)) and (left is None or right is None):
        if isinstance(left, Unknown) or isinstance(right, Unknown):
            return UNKNOWN
        return (left is right) == isinstance(op, (ast.Is, ast.Eq))
    if isinstance(right, External) and right.name == "os.environ" and str(left).startswith("SM_") and isinstance(op, (ast.In, ast.NotIn)):
        return isinstance(op, ast.NotIn)  # as it is on EC2
    if isinstance(left, External) and isinstance(right, External) and isinstance(op, (ast.Is, ast.IsNot, ast.Eq, ast.NotEq)):
        return (left.name == right.name) == isinstance(op, (ast.Is, ast.Eq))
    if isinstance(op, (ast.In, ast.NotIn)) and isinstance(right, (dict, set)) and is_plain(left):
        try:
            return (left in right) == isinstance(op, ast.In)
        except TypeError:
            return UNKNOWN
    if not (is_plain(left) and is_plain(right)):
        return UNKNOWN
    try:
        return bool(COMPARE[type(op)](left, right))
    except FAULTS:
        return UNKNOWN


def method(receiver: object, name: str, args: Sequence[object], keywords: dict[str, object]) -> object:
    """A method of a string or container, done on the value itself (``append`` changes it)."""
    allowed = METHODS.get(type(receiver), frozenset())
    if name not in allowed or any(isinstance(a, Unknown) for a in args) and isinstance(receiver, str):
        return UNKNOWN
    if isinstance(receiver, str) and not (is_plain(list(args)) and is_plain(keywords)):
        return UNKNOWN
    if name == "zfill" and args and not (isinstance(args[0], int) and args[0] <= LARGEST):
        return UNKNOWN
    if name == "format" and ("__" in str(receiver) or any(len(str(a)) > LARGEST for a in args) or _wide(str(receiver))):
        return UNKNOWN
    try:
        result = getattr(receiver, name)(*args, **keywords)
    except FAULTS:
        return UNKNOWN
    if isinstance(receiver, dict) and name in ("items", "keys", "values"):
        return list(result)
    return result if small(result) else UNKNOWN


def _wide(template: str) -> bool:
    """Whether a format string asks for a width that would make a huge text."""
    digits = 0
    for character in template:
        digits = digits + 1 if character.isdigit() else 0
        if digits > 3:
            return True
    return False


def builtin(name: str, args: Sequence[object], keywords: dict[str, object]) -> object:
    """A call of a builtin on known values."""
    if name == "isinstance" and len(args) == 2:
        return _isinstance(args[0], args[1])
    if name == "type" and len(args) == 1 and is_plain(args[0]):
        return External(type(args[0]).__name__)
    if (
        name in ("list", "tuple", "dict", "set", "sorted", "enumerate", "reversed", "len", "zip")
        and any(isinstance(a, (str, bytes, list, tuple, dict, set)) for a in args)
        or not args
    ):
        pass  # items may be objects: these only rearrange them
    elif not is_plain(list(args)):
        return UNKNOWN
    function = FUNCTIONS.get(name)
    if function is None or any(isinstance(a, Unknown) for a in args):
        return UNKNOWN
    if name == "range" and not all(isinstance(a, int) and abs(a) <= LARGEST for a in args):
        return UNKNOWN
    try:
        result = function(*args, **keywords)
    except FAULTS:
        return UNKNOWN
    return result if small(result) else UNKNOWN


def _isinstance(value: object, kinds: object) -> object:
    if not is_plain(value):
        return UNKNOWN
    wanted = kinds if isinstance(kinds, tuple) else (kinds,)
    if not all(isinstance(k, External) for k in wanted):
        return UNKNOWN
    known = [TYPES[k.name] for k in wanted if isinstance(k, External) and k.name in TYPES]
    if any(isinstance(value, k) for k in known):
        return True
    return False if all(isinstance(k, External) and (k.name in TYPES or "." in k.name) for k in wanted) else UNKNOWN
