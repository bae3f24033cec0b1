"""Asks the real SDK v3 drivers, which are fixed to /opt/ml: one JSON case a line on stdin, argv and environment on stdout.

The environment is what bash has after it has sourced the file that the driver wrote, as ``sm_train.sh`` does it.
"""

import importlib.util
import json
import os
import subprocess
import sys

out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
drivers = sys.argv[1]


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, os.path.join(drivers, path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


environment = load("environment", "scripts/environment.py")
driver = load("basic_script_driver", "distributed_drivers/basic_script_driver.py")
environment.logger.disabled = True
own = dict(os.environ)
for line in sys.stdin:
    case = json.loads(line)
    for name, text in case["files"].items():
        with open(os.path.join("/opt/ml/input/config", name), "w") as handle:
            handle.write(text)
    with open("/opt/ml/input/data/sm_drivers/sourcecode.json", "w") as handle:
        json.dump({"entry_script": case["entry"]}, handle)
    environment.main()
    # "set -e" ends sm_train.sh where a line of the file fails
    script = "set -e; source /opt/ml/input/sm_training.env; env -0"
    done = subprocess.run(["/bin/bash", "-c", script], capture_output=True, env=own, cwd="/opt/ml/input")  # a name may hold a `>`
    if done.returncode:
        print(json.dumps({"died": done.stderr.decode("utf-8", "replace")}), file=out, flush=True)
        continue
    seen = dict(item.split("=", 1) for item in done.stdout.decode("utf-8", "surrogateescape").split("\0") if item)
    variables = {name: text for name, text in seen.items() if name.startswith("SM_") or name == "TRAINING_JOB_NAME"}
    os.environ["SM_ENTRY_SCRIPT"], os.environ["SM_HPS"] = seen["SM_ENTRY_SCRIPT"], seen["SM_HPS"]
    print(json.dumps({"argv": driver.create_commands()[2:], "environment": variables}), file=out, flush=True)
