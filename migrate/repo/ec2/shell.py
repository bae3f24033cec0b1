"""Shell text, followed from its first line to its last: the commands that it runs, with their variables, folder and environment.

Nothing is run. Where a condition cannot be known, both branches are followed, and a variable that they leave with two values is not known
any more; an option loop (``while [ $# -gt 0 ]``) leaves the defaults as they are.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from migrate.repo.ec2 import words
from migrate.repo.ec2.words import State, Word

if TYPE_CHECKING:
    from tree_sitter import Node, Tree

MOST_TURNS = 24  # of a loop that are followed
MOST_DEEP = 40  # statements inside statements, and functions that call functions
MOST_SOURCED = 3  # scripts that source scripts
MOST_RAN = 4000  # commands of one text
# An unquoted variable with more of its word behind it: ``$A/$B/c`` is two words to the grammar, ``${A}/${B}/c`` is one.
_GOES_ON = re.compile(
    rb"'[^']*'|\"(?:\\.|[^\"\\])*\"|\\.|(?<![^\s;])#[^\n]*|\$([A-Za-z_]\w*|\d)(?=[^\w\s\"'`;&|()<>$\[\]{}=]|=[^=\s])", re.DOTALL
)
_ENDS = {"exit", "return", "exec"}


@dataclass(frozen=True)
class Ran:
    """A command as the shell would run it. ``line`` counts from 1 in its file; ``text`` is the statement that it stands in."""

    words: tuple[Word, ...]
    line: int
    text: str
    state: State
    """What the shell knew there: a copy of its own."""
    environment: tuple[tuple[str, Word], ...] = ()
    """Set for this command alone."""
    here: tuple[int, str] | None = None
    """A here-document that it reads: the line that it begins on, and its text, known variables filled in."""
    writes: str | None = None
    """The file that its output goes to."""
    piped: str | None = None
    """The name of the command that reads its output."""
    path: str | None = None
    """The file that it stands in, where that is another one, which was sourced."""

    @property
    def name(self) -> str:
        """The program, without its folder."""
        return posixpath.basename(self.words[0].text) if self.words else ""


@dataclass
class Shell:
    """Follows one text. ``first_line`` is that of the text in its file; ``broken`` the lines of what is no shell."""

    text: str
    first_line: int = 1
    broken: list[int] = field(default_factory=list)
    sourced: Callable[[str, State], tuple[str, str] | None] | None = None
    """Gives the path and the text of a script that is sourced, by its name."""
    deep: int = 0
    """How many scripts that were sourced it stands in."""

    def run(self, state: State) -> list[Ran]:
        """Every command in the order in which the shell comes to it. ``state`` is changed as the shell would change its own."""
        source = self.text.encode("utf-8", "replace").replace(b"\r\n", b"\n").replace(b"\0", b" ")
        root = _parse(source).root_node
        self.ran: list[Ran] = []
        self.functions: dict[str, Node] = {}
        self.called: set[str] = set()
        self.depth = 0
        self._body(root, state)
        for name, body in list(self.functions.items()):
            if name not in self.called:  # somebody calls it by hand, or another file does
                self._body(body, _without_arguments(state))
        return self.ran

    def _body(self, node: Node, state: State) -> None:
        if self.depth > MOST_DEEP or len(self.ran) > MOST_RAN:
            return
        self.depth += 1
        for child in node.named_children:
            self._statement(child, state)
        self.depth -= 1

    def _statement(self, node: Node, state: State, **around: object) -> None:
        if node.is_error or node.is_missing:
            self.broken.append(self._line(node))
            return
        handler = _HANDLERS.get(node.type)
        if handler is not None:
            handler(self, node, state)
        elif node.type in {"program", "compound_statement", "do_group", "list", "negated_command", "else_clause", "case_item"}:
            self._body(node, state)

    def _line(self, node: Node) -> int:
        return self.first_line + node.start_point[0]

    # Statements

    def _assignment(self, node: Node, state: State) -> None:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if name is None or name.type != "variable_name":
            return
        key = _text(name)
        self._substitutions(value, state)
        if value is not None and value.type == "array":
            made = tuple(words.split(value.named_children, state))
        else:
            made = (words.one(value, state),)
        if b"+=" in (node.text or b"")[: len(key) + 2]:
            before = state.value(key) or (Word(f"${key}", (key,)),)
            made = (*before, *made) if value is not None and value.type == "array" else (before[0] + made[0],)
        state.assign(key, made)

    def _substitutions(self, node: Node | None, state: State) -> None:
        """Commands in ``$(...)`` run before what they stand in."""
        waiting = [node] if node is not None else []
        while waiting:
            each = waiting.pop()
            if each.type == "command_substitution":
                self._subshell(each, state)
            elif each.type not in {"heredoc_body", "word", "variable_name", "raw_string", "number"}:
                waiting += each.named_children

    def _declaration(self, node: Node, state: State) -> None:
        exports = any(child.type == "export" for child in node.children) or any(
            child.type == "word" and re.fullmatch(rb"-\w*x\w*", child.text or b"") for child in node.children
        )
        for child in node.named_children:
            name = child.child_by_field_name("name") if child.type == "variable_assignment" else child
            if child.type == "variable_assignment":
                self._assignment(child, state)
            if exports and name is not None and name.type == "variable_name":
                state.exported[_text(name)] = None

    def _command(self, node: Node, state: State, here: tuple[int, str] | None = None, writes: str | None = None) -> None:
        after = node.next_sibling
        if node.has_error or (after is not None and after.is_error and after.start_point[0] == node.end_point[0]):
            self.broken.append(self._line(node))
            return
        environment: list[tuple[str, Word]] = []
        arguments: list[Word] = []
        if _is_torn(node):
            self.broken.append(self._line(node))
            return
        for child in node.named_children:
            if child.type != "variable_assignment":
                self._substitutions(child, state)
        for child in node.named_children:
            if child.type == "variable_assignment":
                scratch = state.copy()
                self._assignment(child, scratch)
                name = child.child_by_field_name("name")
                key = _text(name) if name is not None else ""
                environment += [(key, word) for word in scratch.variables.get(key, ())[:1]]
            elif child.type == "command_name":
                arguments += list(words.split(child.named_children, state)) if child.named_children else [words.one(child, state)]
            elif child.type in {"file_redirect", "herestring_redirect", "comment"}:
                continue
            else:
                arguments += list(words.split([child], state))
        if not arguments:
            return
        self._emit(Ran(tuple(arguments), self._line(node), self._said(node), state.copy(), tuple(environment), here, writes), state)

    def _emit(self, ran: Ran, state: State) -> None:
        name = ran.words[0].text
        if name in self.functions:
            self._call(name, ran, state)
            return
        self.ran.append(ran)
        if name in {"cd", "pushd"}:
            _move(ran, state)
        elif name == "shift" and state.arguments is not None:
            count = int(ran.words[1].text) if len(ran.words) > 1 and ran.words[1].text.isdecimal() else 1
            state.arguments = state.arguments[count:]
        elif name == "set" and len(ran.words) > 1 and ran.words[1].text == "--":
            state.arguments = ran.words[2:]
        elif name in {"source", "."} and len(ran.words) > 1:
            self._source(ran, state)
        elif name == "read":
            for word in ran.words[1:]:
                state.variables.pop(word.text, None)
        _activate(ran, state)

    def _source(self, ran: Ran, state: State) -> None:
        """A script that runs in this very shell."""
        found = self.sourced(ran.words[1].text, state) if self.sourced is not None and self.deep < MOST_SOURCED else None
        if found is None:
            return
        path, text = found
        inner = Shell(text, sourced=self.sourced, deep=self.deep + 1)
        self.ran += [replace(each, path=each.path or path) for each in inner.run(state)]
        self.functions.update(inner.functions)
        self.called |= set(inner.functions)

    def _call(self, name: str, ran: Ran, state: State) -> None:
        self.called.add(name)
        if self.depth > MOST_DEEP:
            return
        outer, state.arguments = state.arguments, ran.words[1:]
        self.depth += 8
        self._body(self.functions[name], state)
        self.depth -= 8
        state.arguments = outer

    def _redirected(self, node: Node, state: State) -> None:
        body = node.child_by_field_name("body")
        here, writes, piped = None, None, None
        after: list[Node] = []
        for redirect in node.children_by_field_name("redirect"):
            for each in (redirect, *redirect.named_children):
                if each.type == "heredoc_redirect":
                    here = self._here(each, state)
                elif each.type == "file_redirect":
                    writes = _output(each, state) or writes
                elif each.type == "pipeline" or each in redirect.children_by_field_name("right"):
                    after.append(each)
                    piped = self._reader(each, state) if each.type == "pipeline" else piped
        at = len(self.ran)
        if body is not None and body.type == "command":
            self._command(body, state, here, writes)
        elif body is not None:
            self._statement(body, state)
        if piped is not None:
            self.ran[at:] = [replace(ran, piped=piped) for ran in self.ran[at:]]
        for each in after:
            self._statement(each, state)

    def _reader(self, pipeline: Node, state: State) -> str | None:
        """The first program of what stands after a pipe."""
        command = next((child for child in pipeline.named_children if child.type == "command"), None)
        name = command.child_by_field_name("name") if command is not None else None
        return words.one(name, state).text if name is not None else None

    def _here(self, node: Node, state: State) -> tuple[int, str] | None:
        body = next((child for child in node.children if child.type == "heredoc_body"), None)
        start = next((child for child in node.children if child.type == "heredoc_start"), None)
        if body is None:
            return None
        text = _text(body)
        quoted = start is not None and (start.text or b"")[:1] in (b"'", b'"', b"\\")
        return self._line(body), text if quoted else words.expanded(text, state)

    def _pipeline(self, node: Node, state: State) -> None:
        parts = node.named_children
        for number, part in enumerate(parts):
            at = len(self.ran)
            self._statement(part, state.copy() if len(parts) > 1 else state)
            reader = parts[number + 1] if number + 1 < len(parts) else None
            if reader is not None and reader.type == "command":
                name = reader.child_by_field_name("name")
                piped = words.one(name, state).text if name is not None else None
                self.ran[at:] = [replace(ran, piped=piped) for ran in self.ran[at:]]

    def _subshell(self, node: Node, state: State) -> None:
        self._body(node, state.copy())

    def _function(self, node: Node, state: State) -> None:
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        if name is not None and body is not None:
            self.functions[_text(name)] = body

    def _unset(self, node: Node, state: State) -> None:
        for child in node.named_children:
            state.variables.pop(_text(child), None)
            state.exported.pop(_text(child), None)

    # Ways that fork

    def _if(self, node: Node, state: State) -> None:
        """Each branch from the state before it. What is tested for emptiness, and is known, decides; else all are possible."""
        before = state.copy()
        condition = [child for child in node.children_by_field_name("condition") if child.is_named]
        for child in condition:
            self._statement(child, state)
        sure = _tested(condition, before)
        branches: list[tuple[bool | None, list[Node]]] = [(sure, _then(node))]
        for clause in node.named_children:
            if clause.type in {"elif_clause", "else_clause"}:
                branches.append((None, list(clause.named_children)))
        has_else = any(clause.type == "else_clause" for clause in node.named_children)
        if sure is True:
            branches = branches[:1]
        elif sure is False:
            branches = branches[1:] if len(branches) > 1 else []
        self._fork([nodes for _, nodes in branches], state, may_skip=sure is None and not has_else or not branches)

    def _fork(self, branches: list[list[Node]], state: State, may_skip: bool) -> None:
        ends = [state.copy()] if may_skip else []
        for nodes in branches:
            inside = state.copy()
            for child in nodes:
                self._statement(child, inside)
            if not _ends(nodes):
                ends.append(inside)
        if ends:
            _merge(state, ends)

    def _case(self, node: Node, state: State) -> None:
        items = [child for child in node.named_children if child.type == "case_item"]
        bodies = [[child for child in item.named_children if not _is_pattern(item, child)] for item in items]
        self._fork(bodies, state, may_skip=True)

    def _for(self, node: Node, state: State) -> None:
        name, body = node.child_by_field_name("variable"), node.child_by_field_name("body")
        if name is None or body is None:
            return
        key = _text(name)
        values = node.children_by_field_name("value")
        turns = list(words.split(values, state)) if values else list(state.arguments or ())
        known = [turn for turn in turns if not turn.open and not set("*?[") & set(turn.text)]
        if not known:
            state.variables.pop(key, None)
            self._loop_body(body, state)
            return
        for turn in known[:MOST_TURNS]:
            state.variables[key] = (turn,)
            self._body(body, state)

    def _counting(self, node: Node, state: State) -> None:
        """``for ((i=0; i<5; i++))``: turns where they can be counted."""
        body = node.child_by_field_name("body")
        if body is None:
            return
        head = _text(node)[: body.start_byte - node.start_byte]
        found = re.search(r"\(\(\s*(\w+)\s*=\s*(\d{1,6})\s*;\s*\1\s*(<=?)\s*(\d{1,6})\s*;\s*(?:\1\+\+|\+\+\1|\1\s*\+=\s*1)\s*\)\)", head)
        if found is None:
            self._loop_body(body, state)
            return
        last = int(found[4]) + (found[3] == "<=")
        for turn in range(int(found[2]), last)[:MOST_TURNS]:
            state.variables[found[1]] = (Word(str(turn)),)
            self._body(body, state)

    def _while(self, node: Node, state: State) -> None:
        body = node.child_by_field_name("body")
        inside = state.copy()
        for child in node.children_by_field_name("condition"):
            if child.is_named:
                self._statement(child, inside)
        if body is not None:
            self._loop_body(body, state)

    def _loop_body(self, body: Node, state: State) -> None:
        """A body that runs nobody knows how often: what it sets is not known in it at first, since it may be a later turn."""
        inside = state.copy()
        for key in _assigned(body):
            if not any(word.open for word in inside.variables.get(key, ())) and not _from_arguments(body, key):
                inside.variables.pop(key, None)
        self._body(body, inside)
        _merge(state, [state.copy(), inside])

    def _said(self, node: Node) -> str:
        """The statement around ``node``, on one line."""
        top = node
        while top.parent is not None and top.parent.type in {"list", "pipeline", "redirected_statement", "negated_command"}:
            top = top.parent
        text = _text(top)
        if "<<" in text:
            text = text.partition("\n")[0]
        return re.sub(r"\s*\\\n\s*|\s*\n\s*", " ", text).strip()


_HANDLERS: dict[str, Callable[[Shell, Node, State], None]] = {
    "variable_assignment": Shell._assignment,
    "variable_assignments": Shell._body,
    "declaration_command": Shell._declaration,
    "command": Shell._command,
    "redirected_statement": Shell._redirected,
    "pipeline": Shell._pipeline,
    "subshell": Shell._subshell,
    "function_definition": Shell._function,
    "unset_command": Shell._unset,
    "if_statement": Shell._if,
    "case_statement": Shell._case,
    "for_statement": Shell._for,
    "c_style_for_statement": Shell._counting,
    "while_statement": Shell._while,
}


@lru_cache(maxsize=64)
def _parse(source: bytes) -> Tree:
    import tree_sitter
    import tree_sitter_bash

    source = _GOES_ON.sub(lambda match: b"${%b}" % match[1] if match[1] else match[0], source)
    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language())).parse(source)


def _without_arguments(state: State) -> State:
    made = state.copy()
    made.arguments = None
    return made


def _move(ran: Ran, state: State) -> None:
    """``cd``: into a folder below, above, or somewhere absolute."""
    target = next((word.text for word in ran.words[1:] if not word.text.startswith("-")), "~")
    absolute = target.startswith(("/", "~", "$"))
    state.folder = target.rstrip("/") or "/" if absolute else posixpath.normpath(posixpath.join(state.folder, target))
    if state.folder == ".":
        state.folder = ""


def _activate(ran: Ran, state: State) -> None:
    """``conda activate NAME``, ``source activate NAME``, ``source FOLDER/bin/activate [NAME]``."""
    given = [word.text for word in ran.words]
    if given[0] in {"source", "."} and len(given) > 1 and given[1].rsplit("/", 1)[-1] == "activate":
        folder = given[1].rpartition("/bin/activate")[0]
        state.conda = given[2] if len(given) > 2 else posixpath.basename(folder) or state.conda
    elif given[:2] in (["conda", "activate"], ["mamba", "activate"], ["micromamba", "activate"], ["pyenv", "activate"]) and len(given) > 2:
        state.conda = given[2]
    elif given[0] in {"workon"} and len(given) > 1:
        state.conda = given[1]
    elif given[0] in {"deactivate"} or given[:2] == ["conda", "deactivate"]:
        state.conda = None


def _is_torn(command: Node) -> bool:
    """Whether two arguments stand together without a blank: one word, that the grammar has torn apart."""
    words = [child for child in command.named_children if child.type not in {"file_redirect", "herestring_redirect", "comment"}]
    return any(one.end_byte == two.start_byte for one, two in zip(words, words[1:], strict=False))


def _output(redirect: Node, state: State) -> str | None:
    """The file that a redirection sends the output to."""
    target, descriptor = redirect.child_by_field_name("destination"), redirect.child_by_field_name("descriptor")
    if target is None or b">" not in (redirect.text or b"") or (descriptor is not None and descriptor.text != b"1"):
        return None
    return words.one(target, state).text


def _then(node: Node) -> list[Node]:
    """What stands between ``then`` and the next clause."""
    found, inside = [], False
    for child in node.children:
        if child.type == "then":
            inside = True
        elif child.type in {"elif_clause", "else_clause", "fi"}:
            break
        elif inside and child.is_named:
            found.append(child)
    return found


def _tested(condition: list[Node], state: State) -> bool | None:
    """Whether ``[ -z "$X" ]`` or ``[ -n "$X" ]`` holds: True for -z of a variable that nothing sets, as its default is meant to hold."""
    if len(condition) != 1:
        return None
    found = re.fullmatch(r"\[\[?\s*(!?)\s*(-[zn])\s+\"?(\$\{?\w+(?::?-[^}]*)?\}?)\"?\s*\]?\]", _text(condition[0]))
    if found is None:
        return None
    name = re.sub(r"\$\{?(\w+).*", r"\1", found[3])
    value = state.value(name)
    if value is not None and any(word.open for word in value):
        return None
    empty = value is None or all(word.text == "" for word in value)
    return (found[2] == "-z") == (empty == (found[1] != "!"))


def _ends(nodes: list[Node]) -> bool:
    """Whether a branch leaves the script: what it sets is seen by nobody."""
    last = nodes[-1] if nodes else None
    name = last.child_by_field_name("name") if last is not None and last.type == "command" else None
    return name is not None and _text(name) in _ENDS


def _is_pattern(item: Node, child: Node) -> bool:
    return any(value.id == child.id for value in item.children_by_field_name("value"))


def _merge(state: State, ends: list[State]) -> None:
    """Goes on with what all ways agree on. A value that only arguments give leaves the one that holds without them."""
    names = dict.fromkeys(name for end in ends for name in end.variables)
    for name in names:
        values = list(dict.fromkeys(end.variables.get(name) for end in ends))
        sure = [value for value in values if value is not None and not any(word.open for word in value)]
        loose = [value for value in values if value is not None and any(not _is_argument(open_) for word in value for open_ in word.open)]
        if len(values) == 1 and values[0] is not None:
            state.variables[name] = values[0]
        elif len(sure) == 1 and not loose and None not in values:
            state.variables[name] = sure[0]
        else:
            state.variables.pop(name, None)
    state.exported = {name: None for end in ends for name in end.exported}
    state.folder = ends[0].folder if len({end.folder for end in ends}) == 1 else ends[-1].folder
    state.conda = next((end.conda for end in reversed(ends) if end.conda), None)
    state.arguments = ends[0].arguments if all(end.arguments == ends[0].arguments for end in ends) else None


def _is_argument(name: str) -> bool:
    return name.isdigit() or name in {"@", "*", "#", "OPTARG"}


def _assigned(node: Node) -> Iterator[str]:
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if each.type == "variable_assignment":
            name = each.child_by_field_name("name")
            if name is not None:
                yield _text(name)
        waiting += each.named_children


def _from_arguments(body: Node, key: str) -> bool:
    """Whether each value that ``body`` gives the variable comes from the script's arguments: then the default holds without them."""
    written = re.findall(rf"(?m)(?:^|[\s;)]){re.escape(key)}=(\S*)", _text(body))
    return bool(written) and all(re.fullmatch(r"[\"']?\$\{?(?:\d+|@|\*|OPTARG|1#\*=)\}?[\"']?;*|true|1|yes", value) for value in written)


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")
