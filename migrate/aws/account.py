"""All that is asked of an account for its jobs, in the order in which it is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from migrate.aws.asking import Account, asked, reason_of
from migrate.aws.network import network_checks
from migrate.aws.prices import price_checks
from migrate.aws.quotas import quota_checks
from migrate.aws.role import caller, role_checks
from migrate.aws.running import endpoint_checks, machine_checks, trail_checks
from migrate.aws.storage import bucket_checks, data_checks, image_checks
from migrate.doctor.model import Check, unchecked
from migrate.doctor.wanted import Wanted

NAMES = ("role", "bucket", "data", "image", "network", "quotas", "price")
OF_REGION = ("CloudTrail", "endpoints", "EC2")
NO_CREDENTIALS = "no AWS credentials here (aws configure, aws sso login, or AWS_PROFILE)"


def account_checks(jobs: Sequence[Wanted], region: str, session: boto3.Session | None = None) -> Iterator[tuple[str, Check]]:
    """(key of the job, check); the key is empty for what is of the account. Changes nothing. ``region`` is that of the account's checks."""
    account = Account(region, session)
    why = _no_credentials(account)
    number = ""
    if why is None:
        try:
            who, number = caller(account)
            yield "", who
        except (ClientError, BotoCoreError) as error:
            why = f"AWS does not take these credentials: {reason_of(error)}"
    if why is not None:
        yield "", unchecked("caller", why)
        for job in jobs:
            for name in NAMES:
                yield from ((job.key, check) for check in _without_asking(account, job, name, why))
        for name in OF_REGION:
            yield "", unchecked(name, why)
        return
    for job in jobs:
        here = account if job.region == region else Account(job.region, account.session)
        ways = (
            partial(role_checks, here, job, number),
            partial(bucket_checks, here, job),
            partial(data_checks, here, job),
            partial(image_checks, here, job),
            partial(network_checks, here, job),
            partial(quota_checks, here, job),
            partial(price_checks, here, job),
        )
        for name, way in zip(NAMES, ways, strict=True):
            for check in asked(name, way):
                yield job.key, check
    for name, of_region in zip(OF_REGION, (trail_checks, endpoint_checks, machine_checks), strict=True):
        for check in asked(name, partial(of_region, account)):
            yield "", check


def _without_asking(account: Account, job: Wanted, name: str, why: str) -> Iterator[Check]:
    """What job.toml lacks is told without an account; for the rest ``why`` it was not checked."""
    if name == "role" and job.role is None:
        yield from role_checks(account, job, "")
    elif name == "bucket" and job.bucket is None:
        yield from bucket_checks(account, job)
    elif name == "image" and job.image is None:
        yield from image_checks(account, job)
    else:
        yield unchecked(name, why)


def _no_credentials(account: Account) -> str | None:
    try:
        return None if account.session.get_credentials() is not None else NO_CREDENTIALS
    except BotoCoreError as error:
        return f"{NO_CREDENTIALS}: {reason_of(error)}"
