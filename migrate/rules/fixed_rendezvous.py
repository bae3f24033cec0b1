"""Processes that meet at the address of an EC2 machine.

What it finds
    ``MASTER_ADDR`` set in code, ``init_method="tcp://10.1.1.20:23456"``, and options such as ``--dist-url`` whose default is such an
    address. This machine itself (localhost, 127.0.0.1) is right for a job with one instance, and stays.

Why it matters on SageMaker
    A job's hosts have names of their own, algo-1 and so on, and no way to the machine that had this address: all processes wait for one
    that never comes, until they time out.

Fix and its safety
    Safe. The host is the first of ``SM_HOSTS`` where that is set, which is where rank 0 runs; without it the address is what it was.

Source
    SageMaker training toolkit, ``SM_HOSTS``: https://github.com/aws/sagemaker-training-toolkit#sm_hosts
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.edits.imports import local_name
from migrate.edits.model import Edit, Replace
from migrate.facts.model import Place, Span
from migrate.facts.rendezvous import find_meetings, meets_at
from migrate.rules.base import Context, Example
from migrate.rules.guarding import in_text
from migrate.rules.hooks import expression_at, segment, spelling
from migrate.rules.model import Finding

CODE = "SM602"
VARIABLE = "SM_HOSTS"


def check(context: Context) -> Iterator[Finding]:
    done: set[tuple[str, Span]] = set()
    for option in context.arguments.options if context.arguments.cli == "argparse" else ():
        parts, span, path = meets_at(option), option.default_span, option.place.path
        if parts is not None and span is not None and VARIABLE not in ast.unparse(expression_at(context.program.modules[path], span)):
            done.add((path, span))
            yield _finding(context, option.place, span, parts, f"{spelling(option)} is {option.default} by default")
    for meeting in find_meetings(context.program):
        place = meeting.module.place(meeting.node)
        if (place.path, place.span) not in done and not in_text(meeting.module, meeting.node):
            done.add((place.path, place.span))
            what = f"the processes meet at {meeting.node.value!r}"
            yield _finding(context, place, place.span, (meeting.before, meeting.host, meeting.after), what)


def _finding(context: Context, place: Place, span: Span, parts: tuple[str, str, str], what: str) -> Finding:
    module = context.program.modules[place.path]
    os_name, os_import = local_name(module.tree, module.path, "os", before=span)
    json_name, json_import = local_name(module.tree, module.path, "json", before=span)
    before, _, after = parts
    code = f'{json_name}.loads({os_name}.environ["{VARIABLE}"])[0]'
    code = f'"{before}" + {code}' if before else code
    code = f'{code} + "{after}"' if after else code
    code = f'{code} if "{VARIABLE}" in {os_name}.environ else {segment(module, expression_at(module, span))}'
    edits: list[Edit] = [added for added in (os_import, json_import) if added is not None]
    edits.append(Replace(module.path, span, code))
    message = f"{what}, a machine that no job can reach"
    return Finding(CODE, "fixed-rendezvous", place, "error", message, "safe", None, 1, tuple(edits))


EXAMPLES = (
    Example(
        before="""\
import argparse
import os

import torch.distributed as dist

parser = argparse.ArgumentParser()
parser.add_argument("--dist-url", default="tcp://10.1.1.20:23456")
parser.add_argument("--master_addr", default="127.0.0.1")
args = parser.parse_args()
os.environ["MASTER_ADDR"] = "10.1.1.20"
dist.init_process_group(init_method="tcp://10.1.1.20:1")
""",
        after="""\
import argparse
import json
import os

import torch.distributed as dist

parser = argparse.ArgumentParser()
parser.add_argument("--dist-url", default="tcp://" + json.loads(os.environ["SM_HOSTS"])[0] + ":23456" if "SM_HOSTS" in os.environ else "tcp://10.1.1.20:23456")
parser.add_argument("--master_addr", default="127.0.0.1")
args = parser.parse_args()
os.environ["MASTER_ADDR"] = json.loads(os.environ["SM_HOSTS"])[0] if "SM_HOSTS" in os.environ else "10.1.1.20"
dist.init_process_group(init_method="tcp://" + json.loads(os.environ["SM_HOSTS"])[0] + ":1" if "SM_HOSTS" in os.environ else "tcp://10.1.1.20:1")
""",
    ),
)

UNTOUCHED = (
    """\
import argparse
import os

import torch.distributed as dist

parser = argparse.ArgumentParser()
parser.add_argument("--dist-url", default="env://")
parser.add_argument("--version", default="1.2.3.4")
args = parser.parse_args()
os.environ["MASTER_ADDR"] = "localhost"
if "MASTER_ADDR" not in os.environ:
    os.environ["MASTER_ADDR"] = "10.1.1.20"
dist.init_process_group("nccl", init_method=args.dist_url)
dist.init_process_group("gloo", init_method="tcp://127.0.0.1:23456", rank=0, world_size=1)
""",
)
