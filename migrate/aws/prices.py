"""What an hour of the job costs, on EC2 and on SageMaker, as AWS's price list says it now."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from migrate.aws.asking import Account
from migrate.doctor.model import Check, note, unchecked, well
from migrate.doctor.wanted import Wanted

_PRICE_LIST = "us-east-1"  # where the price list of all regions is asked


def price_checks(account: Account, wanted: Wanted) -> Iterator[Check]:
    """US dollars an hour for all of the job's instances, and the most that one run can cost.

    SageMaker's spot price stands in no list: what is billed of a run is shown when it is over. EC2's own spot price is the nearest hint.
    """
    train, machine = _sagemaker(account, wanted), _ec2(account, wanted)
    if train is None:
        yield unchecked("price", f"the price list has no training on {wanted.instance_type} in {wanted.region}")
        return
    count = wanted.instance_count
    hours = wanted.max_run / 3600
    parts = [f"SageMaker on demand ${train * count:.2f} an hour"]
    if machine is not None:
        parts.append(f"the same on EC2 ${machine * count:.2f}")
    parts.append(f"at most ${train * count * hours:,.0f} for max_run of {hours:.4g} h")
    yield well("price", "; ".join(parts))
    yield from _spot(account, wanted, machine)


def _spot(account: Account, wanted: Wanted, machine: float | None) -> Iterator[Check]:
    found = account.client("ec2").describe_spot_price_history(
        InstanceTypes=[wanted.ec2_type], ProductDescriptions=["Linux/UNIX"], MaxResults=10
    )
    prices = [float(item["SpotPrice"]) for item in found.get("SpotPriceHistory", ())]
    if prices and machine:
        saved = 100 * (1 - min(prices) / machine)
        told = f"EC2's spot price is ${min(prices):.2f} an hour, {saved:.0f} % below on demand; SageMaker tells its own with each job"
        yield note("price of spot", told, None if wanted.spot else "launch.py --spot, once migrate verify --drill interrupt is through")


def _sagemaker(account: Account, wanted: Wanted) -> float | None:
    """By the usage type (``USE1-Train:ml.g5.xlarge``): most rows name the instance nowhere else."""
    usage = f"Train:{wanted.instance_type}"
    filters = [_same("regionCode", wanted.region), {"Type": "CONTAINS", "Field": "usagetype", "Value": usage}]
    products = account.pages("pricing", "get_products", "PriceList", 100, _PRICE_LIST, ServiceCode="AmazonSageMaker", Filters=filters)
    found = [json.loads(product) if isinstance(product, str) else product for product in products]
    return _hourly(product for product in found if product["product"]["attributes"].get("usagetype", "").endswith(usage))


def _ec2(account: Account, wanted: Wanted) -> float | None:
    attributes = {
        "instanceType": wanted.ec2_type,
        "regionCode": wanted.region,
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
    }
    filters = [_same(field, value) for field, value in attributes.items()]
    products = account.pages("pricing", "get_products", "PriceList", 10, _PRICE_LIST, ServiceCode="AmazonEC2", Filters=filters)
    return _hourly(json.loads(product) if isinstance(product, str) else product for product in products)


def _same(field: str, value: str) -> dict[str, str]:
    return {"Type": "TERM_MATCH", "Field": field, "Value": value}


def _hourly(products: Any) -> float | None:
    """The price of the first product that has one by the hour."""
    for product in products:
        for term in product.get("terms", {}).get("OnDemand", {}).values():
            for dimension in term.get("priceDimensions", {}).values():
                price = float(dimension.get("pricePerUnit", {}).get("USD", 0))
                if price > 0 and dimension.get("unit", "Hrs").lower().startswith(("hr", "hour")):
                    return price
    return None
