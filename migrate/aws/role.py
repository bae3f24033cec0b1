"""Who asks, and the role that the job is to run as."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from migrate.aws.asking import Account, code_of
from migrate.doctor.model import Check, well, wrong
from migrate.doctor.wanted import Wanted

MAKE_ROLE = "migrate apply --with iam writes sagemaker_job/iam.yaml, which makes one with the least rights"
_SERVICE = "sagemaker.amazonaws.com"


def caller(account: Account) -> tuple[Check, str]:
    """Who the credentials are, and the number of the account. Raises ClientError or BotoCoreError."""
    who = account.client("sts").get_caller_identity()
    return well("caller", f"{who['Arn']} in {account.region}"), str(who["Account"])


def role_checks(account: Account, wanted: Wanted, number: str) -> Iterator[Check]:
    """Whether the role is there, in this account, and SageMaker may take it on."""
    if wanted.role is None:
        yield wrong("role", "job.toml has no role yet", f"write its ARN into job.toml; {MAKE_ROLE}")
        return
    if wanted.role.count(":") < 5 or ":role/" not in wanted.role:
        yield wrong("role", f"{wanted.role} is no ARN of a role", "arn:aws:iam::ACCOUNT:role/NAME")
        return
    if wanted.role.split(":")[4] != number:
        yield wrong(
            "role", f"{wanted.role} is of another account than {number}", "choose the account's credentials by AWS_PROFILE, or another role"
        )
        return
    try:
        role = account.client("iam").get_role(RoleName=wanted.role.rpartition("/")[2])["Role"]
    except ClientError as error:
        if code_of(error) != "NoSuchEntity":
            raise
        yield wrong("role", f"{wanted.role} does not exist", MAKE_ROLE)
        return
    if _may_be_taken_on(role.get("AssumeRolePolicyDocument", {})):
        yield well("role", f"{role['Arn']}, and SageMaker may take it on")
    else:
        yield wrong(
            "role", f"{role['Arn']} cannot be taken on by SageMaker", f"let {_SERVICE} do sts:AssumeRole in its trust policy; {MAKE_ROLE}"
        )


def _may_be_taken_on(policy: Any) -> bool:
    for statement in _listed(policy.get("Statement", ())):
        principal = statement.get("Principal", {})
        services = ["*"] if principal == "*" else _listed(principal.get("Service", ()))
        allows = statement.get("Effect") == "Allow" and {"sts:AssumeRole", "sts:*", "*"} & set(_listed(statement.get("Action", ())))
        if allows and {_SERVICE, "*"} & set(services):
            return True
    return False


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]
