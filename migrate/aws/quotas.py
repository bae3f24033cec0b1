"""What the account may run at once, of the job's instance type, on demand and spot, and for how long; and what runs now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from migrate.aws.asking import Account, code_of
from migrate.doctor.model import Check, note, well, wrong
from migrate.doctor.wanted import Wanted

LONGEST = "Longest run time for a training job"
_MOST_JOBS = 50  # running jobs that are looked at one by one


def quota_checks(account: Account, wanted: Wanted) -> Iterator[Check]:
    """The quotas by the names that Service Quotas gives them; each is of one region."""
    names = {
        False: f"{wanted.instance_type} for training job usage",
        True: f"{wanted.instance_type} for spot training job usage",
    }
    quotas = _quotas(account, {*names.values(), LONGEST})
    running = _running(account, wanted.instance_type)
    for spot, name in names.items():
        yield _usage(quotas.get(name), name, running[spot], wanted, spot)
    yield _longest(quotas.get(LONGEST), wanted)


def _quotas(account: Account, names: set[str]) -> dict[str, Any]:
    """The account's own values; AWS's defaults for those that the account has none for."""
    found: dict[str, Any] = {}
    for operation in ("list_service_quotas", "list_aws_default_service_quotas"):
        for quota in account.pages("service-quotas", operation, "Quotas", most=20_000, ServiceCode="sagemaker"):
            if quota.get("QuotaName") in names:
                found.setdefault(quota["QuotaName"], quota)
        if names <= set(found):
            break
    return found


def _running(account: Account, instance_type: str) -> dict[bool, int]:
    """Instances of the type in running jobs, by whether they are spot."""
    count = {False: 0, True: 0}
    jobs = account.pages("sagemaker", "list_training_jobs", "TrainingJobSummaries", most=_MOST_JOBS, StatusEquals="InProgress")
    for summary in jobs:
        try:
            job = account.client("sagemaker").describe_training_job(TrainingJobName=summary["TrainingJobName"])
        except ClientError as error:
            if code_of(error) == "ValidationException":  # gone meanwhile
                continue
            raise
        resources = job.get("ResourceConfig", {})
        if resources.get("InstanceType") == instance_type:
            count[bool(job.get("EnableManagedSpotTraining"))] += resources.get("InstanceCount", 1)
    return count


def _usage(quota: Any, name: str, running: int, wanted: Wanted, spot: bool) -> Check:
    label = f"quota {'spot' if spot else 'on demand'}"
    if quota is None:
        return note(label, f"Service Quotas has none called {name} in {wanted.region}", "is the type offered in this region?")
    most, needed = int(quota["Value"]), wanted.instance_count
    told = f"{name}: {most}, running now: {running}"
    more = _more(quota, max(needed, 1), wanted.region)
    if most < needed:
        return (wrong if spot == wanted.spot else note)(label, f"{told}; the job needs {needed}", more)
    if most - running < needed and spot == wanted.spot:
        return wrong(
            label, f"{told}; the job needs {needed}", f"wait for those that run, or {_more(quota, running + needed, wanted.region)}"
        )
    return well(label, told)


def _longest(quota: Any, wanted: Wanted) -> Check:
    if quota is None:
        return note("longest run", f"Service Quotas has none called {LONGEST}")
    most = int(quota["Value"])
    told = f"{most} s ({most / 86400:.3g} days); the job's max_run is {wanted.max_run} s"
    if wanted.max_run <= most:
        return well("longest run", told)
    remedy = f"a lower max_run (launch.py --chain goes on in a further job), or {_more(quota, wanted.max_run, wanted.region)}"
    return wrong("longest run", told, remedy)


def _more(quota: Any, value: int, region: str) -> str:
    """The command that asks for more; AWS answers within hours to days."""
    if not quota.get("Adjustable", True):
        return "AWS does not raise this one"
    code = quota["QuotaCode"]
    return (
        "aws service-quotas request-service-quota-increase --service-code sagemaker"
        f" --quota-code {code} --desired-value {value} --region {region}"
    )
