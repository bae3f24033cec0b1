"""The official training image for a framework, chosen offline from an extract of the SDK's own tables (``data/images.json``).

The URIs are those of ``sagemaker.core.image_uris.retrieve`` of the SDK v3. Whether an old image still lies in its registry cannot be known
offline. The extract is remade by ``tools/extract_images.py``.
"""

from __future__ import annotations

import functools
import importlib.resources
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from migrate.job.contents import Contents, contents_of

PROCESSORS = ("cpu", "gpu")

# What has no image of its own trains in another framework's image, with its package added by pip.
_HOSTS = {
    "keras": "tensorflow",
    "lightning": "pytorch",
    "transformers": "pytorch",
    "accelerate": "pytorch",
    "jax": "pytorch",
    "lightgbm": "sklearn",
}
_PACKAGES = {
    "lightning": "lightning",
    "transformers": "transformers",
    "accelerate": "accelerate",
    "jax": "jax[cuda12]",
    "lightgbm": "lightgbm",
}
# Their version, as the repo's files tell it, is that of the host's framework (migrate.repo.requirements).
_TOLD_BY_HOST = ("lightning", "accelerate")

# What an image of a framework brings at the least, for those whose Dockerfile is not public (migrate.job.contents). A package named
# twice is only installed again.
_COMMON = frozenset({"boto3", "numpy", "pip", "sagemaker-training", "setuptools", "wheel"})
_SCIENCE = frozenset({"pandas", "scipy", "scikit-learn"})
_PRESENT = {
    "pytorch": _COMMON | {"torch", "torchvision", "pillow"},
    "tensorflow": _COMMON | {"tensorflow", "tensorflow-cpu", "tensorflow-gpu", "h5py", "pillow", "tensorboard"},
    "mxnet": _COMMON | {"mxnet"},
    "chainer": _COMMON | {"chainer", "cupy", "scipy", "pillow"},
    "xgboost": _COMMON | _SCIENCE | {"xgboost", "pyyaml"},
    "sklearn": _COMMON | _SCIENCE | {"joblib"},
    "huggingface": _COMMON | _SCIENCE | {"torch", "transformers", "datasets", "tokenizers", "accelerate", "evaluate", "pyyaml"},
}

# The name of the domain of the partition, for regions outside the public one (botocore's endpoints.json).
SUFFIXES = (
    ("cn-", "amazonaws.com.cn"),
    ("eusc-", "amazonaws.eu"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("us-iso-", "c2s.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
)


class NoImage(LookupError):
    """No official image fits; the message says why."""


@dataclass(frozen=True)
class Image:
    """An official training image.

    ``tag`` may hold the word ``{processor}``, which is cpu or gpu; ``registries`` is region to account. ``version`` is the image's,
    ``wanted`` the one the repo asks for (None: it does not say). ``extra`` is what pip has to add for the framework itself.
    """

    framework: str
    version: str
    py_version: str | None
    repository: str
    tag: str
    processors: tuple[str, ...]
    registries: tuple[tuple[str, str], ...]
    wanted: str | None = None
    note: str | None = None
    extra: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """``repository:tag``, with ``{processor}`` left open: how job.toml writes it."""
        return f"{self.repository}:{self.tag}"

    @property
    def present(self) -> frozenset[str]:
        """The packages that the image is known to bring."""
        known = self.contents
        return frozenset(known.packages) | {"pip", "setuptools", "wheel"} if known is not None else _PRESENT[self.framework]

    @property
    def contents(self) -> Contents | None:
        """What its public Dockerfile says that it holds; None where there is none."""
        return contents_of(self.framework, self.version)

    @property
    def python(self) -> str | None:
        """The Python that it runs, such as ``3.10``; None where neither the tag nor the Dockerfile says it."""
        match = re.fullmatch(r"py(3)(\d+)", self.py_version or "")
        known = self.contents
        return f"{match.group(1)}.{match.group(2)}" if match else known.python if known is not None else None

    def uri(self, region: str, processor: str = "gpu") -> str:
        """The whole URI in ``region``.

        Raises:
            NoImage: the image is not published there, or not for ``processor``.
        """
        account = dict(self.registries).get(region)
        if account is None:
            raise NoImage(f"{self.repository} is not published in {region}")
        if processor not in self.processors and self.processors:
            raise NoImage(f"{self.name} exists for {', '.join(self.processors)} only, not for {processor}")
        return f"{account}.dkr.{host(region)}/{self.name.replace('{processor}', processor)}"


def address(name: str, region: str, processor: str) -> str:
    """The whole address of an official image that is named as job.toml has it: ``repository:tag``, maybe with ``{processor}``.

    Raises:
        NoImage: there is no official image of that repository, or none in that region.
    """
    repository = name.partition(":")[0]
    for framework in _tables()["frameworks"].values():
        for version in framework["versions"].values():
            for entry in version.get("by_base", {"": version}).values():
                if entry.get("repository") == repository:
                    account = dict(_registries(entry["registries"])).get(region)
                    if account is None:
                        raise NoImage(f"{repository} is not published in {region}")
                    return f"{account}.dkr.{host(region)}/{name.replace('{processor}', processor)}"
    raise NoImage(f"{repository} is no official image")


def host(region: str) -> str:
    """The registry's host name in ``region``, after the account: ``ecr.us-east-1.amazonaws.com``."""
    suffix = next((suffix for prefix, suffix in SUFFIXES if region.startswith(prefix)), "amazonaws.com")
    return f"ecr.{region}.{suffix}"


def processor_of(instance_type: str) -> str:
    """``gpu``, ``cpu``, or ``neuron`` for an ml type or ``local_cpu`` / ``local_gpu``: the SDK's own rule, by the family's first letter."""
    if instance_type.startswith("local"):
        return "gpu" if instance_type == "local_gpu" else "cpu"
    family = instance_type.removeprefix("ml.").split(".")[0]
    if family.startswith(("trn", "inf")):
        return "neuron"
    return "gpu" if family[:1] in ("g", "p") else "cpu"


def choose(
    framework: str,
    version: str | None = None,
    py_version: str | None = None,
    host_version: str | None = None,
    *,
    bounds: str = "",
    suits: Callable[[str | None], int] | None = None,
) -> Image:
    """The image for ``framework`` at ``version``: exactly it, else the nearest (see :func:`nearest`), with a note that says so. Without a
    version, the newest one within ``bounds`` (``>=1.4,<2``) whose Python ``suits`` best.

    Transformers, JAX and others without an image of their own take the host framework's, at ``host_version``; Lightning's and Accelerate's
    ``version`` is PyTorch's, and ``bounds`` are the host's.

    Raises:
        NoImage: the framework is unknown.
    """
    base = _HOSTS.get(framework, framework)
    tables = _tables()["frameworks"]
    if base not in tables or base == "huggingface":
        raise NoImage(f"there is no official training image for {framework}")
    table = tables[base] if py_version == "py2" else _of_today(tables[base])
    asked = _asked(framework, base, version) or (host_version if base != framework else None)
    within = "" if asked else bounds
    found = nearest(asked, table["versions"], table["aliases"]) if asked else newest(base, table, within, suits)
    raw, python = _of_python(table["versions"][found], py_version)
    processors = tuple(raw.get("processors") or table["processors"] or ())
    prefix = raw.get("tag_prefix", found)
    tag = "-".join(part for part in (prefix, _processor_part(processors), python) if part)
    return Image(
        framework=base,
        version=found,
        py_version=python,
        repository=raw["repository"],
        tag=tag,
        processors=processors,
        registries=_registries(raw["registries"]),
        wanted=version,
        note=_note(framework, base, asked, found, within, newest(base, table, within, None) == found),
        extra=() if _brings(base, found, framework, version) else _extra(framework, version),
    )


def _of_today(table: dict[str, Any]) -> dict[str, Any]:
    """The table without the versions that have no image with Python 3."""
    return {**table, "versions": {version: raw for version, raw in table["versions"].items() if raw.get("py_versions") != ["py2"]}}


def newest(base: str, table: dict[str, Any], bounds: str, suits: Callable[[str | None], int] | None) -> str:
    """The newest version of the table within ``bounds`` of those whose Python (``3.10``, None: unknown) ``suits`` best; of all versions
    where none is within."""
    ordered = sorted(table["versions"], key=_numbers, reverse=True)
    allowed = [version for version in ordered if _within(version, bounds)] or ordered

    def rank(version: str) -> int:
        told = re.fullmatch(r"py3(\d+)", _of_python(table["versions"][version], None)[1] or "")
        known = contents_of(base, version)
        return suits(f"3.{told.group(1)}" if told else known.python if known is not None else None) if suits else 0

    found: str = max(allowed, key=rank)
    return found


def _within(version: str, bounds: str) -> bool:
    try:
        return SpecifierSet(bounds).contains(".".join(map(str, _numbers(version))))
    except InvalidSpecifier:
        return True


def choose_huggingface(transformers: str, base: str | None = None) -> Image:
    """The Hugging Face image with PyTorch for a version of transformers; for GPUs only. ``base`` is ``pytorch2.9.0`` or the like."""
    table = _tables()["frameworks"]["huggingface"]
    tables = table["versions"].items()
    versions = {number: entry for number, entry in tables if any(key.startswith("pytorch") for key in entry["by_base"])}
    found = nearest(transformers, versions, table["aliases"])
    by_base = versions[found]["by_base"]
    chosen = base or max((key for key in by_base if key.startswith("pytorch")), key=lambda key: _numbers(key.removeprefix("pytorch")))
    raw = by_base[chosen]
    python = raw["py_versions"][-1]
    tag = f"{chosen.removeprefix('pytorch')}-transformers{found}-gpu-{python}"
    if raw.get("container_version"):
        tag += f"-{raw['container_version']['gpu']}"
    note = None if _same(transformers, found) else f"asked for transformers {transformers}; the nearest image has {found}"
    registries = _registries(raw["registries"])
    return Image("huggingface", found, python, raw["repository"], tag, ("gpu",), registries, transformers, note)


def nearest(wanted: str | None, versions: dict[str, Any], aliases: dict[str, str]) -> str:
    """The version of the table to use for ``wanted``.

    In this order: that very version; the alias of its major.minor; the newest patch of its minor; the next higher version of its major
    (code for 2.15 runs on 2.16 more often than on 2.14); the newest of its major; else the newest of all. None means the newest.
    """
    newest = max(versions, key=_numbers)
    if wanted is None:
        return newest
    wanted = _release(wanted)
    if wanted in versions:
        return wanted
    numbers = _numbers(wanted)
    minor = ".".join(wanted.split(".")[:2])
    same_minor = [found for found in versions if _numbers(found)[:2] == numbers[:2]]
    if minor in aliases and aliases[minor] in versions:
        return aliases[minor]
    if same_minor:
        return max(same_minor, key=_numbers)
    same_major = [found for found in versions if _numbers(found)[:1] == numbers[:1]]
    higher = [found for found in same_major if _numbers(found) > numbers]
    if higher:
        return min(higher, key=_numbers)
    return max(same_major, key=_numbers) if same_major else newest


def _numbers(version: str) -> tuple[int, ...]:
    parts = []
    for part in version.replace("-", ".").split("."):
        digits = "".join(character for character in part if character in "0123456789")
        if not digits:
            break
        parts.append(int(digits))
    return tuple(parts) or (0,)


def _same(wanted: str | None, found: str) -> bool:
    if wanted is None:
        return True
    numbers = _numbers(_release(wanted))
    return _numbers(found)[: len(numbers)] == numbers


def _of_python(raw: dict[str, Any], wanted: str | None) -> tuple[dict[str, Any], str | None]:
    """The entry and the Python to use: the one asked for, if the image has it, else its newest."""
    by_py = raw.get("by_py")
    available = list(by_py) if by_py else raw.get("py_versions", [])
    if not available:
        return raw, None
    python = wanted if wanted in available else max(available, key=lambda name: (_python_of(name), name))
    return (by_py[python] if by_py else raw), python


def _python_of(name: str) -> tuple[int, int]:
    digits = name.removeprefix("py")
    return int(digits[:1]), int(digits[1:] or 0)


def _processor_part(processors: tuple[str, ...]) -> str | None:
    if not processors:
        return None
    return "{processor}" if len(processors) > 1 else processors[0]


def _asked(framework: str, base: str, version: str | None) -> str | None:
    """The version to look for in ``base``'s table. Keras 2 had TensorFlow's own number; Keras 3 has none of its own there."""
    if framework == "keras":
        return version if version and version.startswith("2.") else None
    return version if framework == base or framework in _TOLD_BY_HOST else None


def _note(framework: str, base: str, asked: str | None, found: str, bounds: str, is_newest: bool) -> str | None:
    notes = []
    if framework in _PACKAGES:
        how = f"the {base} {found} image has it" if _brings(base, found, framework, None) else f"pip adds it to the {base} {found} image"
        notes.append(f"{framework} has no image of its own: {how}")
    if asked is None:
        which = "official image" if is_newest else "official image whose Python suits what the repo asks for"
        said = f"the repo needs {base} {bounds}" if bounds else f"the repo does not say which {base} it needs"
        notes.append(f"{said}: {found} is the newest {which}" if _within(found, bounds) else f"{said}, which no official image has")
    elif not _same(asked, found):
        notes.append(f"the repo asks for {base} {asked}; the nearest official image has {found}")
    if framework == "chainer":
        notes.append("the last official Chainer images are of 2018 and may be gone from their registry: try a short job first")
    return "; ".join(notes) or None


def _brings(base: str, found: str, framework: str, version: str | None) -> bool:
    """Whether the host's image has the package of ``framework``, in no version of its own that the repo asks for."""
    known = contents_of(base, found)
    free = version is None or framework in _TOLD_BY_HOST
    return free and known is not None and _PACKAGES.get(framework) in known.packages


def _extra(framework: str, version: str | None) -> tuple[str, ...]:
    package = _PACKAGES.get(framework)
    if package is None:
        return ()
    return (f"{package}=={_release(version)}" if version and framework not in _TOLD_BY_HOST else package,)


def _release(version: str) -> str:
    """``version`` without what follows a plus (1.7.1+cu110): the build, which the image settles."""
    return version.partition("+")[0]


def _registries(index: int) -> tuple[tuple[str, str], ...]:
    return tuple(_tables()["registries"][index].items())


def source() -> str:
    """Where the tables come from and when they were taken, for the files that repeat them."""
    tables = _tables()
    return f"{tables['source']}, {tables['date']}"


@functools.cache
def _tables() -> Any:
    return json.loads(importlib.resources.files("migrate.job").joinpath("data/images.json").read_text("utf-8"))
