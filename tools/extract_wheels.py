"""Remake ``migrate/job/data/wheels.json``: the first and the last version of some compiled packages that pip can install on a Python
without a compiler.

    python tools/extract_wheels.py

One request for each package to PyPI's index (https://docs.pypi.org/api/index-api/). Wheels for Linux on x86_64 count, of the ABI of that
Python, of a stable ABI, or of pure Python.
"""

from __future__ import annotations

import datetime
import json
import re
import urllib.request
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

TARGET = Path(__file__).resolve().parents[1] / "migrate" / "job" / "data" / "wheels.json"
PYTHONS = ("3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13")
PACKAGES = (
    "cython h5py lightgbm lxml matplotlib numba numpy opencv-python pandas pillow psutil pyarrow pycocotools pyyaml scikit-image "
    "scikit-learn scipy sentencepiece shapely statsmodels tables tokenizers xgboost"
).split()
WHEEL = re.compile(r"-(?P<version>[^-]+)(?:-\d[^-]*)?-(?P<python>[^-]+)-(?P<abi>[^-]+)-(?P<platform>[^-]+)\.whl$")


def files_of(package: str) -> list[tuple[str, str]]:
    """The names of all files of a package that are not withdrawn, each with the Pythons that it asks for."""
    request = urllib.request.Request(f"https://pypi.org/simple/{package}/", headers={"Accept": "application/vnd.pypi.simple.v1+json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        files = json.load(answer)["files"]
    return [(file["filename"], file.get("requires-python") or "") for file in files if not file.get("yanked")]


def fits(python: str, match: re.Match[str]) -> bool:
    """Whether a wheel installs on ``python``."""
    if not re.search(r"linux.*x86_64|^any$", match["platform"]) or "musllinux" in match["platform"]:
        return False
    tag, minor = f"cp{python.replace('.', '')}", int(python.split(".")[1])
    for name in match["python"].split("."):
        stable = re.fullmatch(r"cp3(\d+)", name)
        if name == tag and "abi3" not in match["abi"] and not match["abi"].endswith("t"):
            return True
        if name == "py3" or (stable and "abi3" in match["abi"] and int(stable.group(1)) <= minor):
            return True
    return False


def releases(package: str) -> dict[str, list[str]]:
    """Python -> [first version, last version]; a Python without any is left out."""
    found: dict[str, set[Version]] = {}
    for name, asked in files_of(package):
        match = WHEEL.search(name)
        try:
            version, allowed = Version(match["version"]) if match else None, SpecifierSet(asked)
        except (InvalidVersion, InvalidSpecifier):
            continue
        if match and version and not version.is_prerelease:
            for python in PYTHONS:
                if fits(python, match) and allowed.contains(f"{python}.20"):
                    found.setdefault(python, set()).add(version)
    return {python: [str(min(found[python])), str(max(found[python]))] for python in PYTHONS if python in found}


def main() -> None:
    """Write the extract, with its source and date."""
    document = {
        "source": "the file names of pypi.org/simple, Linux x86_64",
        "date": datetime.date.today().isoformat(),
        "packages": {package: releases(package) for package in PACKAGES},
    }
    text = json.dumps(document, indent=1)
    TARGET.write_text(re.sub(r"\[\s+(\"[^\"]+\"),\s+(\"[^\"]+\")\s+\]", r"[\1, \2]", text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
