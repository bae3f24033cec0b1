"""Each metric definition of the job finds its values in the log that the run has really written.

SageMaker applies the regular expressions to what the job prints, line by line, and takes the first group as the value
(https://docs.aws.amazon.com/sagemaker/latest/dg/define-train-metrics.html).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from migrate.verify.launched import JOB_FILE
from migrate.verify.model import Check, Evidence, Run
from migrate.verify.output import HEAD_BYTES, TAIL_BYTES


@dataclass
class _Found:
    values: list[str] = field(default_factory=list)
    odd: str | None = None  # a value that is no number


def check(run: Run, definitions: Mapping[str, str], prints: Mapping[str, str], brief: bool = False) -> Check | None:
    """The verdict on the definitions (name -> regular expression); None where the job has none.

    ``prints`` are the expressions that were made from the script's own prints, with the line of each: where one finds nothing, its line
    was not reached, under another subcommand or with a later epoch. Of a ``brief`` run, none that finds nothing proves anything.
    """
    if not definitions or run.log is None:
        return None
    faults: list[Evidence] = []
    found: dict[str, _Found] = {}
    patterns = {}
    for name, expression in definitions.items():
        try:
            pattern = re.compile(expression)
        except re.error as error:
            faults.append(Evidence(f"{name}: {expression!r} is no regular expression: {error}", JOB_FILE))
            continue
        if not pattern.groups:
            faults.append(Evidence(f"{name}: {expression!r} has no group, so that there is no value: put it in parentheses", JOB_FILE))
            continue
        patterns[name], found[name] = pattern, _Found()
    _search(Path(run.log), patterns, found)
    silent = [name for name, seen in found.items() if not seen.values]
    if run.exit_code != 0 and not faults:
        missing = f", without a value of {', '.join(silent)}" if silent else ""
        return Check("metrics", run.style, "not run", f"the script did not end well{missing}")
    unseen = [
        Evidence(f"{name}: {definitions[name]!r} matches nothing that was printed", prints.get(definitions[name], JOB_FILE))
        for name in silent
    ]
    wrong = [item for item in unseen if item.where == JOB_FILE and not brief]
    faults += [Evidence(f"{name}: {seen.odd!r} is no number", JOB_FILE) for name, seen in found.items() if seen.odd is not None]
    rest = "; of a long log, only the beginning and the end were searched" if run.output_bytes > HEAD_BYTES + TAIL_BYTES else ""
    faults += wrong
    told = tuple(Evidence(_words(name, seen.values)) for name, seen in found.items() if seen.values)
    if faults:
        advice = f"mend the regular expressions in {JOB_FILE}, or print what they look for"
        return Check(
            "metrics",
            run.style,
            "fail",
            f"{len(faults)} of {len(definitions)} metrics have no values{rest}",
            (*faults, *(item for item in unseen if item not in wrong), *told),
            advice=advice,
        )
    if unseen:
        which = "this short run" if brief else "this run"
        text = f"{len(unseen)} of {len(definitions)} metrics have no values in {which}: their lines were not reached{rest}"
        return Check("metrics", run.style, "note", text, (*unseen, *told), advice="a run that gets there shows whether they have")
    return Check("metrics", run.style, "pass", "; ".join(item.text for item in told)[:300] + rest, told)


def _search(log: Path, patterns: Mapping[str, re.Pattern[str]], found: Mapping[str, _Found]) -> None:
    with log.open(encoding="utf-8", errors="replace", newline="\n") as lines:
        for line in lines:
            for name, pattern in patterns.items():
                for match in pattern.finditer(line.rstrip("\r\n")):
                    value = match.group(1) or ""
                    if _is_number(value):
                        found[name].values.append(value)
                    elif found[name].odd is None:
                        found[name].odd = value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _words(name: str, values: list[str]) -> str:
    if len(values) == 1:
        return f"{name}: {values[0]}"
    return f"{name}: {len(values)} values, {values[0]} to {values[-1]}"
