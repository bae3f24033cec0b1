"""One more argument in a call, in the style of those that it has. libcst does this: it keeps every comment and line break of the call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import libcst as cst

_WIDTH = 79  # a packed line is filled up to this, or to the longest line that the call already has


def add_argument(call: str, code: str, column: int = 0) -> str:
    """The source of ``call`` with the argument ``code`` added after its others of that kind: positional before keyword before ``**``.

    ``call`` is the text of one call expression, ``column`` where it begins in its line. Raises ValueError when either is something else,
    when the keyword is there already, or when a positional argument would have to follow a keyword.
    """
    import libcst as cst

    wrapped = f"({call})"  # a call may be broken over lines only within brackets; these are taken off again
    try:
        tree = cst.parse_expression(wrapped)
        sample = cst.parse_expression(f"f({code})")
    except cst.ParserSyntaxError as error:
        raise ValueError(f"cannot be read: {error.message}") from error
    writer = cst.Module([], default_newline=_newline(call))
    if not isinstance(tree, cst.Call) or writer.code_for_node(tree) != wrapped:
        raise ValueError("is no call that can be taken apart")
    if not isinstance(sample, cst.Call) or not isinstance(sample.func, cst.Name) or len(sample.args) != 1:
        raise ValueError(f"not one argument: {code}")
    new = sample.args[0].with_changes(comma=cst.MaybeSentinel.DEFAULT, whitespace_after_arg=cst.SimpleWhitespace(""))
    args = [_bracketed(arg) for arg in tree.args]
    index = _index(args, new)
    width = max(_WIDTH, *(len(line) for line in (" " * column + call).splitlines()))
    own_line = _Style.of(tree).own_line
    result = ""
    for on_own_line in [own_line] if own_line is not None else [False, True]:
        changed = _put(tree.with_changes(args=args), new, index, on_own_line)
        result = writer.code_for_node(changed)[1:-1]
        if _line_of(" " * column + result, code) <= width:
            break
    return result


def _newline(text: str) -> str:
    first = min((text.find(end) for end in "\r\n" if end in text), default=-1)
    if first < 0 or text[first] == "\n":
        return "\n"
    return "\r\n" if text[first : first + 2] == "\r\n" else "\r"


def _line_of(text: str, code: str) -> int:
    return max((len(line) for line in text.splitlines() if code in line), default=0)


def _bracketed(arg: cst.Arg) -> cst.Arg:
    """``f(x for x in y)`` needs brackets of its own as soon as it has a neighbour."""
    import libcst as cst

    if isinstance(arg.value, cst.GeneratorExp) and not arg.value.lpar:
        return arg.with_changes(value=arg.value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()]))
    return arg


def _index(args: list[cst.Arg], new: cst.Arg) -> int:
    if new.keyword is not None and any(arg.keyword and arg.keyword.value == new.keyword.value for arg in args):
        raise ValueError(f"has {new.keyword.value}= already")
    first_keyword = next((i for i, arg in enumerate(args) if arg.keyword or arg.star == "**"), len(args))
    if new.keyword is None and new.star == "":
        if any(arg.star == "*" for arg in args[first_keyword:]):
            raise ValueError("has *args after a keyword, so that no positional argument can follow it")
        return first_keyword
    return next((i for i, arg in enumerate(args) if arg.star == "**"), len(args)) if new.star != "**" else len(args)


@dataclass(frozen=True)
class _Style:
    """How a call is laid out. ``own_line`` is None where arguments share lines, so that there is a choice."""

    own_line: bool | None
    indent: str  # of an argument on its own line
    space: str  # between two arguments on one line

    @classmethod
    def of(cls, call: cst.Call) -> _Style:
        import libcst as cst

        before = [call.whitespace_before_args, *(arg.comma.whitespace_after for arg in call.args if isinstance(arg.comma, cst.Comma))]
        before = before[: max(len(call.args), 1)]
        breaks = [isinstance(space, cst.ParenthesizedWhitespace) for space in before]
        indents = [space.last_line.value for space in before if isinstance(space, cst.ParenthesizedWhitespace)]
        spaces = [space.value for space in before[1:] if isinstance(space, cst.SimpleWhitespace)]
        space = spaces[-1] if spaces else " "
        if not indents:
            return cls(False, "", space)
        if not call.args:
            return cls(True, indents[0] + "    ", space)
        return cls(True if all(breaks[1:]) else None, indents[-1], space)


def _put(call: cst.Call, new: cst.Arg, index: int, own_line: bool) -> cst.Call:
    import libcst as cst

    style = _Style.of(call)
    line_break = cst.ParenthesizedWhitespace(last_line=cst.SimpleWhitespace(style.indent))
    gap = line_break if own_line else cst.SimpleWhitespace(style.space)
    args = list(call.args)
    if index < len(args):
        return call.with_changes(args=[*args[:index], new.with_changes(comma=cst.Comma(whitespace_after=gap)), *args[index:]])
    if not args:
        return _first(call, new, own_line, style)
    last = args[-1]
    trailing = isinstance(last.comma, cst.Comma)
    end = last.comma.whitespace_after if isinstance(last.comma, cst.Comma) else last.whitespace_after_arg
    if own_line and isinstance(end, cst.ParenthesizedWhitespace):
        # comments behind the last argument stay with it; only the line break before the bracket moves on
        gap = end.with_changes(last_line=cst.SimpleWhitespace(style.indent))
        end = cst.ParenthesizedWhitespace(indent=end.indent, last_line=end.last_line)
    comma = last.comma.with_changes(whitespace_after=gap) if isinstance(last.comma, cst.Comma) else cst.Comma(whitespace_after=gap)
    args[-1] = last.with_changes(comma=comma, whitespace_after_arg=last.whitespace_after_arg if trailing else cst.SimpleWhitespace(""))
    new = new.with_changes(comma=cst.Comma(whitespace_after=end)) if trailing else new.with_changes(whitespace_after_arg=end)
    return call.with_changes(args=[*args, new])


def _first(call: cst.Call, new: cst.Arg, own_line: bool, style: _Style) -> cst.Call:
    import libcst as cst

    space = call.whitespace_before_args
    if not own_line or not isinstance(space, cst.ParenthesizedWhitespace):
        return call.with_changes(args=[new])
    end = cst.ParenthesizedWhitespace(last_line=space.last_line)
    before = space.with_changes(last_line=cst.SimpleWhitespace(style.indent))
    return call.with_changes(whitespace_before_args=before, args=[new.with_changes(comma=cst.Comma(whitespace_after=end))])
