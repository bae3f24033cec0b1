"""From the entry points of a repo to the files of ``sagemaker_job/``. Computes only: nothing is written here."""

from __future__ import annotations

import difflib
import posixpath
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migrate.facts.locations import words
from migrate.generate import around, proofs
from migrate.generate.added import with_new_jobs
from migrate.generate.mark import mark, read_mark
from migrate.generate.retire import retired
from migrate.job.infer import infer, keys_of
from migrate.job.job import BUCKET, REGION, ROLE, Job
from migrate.job.model import EntryPoint
from migrate.job.recipe import base_of
from migrate.job.requirements import read_requirements

if TYPE_CHECKING:
    import jinja2

    from migrate.rules.model import Finding

CHANGED = "## What changed and why"  # as the template heads it
FOLDER = "sagemaker_job"  # never `sagemaker`: it would hide the package

# Never part of the code, whatever .gitignore says; among them what may hold secrets.
ALWAYS_IGNORED = (
    ".git",
    "__pycache__",
    "*.pyc",
    ".env",
    ".venv",
    "venv",
    ".aws",
    ".migrate",
    ".DS_Store",
    ".ipynb_checkpoints",
    ".pytest_cache",
    ".mypy_cache",
    "*.egg-info",
)
OF_TERRAFORM = (".terraform", "*.tfstate", "*.tfstate.backup")  # hundreds of MB of plugins, and states that hold what is secret


@dataclass(frozen=True)
class GeneratedFile:
    """A file to write. ``path`` is POSIX, relative to the root; ``mode`` its permission bits."""

    path: str
    content: bytes
    mode: int = 0o644


@dataclass(frozen=True)
class Kept:
    """A file that a person has edited or made: it stays; ``diff`` is what the new one would change."""

    path: str
    diff: str

    @property
    def note(self) -> str:
        return f"{self.path} was edited since it was made: kept as it is"


@dataclass(frozen=True)
class Generated:
    """What ``generate`` comes to: files to write (those that are there already, byte for byte, are not among them), and files kept."""

    files: tuple[GeneratedFile, ...]
    kept: tuple[Kept, ...] = ()
    jobs: tuple[Job, ...] = field(default=(), compare=False)


def jobs_of(root: Path, entries: Sequence[EntryPoint], project: str | None = None) -> tuple[Job, ...]:
    """The job of each entry point, with what the repo's requirements ask for."""
    keys = keys_of(entries)
    entries = sorted(entries, key=_not_the_first)  # the launcher starts the first one where none is named
    name = project or root.resolve().name
    return tuple(infer(entry, project=name, key=keys[entry.path], requirements=read_requirements(root, entry.path)) for entry in entries)


def generate(
    root: Path,
    entries: Sequence[EntryPoint],
    *,
    findings: Sequence[Finding] = (),
    done: Sequence[Finding] = (),
    project: str | None = None,
    extras: Collection[str] = (),
) -> Generated:
    """The files of ``sagemaker_job/`` for the entry points of the repo at ``root``.

    ``findings`` are those left open and ``done`` those mended in this apply: MIGRATION.md tells both, and keeps what it told of earlier
    ones. ``project`` names the jobs (default: the root's name); ``extras`` are of ``around.EXTRAS``. Reads from ``root`` its requirements,
    its .gitignore, and the files that are there from before. Without entry points there are no files.
    """
    from migrate.generate.environment import environment

    if not entries:
        return Generated(())
    name = project or root.resolve().name
    jobs = jobs_of(root, entries, name)
    templates = environment()
    templates.globals["here"] = lambda job, channel: _here(job.folder, channel.default)
    templates.globals["requirements_path"] = lambda job: requirements_path(job, jobs)
    beside = around.wanted(root / FOLDER, extras)
    made = [
        *_launchers(templates, root, entries, jobs, name, around.EXTRAS["terraform"] in beside),
        *_images(templates, jobs),
        *(
            _file(templates, file, around.values_of(file, jobs, entries, name, beside), mode=0o755 if file.endswith(".py") else 0o644)
            for file in beside
        ),
        _page(templates, root, entries, jobs, name, findings, done),
    ]
    return _against(root, made, jobs)


def _not_the_first(entry: EntryPoint) -> tuple[int, int]:
    """What a person would start sooner comes first: ``train.py`` before ``main.py`` before others, near the root before deep inside."""
    name = words(entry.path.rpartition("/")[2])
    return 0 if name & {"train", "training", "trainer"} else 1 if name & {"main", "run"} else 2, entry.path.count("/")


def requirements_path(job: Job, jobs: Sequence[Job]) -> str:
    """Where the requirements of ``job`` lie: one file for all jobs while they need the same."""
    return f"{FOLDER}/requirements{_suffix(job, jobs)}.txt"


def _launchers(
    templates: jinja2.Environment, root: Path, entries: Sequence[EntryPoint], jobs: Sequence[Job], project: str, terraform: bool
) -> list[GeneratedFile]:
    from migrate.generate.environment import toml, tomlkey

    values: dict[str, Any] = {
        "jobs": jobs,
        "project": project,
        "role": jobs[0].role or ROLE,
        "bucket": BUCKET,
        "region": jobs[0].region,
        "region_why": jobs[0].reasons.get("region", ""),
        "ignore": ignore_patterns(root, entries, [requirements_path(job, jobs) for job in jobs if job.requirements], terraform),
        "unset": lambda job: [item.name for item in job.left_out if not item.required],
        "tabled": lambda channel: channel.mode != "File" or channel.access != "ro",
        "table": lambda path, value: _table(path, value, toml, tomlkey),
    }
    files = [
        _file(templates, "launch.py", values, mode=0o755),
        _file(templates, "launch_boto3.py", values, mode=0o755),
        _file(templates, "job_settings.py", values),
        _file(templates, "job_request.py", {**values, **_registries(jobs)}),
        _file(templates, "job_source.py", values),
        _file(templates, "job_run.py", values),
        _file(templates, "job.toml", values),
    ]
    if any(job.module or job.folder for job in jobs):
        files.append(_file(templates, "run_module.py", values))
    return files


def _here(folder: str | None, path: str) -> str:
    """A path of a script that runs in ``folder``, as it is from the root."""
    return posixpath.normpath(posixpath.join(folder, path)) if folder and not path.startswith("~") else path


def _registries(jobs: Sequence[Job]) -> dict[str, Any]:
    from migrate.job.images import SUFFIXES, source

    images = [job.image for job in jobs if job.image]
    return {
        "registries": {image.repository: dict(image.registries) for image in images},
        "suffixes": dict(SUFFIXES),
        "image_source": source(),
    }


def _images(templates: jinja2.Environment, jobs: Sequence[Job]) -> list[GeneratedFile]:
    """requirements.txt and what builds an image where the official one lacks something, once for all jobs that lack the same."""
    files: dict[str, GeneratedFile] = {}
    builds: dict[str, dict[str, str]] = {}
    bases: dict[str, dict[str, str]] = {}
    for job in jobs:
        if job.requirements:
            path = requirements_path(job, jobs)
            files.setdefault(path, _file(templates, "requirements.txt", {"job": job}, path=path))
        docker = f"{FOLDER}/Dockerfile{_suffix(job, jobs)}"
        if job.image is None or job.recipe is None or docker in files:
            continue
        base = base_of(job.recipe, job.image, job.instance_type, REGION)
        values = {"job": job, "recipe": job.recipe, "base": base}
        files[docker] = _file(templates, "Dockerfile", values, path=docker)
        ignored = f"{docker}.dockerignore"
        files[ignored] = _file(templates, "Dockerfile.dockerignore", values, path=ignored)
        builds[docker] = {"path": docker, "name": f"{job.name}{_suffix(job, jobs)}".lower()}
        if ".dkr.ecr." in base:
            host = base.split("/")[0]
            bases[host] = {"host": host, "region": REGION}
    if builds:
        values = {"builds": list(builds.values()), "registries": list(bases.values()), "region": REGION}
        path = f"{FOLDER}/build_and_push.sh"
        files[path] = _file(templates, "build_and_push.sh", values, path=path, mode=0o755)
    return list(files.values())


def _suffix(job: Job, jobs: Iterable[Job]) -> str:
    made = [other for other in jobs if other.requirements or other.recipe is not None]
    same = {(other.requirements, other.image and other.image.name, other.recipe) for other in made}
    return f"-{job.key}" if len(same) > 1 else ""


def _page(
    templates: jinja2.Environment,
    root: Path,
    entries: Sequence[EntryPoint],
    jobs: Sequence[Job],
    project: str,
    findings: Sequence[Finding],
    done: Sequence[Finding],
) -> GeneratedFile:
    """MIGRATION.md. Of scripts it names no lines: they move with every edit, and the page has to say the same when nothing has changed."""
    told = _told_before(root / FOLDER / "MIGRATION.md")
    changed = dict.fromkeys([*told, *(_told(finding) for finding in done)])
    left = dict.fromkeys(_told(finding, reason=True) for finding in findings)
    values = {
        "jobs": jobs,
        "project": project,
        "changed": list(changed),
        "left": list(left),
        "retired": retired(entries),
        "proofs": _proofs(root / FOLDER / "MIGRATION.md"),
    }
    return _file(templates, "MIGRATION.md", values, comment="<!--")


def _told(finding: Finding, reason: bool = False) -> str:
    from migrate.generate.environment import mdcode, mdtext

    because = f" ({finding.reason})" if reason and finding.reason else ""
    text = f"{finding.rule} {finding.message}{because}"
    return f"{mdcode(finding.place.path)} {mdtext(without_lines(text) if finding.place.path.endswith('.py') else text)}"


def without_lines(text: str) -> str:
    """``text`` without the numbers of lines in scripts: ``train.py:35`` becomes ``train.py``, ``lines 3, 7`` other lines."""
    text = re.sub(r"(\.py):\d+", r"\1", text)
    text = re.sub(r"\blines \d+(?:(?:, | and )(?:\d+|\.\.\.))*", "other lines", text)
    return re.sub(r"\bline \d+", "a line", text)


def _told_before(page: Path) -> list[str]:
    """What the page of an earlier apply says was changed; nothing if a person has edited it (it is kept then)."""
    present = page.read_bytes() if page.is_file() else b""
    if read_mark(present) is not True:
        return []
    section = present.decode("utf-8").partition(f"\n{CHANGED}\n")[2].partition("\n## ")[0]
    return [line.removeprefix("- ") for line in section.splitlines() if line.startswith("- ")]


def _proofs(page: Path) -> str:
    """What ``verify`` has written into the page that is there: it is carried over."""
    return proofs.read(page.read_bytes()) if page.is_file() else ""


def _file(
    templates: jinja2.Environment, name: str, values: Mapping[str, Any], *, path: str | None = None, mode: int = 0o644, comment: str = "#"
) -> GeneratedFile:
    text = templates.get_template(f"{name}.j2").render(values)
    return GeneratedFile(path or f"{FOLDER}/{name}", mark(text.encode("utf-8", "replace"), comment), mode)


def _table(path: str, value: Mapping[str, Any], toml: Any, tomlkey: Any) -> str:
    """A TOML table, and those inside it, each with its own heading."""
    plain = [f"{tomlkey(key)} = {toml(item)}" for key, item in value.items() if not isinstance(item, Mapping)]
    inner = [_table(f"{path}.{tomlkey(key)}", item, toml, tomlkey) for key, item in value.items() if isinstance(item, Mapping)]
    return "\n".join([f"[{path}]", *plain, *inner])


def ignore_patterns(root: Path, entries: Sequence[EntryPoint], needed: Sequence[str] = (), terraform: bool = False) -> list[str]:
    """The patterns of what the upload leaves out: our own, then the repo's .gitignore, then exceptions for what the jobs need.

    git itself goes on tracking a file that a later pattern would ignore; the launchers know no index, so such files are named.
    """
    import pathspec

    patterns = list(dict.fromkeys([*ALWAYS_IGNORED, *(OF_TERRAFORM if terraform else ()), *_gitignore(root / ".gitignore")]))
    files = dict.fromkeys([*(path for entry in entries for path in (entry.path, *entry.closure)), *needed, f"{FOLDER}/run_module.py"])
    for path in files:
        parts = path.split("/")
        for way in (*("/".join(parts[:end]) + "/" for end in range(1, len(parts))), path):
            if pathspec.GitIgnoreSpec.from_lines(patterns).match_file(way):
                patterns.append(f"!/{_literal(way)}")
    return patterns


def _literal(path: str) -> str:
    """``path`` as a pattern that matches nothing else."""
    return re.sub(r"([\\*?\[\]!#])", r"\\\1", path)


def _gitignore(path: Path) -> list[str]:
    """The patterns of a .gitignore, without those that git itself takes for nothing."""
    import pathspec

    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    patterns = []
    for line in text.splitlines():
        try:
            [pattern] = pathspec.GitIgnoreSpec.from_lines([line]).patterns
        except ValueError:
            continue
        if pattern.include is not None and line.isprintable():
            patterns.append(line.rstrip())
    return patterns


def _against(root: Path, made: Sequence[GeneratedFile], jobs: tuple[Job, ...]) -> Generated:
    """``made`` without what is there already, and without what a person has edited."""
    files: list[GeneratedFile] = []
    kept: list[Kept] = []
    for file in made:
        target = root / file.path
        present = target.read_bytes() if target.is_file() else None
        if present == file.content:
            continue
        if present is not None and read_mark(present) is not True:
            more = with_new_jobs(present, file.content) if file.path == f"{FOLDER}/job.toml" else present
            if more != present:
                files.append(GeneratedFile(file.path, more, file.mode))
            kept.append(Kept(file.path, _diff(file.path, present, file.content)))
        else:
            files.append(file)
    return Generated(tuple(files), tuple(kept), jobs)


def _diff(path: str, old: bytes, new: bytes) -> str:
    before, after = old.decode("utf-8", "replace").splitlines(True), new.decode("utf-8", "replace").splitlines(True)
    lines = difflib.unified_diff(before, after, f"a/{path}", f"b/{path}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
