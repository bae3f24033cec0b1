"""Remake ``migrate/job/data/instances.json``: what EC2's instance types have, as EC2's DescribeInstanceTypes tells it.

    python tools/extract_instances.py

Needs moto (a test dependency), which carries a recorded answer of that API. ``gone`` and ``architectures`` in the file are kept as they
are: types that the API no longer lists, from AWS's pages on previous generations, and NVIDIA's compute capabilities.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parents[1] / "migrate" / "job" / "data" / "instances.json"


def row(told: dict[str, Any]) -> list[object]:
    """vCPUs, memory in GiB, GPUs, the GPU's name, memory of one GPU in GiB."""
    [gpu] = told.get("GpuInfo", {}).get("Gpus", []) or [{}]
    memory = told["MemoryInfo"]["SizeInMiB"] / 1024
    each = gpu.get("MemoryInfo", {}).get("SizeInMiB", 0) / 1024
    return [told["VCpuInfo"]["DefaultVCpus"], round(memory, 1), gpu.get("Count", 0), gpu.get("Name", ""), round(each, 1)]


def extract() -> dict[str, list[object]]:
    """The rows of all types, by name."""
    from moto.ec2.models.instance_types import INSTANCE_TYPES

    return {name: row(told) for name, told in sorted(INSTANCE_TYPES.items())}


def main() -> None:
    """Write the table, a type a line, with its source and date."""
    kept = json.loads(TARGET.read_text(encoding="utf-8"))
    kept["source"] = f"EC2 DescribeInstanceTypes, as recorded in moto {importlib.metadata.version('moto')}"
    kept["date"] = datetime.date.today().isoformat()
    kept.pop("types", None)
    types = extract()
    head = json.dumps(kept, indent=1, ensure_ascii=False).removesuffix("\n}")
    rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(values)}" for name, values in types.items())
    TARGET.write_text(f'{head},\n "types": {{\n{rows}\n }}\n}}\n', encoding="utf-8")
    print(f"{TARGET}: {len(types)} types")


if __name__ == "__main__":
    main()
