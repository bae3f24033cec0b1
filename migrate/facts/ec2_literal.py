"""What a default that was migrated already is on EC2."""

from __future__ import annotations

import ast
import posixpath


def ec2_literal(node: ast.expr | None) -> object:
    """The literal that ``node`` is on EC2: itself, or what stands behind ``os.environ.get("SM_...", literal)``, put together as the
    edits of this project put it. Raises ValueError where it is none.
    """
    if node is None:
        raise ValueError("no expression")
    if isinstance(node, ast.IfExp) and isinstance(node.test, ast.Compare):
        return _branch(node, node.test)
    if not isinstance(node, ast.Call):
        return ast.literal_eval(node)
    name = ast.unparse(node.func).rsplit(".", 2)
    first = node.args[0] if node.args else None
    if name[-2:] in (["environ", "get"], ["os", "getenv"]) and isinstance(first, ast.Constant) and str(first.value).startswith("SM_"):
        return ec2_literal(node.args[1]) if len(node.args) > 1 else None
    if name[-2:] == ["path", "join"]:
        parts = [ec2_literal(argument) for argument in node.args]
        if parts and all(isinstance(part, str) for part in parts):
            return posixpath.join(*[str(part) for part in parts])
    if name in (["int"], ["min"]) and node.args and not node.keywords:
        numbers = [ec2_literal(argument) for argument in node.args]
        if all(isinstance(number, int) for number in numbers):
            return min(numbers)  # type: ignore[type-var]
    raise ValueError("no literal")


def _branch(node: ast.IfExp, test: ast.Compare) -> object:
    """``a if "SM_..." in os.environ else b`` is b, and the other way round."""
    variable = test.left.value if isinstance(test.left, ast.Constant) else None
    if isinstance(variable, str) and variable.startswith("SM_") and isinstance(test.ops[0], (ast.In, ast.NotIn)):
        return ec2_literal(node.orelse if isinstance(test.ops[0], ast.In) else node.body)
    raise ValueError("no literal")
