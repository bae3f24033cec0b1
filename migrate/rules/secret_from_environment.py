"""A secret that the script takes from its environment.

What it finds
    ``os.environ["NAME"]``, ``os.environ.get("NAME")`` and ``os.getenv("NAME")`` where NAME says that it is a password, key or token. AWS's
    own variables are none: a job's role stands for them.

Why it matters on SageMaker
    Nobody exports variables in a job's container. The job's own environment would bring them, but everybody who may describe the job
    reads it there, and it is kept for good.

Fix and its safety
    Safe: ``get_secret("NAME")`` of the support module is the very same wherever the variable is set, and everywhere but in a SageMaker
    job. There it reads the secret NAME from AWS Secrets Manager (``SM_SECRET_NAME`` in the job's environment may give another), and if
    that cannot be read does what the script did.

Source
    Environment of CreateTrainingJob, which is no place for secrets:
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.edits.model import Replace
from migrate.facts.model import Span
from migrate.facts.program import Module
from migrate.facts.secrets import reads_of_secrets, secrets_of
from migrate.rules.base import Context, Example
from migrate.rules.guarding import in_text
from migrate.rules.hooks import support_name
from migrate.rules.model import Finding

CODE = "SM702"


def check(context: Context) -> Iterator[Finding]:
    for module in context.program.modules.values():
        for node, name in reads_of_secrets(context.program, module):
            default = node.args[1] if isinstance(node, ast.Call) and len(node.args) == 2 else None
            if default is None or Span.of(default) not in {secret.place.span for secret in secrets_of(module)}:  # else that is SM701's
                yield _finding(context, module, node, name, default)


def _finding(context: Context, module: Module, node: ast.Call | ast.Subscript, name: str, default: ast.expr | None) -> Finding:
    message = f"the secret {name} comes from the environment, which a job has no safe way to set"
    place, rule = module.place(node), "secret-from-environment"
    if in_text(module, node):
        return Finding(CODE, rule, place, "warning", message, "none", f'read it before, with get_secret("{name}")', 2)
    function, added = support_name(context, module, "get_secret", Span.of(node))
    given = f", {module.segment(default)}" if default is not None else ", None" if isinstance(node, ast.Call) else ""
    edits = (*added, Replace(module.path, Span.of(node), f'{function}("{name}"{given})'))
    return Finding(CODE, rule, place, "warning", message, "safe", None, 2, edits)


EXAMPLES = (
    Example(
        before="""\
import os
from os import environ, getenv

password = os.environ["DB_PASSWORD"]
token = environ.get("HF_TOKEN")
key = getenv("WANDB_API_KEY", DEFAULTS["key"])
""",
        after="""\
import os
from os import environ, getenv
from sagemaker_support import get_secret

password = get_secret("DB_PASSWORD")
token = get_secret("HF_TOKEN", None)
key = get_secret("WANDB_API_KEY", DEFAULTS["key"])
""",
    ),
)

UNTOUCHED = (
    """\
import os

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["WANDB_API_KEY"] = read_key()
region = os.environ.get("AWS_SECRET_ACCESS_KEY")
token = config.get("HF_TOKEN")
name = os.environ["SECRET_NAME"]
if "WANDB_API_KEY" in os.environ:
    print("logging")
""",
)
