"""A GPU that is chosen by how busy the others are.

What it finds
    ``nvidia-smi`` whose output is read, ``GPUtil``, ``gpustat`` and memory queries of ``pynvml``.

Why it matters on SageMaker
    A job has its machine for itself: all GPUs are free, and the first one does. On an instance without a GPU the question fails.

Fix and its safety
    None: what is done with the answer is not followed.

Source
    SageMaker training toolkit, ``SM_NUM_GPUS``: https://github.com/aws/sagemaker-training-toolkit#sm_num_gpus
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.habits.calls import habit_calls
from migrate.facts.habits.commands import find_commands
from migrate.rules.base import Context, Example
from migrate.rules.guarding import is_statement
from migrate.rules.model import Finding
from migrate.rules.together import by_file

CODE = "SM408"
REASON = "SM_NUM_GPUS tells how many the instance has"


def check(context: Context) -> Iterator[Finding]:
    asked = [(run, run.name) for run in habit_calls(context.program, "gpus")]
    for command in find_commands(context.program, context.arguments):
        if command.name == "nvidia-smi" and not is_statement(command.run.module, command.run.call):
            asked.append((command.run, "nvidia-smi"))
    for name, place, others in by_file((run.module, run.call, name) for run, name in asked if not run.guarded):
        message = f"{name} is asked about the GPUs, which are all free in a job{others}"
        yield Finding(CODE, "busy-gpu-choice", place, "note", message, "none", REASON, 1)


SOURCE = """\
import os
import subprocess

free = subprocess.check_output("nvidia-smi --query-gpu=memory.free --format=csv,noheader", shell=True)
os.environ["CUDA_VISIBLE_DEVICES"] = str(best(free))
"""

EXAMPLES = (Example(before=SOURCE, after=SOURCE),)

UNTOUCHED = (
    """\
import os

os.system("nvidia-smi")  # into the log
""",
)
