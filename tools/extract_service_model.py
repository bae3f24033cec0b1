"""Remake ``migrate/job/data/create_training_job.json``: the shapes of CreateTrainingJob, as botocore's service model has them.

    python tools/extract_service_model.py

Needs botocore (it comes with boto3). The extract travels in the default install, so that a scan validates a request without loading boto3.
"""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import botocore
import botocore.session

TARGET = Path(__file__).resolve().parents[1] / "migrate" / "job" / "data" / "create_training_job.json"
LIMITS = ("min", "max", "pattern", "enum", "union")


def shapes_of(shape: Any, found: dict[str, Any]) -> None:
    """Put ``shape`` and every shape it reaches into ``found``, by name."""
    if shape.name in found:
        return
    entry: dict[str, Any] = {"type": shape.type_name}
    found[shape.name] = entry
    entry.update({key: shape.metadata[key] for key in LIMITS if key in shape.metadata})
    if shape.type_name == "structure":
        entry["required"] = list(shape.required_members)
        entry["members"] = {name: member.name for name, member in shape.members.items()}
        inner = list(shape.members.values())
    elif shape.type_name == "list":
        entry["member"] = shape.member.name
        inner = [shape.member]
    elif shape.type_name == "map":
        entry["key"], entry["value"] = shape.key.name, shape.value.name
        inner = [shape.key, shape.value]
    else:
        inner = []
    for member in inner:
        shapes_of(member, found)


def extract() -> dict[str, Any]:
    """The input shape of CreateTrainingJob and all it reaches."""
    model = botocore.session.get_session().get_service_model("sagemaker")
    root = model.operation_model("CreateTrainingJob").input_shape
    assert root is not None
    found: dict[str, Any] = {}
    shapes_of(root, found)
    return {"root": root.name, "shapes": dict(sorted(found.items()))}


def main() -> None:
    """Write the extract, with its source and date."""
    source = f"botocore {botocore.__version__}, sagemaker service model"
    document = {"source": source, "date": datetime.date.today().isoformat(), **extract()}
    TARGET.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"{TARGET}: {len(document['shapes'])} shapes of {source}")


if __name__ == "__main__":
    main()
