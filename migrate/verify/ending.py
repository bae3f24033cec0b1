"""How a run came to its end: well, or by what, from where, and what would mend it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from migrate.job.model import EntryPoint
from migrate.verify import arrival, output, own, settings, trace
from migrate.verify.model import Check, Evidence, Options
from migrate.verify.packages import package_of
from migrate.verify.proofs import network

if TYPE_CHECKING:
    from migrate.verify.stage import Seen

_OTHER_VERSION = "where that is a package's: the version here is not the one that the code was written for; name it in requirements.txt"
# Failures that the framework's version explains, not the migration: text of the exception -> what to do.
_HINTS = {
    "Weights only load failed": "torch.load reads weights alone since torch 2.6: give it weights_only=False for a checkpoint of your own",
    "can't decode byte": "read and print text in the encoding that it has: the SDK v3 drivers end a job that prints anything but UTF-8",
    "got an unexpected keyword argument|module '[^']*' has no attribute": _OTHER_VERSION,
    "CUDA": "no GPU is used here: choose the device by torch.cuda.is_available() or SM_NUM_GPUS, or give --hp",
}
_OTHER_PYTHON = "--install makes an environment of the job's packages for it; --python FILE takes another one"


def ended(seen: Seen, options: Options, channels: Mapping[str, bool], entry: EntryPoint, hooked: bool) -> Check:
    """Whether the script came to a good end, and if not, why. ``hooked``: it translates what SageMaker sends."""
    run = seen.run
    took = f"{run.seconds:.1f} s, {run.peak_memory / 2**20:.0f} MiB at most"
    if run.timed_out and _over(seen):
        text = "the script came to its end, but a process that it has started holds its output open, and the SDK v3 drivers wait for that"
        return Check("run", run.style, "fail", text, last(run.tail), run.seconds, "end helpers before the script ends")
    if run.timed_out:
        text = f"did not end within {options.timeout:g} s, and was stopped"
        return Check("run", run.style, "fail", text, last(run.tail), run.seconds, "a longer --timeout, or --quick")
    if seen.outcome.out_of_memory and options.memory is not None:
        text = f"had more than {options.memory / 2**30:.3g} GiB of memory, and was killed as the instance would kill it"
        return Check("run", run.style, "fail", text, last(run.tail), run.seconds, "smaller batches, fewer workers, or a larger instance")
    if run.exit_code == 0 and run.style == "v3" and (line := output.no_text(run.log)) is not None:
        text = f"its output is no UTF-8 text: the SDK v3 drivers end the job at such a line: {line}"
        return Check("run", run.style, "fail", text, (), run.seconds, _HINTS["can't decode byte"])
    if run.exit_code == 0:
        return Check("run", run.style, "pass", f"exit code 0 in {took}", (), run.seconds)
    failure = trace.read(seen.outcome.tail, seen.inside.code)
    how = f"killed by signal {run.signal}" if run.signal else f"exit code {run.exit_code}"
    if failure and failure.missing and own.of_run(failure.missing, seen.layout) is None:
        return Check("run", run.style, "not run", missing(failure.missing), at(failure), run.seconds, _OTHER_PYTHON)
    refused = settings.refused(seen.events)
    needed = settings.needed(refused, run.hyperparameters) if refused else []
    if needed:
        text = f"the script asks for what the job does not give it: {', '.join(needed)}"
        given = " ".join(f"--hp {name}=VALUE" for name in needed)
        return Check("run", run.style, "not run", text, _left(seen), run.seconds, f"{given}, as the launchers are to be given it")
    message = refused or (failure.message if failure else next((line for line in reversed(run.tail)), "")) or "it has printed nothing"
    evidence = at(failure) or ((*_left(seen), *last(run.tail)) if run.exit_code else last(run.tail))
    refusal = arrival.mend(refused, run.hyperparameters, entry, settings.known(seen.events), hooked) if refused else None
    advice = _advice(seen, failure, message, refusal, channels)
    return Check("run", run.style, "fail", f"{how}: {message}"[:500], evidence, run.seconds, advice)


def _advice(seen: Seen, failure: trace.Failure | None, message: str, refusal: str | None, channels: Mapping[str, bool]) -> str | None:
    """What would mend a failure, where that is known."""
    if failure and failure.missing and (module := own.of_run(failure.missing, seen.layout)) is not None:
        return module.in_job()
    known = without_data(message, channels) or next((hint for text, hint in _HINTS.items() if re.search(text, message)), None)
    if known is not None:
        return known
    if failure and failure.optional:
        return f"name {package_of(failure.optional)} in requirements.txt: another package needs it here, and no import says so"
    if refusal is not None:
        return refusal
    if not seen.network and network.calls(seen):
        return "the sandbox has no network: --network gives it; on SageMaker, data come as a channel, and pretrained weights can too"
    return None


def _over(seen: Seen) -> bool:
    """Whether the script itself had ended when the time was over: only what starts it for SageMaker was still there."""
    return any(Path(word).name == Path(seen.script).name for event in seen.events if event["kind"] == "exit" for word in event["argv"])


def without_data(message: str, channels: Mapping[str, bool]) -> str | None:
    """What to give, where a run failed for want of a file in a channel that has no data here."""
    absent = sorted(name for name, there in channels.items() if not there)
    named = [name for name in absent if re.search(rf"/input/data/{re.escape(name)}\b", message)]
    return f"no data was given for it: --channel {' --channel '.join(f'{name}=DIR' for name in named)}" if named else None


def at(failure: trace.Failure | None) -> tuple[Evidence, ...]:
    """The exception at the repo's line that it comes from, and the last lines of its traceback."""
    if failure is None:
        return ()
    return (*((Evidence(failure.message, failure.where),) if failure.where else ()), *last(failure.lines))


def _left(seen: Seen) -> tuple[Evidence, ...]:
    """The line from which the script has ended itself, where there is no traceback of it."""
    places = [event["where"] for event in seen.events if event["kind"] == "quit" and event["where"]]
    return (Evidence("ends itself here", places[-1]),) if places else ()


def last(tail: Sequence[str]) -> tuple[Evidence, ...]:
    return tuple(Evidence(line[:300]) for line in tail[-5:])


def missing(module: str) -> str:
    return f"Python has no module {module!r}: it needs the package {package_of(module)} (pip install {package_of(module)})"
