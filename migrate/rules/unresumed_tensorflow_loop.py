"""A TensorFlow loop written by hand that starts from the beginning after an interruption.

What it finds
    Loops around ``apply_gradients`` that have checkpoints of their own, training steps of TensorFlow 1 whose loop is not found, and what
    goes on from a folder by itself: ``train`` of an ``Estimator``, ``train_and_evaluate``, a ``MonitoredTrainingSession``,
    ``slim.learning.train``. Loops of sessions, and eager ones without checkpoints, are SM301's.

Why it matters on SageMaker
    Managed spot stops a job at any moment and starts it again on another machine; a job also ends at its runtime limit. Of the first
    machine's disk nothing is left but the checkpoint folder, which SageMaker carries over.

Fix and its safety
    Safe for a loop that has a ``tf.train.CheckpointManager`` of its own, restores its latest checkpoint at the start, and takes its
    first turn from what it restored. Its folder stays where the model goes; two lines let it travel with the job: what the run has put
    there is carried into the checkpoint folder behind each ``save()``, and is there again before the manager looks for it. Both do
    nothing where no checkpoints are made (on EC2, unless ``SM_CHECKPOINT_DIR`` is set). How exactly such a run goes on is up to what
    the script's checkpoint holds: random state and the place in a data set are not in it by themselves.
    Safe for what goes on from a folder by itself, where it counts its steps from the first start: one line before it,
    ``keep_savers()``, carries the folder into the checkpoint folder whenever a Saver has saved there, and puts it back at the next
    start. Its input begins anew, as it does on EC2.
    Not done, with the reason: loops with a CheckpointManager that does not let them go on, steps of sessions whose loop is not found,
    and what has no folder to go on from, or would train as long again (``steps``, ``num_steps``, the turns of a ``for`` loop).

Source
    CONTRACT: what survives a spot interruption. TensorFlow: "Training checkpoints" (``tf.train.CheckpointManager``),
    ``tf.compat.v1.train.Saver``, ``tf.estimator.RunConfig``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.edits.model import Edit, Insert
from migrate.facts.model import Span
from migrate.facts.program import Module, Program
from migrate.facts.training.graphs import tensorflow_steps
from migrate.facts.training.jax_steps import jax_steps
from migrate.facts.training.loops import Act, Loop, chains
from migrate.facts.training.makers import live_calls
from migrate.facts.training.managed import imports_of
from migrate.facts.training.resume import find_resumes
from migrate.facts.training.self_resuming import CARRIES, SelfResuming, self_resuming
from migrate.rules.base import Context, Example
from migrate.rules.hooks import support_name
from migrate.rules.model import Finding

CODE = "SM314"
NAME = "unresumed-tensorflow-loop"
LOOPLESS = "the loop around it is not found: save the session with a Saver there, restore tf.train.latest_checkpoint before it"
BARE = "it has no tf.train.CheckpointManager that restores its latest checkpoint and tells the loop where to go on"


def check(context: Context) -> Iterator[Finding]:
    program = context.program
    if not any(name.split(".")[0] == "tensorflow" for name in imports_of(program)):
        return
    for own in (one for one in self_resuming(program) if not one.carried):
        yield _self_resuming(context, own)
    resumes = find_resumes(program)
    told = {id(resume.loop.node) for resume in resumes}
    for loop in [loop for loop in _loops(program) if id(loop.node) not in told]:  # SM301 keeps the others, or says why it does not
        message = "this loop starts from the beginning after an interruption"
        edits = _edits(context, loop)
        if edits:
            message = "this loop's own checkpoints are lost with the machine; the checkpoint folder lets it go on"
        elif edits is None:
            continue
        place, reason = loop.module.place(loop.node), None if edits else BARE
        yield Finding(CODE, NAME, place, "warning", message, "safe" if edits else "none", reason, 1 if edits else 3, edits)
    for module, call in _steps_without_loop(program) if not resumes else ():
        message = "this step of training starts from the beginning after an interruption"
        yield Finding(CODE, NAME, module.place(call), "warning", message, "none", LOOPLESS, effort=3)


def _self_resuming(context: Context, own: SelfResuming) -> Finding:
    """What goes on from its folder by itself: the folder has to travel."""
    module, place = own.module, own.module.place(own.call)
    if own.refused is not None:
        message = "this training starts from the beginning after an interruption"
        return Finding(CODE, NAME, place, "warning", message, "none", own.refused, effort=2)
    message = "the checkpoints that this training goes on from are lost with the machine; the checkpoint folder lets it go on"
    name, imports = support_name(context, module, CARRIES, Span.of(own.call))
    line = Insert(module.path, Span.of(module.statement(own.call)), f"{name}()")
    return Finding(CODE, NAME, place, "warning", message, "safe", None, 1, (*imports, line))


def _loops(program: Program) -> Iterator[Loop]:
    """The outermost loops around ``apply_gradients``."""
    found: dict[int, Loop] = {}
    for module, call in live_calls(program, "apply_gradients"):
        if isinstance(call.func, ast.Attribute) and id(call) not in jax_steps(program):
            for chain in chains(program, Act(module, call)):
                found.update((id(loop.node), loop) for loop in chain[-1:])
    yield from found.values()


def _steps_without_loop(program: Program) -> Iterator[tuple[Module, ast.Call]]:
    """Steps of sessions for which no way of calls is found that leads to a loop."""
    for module, call in tensorflow_steps(program).values():
        if not any(chains(program, Act(module, call))):
            yield module, call


def _edits(context: Context, loop: Loop) -> tuple[Edit, ...] | None:
    """The lines that carry the script's own checkpoints; none where it has none that lets it go on, None where they are there already."""
    program, module = context.program, loop.module
    calls = live_calls(program, *program.written("CheckpointManager"))
    managers = [(m, c) for m, c in calls if (program.qualified(m, c.func) or "").endswith(".train.CheckpointManager")]
    if len(managers) != 1 or managers[0][0] is not module:
        return ()
    made = module.statement(managers[0][1])
    manager = made.targets[0] if isinstance(made, ast.Assign) and len(made.targets) == 1 else None
    saves = [s for s in _statements(loop.node) if isinstance(manager, ast.Name) and _saves(s, manager.id)]
    if not isinstance(manager, ast.Name) or not saves or not _goes_on(module, loop, manager.id, managers[0][1]):
        return ()
    if any(isinstance(n, ast.ImportFrom) and any(a.name == "put_back_outputs" for a in n.names) for n in ast.walk(module.tree)):
        return None
    before = Span.of(made)
    put_back, first = support_name(context, module, "put_back_outputs", before)
    carry, second = support_name(context, module, "carry_outputs", before)
    folder, third = support_name(context, module, "checkpoint_folder", before)
    edits: list[Edit] = [*first, *second, *third, Insert(module.path, before, f'{put_back}({folder}("tensorflow"))')]
    edits += [Insert(module.path, Span.of(save), f'{carry}({folder}("tensorflow"))', after=True) for save in saves]
    return tuple(edits)


def _statements(node: ast.AST) -> Iterator[ast.stmt]:
    yield from (n for n in ast.walk(node) if isinstance(n, ast.stmt) and n is not node)


def _saves(statement: ast.stmt, manager: str) -> bool:
    """``manager.save()``, alone or assigned."""
    value = statement.value if isinstance(statement, (ast.Expr, ast.Assign)) else None
    return isinstance(value, ast.Call) and ast.unparse(value.func) == f"{manager}.save"


def _goes_on(module: Module, loop: Loop, manager: str, call: ast.Call) -> bool:
    """Whether the latest checkpoint is restored before the loop, and the loop's own turns are counted by what it holds."""
    restored = any(
        isinstance(c.func, ast.Attribute)
        and c.func.attr == "restore"
        and c.lineno < loop.line
        and any(ast.unparse(a).endswith((f"{manager}.latest_checkpoint", "latest_checkpoint(" + _folder_of(call) + ")")) for a in c.args)
        for c in module.calls()
    )
    kept = {_checkpoint_of(call)} | {ast.unparse(k.value) for c in module.calls() if _is_checkpoint(c) for k in c.keywords}
    asked = loop.node.test if isinstance(loop.node, ast.While) else loop.node.iter
    return restored and any(isinstance(n, (ast.Name, ast.Attribute)) and ast.unparse(n) in kept for n in ast.walk(asked))


def _is_checkpoint(call: ast.Call) -> bool:
    return ast.unparse(call.func).endswith("train.Checkpoint")


def _checkpoint_of(call: ast.Call) -> str:
    given = next((k.value for k in call.keywords if k.arg == "checkpoint"), call.args[0] if call.args else None)
    return ast.unparse(given) if given is not None else ""


def _folder_of(call: ast.Call) -> str:
    given = next((k.value for k in call.keywords if k.arg == "directory"), call.args[1] if len(call.args) > 1 else None)
    return ast.unparse(given) if given is not None else "?"


EXAMPLES = (
    Example(
        before="""\
import tensorflow as tf

weight = tf.Variable(1.0)
optimizer = tf.keras.optimizers.SGD(0.1)
checkpoint = tf.train.Checkpoint(step=tf.Variable(0), weight=weight, optimizer=optimizer)
manager = tf.train.CheckpointManager(checkpoint, "checkpoints", max_to_keep=3)
checkpoint.restore(manager.latest_checkpoint)
for step in range(int(checkpoint.step), 100):
    with tf.GradientTape() as tape:
        loss = (weight - 3.0) ** 2
    optimizer.apply_gradients([(tape.gradient(loss, weight), weight)])
    checkpoint.step.assign_add(1)
    if step % 10 == 0:
        manager.save()
""",
        after="""\
import tensorflow as tf
from sagemaker_support import carry_outputs, checkpoint_folder, put_back_outputs

weight = tf.Variable(1.0)
optimizer = tf.keras.optimizers.SGD(0.1)
checkpoint = tf.train.Checkpoint(step=tf.Variable(0), weight=weight, optimizer=optimizer)
put_back_outputs(checkpoint_folder("tensorflow"))
manager = tf.train.CheckpointManager(checkpoint, "checkpoints", max_to_keep=3)
checkpoint.restore(manager.latest_checkpoint)
for step in range(int(checkpoint.step), 100):
    with tf.GradientTape() as tape:
        loss = (weight - 3.0) ** 2
    optimizer.apply_gradients([(tape.gradient(loss, weight), weight)])
    checkpoint.step.assign_add(1)
    if step % 10 == 0:
        manager.save()
        carry_outputs(checkpoint_folder("tensorflow"))
""",
    ),
    Example(
        before="""\
import tensorflow as tf
from parts import inputs, model_fn

config = tf.estimator.RunConfig(save_checkpoints_steps=100)
estimator = tf.estimator.Estimator(model_fn, model_dir="model", config=config)
train_spec = tf.estimator.TrainSpec(inputs, max_steps=1000)
tf.estimator.train_and_evaluate(estimator, train_spec, tf.estimator.EvalSpec(inputs))
""",
        after="""\
import tensorflow as tf
from parts import inputs, model_fn
from sagemaker_support import keep_savers

config = tf.estimator.RunConfig(save_checkpoints_steps=100)
estimator = tf.estimator.Estimator(model_fn, model_dir="model", config=config)
train_spec = tf.estimator.TrainSpec(inputs, max_steps=1000)
keep_savers()
tf.estimator.train_and_evaluate(estimator, train_spec, tf.estimator.EvalSpec(inputs))
""",
        others={"parts.py": "def inputs(): ...\ndef model_fn(): ...\n"},
    ),
    Example(
        before="""\
import tensorflow as tf
from parts import build

train_op = build()
hooks = [tf.train.StopAtStepHook(last_step=1000)]
with tf.train.MonitoredTrainingSession(checkpoint_dir="logs", hooks=hooks) as session:
    while not session.should_stop():
        session.run(train_op)
""",
        after="""\
import tensorflow as tf
from parts import build
from sagemaker_support import keep_savers

train_op = build()
hooks = [tf.train.StopAtStepHook(last_step=1000)]
keep_savers()
with tf.train.MonitoredTrainingSession(checkpoint_dir="logs", hooks=hooks) as session:
    while not session.should_stop():
        session.run(train_op)
""",
        others={"parts.py": "def build(): ...\n"},
    ),
)

UNTOUCHED = (
    """\
import tensorflow as tf
from sagemaker_support import keep_savers

estimator = tf.estimator.Estimator(print, model_dir="model")
keep_savers()
estimator.train(print, max_steps=10)
print(estimator.evaluate(print))
""",
    """\
import tensorflow as tf

model = tf.keras.models.load_model("model.keras")
for batch in tf.data.Dataset.range(8).batch(2):
    print(model(batch))
""",
    """\
import tensorflow as tf

with tf.compat.v1.Session() as session:
    for name in ("a", "b"):
        print(session.run(name))
""",
)
