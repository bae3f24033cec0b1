"""The buckets, the data of the channels, and the image."""

from __future__ import annotations

import re
from collections.abc import Iterator

from botocore.exceptions import ClientError

from migrate.aws.asking import Account, code_of
from migrate.doctor.model import Check, note, well, wrong
from migrate.doctor.wanted import PLACEHOLDER, Wanted

_ECR = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.[a-z.]+/([^:@]+)(?:[:@](.+))?$")


def bucket_checks(account: Account, wanted: Wanted) -> Iterator[Check]:
    """Whether the bucket is there, and in the region of the job."""
    if wanted.bucket is None:
        yield wrong("bucket", "job.toml has no bucket yet", f"aws s3 mb s3://NAME --region {wanted.region}, and write NAME into job.toml")
        return
    yield _bucket(account, "bucket", wanted.bucket, wanted.region, f"aws s3 mb s3://{wanted.bucket} --region {wanted.region}")


def _bucket(account: Account, name: str, bucket: str, region: str, make: str) -> Check:
    try:
        answer = account.client("s3").head_bucket(Bucket=bucket)
    except ClientError as error:
        headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        if code_of(error) in ("404", "NoSuchBucket"):
            return wrong(name, f"there is no bucket {bucket}", make)
        if code_of(error) in ("301", "PermanentRedirect", "400"):
            answer = {"BucketRegion": headers.get("x-amz-bucket-region")}
        else:
            raise
    there = answer.get("BucketRegion") or region
    if there != region:
        return wrong(
            name, f"{bucket} lies in {there}, the job runs in {region}", f'region = "{there}" in job.toml, or a bucket in {region}'
        )
    return well(name, f"s3://{bucket} in {there}")


def data_checks(account: Account, wanted: Wanted) -> Iterator[Check]:
    """Whether something lies where each channel takes its data from, in the job's region."""
    for channel, uri in sorted(wanted.data.items()):
        if PLACEHOLDER in uri or not uri.startswith("s3://"):
            continue
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        place = _bucket(account, f"channel {channel}", bucket, wanted.region, f"aws s3 mb s3://{bucket}")
        if place.state != "well":
            yield place
        elif account.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1).get("KeyCount", 0):
            yield well(f"channel {channel}", uri)
        else:
            yield wrong(f"channel {channel}", f"nothing lies under {uri}", f"aws s3 sync FOLDER {uri}")


def image_checks(account: Account, wanted: Wanted) -> Iterator[Check]:
    """Whether the image lies in its registry, which must be of the job's region."""
    if wanted.image is None:
        yield wrong("image", "job.toml has no image yet", "build one from the Dockerfile, push it, and write its address into job.toml")
        return
    found = _ECR.match(wanted.image)
    if found is None:
        yield note("image", f"{wanted.image} is not in ECR: SageMaker takes others only by a VPC's access to their registry")
        return
    number, region, repository, tag = found[1], found[2], found[3], found[4] or "latest"
    if region != wanted.region:
        yield wrong("image", f"{wanted.image} lies in {region}, the job runs in {wanted.region}", f"push it to ECR in {wanted.region}")
        return
    which = {"imageDigest": tag} if tag.startswith("sha256:") else {"imageTag": tag}
    try:
        answer = account.client("ecr").batch_get_image(registryId=number, repositoryName=repository, imageIds=[which])
    except ClientError as error:
        if code_of(error) != "RepositoryNotFoundException":
            raise
        yield wrong(
            "image", f"there is no repository {repository} in {number}", f"aws ecr create-repository --repository-name {repository}"
        )
        return
    if answer.get("images"):
        yield well("image", wanted.image)
    else:
        yield wrong(
            "image", f"{wanted.image} is not in its registry", "another tag in job.toml, or push it: old official images are taken away"
        )
