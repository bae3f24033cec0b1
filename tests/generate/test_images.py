"""What builds an image: Dockerfile, its .dockerignore, and the script that builds and pushes; looked at by hadolint and shellcheck."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from dockerfile_parse import DockerfileParser

from migrate.generate.files import generate
from migrate.scan import Request, scan
from tests.fixtures.harness import FIXTURES, Fixture, fixtures
from tests.verify.test_built import NAMES

BIN = Path(sys.executable).parent
TRAIN = """
import torch
{imports}
model = torch.nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), 1)
model(torch.ones(1)).sum().backward()
optimizer.step()
"""


def made(root: Path) -> dict[str, bytes]:
    """The files that build an image for the repo at ``root``, by name."""
    found = generate(root, scan(Request(root)).entry_points)
    return {file.path.partition("/")[2]: file.content for file in found.files if "Dockerfile" in file.path or file.path.endswith(".sh")}


def repo(tmp_path: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def instructions(content: bytes) -> list[tuple[str, str]]:
    parser = DockerfileParser(fileobj=io.BytesIO(content))
    return [(each["instruction"], each["value"]) for each in parser.structure if each["instruction"] != "COMMENT"]


def check(files: dict[str, bytes], folder: Path) -> None:
    """hadolint and shellcheck find nothing, not even a hint."""
    for name, content in files.items():
        path = folder / name
        path.write_bytes(content)
        if name.endswith(".dockerignore"):
            continue
        tool = ["shellcheck"] if name.endswith(".sh") else ["hadolint", "--no-color"]
        run = subprocess.run([str(BIN / tool[0]), *tool[1:], str(path)], capture_output=True, text=True)
        assert (run.returncode, run.stdout, run.stderr) == (0, "", ""), content.decode()


CASES = {
    "nothing": ({"requirements.txt": "torch==2.6.0\nnumpy\n"}, "", []),
    "wheels": ({"requirements.txt": "torch==2.6.0\neinops\n"}, "import einops", ["FROM", "COPY", "RUN"]),
    "system": ({"requirements.txt": "torch==2.6.0\n"}, "import librosa, cv2", ["FROM", "RUN", "COPY", "RUN"]),
    "extension": ({"ops/setup.py": "setup(ext_modules=[CUDAExtension('a', ['a.cu'])])"}, "", ["FROM"]),
}


@pytest.mark.parametrize("name", CASES)
def test_an_image_is_built_where_the_official_one_lacks_something(tmp_path: Path, name: str) -> None:
    files, imports, expected = CASES[name]
    found = made(repo(tmp_path / "repo", {"train.py": TRAIN.format(imports=imports), **files}))
    assert ("Dockerfile" in found) == bool(expected)
    assert ("build_and_push.sh" in found) == bool(expected)
    if expected:
        check(found, tmp_path)
        assert [word for word, _ in instructions(found["Dockerfile"])] == expected
    if name == "system":
        text = found["Dockerfile"].decode()
        assert "--no-install-recommends libsndfile1 ffmpeg \\\n" in text
        assert "libgl1" not in text  # this image has it
        assert instructions(found["Dockerfile"])[0][1] == "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.6.0-gpu-py312"
    if name == "extension":
        assert '# COPY ["ops/", "/opt/extensions/1/"]' in found["Dockerfile"].decode()


def test_amazon_linux_has_other_names(tmp_path: Path) -> None:
    source = "import tensorflow as tf\nimport cv2, librosa\nmodel = tf.keras.Sequential()\nmodel.fit(1)\n"
    found = made(repo(tmp_path / "repo", {"train.py": source}))
    check(found, tmp_path)
    text = found["Dockerfile"].decode()
    [line] = [line for line in text.splitlines() if "dnf install" in line]
    assert "libsndfile" in line and "mesa-libGL" not in line  # the image brings OpenCV itself
    assert "Amazon Linux has no package ffmpeg" in text


def test_chainer_gets_an_image_that_is_built(tmp_path: Path) -> None:
    source = "import chainer\ntrainer = chainer.training.Trainer(1)\ntrainer.run()\n"
    found = made(repo(tmp_path / "repo", {"train.py": source, "requirements.txt": "chainer==5.0.0\ntqdm\n"}))
    check(found, tmp_path)
    words = instructions(found["Dockerfile"])
    assert words[0] == ("FROM", "nvidia/cuda:11.8.0-cudnn8-devel-ubuntu22.04")
    assert json.loads(words[-1][1]) == ["train"]
    assert "2018" in found["Dockerfile"].decode()
    assert '"sagemaker-training==' in found["Dockerfile"].decode()


@pytest.mark.parametrize("fixture", fixtures(), ids=lambda fixture: fixture.name)
def test_those_of_the_fixtures_are_clean(fixture: Fixture, tmp_path: Path) -> None:
    found = made(FIXTURES / fixture.name / "before")
    check(found, tmp_path)
    assert ("Dockerfile" in found) == (fixture.name in NAMES)


def test_only_what_is_copied_is_sent_to_the_engine(tmp_path: Path) -> None:
    found = made(repo(tmp_path / "repo", {"train.py": TRAIN.format(imports="import einops"), ".env": "SECRET=1\n"}))
    lines = [line for line in found["Dockerfile.dockerignore"].decode().splitlines() if not line.startswith("#")]
    assert lines == ["*", "!sagemaker_job/requirements.txt"]


def test_the_script_builds_and_pushes_each_image_once(tmp_path: Path) -> None:
    files = {"train.py": TRAIN.format(imports="import einops"), "b/train.py": TRAIN.format(imports="import timm")}
    root = repo(tmp_path / "a repo", {**files, "b/requirements.txt": "timm\n", "requirements.txt": "einops\n"})
    found = made(root)
    (root / "sagemaker_job").mkdir()
    for name, content in found.items():
        (root / "sagemaker_job" / name).write_bytes(content)
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("aws", "docker"):
        (tools / tool).write_text(
            f'#!/usr/bin/env bash\necho "{tool} $*" >> "{tmp_path}/said"\n[ "$1 $2" = "sts get-caller-identity" ] && echo 123456789012\n'
            '[ "$1 $2" != "ecr describe-repositories" ]\n'
        )
        (tools / tool).chmod(0o755)
    script = root / "sagemaker_job" / "build_and_push.sh"
    environment = {"PATH": f"{tools}:{os.environ['PATH']}"}
    run = subprocess.run(["bash", str(script), "eu-west-1", "7"], env=environment, capture_output=True, text=True, cwd="/")
    assert run.returncode == 0, run.stderr
    said = (tmp_path / "said").read_text().splitlines()
    pushed = [line.split()[-1] for line in said if line.startswith("docker push")]
    assert len(pushed) == len(set(pushed)) == 2
    assert all(image.startswith("123456789012.dkr.ecr.eu-west-1.amazonaws.com/a-repo-") and image.endswith(":7") for image in pushed)
    assert all(f'image = "{image}"' in run.stdout for image in pushed)
    assert sum("create-repository" in line for line in said) == 2
