"""One job.toml, four ways to send it: SDK v3, SDK v2, boto3 alone, and the AWS CLI's JSON. What they send is the same, field by field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from migrate.job.validate import validate
from migrate.repo.ec2.model import Command, Ec2Side
from tests.generate.small import ROLE, SENDABLE, entry_point, write
from tests.generate.test_launchers import RECORDED, calls, run, sent

BUCKET = "some-bucket"
NETWORK = {"subnets": ["subnet-1", "subnet-2"], "security_groups": ["sg-1"]}

# what a person wrote into [job.train], and the command line
JOBS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "spot": ({"retries": 3}, ("--spot", "--max-run", "600000", "--no-cuda", "--milestones", "1", "2", "--version", "1.20")),
    "data": (
        {
            "channels": {
                "training": "s3://data/one/file.csv",
                "quick": {"source": "s3://data/q", "mode": "FastFile"},
                "pipe": {"source": "s3://data/p", "mode": "Pipe"},
                "efs": {"source": "efs://fs-0123abcd/data", "access": "rw"},
                "lustre": {"source": "fsx://fs-0123456789abcdef0/abcd/set"},
            },
            "network": NETWORK,
        },
        ("--data", "more=s3://{bucket}/x"),
    ),
    "closed": (
        {
            "network": {**NETWORK, "isolation": True, "encrypt_traffic": True},
            "output": "s3://results/{name}",
            "output_kms_key": "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "volume_kms_key": "1234abcd-12ab-34cd-56ef-1234567890ab",
        },
        (),
    ),
    "watched": (
        {
            "metrics": {"loss": r"\bloss: ([0-9.]+)", "validation_acc_1": r"Acc@1 ([0-9.]+)"},
            "keep_alive": 1800,
            "tensorboard": "/opt/ml/output/tensorboard",
            "environment": {"SM_CHECKPOINT_DIR": "/opt/ml/checkpoints", "NCCL_DEBUG": "INFO", "QUOTED": 'a "b" $c'},
            "tags": {"project": "demo", "owner": "someone@example.com", "Straße": "日本"},
            "checkpoints": "s3://{bucket}/kept/{name}",
            "distribution": "torchrun",
            "instance_type": "ml.g5.48xlarge",
        },
        ("--instance-count", "2"),
    ),
    "folder": ({}, ()),
    "mpi": ({"distribution": "mpi", "processes_per_host": 4, "mpi_options": ["-x", "NCCL_DEBUG"], "instance_type": "ml.g5.12xlarge"}, ()),
}


def repo(root: Path, more: dict[str, Any], framework: str = "pytorch", version: str | None = "2.1.0", folder: bool = False) -> Path:
    root.mkdir(parents=True)
    (root / "data").mkdir()
    start = Command("x", (), "run.sh", 1, entry="sub/train.py", typed_in="sub")
    in_folder: dict[str, Any] = {"path": "sub/train.py", "opens": "../a.txt", "ec2": Ec2Side(starts=(start,))} if folder else {}
    write(root, [entry_point(framework=framework, framework_version=version, **in_folder)], extras=("v2",))
    settings = root / "sagemaker_job" / "job.toml"
    document = tomlkit.parse(settings.read_text("utf-8"))
    document["job"]["train"].update(more)  # type: ignore[index, union-attr]
    settings.write_text(tomlkit.dumps(document), "utf-8")
    return root


def requests(root: Path, words: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """What each of the four sends; the CLI's is the file that it would be given."""
    command = (*SENDABLE, *words)
    made = {
        "v3": sent(run("sdk3", root, RECORDED, "sagemaker_job/launch.py", *command, SAGEMAKER_VALIDATE_ROLE="false")),
        "v2": sent(run("sdk2", root, RECORDED, "sagemaker_job/launch_v2.py", *command)),
        "boto3": sent(run("main", root, RECORDED, "sagemaker_job/launch_boto3.py", *command)),
    }
    file = root.parent / "request.json"
    done = calls(run("main", root, RECORDED, "sagemaker_job/launch_boto3.py", *command, "--json", file))
    assert [call["operation"] for call in done] == ["PutObject"]
    made["cli"] = json.loads(file.read_text("utf-8"))
    return made


def comparable(request: dict[str, Any]) -> dict[str, Any]:
    """A request without how the code and the start of its processes travel, and without the time in the job's name."""
    made = json.loads(json.dumps(request).replace(request["TrainingJobName"], "NAME"))
    for member in ("ContainerEntrypoint", "ContainerArguments"):
        made["AlgorithmSpecification"].pop(member, None)
    channels = [channel for channel in made.get("InputDataConfig", []) if channel["ChannelName"] not in ("code", "sm_drivers")]
    made["InputDataConfig"] = sorted(channels, key=lambda channel: str(channel["ChannelName"]))
    parameters = {name: text for name, text in made["HyperParameters"].items() if not name.startswith("sagemaker_")}
    # The toolkit reads each hyperparameter as JSON, the v3 drivers take the text.
    made["HyperParameters"] = {name: str(json.loads(text)) if text.startswith('"') else text for name, text in parameters.items()}
    # What one says and another leaves to the service's default.
    assert made["OutputDataConfig"].pop("CompressionType", "GZIP") == "GZIP"
    assert made.pop("ProfilerConfig", {"DisableProfiler": True}) == {"DisableProfiler": True}
    # The v3 SDK makes the job's name when it sends, a moment after the locations that hold it.
    for member, key in (("CheckpointConfig", "S3Uri"), ("TensorBoardOutputConfig", "S3OutputPath")):
        if member in made:
            parts = made[member][key].split("/")
            made[member][key] = "/".join(part for part in parts if not part.startswith(("NAME", "demo-train-2")))
    return dict(made)


@pytest.mark.parametrize("name", JOBS)
def test_all_send_the_same_job(name: str, tmp_path: Path) -> None:
    more, words = JOBS[name]
    made = requests(repo(tmp_path / "repo", more, folder=name == "folder"), words)
    for way, request in made.items():
        assert validate(request) == [], way
        assert request["RoleArn"] == ROLE
        assert comparable(request) == comparable(made["boto3"]), way
        assert ("SM_RUN_FOLDER" in request["Environment"]) == (name == "folder")
    assert {"torchrun": "sagemaker_torch_distributed_enabled", "mpi": "sagemaker_mpi_enabled"}.get(
        more.get("distribution", ""), "sagemaker_program"
    ) in made["boto3"]["HyperParameters"]
    script = json.dumps("sagemaker_job/run_module.py" if name == "folder" else "train.py")
    assert all(
        made[way]["HyperParameters"].get("sagemaker_program", script) in (script, json.loads(script)) for way in ("boto3", "v2", "cli")
    )
    # The archive's place holds the time.
    own = [{key: text for key, text in made[way]["HyperParameters"].items() if key.startswith("sagemaker_")} for way in ("boto3", "v2")]
    assert own[0].pop("sagemaker_submit_directory").count("sourcedir.tar.gz") == 1
    assert own[0].items() <= own[1].items()
