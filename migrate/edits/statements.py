"""Where whole statements go, and how they are written there.

New code before a statement goes before the comment block that stands directly above it at the same indentation, since that comment
speaks of the statement; never above a shebang or a coding line. New code after a statement goes after the comment at the end of its line,
and after deeper comments that close its block. Before a docstring or a ``from __future__`` import means after it: nothing may stand before
those. In a one-line suite (``if x: stmt``) and between statements on one line, simple statements are joined with ``;``.
"""

from __future__ import annotations

import ast
import bisect
import re
from dataclasses import dataclass, replace
from itertools import chain

from migrate.edits.encoding import Text
from migrate.edits.errors import NoPlace
from migrate.edits.locate import Found, first_line, parse
from migrate.edits.model import Edit

_REST = re.compile(rb"[ \t\x0c]*;?[ \t\x0c]*(#[^\r\n]*)?(?=[\r\n]|\Z)")
_INDENT = re.compile(rb"[ \t\x0c]*")
_CODING = re.compile(rb"[ \t\x0c]*#.*?coding[:=][ \t]*[-\w.]+")


@dataclass(frozen=True)
class Placed:
    """Statements at their place: the text to put at ``offset``, and what it is in the tree (``after`` or before ``anchor``).

    Placed ones are written in the order of ``key``; ``anchor`` is None in a module that has no statement.
    """

    offset: int
    text: str
    anchor: ast.stmt | None
    siblings: list[ast.stmt]
    after: bool
    statements: list[ast.stmt]
    key: tuple[int, int, int, int]


@dataclass(frozen=True)
class Block:
    """What is to be inserted. ``rank`` orders those at one place (imports are 0, other statements 1).

    ``over_comments`` is False for code that goes directly above its statement; ``blank_before`` and ``blank_after`` ask for an empty line.
    """

    edit: Edit
    code: str
    rank: int = 1
    over_comments: bool = True
    blank_before: bool = False
    blank_after: bool = False


class Placer:
    """Places blocks of statements in one file."""

    def __init__(self, text: Text, tree: ast.Module) -> None:
        self.text = text
        self.tree = tree

    def place(self, found: Found, block: Block, after: bool) -> Placed:
        """Raises NoPlace where no statement can be put."""
        node = found.node
        assert isinstance(node, ast.stmt)
        siblings = found.siblings
        index, after = self._allowed(found, siblings.index(node), after)
        node = siblings[index]
        if found.field == "orelse" and isinstance(node, ast.If) and self.text.utf8.startswith(b"elif", self._start(node)):
            raise NoPlace(block.edit.path, f"line {node.lineno}: no statement can stand beside elif", block.edit)
        new = parse(block.code, block.edit.path).body
        if after:
            offset, text = self._after(siblings, index, found, block, new)
        else:
            offset, text = self._before(siblings, index, found, block, new)
        # Code that ends an inner block comes before code that follows the outer one, though both begin at one offset.
        key = (offset, 0 if after else 1, -node.col_offset if after else 0, block.rank)
        return Placed(offset, text, node, siblings, after, new, key)

    def place_in_empty(self, block: Block) -> Placed:
        """In a file that has comments at most: at its end."""
        end = len(self.text.utf8)
        new = parse(block.code, block.edit.path).body
        lines = self._lines(block, new, b"", "    ", self.text.newline)
        broken = self.text.final_newline or end == 0
        text = "".join(lines) if broken else self.text.newline + "".join(lines).removesuffix(self.text.newline)
        return Placed(end, text, None, self.tree.body, True, new, (end, 0, 0, block.rank))

    def is_alone(self, node: ast.stmt) -> bool:
        """Whether a statement has its lines for itself, a comment at their end aside."""
        end = self.text.lines[(node.end_lineno or 1) - 1] + (node.end_col_offset or 0)
        rest = _REST.match(self.text.utf8, end)
        return self._opens_line(self._start(node)) and rest is not None and not self._semicolon(end)

    def indent(self, node: ast.stmt) -> str:
        """The indentation of a statement that opens its line."""
        return self._indent(node.lineno).decode()

    def newline(self, node: ast.stmt) -> str:
        """What ends the line on which a statement begins."""
        return self.text.newline_at(self.text.lines[node.lineno - 1])

    def _allowed(self, found: Found, index: int, after: bool) -> tuple[int, bool]:
        """Not before a docstring, not before a ``from __future__`` import."""
        siblings = found.siblings
        if found.parent is self.tree:
            futures = [
                i for i, node in enumerate(siblings) if isinstance(node, ast.ImportFrom) and node.module == "__future__" and not node.level
            ]
            if futures and futures[-1] >= index:
                return futures[-1], True
        if index == 0 and found.field == "body" and is_docstring(found.parent, siblings[0]):
            return 0, True
        return index, after

    def _before(self, siblings: list[ast.stmt], index: int, found: Found, block: Block, new: list[ast.stmt]) -> tuple[int, str]:
        node = siblings[index]
        start = self._start(node)
        if not self._opens_line(start):
            return start, self._joined(block, new) + "; "
        line = first_line(node)
        if block.over_comments:
            line = self._comment_block(line, self._indent(line), siblings[index - 1].end_lineno if index else None)
        offset = self.text.lines[line - 1]
        if line == first_line(node):  # a form feed before the statement's own indentation stays where it is
            offset += self.text.utf8[offset:start].rfind(b"\x0c") + 1
        newline = self.text.newline_at(start)
        if block.blank_before and line > 1 and not self._line(line - 1).strip():
            block = replace(block, blank_before=False)
        return offset, "".join(self._lines(block, new, self._indent(first_line(node)), self.unit(node, found), newline))

    def _after(self, siblings: list[ast.stmt], index: int, found: Found, block: Block, new: list[ast.stmt]) -> tuple[int, str]:
        node = siblings[index]
        end = self.text.lines[(node.end_lineno or 1) - 1] + (node.end_col_offset or 0)
        rest = _REST.match(self.text.utf8, end)
        group = self._group(siblings, index)
        if rest is None or not self._opens_line(self._start(group)):
            if isinstance(node, (ast.If, ast.For, ast.While, ast.With, ast.Try)) or rest is None and not self._semicolon(end):
                raise NoPlace(block.edit.path, f"line {node.end_lineno}: nothing can follow on this line", block.edit)
            return end, "; " + self._joined(block, new)
        line = first_line(group)
        indent = self._indent(line)
        stop = self._deeper_comments(rest.end(), indent) if hasattr(node, "body") else rest.end()
        newline = self.text.newline_at(self._start(node))
        text = "".join(self._lines(block, new, indent, self.unit(group, found), newline))
        if stop == len(self.text.utf8):
            return stop, newline + text.removesuffix(newline)
        return stop + len(self.text.newline_at(stop)), text

    def _start(self, node: ast.stmt) -> int:
        if first_line(node) == node.lineno:
            return self.text.lines[node.lineno - 1] + node.col_offset
        begin = self.text.lines[first_line(node) - 1]
        return begin + len(self._blank(begin))

    def _blank(self, offset: int) -> bytes:
        match = _INDENT.match(self.text.utf8, offset)
        return match.group() if match else b""

    def _indent(self, line: int) -> bytes:
        """The indentation of a line; a form feed sets it back to nothing."""
        return self._blank(self.text.lines[line - 1]).rpartition(b"\x0c")[2]

    def _line(self, line: int) -> bytes:
        begin = self.text.lines[line - 1]
        return self.text.utf8[begin : self.text.line_end(begin)]

    def _line_number(self, offset: int) -> int:
        return bisect.bisect_right(self.text.lines, offset)

    def _opens_line(self, start: int) -> bool:
        """Whether the statement at ``start`` is the first of its line, and that line carries on no other."""
        line = self._line_number(start)
        begin = self.text.lines[line - 1]
        if begin + len(self._blank(begin)) != start:
            return False
        above = self._line(line - 1) if line > 1 else b""
        return not above.endswith(b"\\") or above.lstrip().startswith(b"#")

    def _group(self, siblings: list[ast.stmt], index: int) -> ast.stmt:
        """The first of the statements which share a line with this one."""
        while index and not self._opens_line(self._start(siblings[index])):
            index -= 1
        return siblings[index]

    def _semicolon(self, end: int) -> bool:
        return self.text.utf8[end : self.text.line_end(end)].lstrip(b" \t\x0c").startswith(b";")

    def _comment_block(self, line: int, indent: bytes, floor: int | None) -> int:
        """The line on which the comments directly above ``line`` begin."""
        while line > (floor or 0) + 1:
            above = self._line(line - 1)
            if not above.startswith(indent + b"#") or (line <= 3 and (above.startswith(b"#!") or _CODING.match(above))):
                break
            line -= 1
        return line

    def comments_reach_top(self, node: ast.stmt) -> bool:
        """Whether the comments directly above ``node`` are the head of the file (a licence, say), and so not about ``node``."""
        line = self._comment_block(first_line(node), b"", None)
        return all(self._line(above).startswith(b"#") for above in range(1, line))

    def _deeper_comments(self, offset: int, indent: bytes) -> int:
        """Past the comment lines which follow at ``offset`` and stand deeper than ``indent``: they close the block before."""
        while offset < len(self.text.utf8):
            begin = offset + len(self.text.newline_at(offset))
            blank = self._blank(begin)
            if len(blank) <= len(indent) or not self.text.utf8.startswith(b"#", begin + len(blank)):
                break
            offset = self.text.line_end(begin)
        return offset

    def unit(self, node: ast.stmt, found: Found) -> str:
        """One step of indentation, as the code around has it."""
        near = [(node, inner) for inner in _first_of_body(node)] + [(found.parent, node)]
        anywhere = ((outer, inner) for outer in ast.walk(self.tree) for inner in _first_of_body(outer))
        for outer, inner in chain(near, anywhere):
            if isinstance(outer, ast.stmt) and self._opens_line(self._start(inner)):
                wide, narrow = self._indent(first_line(inner)), self._indent(first_line(outer))
                if wide.startswith(narrow) and len(wide) > len(narrow):
                    return wide[len(narrow) :].decode()
        return "    "

    def _joined(self, block: Block, new: list[ast.stmt]) -> str:
        code = block.code.strip()
        if any(hasattr(node, "body") or isinstance(node, ast.Match) for node in new) or "\n" in code or "#" in code or not new:
            line = getattr(block.edit, "statement", None)
            where = f"line {line.line}: " if line else ""
            raise NoPlace(block.edit.path, f"{where}only simple statements can be put on a line that holds others", block.edit)
        return code.rstrip("; \t")

    def _lines(self, block: Block, new: list[ast.stmt], indent: bytes, unit: str, newline: str) -> list[str]:
        """The code at its indentation, in the file's unit; lines inside a string stay as they are."""
        inside = {
            line
            for statement in new
            for node in ast.walk(statement)
            if isinstance(node, (ast.Constant, ast.JoinedStr)) and node.end_lineno is not None
            for line in range(node.lineno + 1, node.end_lineno + 1)
        }
        lines = [newline] if block.blank_before else []
        for number, line in enumerate(re.split(r"\r\n|\r|\n", block.code.removesuffix("\n")), 1):
            if number in inside:
                lines.append(line + newline)
            elif not line.strip(" \t"):
                lines.append(newline)
            else:
                bare = line.lstrip(" ")
                steps, more = divmod(len(line) - len(bare), 4)
                lines.append(indent.decode() + unit * steps + " " * more + bare + newline)
        return lines + [newline] if block.blank_after else lines


def _first_of_body(node: ast.AST) -> list[ast.stmt]:
    body = getattr(node, "body", None)
    return body[:1] if isinstance(body, list) else []


def is_docstring(parent: ast.AST, node: ast.stmt) -> bool:
    """Whether ``node``, the first of ``parent``, is its docstring."""
    owns = isinstance(parent, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
    return owns and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def hang(placed: list[Placed]) -> None:
    """Put the statements where they are into the tree; ``placed`` are in the order in which they are written."""
    suites = {id(item.siblings): item.siblings for item in placed}
    for suite in suites.values():
        mine = [item for item in placed if item.siblings is suite]
        result: list[ast.stmt] = [node for item in mine if item.anchor is None for node in item.statements]
        for anchor in suite:
            for after in (False, True):
                if after:
                    result.append(anchor)
                result += [node for item in mine if item.anchor is anchor and item.after is after for node in item.statements]
        suite[:] = result
