"""Boosting with XGBoost and LightGBM: ``resumable(xgb.train)(...)`` goes on from the newest checkpoint; so does ``resumable(model.fit)``.

A checkpoint holds the trees and what the evaluation of each round has told. Rounds that are done are gone through again for the
callbacks alone, with the numbers that they saw before: so early stopping, evals_result and the script's own callbacks come to
where they were.
"""

import functools
import inspect
import sys
from typing import Any, Callable, Dict, List, Sequence

from migrate.runtime.keeper import _clear, keeper
from migrate.runtime.outputs import _rank

_LIBRARIES = ("xgboost", "lightgbm")
_COUNTS = (
    "num_iterations",
    "num_iteration",
    "n_iter",
    "num_tree",
    "num_trees",
    "num_round",
    "num_rounds",
    "num_boost_round",
    "n_estimators",
)
_MAKERS = ("early_stopping", "record_evaluation", "log_evaluation", "print_evaluation", "reset_parameter")


def resumable(train: Callable[..., Any]) -> Callable[..., Any]:
    """``train`` itself where the keeper does nothing; else one that saves while it runs, and goes on."""
    if not keeper._active():
        return train
    homes = [train.__module__] + [kind.__module__ for kind in type(getattr(train, "__self__", None)).__mro__]
    home = next((name for name in homes if (name or "").partition(".")[0] in _LIBRARIES), None)
    if home is None or _rank()[1] > 1:
        keeper._say("%s is not gone on with: only XGBoost and LightGBM in one process are" % getattr(train, "__qualname__", train))
        return train
    if not hasattr(train, "__self__"):
        return functools.partial(_boost, train)
    return functools.partial(_fit, train, sys.modules[home])


def _fit(fit: Callable[..., Any], home: Any, *args: Any, **kwargs: Any) -> Any:
    """``fit`` of an estimator, which calls the ``train`` that its module knows."""
    train = home.train
    home.train = functools.partial(_boost, train)
    try:
        return fit(*args, **kwargs)
    finally:
        home.train = train


def _boost(train: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    library = sys.modules[(train.__module__ or "").partition(".")[0]]
    given = inspect.signature(train).bind(*args, **kwargs).arguments  # type: Dict[str, Any]
    reason = _unfit(library, given)
    if reason:
        keeper._say("this training is not gone on with: %s" % reason)
        return train(**given)
    rounds = _Rounds(sys._getframe())
    with _clear():
        keeper._restore(rounds.frame, (rounds,), {})
    model = (_xgboost if library.__name__ == "xgboost" else _lightgbm)(library, train, given, rounds)
    rounds.end()
    return model


def _unfit(library: Any, given: Dict[str, Any]) -> str:
    """Why a training cannot be gone on with; empty if it can."""
    if library.__name__ == "xgboost":
        old = not hasattr(getattr(library, "callback", None), "TrainingCallback") or not hasattr(library.Booster, "num_boosted_rounds")
        return "XGBoost before 1.4 has no callbacks for it" if old else ""
    params = given.get("params") or {}
    names = [str(params[name]) for name in ("boosting", "boosting_type", "boost") if name in params]
    if set(names) & {"dart", "rf", "random_forest"}:
        return "LightGBM cannot continue %s" % names[0]
    for one in [given["train_set"]]:
        if getattr(one, "_handle", getattr(one, "handle", None)) is not None and one.data is None:
            return "the raw data of its Dataset is gone (free_raw_data)"
    return ""


class _Rounds:
    """What is known of the rounds of one training: their evaluations, and the trees."""

    def __init__(self, frame: Any) -> None:
        self.frame, self.model, self.trees = frame, None, None  # type: Any, Any, Any
        self.told = []  # type: List[Any]  # the evaluation of each round
        self.done = self.seen = 0  # rounds in the checkpoint; those of them that were gone through again
        self.over = False

    def get_state(self) -> Dict[str, Any]:
        return {"trees": self.trees if self.model is None else self.model(), "told": list(self.told), "over": self.over}

    def set_state(self, found: Dict[str, Any]) -> None:
        self.trees, self.told, self.over = found["trees"], found["told"], found["over"]
        self.done = len(self.told)

    def turn(self) -> bool:
        """A round is about to begin; False where the training was over before the interruption."""
        return keeper._turn(self.frame)

    def end(self) -> None:
        self.over = True
        loop = keeper._stack[-1]
        if loop.frame is self.frame:  # asked once more, as a while loop asks before it ends
            loop.line = self.frame.f_lineno
        keeper._turn(self.frame)
        loop = keeper._stack[-1]
        if loop.frame is self.frame:
            keeper._leave(loop, False)


def _xgboost(xgb: Any, train: Callable[..., Any], given: Dict[str, Any], rounds: _Rounds) -> Any:
    plain = xgb.Booster

    class KeptBooster(plain):  # type: ignore[misc, valid-type]
        """Does nothing in the rounds that are done."""

        def update(self, dtrain: Any, iteration: int, fobj: Any = None) -> None:
            if iteration >= rounds.done:
                plain.update(self, dtrain, iteration, fobj)
            else:
                rounds.seen = iteration + 1

        def num_boosted_rounds(self) -> int:
            return int(plain.num_boosted_rounds(self)) - rounds.done + rounds.seen

        def eval_set(self, evals: Any, iteration: int = 0, *args: Any, **kwargs: Any) -> Any:
            if iteration >= len(rounds.told):
                rounds.told.append(plain.eval_set(self, evals, iteration, *args, **kwargs))
            return rounds.told[iteration]

        def save_model(self, *args: Any, **kwargs: Any) -> Any:
            """Save it as it was in this round."""
            return plain.save_model(self[: self.num_boosted_rounds()] if rounds.seen < rounds.done else self, *args, **kwargs)

    class Keep(xgb.callback.TrainingCallback):  # type: ignore[misc]
        def before_training(self, model: Any) -> Any:
            model.__class__ = KeptBooster
            rounds.model = lambda: bytes(model.save_raw())
            return model

        def before_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            return epoch >= rounds.done and not rounds.turn()

        def after_training(self, model: Any) -> Any:
            model.__class__ = plain
            return model

    if rounds.trees:
        given["xgb_model"] = bytearray(rounds.trees)
        if isinstance(given["params"], dict) and not given["params"].get("seed_per_iteration"):  # else sampling would begin anew
            params = dict(given["params"])
            seed = params.pop("random_state", None)
            given["params"] = dict(params, seed=int(params.get("seed", seed) or 0) + rounds.done)
    given["callbacks"] = [Keep()] + list(given.get("callbacks") or [])
    return train(**given)


def _lightgbm(lgb: Any, train: Callable[..., Any], given: Dict[str, Any], rounds: _Rounds) -> Any:
    first, params = _first_round(lgb, given.get("init_model")), dict(given.get("params") or {})
    counts = [params.pop(name) for name in _aliases(lgb, "num_iterations", _COUNTS) if name in params]
    total = int((counts or [given.get("num_boost_round", 100)])[0])
    replay = _Replay(lgb, rounds, first, first + total)
    own = list(given.get("callbacks") or [])
    for place, callback in enumerate(own):
        vars(callback).setdefault("order", place - len(own))
    given["callbacks"] = [_ordered(replay.turn, True), _ordered(replay.note, False)] + [replay.of(callback) for callback in own]
    booster = lgb.engine.Booster
    kind = booster
    if rounds.trees:
        left = given["num_boost_round"] = 1 if rounds.over else total - rounds.done
        kind = _kept_booster(booster, rounds, left, total)
        given["init_model"] = kind(model_str=rounds.trees)
        given["params"] = dict(params, **({} if rounds.over else _seeds(lgb, params, rounds.done)))
    made = {name: getattr(lgb.callback, name) for name in _MAKERS if hasattr(lgb.callback, name)}
    for name, maker in made.items():  # callbacks that train itself makes
        setattr(lgb.callback, name, functools.partial(lambda maker, *a, **k: replay.of(maker(*a, **k)), maker))
    lgb.engine.Booster = kind  # one whose training is over trains no further
    try:
        model = train(**given)
        model.__class__ = booster
        return model
    finally:
        lgb.engine.Booster = booster
        for name, maker in made.items():
            setattr(lgb.callback, name, maker)


def _kept_booster(booster: Any, rounds: _Rounds, left: int, total: int) -> Any:
    class KeptBooster(booster):  # type: ignore[misc]
        """Its text tells of all rounds; when training is over, it trains no further."""

        def update(self, *args: Any, **kwargs: Any) -> bool:
            return False if rounds.over else bool(booster.update(self, *args, **kwargs))

        def model_to_string(self, *args: Any, **kwargs: Any) -> str:
            text = booster.model_to_string(self, *args, **kwargs)  # type: str
            return text.replace("[num_iterations: %d]" % left, "[num_iterations: %d]" % total)

    return KeptBooster


class _Replay:
    """Callbacks of LightGBM for which there was no interruption: they see all rounds, from ``first`` to ``end``."""

    def __init__(self, lgb: Any, rounds: _Rounds, first: int, end: int) -> None:
        self.lgb, self.rounds, self.first, self.end = lgb, rounds, first, end

    def turn(self, env: Any) -> None:
        self.rounds.model = lambda: env.model.model_to_string(num_iteration=-1)
        if not self.rounds.over:
            self.rounds.turn()

    def note(self, env: Any) -> None:
        if not self.rounds.over:
            results = env.evaluation_result_list or []
            self.rounds.told.append([one if isinstance(one, tuple) else tuple(vars(one).values()) for one in results])

    def of(self, callback: Any) -> Any:
        before = getattr(callback, "before_iteration", False)

        def call(env: Any) -> None:
            if env.iteration == env.begin_iteration and not before:
                for number, results in enumerate(self.rounds.told[: self.rounds.done]):
                    callback(self.env(env, self.first + number, [self.result(one) for one in results]))
            if not self.rounds.over:
                callback(self.env(env, env.iteration, env.evaluation_result_list))

        return _ordered(call, before, getattr(callback, "order", 0))

    def result(self, values: Any) -> Any:
        kind = getattr(self.lgb.callback, "EvalResult", None)
        return tuple(values) if kind is None else kind(*values)

    def env(self, env: Any, iteration: int, results: Any) -> Any:
        values = env._asdict() if hasattr(env, "_asdict") else vars(env)
        return type(env)(
            **dict(values, iteration=iteration, begin_iteration=self.first, end_iteration=self.end, evaluation_result_list=results)
        )


def _ordered(call: Callable[[Any], None], before: bool, order: int = -(10**9)) -> Any:
    made = functools.partial(call)  # a method takes no attributes
    made.before_iteration, made.order = before, order  # type: ignore[attr-defined]
    return made


def _first_round(lgb: Any, model: Any) -> int:
    if model is None:
        return 0
    return int((model if isinstance(model, lgb.Booster) else lgb.Booster(model_file=str(model))).current_iteration())


def _aliases(lgb: Any, name: str, known: Sequence[str]) -> List[str]:
    table = getattr(lgb.basic, "_ConfigAliases", None)
    return sorted(table.get(name)) if table is not None else list(known)


def _seeds(lgb: Any, params: Dict[str, Any], done: int) -> Dict[str, int]:
    """Other seeds for what is drawn by chance, where it is: it would draw again what it drew in the first rounds."""
    found = {}
    for share, seed, default in (("bagging_fraction", "bagging_seed", 3), ("feature_fraction", "feature_fraction_seed", 2)):
        if any(params.get(name, 1) not in (1, 1.0, None) for name in _aliases(lgb, share, [share])):
            given = [params[name] for name in _aliases(lgb, seed, [seed]) if name in params]
            found[seed] = int((given or [default])[0] or 0) + done
    return found
