"""job_settings.py and its neighbours as generated: job.toml without a TOML parser, the command line, what is uploaded."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tomllib
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.facts.secrets import names_a_secret
from tests.generate.small import SENDABLE, entry_point, setting, write

MODULES = ("job_settings", "job_request", "job_source", "job_run")


def load(root: Path) -> Any:
    """The names of the modules that the launchers of the repo at ``root`` share, together."""
    for name in MODULES:
        sys.modules.pop(name, None)
    sys.path.insert(0, str(root / "sagemaker_job"))
    try:
        return SimpleNamespace(**{key: value for name in MODULES for key, value in vars(importlib.import_module(name)).items()})
    finally:
        sys.path.pop(0)
        for name in MODULES:
            sys.modules.pop(name, None)


@pytest.fixture
def made(tmp_path: Path) -> Any:
    write(tmp_path, [entry_point(), entry_point("other.py", hyperparameters=(setting("arch", None, required=True),))])
    return load(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("repo")
    write(root)
    return load(root)


def arguments(module: Any, *words: str) -> dict[str, Any]:
    job: dict[str, Any] = module.arguments("x", list(words))
    return job


def refused(module: Any, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as caught:
        job = arguments(module, *words)
        module.refuse_problems(job, module.request_of(job))
    assert caught.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return lines[0]


def test_both_readers_read_the_same(made: Any, tmp_path: Path) -> None:
    text = (tmp_path / "sagemaker_job" / "job.toml").read_text("utf-8")
    assert made.load_without_tomllib(text) == tomllib.loads(text)


@given(
    st.dictionaries(
        st.text(max_size=10),
        st.text() | st.integers(-(2**60), 2**60) | st.booleans() | st.lists(st.floats(allow_nan=False, allow_infinity=False)),
    )
)
@settings(deadline=None)
def test_both_readers_read_any_value(shared: Any, values: dict[str, object]) -> None:
    from migrate.generate.environment import toml, tomlkey

    text = "\n".join(["[a]", *(f"{tomlkey(key)} = {toml(value)}  # so" for key, value in values.items()), '[a."b.c".d]', "x = 1"])
    assert shared.load_without_tomllib(text) == tomllib.loads(text)


@pytest.mark.parametrize("line", ["x = 'a'", "x = [", "[[x]]", "x", "x = 1 2", "[a", "x = {a = 1}", "x = 2026-01-01"])
def test_the_small_reader_refuses_what_it_cannot_read(shared: Any, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        shared.load_without_tomllib(f"a = 1\n{line}\n")
    assert caught.value.code == 2
    assert "line 2" in capsys.readouterr().err


def test_the_command_line_goes_over_the_file(made: Any) -> None:
    job = arguments(made, *SENDABLE, "--instance-type", "ml.m5.large", "--spot", "--max-run", "900000", "--region", "eu-west-1")
    request = made.request_of(job)
    assert request["ResourceConfig"]["InstanceType"] == "ml.m5.large"
    assert (
        request["AlgorithmSpecification"]["TrainingImage"]
        == "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-training:2.1.0-cpu-py310"
    )
    assert request["EnableManagedSpotTraining"] is True
    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": 900_000, "MaxWaitTimeInSeconds": 900_000}
    assert made.problems_of(job, request) == []


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        ([], {}),
        (["--lr", "1e-3"], {"lr": "1e-3"}),
        (["--lr", "0.01"], {"lr": 0.01}),
        (["--lr=-1"], {"lr": -1}),
        (["--lr", "-0.5"], {"lr": -0.5}),
        (["--no-cuda"], {"no_cuda": True}),
        (["--no_cuda", "false"], {"no_cuda": False}),
        (["--no-cuda", "--lr", "1"], {"no_cuda": True, "lr": 1}),
        (["--milestones", "1", "2", "3"], {"milestones": [1, 2, 3]}),
        (["--milestones", "1"], {"milestones": [1]}),
        (["--hp", "milestones=[4, 5]"], {"milestones": [4, 5]}),
        (["--version", "1.20"], {"version": "1.20"}),
        (["--version", "2"], {"version": "2"}),
        (["--resume", "a b"], {"resume": "a b"}),
        (["--hp", "lr=null"], {"lr": None}),
        (["--hp", "anything=x=y"], {"anything": "x=y"}),
        (["--hp", 'new={"a": 1}'], {"new": {"a": 1}}),
    ],
)
def test_settings_of_the_script(made: Any, words: list[str], changed: dict[str, object]) -> None:
    expected: dict[str, object] = {"lr": 0.1, "epochs": 10, "no_cuda": False, "milestones": [30, 60], "version": "1.10", **changed}
    assert arguments(made, *words)["hyperparameters"] == {name: value for name, value in expected.items() if value is not None}


def test_required_settings_are_asked_for(made: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--arch VALUE" in refused(made, capsys, "--entry", "other.py", *SENDABLE)
    assert arguments(made, "--entry", "other", "--arch", "resnet")["hyperparameters"] == {"arch": "resnet"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "fill in role and bucket"),
        (["--role", "x", "--bucket", "b"], "no ARN of a role"),
        ([*SENDABLE, "--learning-rate", "1"], "--learning-rate"),
        ([*SENDABLE, "stray"], "stray"),
        ([*SENDABLE, "--hp", "lr"], "NAME=VALUE"),
        ([*SENDABLE, "--entry", "absent.py"], "absent.py"),
        ([*SENDABLE, "--hp", "optim.lr=1"], "optim.lr"),
        ([*SENDABLE, "--resume", "it's"], "single quote"),
        ([*SENDABLE, "--data", "training=/home/ubuntu/data"], "no s3:// location"),
        ([*SENDABLE, "--data", "my-data=s3://x"], "my-data"),
        ([*SENDABLE, "--max-run", str(29 * 86_400)], "28 days"),
        ([*SENDABLE, "--region", "mars-1"], "mars-1"),
        ([*SENDABLE, "--instance-type", "ml.trn1.2xlarge"], "Neuron"),
        (["--local"], "give --data training=FOLDER"),
    ],
)
def test_refuses_in_one_line(made: Any, words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said in refused(made, capsys, *words)


def test_torchrun_of_an_image_that_has_none_is_refused(made: Any, capsys: pytest.CaptureFixture[str]) -> None:
    job = arguments(made, *SENDABLE)
    made.refuse_old_torchrun(job, "launch_boto3.py")
    for change, said in (
        ({"image": "pytorch-training:1.5.1-gpu-py36"}, "from PyTorch 1.13 on"),
        ({"processes_per_host": 3}, "counts the GPUs"),
    ):
        with pytest.raises(SystemExit) as caught:
            made.refuse_old_torchrun({**job, **change}, "launch_boto3.py")
        assert caught.value.code == 2
        assert said in capsys.readouterr().err


def test_channels(made: Any, tmp_path: Path) -> None:
    assert arguments(made, *SENDABLE)["channels"] == {"training": "s3://some-bucket/demo/training"}
    assert arguments(made, *SENDABLE, "--data", "training=s3://x/y")["channels"] == {"training": "s3://x/y"}
    assert arguments(made, *SENDABLE, "--data", "training=")["channels"] == {}
    assert arguments(made, *SENDABLE, "--data", "more=s3://x")["channels"]["more"] == "s3://x"
    (tmp_path / "data").mkdir()
    assert arguments(made, "--local")["channels"] == {"training": str(tmp_path / "data")}


def test_no_channel_no_member(made: Any) -> None:
    assert "InputDataConfig" not in made.request_of(arguments(made, "--data", "training="))


def test_checkpoints_of_an_earlier_job(made: Any) -> None:
    fresh = arguments(made, *SENDABLE)
    assert made.checkpoints_of(fresh) == f"s3://some-bucket/demo-train/{fresh['name']}/checkpoints"
    assert made.checkpoints_of(arguments(made, *SENDABLE, "--checkpoints", "s3://a/b")) == "s3://a/b"


def test_an_image_of_ones_own_is_used_as_it_stands(made: Any) -> None:
    job = arguments(made, *SENDABLE)
    job["image"] = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/mine:1"
    assert made.image_of(job) == job["image"]


GITIGNORE = """
# a comment
*.pth
data/
/runs
!keep.pth
logs/*.txt
**/cache
deep/**/x
[ab].bin
name?.log
\\#odd
"""
PATHS = """
a.pth keep.pth sub/keep.pth sub/b.pth data/x sub/data/y datafile runs/1 sub/runs/1 logs/a.txt logs/sub/a.txt x/logs/a.txt cache/1
x/y/cache/1 deep/x deep/a/b/x deep/a/y a.bin c.bin name1.log name12.log #odd train.py src/__pycache__/a.pyc src/model.py .env
""".split()


def test_what_is_uploaded_is_what_git_would_add(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text(GITIGNORE)
    for path in PATHS:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x")
    write(tmp_path)
    module = load(tmp_path)
    source = module.copy_source(arguments(module), tmp_path.parent / "scratch")
    sent = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".git" / "info" / "exclude").write_text("__pycache__\n.env\n*.pyc\n")
    listed = subprocess.run(
        ["git", "-C", str(tmp_path), "ls-files", "-co", "--exclude-standard", "-z"], capture_output=True, text=True, check=True
    )
    assert sent == set(listed.stdout.split("\0")) - {""}


def test_links_out_of_the_repo_are_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "repo", tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("x")
    root.mkdir()
    write(root)
    (root / "linked").symlink_to(outside)
    (root / "broken").symlink_to(root / "absent")
    (root / "round").symlink_to(root)
    (root / "inside").symlink_to(root / "train.py")
    module = load(root)
    source = module.copy_source(arguments(module), tmp_path / "scratch")
    assert not (source / "linked").exists()
    assert not (source / "round").exists()
    assert (source / "inside").read_text() == (root / "train.py").read_text()


def test_the_archive_holds_what_the_toolkit_wants(tmp_path: Path) -> None:
    root = tmp_path / "repo"
    root.mkdir()
    (root / "requirements.txt").write_text("torch==1.0\neinops\n")
    (root / "setup.py").write_text("raise SystemExit")
    write(root)
    module = load(root)
    archive = module.pack_source(arguments(module), tmp_path / "sourcedir.tar.gz")
    shutil.unpack_archive(archive, tmp_path / "code", filter="data")
    lines = (tmp_path / "code" / "requirements.txt").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == ["einops"]
    assert (tmp_path / "code" / "train.py").exists()
    assert not (tmp_path / "code" / "setup.py").exists()


@pytest.mark.parametrize("name", ["db-password", "WANDB_API_KEY", "secret", "hf_token", "aws_secret_access_key"])
def test_a_secret_is_no_hyperparameter(made: Any, name: str) -> None:
    assert names_a_secret(name)
    job = arguments(made, *SENDABLE, "--hp", f"{name}=horse7battery")
    found = made.problems_of(job, made.request_of(job))
    assert [problem for problem in found if "put the secret into Secrets Manager" in problem]
    assert "horse7battery" not in "".join(found)


def test_the_creator_is_told_by_a_tag(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ann o'neil")
    assert arguments(made)["tags"]["creator"] == "ann o_neil"
    assert made.creator({"Owner": "U012ABCDEF"}) == {}


def test_what_only_sounds_like_a_secret_is_sent(made: Any) -> None:
    words = ["--hp", "token=x", "--hp", "secret_name=x", "--hp", "n_keys=3", "--hp", "hf_token="]
    job = arguments(made, *SENDABLE, *words)
    job["environment"]["SM_SECRET_DB_PASSWORD"] = "team/db"
    assert made.problems_of(job, made.request_of(job)) == []
