"""The words of verify: what is asked, what one run was, what was found. Frozen data, nothing here runs anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from migrate.job.serialise import STYLES, Style

if TYPE_CHECKING:
    from migrate.verify.drill.model import Drill, Wish

# "not run" is a check that could not be made, with the reason; "note" is worth knowing and fails nothing.
Verdict = Literal["pass", "fail", "note", "not run"]


@dataclass(frozen=True)
class Options:
    """What the caller asks for. ``timeout`` is in seconds of one run; ``copy_limit`` in bytes of one channel.

    ``hyperparameters`` win over the script's defaults. ``environment`` is the job's own environment, None for the one that the
    launcher gives by itself; /opt/ml in its values is rebased. ``dangerous`` says in words what the facts know of changes to
    absolute paths. ``unresumed`` says in words what the scan found about going on after an interruption. ``ec2_command`` starts the
    script on EC2, at the repo's root; without it, the one that the repo itself says. ``findings`` are the rules' codes by ``path:line``.
    ``sample`` is how many files or rows of each channel a run has (for ``cli.run``: 0 for all, None for 64 where it is ``quick``).
    ``synthetic`` makes data up for channels that have none; ``install`` makes an environment of the job's packages for the run.
    ``fail_fast`` stops at the first rung that fails. ``logs`` is where all logs are kept; without it, those of failed runs stay in the
    scratch folder.
    """

    channels: Mapping[str, Path] = field(default_factory=dict)
    quick: bool = False
    timeout: float = 3600.0
    python: str | None = None
    trust: bool = False
    styles: tuple[Style, ...] = STYLES
    hyperparameters: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, str] | None = None
    dangerous: tuple[str, ...] = ()
    copy_limit: int = 4 << 30
    settings_timeout: float = 300.0
    engine: str | None = "process"  # None for the best that this machine has
    starter: str | None = None  # "real" or "emulated"; None for the real one where it is installed
    sdk_pythons: tuple[str, ...] = ()  # Pythons that have the SageMaker SDK
    image: str | None = None  # for containers; None for the job's own
    instances: int = 1
    network: bool = False
    memory: int | None = None  # bytes
    tell: Callable[[str, str], object] | None = None  # called with the step, and a line of its output or nothing
    drill: Wish | None = None
    unresumed: tuple[str, ...] = ()
    ec2_command: str | None = None
    sample: int | None = None  # files, or rows of a table, that each channel has at most
    synthetic: bool = False
    install: bool = False
    fail_fast: bool = False
    findings: Mapping[str, str] = field(default_factory=dict)
    logs: Path | None = None


@dataclass(frozen=True)
class Evidence:
    """One thing seen. ``where`` is ``path:line`` in the repo, when it is known; ``sure`` is False when it was only inferred."""

    text: str
    where: str | None = None
    sure: bool = True


@dataclass(frozen=True)
class Check:
    """One rung: its verdict, what it rests on, and how long it took, in seconds. ``advice`` is the likely mend."""

    name: str
    style: Style | None
    verdict: Verdict
    message: str
    evidence: tuple[Evidence, ...] = ()
    seconds: float = 0.0
    advice: str | None = None
    rule: str | None = None  # the code of the rule that looks for the cause of a failure


@dataclass(frozen=True)
class Run:
    """One start of the script. ``peak_memory`` is in bytes, of all its processes together; ``log`` is kept when it failed."""

    style: Style
    purpose: Literal["settings", "contract", "drill", "ec2"]
    argv: tuple[str, ...]
    hyperparameters: Mapping[str, object]
    exit_code: int | None
    signal: int | None
    timed_out: bool
    seconds: float
    peak_memory: int
    output_bytes: int
    tail: tuple[str, ...]
    log: str | None = None
    model_files: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Report:
    """Everything about one entry point. ``tree`` is the hash of the files that ran; ``unable`` says why nothing could."""

    entry: str
    engine: str
    python: str
    tree: str
    checks: tuple[Check, ...]
    runs: tuple[Run, ...]
    isolates: tuple[str, ...]
    does_not: tuple[str, ...]
    seconds: float
    started: str  # ISO 8601, UTC
    notes: tuple[str, ...] = ()
    unable: str | None = None
    drill: Drill | None = None
    why: str = ""  # this engine
    starters: Mapping[str, str] = field(default_factory=dict)  # what started the script, by convention: a real program, or an emulation
    versions: Mapping[str, str] = field(default_factory=dict)  # of Python, the system, and the packages that the program imports

    @property
    def exit_code(self) -> int:
        """0 all pass, 1 a check failed, 2 it could not be run."""
        if any(check.verdict == "fail" for check in self.checks):
            return 1
        return 2 if self.unable else 0
