"""Words of a shell command, with variables filled in where their values are known."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node

MOST_WORDS = 200  # of a brace range or a seq: nobody starts more runs in a loop
_DEFAULT = re.compile(r"\$\{(\w+|[@*#?])(:?[-=+?])(.*)\}\Z", re.DOTALL)
_CUT = re.compile(r"\$\{(\w+)(##?|%%?)([^$`]*)\}\Z", re.DOTALL)
_PLAIN = re.compile(r"\$(?:\{(\w+|[@*#])(?:\[[@*]\])?\}|(\w+|[@*#]))")
_HERE = re.compile(r"\bdirname\b.*(?:\$\{?0\b|BASH_SOURCE)|BASH_SOURCE.*\bdirname\b", re.DOTALL)
_PART = re.compile(r"(basename|dirname)\s+[\"']?(\$\{[^}\s]+\}|\$\w+|[\w./-]+)[\"']?")
_PARTS = re.compile(r"(?:\$\([^)]*\)+|\$\{[^}]*\}|`[^`]*`|\S)+")
_UP = re.compile(r"/(\.\.(?:/\.\.)*)\b")
_SEQUENCE = re.compile(r"(?:\$\(|`)\s*seq\s+(-?\d{1,9})(?:\s+(-?\d{1,9}))?(?:\s+(-?\d{1,9}))?\s*(?:\)|`)\Z")
_RANGE = re.compile(r"\{(-?\d{1,9})\.\.(-?\d{1,9})\}\Z")


@dataclass(frozen=True)
class Word:
    """One word. ``open`` names what is not known in it; its text then holds that as it is written (``$DATA``)."""

    text: str
    open: tuple[str, ...] = ()

    def __add__(self, other: Word) -> Word:
        return Word(self.text + other.text, tuple(dict.fromkeys(self.open + other.open)))


@dataclass
class State:
    """What a shell knows at one point. ``arguments`` are ``$1``, ``$2`` ...; None where nobody tells them."""

    variables: dict[str, tuple[Word, ...]] = field(default_factory=dict)
    exported: dict[str, None] = field(default_factory=dict)
    folder: str = ""
    conda: str | None = None
    arguments: tuple[Word, ...] | None = None

    def copy(self) -> State:
        return State(dict(self.variables), dict(self.exported), self.folder, self.conda, self.arguments)

    def value(self, name: str) -> tuple[Word, ...] | None:
        """The words of a variable or argument; None where it is not known."""
        if name in {"@", "*"}:
            return self.arguments
        if name == "#":
            return None if self.arguments is None else (Word(str(len(self.arguments))),)
        if name.isdigit():
            if self.arguments is None or name == "0":
                return None
            return self.arguments[int(name) - 1 : int(name)] or (Word(""),)
        if name == "PWD" and "PWD" not in self.variables:
            return (Word(self.folder or "."),)
        return self.variables.get(name)

    def assign(self, name: str, words: tuple[Word, ...]) -> None:
        if words and all(open_ == name for word in words for open_ in word.open) and any(word.open for word in words):
            self.variables.pop(name, None)  # LR=$LR says nothing
        else:
            self.variables[name] = words


def split(nodes: Iterable[Node], state: State) -> Iterator[Word]:
    """The words that argument nodes become, split where the shell splits them."""
    for node in nodes:
        yield from _argument(node, state)


def one(node: Node | None, state: State) -> Word:
    """The word that ``node`` becomes where nothing is split, as on the right of an assignment."""
    if node is None:
        return Word("")
    return _joined(_fields(node, state))


def expanded(text: str, state: State) -> str:
    """``text`` as a here-document without quotes has it: plain variables that are known filled in."""
    return _PLAIN.sub(lambda match: _known(match, state), text).replace("\\$", "$").replace("\\`", "`")


def unquoted(text: str) -> str:
    """A word of the source without the backslashes in it."""
    return re.sub(r"\\(\n|.)", lambda match: "" if match[1] == "\n" else match[1], text, flags=re.DOTALL)


def _known(match: re.Match[str], state: State) -> str:
    before = match.string[: match.start()]
    value = None if before.endswith("\\") else state.value(match[1] or match[2])
    return match[0] if value is None else " ".join(word.text for word in value)


def _argument(node: Node, state: State) -> Iterator[Word]:
    kind = node.type
    if kind in {"simple_expansion", "expansion"}:
        for word in _fields(node, state):
            yield from _split(word)
    elif kind == "string" and _is_list(node):
        yield from _fields(node, state)
    elif kind in {"command_substitution", "brace_expression"}:
        yield from numbers(_text(node)) or _fields(node, state)
    elif kind == "concatenation":
        yield from _concatenation(node, state)
    else:
        yield one(node, state)


def _split(word: Word) -> Iterator[Word]:
    """A value at its blanks, but for those inside of what is not known."""
    for part in _PARTS.findall(word.text) if word.open else word.text.split():
        yield Word(part, tuple(name for name in word.open if re.search(rf"\$\{{?[#!]?{re.escape(name)}\b", part) or name in part))


def _concatenation(node: Node, state: State) -> Iterator[Word]:
    """A word of several pieces; blanks in an unquoted value split it."""
    if any(child.type == "brace_expression" and numbers(_text(child)) for child in node.children):
        yield from _braces(node, state)
        return
    made: list[Word] = []
    ended = True  # the next piece begins a word of its own
    for child in node.children:
        for blank, part in _pieces(child, state):
            if blank:
                ended = True
            elif ended:
                made.append(part)
                ended = False
            else:
                made[-1] += part
    yield from made


def _pieces(node: Node, state: State) -> Iterator[tuple[bool, Word]]:
    """What a piece adds: words, and blanks between them (True) where the shell splits it."""
    if node.type not in {"simple_expansion", "expansion"}:
        yield False, one(node, state)
        return
    word = _joined(_fields(node, state))
    if word.open:
        yield False, word
        return
    for part in re.findall(r"\s+|\S+", word.text):
        yield part.isspace(), Word(part)


def _braces(node: Node, state: State) -> Iterator[Word]:
    made = [Word("")]
    for child in node.children:
        parts: Sequence[Word] = [one(child, state)]
        if child.type == "brace_expression":
            parts = numbers(_text(child)) or parts
        made = [head + part for head in made for part in parts][:MOST_WORDS]
    yield from made


def _is_list(node: Node) -> bool:
    """``"$@"`` or ``"${ARGS[@]}"``: a word for each item."""
    inner = node.named_children
    return len(inner) == 1 and re.fullmatch(r'"\$(?:@|\{@\}|\{\w+\[@\]\})"', _text(node)) is not None


def _fields(node: Node, state: State) -> tuple[Word, ...]:
    kind = node.type
    if kind in _LEAVES:
        return (_LEAVES[kind](_text(node)),)
    if kind == "string":
        if _is_list(node):
            return _fields(node.named_children[0], state)
        return (_between(node, state, 1, _in_quotes),)
    if kind == "simple_expansion":
        written = _text(node)
        name = written.lstrip()  # in a string, the grammar takes the blanks before it for a part of it
        blank = written[: len(written) - len(name)]
        found = _variable(name[1:], name, state)
        return (Word(blank) + _joined(found),) if blank else found
    if kind == "expansion":
        return _expansion(_text(node), state)
    if kind == "command_substitution":
        return (_substituted(_text(node), state),)
    if kind == "arithmetic_expansion":
        return (_arithmetic(_text(node), state),)
    if kind == "array":
        return tuple(split(node.named_children, state))
    if kind in {"concatenation", "command_name"}:
        return (_between(node, state, 0, unquoted),)
    return (Word(unquoted(_text(node))),)


_LEAVES: dict[str, Callable[[str], Word]] = {
    "raw_string": lambda text: Word(text[1:-1]),
    "ansi_c_string": lambda text: Word(text[2:-1].replace("\\n", "\n").replace("\\t", "\t").replace("\\'", "'")),
    "number": Word,
    "process_substitution": lambda text: Word(text, (text,)),
}


def _between(node: Node, state: State, quote: int, plain: Callable[[str], str]) -> Word:
    """The children of ``node`` put together with what stands between them, which the grammar gives no node."""
    source, start = node.text or b"", node.start_byte
    made, at = Word(""), quote
    for child in node.named_children:
        if child.type == "string_content":
            continue
        made += Word(plain(source[at : child.start_byte - start].decode("utf-8", "replace")))
        made += _joined(_fields(child, state))
        at = child.end_byte - start
    return made + Word(plain(source[at : len(source) - quote].decode("utf-8", "replace")))


def _in_quotes(text: str) -> str:
    return re.sub(r'\\(["\\$`\n])', lambda match: "" if match[1] == "\n" else match[1], text)


def _joined(words: Sequence[Word]) -> Word:
    made = Word("")
    for number, word in enumerate(words):
        made = made + Word(" ") + word if number else made + word
    return made


def _variable(name: str, written: str, state: State) -> tuple[Word, ...]:
    value = state.value(name)
    return (Word(written, (name,)),) if value is None else value


def _expansion(text: str, state: State) -> tuple[Word, ...]:
    plain = _PLAIN.fullmatch(text)
    if plain is not None:
        return _variable(plain[1] or plain[2], text, state)
    default = _DEFAULT.match(text)
    if default is not None:
        return _defaulted(text, default[1], default[2], default[3], state)
    cut = _CUT.match(text)
    if cut is not None and (value := state.value(cut[1])) is not None and not any(word.open for word in value):
        return (Word(_cut(_joined(value).text, cut[2], cut[3])),)
    return (Word(text, (re.sub(r"^\$\{[#!]?(\w*).*", r"\1", text, flags=re.DOTALL) or text,)),)


def _defaulted(text: str, name: str, operator: str, rest: str, state: State) -> tuple[Word, ...]:
    value = state.value(name)
    sure = value is not None and not any(word.open for word in value)
    empty = value is not None and all(word.text == "" for word in value)
    if operator[-1] in "-=":
        made = value if value is not None and not (empty and operator[0] == ":") else (_default(rest, state),)
        if operator[-1] == "=":
            state.assign(name, made)
        return made
    if operator[-1] == "+" and sure:
        return (Word("") if empty else _default(rest, state),)
    return value if operator[-1] == "?" and value is not None else (Word(text, (name,)),)


def _default(rest: str, state: State) -> Word:
    """What stands after ``:-``, quotes taken off."""
    text = rest[1:-1] if len(rest) > 1 and rest[0] == rest[-1] and rest[0] in "\"'" else rest
    made, at = Word(""), 0
    for match in _PLAIN.finditer(text):
        made = made + Word(text[at : match.start()]) + _joined(_variable(match[1] or match[2], match[0], state))
        at = match.end()
    left = text[at:]
    return made + (Word(left, (left,)) if "$(" in left or "`" in left or "${" in left else Word(left))


def _cut(value: str, operator: str, pattern: str) -> str:
    """``${X%pattern}`` and ``${X#pattern}``, for the patterns that hold nothing but ``*``."""
    import fnmatch

    ends = range(len(value) + 1)
    if operator[0] == "%":
        order = ends if operator == "%%" else reversed(ends)
        return next((value[:end] for end in order if fnmatch.fnmatchcase(value[end:], pattern)), value)
    order = reversed(ends) if operator == "##" else ends
    return next((value[end:] for end in order if fnmatch.fnmatchcase(value[:end], pattern)), value)


def _substituted(text: str, state: State) -> Word:
    """``$(...)``: the folder of the script, or the working folder; else not known."""
    inner = text.strip("`").removeprefix("$(").removesuffix(")").strip()
    if inner == "pwd":
        return Word(state.folder or ".")
    part = _PART.fullmatch(inner)
    if part is not None and part[2] not in {"$0", "${0}"}:
        [given, *more] = _expansion(part[2], state) if part[2].startswith("$") else (Word(part[2]),)
        if not given.open and not more:
            return Word((posixpath.basename if part[1] == "basename" else posixpath.dirname)(given.text))
    if _HERE.search(inner):
        up = _UP.search(inner)
        return Word(up[1] if up else ".")
    return Word(text, (text,))


def _arithmetic(text: str, state: State) -> Word:
    inner = _PLAIN.sub(lambda match: _known(match, state), text.removeprefix("$((").removesuffix("))"))
    inner = re.sub(r"[A-Za-z_]\w*", lambda match: _joined(state.value(match[0]) or (Word(match[0]),)).text, inner)
    if len(inner) < 60 and (terms := re.findall(r"\d+|[-+*/%()]", inner)) and "".join(terms) == re.sub(r"\s", "", inner):
        result = _calculated(inner)
        if result is not None:
            return Word(str(result))
    return Word(text, (text,))


def _calculated(text: str) -> int | None:
    """Sums and products of whole numbers, as the shell counts."""
    import ast

    def value(node: ast.expr) -> int:
        if isinstance(node, ast.Constant) and isinstance(node.value, int):
            return node.value
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -value(node.operand)
        if isinstance(node, ast.BinOp):
            left, right = value(node.left), value(node.right)
            if isinstance(node.op, (ast.Add, ast.Sub, ast.Mult)):
                return left + right if isinstance(node.op, ast.Add) else left - right if isinstance(node.op, ast.Sub) else left * right
            if isinstance(node.op, (ast.Div, ast.Mod)) and right > 0 and left >= 0:
                return left // right if isinstance(node.op, ast.Div) else left % right
        raise ValueError("no sum of whole numbers")

    try:
        return value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError):
        return None


def numbers(text: str) -> list[Word]:
    """The words of ``$(seq 1 5)`` or ``{1..5}``; none for anything else."""
    counted, ranged = _SEQUENCE.match(text), _RANGE.match(text)
    if counted is not None:
        given = [int(number) for number in counted.groups() if number is not None]
        first, step, last = (1, 1, given[0]) if len(given) == 1 else (given[0], 1, given[1]) if len(given) == 2 else given
    elif ranged is not None:
        first, last = int(ranged[1]), int(ranged[2])
        step = 1 if last >= first else -1
    else:
        return []
    if step == 0:
        return []
    return [Word(str(number)) for number in range(first, last + (1 if step > 0 else -1), step)[:MOST_WORDS]]


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")
