"""Terraform: instances, launch templates, spot requests, roles and the provider's region, with variables, locals and files filled in."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from migrate.repo.ec2 import userdata
from migrate.repo.ec2.collect import Collector
from migrate.repo.ec2.machines import Leaf, Settings, find, leaves, machine
from migrate.repo.ec2.model import Fact, Problem

if TYPE_CHECKING:
    from tree_sitter import Node

MACHINES = {
    "aws_instance": None,
    "aws_spot_instance_request": True,
    "aws_launch_template": None,
    "aws_launch_configuration": None,
    "aws_spot_fleet_request": True,
    "aws_ec2_fleet": None,
    "aws_autoscaling_group": None,
    "aws_batch_compute_environment": None,
}
MOST_DEEP = 40
MOST_TURNS = 20  # of a dynamic block
_REFERENCE = re.compile(r"[A-Za-z_][\w-]*(?:\.[A-Za-z_*][\w-]*|\[[^\]]*\])+")
_FILES = {"file", "filebase64", "templatefile"}
_SAME = {"base64encode", "jsonencode", "tolist", "toset", "tostring", "trimspace", "base64gzip", "tonumber", "nonsensitive"}


@dataclass
class Block:
    """A block: ``resource "aws_instance" "trainer" { ... }``."""

    kind: str
    labels: tuple[str, ...]
    body: Node | None
    path: str
    line: int


@dataclass
class Module:
    """The files of one folder, and what its caller gives its variables."""

    folder: str
    blocks: list[Block] = field(default_factory=list)
    given: dict[str, Settings] = field(default_factory=dict)
    following: set[str] = field(default_factory=set)


def read(collector: Collector, paths: Sequence[str]) -> None:
    """Every module among the files ``paths`` (``.tf``, and ``.tfvars`` beside them)."""
    modules: dict[str, Module] = {}
    for path in paths:
        module = modules.setdefault(posixpath.dirname(path), Module(posixpath.dirname(path)))
        text = collector.source(path)
        if text is None:
            continue
        if path.endswith(".tfvars"):
            module.given.update(_attributes(_parsed(text), _Values(module, collector), path))
        else:
            module.blocks += _blocks(collector, path, text)
    for module in modules.values():
        _call(module, modules, collector)
    for module in modules.values():
        for block in module.blocks:
            _block(block, _Values(module, collector), collector)


def _parsed(text: str) -> Node:
    import tree_sitter
    import tree_sitter_hcl

    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_hcl.language()))
    return parser.parse(text.encode("utf-8", "replace")).root_node


def _blocks(collector: Collector, path: str, text: str) -> list[Block]:
    root = _parsed(text)
    if root.has_error:
        broken = _first_error(root)
        collector.problems.append(Problem(path, broken.start_point[0] + 1, "no Terraform that can be read, from this line on"))
    body = next((child for child in root.children if child.type == "body"), root)
    return [_made(child, path) for child in body.children if child.type == "block"]


def _first_error(node: Node) -> Node:
    for child in node.children:
        if child.has_error or child.is_error or child.is_missing:
            return _first_error(child)
    return node


def _made(node: Node, path: str) -> Block:
    names = [child for child in node.children if child.type in {"identifier", "string_lit"}]
    labels = tuple(_text(child).strip('"') for child in names[1:])
    body = next((child for child in node.children if child.type == "body"), None)
    return Block(_text(names[0]) if names else "", labels, body, path, node.start_point[0] + 1)


def _call(module: Module, modules: Mapping[str, Module], collector: Collector) -> None:
    """Gives the variables of a module that lies in the tree what its caller passes."""
    for block in module.blocks:
        if block.kind != "module":
            continue
        values = _attributes(block.body, _Values(module, collector), block.path)
        source = values.get("source")
        if isinstance(source, Leaf) and source.text.startswith("."):
            target = modules.get(posixpath.normpath(posixpath.join(module.folder, source.text)).removeprefix("./"))
            if target is not None and target is not module:
                target.given.update({name: value for name, value in values.items() if name != "source"})


def _block(block: Block, values: _Values, collector: Collector) -> None:
    if block.kind == "provider" and block.labels[:1] == ("aws",):
        for leaf in leaves(_attributes(block.body, values, block.path).get("region", [])):
            collector.regions.append(Fact(leaf.text, leaf.path or block.path, leaf.line, "provider aws"))
    if block.kind != "resource" or len(block.labels) < 2:
        return
    kind, by = block.labels[0], ".".join(block.labels[:2])
    if kind in MACHINES:
        settings = _attributes(block.body, values, block.path)
        count = settings.get("count")
        if isinstance(count, Leaf) and count.text == "0":
            return  # not made
        _machine(settings, kind, by, block, collector)
    elif kind in {"aws_iam_role", "aws_iam_instance_profile"}:
        name = _attributes(block.body, values, block.path).get("name" if kind == "aws_iam_role" else "role")
        for leaf in leaves(name) if name is not None else ():
            collector.roles.append(Fact(leaf.text, leaf.path or block.path, leaf.line, by))


def _machine(settings: dict[str, Settings], kind: str, by: str, block: Block, collector: Collector) -> None:
    spot = MACHINES[kind]
    if kind == "aws_batch_compute_environment":
        spot = any(leaf.text.upper() == "SPOT" for value in find(settings, "computeresources") for leaf in _typed(value))
    data = next(iter(find(settings, "userdata", "userdatabase64")), None)
    user_data = None
    if isinstance(data, Leaf) and data.text:
        user_data = _follow(data, by, block, collector)
    settings = {name: value for name, value in settings.items() if not name.startswith("user_data")}
    made = machine(settings, by, block.path, block.line, spot=spot, user_data=user_data)
    if made.instance_types or made.ami or kind in {"aws_instance", "aws_spot_instance_request"}:
        collector.machines.append(made)


def _typed(value: Settings) -> list[Leaf]:
    if isinstance(value, Mapping):
        found = value.get("type")
        return [found] if isinstance(found, Leaf) else []
    return [leaf for each in value for leaf in _typed(each)] if not isinstance(value, Leaf) else []


def _follow(data: Leaf, by: str, block: Block, collector: Collector) -> Fact[str]:
    """Follows user data, in the block or in a file of its own."""
    path = data.path or block.path
    if data.text.startswith("file://"):
        target = data.text.removeprefix("file://")
        text = collector.source(target) if target in collector.tree.names else None
        if text is not None:
            userdata.follow(collector, target, _shell(text), 1, dict(data.known))
        return Fact(target, path, data.line, by)
    userdata.follow(collector, path, _shell(data.text), data.line + data.offset)
    return Fact("inside", path, data.line, by)


def _shell(text: str) -> str:
    """References that nothing gives, as variables of the shell; ``$${X}`` is the shell's own."""
    made = re.sub(r"(?<!\$)\$\{([\w.\[\]*-]*[.\[][\w.\[\]*-]*)\}", lambda match: "${" + re.sub(r"\W", "_", match[1]) + "}", text)
    return made.replace("$${", "${")


def _attributes(body: Node | None, values: _Values, path: str, depth: int = 0) -> dict[str, Settings]:
    """Attributes and nested blocks of a body, evaluated."""
    made: dict[str, Settings] = {}
    if body is None or depth > MOST_DEEP:
        return made
    nodes = body.children if body.type == "body" else [inner for child in body.children if child.type == "body" for inner in child.children]
    for child in nodes:
        if child.type == "attribute":
            name = next((each for each in child.children if each.type == "identifier"), None)
            value = next((each for each in child.children if each.type == "expression"), None)
            if name is not None and value is not None:
                made[_text(name)] = values.of(value, path)
        elif child.type == "block":
            inner = _made(child, path)
            key = inner.labels[0] if inner.kind == "dynamic" and inner.labels else inner.kind
            found = _dynamic(inner, values, path, depth) if inner.kind == "dynamic" else [_attributes(inner.body, values, path, depth + 1)]
            before = made.setdefault(key, [])
            if isinstance(before, list):
                before += found
    return made


def _dynamic(block: Block, values: _Values, path: str, depth: int) -> list[Settings]:
    """``dynamic "x" { for_each = ... content { ... } }``: its content for each value."""
    if block.body is None or not block.labels:
        return []
    held = next((each for each in block.body.children if each.type == "block" and _text(each).startswith("content")), None)
    outer = _attributes(block.body, values, path, depth + 1)
    name = outer.get("iterator")
    iterator = name.text if isinstance(name, Leaf) else block.labels[0]
    each = outer.get("for_each")
    turns: list[Settings] = (
        list(each.values()) if isinstance(each, dict) else list(each) if isinstance(each, list) else [Leaf("", block.line)]
    )
    found: list[Settings] = []
    for turn in turns[:MOST_TURNS]:
        inside = _Values(values.module, values.collector, {**values.bound, iterator: turn})
        found.append(_attributes(_made(held, path).body if held is not None else None, inside, path, depth + 1))
    return found


class _Values:
    """Evaluates expressions in one module, as far as its files tell."""

    def __init__(self, module: Module, collector: Collector, bound: dict[str, Settings] | None = None) -> None:
        self.module, self.collector, self.bound = module, collector, bound or {}

    def of(self, node: Node, path: str, depth: int = 0) -> Settings:
        line = node.start_point[0] + 1
        if depth > MOST_DEEP:
            return Leaf(_text(node), line, path)
        kind = node.type
        inner = node.named_children
        if kind in {"expression", "literal_value", "template_expr", "collection_value", "operation"} and len(inner) == 1:
            return self.of(inner[0], path, depth + 1)
        if kind in {"string_lit", "quoted_template"}:
            return self._template(node, path, depth)
        if kind == "heredoc_template":
            made = self._template(node, path, depth)
            return Leaf(_outdented(made.text) if b"<<-" in (node.text or b"")[:3] else made.text, line, path, offset=1)
        if kind == "tuple":
            return [self.of(child, path, depth + 1) for child in inner if child.type == "expression"]
        if kind == "object":
            return self._object(node, path, depth)
        if kind == "function_call":
            return self._function(node, path, depth)
        if kind == "expression" and inner and inner[0].type == "variable_expr":
            return self._reference(_text(node), path, line, depth)
        if kind == "conditional":
            return self._conditional(node, path, depth)
        if kind == "expression" and len(inner) == 1:
            return self.of(inner[0], path, depth + 1)
        return Leaf(_text(node), line, path)

    def _template(self, node: Node, path: str, depth: int) -> Leaf:
        """The text between the marks, to the byte: the grammar's own pieces leave out spaces at their ends."""
        source, start = node.text or b"", node.start_byte
        here = node.type == "heredoc_template"
        ends = [child for child in node.children if child.type in {"heredoc_identifier", "quoted_template_start", "quoted_template_end"}]
        at = source.find(b"\n") + 1 if here else (ends[0].end_byte - start if ends else 0)
        end = ends[-1].start_byte - start if len(ends) > 1 else len(source)
        parts = []
        for child in node.named_children:
            if child.type != "template_interpolation":
                continue
            parts.append(source[at : child.start_byte - start].decode("utf-8", "replace"))
            held = next((each for each in child.named_children if each.type == "expression"), None)
            value = self.of(held, path, depth + 1) if held is not None else Leaf("", 0)
            known = isinstance(value, Leaf) and held is not None and value.text != _text(held)
            parts.append(value.text if known and isinstance(value, Leaf) else _text(child))
            at = child.end_byte - start
        parts.append(source[at:end].decode("utf-8", "replace"))
        text = "".join(parts)
        return Leaf(text if here else _unescaped(text), node.start_point[0] + 1, path)

    def _object(self, node: Node, path: str, depth: int) -> Settings:
        made: dict[str, Settings] = {}
        for child in node.named_children:
            key, value = child.child_by_field_name("key"), child.child_by_field_name("val")
            if key is not None and value is not None:
                made[_text(key).strip('"()')] = self.of(value, path, depth + 1)
        return made

    def _function(self, node: Node, path: str, depth: int) -> Settings:
        name = _text(node.named_children[0]) if node.named_children else ""
        held = next((child for child in node.named_children if child.type == "function_arguments"), None)
        arguments = [child for child in held.named_children if child.type == "expression"] if held is not None else []
        line = node.start_point[0] + 1
        if name in _FILES and arguments:
            target = self.of(arguments[0], path, depth + 1)
            if isinstance(target, Leaf):
                rest = target.text.replace("${path.module}", ".").replace("${path.root}", ".")
                file = posixpath.normpath(posixpath.join(self.module.folder, rest))
                known = self.of(arguments[1], path, depth + 1) if len(arguments) > 1 else {}
                pairs = [(key, each.text) for key, each in known.items() if isinstance(each, Leaf)] if isinstance(known, dict) else []
                return Leaf(f"file://{file}", line, path, known=tuple(pairs))
        if name in _SAME and len(arguments) == 1:
            return self.of(arguments[0], path, depth + 1)
        if name == "concat":
            lists = [self.of(argument, path, depth + 1) for argument in arguments]
            return [each for value in lists for each in (value if isinstance(value, list) else [value])]
        return Leaf(_text(node), line, path)

    def _conditional(self, node: Node, path: str, depth: int) -> Settings:
        parts = [child for child in node.named_children if child.type == "expression"]
        if len(parts) == 3:
            condition = self.of(parts[0], path, depth + 1)
            if isinstance(condition, Leaf) and condition.text in {"true", "false"}:
                return self.of(parts[1] if condition.text == "true" else parts[2], path, depth + 1)
        return Leaf(_text(node), node.start_point[0] + 1, path)

    def _reference(self, text: str, path: str, line: int, depth: int) -> Settings:
        parts = re.sub(r"\[[^\]]*\]", "", text).split(".")
        written = Leaf(text, line, path)
        if depth > MOST_DEEP or text in self.module.following:
            return written
        self.module.following.add(text)
        try:
            return self._known(parts, depth) or written
        finally:
            self.module.following.discard(text)

    def _known(self, parts: Sequence[str], depth: int) -> Settings | None:
        if parts[0] == "var" and len(parts) >= 2:
            value = self.module.given.get(parts[1])
            if value is None:
                value = self._attribute("variable", (parts[1],), "default", depth)
            return _inside(value, parts[2:])
        if parts[0] in self.bound and parts[1:2] == ["value"]:
            return _inside(self.bound[parts[0]], parts[2:])
        if parts[0] == "local" and len(parts) >= 2:
            return _inside(self._attribute("locals", (), parts[1], depth), parts[2:])
        if parts[0] == "data" and len(parts) >= 4 and parts[1] == "aws_ami":
            return self._ami(parts[2], depth)
        if len(parts) == 3 and parts[2] in {"name", "role", "family"}:
            return self._attribute("resource", (parts[0], parts[1]), parts[2], depth)
        return None

    def _attribute(self, kind: str, labels: tuple[str, ...], name: str, depth: int) -> Settings | None:
        for block in self.module.blocks:
            if block.kind == kind and (kind == "locals" or block.labels == labels):
                for child in block.body.children if block.body is not None else []:
                    if child.type == "attribute" and _text(child.children[0]) == name:
                        value = next((each for each in child.children if each.type == "expression"), None)
                        return self.of(value, block.path, depth + 1) if value is not None else None
        return None

    def _ami(self, name: str, depth: int) -> Settings | None:
        """The name that an image is looked up by."""
        for block in self.module.blocks:
            if block.kind == "data" and block.labels == ("aws_ami", name):
                settings = _attributes(block.body, self, block.path, depth + 1)
                filters = settings.get("filter", [])
                for each in filters if isinstance(filters, list) else []:
                    if isinstance(each, dict) and any(leaf.text == "name" for leaf in leaves(each.get("name", []))):
                        return next(leaves(each.get("values", [])), None)
                return settings.get("name_regex")
        return None


def _inside(value: Settings | None, parts: Sequence[str]) -> Settings | None:
    for part in parts:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _unescaped(text: str) -> str:
    return text.replace('\\"', '"').replace("\\n", "\n").replace("\\\\", "\\")


def _outdented(text: str) -> str:
    """``<<-`` takes off the indent that all lines share."""
    lines = text.split("\n")
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[indent:] if line.strip() else line.strip() for line in lines)


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")
