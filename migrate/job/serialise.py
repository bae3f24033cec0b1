"""What a container makes of a job's hyperparameters and channels: the argv, the environment and the configuration files.

Two programs stand between a launcher's dictionary and a script. ``toolkit`` is ``sagemaker-training`` 5.1.4, inside the
v2-style official images (``mapping.to_cmd_args``, ``environment.Environment.to_env_vars``). ``v3`` is what the SDK 3.27
sends along with a job (``sm_train.sh``, ``scripts/environment.py``, ``basic_script_driver.py``). Both are emulated here, step
by step as they do it; tests hold this emulation against the real packages.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Style = Literal["toolkit", "v3"]
STYLES: tuple[Style, ...] = ("toolkit", "v3")

# The keys that the toolkit keeps for itself (sagemaker_training.params.SAGEMAKER_HYPERPARAMETERS); everything else that
# starts with the prefix becomes a "framework parameter". Neither reaches the script's argv.
_TOOLKIT_PREFIX = "sagemaker_"
_TOOLKIT_OWN = frozenset(
    {
        "sagemaker_program",
        "sagemaker_submit_directory",
        "sagemaker_enable_cloudwatch_metrics",
        "sagemaker_region",
        "sagemaker_container_log_level",
        "sagemaker_job_name",
        "default_user_module_name",
        "_tuning_objective_metric",
        "sagemaker_s3_output",
    }
)
# Channels that ModelTrainer adds by itself; they count in SM_CHANNELS (CONTRACT).
V3_CHANNELS = ("code", "sm_drivers")
_SHELL_NAME = re.compile(r"[A-Za-z0-9_]+")


@dataclass(frozen=True)
class Container:
    """The container that the job runs in, as far as a script can see it. ``base`` is where /opt/ml lies.

    ``entry`` is the script, POSIX, relative to the source folder. ``python_path`` is ``sys.path`` of the interpreter that
    the toolkit runs under: the toolkit hands it on as PYTHONPATH, behind the code folder.
    """

    entry: str
    channels: tuple[str, ...] = ()
    base: str = "/opt/ml"
    instance_type: str = "ml.m5.xlarge"
    hosts: tuple[str, ...] = ("algo-1",)
    current_host: str = "algo-1"
    job_name: str = "migrate-verify"
    network_interface: str = "eth0"
    region: str = ""
    cpus: int = field(default_factory=lambda: os.cpu_count() or 1)
    gpus: int = 0
    neurons: int = 0
    python_path: tuple[str, ...] = ()


def code_dir(base: str, style: Style) -> str:
    """The folder that holds the source in the container; also the script's working folder."""
    return posixpath.join(base, "code") if style == "toolkit" else posixpath.join(base, "input", "data", "code")


def wire(hyperparameters: Mapping[str, object], sdk: Literal["v2", "v3"]) -> dict[str, str]:
    """The text of each hyperparameter in CreateTrainingJob and in hyperparameters.json, as that SDK writes it.

    SDK v2 encodes every value as JSON, strings too (``Framework._json_encode_hyperparameters``); SDK v3 leaves strings as
    they are and takes ``str()`` of what JSON cannot hold (``sagemaker.train.utils.safe_serialize``).
    """
    if sdk == "v2":
        return {str(key): json.dumps(value) for key, value in hyperparameters.items()}
    return {key: _safe_serialise(value) for key, value in hyperparameters.items()}


def argv(hyperparameters: Mapping[str, object], style: Style) -> list[str]:
    """The arguments that the script is started with, given the launcher's dictionary of hyperparameters.

    ``toolkit`` reads what SDK v2 has written, ``v3`` what SDK v3 has written.
    """
    if style == "toolkit":
        return toolkit_argv(wire(hyperparameters, "v2"))
    return v3_argv(wire(hyperparameters, "v3"))


def toolkit_argv(texts: Mapping[str, str]) -> list[str]:
    """The toolkit's argv for the texts in hyperparameters.json (``read_hyperparameters`` and ``mapping.to_cmd_args``)."""
    values, _ = _toolkit_split(texts)
    out: list[str] = []
    for key in sorted(values):
        out += [_toolkit_option(key), _toolkit_text(values[key])]
    return out


def v3_argv(texts: Mapping[str, str]) -> list[str]:
    """The v3 driver's argv for the texts in hyperparameters.json.

    A value is decoded twice, once on its way into SM_HPS and once on its way out of it.
    """
    out: list[str] = []
    for key, value in _v3_values(texts).items():
        out += [f"--{key}", _safe_serialise(_safe_deserialise(value))]
    return out


def config_files(hyperparameters: Mapping[str, object], container: Container, style: Style) -> dict[str, str]:
    """The files of /opt/ml/input/config, name to text."""
    return {
        "hyperparameters.json": json.dumps(wire(hyperparameters, "v2" if style == "toolkit" else "v3")),
        "inputdataconfig.json": json.dumps(input_data_config(container, style)),
        "resourceconfig.json": json.dumps(resource_config(container)),
    }


def resource_config(container: Container) -> dict[str, object]:
    """resourceconfig.json, as the platform writes it.

    Source: docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html
    """
    group = {"instance_group_name": "homogeneousCluster", "instance_type": container.instance_type, "hosts": list(container.hosts)}
    return {
        "current_host": container.current_host,
        "current_instance_type": container.instance_type,
        "current_group_name": "homogeneousCluster",
        "hosts": list(container.hosts),
        "instance_groups": [group],
        "network_interface_name": container.network_interface,
    }


def input_data_config(container: Container, style: Style) -> dict[str, object]:
    """inputdataconfig.json: one entry a channel. Under v3 the SDK's own two channels stand at the end."""
    names = container.channels + (V3_CHANNELS if style == "v3" else ())
    entry = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}
    return {name: dict(entry) for name in names}


def environment(hyperparameters: Mapping[str, object], container: Container, style: Style) -> dict[str, str]:
    """The environment variables that the script finds, beyond those of the image and the platform's AWS ones."""
    if style == "toolkit":
        return _toolkit_environment(hyperparameters, container)
    return _v3_environment(hyperparameters, container)


def problems(hyperparameters: Mapping[str, object], channels: Iterable[str]) -> list[str]:
    """What one of the two programs cannot carry, told before anything runs. Empty when all is well.

    The v3 driver writes ``export NAME='value'`` lines and sources them, so names must be shell names and no value may hold
    a single quote; the toolkit keeps keys with its own prefix to itself; no argv or environment can hold a NUL.
    """
    found: list[str] = []
    for key, value in hyperparameters.items():
        text = _safe_serialise(value)
        if not _SHELL_NAME.fullmatch(key.replace("-", "_")):
            found.append(f"hyperparameter {key!r}: SM_HP_{key.upper()} is no shell name, and the v3 driver dies of it")
        if "'" in text:
            found.append(f"hyperparameter {key!r}: its value holds a single quote, which ends the v3 driver's shell line")
        if "\0" in text or "\0" in key:
            found.append(f"hyperparameter {key!r}: holds a NUL, which neither argv nor the environment can carry")
        if key in _TOOLKIT_OWN or key.startswith(_TOOLKIT_PREFIX):
            found.append(f"hyperparameter {key!r}: the toolkit keeps this name to itself, and the script never sees it")
    for name in channels:
        if not _SHELL_NAME.fullmatch(name):
            found.append(f"channel {name!r}: SM_CHANNEL_{name.upper()} is no shell name, and the v3 driver dies of it")
        if name in V3_CHANNELS:
            found.append(f"channel {name!r}: the SDK v3 adds a channel of that name itself")
    return found


def _toolkit_split(texts: Mapping[str, str]) -> tuple[dict[str, object], dict[str, object]]:
    """The script's hyperparameters and the platform's, decoded as ``read_hyperparameters`` does."""
    script: dict[str, object] = {}
    platform: dict[str, object] = {}
    for key, text in texts.items():
        value: object
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        own = key in _TOOLKIT_OWN or key.startswith(_TOOLKIT_PREFIX)
        (platform if own else script)[key] = value
    return script, platform


def _toolkit_option(key: str) -> str:
    if not key:
        return ""
    return f"--{key}" if len(key) > 1 else f"-{key}"


def _toolkit_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ",".join(f"{key}={item}" for key, item in sorted(value.items()))
    return str(value)


def _toolkit_variables(values: Mapping[str, object]) -> dict[str, str]:
    """``mapping.to_env_vars``: SM_ and the key in capitals, text as it is, the rest as sorted JSON."""
    out = {}
    for key, value in values.items():
        if value is None:
            text = ""
        elif isinstance(value, str):
            text = value
        else:
            text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        out[f"SM_{key.upper()}"] = text
    return out


def _toolkit_environment(hyperparameters: Mapping[str, object], container: Container) -> dict[str, str]:
    texts = wire(hyperparameters, "v2")
    values, platform = _toolkit_split(texts)
    framework = {key: value for key, value in platform.items() if key not in _TOOLKIT_OWN}
    base = _toolkit_properties(container, values, framework, platform)
    plain = dict(base)
    for key in ("additional_framework_parameters", "channel_input_dirs", "hyperparameters", "job_name", "is_master", "master_hostname"):
        del plain[key]
    for key in ("distribution_hosts", "is_modelparallel_enabled", "is_smddpmprun_installed", "is_smddprun_installed", "topology"):
        del plain[key]
    plain |= {"hps": values, "framework_params": framework, "channels": sorted(container.channels)}
    plain |= {"training_env": base, "user_args": toolkit_argv(texts)}
    plain |= {f"channel_{name}": posixpath.join(container.base, "input", "data", name) for name in container.channels}
    plain |= {f"hp_{key}": value for key, value in values.items()}
    own = {
        "SAGEMAKER_JOB_NAME": str(platform.get("sagemaker_job_name", "")),
        "SAGEMAKER_REGION": str(platform.get("sagemaker_region", container.region) or ""),
        "CURRENT_HOST": container.current_host,
        "TRAINING_JOB_NAME": container.job_name,
        "PYTHONPATH": ":".join([code_dir(container.base, "toolkit"), *container.python_path]),
    }
    return _toolkit_variables(plain) | own


def _toolkit_properties(
    container: Container, values: Mapping[str, object], framework: Mapping[str, object], platform: Mapping[str, object]
) -> dict[str, object]:
    """``dict(Environment())``: every property of the toolkit's environment, which is also SM_TRAINING_ENV."""
    base, group = container.base, "homogeneousCluster"
    resources = resource_config(container)
    module_dir = str(platform.get("sagemaker_submit_directory", code_dir(base, "toolkit")))
    groups = [dict(item) for item in _list(resources["instance_groups"])]
    return {
        "additional_framework_parameters": dict(framework),
        "channel_input_dirs": {name: posixpath.join(base, "input", "data", name) for name in container.channels},
        "current_host": container.current_host,
        "current_instance_group": group,
        "current_instance_group_hosts": list(container.hosts),
        "current_instance_type": container.instance_type,
        "distribution_hosts": [],
        "distribution_instance_groups": [],
        "framework_module": None,
        "hosts": list(container.hosts),
        "hyperparameters": dict(values),
        "input_config_dir": posixpath.join(base, "input", "config"),
        "input_data_config": input_data_config(container, "toolkit"),
        "input_dir": posixpath.join(base, "input"),
        "instance_groups": [group],
        "instance_groups_dict": {group: groups[0]},
        "is_hetero": False,
        "is_master": container.current_host == container.hosts[0],
        "is_modelparallel_enabled": None,
        "is_smddpmprun_installed": False,
        "is_smddprun_installed": False,
        "job_name": container.job_name,
        "log_level": platform.get("sagemaker_container_log_level", 20),
        "master_hostname": container.hosts[0],
        "model_dir": posixpath.join(base, "model"),
        "module_dir": module_dir,
        "module_name": container.entry.removesuffix(".py"),
        "network_interface_name": container.network_interface,
        "num_cpus": container.cpus,
        "num_gpus": container.gpus,
        "num_neurons": container.neurons,
        "output_data_dir": posixpath.join(base, "output", "data"),
        "output_dir": posixpath.join(base, "output"),
        "output_intermediate_dir": posixpath.join(base, "output", "intermediate"),
        "resource_config": resources,
        "topology": [],
        "user_entry_point": container.entry,
    }


def _list(value: object) -> Sequence[Mapping[str, object]]:
    assert isinstance(value, list)
    return value


def _v3_values(texts: Mapping[str, str]) -> dict[str, object]:
    return {key: _safe_deserialise(text) for key, text in texts.items()}


def _safe_deserialise(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        decoded: object = json.loads(value)
    except json.JSONDecodeError:
        return value
    return decoded


def _safe_serialise(value: object) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value)
    except TypeError:
        return str(value)


def _v3_environment(hyperparameters: Mapping[str, object], container: Container) -> dict[str, str]:
    base = container.base
    data = posixpath.join(base, "input", "data")
    values = _v3_values(wire(hyperparameters, "v3"))
    channels = list(container.channels + V3_CHANNELS)
    hosts = sorted(container.hosts)
    variables: dict[str, object] = {
        "SM_MODEL_DIR": posixpath.join(base, "model"),
        "SM_INPUT_DIR": posixpath.join(base, "input"),
        "SM_INPUT_DATA_DIR": data,
        "SM_INPUT_CONFIG_DIR": posixpath.join(base, "input", "config"),
        "SM_OUTPUT_DIR": posixpath.join(base, "output"),
        "SM_OUTPUT_FAILURE": posixpath.join(base, "output", "failure"),
        "SM_OUTPUT_DATA_DIR": posixpath.join(base, "output", "data"),
        "SM_LOG_LEVEL": 20,
        "SM_MASTER_ADDR": "algo-1",
        "SM_MASTER_PORT": 7777,
        "SM_SOURCE_DIR": posixpath.join(data, "code"),
        "SM_ENTRY_SCRIPT": container.entry,
    }
    variables |= {f"SM_CHANNEL_{name.upper()}": posixpath.join(data, name) for name in channels}
    variables["SM_CHANNELS"] = channels
    variables |= {f"SM_HP_{key.replace('-', '_').upper()}": value for key, value in values.items()}
    variables |= {
        "SM_HPS": values,
        "SM_CURRENT_HOST": container.current_host,
        "SM_CURRENT_INSTANCE_TYPE": container.instance_type,
        "SM_HOSTS": hosts,
        "SM_NETWORK_INTERFACE_NAME": container.network_interface,
        "SM_HOST_COUNT": len(hosts),
        "SM_CURRENT_HOST_RANK": hosts.index(container.current_host),
        "SM_NUM_CPUS": container.cpus,
        "SM_NUM_GPUS": container.gpus,
        "SM_NUM_NEURONS": container.neurons,
        "SM_RESOURCE_CONFIG": resource_config(container),
        "SM_INPUT_DATA_CONFIG": input_data_config(container, "v3"),
    }
    variables["SM_TRAINING_ENV"] = _v3_training_env(variables, channels, container)
    out = {name: _safe_serialise(value) for name, value in variables.items()}
    return out | {"TRAINING_JOB_NAME": container.job_name}


def _v3_training_env(variables: Mapping[str, object], channels: Sequence[str], container: Container) -> dict[str, object]:
    """SM_TRAINING_ENV of ``scripts/environment.py``, its keys in its order."""
    # fmt: off
    names = (
        "current_host", "current_instance_type", "hosts", "master_addr", "master_port", "hyperparameters", "input_data_config",
        "input_config_dir", "input_data_dir", "input_dir", "job_name", "log_level", "model_dir", "network_interface_name",
        "num_cpus", "num_gpus", "num_neurons", "output_data_dir", "resource_config",
    )
    # fmt: on
    special: dict[str, object] = {"hyperparameters": variables["SM_HPS"], "job_name": container.job_name}
    out: dict[str, object] = {"channel_input_dirs": {name: variables[f"SM_CHANNEL_{name.upper()}"] for name in channels}}
    for name in names:
        out[name] = special[name] if name in special else variables[f"SM_{name.upper()}"]
    return out
