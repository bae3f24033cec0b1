"""A question to EC2's instance metadata service.

What it finds
    A request to 169.254.169.254 by ``requests``, ``urllib`` or ``curl``, and the libraries that ask there (``ec2_metadata``,
    ``boto.utils.get_instance_metadata``).

Why it matters on SageMaker
    A job's container has no instance of yours to ask about. The request fails, or hangs until it times out: where a loop watches for the
    notice of a spot interruption, at each turn. SageMaker tells the instance type and the host in variables, and takes a spot job up again
    by itself.

Fix and its safety
    Safe where the answer is taken out at once: ``SM_CURRENT_INSTANCE_TYPE`` or ``SM_CURRENT_HOST`` come first, ``AWS_REGION`` where
    ``SM_CURRENT_HOST`` is set; the status of a spot notice is 404 there, which is what EC2 says while none is given. On EC2, which has none
    of these variables of SageMaker's, the service is asked as before. A function that watches for the notice, in a thread or not, is not
    started where ``SM_CURRENT_HOST`` is set. Else none.

Source
    EC2's instance metadata: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html; SageMaker training toolkit,
    environment variables: https://github.com/aws/sagemaker-training-toolkit#environment-variables
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.edits.imports import local_name
from migrate.edits.model import Edit, Replace
from migrate.facts.habits.calls import is_guarded
from migrate.facts.habits.metadata import Asked, answer_around, find_asked, library_answers, speaks_of_metadata
from migrate.facts.habits.started import Start, starts_of
from migrate.facts.model import Span
from migrate.facts.program import Module, Program
from migrate.rules.base import Context, Example
from migrate.rules.guarding import guard, in_text, is_statement
from migrate.rules.hooks import segment
from migrate.rules.model import Finding

CODE = "SM401"
HOST, TYPE = "SM_CURRENT_HOST", "SM_CURRENT_INSTANCE_TYPE"
SAME = {"instance-type": TYPE, "instance-id": HOST, "hostname": HOST, "local-hostname": HOST, "public-hostname": HOST}
REGION, TOKEN = "placement/region", "api/token"
LIBRARY = {"region": REGION, "private_hostname": "local-hostname"}  # what the library ec2_metadata calls them
NO_ANSWER = f"no answer stands for it here; the instance type is in {TYPE}, the host's name in {HOST}, the region in AWS_REGION"


def check(context: Context) -> Iterator[Finding]:
    if not speaks_of_metadata(context.program):
        return
    for asked in find_asked(context.program, context.arguments):
        if not asked.run.guarded and not _is_left_out(context.program, asked):
            yield _finding(context, asked)
    for module, node in library_answers(context.program):
        yield _of_library(context, module, node)


def _of_library(context: Context, module: Module, node: ast.Attribute) -> Finding:
    """An attribute of the library ``ec2_metadata``, which is an answer by itself."""
    item = LIBRARY.get(node.attr, node.attr.replace("_", "-"))
    name, needed = local_name(module.tree, module.path, "os", before=Span.of(node))
    code = None if in_text(module, node) else _text_code(item, "text", name, segment(module, node))
    edits: tuple[Edit, ...] = ()
    if code is not None:
        edits = (*([needed] if needed is not None else []), Replace(module.path, Span.of(node), code))
    message = f"asks EC2's instance metadata for {item!r}, which a job cannot"
    reason = None if edits else NO_ANSWER
    return Finding(CODE, "metadata-call", module.place(node), "error", message, "safe" if edits else "none", reason, 1, edits)


def _is_left_out(program: Program, asked: Asked) -> bool:
    """Whether the function that asks is started only on a condition on a variable of SageMaker's."""
    scope = asked.run.module.scope(asked.run.call).function()
    function = program.function_of(scope.node) if scope is not None else None
    starts = starts_of(program, function) if function is not None else []
    return bool(starts) and all(is_guarded(home, start) for home, start in starts)


def _finding(context: Context, asked: Asked) -> Finding:
    place = asked.run.module.place(asked.run.call)
    what = f"{asked.item!r}" if asked.item else "something"
    message = f"asks EC2's instance metadata for {what}, which a job cannot"
    if asked.spot:
        message = "watches for a spot interruption of EC2's; SageMaker takes a spot job up again by itself"
    edits = _edits(context, asked)
    reason = None if edits else _reason(asked)
    return Finding(CODE, "metadata-call", place, "error", message, "safe" if edits else "none", reason, 1 if edits else 2, edits)


def _reason(asked: Asked) -> str:
    if asked.spot:
        return 'start what watches only where "SM_CURRENT_HOST" is not in os.environ'
    return NO_ANSWER


def _edits(context: Context, asked: Asked) -> tuple[Edit, ...]:
    module, call = asked.run.module, asked.run.call
    if asked.run.habit != "http" or in_text(module, call):
        return ()
    if is_statement(module, call):
        return guard(context, module, call, HOST)
    if asked.spot and _is_in_loop(module, call) and (starts := _starts(context, module, call)):
        return tuple(edit for home, start in starts for edit in guard(context, home, start, HOST))
    node, kind = answer_around(module, call)
    name, needed = local_name(module.tree, module.path, "os", before=Span.of(node))
    code = _code(asked, kind, name, segment(module, node))
    if code is None:
        return ()
    return (*([needed] if needed is not None else []), Replace(module.path, Span.of(node), code))


def _is_in_loop(module: Module, call: ast.Call) -> bool:
    """Whether its own function asks again and again."""
    node = module.parent(call)
    while node is not None and not isinstance(node, (ast.While, ast.FunctionDef)):
        node = module.parent(node)
    return isinstance(node, ast.While)


def _starts(context: Context, module: Module, call: ast.Call) -> list[Start]:
    """Where the function is started that watches; none where one start stays as it is."""
    scope = module.scope(call).function()
    function = context.program.function_of(scope.node) if scope is not None else None
    starts = starts_of(context.program, function) if function is not None else []
    return [] if any(is_guarded(home, start) for home, start in starts) else starts


def _code(asked: Asked, kind: str, name: str, source: str) -> str | None:
    """The answer on SageMaker, or what ``source`` gives on EC2."""
    if asked.spot:
        return f'404 if "{HOST}" in {name}.environ else {source}' if kind == "status" else None
    return _text_code(asked.item, kind, name, source) if kind in ("text", "bytes") else None


def _text_code(item: str | None, kind: str, name: str, source: str) -> str | None:
    encode = ".encode()" if kind == "bytes" else ""
    if item == TOKEN:  # of version 2 of the service, to ask with
        return f'{"b" if encode else ""}"" if "{HOST}" in {name}.environ else {source}'
    if item == REGION:
        return f'{name}.environ["AWS_REGION"]{encode} if "{HOST}" in {name}.environ else {source}'
    variable = SAME.get(item or "")
    if variable is None:
        return None
    if encode:
        return f'{name}.environ["{variable}"]{encode} if "{variable}" in {name}.environ else {source}'
    return f'{name}.environ.get("{variable}") or {source}'


EXAMPLES = (
    Example(
        before="""\
import os
from urllib.request import urlopen

import requests

METADATA = "http://169.254.169.254/latest/meta-data/"
run = {
    "id": requests.get(METADATA + "instance-id", timeout=2).text,
    "type": urlopen(METADATA + "instance-type").read().decode(),
    "region": requests.get("http://169.254.169.254/latest/meta-data/placement/region").text,
}
""",
        after="""\
import os
from urllib.request import urlopen

import requests

METADATA = "http://169.254.169.254/latest/meta-data/"
run = {
    "id": os.environ.get("SM_CURRENT_HOST") or requests.get(METADATA + "instance-id", timeout=2).text,
    "type": os.environ.get("SM_CURRENT_INSTANCE_TYPE") or urlopen(METADATA + "instance-type").read().decode(),
    "region": os.environ["AWS_REGION"] if "SM_CURRENT_HOST" in os.environ else requests.get("http://169.254.169.254/latest/meta-data/placement/region").text,
}
""",
    ),
    Example(
        before="""\
import time

import requests


def on_batch_begin():
    if requests.get("http://169.254.169.254/latest/meta-data/spot/instance-action").status_code != 404:
        time.sleep(150)


on_batch_begin()
""",
        after="""\
import os
import time

import requests


def on_batch_begin():
    if (404 if "SM_CURRENT_HOST" in os.environ else requests.get("http://169.254.169.254/latest/meta-data/spot/instance-action").status_code) != 404:
        time.sleep(150)


on_batch_begin()
""",  # noqa: E501
    ),
    Example(
        before="""\
import os
import threading
import time

import requests


def watch():
    while True:
        answer = requests.get("http://169.254.169.254/latest/meta-data/spot/termination-time")
        if answer.status_code == 200:
            os._exit(1)
        time.sleep(5)


threading.Thread(target=watch, daemon=True).start()
train()
""",
        after="""\
import os
import threading
import time

import requests


def watch():
    while True:
        answer = requests.get("http://169.254.169.254/latest/meta-data/spot/termination-time")
        if answer.status_code == 200:
            os._exit(1)
        time.sleep(5)


if "SM_CURRENT_HOST" not in os.environ:
    threading.Thread(target=watch, daemon=True).start()
train()
""",
    ),
    Example(
        before="""\
import requests
from ec2_metadata import ec2_metadata

ADDRESS = "http://169.254.169.254/latest/"
token = requests.put(ADDRESS + "api/token", headers=TTL).text
host = requests.get(ADDRESS + "meta-data/local-hostname", headers=head(token)).text
log(host, ec2_metadata.instance_type, ec2_metadata.ami_id)
""",
        after="""\
import os
import requests
from ec2_metadata import ec2_metadata

ADDRESS = "http://169.254.169.254/latest/"
token = "" if "SM_CURRENT_HOST" in os.environ else requests.put(ADDRESS + "api/token", headers=TTL).text
host = os.environ.get("SM_CURRENT_HOST") or requests.get(ADDRESS + "meta-data/local-hostname", headers=head(token)).text
log(host, os.environ.get("SM_CURRENT_INSTANCE_TYPE") or ec2_metadata.instance_type, ec2_metadata.ami_id)
""",
    ),
    Example(
        before="""\
import subprocess

from boto.utils import get_instance_metadata

address = subprocess.check_output(["curl", "-s", "http://169.254.169.254/latest/meta-data/public-ipv4"])
print(address, get_instance_metadata()["ami-id"])
""",
        after="""\
import subprocess

from boto.utils import get_instance_metadata

address = subprocess.check_output(["curl", "-s", "http://169.254.169.254/latest/meta-data/public-ipv4"])
print(address, get_instance_metadata()["ami-id"])
""",
    ),
)

UNTOUCHED = (
    """\
import requests

requests.get("https://example.org/latest/meta-data/instance-id").text
""",
    """\
import os

import requests

if "SM_CURRENT_HOST" not in os.environ:
    print(requests.get("http://169.254.169.254/latest/meta-data/instance-id").text)
""",
    """\
import requests

ADDRESS = "169.254.169.254"  # never asked
print("the metadata of EC2 stand at", ADDRESS)
""",
)
