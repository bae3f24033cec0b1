"""What a failing check comes from: the rule that finds its cause in the code, and the likely mend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath

from migrate.verify.model import Check, Run

SEE = "see the last lines above"
# The rule that looks for what a check has seen, where none has found it at its very line.
_RULES = {
    "names and values": "SM801",
    "limits": "SM801",
    "request": "SM801",
    "lost files": "SM103",
    "system folders": "SM103",
    "model": "SM102",
    "channels": "SM101",
    "EC2 paths": "SM101",
    "checkpoints": "SM301",
    "interrupt": "SM301",
}
_ADVICE = {
    "compiles": "a Python that the code is written for: --python FILE",
    "names and values": "another name or value in sagemaker_job/job.toml",
    "settings": SEE,
    "run": SEE,
    "channels": "let the script read it from SM_CHANNEL_NAME, or take the channel out of sagemaker_job/job.toml",
    "read-only channels": "write caches below the temporary folder, and results below SM_OUTPUT_DATA_DIR",
    "EC2 paths": "take the path from SM_CHANNEL_NAME or SM_MODEL_DIR: migrate apply writes that where it can",
    "processes": "end helpers before the script ends: SageMaker waits for none, or never stops waiting",
}


def named(check: Check, findings: Mapping[str, str]) -> Check:
    """The check with its rule and its mend, where it fails. ``findings`` maps ``path:line`` to the rule that has found something there."""
    if check.verdict != "fail":
        return check
    at_line = next((findings[item.where] for item in check.evidence if item.where and item.where in findings), None)
    kind = check.name.partition(":")[0]
    return replace(check, rule=check.rule or at_line or _RULES.get(kind), advice=check.advice or _ADVICE.get(kind))


def with_logs(found: Iterable[Check], runs: Sequence[Run]) -> list[Check]:
    """The checks that send the reader to the output, with the name of the one log that has all of it."""

    def of(check: Check) -> Check:
        purpose = "settings" if check.name == "settings" else "contract"
        log = next((run.log for run in reversed(runs) if run.log and (run.style, run.purpose) == (check.style, purpose)), None)
        return replace(check, advice=f"{SEE}; all of it is in {PurePath(log).name}") if log and check.advice == SEE else check

    return [of(check) for check in found]


def all_named(checks: Iterable[Check], findings: Mapping[str, str]) -> tuple[Check, ...]:
    """All of them, so."""
    return tuple(named(check, findings) for check in checks)
