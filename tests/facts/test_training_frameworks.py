# ruff: noqa: E501
"""What the loops of Chainer and scikit-learn carry, and whose loop an act of training stands in."""

from __future__ import annotations

import pytest

from migrate.facts.training.resume import Resume, find_resumes
from migrate.facts.training.self_resuming import self_resuming
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


GRAPH = """\
import tensorflow as tf

w = tf.Variable(1.0)
op = tf.train.GradientDescentOptimizer(0.1).minimize(w**2)
"""
MODEL = """\
import tensorflow as tf


class Model:
    def __init__(self):
        self.loss = tf.square(tf.Variable(1.0))
        self.update = self.build()

    def build(self):
        applied = tf.train.AdamOptimizer().apply_gradients(gradients(self.loss))
        with tf.control_dependencies([applied]):
            done = tf.no_op()
        return done

    def fit(self, session):
        return session.run([self.loss, self.update])


"""


@pytest.mark.parametrize(
    ("source", "objects"),
    [
        (GRAPH + "with tf.Session() as s:\n    for i in range(3):\n        s.run(op)\n", ("s",)),
        (GRAPH + "s = tf.InteractiveSession()\nfor i in range(3):\n    op.run()\n", ("s",)),
        (GRAPH + "s = tf.compat.v1.Session()\nops = [w, op]\nfor i in range(3):\n    s.run(fetches=ops)\n", ("s",)),
        (
            GRAPH + "sv = tf.train.Supervisor()\nwith sv.managed_session() as s:\n    while not sv.should_stop():\n        s.run(op)\n",
            ("s",),
        ),
        (MODEL + "model = Model()\nwith tf.Session() as sess:\n    for i in range(3):\n        model.fit(sess)\n", ("sess",)),
    ],
)
def test_a_session_is_kept_with_all_that_it_trains(source: str, objects: tuple[str, ...]) -> None:
    found = only(source)
    assert (found.refused, found.caution) == (None, None)
    assert found.objects == objects


def test_a_method_that_takes_the_session_is_none_of_a_librarys() -> None:
    source = (
        MODEL.replace("def fit", "def train") + "model = read()\nwith tf.Session() as s:\n    for i in range(3):\n        model.train(s)\n"
    )
    assert only(source).objects == ("s",)


def test_each_fold_has_a_session_of_its_own() -> None:
    source = GRAPH + "for fold in range(3):\n    with tf.Session() as s:\n        for i in range(3):\n            s.run(op)\n"
    outer, inner = find_resumes(program_of({"train.py": source}))
    assert (outer.objects, inner.objects) == ((), ("s",))


@pytest.mark.parametrize(
    "source",
    [
        "with tf.Session() as s:\n    for i in range(3):\n        s.run(w)\n",
        "with tf.Session() as s:\n    s.run(op)\n",
        "import subprocess\n\nfor train in ['a']:\n    subprocess.run([train])\n",
    ],
)
def test_a_session_that_evaluates_is_no_training(source: str) -> None:
    assert find_resumes(program_of({"train.py": GRAPH + source})) == []


@pytest.mark.parametrize(
    ("before", "inside", "reason"),
    [
        ("", "data.train.next_batch(3)", "the iterator data.train, made before the loop"),
        ("tf.train.start_queue_runners(s)", "pass", "the session's queues begin anew"),
        ("n = data.make_one_shot_iterator().get_next()", "pass", "the session's iterator over the data begins anew"),
        ("it = data.make_initializable_iterator()", "s.run(it.initializer)", ""),
        ("it = data.make_initializable_iterator()", "if i: s.run(it.initializer)", "the session's iterator over the data begins anew"),
    ],
)
def test_data_that_come_in_another_order_are_told(before: str, inside: str, reason: str) -> None:
    source = f"{GRAPH}data = library.read()\ns = tf.Session()\n{before}\nfor i in range(3):\n    {inside}\n    s.run(op)\n"
    found = only(source)
    assert found.refused is None
    assert (found.caution or "").startswith(reason) and bool(found.caution) == bool(reason)


@pytest.mark.parametrize(
    ("made", "inside", "reason"),
    [
        ("s = tf.train.MonitoredTrainingSession()", "pass", "a monitored session goes on from its checkpoint_dir"),
        ("with tf.Session():", "pass", "the session that runs it has no name"),
        ("server = tf.train.Server({})\ns = tf.Session(server.target)", "pass", "several processes train together"),
        ("s = tf.Session()\nold = None", "print(old)\n    old = tf.identity(w)", "old, which the loop carries, is a part of the graph"),
    ],
)
def test_what_cannot_be_kept_of_sessions_is_told(made: str, inside: str, reason: str) -> None:
    loop = f"for i in range(3):\n    {inside}\n    {'op.run()' if made.startswith('with') else 's.run(op)'}\n"
    if made.startswith("with"):
        loop = "".join(f"    {line}\n" for line in loop.splitlines())
    assert (only(f"{GRAPH}{made}\n{loop}").refused or "").startswith(reason)


EAGER = """\
import tensorflow as tf


class Net(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.one = tf.keras.layers.Dense(3)


net = Net()
opt = tf.keras.optimizers.RMSprop(0.1)
w = tf.Variable(1.0)
seen = tf.keras.metrics.Mean()


@tf.function
def step(x):
    with tf.GradientTape() as tape:
        loss = net(x) * w
    parameters = net.trainable_variables + [w]
    opt.apply_gradients(zip(tape.gradient(loss, parameters), parameters))
    seen(loss)


"""


def test_an_eager_loop_carries_models_optimizers_variables_and_metrics() -> None:
    found = only(EAGER + "for epoch in range(3):\n    step(epoch)\n")
    assert (found.refused, found.objects) == (None, ("net", "opt", "w", "seen"))


@pytest.mark.parametrize(
    ("inside", "objects"),
    [
        ("opt.minimize(lambda: (w - 3) ** 2, [w])", ("opt", "w")),
        ("with tf.GradientTape() as tape:\n        loss = w * w\n    w.assign_sub(0.1 * tape.gradient(loss, w))", ("w",)),
    ],
)
def test_eager_steps_of_other_kinds(inside: str, objects: tuple[str, ...]) -> None:
    source = "import tensorflow as tf\n\nw = tf.Variable(1.0)\nopt = tf.optimizers.SGD(0.1)\n"
    assert only(f"{source}for i in range(3):\n    {inside}\n").objects == tuple(sorted(objects, key="wopt".index))


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("strategy = tf.distribute.MirroredStrategy()\nfor epoch in range(3):\n    step(epoch)\n", "a strategy spreads"),
        ("@tf.function\ndef train():\n    for epoch in tf.range(3):\n        step(epoch)\n\n\ntrain()\n", "the loop is compiled"),
    ],
)
def test_eager_loops_that_cannot_be_kept(source: str, reason: str) -> None:
    assert (only(EAGER + source).refused or "").startswith(reason)


def test_the_variables_that_a_gradient_is_asked_for_must_be_found() -> None:
    source = EAGER.replace("net.trainable_variables + [w]", "some.variables()") + "for epoch in range(3):\n    step(epoch)\n"
    assert (only(source).refused or "").startswith("it is not found what holds the variables")


def test_a_model_of_unknown_make_is_kept_for_its_variables() -> None:
    source = EAGER.replace("net = Net()", "net = library.make()\ntarget = library.make()")
    found = only(source + "for epoch in range(3):\n    step(epoch)\n    target.set_weights(net.get_weights())\n")
    assert (found.refused, found.objects) == (None, ("net", "target", "opt", "w", "seen"))


def test_what_only_builds_a_graph_is_no_step() -> None:
    tower = (
        "for gpu in range(2):\n    opt = tf.train.AdamOptimizer()\n    op = opt.minimize(f(gpu))\nwith tf.Session() as s:\n    s.run(op)\n"
    )
    assert find_resumes(program_of({"train.py": "import tensorflow as tf\n\n" + tower})) == []


@pytest.mark.parametrize("target", ["work", "lambda: work()"])
def test_threads_that_train_at_once(target: str) -> None:
    source = (
        f"{GRAPH}import threading\n\ns = tf.Session()\n\n\ndef work():\n    for i in range(3):\n        s.run(op)\n\n\n"
        f"threads = [threading.Thread(target={target}) for _ in range(4)]\nwork()\n"
    )
    assert only(source).refused == "several threads run it at once"


SELF = "import tensorflow as tf\nimport sagemaker_support\ndef f(): ...\n"
ESTIMATOR = SELF + "e = tf.estimator.Estimator(f, model_dir='m')\n"
MONITORED = SELF + "op = tf.train.AdamOptimizer().minimize(f)\n"
LOOP = "    while not s.should_stop():\n        s.run(op)\n"


@pytest.mark.parametrize(
    ("source", "refused"),
    [
        (ESTIMATOR + "e.train(f, max_steps=9)\n", None),
        (ESTIMATOR + "e.train(f, steps=9)\n", "as many steps as here"),
        (ESTIMATOR + "for i in range(3):\n    e.train(f)\n    e.evaluate(f)\n", "as many steps as here"),
        (ESTIMATOR + "tf.estimator.train_and_evaluate(e, tf.estimator.TrainSpec(f), None)\n", "as many epochs"),
        (SELF + "e = tf.estimator.DNNClassifier([3], [])\ne.train(f, max_steps=9)\n", "no model_dir"),
        (SELF + "c = tf.estimator.RunConfig('m')\ne = tf.estimator.DNNClassifier([3], [], config=c)\ne.train(f, max_steps=9)\n", None),
        (
            SELF + "c = tf.contrib.tpu.RunConfig(model_dir='m')\ne = tf.contrib.tpu.TPUEstimator(f, config=c)\ne.train(f, max_steps=9)\n",
            None,
        ),
        (SELF + "e = tf.estimator.Estimator(f, None)\ne.train(f, max_steps=9)\n", "no model_dir"),
        (MONITORED + "with tf.train.MonitoredTrainingSession(checkpoint_dir='m') as s:\n" + LOOP, None),
        (MONITORED + "with tf.train.MonitoredTrainingSession() as s:\n" + LOOP, "no checkpoint_dir"),
        (
            MONITORED + "h = tf.train.StopAtStepHook(9)\nwith tf.train.MonitoredTrainingSession(checkpoint_dir='m') as s:\n" + LOOP,
            "num_steps",
        ),
        (
            MONITORED + "with tf.train.MonitoredTrainingSession(checkpoint_dir='m') as s:\n    for i in range(9):\n        s.run(op)\n",
            "all turns of its loop",
        ),
        (SELF + "tf.contrib.slim.learning.train(f, 'logs', number_of_steps=9)\n", None),
    ],
)
def test_what_goes_on_from_its_own_folder(source: str, refused: str | None) -> None:
    (found,) = self_resuming(program_of({"train.py": source}))
    assert (found.refused is None) if refused is None else refused in (found.refused or ""), found.refused


JAX = """\
import jax
import optax
from functools import partial
tx = optax.adam(0.1)
def loss(p, x): ...
def update(p, s, x):
    u, s = tx.update(jax.grad(loss)(p, x), s)
    return optax.apply_updates(p, u), s
p = load()
s = tx.init(p)
key = jax.random.key(0)
"""
SPLIT = "    key, own = jax.random.split(key)\n"


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ("for i in range(9):\n    p, s = update(p, s, i)\n", ("p", "s")),
        ("step = jax.jit(update)\nfor i in range(9):\n" + SPLIT + "    p, s = step(p, s, own)\n", ("p", "s", "key")),
        ("step = partial(jax.jit, static_argnums=2)(update)\nfor i in range(9):\n    p, s = step(p, s, i)\n", ("p", "s")),
        ("for i in range(9):\n    v, g = jax.value_and_grad(loss)(p, i)\n    p = jax.tree.map(lambda x, d: x - d, p, g)\n", ("p",)),
        ("gradient = jax.jit(jax.grad(loss))\nfor i in range(9):\n    p = p - 0.1 * gradient(p, i)\nprint(p)\n", ("p",)),
        ("update = partial(update, x=1)\nfor i in range(9):\n    p, s = update(p, s)\n", ("p", "s")),
        ("a = p\nfor i in range(9):\n    p, s = update(p, s, i)\n    a = optax.incremental_update(p, a, 0.1)\n", ("p", "s", "a")),
        (
            "def epoch(p, s):\n    for i in range(3):\n        p, s = update(p, s, i)\n    return p, s\n"
            "for e in range(3):\n    p, s = epoch(p, s)\n",
            ("p", "s"),
        ),
        ("for e in range(3):\n    p = jax.lax.fori_loop(0, 3, lambda i, p: p, p)\n    p, _ = jax.lax.scan(update, p, data)\n", ("p",)),
    ],
)
def test_what_the_turns_of_jax_give_anew_is_restored(source: str, values: tuple[str, ...]) -> None:
    found = only(JAX + source)
    assert (found.refused, found.caution, found.objects) == (None, None, ())
    assert sorted(found.values) == sorted(values)


@pytest.mark.parametrize(
    "source",
    [
        "for i in range(9):\n    key, own = jax.random.split(key)\n    print(loss(p, own))\n",
        "net = build()\nfor i in range(9):\n    p = net(p)\nprint(p)\n",
        "for i in range(9):\n    p = jax.lax.scan(apply, p, s)\nprint(p)\n",
        "for i in range(9):\n    print(jax.grad(loss)(p, i))\n",
        "print(update(p, s, 1))\n",
    ],
)
def test_a_loop_of_jax_that_trains_nothing(source: str) -> None:
    assert find_resumes(program_of({"train.py": JAX + source})) == []


def test_each_fold_of_jax_has_values_of_its_own() -> None:
    source = (
        "for fold in range(3):\n    p = load()\n    s = tx.init(p)\n    for i in range(9):\n        p, s = update(p, s, i)\n    print(p)\n"
    )
    outer, inner = find_resumes(program_of({"train.py": JAX + source}))
    assert "p" in inner.values and "s" in inner.values


def test_objects_of_nnx_are_restored_in_place_and_modules_of_linen_are_none() -> None:
    source = """\
import optax
from flax import linen, nnx
class Net(nnx.Module):
    def __init__(self, rngs): self.first = nnx.Linear(1, 1, rngs=rngs)
class Old(linen.Module):
    width: int = 3
@nnx.jit
def step(model, optimizer, metrics, x):
    metrics.update(loss=1)
    optimizer.update(model, nnx.grad(loss)(model, old.apply(x)))
old = Old()
model = Net(nnx.Rngs(0))
optimizer = nnx.Optimizer(model, optax.adam(0.1), wrt=nnx.Param)
metrics = nnx.MultiMetric(loss=nnx.metrics.Average())
for i in range(9):
    model.train()
    step(model, optimizer, metrics, i)
"""
    assert only(source).objects == ("model", "optimizer", "metrics")


def test_what_an_environment_gave_before_the_loop_means_nothing_to_another_one() -> None:
    source = "import envpool\ndef make():\n    def thunk():\n        return envpool.make('Pong-v5')\n    return thunk\nenvs = make()()\nhandle, step_env = envs.xla()\nfor i in range(9):\n"
    source += "    handle, x = step_env(handle)\n    p, s = update(p, s, x)\n"
    assert "the state of the environment envs cannot be saved" in (only(JAX + source).refused or "")
