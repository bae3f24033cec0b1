# ruff: noqa: E501 - sources of scripts stand on one line each
from __future__ import annotations

import pytest

from migrate.repo.candidates import may_train
from migrate.repo.entries import find_entries
from migrate.repo.tree import find_files

TORCH = "import torch\n{setup}def train(net):\n    opt = torch.optim.SGD(net.parameters(), 0.1)\n    net(1).backward()\n    opt.step()\n"

ONE_FILE = {
    "pytorch": "import torch\nnet = torch.nn.Linear(1, 1)\nopt = torch.optim.SGD(net.parameters(), 0.1)\nfor i in range(3):\n    net(x).sum().backward()\n    opt.step()\n",
    "chainer": "import chainer\nfrom chainer import training\ndef main():\n    trainer = training.Trainer(u, (1, 'epoch'))\n    trainer.run()\nif __name__ == '__main__':\n    main()\n",
    "keras": "from keras.models import Sequential\nmodel = Sequential()\nmodel.compile('sgd')\nmodel.fit(x, y)\n",
    "tensorflow": "import tensorflow as tf\nstep = tf.train.AdamOptimizer(1e-3).minimize(loss)\nwith tf.Session() as s:\n    s.run(step)\n",
    "lightning": "import pytorch_lightning as pl\ndef main():\n    pl.Trainer(max_epochs=1).fit(Net(), data)\nmain()\n",
    "transformers": "from transformers import Trainer, TrainingArguments\ntrainer = Trainer(model, TrainingArguments('x'))\ntrainer.train()\n",
    "accelerate": "import torch\nfrom transformers import AutoModel\nfrom accelerate import Accelerator\naccelerator = Accelerator()\nmodel = AutoModel.from_pretrained('x')\nmodel.train()\nfor b in data:\n    accelerator.backward(loss)\n    optimizer.step()\n",
    "mxnet": "import mxnet as mx\nfrom mxnet import autograd, gluon\ntrainer = gluon.Trainer(p, 'sgd')\nfor x in data:\n    loss.backward()\n    trainer.step(8)\n",
    "jax": "import jax, optax\nopt = optax.adam(1e-3)\ng = jax.value_and_grad(loss)(p)\nprint(g)\n",
    "sklearn": "from sklearn.svm import SVC\nclf = SVC().fit(X, y)\n",
    "xgboost": "import xgboost as xgb\nbst = xgb.train({}, d, 10)\n",
    "lightgbm": "import lightgbm as lgb\nmodel = lgb.LGBMClassifier()\nmodel.fit(X, y)\n",
}


def found(root) -> dict[str, str]:
    return {entry.path: entry.framework for entry in find_entries(find_files(root)).entries}


@pytest.mark.parametrize("framework", sorted(ONE_FILE))
def test_one_file_of_each_framework(make, framework: str) -> None:
    assert found(make({"run.py": ONE_FILE[framework]})) == {"run.py": framework}


MUST_NOT = {
    "a library module": TORCH.format(setup=""),
    "evaluation": "import torch\nnet = torch.load('m')\nnet.eval()\nprint(net(x))\n",
    "a mode switch": "import torch\nfrom transformers import AutoModel\nm = AutoModel.from_pretrained('x')\nm.train()\nm.train(False)\nm.save_pretrained('trained')\n",
    "gradients without an optimiser": "import torch\nloss.backward()\nprint(x.grad)\n",
    "preparing data": "from sklearn.preprocessing import StandardScaler\ns = StandardScaler()\ns.fit(train)\nprint(s)\n",
    "a unit test": "import unittest\nclass T(unittest.TestCase):\n    def test_fit(self):\n        loss.backward(); opt.step()\nif __name__ == '__main__':\n    unittest.main()\n",
    "words only": "print('train the model, fit, learn')\n",
    "another train": "import trains\nbook.train('Tokyo')\n",
    "scipy": "import tensorflow\nfrom scipy.optimize import minimize\nminimize(f, 0)\n",
}


@pytest.mark.parametrize("what", sorted(MUST_NOT))
def test_must_not_be_an_entry(make, what: str) -> None:
    assert found(make({"x.py": MUST_NOT[what]})) == {}


REACHED = {
    "a function": "from lib import train\ntrain(1)\n",
    "a module": "import lib\nlib.train(1)\n",
    "another name": "from lib import train as go\nif __name__ == '__main__':\n    go(1)\n",
    "a callback": "import lib\nimport torch.multiprocessing as mp\nmp.spawn(lib.train, nprocs=2)\n",
    "a star": "from lib import *\ntrain(1)\n",
    "a dispatch": "import lib\nCOMMANDS = {'train': lib.train}\nCOMMANDS[x]()\n",
    "a class": "from things import Solver\nSolver().solve()\n",
    "a base class": "from things import Solver\nclass Mine(Solver):\n    pass\nMine().solve()\n",
    "a re-export": "import front\nfront.train(2)\n",
    "fire": "import fire\nimport lib\nfire.Fire(lib.train)\n",
    "a decorated command": "import click, lib\n@click.command()\ndef main():\n    lib.train(1)\nmain()\n",
    "an app": "import typer, lib\napp = typer.Typer()\n@app.command()\ndef go():\n    lib.train(1)\napp()\n",
    "tf.app.run": "import tensorflow as tf\nimport lib\ndef main(_):\n    lib.train(1)\ntf.app.run()\n",
    "a name in a text": "import lib\nfrom util import construct\nconstruct('lib.train')\n",
    "globals": "import lib\ndef work():\n    lib.train(1)\nglobals()[name]()\n",
}


@pytest.mark.parametrize("how", sorted(REACHED))
def test_reached_through_local_modules(make, how: str) -> None:
    things = "import lib\nclass Solver:\n    def solve(self):\n        self._step()\n    def _step(self):\n        lib.train(1)\n    def test(self):\n        pass\n"
    root = make({"go.py": REACHED[how], "lib.py": TORCH.format(setup=""), "things.py": things, "front.py": "from lib import train\n"})
    assert found(root) == {"go.py": "pytorch"}


def test_only_the_methods_that_are_called_count(make) -> None:
    solver = "import torch\nclass Solver:\n    def fit_all(self):\n        loss.backward(); opt.step()\n    def evaluate(self):\n        return 1\n"
    root = make(
        {
            "solver.py": solver,
            "train.py": "from solver import Solver\nSolver().fit_all()\n",
            "test.py": "from solver import Solver\nSolver().evaluate()\n",
        }
    )
    assert found(root) == {"train.py": "pytorch"}


def test_a_graph_that_holds_a_training_step_is_trained_only_where_it_is_run(make) -> None:
    model = "import tensorflow as tf\nclass Model:\n    def __init__(self):\n        self.train_op = tf.train.AdamOptimizer().minimize(1)\n        self.probs = 2\n"
    run = "import tensorflow as tf\nfrom model import Model\nm = Model()\nwith tf.Session() as s:\n    s.run([{}])\n"
    root = make({"model.py": model, "train.py": run.format("m.train_op"), "sample.py": run.format("m.probs")})
    assert found(root) == {"train.py": "tensorflow"}


def test_what_only_keras_calls_so_trains_whatever_made_the_model(make) -> None:
    zoo = "import keras\ndef get_model(name):\n    model = build(name)\n    return model, 1\n"
    train = "from zoo import get_model\ndef main():\n    model, size = get_model('a')\n    model.{}(data)\nmain()\n"
    assert found(make({"zoo.py": zoo, "train.py": train.format("fit_generator")})) == {"train.py": "keras"}
    assert found(make({"zoo.py": zoo.replace("keras", "numpy"), "train.py": train.format("fit_generator")})) == {}


def test_the_outer_framework_names_the_job(make) -> None:
    source = "import torch, lightning as L\nfrom sklearn.preprocessing import StandardScaler\nStandardScaler().fit(x)\ntrainer = L.Trainer()\ntrainer.fit(net)\n"
    assert found(make({"train.py": source})) == {"train.py": "lightning"}


def test_a_trainer_of_ones_own_on_a_library_class(make) -> None:
    source = "from detectron2.engine import DefaultTrainer\nclass Mine(DefaultTrainer):\n    pass\ndef main():\n    trainer = Mine(cfg)\n    return trainer.train()\nmain()\n"
    assert found(make({"net.py": source})) == {"net.py": "pytorch"}


def test_a_trial_run_at_the_end_of_a_module_is_no_entry(make) -> None:
    module = "import torch\nclass Loss(torch.nn.Module):\n    pass\nif __name__ == '__main__':\n    opt = torch.optim.SGD([w], 1)\n    Loss()(torch.randn(3)).backward()\n    opt.step()\n"
    root = make({"loss.py": module, "train.py": "from loss import Loss\n" + ONE_FILE["pytorch"]})
    assert found(root) == {"train.py": "pytorch"}


def test_unit_tests_are_no_entries(make) -> None:
    root = make(
        {
            "tests/train_small.py": ONE_FILE["pytorch"],
            "test_net.py": "import pytest\n" + ONE_FILE["pytorch"],
            "test.py": ONE_FILE["pytorch"],
        }
    )
    assert found(root) == {"test.py": "pytorch"}


def test_a_member_of_a_package_that_sets_itself_up_is_no_entry(make) -> None:
    callback = "from pkg.engine import train, TESTS_RUNNING\ntry:\n    assert not TESTS_RUNNING\n    import wandb\n    check(wandb)\nexcept ImportError:\n    wandb = None\n"
    check = "def check(x):\n    train(x)\n"
    root = make(
        {"pkg/__init__.py": "", "pkg/callback.py": check + callback, "pkg/engine.py": "TESTS_RUNNING = 0\n" + TORCH.format(setup="")}
    )
    assert found(root) == {}


def test_console_scripts_name_entries(make) -> None:
    files = {
        "pyproject.toml": '[project]\nname = "x"\n[project.scripts]\nx-train = "x.cli:train"\n',
        "src/x/cli.py": TORCH.format(setup=""),
        "src/x/__init__.py": "",
    }
    root = make(files)
    assert found(root) == {"src/x/cli.py": "pytorch"}
    setup = 'from setuptools import setup\nsetup(entry_points={"console_scripts": ["y = y.run:train"]})\n'
    assert "y/run.py" in found(make({"setup.py": setup, "y/run.py": TORCH.format(setup="")}))


def test_relative_imports_need_a_module_start(make) -> None:
    root = make(
        {
            "pkg/__init__.py": "",
            "pkg/train.py": "from .net import N\n" + ONE_FILE["pytorch"],
            "pkg/net.py": "N = 1\n",
            "a.py": ONE_FILE["pytorch"],
        }
    )
    assert {e.path: e.as_module for e in find_entries(find_files(root)).entries} == {"pkg/train.py": True, "a.py": False}


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (b"import torch\nloss.backward()\nopt.step()\nprint 'epoch'\n", "Python 2 source, line 4"),
        (b"train()\ntry:\n    pass\nexcept ValueError, e:\n    pass\n", "Python 2 source, line 4"),
        (b"train()\nif True:\n\tx = 1\n        y = 2\n", "tabs and spaces mixed in indentation, line 4"),
        (b"train(x.cuda(await=True))\n", "source for Python before 3.7 (await used as a name), line 1"),
        (b"%matplotlib inline\ntrain()\n", "a notebook's magic command, line 1"),
        (b"train()\nx = (\n", "syntax error, line 2: '(' was never closed"),
        (b"train()\n\0\n", "not text: holds null bytes"),
        (b"# -*- coding: klingon -*-\ntrain()\n", "encoding: unknown encoding: klingon"),
        (b"train('\x82\xa0')\n", None),
    ],
)
def test_what_cannot_be_read_is_told(make, source: bytes, reason: str | None) -> None:
    told = find_entries(find_files(make({"train.py": source}))).unreadable
    assert [path for path, _ in told] == ["train.py"]
    assert told[0][1] == reason if reason is not None else told[0][1].startswith("encoding: ")


@pytest.mark.parametrize("encoding", ["cp932", "euc-jp", "latin-1", "utf-8-sig"])
def test_declared_encodings_are_read(make, encoding: str) -> None:
    head = "" if encoding == "utf-8-sig" else f"# -*- coding: {encoding} -*-\r\n"
    text = "# caf\u00e9\r\n" if encoding == "latin-1" else "# \u5b66\u7fd2\r\n"
    assert found(make({"train.py": (head + text + ONE_FILE["sklearn"]).encode(encoding)})) == {"train.py": "sklearn"}


def test_a_named_script_is_the_only_candidate(make) -> None:
    root = make({"a.py": ONE_FILE["sklearn"], "b.py": ONE_FILE["sklearn"]})
    assert [e.path for e in find_entries(find_files(root / "a.py")).entries] == ["a.py"]


def test_deep_nesting_is_no_traceback(make) -> None:
    deep = "train(" + "(" * 5000 + ")" * 5000 + ")\n"
    assert [path for path, _ in find_entries(find_files(make({"train.py": deep}))).unreadable] == ["train.py"]


@pytest.mark.parametrize(
    "source", [*ONE_FILE.values(), *REACHED.values(), "with x:\n\n    # note\n    go_train()\n", "if a:\n  pass\nelse:\n\tfit()\n"]
)
def test_the_prefilter_keeps_every_training_script(source: str) -> None:
    assert may_train(source.encode())
    assert may_train(source.replace("\n", "\r\n").encode())


@pytest.mark.parametrize(
    "source", ["", "import torch\n", TORCH.format(setup=""), "X = 1\n" * 3000 + "print(X)\n", '"""trains"""\nLEARNING = 1\n']
)
def test_the_prefilter_drops_what_runs_or_trains_nothing(source: str) -> None:
    assert not may_train(source.encode())


def test_version_from_what_is_declared_nearest(make) -> None:
    root = make(
        {
            "requirements.txt": "torch==1.4.0\n",
            "new/requirements.txt": "torch>=2.1\n",
            "train.py": ONE_FILE["pytorch"],
            "new/train.py": ONE_FILE["pytorch"],
        }
    )
    assert {e.path: e.framework_version for e in find_entries(find_files(root)).entries} == {"train.py": "1.4.0", "new/train.py": None}
