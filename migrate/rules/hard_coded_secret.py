"""A key, token or password that stands in the code.

What it finds
    Texts in the form of known keys (AWS, Slack, Hugging Face, GitHub, OpenAI and others), addresses with a password in them, private
    keys, and texts that are called a password, secret or key. None of them is shown: a finding names the kind and the line.

Why it matters on SageMaker
    The code of a job is copied to S3 and stays there, its hyperparameters and environment can be read by all who may describe the job,
    and git keeps what was once committed. AWS keys are not needed at all: a job has a role, as an EC2 machine has an instance profile.

Fix and its safety
    Unsafe: the text becomes ``get_secret("NAME")`` of the support module, which reads the variable NAME, and in a job the secret of that
    name from AWS Secrets Manager. On EC2 the variable has to be set from then on. None for AWS keys (take them out: boto3 finds the role
    by itself), nor inside a longer text. In each case make a new key, since the old one is in git: ``aws secretsmanager create-secret
    --name NAME --secret-string file:///dev/stdin`` takes it without leaving it in the shell's history; ``iam.yaml`` lets the job read it.

Source
    AWS Secrets Manager: https://docs.aws.amazon.com/secretsmanager/latest/userguide/best-practices.html; patterns of
    https://github.com/Yelp/detect-secrets
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from migrate.edits.model import Edit, Replace
from migrate.facts.model import Span
from migrate.facts.program import Module
from migrate.facts.secrets import ENVIRONMENT, Secret, secrets_of, variable_of
from migrate.rules.base import Context, Example
from migrate.rules.hooks import expression_at, support_name
from migrate.rules.model import Finding

CODE = "SM701"
_AWS = re.compile(r"aws_?(?:access_?key|secret|session_?token)|access_?key_?id", re.IGNORECASE)


def check(context: Context) -> Iterator[Finding]:
    for module in context.program.modules.values():
        for secret in secrets_of(module):
            yield _finding(context, module, secret)


def _finding(context: Context, module: Module, secret: Secret) -> Finding:
    where = "" if secret.literal else " inside a longer text or comment"
    message = f"a secret stands in the code{where} ({secret.kind}); it is in git, and goes to S3 with the job: make a new one"
    reason = _why_not(context, module, secret)
    if reason is not None or secret.name is None:
        return Finding(CODE, "hard-coded-secret", secret.place, "warning", message, "none", reason, 3)
    edits = _edits(context, module, secret, variable_of(secret.name))
    return Finding(CODE, "hard-coded-secret", secret.place, "warning", message, "unsafe", None, 3, edits)


def _why_not(context: Context, module: Module, secret: Secret) -> str | None:
    if _AWS.search(secret.name or "") or secret.kind.startswith("AWS"):
        return "take it out: boto3 finds the job's role by itself, and on EC2 the instance profile's"
    if not secret.literal:
        return 'take it out, or build the text with get_secret("NAME") of sagemaker_support'
    if secret.name is None or not variable_of(secret.name).isidentifier():
        return 'it has no name here: read it with get_secret("NAME") of sagemaker_support'
    node = expression_at(module, secret.place.span)
    if isinstance(module.parent(node), ast.MatchValue):
        return "it is compared, not used"
    same = {
        s.value for m in context.program.modules.values() for s in secrets_of(m) if variable_of(s.name or "") == variable_of(secret.name)
    }
    return f"several secrets here are called {variable_of(secret.name)}" if len(same) > 1 else None


def _edits(context: Context, module: Module, secret: Secret, variable: str) -> tuple[Edit, ...]:
    """``get_secret(...)`` in the place of the text; in that of the whole call, where the text is what a variable falls back on."""
    node = expression_at(module, secret.place.span)
    call, span = module.parent(node), secret.place.span
    falls_back = isinstance(call, ast.Call) and len(call.args) == 2 and call.args[1] is node
    if falls_back and isinstance(call, ast.Call) and context.program.qualified(module, call.func) in ENVIRONMENT:
        span = Span.of(call)
    is_default = falls_back or isinstance(call, ast.keyword | ast.arguments) and not _is_value(call)
    function, added = support_name(context, module, "get_secret", span)
    return (*added, Replace(module.path, span, f'{function}("{variable}"{", None" if is_default else ""})'))


def _is_value(parent: ast.AST) -> bool:
    """Whether a keyword hands a value to a call that uses it; ``default=`` may be overruled, so that nothing need be there."""
    return isinstance(parent, ast.keyword) and parent.arg != "default"


EXAMPLES = (
    Example(
        before="""\
import argparse
import os

import wandb

TOKEN = os.getenv("HF_TOKEN", "hf_abcdefghijABCDEFGHIJabcdefghij1234")
parser = argparse.ArgumentParser()
parser.add_argument("--db-password", default="horse7battery")
wandb.login(key="0123456789abcdef0123456789abcdef01234567")
""",
        after="""\
import argparse
import os

import wandb
from sagemaker_support import get_secret

TOKEN = get_secret("HF_TOKEN", None)
parser = argparse.ArgumentParser()
parser.add_argument("--db-password", default=get_secret("DB_PASSWORD", None))
wandb.login(key=get_secret("WANDB_API_KEY"))
""",
    ),
    Example(
        before="""\
import boto3

# the old one: AKIAABCDEFGHIJKLMNOP
s3 = boto3.client("s3", aws_secret_access_key="abcdefghijABCDEFGHIJabcdefghijABCDEFGHIJ")
engine = connect(f"postgres://trainer:horse7battery@{HOST}/runs")
""",
        after="""\
import boto3

# the old one: AKIAABCDEFGHIJKLMNOP
s3 = boto3.client("s3", aws_secret_access_key="abcdefghijABCDEFGHIJabcdefghijABCDEFGHIJ")
engine = connect(f"postgres://trainer:horse7battery@{HOST}/runs")
""",
    ),
)

UNTOUCHED = (
    """\
import os

pad_token = "<pad>"
api_key = "YOUR_API_KEY_HERE"
password = os.environ.get("PASSWORD_FILE", "/run/secrets/password")
secret_name = "prod/database"
token_type_ids = "segment_embeddings"
key = "resnet50_imagenet1k_v2_weights"
url = "https://user@example.com/models/resnet50-0676ba61.pth"
""",
)
