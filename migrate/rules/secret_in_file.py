"""A key, token or password in a file beside the code: a shell script, a Dockerfile, YAML, a notebook.

What it finds
    Texts in the form of known keys, addresses with a password in them, private keys, and values of variables and options that are called
    a password, secret or key. Only in files that git tracks or would. None of them is shown.

Why it matters on SageMaker
    The whole repository goes to S3 with the job, what a Dockerfile sets can be read from the image, and git keeps what was once
    committed. An ``export`` of the EC2 machine's shell does not reach a job at all.

Fix and its safety
    None: the file is started or read on EC2. Make a new key and put it into AWS Secrets Manager; a script gets it by ``get_secret("NAME")``
    of the support module (SM702), and a library that looks into the environment by ``os.environ["NAME"] = get_secret("NAME")`` before.

Source
    AWS Secrets Manager: https://docs.aws.amazon.com/secretsmanager/latest/userguide/best-practices.html; patterns of
    https://github.com/Yelp/detect-secrets
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.rules.base import Context, Example
from migrate.rules.model import Finding

CODE = "SM703"


def check(context: Context) -> Iterator[Finding]:
    for secret in context.beside:
        message = f"a secret stands in this file ({secret.kind}), which goes to S3 with the job: make a new one"
        if secret.kind.startswith("AWS") or (secret.name or "").upper().startswith("AWS_"):
            reason = "take it out: the job's role, and on EC2 the instance profile, stand for it"
        else:
            name = (secret.name or "NAME").replace("-", "_").replace(".", "_").upper()
            reason = f'the file is for EC2; in the job the script gets it by get_secret("{name}") from Secrets Manager'
        yield Finding(CODE, "secret-in-file", secret.place, "warning", message, "none", reason, 3)


EXAMPLES = (
    Example(
        before="import train\n",
        after="import train\n",
        others={"run.sh": "export WANDB_API_KEY=0123456789abcdef0123456789abcdef01234567\npython train.py\n"},
    ),
)

UNTOUCHED = ("import train\n",)
