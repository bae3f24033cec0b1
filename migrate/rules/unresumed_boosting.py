"""Boosting that starts from the beginning after an interruption.

What it finds
    ``xgboost.train``, ``lightgbm.train``, and ``fit`` of their estimators (``XGBClassifier``, ``LGBMRegressor`` and the like).

Why it matters on SageMaker
    Managed spot stops a job at any moment and starts it again on another machine; of the first machine's disk nothing is left but the
    checkpoint folder. The trees of hours are lost, and those of the folds that were done.

Fix and its safety
    Safe. The function that trains is wrapped: ``resumable(xgb.train)(...)``. Without a checkpoint folder (``SM_CHECKPOINT_DIR``, which
    the launcher sets, or SageMaker's own) the wrapper hands back that very function. With one, the trees are saved between rounds at a
    pace that costs less than 1 % of the time. The run that goes on gets them as ``xgb_model`` or ``init_model``, and trains only the
    rounds that are left; its callbacks are shown the rounds before, with the numbers that they saw then: so early stopping,
    ``evals_result``, learning rates by round, and callbacks of the script's own stand where they would stand. A training that was over
    (a fold) is not done again.
    Without sampling it ends with the same trees. With it (``subsample``, ``colsample_*``, ``bagging_fraction``, ``feature_fraction``,
    GOSS) the rounds that are left are sampled otherwise than they would have been: neither library hands out the state of its
    random generator. XGBoost goes on with ``seed`` plus the rounds that are done, LightGBM with the seeds of bagging and of features so.
    Not gone on with, and told when it runs: LightGBM's DART and random forest, a Dataset whose raw data is freed, several processes,
    XGBoost before 1.4.
    Not done, with the reason: ``cv``, training on other machines (Dask, Spark), and a training that a library calls (a search for
    hyperparameters).

Source
    XGBoost 3.2.0, ``xgboost/training.py`` and ``callback.py``; LightGBM 4.7.0, ``lightgbm/engine.py`` and ``callback.py``; the drill in
    ``tests/runtime/test_boosting.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.edits.model import Edit, Replace
from migrate.facts.model import Span
from migrate.facts.training.boosting import RESUMES, boostings
from migrate.rules.base import Context, Example
from migrate.rules.hooks import segment, support_name
from migrate.rules.model import Finding

CODE = "SM322"
NAME = "unresumed-boosting"


def check(context: Context) -> Iterator[Finding]:
    for boosting in boostings(context.program):
        module, call = boosting.module, boosting.call
        message = "this training starts from the beginning after an interruption; the checkpoint folder lets it go on"
        if boosting.refused is not None:
            yield Finding(CODE, NAME, module.place(call), "warning", message, "none", boosting.refused, effort=3)
            continue
        place = module.place(call)
        resumable, imports = support_name(context, module, RESUMES, place.span)
        wrapped: Edit = Replace(module.path, Span.of(call.func), f"{resumable}({segment(module, call.func)})")
        yield Finding(CODE, NAME, place, "warning", message, "safe", None, 1, (*imports, wrapped))


_XGB = """\
import xgboost as xgb

dtrain, dvalid = load()
progress = {}
bst = xgb.train(params(), dtrain, 1000, evals=[(dvalid, 'valid')],
                early_stopping_rounds=20, evals_result=progress)
bst.save_model('model.json')
"""
_LGB = """\
from lightgbm import LGBMClassifier


class Forest:
    def __init__(self, n):
        self.model = LGBMClassifier(n_estimators=n)

    def train(self, x, y):
        self.model.fit(
            x, y,
            eval_set=[(x, y)],
        )


Forest(100).train(*load())
"""

EXAMPLES = (
    Example(
        before=_XGB,
        after=_XGB.replace("xgb.train(", "resumable(xgb.train)(").replace(
            "import xgboost as xgb\n", "import xgboost as xgb\nfrom sagemaker_support import resumable\n"
        ),
    ),
    Example(
        before=_LGB,
        after=_LGB.replace("self.model.fit(", "resumable(self.model.fit)(").replace(
            "import LGBMClassifier\n", "import LGBMClassifier\nfrom sagemaker_support import resumable\n"
        ),
    ),
)

UNTOUCHED = (
    """\
import xgboost as xgb
from sagemaker_support import resumable

bst = resumable(xgb.train)({}, load(), 10)
""",
    """\
import lightgbm as lgb
from sklearn.linear_model import Ridge

bst = lgb.Booster(model_file='model.txt')
Ridge().fit(bst.predict(load()), [1, 2])
""",
    """\
import xgboost as xgb


def train(x):
    return x


train(xgb.DMatrix(load()))
""",
)
