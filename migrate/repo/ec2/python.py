"""Python that starts machines or moves data: boto3 calls, and shell commands given to subprocess and os.system."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator, Mapping

from migrate.repo.ec2.collect import Around, Collector
from migrate.repo.ec2.habits import LONGEST
from migrate.repo.ec2.machines import Leaf, Settings, find, leaves, machine
from migrate.repo.ec2.model import Fact, Habit, Transfer
from migrate.repo.ec2.secrets import hidden
from migrate.repo.ec2.words import State

_STARTING: dict[str, bool | None] = {
    "run_instances": None,
    "create_instances": None,
    "request_spot_instances": True,
    "request_spot_fleet": True,
    "create_fleet": None,
    "create_launch_template": None,
}
_ENDING = {"terminate_instances", "stop_instances", "cancel_spot_instance_requests", "cancel_spot_fleet_requests"}
_SHELLS = {"system", "popen", "run", "call", "check_call", "check_output", "Popen", "getoutput", "getstatusoutput"}
_HERE = re.compile(
    r"(?:os\.)?(?:path\.)?dirname\((?:os\.)?(?:path\.)?(?:abspath|realpath)\(__file__\)\)|(?:pathlib\.)?Path\(__file__\)(?:\.resolve\(\))?\.parent"
)
_OPEN = re.compile(r"\{[^{}]*\}")


def read(collector: Collector, path: str, source: bytes) -> None:
    """What the module says; one that cannot be parsed is told elsewhere."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    values = _Values(tree)
    collector.begin()
    for call in sorted(values.calls, key=lambda call: (call.lineno, call.col_offset)):
        _call(call, values, collector, path)
    collector.end()


def _call(call: ast.Call, values: _Values, collector: Collector, path: str) -> None:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""
    by = f"boto3 {name}"
    if name in _STARTING and call.keywords:
        settings = values.keywords(call)
        data = next(iter(find(settings, "userdata")), None)
        said = Fact("inside", path, data.line, by) if isinstance(data, Leaf) and data.text else None
        rest = {key: value for key, value in settings.items() if key != "UserData"}
        collector.machines.append(machine(rest, by, path, call.lineno, spot=_STARTING[name], user_data=said))
        if isinstance(data, Leaf) and data.text.lstrip().startswith("#"):
            _user_data(collector, path, data)
    elif name in _ENDING:
        collector.habits.append(Habit("terminate", hidden(values.said(call)), path, call.lineno))
    elif name in {"download_file", "upload_file", "download_fileobj", "upload_fileobj"}:
        collector.add_transfer(_transfer(call, name, values, path))
    elif name in {"client", "resource", "Session"} and "boto3" in ast.unparse(call.func):
        for leaf in leaves(values.keywords(call).get("region_name", [])):
            if not _OPEN.search(leaf.text):
                collector.regions.append(Fact(leaf.text, path, leaf.line, "boto3"))
    elif name in {"post", "chat_postMessage", "urlopen", "Request"} and re.search(r"slack", values.said(call), re.IGNORECASE):
        collector.habits.append(Habit("slack", hidden(values.said(call))[:LONGEST], path, call.lineno))
    elif name in _SHELLS and call.args:
        _shell(call, values, collector, path)


def _user_data(collector: Collector, path: str, data: Leaf) -> None:
    from migrate.repo.ec2 import userdata

    userdata.follow(collector, path, _OPEN.sub(lambda found: "${" + re.sub(r"\W", "_", found[0][1:-1]) + "}", data.text), data.line)


def _shell(call: ast.Call, values: _Values, collector: Collector, path: str) -> None:
    """A command that Python gives to the system: a text, or a list of words."""
    given = values.of(call.args[0])
    if isinstance(given, Leaf):
        text = given.text
    elif isinstance(given, list) and given:
        text = " ".join(shlex.quote(leaf.text) for each in given for leaf in (leaves(each) if not isinstance(each, Leaf) else [each]))
    else:
        return
    if re.search(r"\b(?:aws|docker|shutdown|ssh|mount|curl|tmux|sudo|bash|s5cmd)\b", text):
        filled = text if isinstance(given, list) else _OPEN.sub(lambda found: "${" + re.sub(r"\W", "_", found[0][1:-1]) + "}", text)
        collector.shell(path, filled, call.lineno, State(), Around())


def _transfer(call: ast.Call, name: str, values: _Values, path: str) -> Transfer | None:
    """``client.download_file(Bucket, Key, Filename)``, ``bucket.download_file(Key, Filename)``, ``object.upload_file(Filename)``."""
    into = name.startswith("download")
    names = ["Bucket", "Key", "Filename"] if into else ["Filename", "Bucket", "Key"]
    positional = [values.of(argument) for argument in call.args[:3]]
    keywords = values.keywords(call)
    given = {key: value for key, value in keywords.items() if key in {*names, "Fileobj"}}
    owner = values.owner(call)
    if owner is not None:
        given = {**owner, **given}
        names = [each for each in names if each not in owner]
    given.update(zip(names, positional, strict=False))
    texts = {key: value.text for key, value in given.items() if isinstance(value, Leaf)}
    if "Bucket" not in texts or "Key" not in texts:
        return None
    s3, local = f"s3://{texts['Bucket']}/{texts['Key'].lstrip('/')}", texts.get("Filename", "")
    complete = bool(local) and not _OPEN.search(s3 + local)
    return Transfer(s3, local, into, False, path, call.lineno, f"boto3 {name}", complete)


class _Values:
    """What expressions of one module are, as far as literals and names that are set once tell. What is not known is ``{expression}``."""

    def __init__(self, tree: ast.Module) -> None:
        self.calls: list[ast.Call] = []
        self.names: dict[str, ast.expr | None] = {}
        self.options: dict[str, ast.expr] = {}
        self.added: dict[str, list[ast.expr]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                self.calls.append(node)
                self._option(node)
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    self._bind(target, node.value)
            elif isinstance(node, ast.AnnAssign) and node.value is not None:
                self._bind(node.target, node.value)
            elif isinstance(node, ast.For):
                self._bind(node.target, None)
            elif isinstance(node, ast.arg):
                self.names[node.arg] = None

        self._extensions(tree.body, [])

    def _option(self, call: ast.Call) -> None:
        """The default of an option of argparse."""
        if not isinstance(call.func, ast.Attribute) or call.func.attr != "add_argument":
            return
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        names = [each.value for each in call.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
        long = next((name for name in names if name.startswith("--")), names[0] if names else "")
        given = keywords.get("dest")
        dest = given.value if isinstance(given, ast.Constant) else long.lstrip("-").replace("-", "_")
        action = keywords.get("action")
        flag = action.value if isinstance(action, ast.Constant) else None
        if flag in {"store_true", "store_false"}:
            self.options[str(dest)] = ast.copy_location(ast.Constant(flag == "store_false"), call)
        elif "default" in keywords:
            self.options[str(dest)] = keywords["default"]
        elif isinstance(keywords.get("choices"), (ast.List, ast.Tuple)):
            self.options[str(dest)] = keywords["choices"]

    def _extensions(self, body: list[ast.stmt], conditions: list[tuple[ast.expr, bool]]) -> None:
        """``words.extend([...])`` and ``words += [...]``, where the options' defaults lead there."""
        for node in body:
            if isinstance(node, ast.If):
                self._extensions(node.body, [*conditions, (node.test, True)])
                self._extensions(node.orelse, [*conditions, (node.test, False)])
            elif isinstance(node, (ast.FunctionDef, ast.With, ast.Try, ast.While, ast.For, ast.AsyncFunctionDef)):
                self._extensions(node.body, conditions)
            elif all(self._holds(test) is wanted for test, wanted in conditions):
                self._extension(node)

    def _extension(self, node: ast.stmt) -> None:
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and isinstance(node.op, ast.Add):
            self.added.setdefault(node.target.id, []).append(node.value)
        call = node.value if isinstance(node, ast.Expr) else None
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name) and call.args:
            if call.func.attr == "extend":
                self.added.setdefault(call.func.value.id, []).append(call.args[0])
            elif call.func.attr == "append":
                self.added.setdefault(call.func.value.id, []).append(ast.List([call.args[0]], ast.Load()))

    def _holds(self, test: ast.expr) -> bool | None:
        """Whether a condition holds with the defaults of the options; None where that is not known."""
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            inner = self._holds(test.operand)
            return None if inner is None else not inner
        if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], (ast.Eq, ast.NotEq)):
            one, two = self.of(test.left), self.of(test.comparators[0])
            if isinstance(one, Leaf) and isinstance(two, Leaf) and not _OPEN.search(one.text + two.text):
                return (one.text == two.text) == isinstance(test.ops[0], ast.Eq)
            return None
        value = self.of(test)
        return None if not isinstance(value, Leaf) or _OPEN.search(value.text) else value.text not in {"", "False", "0"}

    def _bind(self, target: ast.expr, value: ast.expr | None) -> None:
        if isinstance(target, ast.Name):
            self.names[target.id] = None if target.id in self.names else value
        elif isinstance(target, (ast.Tuple, ast.List)):
            for each in target.elts:
                self._bind(each, None)

    def said(self, call: ast.Call) -> str:
        return ast.unparse(call)[:LONGEST]

    def keywords(self, call: ast.Call) -> dict[str, Settings]:
        """Keyword arguments, those of ``**settings`` too."""
        made: dict[str, Settings] = {}
        for keyword in call.keywords:
            value = self.of(keyword.value)
            if keyword.arg is not None:
                made[keyword.arg] = value
            elif isinstance(value, Mapping):
                made.update(value)
        return made

    def owner(self, call: ast.Call) -> dict[str, Settings] | None:
        """Bucket and key of the object that a method is called on: ``s3.Bucket("b")``, ``s3.Object("b", "k")``."""
        node: ast.expr | None = call.func.value if isinstance(call.func, ast.Attribute) else None
        if isinstance(node, ast.Attribute) and node.attr == "meta":
            return None
        if isinstance(node, ast.Name):
            node = self.names.get(node.id)
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in {"Bucket", "Object"}:
            return None
        return dict(zip(["Bucket", "Key"], (self.of(argument) for argument in node.args), strict=False))

    def of(self, node: ast.expr, depth: int = 0) -> Settings:
        open_ = Leaf("{" + ast.unparse(node)[:80].replace("{", "").replace("}", "") + "}", node.lineno) if depth < 12 else Leaf("{}", 0)
        if depth >= 12:
            return open_
        if isinstance(node, ast.Constant):
            return Leaf("" if node.value is None else str(node.value), node.lineno)
        if isinstance(node, ast.Name):
            value = self.names.get(node.id)
            made = self.of(value, depth + 1) if value is not None else open_
            for more in self.added.get(node.id, ()) if isinstance(made, list) else ():
                extra = self.of(more, depth + 1)
                made = [*made, *extra] if isinstance(extra, list) and isinstance(made, list) else made
            return made
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in self.options:
            return self.of(self.options[node.attr], depth + 1) if "arg" in node.value.id or "opt" in node.value.id else open_
        if _HERE.fullmatch(ast.unparse(node)):
            return Leaf(".", node.lineno)
        if isinstance(node, (ast.List, ast.Tuple)):
            return [self.of(each, depth + 1) for each in node.elts]
        if isinstance(node, ast.Dict):
            return dict(self._pairs(node, depth))
        if isinstance(node, ast.JoinedStr):
            return Leaf("".join(self._part(part, depth) for part in node.values), node.lineno)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._sum(node, depth)
        if isinstance(node, ast.Call):
            return self._called(node, depth, open_)
        return open_

    def _pairs(self, node: ast.Dict, depth: int) -> Iterator[tuple[str, Settings]]:
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant):
                yield str(key.value), self.of(value, depth + 1)
            elif key is None and isinstance(inner := self.of(value, depth + 1), Mapping):
                yield from inner.items()

    def _part(self, part: ast.expr, depth: int) -> str:
        value = self.of(part.value if isinstance(part, ast.FormattedValue) else part, depth + 1)
        return value.text if isinstance(value, Leaf) else "{}"

    def _sum(self, node: ast.BinOp, depth: int) -> Settings:
        left, right = self.of(node.left, depth + 1), self.of(node.right, depth + 1)
        if isinstance(left, Leaf) and isinstance(right, Leaf):
            return Leaf(left.text + right.text, node.lineno)
        if isinstance(left, list) and isinstance(right, list):
            return [*left, *right]
        return Leaf("{}", node.lineno)

    def _called(self, node: ast.Call, depth: int, open_: Leaf) -> Settings:
        name = ast.unparse(node.func)
        if name == "dict":
            return self.keywords(node)
        if name == "str" and len(node.args) == 1:
            return self.of(node.args[0], depth + 1)
        if name.endswith("path.join") and node.args:
            parts = [self.of(argument, depth + 1) for argument in node.args]
            if all(isinstance(part, Leaf) for part in parts):
                return Leaf("/".join(part.text.rstrip("/") for part in parts if isinstance(part, Leaf)), node.lineno)
        if name.endswith(".format") and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Constant):
            return Leaf(str(node.func.value.value), node.lineno)
        return open_
