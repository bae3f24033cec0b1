# ruff: noqa: E501
"""What the loops of Chainer and scikit-learn carry, and whose loop an act of training stands in."""

from __future__ import annotations

import pytest

from migrate.facts.training.resume import Resume, find_resumes
from migrate.facts.training.trainers import trainer_runs
from tests.facts.programs import program_of

CHAINER = """\
import chainer
import chainer.links as L
from chainer import optimizers, serializers


class Net(chainer.Chain):
    pass


model = L.Classifier(Net())
train_iter = chainer.iterators.SerialIterator(data(), 10)
"""
STEP = "    batch = train_iter.next()\n    optimizer.update(model, batch)\n"


def only(source: str) -> Resume:
    (found,) = find_resumes(program_of({"train.py": source}))
    return found


@pytest.mark.parametrize(
    ("source", "objects"),
    [
        (
            "optimizer = optimizers.Adam()\noptimizer.setup(model)\nwhile train_iter.epoch < 3:\n" + STEP,
            ("model", "train_iter", "optimizer"),
        ),
        ("optimizer = optimizers.Adam().setup(model)\nwhile train_iter.epoch < 3:\n" + STEP, ("model", "train_iter", "optimizer")),
        (
            "optimizer = optimizers.Adam()\noptimizer.setup(Net())\nfor i in range(3):\n    optimizer.update(loss, i)\n",
            ("optimizer", "optimizer.target"),
        ),
    ],
)
def test_a_chainer_loop_carries_model_optimizer_and_iterators(source: str, objects: tuple[str, ...]) -> None:
    found = only(CHAINER + source)
    assert found.refused is None
    assert found.objects == objects


def test_the_model_that_a_function_takes_from_the_optimizer() -> None:
    source = CHAINER + (
        "def train(optimizer, train_iter):\n    model = optimizer.target\n    while train_iter.epoch < 3:\n"
        "        optimizer.update(model, train_iter.next())\n\n\noptimizer = optimizers.Adam()\noptimizer.setup(model)\ntrain(optimizer, train_iter)\n"
    )
    assert sorted(only(source).objects) == ["model", "optimizer", "train_iter"]


@pytest.mark.parametrize(("own", "refused"), [("    def serialize(self, serializer): pass\n", False), ("", True)])
def test_an_iterator_of_the_scripts_own_needs_serialize(own: str, refused: bool) -> None:
    source = CHAINER + (
        f"class Words(chainer.dataset.Iterator):\n    def __next__(self): return 1\n{own}\n\nwords = Words()\noptimizer = optimizers.SGD()\n"
        "optimizer.setup(model)\nwhile words.epoch < 3:\n    batch = words.__next__()\n    optimizer.update(model, batch)\n"
    )
    found = only(source)
    assert (found.refused is not None) == refused
    assert refused or "words" in found.objects


def test_what_a_trainer_calls_is_no_loop_of_the_scripts() -> None:
    source = CHAINER + (
        "class Updater(chainer.training.updaters.StandardUpdater):\n    def update_core(self):\n        optimizer = self.get_optimizer('main')\n"
        "        for i in range(5):\n            loss = optimizer.target(1)\n            loss.backward()\n            optimizer.update()\n\n\n"
        "optimizer = optimizers.SGD()\noptimizer.setup(model)\n"
        "trainer = chainer.training.Trainer(Updater(train_iter, optimizer), (3, 'epoch'))\ntrainer.run()\n"
    )
    program = program_of({"train.py": source})
    assert find_resumes(program) == []
    assert [run.receiver for run in trainer_runs(program)] == ["trainer"]


@pytest.mark.parametrize(
    ("source", "receiver", "refused"),
    [
        ("class T:\n    def __init__(self):\n        self.t = Trainer(u())\n    def go(self):\n        self.t.run()\n\n\nT().go()\n", "self.t", None),
        ("def make():\n    return Trainer(u())\n\n\nt = make()\nt.run()\n", "t", None),
        ("Trainer(u()).run()\n", "Trainer(u())", "no name"),
        ("t = Trainer(u())\nprint([t.run() for _ in [1]])\n", "t", "larger expression"),
        ("import optuna\n\ndef objective(trial):\n    t = Trainer(u())\n    t.run()\n\n\noptuna.create_study().optimize(objective)\n", "t", "library"),
    ],
)  # fmt: skip
def test_where_a_trainer_runs(source: str, receiver: str, refused: str | None) -> None:
    (run,) = trainer_runs(program_of({"train.py": "from chainer.training import Trainer\n\n" + source}))
    assert run.receiver == receiver
    assert (refused is None) == (run.refused is None)
    assert refused is None or refused in (run.refused or "")


def test_partial_fit_trains() -> None:
    source = (
        "from sklearn.linear_model import SGDClassifier\nfrom sklearn.preprocessing import StandardScaler\n"
        "scaler, model = StandardScaler(), SGDClassifier()\nbest = 0\nfor epoch in range(9):\n    for x, y in chunks():\n"
        "        model.partial_fit(scaler.partial_fit(x).transform(x), y, classes=[0, 1])\n    best = max(best, model.score(x, y))\n"
    )
    found = only(source)
    assert (set(found.objects), found.values) == ({"model", "scaler"}, ("best",))


def test_random_generators_of_the_scripts_own_are_carried() -> None:
    source = (
        "import random\nimport numpy as np\nfrom sklearn.linear_model import SGDRegressor\nmodel = SGDRegressor()\nrng = np.random.RandomState(1)\n"
        "new, old = np.random.default_rng(2), random.Random(3)\nfor epoch in range(9):\n"
        "    model.partial_fit(rng.rand(4, 2), new.random(4))\n    old.shuffle([1, 2])\n"
    )
    assert set(only(source).objects) == {"model", "rng", "new", "old"}


def test_gluon_trains_a_net_with_a_trainer() -> None:
    source = (
        "from mxnet import autograd, gluon\nnet = gluon.nn.Sequential()\ntrainer = gluon.Trainer(net.collect_params(), 'sgd')\n"
        "for epoch in range(9):\n    for x in data():\n        with autograd.record():\n            loss = net(x)\n"
        "        loss.backward()\n        trainer.step(4)\n"
    )
    assert only(source).objects == ("net", "trainer")


def test_scaling_alone_is_no_training() -> None:
    source = "from sklearn.preprocessing import StandardScaler\ns = StandardScaler()\nfor x in chunks():\n    s.partial_fit(x)\n"
    assert find_resumes(program_of({"train.py": source})) == []


def test_fit_without_a_turn_to_go_on_from_is_no_act() -> None:
    source = "from sklearn.svm import SVC\nfor c in [1, 10]:\n    model = SVC(C=c)\n    model.fit([[1], [2]], [0, 1])\n"
    assert find_resumes(program_of({"train.py": source})) == []
