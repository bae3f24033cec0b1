"""A file or folder that is named by the time, by chance or by the process: another one at each start.

What it finds
    The clock, a UUID or the number of the process in the name of a file or folder, in a script whose training goes on after an
    interruption.

Why it matters on SageMaker
    After an interruption the script is started again, and makes a second folder: the best model of the first one is not found where the
    script looks for it, and the output lies in two places.

Fix and its safety
    Safe. The text goes through ``same_on_restart``, which hands back what it gave at the first start with this checkpoint folder;
    where no checkpoints are made (on EC2), it hands back what it is given.
    Not done where the whole path is redirected in one piece, nor in a loop whose turns train one after the other (folds): there the name
    has to come from the turn.

Source
    CONTRACT: only the checkpoint folder outlives an interruption.
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.edits.model import Replace
from migrate.facts.model import Span
from migrate.facts.training.extent import extent_of
from migrate.facts.training.moving import moving_names
from migrate.facts.training.resume import find_resumes, innermost_loops, kept_loops
from migrate.rules.base import Context, Example
from migrate.rules.hooks import segment, support_name
from migrate.rules.model import Finding

CODE = "SM302"
NAME = "moving-run-folder"


def check(context: Context) -> Iterator[Finding]:
    if not any(resume.refused is None for resume in find_resumes(context.program)) and "keeper" not in context.program.main.text:
        return
    outputs = [(r.place.path, r.span) for r in context.paths.redirects if r.span is not None and r.role != "channel"]
    found = moving_names(context.program, outputs)
    if not found:
        return
    inner, outer = (
        {id(node) for loop in loops for _, node in extent_of(context.program, loop).nodes()}
        for loops in (innermost_loops(context.program), kept_loops(context.program))
    )
    for moving in found:
        if id(moving.node) in inner:
            continue  # each turn has a name of its own, and those that are done are not run again
        module, span = moving.module, Span.of(moving.node)
        place = module.place(moving.node)
        message = "this names a file or folder, and is another one when the job is started again after an interruption"
        taken = any(r.place.path == module.path and r.span is not None and _overlap(r.span, span) for r in context.paths.redirects)
        if taken or id(moving.node) in outer:
            reason = "it stands inside a path that is redirected in one piece: give it a name of its own before that"
            if not taken:
                reason = "each turn of the loop around it has another name, and the last turn is gone on with: name it by the turn's number"
            yield Finding(CODE, NAME, place, "warning", message, "none", reason, 1)
            continue
        name, imports = support_name(context, module, "same_on_restart", span)
        edit = Replace(module.path, span, f"{name}({segment(module, moving.node)})")
        yield Finding(CODE, NAME, place, "warning", message, "safe", None, 1, (*imports, edit))


def _overlap(one: Span, two: Span) -> bool:
    return (one.line, one.column) < (two.end_line, two.end_column) and (two.line, two.column) < (one.end_line, one.end_column)


_TRAIN = """\
import os
from datetime import datetime
import torch
{support}
stamp = {stamp}
run = os.path.join("runs", stamp)
os.makedirs(run, exist_ok=True)
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(3):
    model(torch.ones(4, 2)).mean().backward()
    optimizer.step()
    torch.save(model.state_dict(), os.path.join(run, "best.pt"))
"""

_NAMED = _TRAIN.replace("stamp = {stamp}", "now = datetime.now()\nstamp = {stamp}")

EXAMPLES = (
    Example(
        before=_NAMED.format(support="", stamp='now.strftime("%H%M")'),
        after=_NAMED.format(support="from sagemaker_support import same_on_restart\n", stamp='same_on_restart(now.strftime("%H%M"))'),
    ),
    Example(
        before=_TRAIN.format(support="", stamp='datetime.now().strftime("%Y-%m-%d")'),
        after=_TRAIN.format(
            support="from sagemaker_support import same_on_restart\n", stamp='same_on_restart(datetime.now().strftime("%Y-%m-%d"))'
        ),
    ),
)

UNTOUCHED = (
    """\
import time
import torch

model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(3):
    model(torch.ones(4, 2)).mean().backward()
    optimizer.step()
    torch.save(model.state_dict(), "model_%s.pt" % time.strftime("%H%M%S"))
""",
    """\
import time
import torch

model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
start = time.time()
for epoch in range(3):
    model(torch.ones(4, 2)).mean().backward()
    optimizer.step()
    print(time.strftime("%H:%M"), time.time() - start)
""",
    """\
import os
import time

os.makedirs(os.path.join("runs", time.strftime("%Y")))  # nothing here is gone on with
""",
)
