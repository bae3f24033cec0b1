"""Asks the real toolkit (``sagemaker_training``, v2 containers) what a script gets for some hyperparameters. Started by ``wire.py``."""

from __future__ import annotations

import json
import os
import sys


def main() -> None:
    """Write /opt/ml as the platform does, then let the toolkit read it."""
    order = json.load(sys.stdin)
    config = "/opt/ml/input/config"
    os.makedirs(config)
    resources = {"current_host": "algo-1", "hosts": ["algo-1"], "current_instance_type": "ml.m5.xlarge", "network_interface_name": "eth0"}
    channels = {name: {"TrainingInputMode": "File"} for name in order["channels"]}
    for name, content in (("resourceconfig", resources), ("inputdataconfig", channels), ("hyperparameters", {})):
        with open(f"{config}/{name}.json", "w", encoding="utf-8") as handle:
            json.dump(content, handle)
    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
    from sagemaker_training import environment  # type: ignore[import-untyped]  # reads /opt/ml, so only now

    told = []
    for wire in order["sets"]:
        with open(f"{config}/hyperparameters.json", "w", encoding="utf-8") as handle:
            json.dump({**wire, "sagemaker_program": json.dumps(order["script"])}, handle)
        job = environment.Environment()
        told.append({"argv": job.to_cmd_args(), "env": job.to_env_vars()})
    with open(os.path.join(order["results"], "arrivals.json"), "w", encoding="utf-8") as handle:
        json.dump(told, handle)


if __name__ == "__main__":
    main()
