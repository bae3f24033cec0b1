"""The image tables: the very URIs of the SDK v3, for every version, region and processor; and the choice between them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from migrate.job.images import NoImage, _tables, choose, choose_huggingface, nearest, processor_of
from tests.environments import python_of
from tests.job.extracts import tool

ASK = """
import json, logging, sys
logging.disable(logging.CRITICAL)
from sagemaker.core import image_uris
for line in sys.stdin:
    case = json.loads(line)
    base = {"base_framework_version": case["base"]} if case.get("base") else {}
    print(image_uris.retrieve(
        case["framework"], case["region"], version=case["version"], py_version=case["py"], instance_type=case["instance"],
        image_scope="training", **base))
"""
INSTANCES = {"cpu": "ml.m5.xlarge", "gpu": "ml.g5.xlarge"}


def cases() -> tuple[list[dict[str, str | None]], list[str]]:
    """What the SDK is asked, and what this project says."""
    asked: list[dict[str, str | None]] = []
    ours: list[str] = []
    for framework, table in _tables()["frameworks"].items():
        for version in table["versions"]:
            if framework == "huggingface":
                if not any(base.startswith("pytorch") for base in table["versions"][version]["by_base"]):
                    continue
                for base in (b for b in table["versions"][version]["by_base"] if b.startswith("pytorch")):
                    image = choose_huggingface(version, base)
                    asked.append(case(framework, "eu-west-1", version, image.py_version, "gpu", base))
                    ours.append(image.uri("eu-west-1", "gpu"))
                continue
            image = choose(framework, version, "py2" if table["versions"][version].get("py_versions") == ["py2"] else None)
            newest = version == list(table["versions"])[-1]
            for region in dict(image.registries) if newest else ("eu-west-1",):
                for processor in image.processors or ("cpu",):
                    asked.append(case(framework, region, version, image.py_version, processor))
                    ours.append(image.uri(region, processor))
    return asked, ours


def case(framework: str, region: str, version: str, py: str | None, processor: str, base: str | None = None) -> dict[str, str | None]:
    return {"framework": framework, "region": region, "version": version, "py": py, "instance": INSTANCES[processor], "base": base}


def test_uris_are_those_of_the_sdk() -> None:
    asked, ours = cases()
    lines = "".join(json.dumps(item) + "\n" for item in asked)
    answer = subprocess.run(
        [str(python_of("sdk3")), "-c", ASK],
        input=lines,
        capture_output=True,
        text=True,
        check=True,
        env={
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
        },
    )
    theirs = answer.stdout.split()
    assert len(theirs) == len(ours) > 300
    assert [pair for pair in zip(ours, theirs, strict=True) if pair[0] != pair[1]] == []


def test_the_extract_is_that_of_the_sdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [tables] = python_of("sdk3").parents[1].glob("lib/python*/site-packages/sagemaker/core/image_uri_config")
    module = tool("extract_images")
    monkeypatch.setattr(module, "TARGET", tmp_path / "images.json")
    monkeypatch.setattr(sys, "argv", ["extract_images.py", str(tables)])
    module.main()
    made = json.loads((tmp_path / "images.json").read_text("utf-8"))
    kept = _tables()
    assert made["registries"] == kept["registries"]
    assert made["frameworks"] == kept["frameworks"]
    assert made["source"] == kept["source"]


@pytest.mark.parametrize(
    ("framework", "version", "name"),
    [
        ("pytorch", "2.1.0", "pytorch-training:2.1.0-{processor}-py310"),
        ("pytorch", "2.0", "pytorch-training:2.0.1-{processor}-py310"),
        ("pytorch", "1.1.0", "sagemaker-pytorch:1.1.0-{processor}-py3"),
        ("tensorflow", "2.15.0", "tensorflow-training:2.16.2-{processor}-py310"),
        ("keras", "2.12.0", "tensorflow-training:2.12.0-{processor}-py310"),
        ("keras", "3.15.0", "tensorflow-training:2.21.0-{processor}-py312"),
        ("tensorflow", "1.7.0", "sagemaker-tensorflow-scriptmode:1.11.0-{processor}-py3"),
        ("chainer", "7.8.1", "sagemaker-chainer:5.0.0-{processor}-py3"),
        ("sklearn", "1.2.2", "sagemaker-scikit-learn:1.2-1-cpu-py3"),
        ("xgboost", "1.7.6", "sagemaker-xgboost:1.7-1"),
        ("lightning", "1.7.1+cu110", "pytorch-training:1.7.1-{processor}-py36"),
        ("accelerate", "2.0", "pytorch-training:2.0.1-{processor}-py310"),
        ("transformers", "4.28.0", "pytorch-training:2.10.0-{processor}-py313"),
        ("jax", "0.4.8", "pytorch-training:2.10.0-{processor}-py313"),
    ],
)
def test_chooses(framework: str, version: str, name: str) -> None:
    assert choose(framework, version).name == name


def test_says_what_it_had_to_choose() -> None:
    assert choose("pytorch", "2.1.0").note is None
    assert choose("pytorch", "2.1").note is None
    assert "nearest" in str(choose("tensorflow", "2.15.0").note)
    assert "newest" in str(choose("pytorch").note)
    assert "2018" in str(choose("chainer", "7.8.1").note)
    assert "no image of its own" in str(choose("jax").note)
    assert choose("jax").extra == ("jax[cuda12]",)
    assert choose("lightning", "2.1.0").extra == ("lightning",)
    assert choose("transformers", "4.28.0").extra == ("transformers==4.28.0",)
    assert choose("transformers", "4.28.0", host_version="1.13.1").name == "pytorch-training:1.13.1-{processor}-py39"
    assert choose("pytorch").extra == ()


def test_no_image() -> None:
    with pytest.raises(NoImage, match="fortran"):
        choose("fortran")
    with pytest.raises(NoImage, match="mars-1"):
        choose("pytorch").uri("mars-1")
    with pytest.raises(NoImage, match="cpu only"):
        choose("sklearn").uri("us-east-1", "gpu")


def test_nearest() -> None:
    versions = dict.fromkeys(["1.4.0", "2.1.0", "2.1.3", "2.4.0", "2.10.0"])
    aliases = {"2.1": "2.1.3"}
    table = {
        "2.1.0": "2.1.0",
        "2.1": "2.1.3",
        "2.1.9": "2.1.3",
        "2.2": "2.4.0",
        "2.11": "2.10.0",
        "1.0": "1.4.0",
        "1.9": "1.4.0",
        "3.0": "2.10.0",
    }
    assert {wanted: nearest(wanted, versions, aliases) for wanted in table} == table
    assert nearest(None, versions, aliases) == "2.10.0"


def test_processors() -> None:
    types = {
        "ml.g5.xlarge": "gpu",
        "ml.p6-b300.48xlarge": "gpu",
        "ml.m5.large": "cpu",
        "ml.trn1.2xlarge": "neuron",
        "local_gpu": "gpu",
        "local_cpu": "cpu",
    }
    assert {name: processor_of(name) for name in types} == types


@pytest.mark.parametrize(
    ("bounds", "version"),
    [(">=1.4", "2.10.0"), (">=1.4,<2", "1.13.1"), ("<1.8", "1.7.1"), ("~=1.9.0", "1.9.1"), (">=99", "2.10.0"), ("no specifier", "2.10.0")],
)
def test_a_bound_is_no_pin(bounds: str, version: str) -> None:
    image = choose("pytorch", bounds=bounds)
    assert image.version == version
    assert "no official image" in str(image.note) if bounds == ">=99" else version in str(image.note)


def test_the_newest_image_whose_python_suits() -> None:
    assert choose("pytorch", suits=lambda python: python == "3.8").version == "1.12.1"
    assert choose("pytorch", suits=lambda python: 0).version == "2.10.0"
    assert choose("sklearn", suits=lambda python: python == "3.9").version == "1.2-1"
    assert choose("pytorch", "2.1.0", suits=lambda python: 0).version == "2.1.0"


def test_what_an_image_holds_is_known_for_nearly_all() -> None:
    tables = _tables()["frameworks"]
    images = [choose(name, version) for name, table in tables.items() if name != "huggingface" for version in table["versions"]]
    known = [image for image in images if image.contents is not None]
    assert len(known) > 0.9 * len(images)
    assert {image.framework for image in known} == set(tables) - {"huggingface"}
    image = choose("pytorch", "2.6.0")
    assert image.python == "3.12"
    assert image.contents is not None
    assert (image.contents.cuda, image.contents.system) == ("12.6", "ubuntu22.04")
    assert image.contents.packages["torchvision"] == "0.21.0"
    assert {"scikit-learn", "joblib", "pyyaml", "opencv-python"} <= image.present
    assert "build-essential" in image.contents.system_packages
    assert choose("pytorch", "1.4.0").python == "3.6"
    assert "tensorflow" in choose("tensorflow", "2.16.2").present
