"""Asks the real sagemaker-training toolkit: one JSON case a line on stdin, its argv and environment on stdout."""

import json
import os
import sys

base = os.environ["SAGEMAKER_BASE_DIR"]
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # the toolkit logs to stdout

from sagemaker_training import environment  # noqa: E402

for line in sys.stdin:
    case = json.loads(line)
    for name, text in case["files"].items():
        with open(os.path.join(base, "input", "config", name), "w") as handle:
            handle.write(text)
    for name in ("SAGEMAKER_JOB_NAME", "CURRENT_HOST", "SAGEMAKER_REGION"):
        os.environ.pop(name, None)
    os.environ["SAGEMAKER_PROGRAM"] = case["entry"]
    env = environment.Environment()
    variables = env.to_env_vars()
    for name in ("SAGEMAKER_JOB_NAME", "CURRENT_HOST", "SAGEMAKER_REGION", "TRAINING_JOB_NAME"):
        variables[name] = os.environ[name]
    print(json.dumps({"argv": env.to_cmd_args(), "environment": variables}), file=out, flush=True)
