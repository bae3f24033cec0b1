"""The whole ladder over one fault at a time, each told as what it is and nothing else; and over the same script mended: all rungs hold.

The small tests beside this one say more of each fault. Here a fixture is a script and what a person would change in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from migrate.verify.drill.model import Wish
from migrate.verify.model import Report
from tests.verify.repos import GOOD, HEAD, READ, SAVE, SETTINGS, Repo, check, entry_point, hyperparameter, lines, verdicts
from tests.verify.test_drill import ENTRY as DRILLED
from tests.verify.test_drill import LIGHT

JOB = """
[job.train]
entry = "train.py"

[job.train.channels]
training = "s3://bucket/training"

[job.train.hyperparameters]
lr = 0.1

[job.train.metrics]
loss = 'loss: ([0-9.]+)'
"""


@dataclass(frozen=True)
class Fault:
    """``bad`` stands in the script, ``good`` mends it. ``check`` tells of it with ``message``, at the line that holds ``line``."""

    bad: str
    good: str
    check: str
    message: str
    line: str | None = None
    verdict: str = "fail"
    also: tuple[str, ...] = ()  # checks that cannot pass then either
    script: str = GOOD + "FAULT\n"
    job: str = ""
    timeout: float = 60.0
    contained: tuple[str, ...] = ()  # and those where the folders are really read-only


FLAG = (*SETTINGS, hyperparameter("flag", "bool", False, line=13))
STORE_TRUE = 'parser.add_argument("--flag", action="store_true")'
AS_VALUE = 'parser.add_argument("--flag", type=lambda text: text.lower() == "true", default=False)'
FAULTS = {
    "a flag that does not arrive": Fault(
        STORE_TRUE,
        AS_VALUE,
        "settings",
        "the script refused its settings: unrecognized arguments: True",
        also=("run", "defaults", "channels", "model"),
        script=HEAD.replace("args = parser", "FAULT\nargs = parser") + READ + SAVE,
    ),
    "a file lost in the working folder": Fault(
        'open("best.txt", "w").write("x")',
        'open(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "best.txt"), "w").write("x")',
        "lost files",
        "1 files would be lost when the job ends",
        line="best.txt",
    ),
    "a write into a read-only channel": Fault(
        'os.chmod(args.data, 0o755); open(os.path.join(args.data, "cache.bin"), "w").write("x")',
        'import tempfile; open(os.path.join(tempfile.gettempdir(), "cache.bin2"), "w").write("x")',
        "read-only channels",
        "1 files written into channels",
        line="cache.bin",
        contained=("run",),
    ),
    "a network call": Fault(
        'import socket\ntry:\n    socket.getaddrinfo("weights.example", 80)\nexcept OSError:\n    pass',
        "",
        "network",
        "1 addresses were asked for",
        line="getaddrinfo",
        verdict="note",
    ),
    "an unread channel": Fault("rows = []", READ, "channels", "never read: training", script=HEAD + "FAULT\n" + SAVE),
    "a metric that matches nothing": Fault('print("cost: 0.5")', 'print("loss: 0.5")', "metrics", "1 of 1 metrics have no values", job=JOB),
    "a model folder left empty": Fault(
        "pass", SAVE, "model", "the model folder is empty: model.tar.gz would hold nothing", script=HEAD + READ + "FAULT\n"
    ),
    "a crash with exit code 3": Fault("sys.exit(3)", "sys.exit(0)", "run", "exit code 3: it has printed nothing", line="sys.exit"),
    "a hang": Fault(
        "import threading; threading.Event().wait()",
        "import threading; threading.Event().wait(0.01)",
        "run",
        "did not end within 4 s, and was stopped",
        timeout=4.0,
    ),
    "a fork that outlives its parent": Fault(
        "if os.fork() == 0:\n    os.setsid()\n    import threading\n    threading.Event().wait()",
        "if os.fork() == 0:\n    os._exit(0)\nos.wait()",
        "processes",
        "1 processes outlived the script, and were ended",
    ),
    "3 GB of output": Fault(
        "block = b'x' * (1 << 20)\nfor _ in range(3000):\n    os.write(1, block)",
        "print('a line')",
        "output",
        "2.9 GiB were printed; the log here has the beginning and the end",
        verdict="note",
    ),
}


# each where it can be told; the SDKs' local modes are Docker with less, and have tests of their own
ENGINES = pytest.mark.parametrize("engine", ["process", "sandbox", "docker"])


def verified(repo: Repo, fault: Fault, words: str, engine: str, request: pytest.FixtureRequest) -> tuple[str, Report]:
    """The script with ``words`` in the place of the fault, and what is told of it."""
    script = fault.script.replace("FAULT", words)
    if fault.job:
        repo.write({"sagemaker_job/job.toml": fault.job})
    entry = entry_point(FLAG) if "--flag" in words else entry_point()
    image = request.getfixturevalue("image") if engine == "docker" else None
    return script, repo.verify(script, entry, timeout=fault.timeout, engine=engine, image=image)


@pytest.mark.parametrize("name", FAULTS)
@ENGINES
def test_a_fault_is_told_as_what_it_is(repo: Repo, request: pytest.FixtureRequest, name: str, engine: str) -> None:
    fault = FAULTS[name]
    script, report = verified(repo, fault, fault.bad, engine, request)
    found = check(report, fault.check)
    assert (found.verdict, found.message[: len(fault.message)]) == (fault.verdict, fault.message)
    assert set(verdicts(report)) == {fault.check, *fault.also, *(fault.contained if engine != "process" else ())}
    assert report.exit_code == (1 if fault.verdict == "fail" else 0) and found.advice
    assert found.rule or fault.verdict == "note" or fault.check in NO_RULE
    if fault.line is not None:
        assert [item.where for item in found.evidence] == [f"train.py:{lines(script, fault.line)}"]


# what no rule looks for in the code
NO_RULE = {"run", "processes", "metrics", "read-only channels"}


@pytest.mark.parametrize("name", FAULTS)
@ENGINES
def test_the_same_mended_passes(repo: Repo, request: pytest.FixtureRequest, name: str, engine: str) -> None:
    fault = FAULTS[name]
    _, report = verified(repo, fault, fault.good, engine, request)
    assert verdicts(report) == {} and report.exit_code == 0
    rungs = ["compiles", "names and values", "settings", "run", "lost files", "channels", "EC2 paths", "model", "processes", "network"]
    assert [item.name for item in report.checks if item.name in rungs] == rungs
    assert {"limits", "request"} <= {item.name for item in report.checks}


def test_a_resume_that_starts_from_zero(repo: Repo) -> None:
    script = LIGHT.replace("if os.path.exists(path):\n    saved", "if False:\n    saved")
    assert script != LIGHT
    report = repo.verify(script, DRILLED, channels={}, drill=Wish(1, ("kill",)))
    found = check(report, "interrupt: SIGKILL")
    assert found.verdict == "fail" and "began again from the start" in found.message
    assert (found.rule, report.exit_code) == ("SM301", 1) and found.advice


def test_a_resume_that_goes_on(repo: Repo) -> None:
    report = repo.verify(LIGHT, DRILLED, channels={}, drill=Wish(1, ("kill",)))
    assert verdicts(report) == {} and report.exit_code == 0
