"""Asks the real drivers of SDK v3 (``environment.py``, ``basic_script_driver.py``) what a script gets. Started by ``wire.py``.

Between the two stands a shell that sources what the first wrote, exactly as ``sm_train.sh`` does.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def _drivers() -> Path:
    """The folder that the SDK copies into the container, found without importing the SDK (three seconds)."""
    for entry in sys.path:
        folder = Path(entry, "sagemaker", "train", "container_drivers")
        if folder.is_dir():
            return folder
    raise SystemExit("sagemaker 3.x is not installed here")


def _load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _sourced(path: str) -> dict[str, str]:
    ran = subprocess.run(
        ["/bin/bash", "-c", f"source {path} && env -0"],
        capture_output=True,
        env={"PATH": os.environ["PATH"]},
        check=False,
        cwd=os.path.dirname(path),
    )
    pairs = (entry.partition("=") for entry in ran.stdout.decode().split("\0") if entry)
    return {name: value for name, _, value in pairs if name.startswith("SM_")}


def main() -> None:
    """Let ``set_env`` write the variables, source them, and let the script driver make the command."""
    order = json.load(sys.stdin)
    folder = _drivers()
    environment = _load(folder / "scripts" / "environment.py")
    driver = _load(folder / "distributed_drivers" / "basic_script_driver.py")
    environment.log_env_variables = lambda env_vars_dict: None
    os.environ["TRAINING_JOB_NAME"] = "probe"
    resources = {"current_host": "algo-1", "hosts": ["algo-1"], "current_instance_type": "ml.m5.xlarge", "network_interface_name": "eth0"}
    channels = {name: {"TrainingInputMode": "File"} for name in order["channels"]}
    told = []
    for wire in order["sets"]:
        written = os.path.join(order["results"], "sm_training.env")
        environment.set_env(resources, channels, wire, output_file=written)
        env = _sourced(written)
        env["SM_ENTRY_SCRIPT"] = order["script"]
        for name in [name for name in os.environ if name.startswith("SM_")]:
            del os.environ[name]
        os.environ.update(env)
        try:
            argv = driver.create_commands()[2:]
        except (KeyError, ValueError) as error:  # the job dies here: an apostrophe in a value, a dot in a key
            argv = [f"the v3 driver died: {error!r}"]
        told.append({"argv": argv, "env": env})
    with open(os.path.join(order["results"], "arrivals.json"), "w", encoding="utf-8") as handle:
        json.dump(told, handle)


if __name__ == "__main__":
    main()
