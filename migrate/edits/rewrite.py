"""All edits of one file in one pass, and the proof that nothing else changed.

``ast`` says where an expression or a statement begins and ends, so its bytes are cut there and everything else stays as it is, byte for
byte. Only a call that gets one more argument is taken apart, by libcst, since its comments and line breaks are to be kept.
The result is parsed again and compared with the tree in which the same edits were done by hand: a difference is an error, never a file.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from migrate.edits.arguments import add_argument
from migrate.edits.encoding import Splice, Text, decode
from migrate.edits.errors import EditError
from migrate.edits.guards import If, as_if, conditional
from migrate.edits.imports import import_code, import_place
from migrate.edits.locate import Found, Nodes, offsets, parse
from migrate.edits.model import HERE, AddArgument, AddImport, Edit, Guard, Insert, Replace, Wrap
from migrate.edits.quotes import in_style
from migrate.edits.same import same
from migrate.edits.statements import Block, Placed, Placer, hang
from migrate.facts.model import Span
from migrate.repo.parsing import STAND_IN

# Code that binds tightest: it needs no brackets wherever an expression may stand.
_ATOMS = (
    ast.Call,
    ast.Name,
    ast.Attribute,
    ast.Subscript,
    ast.List,
    ast.Dict,
    ast.Set,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.JoinedStr,
)
# Parents that have a delimiter on both sides of the expression, by field: any expression but a tuple, ``:=`` or yield goes in as it is.
_DELIMITED = {
    (ast.keyword, "value"),
    (ast.Call, "args"),
    (ast.List, "elts"),
    (ast.Assign, "value"),
    (ast.AnnAssign, "value"),
    (ast.AugAssign, "value"),
    (ast.Return, "value"),
    (ast.Expr, "value"),
    (ast.Subscript, "slice"),
    (ast.Dict, "values"),
    (ast.If, "test"),
    (ast.While, "test"),
    (ast.For, "iter"),
    (ast.arguments, "defaults"),
    (ast.arguments, "kw_defaults"),
}


@dataclass
class _Piece:
    """An expression that changes, with the changing ones inside it."""

    span: Span
    start: int
    end: int
    found: Found
    replace: Replace | None = None
    adds: list[AddArgument] = field(default_factory=list)
    guard: Guard | None = None
    wrap: Wrap | None = None
    under: If | None = None  # the statement that it is comes under an ``if``
    inner: list[_Piece] = field(default_factory=list)


def rewrite(source: bytes, edits: Sequence[Edit]) -> bytes:
    """``source`` with ``edits`` done, all of one file and in its own spans. Equal edits count once.

    Every byte outside of the edits stays. Raises EditError when the file cannot be read, an edit finds nothing at its span or overlaps with
    another one, its code cannot be written in the file's encoding, or the result would mean anything else than asked for.
    """
    edits = list(dict.fromkeys(edits))
    if not edits:
        return source
    path = edits[0].path
    text = decode(source, path)
    styled = in_style(edits, text.text)
    try:
        return _rewrite(text, styled, path)
    except EditError as error:
        if error.edit is not None:
            error.edit = dict(zip(styled, edits, strict=True))[error.edit]  # as it was asked for
        raise


def _rewrite(text: Text, edits: Sequence[Edit], path: str) -> bytes:
    tree = parse(text.text, path)
    nodes = Nodes(tree, [span for edit in edits if (span := span_of(edit))])
    every = _pieces(text, nodes, edits, path)
    for piece in every:
        if piece.guard and (statement := nodes.statements.get(piece.span)):
            piece.under = as_if(Placer(text, tree), statement, piece.guard)
    pieces = _nest(every)
    splices = [Splice(piece.start, piece.end, _render(text, piece)) for piece in pieces]
    placed = _placed(text, tree, nodes, edits)
    _check_order(splices, placed, path)
    hang(placed)
    for piece in every:
        if piece.under:
            piece.under.hang()
    for item in placed:
        splices.append(Splice(item.offset, item.offset, item.text))
    splices.sort(key=lambda splice: (splice.start, splice.end))
    try:
        result = text.splice(splices)
    except UnicodeEncodeError as error:
        raise EditError(
            path, f"the new code has a character that {text.encoding} cannot write: {error.object[error.start : error.end]!r}"
        ) from error
    _check(result, text, splices, tree, path)
    return result


def span_of(edit: Edit) -> Span | None:
    """Where an edit is made; None for an import."""
    if isinstance(edit, (Replace, Wrap, Guard)):
        return edit.span
    if isinstance(edit, AddArgument):
        return edit.call
    return edit.statement if isinstance(edit, Insert) else None


def _pieces(text: Text, nodes: Nodes, edits: Sequence[Edit], path: str) -> list[_Piece]:
    pieces: dict[Span, _Piece] = {}
    for edit in edits:
        if not isinstance(edit, (Replace, Wrap, AddArgument, Guard)):
            continue
        span = edit.call if isinstance(edit, AddArgument) else edit.span
        found = nodes.expressions.get(span)
        whole = isinstance(edit, (Replace, Wrap))
        if found is None or not whole and not isinstance(found.node, ast.Call):
            what = "expression" if whole else "call"
            raise EditError(path, f"line {span.line}, column {span.column}: no {what} to edit", edit)
        piece = pieces.setdefault(span, _Piece(span, *offsets(text, span, path), found))
        if isinstance(edit, AddArgument):
            piece.adds.append(edit)
        elif isinstance(edit, Guard):
            if piece.guard is not None:
                raise EditError(edit.path, f"line {span.line}: two guards of the same call", edit)
            piece.guard = edit
        elif isinstance(edit, Wrap):
            if piece.wrap is not None:
                raise EditError(path, f"line {span.line}: two edits wrap the same expression", edit)
            piece.wrap = edit
        elif piece.replace is not None:
            raise EditError(path, f"line {span.line}: two edits replace the same expression", edit)
        else:
            piece.replace = edit
        if (piece.adds or piece.guard or piece.wrap) and piece.replace or piece.guard and piece.wrap:
            raise EditError(path, f"line {span.line}: another edit of an expression that is replaced, guarded or wrapped", edit)
    return list(pieces.values())


def _nest(pieces: list[_Piece]) -> list[_Piece]:
    """The outermost pieces, each with those inside it. Expressions nest or stand apart, they never cross."""
    outermost: list[_Piece] = []
    stack: list[_Piece] = []
    for piece in sorted(pieces, key=lambda piece: (piece.start, -piece.end)):
        while stack and stack[-1].end <= piece.start:
            stack.pop()
        if stack and stack[-1].replace:
            edit = piece.replace or piece.guard or piece.wrap or piece.adds[0]
            raise EditError(edit.path, f"line {piece.span.line}: an edit inside an expression that is replaced", edit)
        (stack[-1].inner if stack else outermost).append(piece)
        stack.append(piece)
    return outermost


def _render(text: Text, piece: _Piece) -> str:
    """The new text of a piece; the same is done to the tree."""
    if piece.replace:
        return _replaced(text, piece, piece.replace)
    parts, done = [], piece.start
    for inner in piece.inner:
        parts += [text.utf8[done : inner.start].decode(), _render(text, inner)]
        done = inner.end
    parts.append(text.utf8[done : piece.end].decode())
    code = "".join(parts)
    for edit in piece.adds:
        try:
            code = add_argument(code, edit.code, piece.span.column)
        except ValueError as error:
            raise EditError(edit.path, f"line {piece.span.line}: the call {error}", edit) from error
        _add_to_tree(piece.found.node, edit)
    if piece.wrap is not None:
        return _wrapped(text, piece, piece.wrap, code)
    return code if piece.guard is None else _guarded(text, piece, piece.guard, code)


def _guarded(text: Text, piece: _Piece, guard: Guard, code: str) -> str:
    test, otherwise = _expression(guard.test, guard), _expression(guard.otherwise, guard)
    if piece.under is not None:
        return piece.under.code(test, code)
    new = conditional(piece.found, test, otherwise)
    return _bracketed(text, piece, new, f"{code} if {guard.test} else {guard.otherwise}")


def _wrapped(text: Text, piece: _Piece, wrap: Wrap, code: str) -> str:
    node, new = piece.found.node, _expression(wrap.code, wrap)
    before, hole, after = wrap.code.partition(HERE)
    if not hole or HERE in after or not isinstance(node, ast.expr) or not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        raise EditError(wrap.path, f"line {piece.span.line}: nothing to be wrapped in {wrap.code}", wrap)
    new = _Fill(node).visit(new)
    piece.found.put(new)
    return _bracketed(text, piece, new, before + code + after)


class _Fill(ast.NodeTransformer):
    """Puts an expression where a wrapping has its hole."""

    def __init__(self, node: ast.expr) -> None:
        self.node = node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.node if node.id == HERE else node


def _expression(code: str, edit: Edit) -> ast.expr:
    body = parse(f"({code}\n)", edit.path).body
    if len(body) != 1 or not isinstance(body[0], ast.Expr):
        raise EditError(edit.path, f"no expression: {code}", edit)
    return body[0].value


def _add_to_tree(call: ast.AST, edit: AddArgument) -> None:
    sample = _expression(f"f({edit.code}\n)", edit)
    assert isinstance(call, ast.Call) and isinstance(sample, ast.Call)
    index = next((i for i, argument in enumerate(call.keywords) if argument.arg is None), len(call.keywords))
    if any(argument.arg is None for argument in sample.keywords):
        index = len(call.keywords)
    call.args += sample.args
    call.keywords[index:index] = sample.keywords


def _replaced(text: Text, piece: _Piece, edit: Replace) -> str:
    found, node = piece.found, piece.found.node
    new = _expression(edit.code, edit)
    if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        raise EditError(edit.path, f"line {piece.span.line}: the target of an assignment cannot be replaced", edit)
    if edit.several:
        if not (isinstance(new, ast.Tuple) and isinstance(found.parent, ast.Call) and found.field == "args"):
            raise EditError(edit.path, f"line {piece.span.line}: several arguments in the place of what is none", edit)
        found.put_several(new.elts)
        return edit.code
    found.put(new)
    code = edit.code
    call = found.parent
    if isinstance(node, ast.GeneratorExp) and isinstance(call, ast.Call) and Span.of(call).end_column == piece.span.end_column:
        return f"({code})"  # it is the only argument, and its brackets are those of the call
    return _bracketed(text, piece, new, code)


def _bracketed(text: Text, piece: _Piece, new: ast.expr, code: str) -> str:
    """``code``, which is ``new``, in the place of ``piece``: in brackets where it needs them, apart from the words beside it."""
    found = piece.found
    if not (_is_atom(new) or _is_bracketed(text, piece) or _is_free(new, found)):
        code = f"({code})"
    before, after = text.utf8[: piece.start][-1:].decode(errors="ignore"), text.utf8[piece.end : piece.end + 1].decode(errors="ignore")
    code = f" {code}" if _is_word(before) and (_is_word(code[0]) or code[0] in "\"'") else code
    return f"{code} " if _is_word(after) and _is_word(code[-1]) else code


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _is_atom(node: ast.expr) -> bool:
    # a number before a dot is no atom, two strings side by side are one
    return isinstance(node, _ATOMS) or isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes, bool, type(None)))


def _is_free(node: ast.expr, found: Found) -> bool:
    if isinstance(node, (ast.Tuple, ast.NamedExpr, ast.Yield, ast.YieldFrom, ast.Starred, ast.GeneratorExp)):
        return False
    return any(isinstance(found.parent, kind) and found.field == name for kind, name in _DELIMITED)


def _is_bracketed(text: Text, piece: _Piece) -> bool:
    """Whether the expression has brackets of its own around it (those of a call are not)."""
    start, end = piece.start, piece.end
    before, after = text.utf8[:start].rstrip(b" \t"), text.utf8[end:].lstrip(b" \t")
    if not (before.endswith(b"(") and after.startswith(b")")):
        return False
    outside = before[:-1].rstrip(b" \t")
    word = re.search(rb"\w*\Z", outside)
    if word and word.group():
        return keyword.iskeyword(word.group().decode(errors="replace"))
    return not outside.endswith((b")", b"]", b"}", b'"', b"'"))


def _placed(text: Text, tree: ast.Module, nodes: Nodes, edits: Sequence[Edit]) -> list[Placed]:
    placer = Placer(text, tree)
    groups: dict[tuple[bool, str, int, bool, str], list[AddImport]] = {}
    for add in sorted((e for e in edits if isinstance(e, AddImport)), key=lambda e: e.local):
        groups.setdefault(_import_key(add), []).append(add)
    placed = [_imported(placer, tree, groups[key], edits) for key in sorted(groups)]
    for edit in edits:
        if isinstance(edit, Insert):
            found = nodes.statements.get(edit.statement)
            if found is None:
                raise EditError(edit.path, f"line {edit.statement.line}: no statement to insert at", edit)
            placed.append(placer.place(found, Block(edit, edit.code), edit.after))
    return sorted(placed, key=lambda item: item.key)


def _import_key(edit: AddImport) -> tuple[bool, str, int, bool, str]:
    """Where an import stands among the new ones. Names of one module are asked for by one statement, and have one key."""
    return bool(edit.level or edit.either), edit.module, edit.level, edit.either, edit.local if edit.name is None else ""


def _imported(placer: Placer, tree: ast.Module, names: Sequence[AddImport], edits: Sequence[Edit]) -> Placed:
    """The statement that imports ``names``, which are of one module."""
    edit = names[0]
    for name in names:
        if any(isinstance(other, AddImport) and other.local == name.local and other != name for other in edits):
            raise EditError(edit.path, f"two imports under the name {name.local}", name)
    code = import_code(*dict.fromkeys(names))
    if not tree.body:
        return placer.place_in_empty(Block(edit, code, 0))
    lines = [span.line for other in edits if (span := span_of(other))]
    first = next((i for i, node in enumerate(tree.body) if any(line <= (node.end_lineno or 0) for line in lines)), None)
    index, after = import_place(tree.body, tree, edit, first)
    node = tree.body[index]
    beside = isinstance(node, (ast.Import, ast.ImportFrom)) and getattr(node, "module", None) != "__future__"
    alone = not beside and not any(isinstance(other, AddImport) and _import_key(other) < _import_key(edit) for other in edits)
    last = not beside and not any(isinstance(other, AddImport) and _import_key(other) > _import_key(edit) for other in edits)
    header = not after and node.lineno > 1 and placer.comments_reach_top(node)
    block = Block(
        edit, code, 0, over_comments=not beside and not header, blank_before=alone and (after or index > 0), blank_after=last and not after
    )
    return placer.place(Found(node, tree, "body", index), block, after)


def _check_order(splices: Sequence[Splice], placed: Sequence[Placed], path: str) -> None:
    for item in placed:
        if any(splice.start < item.offset < splice.end for splice in splices):
            raise EditError(path, "a statement would be put inside an expression")


def _check(result: bytes, text: Text, splices: Sequence[Splice], wanted: ast.Module, path: str) -> None:
    """The new bytes read as the text that was meant, and that text as the tree that was meant."""
    parts, done = [], 0
    for splice in splices:
        parts += [text.utf8[done : splice.start].decode(), splice.text]
        done = splice.end
    parts.append(text.utf8[done:].decode())
    new = decode(result, path)
    if new.text != "".join(parts) or new.encoding != text.encoding:
        raise EditError(path, f"its encoding {text.encoding} does not bring back what was written")
    if STAND_IN in new.text and STAND_IN not in text.text:
        raise EditError(path, "an edit would write anew what only Python before 3.7 reads (async as a name)")
    if not same(parse(new.text, path), wanted):
        raise EditError(path, "the edits would change more than they should; the file is left as it is")
