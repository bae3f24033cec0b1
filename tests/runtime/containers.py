"""What a script finds in a container, made by the real programs: the toolkit's own classes and the v3 drivers' own functions."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.environments import python_of

STYLES = ("toolkit", "v3")
# The toolkit looks for its folders when it is imported.
os.environ.setdefault("SAGEMAKER_BASE_DIR", "/nonexistent/opt/ml")
from sagemaker_training import environment as toolkit_environment  # noqa: E402
from sagemaker_training import mapping, params  # noqa: E402

del os.environ["SAGEMAKER_BASE_DIR"]


@dataclass(frozen=True)
class Delivery:
    """The script's arguments, its environment, and the text of hyperparameters.json."""

    argv: tuple[str, ...]
    environ: Mapping[str, str]
    file: str


def deliver(hyperparameters: Mapping[str, Any], style: str) -> Delivery:
    return _toolkit(hyperparameters) if style == "toolkit" else _v3(hyperparameters)


def wire(hyperparameters: Mapping[str, Any], style: str) -> dict[str, str]:
    """As the SDK writes them into CreateTrainingJob; test_wire.py holds both against the SDKs."""
    if style == "toolkit":
        return {key: json.dumps(value) for key, value in hyperparameters.items()}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in hyperparameters.items()}


def _toolkit(hyperparameters: Mapping[str, Any]) -> Delivery:
    texts = wire(hyperparameters, "toolkit")
    # environment.read_hyperparameters() does this with the file; the split is Environment.__init__'s
    decoded = {}
    for key, text in texts.items():
        try:
            decoded[key] = json.loads(text)
        except ValueError:
            decoded[key] = text
    user = mapping.split_by_criteria(decoded, keys=params.SAGEMAKER_HYPERPARAMETERS, prefix=params.SAGEMAKER_PREFIX).excluded
    environ = mapping.to_env_vars({"hps": user, "model_dir": "/opt/ml/model", **{f"hp_{key}": value for key, value in user.items()}})
    return Delivery(tuple(mapping.to_cmd_args(user)), environ, json.dumps(texts))


def read_by_toolkit(path: Path) -> dict[str, Any]:
    """The toolkit's own reading of hyperparameters.json."""
    before = toolkit_environment.hyperparameters_file_dir
    toolkit_environment.hyperparameters_file_dir = str(path)
    try:
        return dict(toolkit_environment.read_hyperparameters())
    finally:
        toolkit_environment.hyperparameters_file_dir = before


def drivers_folder() -> Path:
    """The v3 SDK's container_drivers, which it sends along with a job."""
    found = sorted(Path(python_of("sdk3")).parent.parent.glob("lib/python3*/site-packages/sagemaker/train/container_drivers"))
    if not found:
        raise FileNotFoundError("no container_drivers in the sdk3 environment")
    return found[0]


@cache
def driver(name: str) -> ModuleType:
    folder = drivers_folder()
    spec = importlib.util.spec_from_file_location("v3_driver_" + name.replace("/", "_"), folder / (name + ".py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(folder))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path[:] = [entry for entry in sys.path if entry != str(folder)]
    return module


def _v3(hyperparameters: Mapping[str, Any]) -> Delivery:
    texts = wire(hyperparameters, "v3")
    utils, environment = driver("common/utils"), driver("scripts/environment")
    values = environment.deserialize_hyperparameters(texts)
    hps = utils.safe_serialize(values)
    argv = utils.hyperparameters_to_cli_args(json.loads(hps))  # as create_commands() reads SM_HPS
    environ = {"SM_HPS": hps, "SM_ENTRY_SCRIPT": "train.py", "SM_SOURCE_DIR": "/opt/ml/input/data/code", "SM_MODEL_DIR": "/opt/ml/model"}
    return Delivery(tuple(argv), environ, json.dumps(texts))


@contextlib.contextmanager
def inside(delivery: Delivery, folder: Path | None) -> Iterator[None]:
    """Stands in that container: argv, environment and, with a folder, the file. No file where ``folder`` is None."""
    environ, argv = dict(os.environ), sys.argv
    for name in [name for name in os.environ if name.startswith(("SM_", "SAGEMAKER_"))]:
        del os.environ[name]
    os.environ.update(delivery.environ)
    if folder is not None:
        (folder / "hyperparameters.json").write_text(delivery.file, encoding="utf-8")
        os.environ["SM_INPUT_CONFIG_DIR"] = str(folder)
    sys.argv = ["train.py", *delivery.argv]
    try:
        yield
    finally:
        sys.argv = argv
        os.environ.clear()
        os.environ.update(environ)
