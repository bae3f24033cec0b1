"""Folders that are asked of the object they were given to: ``writer.log_dir``."""

from __future__ import annotations

import pytest

from tests.facts.programs import codes_of, paths_of

HEAD = "import os, torch\nfrom torch.utils.tensorboard import SummaryWriter\n"
SAVE = "torch.save(m.state_dict(), os.path.join(writer.log_dir, 'last.pt'))\n"
OWN = "os.environ.get({env!r})"
BELOW = "os.path.join(os.environ.get({env!r}, ''), 'runs/one')"


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("writer = SummaryWriter()\n" + SAVE, OWN.format(env="SM_MODEL_DIR")),
        ("writer = SummaryWriter(comment='x')\nprint(writer.log_dir)\n", OWN.format(env="SM_OUTPUT_DATA_DIR")),
        ("writer = SummaryWriter()\nopen(os.path.join(writer.log_dir, 'notes.txt'), 'w')\n", OWN.format(env="SM_OUTPUT_DATA_DIR")),
        ("writer = SummaryWriter('runs/one')\n" + SAVE, BELOW.format(env="SM_MODEL_DIR")),
        ("writer = SummaryWriter(log_dir='runs/one')\n" + SAVE, BELOW.format(env="SM_MODEL_DIR")),
        ("writer = SummaryWriter('runs/one')\n", BELOW.format(env="SM_OUTPUT_DATA_DIR")),
    ],
)
def test_a_model_saved_below_a_writers_folder_takes_the_writer_with_it(source: str, code: str) -> None:
    assert [one.replace('"', "'") for one in codes_of(HEAD + source).values()] == [code]
    assert paths_of(HEAD + source).left == []


def test_the_writer_may_be_an_attribute_of_another_module() -> None:
    keeper = HEAD + "class Run:\n    def __init__(self):\n        self.writer = SummaryWriter()\n"
    keeper += "    def end(self, m):\n        save(m, os.path.join(self.writer.log_dir, 'last.pt'))\n"
    keeper = "from utils import save\n" + keeper
    files = {
        "train.py": "from run import Run\nRun().end(1)\n",
        "run.py": keeper,
        "utils.py": "import torch\ndef save(m, path):\n    torch.save(m, path)\n",
    }
    assert list(codes_of(files).values()) == ['os.environ.get("SM_MODEL_DIR")'] and paths_of(files).left == []


@pytest.mark.parametrize(
    "source",
    [
        "writer = make_writer()\n" + SAVE,  # not known what it is
        "writer = SummaryWriter(**settings)\n" + SAVE,
        "writer = SummaryWriter('runs/one')\ntorch.save(m.state_dict(), os.path.join(writer.folder, 'last.pt'))\n",
    ],
)
def test_what_is_not_known_is_told(source: str) -> None:
    assert [left.reason for left in paths_of(HEAD + source).left if left.kind != "log"] != []


def test_twice_is_once() -> None:
    source = HEAD + "writer = SummaryWriter(os.environ.get('SM_MODEL_DIR'))\n" + SAVE
    assert codes_of(source) == {} and paths_of(source).left == []
