"""A library's own training that starts from the beginning after an interruption, and that only the script can let go on.

What it finds
    The call that trains with fastai, pytorch-ignite, Stable-Baselines3, detectron2, Ultralytics, MMEngine, Composer, skorch, CatBoost,
    ``SentenceTransformer.fit``, TFLearn, AutoKeras, GluonTS, Simple Transformers, spaCy or gensim; and a ``fit`` of scikit-learn where
    nothing else trains.

Why it matters on SageMaker
    Managed spot stops a job at any moment and starts it again on another machine; a job also ends at its runtime limit. Of the first
    machine's disk nothing is left but the checkpoint folder, which SageMaker carries over.

Fix and its safety
    None. Each of these has its own way to save and to go on, which the reason names, with the arguments; which objects belong to a
    checkpoint, or how much is left to train, only the script knows. ``checkpoint_folder("name")`` of ``sagemaker_support`` is the folder
    to save into: below SageMaker's checkpoint folder there, None on EC2.

Source
    The documentation of each library: fastai ``SaveModelCallback``, ignite ``Checkpoint``, Stable-Baselines3 ``CheckpointCallback``,
    detectron2 ``DefaultTrainer.resume_or_load``, Ultralytics "Resuming Interrupted Trainings", MMEngine ``Runner(resume=)``, Composer
    ``Trainer(autoresume=)``, skorch ``LoadInitState``, CatBoost ``save_snapshot``, spaCy ``Language.resume_training``, gensim
    ``Word2Vec.train``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from migrate.facts.program import Module
from migrate.facts.training.makers import Makers, live_calls
from migrate.facts.training.managed import Managed, imports_of, trained
from migrate.rules.base import Context, Example
from migrate.rules.model import Finding

CODE = "SM316"
NAME = "unresumed-library"
MESSAGE = "this training starts from the beginning after an interruption"
AT_ONCE = "it fits in one call, which hands nothing out while it runs: a job that is started again fits anew, and loses its time alone"


@dataclass(frozen=True)
class Way:
    """How a library trains, by the first name of its import, the methods, and what makes the object (any of the library's, if empty);
    ``named``: what an object whose maker is not seen is called. ``reason``: how it is gone on with."""

    library: str
    methods: tuple[str, ...]
    reason: str
    made: tuple[str, ...] = ()
    named: str | None = None


WAYS = (
    Way(
        "fastai",
        ("fit", "fit_one_cycle", "fine_tune", "fit_flat_cos", "fit_sgdr"),
        "SaveModelCallback(every_epoch=True, with_opt=True) saves model and optimizer after each epoch, into the learner's path: give it "
        "the checkpoint folder; before it, learn.load(newest, with_opt=True), and pass start_epoch= for the epochs that are done",
        named="learn",
    ),
    Way(
        "ignite",
        ("run",),
        "an Engine calls its function as often as it decides: add ignite.handlers.Checkpoint({'trainer': ..., 'model': ..., 'optimizer': "
        "...}, checkpoint folder) on Events.EPOCH_COMPLETED, and before run() Checkpoint.load_objects from the newest file: the trainer "
        "goes on at its own epoch",
        made=("Engine", "create_supervised_trainer"),
    ),
    Way(
        "stable_baselines3",
        ("learn",),
        "the state of its environment cannot be saved, a new episode begins: CheckpointCallback(save_replay_buffer=True) saves into the "
        "checkpoint folder; where one is there, load(newest, env=env), and learn() the steps that are left with reset_num_timesteps=False",
    ),
    Way(
        "sb3_contrib",
        ("learn",),
        "the state of its environment cannot be saved, a new episode begins: CheckpointCallback(save_replay_buffer=True) saves into the "
        "checkpoint folder; where one is there, load(newest, env=env), and learn() the steps that are left with reset_num_timesteps=False",
    ),
    Way(
        "detectron2",
        ("train",),
        "it goes on from cfg.OUTPUT_DIR by itself: let that be a folder below the checkpoint folder, and call resume_or_load(resume=True) "
        "there, which starts from cfg.MODEL.WEIGHTS where nothing is saved yet",
        made=("DefaultTrainer", "SimpleTrainer", "AMPTrainer"),
    ),
    Way(
        "ultralytics",
        ("train",),
        "it goes on from last.pt by itself: give it project= below the checkpoint folder, name= and exist_ok=True; where "
        "weights/last.pt is there, make the model of it and call train(resume=True)",
    ),
    Way(
        "mmengine",
        ("train",),
        "it goes on from its work_dir by itself: let that be a folder below the checkpoint folder, and give the Runner resume=True, which "
        "starts anew where nothing is saved yet",
        made=("Runner", "from_cfg", "build"),
    ),
    Way(
        "composer",
        ("fit",),
        "it goes on by itself: give the Trainer save_folder= below the checkpoint folder, run_name= and autoresume=True",
        made=("Trainer",),
    ),
    Way(
        "skorch",
        ("fit",),
        "give it callbacks=[LoadInitState(checkpoint), checkpoint] with checkpoint = Checkpoint(dirname=a folder below the checkpoint "
        "folder, monitor=None); max_epochs count from where it stands",
    ),
    Way(
        "catboost",
        ("fit",),
        "it goes on by itself: give fit() save_snapshot=True and snapshot_file= below the checkpoint folder",
    ),
    Way(
        "sentence_transformers",
        ("fit", "old_fit"),
        "fit() has no resuming: train with SentenceTransformerTrainer, whose train() goes on (SM312)",
        made=("SentenceTransformer", "CrossEncoder"),
    ),
    Way(
        "spacy",
        ("update",),
        "nlp.to_disk(folder below the checkpoint folder) behind each turn keeps the pipeline; where it is there, spacy.load(folder) and "
        "nlp.resume_training() go on with the turns that are left, and with an optimizer that begins anew",
        named="nlp",
    ),
    Way(
        "tflearn",
        ("fit",),
        "give DNN checkpoint_path= below the checkpoint folder; where a checkpoint is there, model.load(newest), and fit the epochs that "
        "are left",
        made=("DNN", "SequenceGenerator"),
    ),
    Way(
        "autokeras",
        ("fit",),
        "it goes on by itself: give it directory= below the checkpoint folder and project_name=, and leave overwrite=False",
    ),
    Way(
        "gluonts",
        ("train",),
        "its trainer hands nothing out while it runs: give it a callback that saves the network into the checkpoint folder, and train the "
        "epochs that are left from it",
    ),
    Way(
        "simpletransformers",
        ("train_model",),
        "it saves into output_dir: let that be a folder below the checkpoint folder, with overwrite_output_dir=True; where a checkpoint is "
        "there, make the model of its path: it goes on at its step",
    ),
    Way(
        "gensim",
        ("train", "update"),
        "model.save(file below the checkpoint folder) behind each epoch (a CallbackAny2Vec does it) keeps it; where it is there, load it "
        "and train() the epochs that are left, with start_alpha and end_alpha as they stood",
    ),
)
MAKING = {"Word2Vec", "FastText", "Doc2Vec", "LdaModel", "LdaMulticore", "HdpModel"}  # of gensim: trained once they are made


def check(context: Context) -> Iterator[Finding]:
    present = {name.split(".")[0] for name in imports_of(context.program)}
    ways = [way for way in WAYS if way.library in present]
    told: dict[int, tuple[Module, ast.Call, str]] = {}
    for train in trained(context.program, frozenset(method for way in ways for method in way.methods)) if ways else ():
        for way in ways:
            if train.target.attr in way.methods and _is_of(context, way, train):
                told.setdefault(id(train.call), (train.module, train.call, way.reason))
    if "gensim" in present:
        told.update((id(call), (module, call, _reason("gensim"))) for module, call in _trained_when_made(context))
    for module, call, reason in told.values():
        yield Finding(CODE, NAME, module.place(call), "warning", MESSAGE, "none", reason, effort=3)
    if "sklearn" in present and context.wanted is not None and context.wanted.framework == "sklearn" and not told:
        yield from _at_once(context)


def _is_of(context: Context, way: Way, train: Managed) -> bool:
    """By what made the object; where that is not known, by its name."""
    names = [made.name for made in train.made if "." in made.name]  # another one came by an import of all names
    if names:
        ours = [name for name in names if name.split(".")[0] == way.library]
        return any(not way.made or name.rsplit(".", 1)[-1] in way.made for name in ours)
    last = train.target.value.attr if isinstance(train.target.value, ast.Attribute) else ast.unparse(train.target.value)
    return way.named is not None and last.startswith(way.named) and not context.program.callees(train.module, train.call)


def _reason(library: str) -> str:
    return next(way.reason for way in WAYS if way.library == library)


def _trained_when_made(context: Context) -> Iterator[tuple[Module, ast.Call]]:
    """``Word2Vec(sentences)`` trains, ``Word2Vec(vector_size=100)`` does not yet."""
    for module, call in live_calls(context.program):
        name = context.program.qualified(module, call.func) or ""
        given = bool(call.args) or any(k.arg in ("sentences", "corpus", "documents", "corpus_file") for k in call.keywords)
        if name.startswith("gensim.") and name.rsplit(".", 1)[-1] in MAKING and given:
            yield module, call


def _at_once(context: Context) -> Iterator[Finding]:
    """The last fit of scikit-learn, where no fit in turns is kept."""
    makers = Makers(context.program)
    fits = [fit for fit in trained(context.program, frozenset({"fit"})) if _is_estimator(makers, fit)]
    if fits and not any("partial_fit" in module.text for module in context.program.modules.values()):
        last = fits[-1]
        yield Finding(CODE, NAME, last.module.place(last.call), "note", MESSAGE, "none", AT_ONCE, effort=1)


def _is_estimator(makers: Makers, fit: Managed) -> bool:
    return makers.kinds.of(fit.module, fit.target.value) == "estimator"


_LEARN = """\
from stable_baselines3 import PPO

model = PPO("MlpPolicy", "CartPole-v1")
model.learn(total_timesteps=10_000)
"""
_RUN = """\
import torch
from ignite.engine import create_supervised_trainer


def main(model):
    trainer = create_supervised_trainer(model, torch.optim.SGD(model.parameters(), 0.1), torch.nn.MSELoss())
    trainer.run(batches(), max_epochs=3)


main(torch.nn.Linear(2, 1))
"""
_FINE_TUNE = """\
from fastai.vision.all import *

learn = vision_learner(loaders(), resnet34, metrics=error_rate)
learn.fine_tune(3)
"""
_TRAINER = """\
from detectron2.config import get_cfg
from detectron2.engine import DefaultTrainer


class Trainer(DefaultTrainer):
    pass


trainer = Trainer(get_cfg())
trainer.resume_or_load(resume=False)
trainer.train()
"""
_VECTORS = """\
from gensim.models import Word2Vec

model = Word2Vec(sentences(), vector_size=10)
"""
_ESTIMATOR = """\
from sklearn.svm import SVC

model = SVC()
model.fit(*data())
"""

EXAMPLES = tuple(Example(before=text, after=text) for text in (_LEARN, _RUN, _FINE_TUNE, _TRAINER, _VECTORS, _ESTIMATOR))

UNTOUCHED = (
    """\
from ignite.engine import Engine
import subprocess

subprocess.run(["true"])
""",
    """\
from gensim.models import Word2Vec

model = Word2Vec.load("model")
print(model.wv)
""",
    """\
from ultralytics import YOLO

model = YOLO("best.pt")
print(model("image.png"))
""",
    """\
import torch
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

print(StandardScaler().fit([[1.0]]), SVC().fit([[1.0], [2.0]], [0, 1]))
""",
)
