"""What frameworks print by themselves: the expressions are tried on the text that each of them really writes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.environments import python_of
from tests.facts.test_metrics import metrics

KERAS = """
import keras
import numpy as np

model = keras.Sequential([keras.layers.Dense(1)])
model.compile("sgd", "mse", metrics=["mae"])
model.fit(np.ones((8, 2)), np.ones((8, 1)), epochs=2, verbose={verbose}, validation_data=(np.ones((8, 2)), np.ones((8, 1))))
"""
TRANSFORMERS = """
import torch
from transformers import Trainer, TrainingArguments

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
    def forward(self, x, labels=None):
        y = self.layer(x)
        return {"loss": ((y - labels) ** 2).mean(), "logits": y}

rows = [{"x": torch.ones(1), "labels": torch.ones(1)} for _ in range(8)]
settings = TrainingArguments("out", num_train_epochs=2, logging_steps=1, eval_strategy="epoch", save_strategy="no", report_to=[])
trainer = Trainer(Net(), settings, train_dataset=rows, eval_dataset=rows)
trainer.train()
"""
LIGHTNING = """
import torch
import lightning

class Net(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
    def training_step(self, batch, index):
        loss = self.layer(batch).mean()
        self.log("train_loss", loss, prog_bar=True)
        self.log("hidden", loss)
        return loss
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)

trainer = lightning.Trainer(max_epochs=2, accelerator="cpu", logger=False, enable_checkpointing=False)
trainer.fit(Net(), torch.utils.data.DataLoader(torch.ones(8, 1)))
"""
CHAINER = """
import chainer
import numpy as np
from chainer.training import extensions

model = chainer.links.Classifier(chainer.links.Linear(2, 2))
optimizer = chainer.optimizers.SGD().setup(model)
rows = chainer.datasets.TupleDataset(np.ones((8, 2), "f"), np.ones(8, "i"))
steps = chainer.iterators.SerialIterator(rows, 4)
trainer = chainer.training.Trainer(chainer.training.StandardUpdater(steps, optimizer), (2, "epoch"), out="out")
trainer.extend(extensions.Evaluator(chainer.iterators.SerialIterator(rows, 4, repeat=False, shuffle=False), model))
trainer.extend(extensions.LogReport())
trainer.extend(extensions.PrintReport(["epoch", "main/loss", "validation/main/loss", "main/accuracy", "elapsed_time"]))
trainer.run()
"""
XGBOOST = """
import numpy as np
import xgboost as xgb

rows = xgb.DMatrix(np.random.rand(20, 2), np.random.rand(20))
xgb.train({"eval_metric": ["rmse", "mae"]}, rows, 3, evals=[(rows, "train"), (rows, "valid")])
"""
LIGHTGBM = """
import lightgbm as lgb
import numpy as np

rows = lgb.Dataset(np.random.rand(60, 2), np.random.rand(60))
more = lgb.Dataset(np.random.rand(60, 2), np.random.rand(60), reference=rows)
lgb.train({"objective": "l2"}, rows, 3, valid_sets=[rows, more], valid_names=["train", "valid"], callbacks=[lgb.log_evaluation(1)])
"""
# environment, script, how many values each metric has at the least
RUNS = {
    "keras": ("tf", KERAS.format(verbose=2), {"train_loss": 2, "train_mae": 2, "validation_loss": 2, "validation_mae": 2}),
    "keras bar": ("tf", KERAS.format(verbose=1), {"train_loss": 2, "train_mae": 2, "validation_loss": 2, "validation_mae": 2}),
    "transformers": ("hf", TRANSFORMERS, {"train_loss": 2, "validation_loss": 2}),
    "lightning": ("hf", LIGHTNING, {"train_loss": 1}),
    "chainer": ("chainer", CHAINER, {"train_loss": 2, "validation_loss": 2, "train_accuracy": 2}),
    "xgboost": ("boost", XGBOOST, {"train_metric": 3, "validation_metric": 3}),
    "lightgbm": ("boost", LIGHTGBM, {"train_metric": 3, "validation_metric": 3}),
}


@pytest.mark.parametrize("name", RUNS)
def test_the_values_are_found_in_what_the_framework_writes(name: str, tmp_path: Path) -> None:
    environment, script, expected = RUNS[name]
    (tmp_path / "train.py").write_text(script)
    quiet = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3", "LANG": "C.UTF-8"}
    quiet["COLUMNS"] = "200"  # as in the job: see job/infer.py
    words = [str(python_of(environment)), "-u", "train.py"]
    done = subprocess.run(words, cwd=tmp_path, env=quiet, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    assert done.returncode == 0, done.stdout
    found = metrics(script)
    assert set(found) == set(expected)
    for metric, regex in found.items():
        values = [float(match.group(1)) for line in done.stdout.splitlines() for match in re.finditer(regex, line)]
        assert len(values) >= expected[metric], (metric, regex, done.stdout)


def test_columns_are_told_apart() -> None:
    found = metrics(CHAINER)
    row = "\x1b[J1           0.5         0.25                  0.75           1.25    "
    taken = {name: match.group(1) for name, regex in found.items() if (match := re.search(regex, row))}
    assert taken == {"train_loss": "0.5", "validation_loss": "0.25", "train_accuracy": "0.75"}
    assert not any(
        re.search(regex, "epoch       main/loss   validation/main/loss  main/accuracy  elapsed_time") for regex in found.values()
    )


def test_lists_that_have_a_name_are_followed_while_nothing_adds_to_them() -> None:
    named = XGBOOST.replace("xgb.train(", "watched = [(rows, 'train'), (rows, 'valid')]\nxgb.train(").replace(
        'evals=[(rows, "train"), (rows, "valid")]', "evals=watched"
    )
    assert metrics(named) == metrics(XGBOOST)
    assert metrics(named.replace("\nxgb.train(", "\nwatched.append(x)\nxgb.train(")) == {}


def test_both_of_lightnings_bars() -> None:
    (regex,) = metrics(LIGHTNING).values()
    assert re.findall(regex, "Epoch 1: 100%|###| 8/8 [00:00<00:00, 9.1it/s, v_num=0, train_loss=-0.250]") == ["-0.250"]
    assert re.findall(regex, "Epoch 1/1  ━━━━ 8/8 0:00:00 • 0:00:00 235.60it/s train_loss: -3.287") == ["-3.287"]


@pytest.mark.parametrize(
    ("script", "before", "after"),
    [
        (KERAS.format(verbose=1), "model.fit(", "keras_fit(model.fit)("),
        (TRANSFORMERS, "trainer.train(", "transformers_train(trainer.train)("),
        (XGBOOST, "xgb.train(", "resumable(xgb.train)("),
    ],
)
def test_they_are_the_same_of_what_is_migrated(script: str, before: str, after: str) -> None:
    """A second apply tells the same job."""
    changed = f"from sagemaker_support import {after.partition('(')[0]}\n{script.replace(before, after)}"
    assert metrics(script) and metrics(changed) == metrics(script)


@pytest.mark.parametrize(
    "script",
    [
        KERAS.format(verbose=0),
        "import keras\nimport sklearn.svm\nsklearn.svm.SVC().fit(x, y, verbose=1)\n",
        XGBOOST.replace("evals=[", "verbose_eval=False, evals=["),
        LIGHTGBM.replace(", callbacks=[lgb.log_evaluation(1)]", ""),
        LIGHTNING.replace(", prog_bar=True", ""),
        CHAINER.replace('"main/loss", "validation/main/loss"', "*columns"),
    ],
)
def test_what_is_not_printed_has_no_metric(script: str) -> None:
    assert metrics(script) == {}
