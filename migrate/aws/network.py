"""The subnets that the job's instances stand in, and the ways out of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from migrate.aws.asking import Account, code_of
from migrate.doctor.model import Check, well, wrong
from migrate.doctor.wanted import Wanted


def network_checks(account: Account, wanted: Wanted) -> Iterator[Check]:
    """Subnets and security groups are there, in one VPC, with a way to S3; file systems have a mount target there."""
    if not wanted.subnets:
        return
    try:
        subnets = account.client("ec2").describe_subnets(SubnetIds=list(wanted.subnets))["Subnets"]
        groups = account.client("ec2").describe_security_groups(GroupIds=list(wanted.security_groups))["SecurityGroups"]
    except ClientError as error:
        if "NotFound" not in code_of(error) and "Malformed" not in code_of(error):
            raise
        told = error.response["Error"].get("Message", "")
        yield wrong("network", f"{told} in {wanted.region}", "write those of the region into [job.NAME.network] of job.toml")
        return
    vpcs = {item["VpcId"] for item in [*subnets, *groups]}
    if len(vpcs) != 1:
        yield wrong("network", f"subnets and security groups are of several VPCs: {', '.join(sorted(vpcs))}", "take them from one VPC")
        return
    vpc = vpcs.pop()
    yield well("network", f"{len(subnets)} subnets and {len(groups)} security groups of {vpc}")
    yield from _way_to_s3(account, wanted, vpc)
    yield from _file_systems(account, wanted, {subnet["AvailabilityZoneId"] for subnet in subnets if "AvailabilityZoneId" in subnet})


def _way_to_s3(account: Account, wanted: Wanted, vpc: str) -> Iterator[Check]:
    endpoints = account.pages("ec2", "describe_vpc_endpoints", "VpcEndpoints", Filters=[{"Name": "vpc-id", "Values": [vpc]}])
    services = {point["ServiceName"].rpartition(".")[2] for point in endpoints if point.get("State", "available") == "available"}
    if "s3" in services:
        yield well("way to S3", "by an endpoint of the VPC")
        return
    tables = account.pages("ec2", "describe_route_tables", "RouteTables", Filters=[{"Name": "vpc-id", "Values": [vpc]}])
    without = [subnet for subnet in wanted.subnets if not _goes_out(subnet, tables)]
    if without:
        remedy = f"aws ec2 create-vpc-endpoint --vpc-id {vpc} --service-name com.amazonaws.{wanted.region}.s3 --route-table-ids ..."
        yield wrong("way to S3", f"{', '.join(without)} has neither an endpoint for S3 nor a NAT gateway: the job would hang", remedy)
    else:
        yield well("way to S3", "through a NAT gateway; an endpoint for S3 would cost nothing")


def _goes_out(subnet: str, tables: list[Any]) -> bool:
    """Whether a subnet's own route table, or the VPC's main one, leads to a NAT or transit gateway. (An internet gateway is of no use: a
    job's interfaces have no public address.)"""
    own = [table for table in tables if any(a.get("SubnetId") == subnet for a in table.get("Associations", ()))]
    main = [table for table in tables if any(a.get("Main") for a in table.get("Associations", ()))]
    routes = [route for table in own or main for route in table.get("Routes", ())]
    return any(route.get("NatGatewayId") or route.get("TransitGatewayId") or route.get("InstanceId") for route in routes)


def _file_systems(account: Account, wanted: Wanted, zones: set[str]) -> Iterator[Check]:
    for channel, uri in sorted(wanted.data.items()):
        if not uri.startswith("efs://"):
            continue
        system = uri.removeprefix("efs://").partition("/")[0]
        name = f"channel {channel}"
        try:
            targets = account.client("efs").describe_mount_targets(FileSystemId=system)["MountTargets"]
        except ClientError as error:
            if code_of(error) != "FileSystemNotFound":
                raise
            yield wrong(name, f"there is no file system {system} in {wanted.region}", "its id in job.toml, or its region")
            continue
        missing = zones - {target.get("AvailabilityZoneId", "") for target in targets}
        if missing:
            remedy = f"aws efs create-mount-target --file-system-id {system} --subnet-id ..., or other subnets in job.toml"
            yield wrong(name, f"{system} has no mount target in {', '.join(sorted(missing))}", remedy)
        else:
            yield well(name, uri)
