"""The table of removed names against the packages themselves, as they are installed for the tests."""

from __future__ import annotations

import json
import subprocess
from importlib.metadata import distributions

import pytest
from packaging.specifiers import SpecifierSet

from migrate.job.wanted import api
from migrate.rules.removed_name import table
from tests.environments import python_of

ASK = """
import importlib, json, sys, warnings
warnings.simplefilter("ignore")
def has(name):
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ImportError:
            continue
        try:
            for part in parts[end:]:
                found = getattr(found, part)
        except (AttributeError, RuntimeError, ImportError):
            return False
        return True
    return False
print(json.dumps({name: has(name) for name in json.load(sys.stdin)}))
"""


def versions(environment: str) -> dict[str, str]:
    folder = next(python_of(environment).parents[1].glob("lib/python*/site-packages"))
    return {each.metadata["Name"].lower(): each.version for each in distributions(path=[str(folder)])}


def answers(environment: str, names: list[str]) -> dict[str, bool]:
    command = [str(python_of(environment)), "-c", ASK]
    run = subprocess.run(command, input=json.dumps(names), capture_output=True, text=True, check=True)
    found: dict[str, bool] = json.loads(run.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(("environment", "least"), [("main", 30), ("boost", 20), ("tf", 30), ("chainer", 3)])
def test_a_name_is_gone_where_the_table_says_so_and_there_where_it_does_not(environment: str, least: int) -> None:
    held = {**versions(environment), "python": "3.11"}
    names = {name: row for name, row in table().items() if row[0] in held and not name.endswith(".*")}
    found = answers(environment, list(names))
    expected = {name: not SpecifierSet(row[1]).contains(held[row[0]], prereleases=True) for name, row in names.items()}
    gone = {name for name, there in expected.items() if not there}
    assert {name for name in gone if found[name]} == set()
    assert len(gone) >= least


def test_the_old_names_of_numpy_are_the_objects_that_replace_them() -> None:
    held = versions("chainer")["numpy"]
    assert held < "1.24", "the environment of Chainer has a NumPy that still has its aliases"
    same = {name: row[2][1:] for name, row in table().items() if row[0] == "numpy" and row[2].startswith("=")}
    code = "import json, sys, warnings\nwarnings.simplefilter('ignore')\nimport builtins, numpy\nsame = json.load(sys.stdin)\n"
    code += "print(json.dumps([name for name, new in same.items() if hasattr(numpy, name.split('.')[1]) and "
    code += "repr(getattr(numpy, name.split('.')[1])) != repr(getattr(numpy, new[1:]) if new[0] == '.' else getattr(builtins, new))]))"
    run = subprocess.run([str(python_of("chainer")), "-c", code], input=json.dumps(same), capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == []


def test_names_that_tell_a_version_are_there_in_it() -> None:
    torch = [name for name, (framework, wanted) in api().items() if framework == "pytorch" and wanted.startswith(">=")]
    assert [name for name, there in answers("main", torch).items() if not there] == []
    tensorflow = {name: wanted for name, (framework, wanted) in api().items() if framework == "tensorflow" and not name.endswith(".*")}
    found = answers("tf", list(tensorflow))
    assert [name for name, there in found.items() if there != (tensorflow[name] != "<2")] == []
