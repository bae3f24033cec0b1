"""The support file is composed of the parts that the scripts ask for, and of no others."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from migrate.generate.mark import mark, read_mark
from migrate.runtime import KEEPER, MORE, OUTPUTS, SETTINGS, SUPPORT_NAME, compose, support_source

RUNTIME = Path(__file__).resolve().parents[2] / "migrate" / "runtime"
PARTS = sorted(path.name for path in RUNTIME.glob("[a-z]*.py"))
NAMES = {
    "settings": ["sagemaker_argv"],
    "keeper": ["keeper"],
    "both": ["keeper", "parse_args"],
    "outputs": ["carry_outputs", "checkpoint_folder"],
    "keeper and outputs": ["keeper", "carry_outputs"],
}


def _functions(source: bytes) -> set[str]:
    return {node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def _values(source: bytes) -> set[str]:
    assigned = [target for node in ast.parse(source).body if isinstance(node, ast.Assign) for target in node.targets]
    return {name.id for target in assigned for name in ast.walk(target) if isinstance(name, ast.Name)}


def _of(parts: tuple[str, ...]) -> set[str]:
    return {name for part in parts for name in _functions((RUNTIME / part).read_bytes())}


def test_settings_alone_are_the_part_as_it_is() -> None:
    assert support_source() == support_source(["sagemaker_argv"]) == mark((RUNTIME / SETTINGS[0]).read_bytes())


@pytest.mark.parametrize(
    ("asked", "parts"),
    [
        ("settings", SETTINGS),
        ("keeper", KEEPER),
        ("both", SETTINGS + KEEPER),
        ("outputs", OUTPUTS),
        ("keeper and outputs", KEEPER + OUTPUTS),
    ],
)
def test_only_the_parts_that_are_asked_for(asked: str, parts: tuple[str, ...]) -> None:
    assert _functions(support_source(NAMES[asked], words=())) == _of(parts)


@pytest.mark.parametrize("part", MORE)
def test_more_parts_where_the_repo_speaks_of_them_and_they_stay(part: str) -> None:
    made = support_source(["keeper"], words=MORE[part][:1])
    assert _functions(made) == _of((*KEEPER, *(other for other, words in MORE.items() if MORE[part][0] in words)))
    assert support_source((), made, ()) == support_source(["keeper"], made, ()) == made
    assert _functions(support_source(["keeper"])) == _of((*KEEPER, *MORE))


def test_no_name_is_defined_by_two_parts() -> None:
    names = [name for part in PARTS for name in _functions((RUNTIME / part).read_bytes()) | _values((RUNTIME / part).read_bytes())]
    names.remove("keeper")  # where there are several processes, another one stands behind it
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("asked", NAMES)
def test_a_part_that_lies_there_stays(asked: str) -> None:
    made = support_source(NAMES[asked])
    assert read_mark(made) is True
    assert support_source(NAMES[asked], made) == support_source((), made) == made
    assert _functions(support_source(["keeper"], made)) >= _functions(made) | _of(KEEPER)
    assert _functions(support_source(["script_argv"], made)) >= _functions(made) | _of(SETTINGS)


@pytest.mark.parametrize("present", [b"", b"def broken(", b"\xff\xfe\x00", b"keeper = 1\n"])
def test_whatever_lies_there_a_part_is_added(present: bytes) -> None:
    assert _of(SETTINGS) <= _functions(support_source(["sagemaker_argv"], present))


@pytest.mark.parametrize("asked", NAMES)
def test_imports_only_the_standard_library_at_the_top_and_is_python_36(asked: str) -> None:
    tree = ast.parse(support_source(NAMES[asked]), feature_version=(3, 6))
    imported = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert imported <= set(sys.stdlib_module_names)
    assert "migrate." not in "".join(imported)


@pytest.mark.parametrize("asked", NAMES)
def test_ruff_finds_nothing(asked: str, tmp_path: Path) -> None:
    (tmp_path / SUPPORT_NAME).write_bytes(support_source(NAMES[asked]))
    config = str(RUNTIME.parents[1] / "pyproject.toml")
    for command in (["check", "--ignore", "UP,B"], ["format", "--check"]):
        done = subprocess.run([sys.executable, "-m", "ruff", *command, "--config", config, str(tmp_path)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_compose_merges_imports_and_docstrings() -> None:
    one = '"""One.\n\nMore."""\n\nimport os\nfrom typing import Any, List\n\nA = 1\n'
    two = '"""Two."""\n\nimport ast\nfrom typing import Any, Dict\n\nfrom migrate.runtime.one import A\n\n# why\nB = A\n'
    expected = '"""One.\n\nMore.\n\nTwo.\n"""\n\nimport ast\nimport os\nfrom typing import Any, Dict, List\n\nA = 1\n\n\n# why\nB = A\n'
    assert compose([one, two]) == expected


def test_parts_are_small() -> None:
    for part in PARTS:
        tree = ast.parse((RUNTIME / part).read_bytes())
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        assert max((node.end_lineno or 0) - node.lineno for node in functions) <= 60, part


def test_no_part_takes_a_name_of_another_one() -> None:
    """All parts may stand in one module."""
    homes: dict[str, list[str]] = {}
    for path in sorted(RUNTIME.glob("[a-z]*.py")):
        for node in ast.parse(path.read_text()).body:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            names += [node.name] if isinstance(node, ast.FunctionDef | ast.ClassDef) else []
            for name in names:
                homes.setdefault(name, []).append(path.name)
    assert {name: paths for name, paths in homes.items() if len(set(paths)) > 1} == {}
