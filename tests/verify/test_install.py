"""An environment of the job's packages. The package is made here, so that no test needs a registry."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from migrate.errors import UserError
from migrate.verify import install, interpreter
from tests.verify.repos import GOOD, Repo, check, contract_run, entry_point, verdicts

ENTRY = replace(entry_point(), framework="none")  # of no framework: nothing else is installed


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A requirement line for a package that no environment has."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    path = tmp_path / "lane_marks-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("lane_marks.py", "WIDTH = 3.5\n")
        archive.writestr("lane_marks-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: lane-marks\nVersion: 1.0\n")
        archive.writestr("lane_marks-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("lane_marks-1.0.dist-info/RECORD", "")
    return f"lane-marks @ {path.as_uri()}"


SCRIPT = GOOD + "import lane_marks\nprint(lane_marks.WIDTH, sys.prefix)\n"


@pytest.mark.parametrize("engine", ["process", "sandbox"])
def test_the_job_runs_with_its_packages_alone(repo: Repo, wheel: str, engine: str) -> None:
    repo.write({"requirements.txt": f"# what it needs\n{wheel}\n-e .\n"})
    report = repo.verify(SCRIPT, ENTRY, install=True, engine=engine)
    assert verdicts(report) == {} and contract_run(report).tail[-1].startswith(f"3.5 {install.cache()}")
    assert f"installed for this run: {wheel}" in report.notes
    assert "not installed, since that writes into the repo: -e ." in report.notes
    assert report.versions["lane-marks"] == "1.0"


def test_it_is_made_once(repo: Repo, wheel: str) -> None:
    base, said = interpreter.find(None), list[str]()
    first = install.environment([wheel], base, said.append)
    assert any("Successfully installed" in line for line in said)
    said.clear()
    assert install.environment([wheel], base, said.append) == first and said == []
    (Path(first).parents[1] / "complete").unlink()  # as an interruption leaves it
    assert install.environment([wheel], base, said.append) == first and said != []


def test_without_it_a_missing_module_is_told_with_its_package(repo: Repo) -> None:
    report = repo.verify(SCRIPT, ENTRY)
    found = check(report, "run")
    assert found.verdict == "not run" and "needs the package lane-marks (pip install lane-marks)" in found.message
    assert found.advice is not None and "--install" in found.advice and report.exit_code == 2


def test_what_cannot_be_installed_is_one_line(repo: Repo, wheel: str) -> None:
    repo.write({"requirements.txt": "no-such-package-at-all==9\n"})
    with pytest.raises(UserError, match=r"^--install: pip cannot install it under Python 3\.\S+: No matching distribution found") as error:
        repo.verify(SCRIPT, ENTRY, install=True)
    assert "\n" not in str(error.value)
    assert not list(install.cache().glob("*/complete"))


@pytest.mark.parametrize(
    ("requirements", "framework", "version", "imported", "lines"),
    [
        ("torch==2.1.0\nnumpy\n", "pytorch", "2.1.0", [], ["torch==2.1.0", "numpy"]),
        ("tqdm\n", "pytorch", "2.1.0", [], ["tqdm", "torch==2.1.0"]),
        ("", "sklearn", None, ["sklearn", "json"], ["scikit-learn==1.9.*"]),
        ("", "none", None, ["os"], []),
    ],
)
def test_what_is_installed(
    repo: Repo, requirements: str, framework: str, version: str | None, imported: list[str], lines: list[str]
) -> None:
    repo.write({"requirements.txt": requirements})
    entry = replace(entry_point(), framework=framework, framework_version=version)
    found, left_out = install.wanted(repo.root, entry, imported)
    assert [line for line in found if line in lines] == lines and left_out == [], found
