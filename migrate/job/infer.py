"""From an entry point to the job that would run it. Computes only; every choice that is not the repo's own is told in ``Job.reasons``."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from migrate.facts.metrics import MOST as MOST_METRICS
from migrate.facts.model import FOREIGN
from migrate.facts.secrets import HIDDEN, is_secret, names_a_secret
from migrate.job.distribution import Spread, spread_of
from migrate.job.ec2 import ON_CPU, Settled, settled
from migrate.job.images import Image, NoImage, choose, processor_of
from migrate.job.instances import choose_instance, machine_of, with_gpus
from migrate.job.job import CHECKPOINTS, JSON, REGION, Distribution, Job, JobChannel, LeftOut, Network
from migrate.job.model import EntryPoint, Hyperparameter, Needs
from migrate.job.recipe import Recipe, recipe_of
from migrate.job.requirements import bounds_of, package_of, pin_of, pinned, split
from migrate.job.started import Given
from migrate.job.started import told as told_of
from migrate.job.wheels import why_no_wheel

# Five days is what an account may run a job without asking for more quota. You pay for what runs, not for what is allowed.
MAX_RUN = 432_000
SPOT_SLACK = 86_400  # how much longer than the run itself a spot job may wait for capacity
VOLUME = 100  # GB; holds ImageNet-like data sets with room for checkpoints, for cents per run
SCHEMES = ("s3://", "efs://", "fsx://")  # sources that a request can hold
MOST_SUBNETS, MOST_GROUPS = 16, 5  # of VpcConfig in the service model
NAME_LENGTH = 48  # 63 less the "-YYYYmmddHHMMSS" that launchers add
VALUE_LENGTH = 2500
MOST_HYPERPARAMETERS = 94  # of 100: the boto3 launcher needs a few for the toolkit

MODEL_FOLDER = "/opt/ml/model"
CODE_FOLDERS = "/opt/ml/input/data/code:/opt/ml/code"  # where SDK v3 drivers and the toolkit put the source

_DEFAULT_GPU, _DEFAULT_CPU, _OLD_GPU = "ml.g5.xlarge", "ml.m5.xlarge", "ml.p3.2xlarge"
# Images from before CUDA 11 have no code for Ampere and newer: they run on Volta (p3) at the newest.
_CUDA_11 = {"pytorch": (1, 8), "tensorflow": (2, 4), "mxnet": (1, 8), "chainer": (99, 0)}


def infer(entry: EntryPoint, *, project: str = "training", key: str | None = None, requirements: Sequence[str] = ()) -> Job:
    """The job of one entry point.

    ``project`` is the repo's name; ``key`` the job's name in job.toml (default: the script's stem); ``requirements`` the
    lines that the repo declares.
    """
    module = _module_of(entry) if entry.as_module else None
    stem = entry.path.rsplit("/", 1)[-1].removesuffix(".py")
    slug = name_of(f"{project}-{key or stem}")
    notes: list[str] = []
    reasons: dict[str, str] = {}
    requirements = tuple(requirements) or entry.needs.declared
    image = image_of(entry.framework, entry.framework_version, entry.needs, requirements, notes)
    spread = spread_of(entry.ec2.starts, entry.processes)
    notes += [spread.note] if spread.note else []
    found = settled(entry)
    remarks = list(found.notes)
    instance = _instance(entry, image, spread, reasons, notes, found.reasons.get("instance_type", "found in the repo"))
    values, left_out = hyperparameters(entry.hyperparameters, entry.cli, found.given, entry.translated)
    needs = split(requirements, image, entry.needs.modules, (*entry.needs.declared, *entry.needs.others))
    notes += needs.notes
    if needs.unknown:
        notes.append(f"imported, and nothing says which package brings it: {', '.join(needs.unknown)}")
    reasons["max_run"] = "5 days: the longest that an account may run without asking for more quota (the SDK's own default is 1 hour)"
    reasons["spot"] = (
        found.reasons.get("spot", "found in the repo")
        if entry.spot is not None
        else "not found in the repo: on demand; --spot asks for spot"
    )
    reasons["instance_count"] = spread.why if spread.instances > 1 else "the default: one machine"
    reasons["volume_size"] = found.reasons.get("volume_size") or "the default: holds the usual data sets, for cents a run"
    reasons["region"] = found.reasons.get("region") or "the default: the official images are there, and it is the cheapest"
    reasons["distribution"] = spread.why
    if entry.folder:
        reasons["folder"] = f"{told_of(entry.ec2.starts[0])} starts it there, and it opens {entry.opens}"
    told = ("role", "output", "volume_kms_key", "hyperparameters")
    reasons.update({name: found.reasons[name] for name in told if name in found.reasons})
    channels = _channels(entry, name_of(project))
    return Job(
        key=key or name_of(stem),
        name=slug,
        entry=entry.path,
        image=image,
        instance_type=instance,
        instance_count=spread.instances,
        volume_size=found.volume_size or VOLUME,
        max_run=MAX_RUN,
        max_wait=MAX_RUN + SPOT_SLACK,
        spot=bool(entry.spot),
        channels=channels,
        hyperparameters=values,
        left_out=left_out,
        environment={**found.environment, **_environment(entry, module)},
        tags={"project": name_of(project), "entry": _tag(entry.path), **found.tags},
        module=module,
        folder=entry.folder,
        requirements=needs.needed,
        dropped=needs.dropped,
        recipe=_recipe(entry, image, needs.needed, notes),
        reasons=reasons,
        metrics=_metrics(entry),
        distribution=_fitting(spread, instance),
        region=found.region or REGION,
        output=found.output,
        volume_kms_key=found.volume_kms_key,
        network=_network(channels, found, remarks),
        notes=tuple(notes),
        remarks=tuple(remarks),
    )


def _module_of(entry: EntryPoint) -> str:
    """The module that the job runs; with ``:function``, the one that it calls, as the console script does."""
    module = entry.path.removesuffix(".py").replace("/", ".")
    return f"{module}:{entry.function}" if entry.function else module.removesuffix(".__main__")


def keys_of(entries: Iterable[EntryPoint]) -> dict[str, str]:
    """A short name for each entry point's path: its stem, or with its folders where two share a stem."""
    paths = [entry.path for entry in entries]
    stems = [name_of(path.rsplit("/", 1)[-1].removesuffix(".py")) for path in paths]
    made: dict[str, str] = {}
    for path, stem in zip(paths, stems, strict=True):
        name = stem if stems.count(stem) == 1 else name_of(path.removesuffix(".py"))
        number = 2
        while name in made.values():
            name, number = f"{name_of(path.removesuffix('.py'))[: NAME_LENGTH - 4]}-{number}", number + 1
        made[path] = name
    return made


def name_of(text: str) -> str:
    """``text`` as part of a training job's name: letters, digits and single dashes, at most 48 characters."""
    slug = re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:NAME_LENGTH].strip("-")
    return slug or "training"


def hyperparameters(
    declared: Iterable[Hyperparameter], cli: str = "argparse", given: Given | None = None, translated: bool = False
) -> tuple[dict[str, JSON], tuple[LeftOut, ...]]:
    """The script's defaults as the launcher passes them, and what is left out with the reason. Path settings are in neither.

    What the start on EC2 gives takes the place of a default. ``translated`` says that the script's own kind of command line is served.
    """
    values: dict[str, JSON] = {}
    left_out: list[LeftOut] = []
    for setting in declared:
        if setting.is_path or setting.name in values:
            continue
        if cli == "HfArgumentParser" and setting.name == "output_dir":  # TrainingArguments: where the Trainer saves the model
            values[setting.name] = MODEL_FOLDER
            continue
        if given is not None and setting.name in (given.values or {}):
            setting = replace(setting, default=(given.values or {})[setting.name])
        reason = (given.skipped or {}).get(setting.name) if given is not None else None
        reason = reason or _why_not(setting, len(values))
        if (
            cli in FOREIGN and not translated and reason is None
        ):  # a flag, a list or the very form of an option may end the job at its start
            reason = f"{cli} reads the command line itself; the script's own default holds"
        if reason is None:
            values[setting.name] = _plain(setting.default)
        else:
            left_out.append(LeftOut(setting.name, reason, setting.required and setting.default is None))
    return values, tuple(left_out)


def _why_not(setting: Hyperparameter, passed: int) -> str | None:
    if setting.counts is not None:
        return f"follows the instance ({setting.counts}); give it to fix it"
    if names_a_secret(setting.name) or is_secret(setting.name, setting.default) or HIDDEN in str(setting.default):
        return "it is a secret, and all who may describe the job would see it: the script should read it with get_secret"
    if setting.without is not None and not setting.required and setting.default in (None, False):
        return setting.without
    if setting.default is None:
        return "has to be given" if setting.required else "the script makes its default itself" if setting.computed else "has no default"
    if setting.type == "str" and setting.nargs is None and isinstance(setting.default, (bool, int, float)):
        return f"its default is {setting.default}, and without a type it would arrive as the text of it"
    parts = setting.default if isinstance(setting.default, (list, tuple)) else [setting.default]
    if setting.type == "int" and any(isinstance(part, float) for part in parts):
        return "its default is written as no whole number, and a command line gives only those"
    if not re.fullmatch(r"[A-Za-z0-9_-]+", setting.name):
        return "its name makes no variable: SDK v3 jobs with it die at their start"
    if not _is_toml(_plain(setting.default)):
        return "its default has no JSON value"
    text = json.dumps(_plain(setting.default))
    if "'" in text:
        return "its default holds a single quote, which breaks the shell file of SDK v3 jobs"
    if any(ord(character) < 32 or character in "\x85\u2028\u2029" for character in str(setting.default)):
        return "its default holds a line break or control character, which the service refuses"
    if len(text) > VALUE_LENGTH:
        return f"its default is longer than {VALUE_LENGTH} characters"
    if passed >= MOST_HYPERPARAMETERS:
        return "a job takes 100 hyperparameters; the script's own default holds"
    return None


def _plain(value: object) -> JSON:
    """``value`` with tuples as lists; what is not JSON comes back as it is and is refused by :func:`_is_toml`."""
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value  # type: ignore[return-value]


def _is_toml(value: object) -> bool:
    """Whether job.toml can hold it: JSON without null, NaN or infinity, and tables only outside lists."""
    if isinstance(value, bool) or isinstance(value, (int, str)):
        return not isinstance(value, int) or abs(value) < 2**63
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, list):
        return all(_is_toml(item) and not isinstance(item, dict) for item in value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_toml(item) for key, item in value.items())
    return False


def image_of(framework: str, version: str | None, needs: Needs, requirements: Sequence[str], notes: list[str]) -> Image | None:
    """The official image for a framework, with what is to be known of the choice added to ``notes``; None where there is none."""
    image, note = _chosen(framework, version, needs.bounds, needs.python, tuple(requirements) or needs.declared)
    if note:
        notes.append(note)
    return image


@functools.lru_cache(maxsize=256)  # the entry points of a repo mostly ask for the same
def _chosen(
    framework: str, version: str | None, bounds: str, python: str, requirements: tuple[str, ...]
) -> tuple[Image | None, str | None]:
    hosted = framework in ("transformers", "jax")  # their own version says nothing of the host's
    try:
        image = choose(
            framework,
            version,
            host_version=pinned(requirements, "torch") if framework != "keras" else None,
            bounds=bounds_of(requirements, "torch") or bounds if hosted else bounds,
            suits=lambda candidate: _suits(candidate, requirements, python),
        )
    except NoImage as error:
        return None, f"{error}: write the whole address of one of your own as image in job.toml"
    return image, image.note


def _recipe(entry: EntryPoint, image: Image | None, requirements: Sequence[str], notes: list[str]) -> Recipe | None:
    """How an image is built, where the official one lacks something; what has to be known of it is added to ``notes``."""
    if image is None:
        return None
    needs = entry.needs
    recipe = recipe_of(image, requirements, needs.modules, needs.extensions, needs.apt)
    for folder in recipe.extensions:
        notes.append(f"{folder}/setup.py compiles an extension: the Dockerfile in sagemaker_job says how the image gets it")
    if recipe.plain is not None:
        notes.append(f"the Dockerfile in sagemaker_job builds another one: {recipe.plain.why}")
    elif recipe.system:
        notes.append(
            f"the image lacks {recipe.names}: the Dockerfile in sagemaker_job adds it to its system; pip at the job's start does not"
        )
    elif not requirements and not recipe.extensions:
        return None
    return recipe


def _suits(python: str | None, requirements: Sequence[str], asked: str) -> int:
    """How well a Python suits: 2 for one that is asked for and has wheels for all that is pinned, 1 for the wheels alone."""
    pins = ((package_of(line), pin_of(line)) for line in requirements)
    if any(package and version and why_no_wheel(package, version, python) for package, version in pins):
        return 0
    return 1 + allows_python(asked, python)


def allows_python(asked: str, python: str | None) -> bool:
    """As :func:`allows`, of a Python whose patch is not known: ``3.6`` may be the ``3.6.12`` that is asked for, or above ``3.6.5``."""
    minor = re.sub(r"([=~]=)(\d+\.\d+)\.\d+(?![.\d*])", r"==\2.*", asked)
    return allows(minor, python) or (python is not None and allows(minor, f"{python}.99"))


def allows(asked: str, python: str | None) -> bool:
    """Whether a Python such as ``3.10`` is within a specifier; ``==3.6`` takes every patch of it. What is not known is."""
    if python is None or not asked:
        return True
    try:
        return SpecifierSet(re.sub(r"==(\d+\.\d+)(?![.\d*])", r"==\1.*", asked)).contains(f"{python}.0")
    except InvalidSpecifier:
        return True


def _instance(entry: EntryPoint, image: Image | None, spread: Spread, reasons: dict[str, str], notes: list[str], place: str) -> str:
    if entry.instance_type:
        choice = choose_instance(entry.instance_type)
        if choice is not None:
            reasons["instance_type"] = place + (f"; {choice.note}" if choice.note else "")
            return choice.instance_type
        notes.append(f"{entry.instance_type} is found in the repo, but no instance type of that name is known")
    default = default_instance(entry.framework, image)
    processes = spread.distribution.processes if spread.distribution else None
    if processes is not None and processes > 1 and processor_of(default) == "gpu":
        enough = with_gpus(default, processes)
        reasons["instance_type"] = f"not found in the repo: a GPU for each of {processes} processes ({spread.why})"
        return enough
    reasons["instance_type"] = f"not found in the repo: {_why_instance(default)}"
    return default


def _fitting(spread: Spread, instance_type: str) -> Distribution | None:
    """The distribution without a number of processes that is the number of GPUs: then it follows another instance type too.

    MPI needs a number.
    """
    made, machine = spread.distribution, machine_of(instance_type)
    if made is None or machine is None:
        return made
    if made.kind == "mpi":
        return replace(made, processes=made.processes or max(1, machine.gpus))
    return replace(made, processes=None) if made.processes == machine.gpus else made


def _metrics(entry: EntryPoint) -> dict[str, str]:
    """The definitions that the service takes; what one may hold is the service model's."""
    found = {metric.name: metric.regex for metric in entry.metrics}
    return dict(list(found.items())[:MOST_METRICS])


def default_instance(framework: str, image: Image | None) -> str:
    """An instance type that the image's CUDA runs on: one small GPU, or a CPU where the framework seldom uses more."""
    if framework in ON_CPU:
        return _DEFAULT_CPU
    since = _CUDA_11.get(image.framework) if image else None
    if image and since:
        major, minor, *_ = (*map(int, re.findall(r"\d+", image.version)), 0, 0)
        if (major, minor) < since:
            return _OLD_GPU
    return _DEFAULT_GPU


def _why_instance(instance_type: str) -> str:
    if instance_type == _OLD_GPU:
        return "the image is from before CUDA 11 and needs a Volta GPU"
    return "one GPU with 24 GB" if processor_of(instance_type) == "gpu" else "the framework trains on CPUs"


def _channels(entry: EntryPoint, project: str) -> tuple[JobChannel, ...]:
    found: dict[str, JobChannel] = {}
    for channel in entry.channels:
        known = bool(channel.source and channel.source.startswith(SCHEMES))
        source = channel.source if known and channel.source else f"s3://{{bucket}}/{project}/{channel.name}"
        if channel.name not in found or (known and not found[channel.name].known):
            found[channel.name] = JobChannel(
                channel.name, source, channel.default, known, why=f"found in {channel.found}" if channel.found else ""
            )
    # By name: the order in which a scan meets them changes with the edits, and a second apply has to change nothing.
    return tuple(found[name] for name in sorted(found))


def _network(channels: Iterable[JobChannel], found: Settled, notes: list[str]) -> Network:
    """The VPC that a file system needs. Data in S3 need none, and a job in a VPC reaches S3 only where that has a way to it."""
    if not any(channel.source.startswith(("efs://", "fsx://")) for channel in channels):
        return Network()
    if not (found.subnets and found.security_groups):
        notes.append(
            "a file system needs the subnets and security groups that reach it: not in the repo, so give them as the job's network"
        )
    return Network(found.subnets[:MOST_SUBNETS], found.security_groups[:MOST_GROUPS])


def _environment(entry: EntryPoint, module: str | None) -> dict[str, str]:
    environment = {"SM_CHECKPOINT_DIR": CHECKPOINTS}
    if "/" in entry.path or module or entry.folder:
        # The v3 drivers put only the script's own folder on the path; what it imports from the root needs this (CONTRACT).
        environment["PYTHONPATH"] = CODE_FOLDERS
    if entry.framework == "lightning":
        environment["COLUMNS"] = "200"  # where there is no terminal Rich cuts its lines at 80, and a metric from its value
    if "wandb" in entry.needs.modules:
        # Else it takes the hyperparameters into its config as texts, and refuses the script's own ``config.update(args)``.
        environment["WANDB_SAGEMAKER_DISABLE"] = "true"
    if module:
        environment["SM_RUN_MODULE"] = module
    if entry.folder:
        environment["SM_RUN_FOLDER"] = entry.folder
        if not module:
            environment["SM_RUN_SCRIPT"] = entry.path
    return environment


def _tag(text: str) -> str:
    return re.sub(r"[^\w.:/=+\-@ ]", "_", text)[:256]
