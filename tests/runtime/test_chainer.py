"""Chainer trainers that are killed for real, and end as those that were not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runtime.interruption import Machine

SCRIPT = """
import os
import random

import numpy as np

import chainer
import chainer.functions as F
import chainer.links as L
from chainer import training
from chainer.training import extensions, triggers
from sagemaker_support import resume_trainer

random.seed(0)
np.random.seed(0)
x = np.random.randn(40, 5).astype(np.float32)
data = chainer.datasets.TupleDataset(x, (x.sum(axis=1) > 0).astype(np.int32))


class Windows(chainer.dataset.Iterator):
    # Of the script's own, without serialize.
    def __init__(self):
        self.current, self.epoch, self.is_new_epoch, self.order = 0, 0, False, np.random.permutation(40)

    def __next__(self):
        batch = [data[i] for i in self.order[self.current : self.current + 8]]
        self.current = (self.current + 8) % 40
        self.is_new_epoch = self.current == 0
        if self.is_new_epoch:
            self.epoch += 1
            self.order = np.random.permutation(40)
        return batch

    @property
    def epoch_detail(self):
        return self.epoch + self.current / 40

    @property
    def previous_epoch_detail(self):
        return max(self.epoch_detail - 8 / 40, 0)


class Held(chainer.dataset.Iterator):
    # For an evaluator, which copies it each time: the order that it ends with is the next one's. No snapshot holds it.
    def __init__(self):
        self.dataset, self.current, self.order = data, 0, np.arange(40)

    def __next__(self):
        if self.current >= 24:
            np.random.shuffle(self.order)
            raise StopIteration
        batch = [self.dataset[i] for i in self.order[self.current : self.current + 8]]
        self.current += 8
        return batch

    def serialize(self, serializer):
        self.current = serializer("current", self.current)
        serializer("order", self.order)


class MLP(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.l1 = L.Linear(None, 8)
            self.bn = L.BatchNormalization(8)
            self.l2 = L.Linear(None, 2)

    def forward(self, x):
        return self.l2(F.dropout(F.relu(self.bn(self.l1(x)))))


class Halving(training.Extension):
    # Halves the rate by hand, and counts: neither is in a snapshot.
    trigger = (1, "epoch")

    def __init__(self, optimizer):
        self.optimizer, self.count, self.seen = optimizer, 0, []

    def __call__(self, trainer):
        self.count += 1
        self.seen.append(round(float(trainer.observation["main/loss"].array), 6))
        if self.count % 3 == 0:
            self.optimizer.alpha *= 0.5


class Means(training.Extension):
    # Saves what it has drawn, as Chainer's PlotReport does, but neither the mean that it is about to draw nor when it is due.
    def __init__(self):
        self.summary, self.drawn = chainer.reporter.DictSummary(), []
        self.due = triggers.IntervalTrigger(1, "epoch")

    def __call__(self, trainer):
        self.summary.add({"loss": trainer.observation["main/loss"]})
        if self.due(trainer):
            self.drawn.append(round(float(self.summary.compute_mean()["loss"]), 6))
            self.summary = chainer.reporter.DictSummary()

    def serialize(self, serializer):
        if isinstance(serializer, chainer.serializer.Serializer):
            serializer("drawn", repr(self.drawn))
        else:
            self.drawn = eval(str(serializer("drawn", "")))


def train(name, epochs):
    model = L.Classifier(MLP())
    optimizer = chainer.optimizers.Adam()
    optimizer.setup(model)
    iterator = Windows() if name == "fold1" else chainer.iterators.SerialIterator(data, 8)
    updater = training.updaters.StandardUpdater(iterator, optimizer)
    out = os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], name)
    stop = triggers.EarlyStoppingTrigger(monitor="main/loss", patience=STOP_PATIENCE, max_trigger=(epochs, "epoch"))
    trainer = training.Trainer(updater, stop, out=out)
    halving = Halving(optimizer)
    trainer.extend(halving)
    means = Means()
    trainer.extend(means, trigger=(1, "iteration"))
    trainer.extend(extensions.Evaluator(Held(), model))
    trainer.extend(extensions.snapshot(autoload=True), trigger=(2, "epoch"))
    log = extensions.LogReport()
    trainer.extend(log)
    trainer.extend(extensions.PrintReport(["epoch", "main/loss", "validation/main/loss"]))
    resume_trainer(trainer)
    trainer.run()
    path = os.path.join(os.environ["SM_MODEL_DIR"], name)
    np.save(path, np.concatenate([p.array.ravel() for _, p in sorted(model.namedparams())]))
    print(name, updater.iteration, optimizer.alpha, halving.count, halving.seen, means.drawn, log.log[-1]["validation/main/loss"])


for fold in range(2):
    train("fold%d" % fold, 5)
"""


def machine(folder: Path, patience: int = 9) -> Machine:
    return Machine.make(folder, "chainer", SCRIPT.replace("STOP_PATIENCE", str(patience)), ["resume_trainer"])


def models(found: dict[str, bytes]) -> dict[str, bytes]:
    return {path: content for path, content in found.items() if path.startswith("model/")}


# In the first epoch, in the first trainer, between the two, in the second one; and twice.
@pytest.mark.parametrize("kills", [(1,), (13,), (25, 1), (31, 3)], ids=str)
def test_it_ends_as_one_that_was_not_stopped(kills: tuple[int, ...], tmp_path: Path) -> None:
    whole = machine(tmp_path / "whole")
    last = whole.run().stdout.splitlines()[-1]
    stopped = machine(tmp_path / "stopped")
    assert stopped.interrupted(kills=kills).stdout.splitlines()[-1] == last
    assert models(stopped.outputs()) == models(whole.outputs())
    assert sorted(stopped.outputs()) == sorted(whole.outputs())
    assert last.startswith("fold1 25 ")


def test_early_stopping_stops_where_it_would_have(tmp_path: Path) -> None:
    whole = machine(tmp_path / "whole", patience=1)
    wanted = [line for line in whole.run().stdout.splitlines() if line.startswith("fold")]
    assert " 25 " not in wanted[0]  # it does stop early
    stopped = machine(tmp_path / "stopped", patience=1)
    stopped.run(kill=7)
    assert [line for line in stopped.run().stdout.splitlines() if line.startswith("fold")] == wanted


def test_without_a_checkpoint_folder_it_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    kept, bare = machine(tmp_path / "kept"), machine(tmp_path / "bare")
    source = bare.folder / "code/train.py"
    source.write_text(source.read_text().replace("    resume_trainer(trainer)\n", ""))
    assert kept.run(active=False).stdout == bare.run(active=False).stdout
    assert models(kept.outputs()) == models(bare.outputs())
    assert not any((kept.folder / "checkpoints").iterdir())


LOOP = """
import os
import random

import numpy as np

import chainer
import chainer.functions as F
import chainer.links as L
from chainer import serializers
from sagemaker_support import keeper

random.seed(0)
np.random.seed(0)
words = np.random.randint(0, 6, 60).astype(np.int32)
data = [(words[i], words[i + 1]) for i in range(59)]


class RNN(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.embed = L.EmbedID(6, 8)
            self.lstm = L.LSTM(8, 8)
            self.out = L.Linear(None, 6)

    def reset_state(self):
        self.lstm.reset_state()

    def forward(self, x):
        return self.out(F.dropout(self.lstm(self.embed(x)), 0.2))


model = L.Classifier(RNN())
optimizer = chainer.optimizers.MomentumSGD(lr=0.3)
optimizer.setup(model)
order = chainer.iterators.ShuffleOrderSampler(np.random.RandomState(7))
train_iter = chainer.iterators.SerialIterator(data, 10, order_sampler=order)
test_iter = chainer.iterators.SerialIterator(data, 10, repeat=False, shuffle=False)
losses, count = [], 0
count = keeper.restore(model, optimizer, train_iter, test_iter, losses, count=count)
while keeper.turn() and train_iter.epoch < 5:
    batch = train_iter.next()
    x, t = chainer.dataset.concat_examples(batch)
    loss = model(x, t)
    model.cleargrads()
    loss.backward()
    loss.unchain_backward()
    optimizer.update()
    count += 1
    if train_iter.is_new_epoch:
        optimizer.lr *= 0.7
        with chainer.using_config("train", False):
            losses.append(sum(float(model(*chainer.dataset.concat_examples(b)).array) for b in test_iter))
        test_iter.reset()
np.save(os.path.join(os.environ["SM_MODEL_DIR"], "m"), np.concatenate([p.array.ravel() for _, p in sorted(model.namedparams())]))
serializers.save_npz(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "o.npz"), optimizer)
print(count, optimizer.lr, losses)
"""


@pytest.mark.parametrize("kills", [(1,), (9, 8)], ids=str)
def test_a_loop_by_hand_ends_as_one_that_was_not_stopped(kills: tuple[int, ...], tmp_path: Path) -> None:
    whole = Machine.make(tmp_path / "whole", "chainer", LOOP, ["keeper"])
    last = whole.run().stdout.splitlines()[-1]
    stopped = Machine.make(tmp_path / "stopped", "chainer", LOOP, ["keeper"])
    assert stopped.interrupted(kills=kills).stdout.splitlines()[-1] == last
    assert models(stopped.outputs()) == models(whole.outputs())
