"""What a script wants of its image: from its imports, the names it uses, and the files around it."""

from __future__ import annotations

from importlib.metadata import distributions
from pathlib import Path

import pytest

from migrate.facts.libraries import libraries
from migrate.job.distributions import _modules, distributions_of, system_packages
from migrate.job.images import choose
from migrate.job.infer import infer
from migrate.job.requirements import split
from migrate.job.wheels import why_no_wheel
from migrate.scan import Request, scan
from tests.environments import python_of
from tests.rules.harness import program_of

TRAIN = """
import torch
model = torch.nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), 1)
loss.backward()
optimizer.step()
"""


def test_imports_that_a_script_cannot_do_without() -> None:
    source = """\
import os, sys
import numpy as np
import yaml
import google.protobuf.text_format
import helper
import helper.deep
from typing import TYPE_CHECKING
from . import sibling
if TYPE_CHECKING:
    import pandas
try:
    import apex
except ImportError:
    apex = None
try:
    import ujson as json
except (ImportError, AttributeError):
    import simplejson
try:
    import h5py
finally:
    pass
if sys.version_info < (3,):
    import urllib2, future
def used():
    import wandb
def never():
    import nobody
used()
"""
    found = libraries(program_of({"train.py": source, "helper.py": "import scipy.misc\nif __name__ == '__main__':\n    import fire\n"}))
    assert sorted(found) == ["google.protobuf", "h5py", "numpy", "scipy", "wandb", "yaml"]
    assert (found["yaml"].place.path, found["yaml"].place.span.line) == ("train.py", 3)
    assert (found["scipy"].place.path, found["scipy"].dotted) == ("helper.py", ("scipy.misc",))


@pytest.mark.parametrize("environment", ["main", "tf", "hf", "chainer", "boost"])
def test_the_table_of_packages_is_that_of_their_own_metadata(environment: str) -> None:
    folder = next(python_of(environment).parents[1].glob("lib/python*/site-packages"))
    checked = 0
    for distribution in distributions(path=[str(folder)]):
        name = distribution.metadata["Name"].lower().replace("_", "-").replace(".", "-")
        modules = {str(file).split("/")[0].removesuffix(".py") for file in distribution.files or () if str(file).endswith((".py", ".so"))}
        for module, packages in _modules().items():
            if packages[0] == name and "." not in module:
                assert module in {each.split(".")[0] for each in modules}, (module, name)
                checked += 1
    assert checked >= 3


def test_what_a_script_wants_comes_from_the_files_that_count(tmp_path: Path) -> None:
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "requirements.txt").write_text("torch==2.6.0\neinops==0.6.0\n")
    (tmp_path / "requirements" / "requirements-docs.txt").write_text("sphinx==5\nenvpool==0.8\nnumpy==1.12.1\n")
    (tmp_path / "lib" / "datasets").mkdir(parents=True)
    (tmp_path / "lib" / "datasets" / "pascal.py").write_text("")
    lazy = "def log():\n    import tensorflow as tf\n    import wandb\nlog()\n"
    (tmp_path / "train.py").write_text(f"import envpool\nfrom datasets.pascal import rows\n{lazy}{TRAIN}")
    from migrate.generate.files import jobs_of

    [job] = jobs_of(tmp_path, scan(Request(tmp_path)).entry_points)
    assert job.requirements == ("einops==0.6.0", "envpool==0.8", "wandb")


def test_modules_and_packages() -> None:
    table = {"cv2": "opencv-python", "PIL": "pillow", "yaml": "pyyaml", "sklearn": "scikit-learn", "skimage": "scikit-image"}
    assert {module: distributions_of(module)[0] for module in table} == table
    assert distributions_of("models") == ()
    assert system_packages(["opencv-python", "librosa", "tqdm"]) == (["libgl1", "libglib2.0-0", "libsndfile1", "ffmpeg"], [])
    assert system_packages(["librosa"], amazon=True) == (["libsndfile"], ["ffmpeg"])


def test_what_is_imported_and_declared_nowhere_is_added() -> None:
    image = choose("pytorch", "2.6.0")
    modules = ["torch", "numpy", "cv2", "einops", "timm", "torch_geometric", "wandb", "models", "PIL"]
    found = split(("wandb==0.15",), image, modules, ("einops==0.6.*",))
    assert found.needed == ("wandb==0.15", "einops==0.6.*", "timm", "torch-geometric")
    assert found.added == ("timm", "torch-geometric")
    assert found.unknown == ("models",)
    conda = ("scipy==1.15.0", "h5py", "numpy==1.16.4", "torch==2.6.0")
    pins = split((), image, ["scipy", "h5py", "numpy", "torch"], conda)
    assert pins.needed == ("scipy==1.15.0",)  # NumPy's pin has no wheel for this Python, the framework is the image's
    assert pins.added == ()
    assert split((), image, ["models"], ["models==2"]).needed == ("models==2",)
    assert split(("-e .",), image, ["models"]).unknown == ()
    assert split(("opencv-python-headless",), choose("xgboost"), ["cv2"]).added == ()
    assert split((), choose("tensorflow", "2.12.0"), ["torch"]).needed == ("torch",)
    assert split((), None, ["anything"]).unknown == ()


def test_lines_that_pip_cannot_install_are_left_out_and_told() -> None:
    lines = ("dill==0.3.3", "python==3.6.12", "pytorch==1.3.1", "opencv3", "logging", "cudatoolkit=10.1", "distutils")
    found = split(lines, choose("pytorch", "1.3.1"))
    assert found.needed == ("dill==0.3.3", "opencv-python")
    for name in ("python==", "pytorch==", "logging", "cudatoolkit", "distutils"):
        assert any(note.startswith(name) for note in found.notes), name


def test_pins_that_no_wheel_fits_are_told() -> None:
    assert why_no_wheel("numpy", "1.16.4", "3.13") == "numpy 1.16.4 has no wheel for Python 3.13: there are 2.1.0 to 2.5.5"
    assert why_no_wheel("numpy", "1.16.4", "3.6") is None
    assert why_no_wheel("numpy", "1.16.4", None) is None
    assert why_no_wheel("nobody", "1", "3.13") is None
    image = choose("pytorch", "2.10.0")
    found = split(("numpy==1.16.4", "pycocotools==2.0.0", "sklearn", "pathlib"), image)
    assert found.needed == ("pycocotools==2.0.0",)
    assert found.dropped == ("scikit-learn",)
    assert [note.split(":")[0] for note in found.notes] == [
        "sklearn is written as scikit-learn",
        "pathlib is left out",
        "numpy==1.16.4 is left out, and the image's own version holds",
        "pycocotools==2.0.0 has to be built from source in the job, which may fail",
    ]


@pytest.mark.parametrize(
    ("files", "image"),
    [
        ({"requirements.txt": "torch>=1.1\nnumpy==1.19.5\n"}, "pytorch-training:1.13.1-{processor}-py39"),
        ({"requirements.txt": "torch\nnumpy==1.24.1\n"}, "pytorch-training:2.5.1-{processor}-py311"),
        ({"environment.yml": "dependencies:\n- python=3.10\n- pytorch>=1.7\n"}, "pytorch-training:2.2.0-{processor}-py310"),
        ({".python-version": "3.12.1\n"}, "pytorch-training:2.9.0-{processor}-py312"),
        ({"Dockerfile": "FROM pytorch/pytorch:1.6.0-cuda10.1-cudnn7-devel\n"}, "pytorch-training:1.6.0-{processor}-py36"),
        ({"train.py": TRAIN + "model.cuda(async=True)\n"}, "pytorch-training:1.8.1-{processor}-py36"),
        ({}, "pytorch-training:2.10.0-{processor}-py313"),
    ],
)
def test_the_image_follows_what_is_pinned(tmp_path: Path, files: dict[str, str], image: str) -> None:
    (tmp_path / "train.py").write_text(TRAIN)
    for path, text in files.items():
        (tmp_path / path).write_text(text)
    from migrate.generate.files import jobs_of

    found = scan(Request(tmp_path))
    [job] = jobs_of(tmp_path, found.entry_points)
    assert job.image is not None
    assert job.image.name == image


@pytest.mark.parametrize(
    ("source", "image"),
    [
        ("import tensorflow as tf\nwith tf.Session() as s:\n    s.run(train)\n", "tensorflow-training:1.15.5"),
        ("import tensorflow.compat.v1 as tf\nwith tf.Session() as s:\n    s.run(train)\n", "tensorflow-training:2.21.0"),
        ("import tensorflow as tf\nfrom tensorflow.contrib import slim\nslim.learning.train(1)\n", "tensorflow-training:1.15.5"),
    ],
)
def test_the_api_that_the_code_uses_tells_the_version(tmp_path: Path, source: str, image: str) -> None:
    from migrate.generate.files import jobs_of

    (tmp_path / "train.py").write_text(f"import tensorflow\ntrain = optimizer.minimize(loss)\n{source}")
    [job] = jobs_of(tmp_path, scan(Request(tmp_path)).entry_points)
    assert job.image is not None
    assert job.image.name.startswith(image)


def test_a_version_that_the_code_insists_on_is_the_one_that_is_installed(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import timm\nassert timm.__version__ == '0.3.2'  # checked\n" + TRAIN)
    found = libraries(program_of({"train.py": (tmp_path / "train.py").read_text()}))
    assert found["timm"].version == "0.3.2"
    result = scan(Request(tmp_path))
    assert not [finding for finding in result.findings if finding.rule == "SM501"]
    any_of_it = libraries(program_of({"train.py": "import timm\nassert timm.__version__ >= '0.3'\n" + TRAIN}))
    assert any_of_it["timm"].version is None


def test_names_of_tensorflow_1_are_told_beside_another_framework_too(tmp_path: Path) -> None:
    writer = "import tensorflow as tf\nwriter = tf.summary.FileWriter('logs')\n"
    (tmp_path / "train.py").write_text(writer + TRAIN)
    told = [finding for finding in scan(Request(tmp_path)).findings if finding.rule == "SM515"]
    assert len(told) == 1 and "the job installs the newest" in told[0].message
    (tmp_path / "train.py").write_text(writer.replace("import tensorflow as", "import tensorflow.compat.v1 as") + TRAIN)
    assert not [finding for finding in scan(Request(tmp_path)).findings if finding.rule == "SM515"]


SESSION = """
import tensorflow as tf
w = tf.Variable(0.0)
train_op = tf.train.AdamOptimizer(0.1).minimize(tf.square(w))
with tf.Session() as sess:
    for step in range(10):
        sess.run(train_op)
"""


@pytest.mark.parametrize(
    ("declared", "major"),
    [
        ("", 1),
        ("tensorflow\n", 1),
        ("tensorflow>=1.0.0\n", 1),
        ("tensorflow-gpu>1.4\n", 1),
        ("tensorflow>=2.1\n", 2),
        ("tensorflow==2.3.0\n", 2),
    ],
)
def test_code_of_tensorflow_1_below_a_lower_bound_gets_tensorflow_1(declared: str, major: int, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SESSION)
    (tmp_path / "requirements.txt").write_text(declared)
    (point,) = scan(Request(tmp_path)).entry_points
    image = infer(point, requirements=declared.splitlines()).image
    assert image is not None and image.version.split(".")[0] == str(major)
