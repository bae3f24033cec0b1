from __future__ import annotations

import pytest

from migrate.repo.requirements import declared, framework_bounds, framework_version, parse_line
from migrate.repo.tree import find_files


@pytest.mark.parametrize(
    ("line", "name", "specifier", "version"),
    [
        ("torch==1.4.0", "torch", "==1.4.0", "1.4.0"),
        ("Scikit_Learn >= 1.0 , < 2  # why", "scikit-learn", ">=1.0,<2", None),
        ("torch[extra]~=2.1; python_version > '3.8'", "torch", "~=2.1", "2.1"),
        ("torch==1.4.*", "torch", "==1.4.*", "1.4"),
        ("torch==1.7.1+cu110", "torch", "==1.7.1+cu110", "1.7.1+cu110"),
        ("numpy", "numpy", "", None),
        ("numpy!=1.20", "numpy", "!=1.20", None),
        ("pytorch=1.4=py3.7_cuda10", "pytorch", "==1.4", "1.4"),
        ("a==1 --hash=sha256:00", "a", "==1", "1"),
        ("git+https://github.com/who/apex.git@v1#egg=apex", "apex", "", None),
    ],
)
def test_lines(line: str, name: str, specifier: str, version: str | None) -> None:
    found = parse_line(line, "r.txt", 1)
    assert found is not None
    assert (found.name, found.specifier, found.version) == (name, specifier, version)


@pytest.mark.parametrize("line", ["", "# torch==1", "-r other.txt", "--index-url https://x", "./wheels/a.whl", "-e ."])
def test_lines_that_name_no_package(line: str) -> None:
    assert parse_line(line, "r.txt", 1) is None


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("requirements.txt", "torch==1.4.0\n"),
        ("requirements-gpu.txt", "torch==1.4.0\n"),
        ("requirements/base.txt", "torch==1.4.0\n"),
        ("environment.yml", "name: x\nchannels:\n  - pytorch\ndependencies:\n  - python=3.8\n  - pip:\n    - torch==1.4.0\n"),
        ("environment.yaml", "dependencies:\n- pytorch::pytorch=1.4.0=py3\n"),
        ("setup.py", "from setuptools import setup\nsetup(name='x', install_requires=['torch==1.4.0'])\n"),
        ("setup.py", "import setuptools\nneeds = ['torch==1.4.0']\nsetuptools.setup(install_requires=needs)\n"),
        ("setup.cfg", "[options]\ninstall_requires =\n    torch==1.4.0\n"),
        ("pyproject.toml", '[project]\ndependencies = ["torch==1.4.0"]\n'),
        ("Pipfile", '[packages]\ntorch = "==1.4.0"\n'),
        ("poetry.lock", '[[package]]\nname = "six"\nversion = "1.0"\n\n[[package]]\nname = "torch"\nversion = "1.4.0"\n'),
        ("uv.lock", 'version = 1\n[[package]]\nname = "torch"\nversion = "1.4.0"\nsource = { registry = "https://pypi.org/simple" }\n'),
        ("Pipfile.lock", '{"default": {"torch": {"hashes": ["sha256:0"], "version": "==1.4.0"}}}'),
        ("Dockerfile", "FROM pytorch/pytorch:1.4.0-cuda10.1-cudnn7-devel\n"),
        ("Dockerfile", "FROM python:3.8\nARG TORCH=1.4.0\nRUN apt-get update && pip install -U \\\n  torch==${TORCH} six\n"),
        ("Dockerfile.gpu", "FROM a AS b\nRUN conda install -y -c pytorch pytorch=1.4.0\n"),
        ("pyproject.toml", '[tool.poetry.dependencies]\ntorch = {version = "1.4.0", optional = true}\n'),
    ],
)
def test_every_kind_of_file(make, path: str, text: str) -> None:
    assert framework_version(find_files(make({path: text, "train.py": ""})), "train.py", "pytorch") == "1.4.0"


@pytest.mark.parametrize(
    ("path", "text"),
    [("pyproject.toml", "not [ toml"), ("setup.py", "print 'x'\n"), ("environment.yml", "}{"), ("requirements.txt", "\0\xff==")],
)
def test_broken_files_declare_nothing(make, path: str, text: str) -> None:
    assert declared(find_files(make({path: text, "train.py": ""})), "train.py") == []


def test_the_nearest_comes_first_with_its_place(make) -> None:
    root = make({"requirements.txt": "a\n\ntorch==1.0\n", "x/requirements.txt": "torch==2.0\n", "y/requirements.txt": "torch==3.0\n"})
    assert [(r.path, r.line, r.version) for r in declared(find_files(root), "x/train.py") if r.name == "torch"] == [
        ("x/requirements.txt", 1, "2.0"),
        ("requirements.txt", 3, "1.0"),
    ]


@pytest.mark.parametrize(
    ("path", "text", "bounds"),
    [
        ("requirements.txt", "torch>=1.4\n", ">=1.4"),
        ("requirements.txt", "torch >= 1.4, < 2 # old\n", ">=1.4,<2"),
        ("pyproject.toml", '[tool.poetry.dependencies]\ntorch = "^1.4.0"\n', ">=1.4.0,<2"),
        ("pyproject.toml", '[tool.poetry.dependencies]\ntorch = "~1.4"\n', ">=1.4,<1.5"),
        ("pyproject.toml", '[tool.poetry.dependencies]\ntorch = "^0.4.1"\n', ">=0.4.1,<0.5"),
        ("setup.py", "from setuptools import setup\nsetup(install_requires=['torch>=1.4'])\n", ">=1.4"),
        ("environment.yml", "dependencies:\n- pytorch>=1.4\n", ">=1.4"),
    ],
)
def test_a_bound_is_no_pin(make, path: str, text: str, bounds: str) -> None:
    tree = find_files(make({path: text, "train.py": ""}))
    assert framework_version(tree, "train.py", "pytorch") is None
    assert framework_bounds(tree, "train.py", "pytorch") == bounds


def test_a_pin_beside_a_bound_wins_and_a_lock_beats_both(make) -> None:
    files = {"setup.py": "setup(install_requires=['torch>=1.2'])", "requirements.txt": "torch==1.7.1\n", "train.py": ""}
    assert framework_version(find_files(make(files)), "train.py", "pytorch") == "1.7.1"
    files["poetry.lock"] = '[[package]]\nname = "torch"\nversion = "1.8.0"\n'
    assert framework_version(find_files(make(files)), "train.py", "pytorch") == "1.8.0"


def test_conda_lists_are_told_from_those_of_pip(make) -> None:
    text = "dependencies:\n  - python=3.8\n  - opencv=3.4.2\n  - pip:\n    - tqdm==4.60\n  - scipy=1.7.1=py38\n"
    found = declared(find_files(make({"environment.yml": text, "train.py": ""})), "train.py")
    assert [(each.plain, each.conda) for each in found] == [
        ("python==3.8.*", True),
        ("opencv-python==3.4.2.*", True),
        ("tqdm==4.60", False),
        ("scipy==1.7.1", True),
    ]


def test_a_list_that_conda_exports_is_read_as_its_own() -> None:
    pip, conda = parse_line("absl-py=0.9.0=pypi_0", "requirements.txt", 1), parse_line("bzip2=1.0.8=h516909a_2", "requirements.txt", 2)
    assert pip is not None and (pip.plain, pip.conda) == ("absl-py==0.9.0", False)
    assert conda is not None and (conda.name, conda.version, conda.conda) == ("bzip2", "1.0.8", True)
