"""Secrets at run time.

    password = get_secret("DB_PASSWORD")

is ``os.environ["DB_PASSWORD"]`` wherever that variable is set, and everywhere but in a SageMaker job. There it is read from AWS Secrets
Manager, with the rights of the job's role: the secret of that name, or the one that the variable ``SM_SECRET_DB_PASSWORD`` names. It may be
a text, or JSON with the name as a key. A second argument is what ``os.environ.get`` would give.
"""

import json
import os
import sys
from typing import Any, Dict, Optional  # noqa: F401

_SECRETS = {}  # type: Dict[str, Optional[str]]


def get_secret(name: str, *default: Any) -> Any:
    """The secret ``name``. Raises KeyError, as ``os.environ[name]``, where there is none and no default."""
    in_a_job = os.environ.get("SM_TRAINING_ENV") or os.environ.get("SM_HPS")
    if name not in os.environ and in_a_job:
        if name not in _SECRETS:
            _SECRETS[name] = _read_secret(name, os.environ.get("SM_SECRET_" + name, name))
        value = _SECRETS[name]
        if value is not None:
            return value
    return os.environ.get(name, default[0]) if default else os.environ[name]


def _read_secret(name: str, secret: str) -> Optional[str]:
    """The text of a secret; None where it cannot be read, which is told without it."""
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        print("sagemaker_support: no secret {}: the image has no boto3".format(name), file=sys.stderr)
        return None
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    quick = Config(connect_timeout=5, read_timeout=10, retries={"max_attempts": 2})  # a job may have no way out
    try:
        client = boto3.client("secretsmanager", region_name=region, config=quick)
        text = str(client.get_secret_value(SecretId=secret)["SecretString"])
    except (BotoCoreError, ClientError, KeyError) as error:
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
        print("sagemaker_support: no secret {}: {} for {} in Secrets Manager".format(name, code, secret), file=sys.stderr)
        return None
    try:
        return str(json.loads(text)[name])
    except (ValueError, KeyError, TypeError):
        return text
