"""From an entry point to its job."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest

from migrate.job.images import choose
from migrate.job.infer import allows_python, hyperparameters, infer, keys_of, name_of
from migrate.job.job import CHECKPOINTS
from migrate.job.model import Channel, Needs
from migrate.job.requirements import missing, package_of, read_requirements
from migrate.job.validate import pattern_matches
from tests.generate.small import entry_point, setting


def test_settings_of_the_script_are_passed_as_they_stand() -> None:
    job = infer(entry_point(), project="demo")
    assert job.hyperparameters == {"lr": 0.1, "epochs": 10, "no_cuda": False, "milestones": [30, 60], "version": "1.10"}
    assert [item.name for item in job.left_out] == ["resume"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "no default"),
        (math.nan, "JSON"),
        (math.inf, "JSON"),
        ([1, None], "JSON"),
        ([{"a": 1}], "JSON"),
        (object(), "JSON"),
        (2**64, "JSON"),
        ("it's", "single quote"),
        ("a\nb", "line break"),
        ("x" * 2501, "2500"),
    ],
)
def test_what_cannot_be_passed_is_left_out_with_the_reason(value: object, reason: str) -> None:
    values, left_out = hyperparameters([setting("x", value)])
    assert values == {}
    assert reason in left_out[0].reason


def test_a_dotted_name_is_left_out() -> None:
    assert "variable" in hyperparameters([setting("optim.lr", 1)])[1][0].reason


def test_a_count_follows_the_instance_since_a_value_that_is_given_beats_it() -> None:
    values, left_out = hyperparameters([dataclasses.replace(setting("workers", 4), counts="SM_NUM_CPUS")])
    assert values == {}
    assert [(item.name, "SM_NUM_CPUS" in item.reason) for item in left_out] == [("workers", True)]


def test_defaults_are_not_passed_to_a_command_line_that_nothing_translates_for() -> None:
    values, left_out = hyperparameters([setting("anneal", True), setting("lr", 0.1)], "tyro")
    assert values == {}
    assert [(item.name, item.required, "tyro" in item.reason) for item in left_out] == [("anneal", False, True), ("lr", False, True)]


@pytest.mark.parametrize("default", [False, 0.1, 3])
def test_a_default_that_no_text_gives_is_left_to_the_script(default: object) -> None:
    values, left_out = hyperparameters([dataclasses.replace(setting("load", default), type="str")])
    assert values == {} and "as the text of it" in left_out[0].reason


@pytest.mark.parametrize(
    ("default", "nargs", "passed"),
    [(25e3, None, False), (0.5, None, False), (25000, None, True), (True, None, True), ([1e3, 2e3], "+", False), ([1, 2], "+", True)],
)
def test_a_default_that_int_does_not_read_is_left_to_the_script(default: object, nargs: str | None, passed: bool) -> None:
    """argparse converts no default that is not text: ``type=int, default=25e3`` is 25000.0, and int("25000.0") ends the job."""
    values, left_out = hyperparameters([dataclasses.replace(setting("steps", default), type="int", nargs=nargs)])
    assert (values == {"steps": default}) is passed
    assert passed or "whole number" in left_out[0].reason


def test_another_framework_beside_the_images_own_is_installed() -> None:
    lines = ("tensorflow==1.15.2", "torch==1.0", "torchvision")
    assert missing(lines, choose("pytorch", "2.1.0")) == (("tensorflow==1.15.2",), ("torch==1.0", "torchvision"))
    assert missing(lines[:1], choose("tensorflow", "2.16.1")) == ((), ("tensorflow==1.15.2",))


def test_at_most_what_a_job_takes() -> None:
    values, left_out = hyperparameters([setting(f"k{number}", number) for number in range(150)])
    assert len(values) == 94
    assert len(left_out) == 56


def test_a_required_setting_is_asked_for() -> None:
    assert infer(entry_point(hyperparameters=(setting("arch", None, required=True),))).required == ("arch",)


def test_limits_and_checkpoints() -> None:
    job = infer(entry_point())
    assert job.max_run == 432_000
    assert job.max_wait >= job.max_run
    assert job.environment == {"SM_CHECKPOINT_DIR": CHECKPOINTS}


def test_wandb_leaves_the_hyperparameters_to_the_script() -> None:
    # Else wandb has them in its config as texts, and ``config.update(args)`` raises ConfigError: seen with wandb 0.28 in a run.
    job = infer(entry_point(needs=Needs(modules=("torch", "wandb"))))
    assert job.environment["WANDB_SAGEMAKER_DISABLE"] == "true"
    assert "WANDB_SAGEMAKER_DISABLE" not in infer(entry_point(needs=Needs(modules=("torch",)))).environment


def test_a_script_in_a_folder_finds_the_root() -> None:
    assert infer(entry_point("tools/train.py")).environment["PYTHONPATH"] == "/opt/ml/input/data/code:/opt/ml/code"
    job = infer(entry_point("pkg/train.py", as_module=True))
    assert job.environment["SM_RUN_MODULE"] == job.module == "pkg.train"


@pytest.mark.parametrize(
    ("more", "instance"),
    [
        ({}, "ml.g5.xlarge"),
        ({"instance_type": "p3.2xlarge"}, "ml.p3.2xlarge"),
        ({"instance_type": "ml.g4dn.xlarge"}, "ml.g4dn.xlarge"),
        ({"instance_type": "t2.nano"}, "ml.m5.large"),
        ({"instance_type": "q9.huge"}, "ml.g5.xlarge"),
        ({"framework_version": "1.1.0"}, "ml.p3.2xlarge"),
        ({"framework": "chainer", "framework_version": "5.0.0"}, "ml.p3.2xlarge"),
        ({"framework": "sklearn", "framework_version": None}, "ml.m5.xlarge"),
    ],
)
def test_instance_type(more: dict[str, str], instance: str) -> None:
    job = infer(entry_point(**more))
    assert job.instance_type == instance
    assert job.reasons["instance_type"]


def test_channels_keep_a_location_that_is_known() -> None:
    known = Channel("train", "./data", "train.py", 3, "s3://somewhere/train")
    job = infer(entry_point(channels=(known, Channel("test", "./test", "train.py", 4))), project="demo")
    assert [(channel.source, channel.known) for channel in job.channels] == [
        ("s3://{bucket}/demo/test", False),
        ("s3://somewhere/train", True),
    ]


def test_unknown_framework_has_no_image() -> None:
    job = infer(entry_point(framework="fortran"))
    assert job.image is None
    assert job.notes


@pytest.mark.parametrize("text", ["", "-", "Ä", "a b", "x" * 100, "--a--b--", "日本", "it's.py", "-" * 48 + "a"])
def test_names_are_names_of_jobs(text: str) -> None:
    assert pattern_matches("[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", f"{name_of(text)}-20260101000000")


def test_keys_tell_scripts_apart() -> None:
    entries = [entry_point(path) for path in ("a/train.py", "b/train.py", "main.py", "a/b.py", "a-b.py", "a.b.py")]
    keys = keys_of(entries)
    assert keys["main.py"] == "main"
    assert keys["a/train.py"] == "a-train"
    assert len(set(keys.values())) == len(entries)


def test_requirements_are_read_with_those_they_include(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "requirements.txt").write_text("# all\ntorch==1.1 # old\n-r more.txt\n\nnumpy \\\n  >=1.2\n")
    (tmp_path / "more.txt").write_text("tqdm\n-r requirements.txt\n-r ../../etc/passwd\n")
    assert read_requirements(tmp_path, "tools/train.py") == ("torch==1.1", "tqdm", "numpy    >=1.2")
    (tmp_path / "tools" / "requirements.txt").write_text("pandas\n")
    assert read_requirements(tmp_path, "tools/train.py") == ("pandas",)
    assert read_requirements(tmp_path, "train.py") == ("torch==1.1", "tqdm", "numpy    >=1.2")
    (tmp_path / "requirements.txt").write_bytes(b"\x82\xa0")
    assert read_requirements(tmp_path, "train.py") == ()


def test_of_a_list_that_conda_exports_pip_gets_its_own(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text(
        "# platform: linux-64\n_libgcc_mutex=0.1=main\nabsl-py=0.9.0=pypi_0\nbzip2=1.0.8=h516909a_2\n"
    )
    assert read_requirements(tmp_path, "train.py") == ("absl-py==0.9.0",)


def test_what_the_image_has_is_not_installed_again() -> None:
    lines = (
        "torch==1.1.0",
        "torchvision",
        "numpy",
        "numpy==1.16.4",
        "einops",
        "git+https://example.com/x.git",
        "-e .",
        "Pillow",
        "nvidia-cudnn-cu11",
    )
    needed, dropped = missing(lines, choose("pytorch", "2.1.0"))
    assert needed == ("numpy==1.16.4", "einops", "git+https://example.com/x.git", "-e .")
    assert dropped == ("torch==1.1.0", "torchvision", "numpy", "Pillow", "nvidia-cudnn-cu11")
    assert missing(lines, None) == (lines, ())
    assert missing(("einops",), choose("lightning", "2.1.0"))[0] == ("lightning", "einops")
    assert missing(("pytorch_lightning==1.4",), choose("lightning", "2.1.0"))[0] == ("pytorch_lightning==1.4",)


def test_the_host_of_a_framework_without_image_is_the_one_that_the_repo_pins() -> None:
    job = infer(
        entry_point(framework="transformers", framework_version="4.28.0"), requirements=("torch==1.13.1 ; python_version > '3'", "einops")
    )
    assert job.image is not None
    assert job.image.version == "1.13.1"
    assert job.requirements == ("transformers==4.28.0", "einops")


def test_package_names() -> None:
    table = {"Foo_Bar>=1": "foo-bar", "a @ https://x": "a", "-e .": None, "./x": None, "git+ssh://x": None, "https://x/y.whl": None}
    assert {line: package_of(line) for line in table} == table


def test_a_job_is_a_value() -> None:
    assert infer(entry_point()) == infer(entry_point())
    assert dataclasses.replace(infer(entry_point()), spot=True).spot


@pytest.mark.parametrize("default", [None, "./output"])
def test_the_trainer_of_transformers_saves_where_models_are_kept(default: str | None) -> None:
    values, left_out = hyperparameters([setting("output_dir", default), setting("lr", 0.1)], "HfArgumentParser")
    assert values == {"output_dir": "/opt/ml/model", "lr": 0.1}
    assert not left_out
    assert hyperparameters([setting("output_dir", "./output")], "argparse")[0] == {"output_dir": "./output"}


def test_a_default_that_the_script_makes_is_not_said_to_be_none() -> None:
    made = dataclasses.replace(setting("device", None), computed=True)
    assert [each.reason for each in hyperparameters([made, setting("resume", None)])[1]] == [
        "the script makes its default itself",
        "has no default",
    ]


@pytest.mark.parametrize(
    ("asked", "python", "fits"),
    [
        ("==3.6.12", "3.6", True),
        ("~=3.6.5", "3.6", True),
        (">=3.6.5", "3.6", True),
        ("==3.7.1", "3.6", False),
        (">=3.8", "3.7", False),
        ("<3.7", "3.7", False),
        ("==3.6", "3.6", True),
        ("==3.6.12", None, False),
    ],
)
def test_a_patch_of_python_that_is_asked_for_is_within_its_minor(asked: str, python: str | None, fits: bool) -> None:
    assert allows_python(asked, python) is (fits or python is None)
