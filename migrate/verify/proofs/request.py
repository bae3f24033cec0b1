"""The job as the launcher sends it, held against the service model: what has a limit, and all the rest."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migrate.job.infer import infer
from migrate.job.request import BUCKET_SHOWN, ROLE_SHOWN, request_of
from migrate.job.validate import Problem, validate
from migrate.verify import layout
from migrate.verify.launched import JOB_FILE
from migrate.verify.model import Check, Evidence
from migrate.verify.proofs import plain

if TYPE_CHECKING:
    from migrate.verify.pipeline import Verifier

LAUNCHER = "sagemaker_job/launch_boto3.py"
_TIMEOUT = 120
_NEEDS = "the script needs "  # as the launcher says that a setting has to be given
_LIMITED = re.compile(
    r"HyperParameters|Environment|AlgorithmSpecification\.MetricDefinitions|InputDataConfig(\[\d+\]\.ChannelName)?( key .*)?$"
)
# Numbers of the service model: what is told beside what the job has.
_MOST_HYPERPARAMETERS, _LONGEST_VALUE, _MOST_CHANNELS, _MOST_VARIABLES = 100, 2500, 20, 100


def checks(verifier: Verifier) -> list[Check]:
    """``limits`` and ``request``: of the launcher's own request where there is one, else of the job that the scan makes."""
    clock = time.monotonic()
    made = _launched(verifier) if LAUNCHER in verifier.files else _inferred(verifier)
    if isinstance(made, Check):
        return [made]
    request, problems, source = made
    limited = [problem for problem in problems if _LIMITED.match(problem.where)]
    others = [problem for problem in problems if problem not in limited]
    seconds = time.monotonic() - clock
    return [_limits(request, limited), _request(request, others, source, seconds)]


def _inferred(verifier: Verifier) -> tuple[Mapping[str, Any], list[Problem], str]:
    request = request_of(infer(verifier.entry))
    return request, validate(request, sdk=True), "as the scan infers it (migrate apply writes the launchers)"


def _launched(verifier: Verifier) -> tuple[Mapping[str, Any], list[Problem], str] | Check:
    """``launch_boto3.py --dry-run``, run like the script itself: with what the job's own files say, whoever wrote them."""
    on = plain.machine(verifier, "request", here=True)
    layout.copy_files(verifier.root, [name for name in verifier.files if name.startswith("sagemaker_job/")], on.code)
    words = [on.python.executable, str(on.seen / LAUNCHER), "--dry-run", "--entry", verifier.entry.path]
    stand_ins = _placeholders(verifier.root / JOB_FILE)
    for name in stand_ins:
        words += [f"--{name}", {"role": ROLE_SHOWN, "bucket": BUCKET_SHOWN}[name]]
    for name, value in verifier.options.hyperparameters.items():
        words += ["--hp", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
    outcome = plain.run(verifier, on, tuple(words), on.seen, _TIMEOUT)
    printed = on.log.read_text(encoding="utf-8", errors="replace")
    request, rest = _split(printed)
    if request is None:
        last = next((line for line in reversed(outcome.tail) if line.strip()), f"exit code {outcome.exit_code}")
        text = f"{LAUNCHER} --dry-run makes no request: {last.partition(': ')[2] or last}"
        return Check("request", None, "fail", text[:500], tuple(Evidence(line[:300]) for line in outcome.tail[-5:]))
    told = [line.partition(": ")[2] for line in rest if line.startswith("not yet: ")]
    given = [line.removeprefix(_NEEDS).partition(" ")[0] for line in told if line.startswith(_NEEDS)]
    own = [Problem("the launcher", line) for line in told if not line.startswith((_NEEDS, "fill in"))]
    source = f"as {LAUNCHER} sends it" + (f"; {' and '.join(stand_ins)} not filled in yet, and stood in for" if stand_ins else "")
    source += f"; to be given at each launch: {', '.join(given)}" if given else ""
    return request, validate(request) or own, source


def _placeholders(path: Path) -> list[str]:
    """Which of role and bucket a person has still to fill in."""
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return [name for name in ("role", "bucket") if re.search(rf'^{name}\s*=\s*"(REPLACE-WITH[^"]*)?"', text, re.MULTILINE)]


def _split(printed: str) -> tuple[Mapping[str, Any] | None, Sequence[str]]:
    """The request, and the lines beside it."""
    start = printed.find("{")
    if start < 0:
        return None, ()
    try:
        request, end = json.JSONDecoder().raw_decode(printed[start:])
    except ValueError:
        return None, ()
    return request, (printed[:start] + printed[start + end :]).splitlines()


def _limits(request: Mapping[str, Any], problems: Sequence[Problem]) -> Check:
    values = request.get("HyperParameters", {})
    longest = max((len(str(value)) for value in values.values()), default=0)
    variables = request.get("Environment", {})
    text = (
        f"{len(values)} of {_MOST_HYPERPARAMETERS} hyperparameters, the longest {longest} of {_LONGEST_VALUE} characters; "
        f"{len(request.get('InputDataConfig', []))} of {_MOST_CHANNELS} channels; {len(variables)} of {_MOST_VARIABLES} variables"
    )
    if not problems:
        return Check("limits", None, "pass", text)
    evidence = tuple(Evidence(str(problem), JOB_FILE) for problem in problems)
    return Check("limits", None, "fail", f"{len(problems)} limits are passed: {text}", evidence, advice=f"change it in {JOB_FILE}")


def _request(request: Mapping[str, Any], problems: Sequence[Problem], source: str, seconds: float) -> Check:
    if not problems:
        members = f"{len(request)} members, {request.get('ResourceConfig', {}).get('InstanceType', 'no instance type')}"
        return Check("request", None, "pass", f"the service would take it, {source}: {members}", (), seconds)
    evidence = tuple(Evidence(str(problem), JOB_FILE) for problem in problems)
    text = f"the service would refuse it, {source}: {len(problems)} faults"
    return Check("request", None, "fail", text, evidence, seconds, f"change it in {JOB_FILE}")
