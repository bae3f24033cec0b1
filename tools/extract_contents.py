"""Remake ``migrate/job/data/contents.json``: what the official training images hold, read off the public Dockerfiles they are built from.

    python tools/extract_contents.py FOLDER

FOLDER holds clones, with their whole history, of the repositories in ``REPOSITORIES``. A Dockerfile says what it installs by name and not
what these packages bring along, so the lists are short of what an image holds, never long. CUDA and Ubuntu are those of the published tags
(``available_images.md``) where they are told, else of the image that the Dockerfile starts from. Images whose Dockerfile is not public are
left out.
"""

from __future__ import annotations

import datetime
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomllib

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "migrate" / "job" / "data" / "contents.json"
IMAGES = ROOT / "migrate" / "job" / "data" / "images.json"
REPOSITORIES = (
    "deep-learning-containers",
    "sagemaker-pytorch-training-toolkit",
    "sagemaker-chainer-container",
    "sagemaker-scikit-learn-container",
    "sagemaker-xgboost-container",
)
DOCKERFILE = re.compile(r"(?:^|/)docker/([^/]+)/(.*)Dockerfile(?:\.sagemaker)?(?:\.full)?\.(cpu|gpu)$")
LEFT_OUT = re.compile(r"inference|example|/py2/|neuron|habana|trcomp|diy|arm64|lite|test|/e3|_revamp|autogluon|extension/|huggingface")
TAG = re.compile(r"/([a-z]+)-training:(\d+\.\d+\.\d+)-gpu-(py\d+)-cu(\d+)-(ubuntu[\d.]+)")
# Images of the newest layout: their packages are in a uv.lock.
LOCKS = {
    ("tensorflow", "2.21.0"): "docker/tensorflow/2.21/cuda",
    ("xgboost", "3.2-0"): "docker/xgboost",
    ("sklearn", "1.9-0"): "docker/sklearn/1.9-0",
}
PACKAGES = {"pytorch": "torch"}
ON_CPU = ("sklearn", "xgboost")  # a CUDA in them serves the algorithm alone
ARGUMENTS = {
    "-r",
    "-c",
    "-f",
    "-i",
    "--index-url",
    "--extra-index-url",
    "--find-links",
    "--trusted-host",
    "--prefix",
    "--target",
    "-n",
    "-p",
}
WHEEL = re.compile(r"([A-Za-z0-9_.]+)-(\d[\w.]*?)(?:(?:%2[Bb]|\+)[\w.]+)?-.*\.whl$")


@dataclass
class Contents:
    """What one Dockerfile installs."""

    base: str = ""
    version: str = ""  # of Python
    python: set[str] = field(default_factory=set)
    system: set[str] = field(default_factory=set)


class Clone:
    """A repository's history: the newest version of every Dockerfile, those that were deleted too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, str] = {}
        log = self.git("log", "--all", "--no-renames", "--name-status", "--format=commit %H", "--", "*Dockerfile*", "*requirements.txt")
        commit = ""
        for line in log.splitlines():
            status, _, path = line.partition("\t")
            if not path:
                commit = line.removeprefix("commit ") or commit
            elif status != "D":
                self.files.setdefault(path, commit)

    def git(self, *words: str) -> str:
        command = ["git", "-C", str(self.folder), *words]
        return subprocess.run(command, capture_output=True, check=True).stdout.decode("utf-8", "replace")

    def read(self, path: str) -> str:
        return self.git("show", f"{self.files[path]}:{path}")


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """The instructions of a Dockerfile, their lines joined, without comments."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\[ \t]*\n", " ", "\n".join(lines)).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word:
            yield word.upper(), rest.strip()


def stages(text: str) -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """name -> (what it starts from, its instructions); those before the first FROM are under ``""``."""
    found: dict[str, tuple[str, list[tuple[str, str]]]] = {"": ("", [])}
    name = ""
    for word, rest in instructions(text):
        if word == "FROM":
            parts = rest.split()
            name = parts[2] if len(parts) > 2 else f"stage{len(found)}"
            found[name] = (parts[0], [])
        else:
            found[name][1].append((word, rest))
    return found


def read_dockerfile(text: str) -> Contents:
    """What the stage for SageMaker, or the last one, installs, with the stages that it starts from."""
    every = stages(text)
    name: str | None = "sagemaker" if "sagemaker" in every else list(every)[-1]
    chain: list[str] = []
    contents = Contents()
    while name in every and name not in chain:
        assert name is not None
        chain.insert(0, name)
        contents.base = name = every[name][0]
    values: dict[str, str] = {}
    for word, rest in every[""][1] + [each for stage in chain for each in every[stage][1]]:
        if word in ("ARG", "ENV"):
            for key, value in re.findall(r"(\w+)[= ](\"[^\"]*\"|\S*)", rest):
                if value or key not in values:
                    values[key] = substituted(value.strip("\"'"), values)
        elif word == "RUN":
            read_commands(substituted(rest, values), contents)
    contents.base = substituted(contents.base, values)
    every_word = " ".join([*values.values(), *contents.system, text])
    told = values.get("PYTHON_VERSION") or next(iter(re.findall(r"(?<![\w-])[Pp]ython-?=*(3\.\d+)", every_word)), "")
    contents.version = ".".join(told.split(".")[:2])
    return contents


def substituted(text: str, values: dict[str, str]) -> str:
    return re.sub(r"\$\{?(\w+)\}?", lambda match: values.get(match.group(1), match.group(0)), text)


def read_commands(text: str, contents: Contents) -> None:
    for command in re.split(r"&&|\|\||;", text):
        try:
            words = shlex.split(command, comments=True)
        except ValueError:
            words = command.split()
        if "install" not in words:
            continue
        at = words.index("install")
        tool, rest = " ".join(words[:at]), list(operands(words[at + 1 :]))
        if re.search(r"\bapt(?:-get)?\b", tool):
            contents.system |= {re.split(r"[=:]", word)[0] for word in rest if re.match(r"[a-z0-9]", word)}
        elif re.search(r"\bpip[\d.]*$|PIP|conda|mamba", tool):
            contents.python |= {name for word in rest if (name := package(word)) is not None}


def operands(words: list[str]) -> Iterator[str]:
    skip = False
    for word in words:
        if skip or word.startswith("-"):
            skip = word in ARGUMENTS and not skip
        else:
            yield word


def package(word: str) -> str | None:
    """``name==version`` or ``name`` of an operand of pip or conda."""
    if word.endswith(".whl"):
        match = WHEEL.match(word.rpartition("/")[2])
        return f"{normal(match.group(1))}=={match.group(2)}" if match else None
    if "://" in word or word.startswith((".", "/", "$", "git+")) or word.endswith((".txt", ".gz", ".bz2")):
        return None
    match = re.match(r"(?:[\w-]+::)?([A-Za-z0-9][\w.-]*?)(?:\[[^\]]*\])?(?:={1,2}(\d[\w.]*)(?:=.*)?|[<>!~].*)?$", word)
    if match is None or normal(match.group(1)) in ("python", "pip", "conda"):
        return None
    return f"{normal(match.group(1))}=={match.group(2)}" if match.group(2) else normal(match.group(1))


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def tags_of(clone: Clone) -> dict[tuple[str, str, str], tuple[str, str]]:
    """(framework, version, Python) -> (CUDA, operating system), of all tags that were ever published on the page; newest first."""
    log = clone.git("log", "-p", "--all", "--format=", "--", "available_images.md", "release_images*.yml", "docs/src/data/*.yml")
    found: dict[tuple[str, str, str], tuple[str, str]] = {}
    for framework, version, python, cuda, system in TAG.findall(log):
        found.setdefault((framework, version, python), (cuda, system))
    return found


def best(clones: dict[str, Clone], framework: str, version: str, cuda: str | None) -> tuple[str, str, Contents] | None:
    """(repository, path, contents) of the Dockerfile for a version: for GPUs, of its CUDA, of that very patch, with most to tell."""
    scored: list[tuple[tuple[object, ...], str, str, Contents]] = []
    short = ".".join(version.split(".")[:2])
    for name, clone in clones.items():
        for path in clone.files:
            match = DOCKERFILE.search(path)
            if match is None or LEFT_OUT.search(path) or not belongs(name, path, framework) or match.group(1) not in (version, short):
                continue
            contents = read_dockerfile(clone.read(path))
            with_base(clone, path, contents)
            exact, wanted = match.group(1) == version, cuda is not None and f"cu{cuda}/" in match.group(2)
            own = any(f"{name}=={version}" in contents.python for name in (PACKAGES.get(framework, framework), f"{framework}-gpu"))
            rank = (match.group(3) == "gpu", wanted, own, "base/" not in path, "py36" not in path, len(contents.python) > 8, exact)
            scored.append(((*rank, len(contents.python), path), name, path, contents))
    return max(scored, key=lambda each: each[0])[1:] if scored else None


def belongs(repository: str, path: str, framework: str) -> bool:
    if repository == "deep-learning-containers":
        return path.removeprefix(".deprecated/").startswith(f"{framework}/training/")
    return {"sklearn": "scikit-learn"}.get(framework, framework) in repository


def with_base(clone: Clone, path: str, contents: Contents) -> None:
    """Adds the Dockerfile ``base`` that a ``final`` one starts from."""
    requirements = clone.git("ls-tree", "-r", "--name-only", clone.files[path], "requirements.txt")
    if requirements and "deep-learning" not in str(clone.folder):
        lines = clone.git("show", f"{clone.files[path]}:requirements.txt").splitlines()
        contents.python |= {name for line in lines if (name := package(re.sub(r"[;#].*| ", "", line))) is not None}
    version = path.split("/")[-3] if "/py3/" not in path else path.split("/")[-4]
    suffix = path.rpartition(".")[2]
    for candidate in (f"docker/{version}/base/Dockerfile.{suffix}", f"docker/base/Dockerfile.{suffix}"):
        if "/final/" in path and candidate in clone.files:
            base = read_dockerfile(clone.read(candidate))
            contents.base, contents.version = base.base, contents.version or base.version
            contents.python |= base.python
            contents.system |= base.system
            return


def image(clones: dict[str, Clone], framework: str, version: str, python: str | None, tags: Any) -> dict[str, Any] | None:
    """What is known of one image; None where nothing is public."""
    lock = LOCKS.get((framework, version))
    if lock is not None:
        return of_lock(clones["deep-learning-containers"], lock)
    cuda, system = tags.get((framework, version, python or ""), (None, None))
    found = best(clones, framework, version, cuda)
    if found is None:
        return None
    name, path, contents = found
    of_path, of_base = re.search(r"/cu(\d+)/", path), re.search(r"cuda:(\d+\.\d+)", contents.base)
    cuda = cuda or (of_path.group(1) if of_path else None)
    cuda = f"{cuda[:-1]}.{cuda[-1]}" if cuda else of_base.group(1) if of_base and framework not in ON_CPU else None
    words = re.search(r"ubuntu:?(\d\d\.\d\d)", contents.base)
    return {
        "python": contents.version or None,
        "cuda": cuda,
        "system": system or (f"ubuntu{words.group(1)}" if words else None),
        "python_packages": " ".join(sorted(contents.python)),
        "system_packages": " ".join(sorted(contents.system)),
        "dockerfile": f"{name}@{clones[name].files[path][:10]}:{path}",
    }


def of_lock(clone: Clone, folder: str) -> dict[str, Any]:
    """An image whose packages a uv.lock names, all of them; its Dockerfile lies beside it or above."""
    commit = clone.git("rev-parse", "main").strip()
    lock = tomllib.loads(clone.git("show", f"{commit}:{folder}/uv.lock"))
    names = clone.git("ls-tree", "--name-only", commit, f"{folder}/", f"{folder.rpartition('/')[0]}/").split()
    docker = max((name for name in names if re.search(r"/Dockerfile(\.cuda)?$", name)), key=len)
    contents = read_dockerfile(clone.git("show", f"{commit}:{docker}"))
    system = re.search(r"(amzn\d+|ubuntu)[:-]?([\d.]*)", contents.base)
    told = re.search(r"cuda:(\d+\.\d+)", contents.base)
    python = re.search(r"(\d\.\d+)", lock["requires-python"])
    packages = {f"{each['name']}=={each['version']}" for each in lock["package"] if "registry" in each["source"]}
    return {
        "python": python.group(1) if python else None,
        "cuda": told.group(1) if told else None,
        "system": "".join(system.groups()) if system else None,
        "python_packages": " ".join(sorted(packages)),
        "system_packages": " ".join(sorted(contents.system)),
        "dockerfile": f"deep-learning-containers@{commit[:10]}:{docker}",
    }


def versions(table: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    """(version, its newest Python) of the table of images."""
    for version, raw in table["versions"].items():
        entries = list(raw["by_base"].values())[-1:] if "by_base" in raw else [raw]
        pythons = list(raw["by_py"]) if "by_py" in raw else entries[0].get("py_versions", [])
        yield version, max(pythons, key=lambda name: (len(name), name), default=None)


def main() -> None:
    """Write the extract, with its source and date."""
    folder = Path(sys.argv[1])
    clones = {name: Clone(folder / name) for name in REPOSITORIES}
    tags = tags_of(clones["deep-learning-containers"])
    tables = json.loads(IMAGES.read_text("utf-8"))["frameworks"]
    made: dict[str, Any] = {}
    for framework, table in tables.items():
        if framework == "huggingface":
            continue
        found = {version: image(clones, framework, version, python, tags) for version, python in versions(table)}
        made[framework] = {version: each for version, each in found.items() if each is not None}
        print(framework, "without a public Dockerfile:", [version for version, each in found.items() if each is None])
    heads = {name: clone.git("log", "-1", "--all", "--format=%H").strip() for name, clone in clones.items()}
    document = {
        "source": "the Dockerfiles of " + ", ".join(f"github.com/aws/{name}@{head[:10]}" for name, head in heads.items()),
        "date": datetime.date.today().isoformat(),
        "images": made,
    }
    TARGET.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
