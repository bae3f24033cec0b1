"""XGBoost and LightGBM that are killed for real, and end as those that were not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runtime.interruption import Machine

HEAD = """
import os
import pickle

import numpy as np

from sagemaker_support import resumable

rng = np.random.RandomState(0)
X = rng.rand(300, 6)
y = ((X[:, 0] + X[:, 1] * X[:, 2] + 0.3 * rng.randn(300)) > 0.8) * 1
folds = [(np.arange(300) % 3 != k, np.arange(300) % 3 == k) for k in range(2)]


def save(name, text):
    with open(os.path.join(os.environ["SM_MODEL_DIR"], name), "w") as file:
        file.write(text)

"""
XGB = (
    HEAD
    + """
import xgboost as xgb


class Seen(xgb.callback.TrainingCallback):
    def __init__(self):
        self.rounds = []

    def after_iteration(self, model, epoch, evals_log):
        self.rounds.append((epoch, evals_log["valid"]["logloss"][-1]))
        return False


for k, (train, valid) in enumerate(folds):
    dtrain, dvalid = xgb.DMatrix(X[train], y[train]), xgb.DMatrix(X[valid], y[valid])
    seen, progress = Seen(), {}
    params = {"objective": "binary:logistic", "eta": 0.5, "nthread": 1, "eval_metric": "logloss"}
    evals = [(dtrain, "train"), (dvalid, "valid")]
    model = resumable(xgb.train)(params, dtrain, ROUNDS, evals=evals, evals_result=progress, CALL callbacks=[
        seen, xgb.callback.LearningRateScheduler(lambda epoch: 0.5 * 0.9**epoch)], verbose_eval=5)
    model = pickle.loads(pickle.dumps(model))
    save("xgb%d.json" % k, "\\n".join(model.get_dump(with_stats=True, dump_format="json")) + str(model.attributes()))
    print("fold", k, progress, seen.rounds, model.num_boosted_rounds(), sorted(vars(model)))
"""
)
LGB = (
    HEAD
    + """
import lightgbm as lgb

for k, (train, valid) in enumerate(folds):
    dtrain = lgb.Dataset(X[train], y[train])
    dvalid = lgb.Dataset(X[valid], y[valid])
    progress, seen = {}, []
    params = {"objective": "binary", "num_threads": 1, "verbosity": -1, "metric": "binary_logloss", PARAMS}
    model = resumable(lgb.train)(params, dtrain, num_boost_round=ROUNDS, valid_sets=[dvalid], valid_names=["valid"], callbacks=[
        lgb.record_evaluation(progress), lgb.reset_parameter(learning_rate=lambda i: 0.5 * 0.9**i), CALL
        lambda env: seen.append((env.iteration, env.end_iteration))])
    model = pickle.loads(pickle.dumps(model))
    save("lgb%d.txt" % k, str(model.dump_model(num_iteration=-1)["tree_info"]))
    print("fold", k, progress, seen, model.best_iteration, model.num_trees(), model.current_iteration())
"""
)
XGB_FIT = (
    HEAD
    + """
import xgboost as xgb

for k, (train, valid) in enumerate(folds):
    model = xgb.XGBClassifier(n_estimators=ROUNDS, learning_rate=0.4, n_jobs=1, early_stopping_rounds=3)
    resumable(model.fit)(X[train], y[train], eval_set=[(X[valid], y[valid])], verbose=False)
    save("fit%d.json" % k, "\\n".join(model.get_booster().get_dump(with_stats=True)))
    print("fold", k, model.evals_result(), model.best_iteration, model.predict_proba(X)[:3].tolist())
"""
)
LGB_FIT = (
    HEAD
    + """
import lightgbm as lgb

for k, (train, valid) in enumerate(folds):
    model = lgb.LGBMClassifier(n_estimators=ROUNDS, learning_rate=0.4, n_jobs=1, verbosity=-1)
    resumable(model.fit)(X[train], y[train], eval_set=[(X[valid], y[valid])], callbacks=[lgb.early_stopping(3, verbose=False)])
    save("fit%d.json" % k, str(model.booster_.dump_model()["tree_info"]))
    print("fold", k, model.evals_result_, model.best_iteration_, model.predict_proba(X)[:3].tolist())
"""
)
SCRIPTS = {
    "xgboost": XGB.replace("CALL", ""),
    "xgboost, early stopping": XGB.replace("CALL", "early_stopping_rounds=2,"),
    "xgboost, fit": XGB_FIT,
    "lightgbm": LGB.replace("CALL", "").replace("PARAMS", ""),
    "lightgbm, early stopping": LGB.replace("CALL", "lgb.early_stopping(2, verbose=False),").replace("PARAMS", ""),
    "lightgbm, early stopping by parameter": LGB.replace("CALL", "").replace("PARAMS", '"early_stopping_round": 2'),
    "lightgbm, rounds by parameter": LGB.replace("CALL", "").replace("PARAMS", '"n_estimators": 9'),
    "lightgbm, fit": LGB_FIT,
}


def told(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("fold")]


# In the first round, in the middle of the first training, and in the second one, where the first is over.
@pytest.mark.parametrize("name", SCRIPTS)
def test_it_ends_as_one_that_was_not_stopped(name: str, tmp_path: Path) -> None:
    source = SCRIPTS[name].replace("ROUNDS", "12")
    whole = Machine.make(tmp_path / "whole", "boost", source, ["resumable"])
    wanted = whole.run(active=False).stdout
    stopped = Machine.make(tmp_path / "stopped", "boost", source, ["resumable"])
    assert told(stopped.interrupted(kills=(1, 4, 9)).stdout) == told(wanted)
    assert stopped.outputs() == whole.outputs()
    assert len(told(wanted)) == 2


@pytest.mark.parametrize("name", ["xgboost, early stopping", "lightgbm, fit"])
def test_without_a_checkpoint_folder_it_is_not_there(name: str, tmp_path: Path) -> None:
    source = SCRIPTS[name].replace("ROUNDS", "12")
    off, bare = (Machine.make(tmp_path / one, "boost", text, ["resumable"]) for one, text in (("off", source), ("bare", plain(source))))
    assert off.run(active=False).stdout == bare.run(active=False).stdout
    assert off.outputs() == bare.outputs()
    assert not any((off.folder / "checkpoints").iterdir())


def plain(source: str) -> str:
    return source.replace("resumable(", "(")


@pytest.mark.parametrize(
    ("name", "params"), [("xgboost", '"subsample": 0.5, '), ("lightgbm", '"bagging_fraction": 0.5, "bagging_freq": 1, ')]
)
def test_sampling_goes_on_with_another_seed(name: str, params: str, tmp_path: Path) -> None:
    """Not to the same bytes: neither library hands out the state of its generator. The rounds that are done stay."""
    source = SCRIPTS[name].replace("ROUNDS", "8").replace("params = {", "params = {" + params)
    whole = Machine.make(tmp_path / "whole", "boost", source, ["resumable"])
    wanted = told(whole.run(active=False).stdout)
    stopped = Machine.make(tmp_path / "stopped", "boost", source, ["resumable"])
    found = told(stopped.interrupted(kills=(4,)).stdout)
    assert found[0] != wanted[0]
    assert found[1] == wanted[1]  # the training behind the interruption is whole
    start = wanted[0].index("logloss") + 60
    assert found[0][:start] == wanted[0][:start]


def test_what_cannot_be_gone_on_with_is_told(tmp_path: Path) -> None:
    source = SCRIPTS["lightgbm"].replace("ROUNDS", "4").replace("params = {", 'params = {"boosting": "dart", ')
    ran = Machine.make(tmp_path, "boost", source, ["resumable"]).run()
    assert "keeper: this training is not gone on with: LightGBM cannot continue dart" in ran.stdout
    assert len(told(ran.stdout)) == 2
