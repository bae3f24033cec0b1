"""Which calls train, and with which framework. The tables are data: a framework more is a row more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from migrate.repo.outline import Act, Body, Outline

# First name of an import -> the framework that trains when a training act comes from it.
PACKAGES = {
    "torch": "pytorch", "ignite": "pytorch", "fastai": "pytorch", "fastcore": "pytorch", "ultralytics": "pytorch", "detectron2": "pytorch", "mmcv": "pytorch",
    "mmengine": "pytorch", "mmdet": "pytorch", "mmseg": "pytorch", "deepspeed": "pytorch", "apex": "pytorch", "stable_baselines3": "pytorch", "sb3_contrib": "pytorch",
    "tianshou": "pytorch", "skorch": "pytorch", "composer": "pytorch", "catalyst": "pytorch", "pytorch_tabnet": "pytorch", "torch_geometric": "pytorch",
    "lightning": "lightning", "pytorch_lightning": "lightning", "lightning_fabric": "lightning",
    "transformers": "transformers", "trl": "transformers", "peft": "transformers", "setfit": "transformers", "sentence_transformers": "transformers",
    "simpletransformers": "transformers", "unsloth": "transformers", "adapters": "transformers",
    "accelerate": "accelerate",
    "chainer": "chainer", "chainermn": "chainer", "chainerrl": "chainer", "chainercv": "chainer",
    "keras": "keras", "tensorflow": "tensorflow", "tflearn": "tensorflow", "tf_keras": "keras", "tf_slim": "tensorflow", "tensorpack": "tensorflow",
    "tensorflow_addons": "tensorflow", "stable_baselines": "tensorflow", "baselines": "tensorflow", "autokeras": "keras", "tensorlayer": "tensorflow",
    "mxnet": "mxnet", "gluoncv": "mxnet", "gluonnlp": "mxnet", "gluonts": "mxnet",
    "jax": "jax", "flax": "jax", "optax": "jax", "haiku": "jax", "equinox": "jax", "objax": "jax", "trax": "jax", "brax": "jax",
    "xgboost": "xgboost", "lightgbm": "lightgbm", "catboost": "sklearn", "sklearn": "sklearn", "imblearn": "sklearn",
    "hmmlearn": "sklearn", "sklearn_crfsuite": "sklearn", "lightfm": "sklearn", "implicit": "sklearn",
}  # fmt: skip
# Where several train in one script, the outermost names the job: a wrapper before what it wraps.
ORDER = (
    "lightning",
    "transformers",
    "accelerate",
    "chainer",
    "mxnet",
    "jax",
    "keras",
    "tensorflow",
    "pytorch",
    "lightgbm",
    "xgboost",
    "sklearn",
)
PREPARES = (
    "Scaler Encoder Imputer Vectorizer Binarizer Tokenizer Normalizer Transformer PCA TSNE UMAP TruncatedSVD Discretizer PolynomialFeatures SelectKBest "
    "NearestNeighbors KDTree BallTree Generator Selector"
).split()  # makers whose ``fit`` prepares data
TRAINERS = ("trainer", "runner", "estimator", "learner", "agent", "solver", "experiment", "engine", "algo", "learn")
FITS = frozenset("fit fit_generator train_on_batch partial_fit fit_one_cycle fine_tune".split())
GRADIENTS = frozenset("backward manual_backward".split())
TENSORFLOW = frozenset("minimize apply_gradients train_and_evaluate".split())
FIRST_OF_TENSORFLOW = frozenset({"keras", "tensorflow"})
STEPS = ("optim", "step", "Optimizer", "SGD", "Adam")


@dataclass(frozen=True)
class Made:
    """Where the receiver of an act comes from: the first names of libraries, and whether a class or function of the repository made it."""

    libraries: frozenset[str]
    names: frozenset[str]  # dotted names of the calls that made it
    local: bool


def origin(outline: Outline, act: Act, local: frozenset[str]) -> Made:
    """Where ``act``'s receiver was made, as far as the file tells. ``local`` are imported names that mean files of the repository."""
    makers = set(outline.made.get((act.receiver or "").rpartition(".")[2], ())) if act.receiver else set()
    if act.made_by is not None:
        makers.add(act.made_by)
    if act.receiver:
        makers.add(act.receiver)
    libraries: set[str] = set()
    names: set[str] = set()
    here = False
    for maker in makers:
        first, _, rest = maker.partition(".")
        if first in outline.imported and first not in local:
            module, level, member = outline.imported[first]
            if level == 0 and module:
                libraries.add(module.split(".")[0])
                names.add(".".join(part for part in (module, member, rest) if part))
        elif first in local or first in outline.methods or (first in outline.bodies and maker != act.receiver):
            here = True
            names.add(maker)
    return Made(frozenset(libraries), frozenset(names), here)


def framework_of(act: Act, made: Made, libraries: frozenset[str], body: Body) -> str | None:
    """The framework that ``act`` trains with, None when it does not train. ``libraries`` are what the files of the program import."""
    known = {PACKAGES[name] for name in made.libraries if name in PACKAGES}
    present = [PACKAGES[name] for name in libraries if name in PACKAGES]
    last = (act.receiver or "").rpartition(".")[2].lower()
    if act.method in GRADIENTS:
        return _gradient(act, known, present, last)
    if act.method in TENSORFLOW:
        return _first(known & {"tensorflow", "keras", "jax"}, [p for p in present if p in {"tensorflow", "keras", "jax"}])
    if act.method == "LightningCLI":
        return "lightning"
    if act.method in FITS:
        return _fit(made, known, present, last)
    if act.method in {"train", "learn", "run_training", "train_detector", "train_model", "train_segmentor"}:
        return _train(act, made, known, present, last)
    if act.method == "cv":
        return _first(known & {"xgboost", "lightgbm"}, [])
    if act.method == "run":
        if "chainer" in known or ("chainer" in present and "trainer" in last):
            return "chainer"
        return "pytorch" if made.libraries & {"ignite", "mmengine"} or ("ignite" in libraries and "train" in last) else None
    if act.method == "update":
        return "chainer" if "chainer" in present and "optim" in last else None
    if act.method in {"grad", "value_and_grad"}:
        return "jax" if (act.receiver == "jax" or "jax" in known) and "jax" in present else None
    return None


def _first(known: Iterable[str], present: Iterable[str]) -> str | None:
    for group in (set(known), set(present)):
        for name in ORDER:
            if name in group:
                return name
    return None


def _gradient(act: Act, known: set[str], present: list[str], last: str) -> str | None:
    if "accelerator" in last and "accelerate" in present:
        return "accelerate"
    if "fabric" in last and "lightning" in present or act.method == "manual_backward":
        return "lightning"
    if "pytorch" in present:
        return "pytorch"
    return _first(known & {"chainer", "mxnet"}, [p for p in present if p in {"chainer", "mxnet"}])


def _fit(made: Made, known: set[str], present: list[str], last: str) -> str | None:
    if any(name.endswith(tail) for name in [*made.names, last] for tail in [*PREPARES, *map(str.lower, PREPARES)]):
        return None
    if any(
        part in name
        for name in made.names
        for part in ("sklearn.preprocessing", "feature_extraction", "sklearn.impute", "preprocessing.text")
    ):
        return None
    trained = known & {"lightning", "keras", "tensorflow", "xgboost", "lightgbm", "sklearn", "mxnet", "pytorch", "transformers"}
    if trained:
        found = _first(trained, [])
        return "keras" if found == "tensorflow" and "keras" in present and "tensorflow" not in known else found
    if made.local and "trainer" not in last:
        return None
    if "trainer" in last and "lightning" in present:
        return "lightning"
    return _first(
        [],
        [p for p in present if p in {"keras", "tensorflow", "lightgbm", "xgboost", "sklearn", "mxnet"}]
        or (["pytorch"] if "learn" in last else []),
    )


def _train(act: Act, made: Made, known: set[str], present: list[str], last: str) -> str | None:
    if act.receiver == "" and act.method in {"train", "learn"} and not known:
        return None  # a function of the repository, followed by its name
    if known and not made.local:
        found = _first(known, [])
        if found in {"xgboost", "lightgbm", "chainer", "mxnet", "sklearn"}:
            return found if found in {"xgboost", "lightgbm"} else None
        plain = act.arguments == 0 or act.only_flag
        maker_trains = any("train" in name.lower() or "sft" in name.lower() for name in made.names)
        if found == "tensorflow":
            return found if any("estimator" in name.lower() or "model" == last for name in made.names) and not plain else None
        return None if plain and not (maker_trains or any(word in last for word in TRAINERS)) else found
    if made.local or act.only_flag:
        return None
    if any(word in last for word in TRAINERS):
        if "transformers" in present and "trainer" in last:
            return "transformers"
        return _first([], [p for p in present if p in {"pytorch", "tensorflow", "keras"}]) if act.method == "train" else None
    return None
