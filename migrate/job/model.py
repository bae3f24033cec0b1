"""The SageMaker job as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from migrate.facts.processes import Processes
from migrate.repo.ec2.model import Ec2Side
from migrate.repo.started_in import folder_of


@dataclass(frozen=True)
class Channel:
    """An input channel, mounted at /opt/ml/input/data/NAME.

    ``default`` is the EC2 path; ``source`` an s3:// or other location, if known.
    """

    name: str  # [A-Za-z0-9_]+: a dash kills the v3 driver (CONTRACT)
    default: str | None
    path: str  # the file that names it, POSIX, relative to the root
    line: int
    source: str | None = None
    option: str | None = None
    dest: str | None = None
    found: str | None = None  # where ``source`` was found: file:line

    @property
    def env(self) -> str:
        return f"SM_CHANNEL_{self.name.upper()}"


@dataclass(frozen=True)
class Output:
    """Something the script writes. ``kind`` is model, data, checkpoint or log."""

    kind: str
    default: str | None
    path: str
    line: int
    option: str | None = None
    dest: str | None = None


@dataclass(frozen=True)
class Hyperparameter:
    """A setting of the script. ``name`` is the launcher's key: under it the value arrives under both serialisers."""

    name: str
    option: str | None  # the preferred spelling; None for a positional
    dest: str
    type: str  # int, float, str, bool, list, or the name of a converter
    default: object  # JSON value; None when there is none or it is not literal
    line: int
    path: str
    options: tuple[str, ...] = ()
    nargs: str | int | None = None
    choices: tuple[object, ...] | None = None
    required: bool = False
    is_path: bool = False  # takes its default from a channel or an output folder: left out of the launcher's hyperparameters
    without: str | None = None  # why it has no default that could be passed, where more is known than that there is none
    counts: str | None = None  # the variable of SageMaker's that its default follows: what the instance has, where the hosts meet
    computed: bool = False  # the script makes its default when it starts


@dataclass(frozen=True)
class MetricDefinition:
    """A number that the script prints, and the regular expression that takes it out of the log. ``sample`` is a line that it matches."""

    name: str
    regex: str
    sample: str
    path: str
    line: int


@dataclass(frozen=True)
class Needs:
    """What a script needs of its image, as its code and the files around it say.

    ``bounds`` are those of the framework that chooses the image (``>=1.4,<2``); ``modules`` the libraries that are imported, by the first
    name; ``declared`` lines for pip, of the file that counts where there is no requirements.txt; ``others`` those of conda's lists and of
    further files, which give versions of what is imported; ``python`` a specifier; ``apt`` what Dockerfiles add to the system;
    ``extensions`` folders whose setup.py compiles something.
    """

    bounds: str = ""
    modules: tuple[str, ...] = ()
    declared: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    python: str = ""
    apt: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()


@dataclass(frozen=True)
class EntryPoint:
    """One training script and the job it would be."""

    path: str
    framework: str  # pytorch, tensorflow, keras, chainer, lightning, transformers, accelerate, mxnet, jax, sklearn, xgboost, lightgbm
    framework_version: str | None
    cli: str
    hyperparameters: tuple[Hyperparameter, ...]
    channels: tuple[Channel, ...]
    outputs: tuple[Output, ...]
    checkpoint_kind: str  # none, save-only, partial, full, framework
    loop_line: int | None
    command: str | None  # the usual command that starts it, as found in README or *.sh
    instance_type: str | None = None
    spot: bool | None = None
    closure: tuple[str, ...] = ()  # the local modules it needs, itself first
    as_module: bool = False  # started by `python -m`: relative imports in its own body
    ec2: Ec2Side = field(default_factory=Ec2Side)  # how it runs on EC2, each fact with its file and line
    metrics: tuple[MetricDefinition, ...] = ()
    processes: Processes | None = None  # how it comes to be one of several
    secrets: tuple[str, ...] = ()  # the names of those that it reads, or should: the job's role may read them
    needs: Needs = Needs()
    function: str | None = None  # what a console script calls in it, where nothing in the file does
    opens: str | None = None  # a path to files of the repo, from the folder that it is started in: the root has others there, or none
    translated: bool = False  # whether something turns hyperparameters into the command line that its ``cli`` reads
    whole: bool = False  # whether ``hyperparameters`` are all the options that its parser takes

    @property
    def folder(self) -> str | None:
        """The folder below the root that the job runs it in, as EC2 does; None where it makes no difference, or is not sure."""
        return folder_of(self.ec2.starts) or None if self.opens is not None else None


def with_shared_paths(points: Sequence[EntryPoint]) -> tuple[EntryPoint, ...]:
    """The entry points of one repository, where a setting whose default one of them moves is a path for all that declare it there.

    A shared option takes its default from a channel or an output folder for whoever reads it; its EC2 value, passed by another job's
    launcher, would beat that.
    """
    moved = {(channel.path, channel.line, channel.dest) for point in points for channel in point.channels}
    moved |= {(output.path, output.line, output.dest) for point in points for output in point.outputs}

    def marked(point: EntryPoint) -> EntryPoint:
        settings = tuple(
            replace(setting, is_path=True) if (setting.path, setting.line, setting.dest) in moved else setting
            for setting in point.hyperparameters
        )
        return point if settings == point.hyperparameters else replace(point, hyperparameters=settings)

    return tuple(marked(point) for point in points)
