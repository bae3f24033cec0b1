"""Which constants are settings."""

from __future__ import annotations

from migrate.facts.constants import find_constants
from tests.rules.harness import program_of


def names(source: str, **others: str) -> list[str]:
    program = program_of({"train.py": source, **{f"{name}.py": text for name, text in others.items()}})
    return [constant.option for constant in find_constants(program)]


def test_settings_at_the_top_and_under_the_guard() -> None:
    source = """
BATCH_SIZE = 32
lr = -1e-3
USE_AMP = True
DATA_DIR = "/home/ubuntu/data"
STEPS = int(1e5)
if __name__ == "__main__":
    epochs = 3
    print(BATCH_SIZE, lr, USE_AMP, DATA_DIR, STEPS, epochs)
"""
    assert names(source) == ["--batch-size", "--lr", "--use-amp", "--data-dir", "--steps", "--epochs"]


def test_what_is_no_setting_stays() -> None:
    source = """
__version__ = "1.0"
best_epoch = 0
total = 0
UNUSED_SIZE = 3
FORMAT = "%(asctime)s %(message)s"
greeting = "hello there, this is a sentence"
batch_size = 32
if best_epoch:
    batch_size = 64
for num_steps in range(3):
    total += num_steps
    print(total, best_epoch, FORMAT, greeting, batch_size)
def reset():
    global best_epoch
    best_epoch = 1
"""
    assert names(source) == []


def test_attributes_of_a_configuration_class() -> None:
    source = """
from enum import Enum
class CFG:
    lr = 0.1
    anything = "x"
    steps: int = 3
class Model(object):
    lr = 0.2
class ModelConfig(Enum):
    a = 1
print(CFG.lr, CFG.anything, CFG().steps, Model.lr, ModelConfig.a)
"""
    assert names(source) == ["--lr", "--anything", "--steps"]


def test_two_settings_of_one_name_are_two_options() -> None:
    source = "import config\nSEED = 1\nprint(SEED, config.SEED, config.LR)\n"
    assert names(source, config="SEED = 2\nLR = 0.1\n", helpers="SIZE = 3\nprint(SIZE)\n") == ["--seed", "--config-seed", "--lr"]
