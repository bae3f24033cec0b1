"""Which calls train, and with which framework. The tables are data: a framework more is a row more."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from migrate.repo.outline import Act, Outline

# The framework that trains when a training act comes from a package: by first names of imports.
_PACKAGES_OF = {
    "pytorch": """
        torch ignite fastai fastcore ultralytics detectron2 mmcv mmengine mmdet mmseg deepspeed apex
        stable_baselines3 sb3_contrib tianshou skorch composer catalyst pytorch_tabnet torch_geometric
    """,
    "lightning": """
        lightning pytorch_lightning lightning_fabric
    """,
    "transformers": """
        transformers trl peft setfit sentence_transformers simpletransformers unsloth adapters
    """,
    "accelerate": """
        accelerate
    """,
    "chainer": """
        chainer chainermn chainerrl chainercv
    """,
    "keras": """
        keras tf_keras autokeras
    """,
    "tensorflow": """
        tensorflow tflearn tf_slim tensorpack tensorflow_addons stable_baselines baselines tensorlayer
    """,
    "mxnet": """
        mxnet gluoncv gluonnlp gluonts
    """,
    "jax": """
        jax flax optax haiku equinox objax trax brax
    """,
    "xgboost": """
        xgboost
    """,
    "lightgbm": """
        lightgbm
    """,
    "sklearn": """
        catboost sklearn imblearn hmmlearn sklearn_crfsuite lightfm implicit gensim spacy
    """,
}
PACKAGES = {name: framework for framework, names in _PACKAGES_OF.items() for name in names.split()}
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
PREPARES = """
    Scaler Encoder Imputer Vectorizer Binarizer Tokenizer Normalizer Transformer PCA TSNE UMAP TruncatedSVD Discretizer
    PolynomialFeatures SelectKBest NearestNeighbors KDTree BallTree Generator Selector
""".split()  # makers whose ``fit`` prepares data
TRAINERS = ("trainer", "runner", "estimator", "learner", "agent", "solver", "experiment", "engine", "algo", "learn")
FITS = frozenset("fit fit_generator train_on_batch partial_fit fit_one_cycle fine_tune".split())
OF_KERAS = frozenset("fit_generator train_on_batch".split())  # no other library's names
GRADIENTS = frozenset("backward manual_backward".split())
TENSORFLOW = frozenset("minimize apply_gradients train_and_evaluate".split())
TENSORFLOW_KIN = frozenset({"tensorflow", "keras", "jax"})
GRAPH_STEP = re.compile(r"train(?:ing)?_?(?:op|step)|\btrain\b|optimi[sz]er?|apply_grad|minimi[sz]e", re.IGNORECASE)
TRAINED_WHEN_MADE = frozenset("Word2Vec FastText Doc2Vec LdaModel LdaMulticore".split())  # of gensim
TRAIN_CALLS = frozenset("train learn run_training train_detector train_model train_segmentor".split())


@dataclass(frozen=True)
class Made:
    """Where the receiver of an act comes from: the first names of libraries, and whether a class or function of the repository made it."""

    libraries: frozenset[str]
    names: frozenset[str]  # dotted names of the calls that made it
    local: bool


def origin(outline: Outline, act: Act, local: frozenset[str], bases: Callable[[str], frozenset[str]]) -> Made:
    """Where ``act``'s receiver was made, as far as the file tells.

    ``local`` are imported names that mean files of the repository; ``bases`` gives the libraries that a class of the repository inherits
    from.
    """
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
            inherited = bases(maker) if maker != act.receiver else frozenset()
            libraries |= {name.split(".")[0] for name in inherited}
            names |= inherited
            here = here or not inherited
            names.add(maker)
    return Made(frozenset(libraries), frozenset(names), here)


def framework_of(act: Act, made: Made, libraries: frozenset[str]) -> tuple[str, bool] | None:
    """The framework that ``act`` trains with, and whether its receiver says so (else the imports do). None when it does not train.

    ``libraries`` are the first names of what the files of the program import.
    """
    known = {PACKAGES[name] for name in made.libraries if name in PACKAGES}
    present = {PACKAGES[name] for name in libraries if name in PACKAGES}
    found = _framework(act, made, known, present, libraries)
    return None if found is None else (found, found in known or act.method in GRADIENTS)


def _framework(act: Act, made: Made, known: set[str], present: set[str], libraries: frozenset[str]) -> str | None:
    last = (act.receiver or "").rpartition(".")[2].lower()
    if act.method in GRADIENTS:
        return _gradient(act, known, present, last)
    if act.method in TENSORFLOW:
        return None if "scipy" in made.libraries or act.receiver == "" else _first(known & TENSORFLOW_KIN, present & TENSORFLOW_KIN)
    if act.method == "LightningCLI":
        return "lightning"
    if act.method in FITS:
        return _fit(act.method, made, known, present, last)
    if act.method in TRAIN_CALLS:
        return _train(act, made, known, present, last)
    if act.method == "cv":
        return _first(known & {"xgboost", "lightgbm"}, [])
    if act.method == "run":
        if "chainer" in known or ("chainer" in present and "trainer" in last):
            return "chainer"
        if "tensorflow" in present and GRAPH_STEP.search(act.words):
            return "tensorflow"
        return "pytorch" if made.libraries & {"ignite", "mmengine"} or ("ignite" in libraries and "train" in last) else None
    if act.method == "update":
        if "spacy" in libraries and (last.startswith("nlp") or "spacy" in made.libraries):
            return "sklearn"
        return "chainer" if "chainer" in present and "optim" in last else None
    if act.method in TRAINED_WHEN_MADE:
        return "sklearn" if "gensim" in libraries and act.arguments else None
    if act.method in {"grad", "value_and_grad"}:
        return "jax" if (act.receiver == "jax" or "jax" in known) and "jax" in present else None
    return None


def _first(known: Iterable[str], present: Iterable[str]) -> str | None:
    for group in (set(known), set(present)):
        for name in ORDER:
            if name in group:
                return name
    return None


def _gradient(act: Act, known: set[str], present: set[str], last: str) -> str | None:
    if "accelerator" in last and "accelerate" in present:
        return "accelerate"
    if "fabric" in last and "lightning" in present or act.method == "manual_backward":
        return "lightning"
    if "pytorch" in present:
        return "pytorch"
    return _first(known & {"chainer", "mxnet"}, present & {"chainer", "mxnet"})


def _fit(method: str, made: Made, known: set[str], present: set[str], last: str) -> str | None:
    if "transformers" not in known and any(
        name.endswith(tail) for name in [*made.names, last] for tail in [*PREPARES, *map(str.lower, PREPARES)]
    ):
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
        return _first([], present & {"keras", "tensorflow"}) if method in OF_KERAS else None
    if "trainer" in last and "lightning" in present:
        return "lightning"
    return _first(
        [],
        [p for p in present if p in {"keras", "tensorflow", "lightgbm", "xgboost", "sklearn", "mxnet"}]
        or (["pytorch"] if "learn" in last else []),
    )


def _train(act: Act, made: Made, known: set[str], present: set[str], last: str) -> str | None:
    if act.receiver == "" and act.method in {"train", "learn"} and not known:
        return None  # a function of the repository, followed by its name
    if known and not made.local:
        found = _first(known, [])
        if "gensim" in made.libraries:
            return found
        if found in {"xgboost", "lightgbm", "chainer", "mxnet", "sklearn"}:
            return found if found in {"xgboost", "lightgbm"} else None
        plain = act.arguments == 0 or act.only_flag
        maker_trains = any(name.lower().endswith(TRAINERS) for name in made.names)
        if found == "tensorflow":
            return found if any("estimator" in name.lower() or "model" == last for name in made.names) and not plain else None
        return None if plain and not (maker_trains or any(word in last for word in TRAINERS)) else found
    if made.local or act.only_flag:
        return None
    if any(word in last for word in TRAINERS):
        if "transformers" in present and "trainer" in last:
            return "transformers"
        return _first([], present & {"pytorch", "tensorflow", "keras"}) if act.method == "train" else None
    return None
