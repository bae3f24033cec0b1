"""A training loop that starts from the beginning after an interruption.

What it finds
    A loop written by hand around a backward pass, or around a training step of TensorFlow (of a session, or eager) or JAX, that nothing
    lets go on where an interrupted run stopped: on another machine, with only the checkpoint folder left.

Why it matters on SageMaker
    Managed spot stops a job at any moment and starts it again on another machine; a job also ends at its runtime limit. Of the first
    machine's disk nothing is left but the checkpoint folder, which SageMaker carries over.

Fix and its safety
    Safe. One line before the loop restores what it carries, and the loop asks the keeper for its turns. The keeper does something only
    where ``SM_CHECKPOINT_DIR`` is set (the launcher sets it) or SageMaker's own checkpoint folder is there; elsewhere it hands back
    what it is given. What a loop carries is found in the code: names that a turn assigns and a later turn, or the code behind the
    loop, reads; objects with a state of their own; containers and attributes that a turn changes.
    Workers of a data loader that live on over the epochs (``persistent_workers``) are started anew: the order of the data is the
    same, what the workers draw themselves (augmentation) begins again.
    To look at: a loop that takes its data from an iterator made before it. The place of the iterator is not saved, it begins anew.
    So are a session's queues and iterators. Of a session the keeper saves all variables; the random state of its operations
    (dropout, shuffling within the graph) is in no variable, and begins anew. So do TensorFlow's random operations and the order of
    ``tf.data`` in eager loops; of these, models, optimizers, variables and metrics are saved.
    Of JAX the values are saved that the turns give anew: parameters, optax's state, a ``TrainState``, random keys; of flax.nnx its
    objects. What is one compiled call (``jax.lax.scan``) is SM315's.
    A model that is spread over processes by FSDP (``FullyShardedDataParallel``, ``fully_shard``) or as ``DTensor`` is saved in parts:
    each process keeps the one that it holds, so the same number of processes has to go on.
    An environment that each turn begins with a new episode has random numbers of its own, which begin anew. So does what an object
    carries whose class is in a module that is not followed.
    Not done, with the reason: a loop that goes on with an environment's episode from turn to turn, or whose model is DeepSpeed's or
    shared by processes; an eager loop whose variables are not
    found, that is compiled whole, or whose variables a strategy spreads; and an engine of a library that is not known, which is handed an
    optimizer.

Source
    CONTRACT: what survives a spot interruption; AWS's "Managed Spot Training" tells that checkpoints are the script's own work.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator

from migrate.edits.model import HERE, Edit, Insert, Replace, Wrap
from migrate.facts.model import Place, Span
from migrate.facts.program import Module
from migrate.facts.training.extent import extent_of
from migrate.facts.training.foreign import foreign_training
from migrate.facts.training.loops import Loop
from migrate.facts.training.resume import MONITORED, Resume, find_resumes, not_to_keep
from migrate.facts.training.self_resuming import self_resuming
from migrate.facts.training.turns import Turns
from migrate.rules.base import Context, Example
from migrate.rules.hooks import support_name
from migrate.rules.model import Finding

CODE = "SM301"
NAME = "unresumed-loop"
WIDTH = 110
READERS = ("load", "load_model", "load_weights", "load_npz", "read_csv", "open", "restore")


def check(context: Context) -> Iterator[Finding]:
    engine = foreign_training(context.program)
    if engine is not None:
        module, call = engine
        message = f"{ast.unparse(call.func)}() of a library trains from the beginning after an interruption"
        reason = "its loop is not in the code, and it is no engine that is known: save and load by its own means, below /opt/ml/checkpoints"
        yield Finding(CODE, NAME, module.place(call), "warning", message, "none", reason, effort=3)
    for resume in find_resumes(context.program):
        loop = resume.loop
        if resume.refused == MONITORED and self_resuming(context.program):
            continue  # SM314 lets its folder travel, or says why not
        if resume.refused is not None:
            where = f"in {loop.function.node.name}()" if loop.function is not None else "at the top of the module"
            message = f"the training loop {where} starts from the beginning after an interruption"
            place = resume.where or loop.module.place(loop.node)
            yield Finding(CODE, NAME, place, "warning", message, "none", resume.refused, effort=3)
            continue
        message = "this loop starts from the beginning after an interruption; the checkpoint folder lets it go on"
        caution = resume.caution or _reads_what_is_lost(context, loop)
        fix, effort = ("safe", 1) if caution is None else ("unsafe", 2)
        yield Finding(CODE, NAME, loop.module.place(loop.node), "warning", message, fix, caution, effort, _edits(context, resume))


def _reads_what_is_lost(context: Context, loop: Loop) -> str | None:
    """Whether the turns write a file to where it is lost, and the code behind the loop reads one back: turns that are done are not run
    again, so it would not be there."""
    places = {(left.place.path, left.place.span) for left in context.paths.left if left.loses and left.act == "write"}
    if not places:
        return None
    extent = extent_of(context.program, loop)
    lost = [n for module, n in extent.nodes() if isinstance(n, ast.Call) and (module.path, Span.of(n)) in places]
    scope = loop.module.scope(loop.node).function()
    behind = [
        call
        for call in loop.module.calls_named(*READERS)
        if call.lineno > (loop.node.end_lineno or 0) and loop.module.scope(call).function() is scope and call.args
    ]
    if not lost or not behind:
        return None
    return (
        f"{ast.unparse(behind[0].func)}() behind it may read what {ast.unparse(lost[0].func)}() in it writes to where it is lost, and "
        "after an interruption that would not be there: give it a place that is kept first"
    )


def objections(context: Context) -> Iterator[Place]:
    """Loops that stand inside others here: to keep them as if they were alone would take a turn of theirs for one of the script's."""
    for loop in not_to_keep(context.program, find_resumes(context.program)):
        yield loop.module.place(loop.node)


def _edits(context: Context, resume: Resume) -> tuple[Edit, ...]:
    module, node = resume.loop.module, resume.loop.node
    keeper, imports = support_name(context, module, "keeper", Span.of(node))
    edits: list[Edit] = list(imports)
    turns = _free_name(module.text, "turns") if resume.turns is not None else None
    line = restore_line(resume, keeper, node.col_offset, turns)
    if line is not None:
        edits.append(Insert(module.path, Span.of(node), line))
    if isinstance(node, ast.While):
        edits.append(_asked(module.path, node.test, keeper))
    else:
        edits += _counted(module, node.iter, resume.turns, turns, keeper)
    return tuple(edits)


def _counted(module: Module, node: ast.expr, turns: Turns | None, name: str | None, keeper: str) -> Iterator[Edit]:
    """The keeper around what the loop goes over, with ``name`` for the part of it that is taken before."""
    if turns is not None and name is not None:
        if turns.node is node:
            yield Replace(module.path, Span.of(node), f"{keeper}.epochs({name})")
            return
        yield Replace(module.path, Span.of(turns.node), name)
    bare = isinstance(node, ast.Tuple) and bool(node.elts) and (node.lineno, node.col_offset) == _start(node.elts[0])
    yield Wrap(module.path, Span.of(node), f"{keeper}.epochs(({HERE}))" if bare else f"{keeper}.epochs({HERE})")


def _start(node: ast.expr) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _free_name(text: str, name: str) -> str:
    """``name``, or it with a number, as it stands nowhere in the file."""
    taken = set(re.findall(r"\w+", text))
    return next(one for one in itertools.chain([name], (f"{name}_{number}" for number in itertools.count(2))) if one not in taken)


def _asked(path: str, test: ast.expr, keeper: str) -> Edit:
    """The turn is asked for before the loop's own condition is: at the last one, what the loop leaves is read."""
    if isinstance(test, ast.Constant) and test.value:
        return Replace(path, Span.of(test), f"{keeper}.turn()")
    simple = isinstance(test, (ast.Compare, ast.Name, ast.Attribute, ast.Call, ast.Subscript)) or (
        isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And)
    )
    return Wrap(path, Span.of(test), f"{keeper}.turn() and {HERE}" if simple else f"{keeper}.turn() and ({HERE})")


def restore_line(resume: Resume, keeper: str, indent: int, turns: str | None = None) -> str | None:
    """The statement that restores what the loop carries; None where the turns alone tell everything. ``turns`` is the name of what the
    turns are counted from, where that has to be taken before."""
    named = resume.spelled
    given = [named.get(text, text) for text in resume.objects]
    given += [f"{keeper}.attributes({named.get(base, base)}, {', '.join(map(repr_of, names))})" for base, names in resume.attributes]
    given += [f"{name}={'None' if name in resume.unset else named.get(name, name)}" for name in resume.values]
    if not given:
        return None
    before, values = "", resume.values
    if turns is not None and resume.turns is not None:
        source = resume.loop.module.segment(resume.turns.node)
        if resume.turns.kept:  # at each later start it is what it was at the first
            given, values = [*given, f"{turns}={source}"], (*values, turns)
        else:
            before = f"{turns} = {source}\n"
    return before + _statement(given, values, keeper, indent)


def _statement(given: list[str], values: tuple[str, ...], keeper: str, indent: int) -> str:
    targets = f"{', '.join(values)} = " if values else ""
    line = f"{targets}{keeper}.restore({', '.join(given)})"
    if len(line) + indent <= WIDTH:
        return line
    packed = ", ".join(given)
    lines = [packed] if len(packed) + indent + 4 <= WIDTH else [f"{one}," for one in given]
    return f"{targets}{keeper}.restore(\n" + "".join(f"    {one}\n" for one in lines) + ")"


def repr_of(text: str) -> str:
    """A text in double quotes."""
    return f'"{text}"'


EXAMPLES = (
    Example(
        before="""\
import torch

model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
best = 1e9
for epoch in range(1, 11):
    loss = model(torch.ones(4, 2)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if loss.item() < best:
        best = loss.item()
print(best)
""",
        after="""\
import torch
from sagemaker_support import keeper

model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
best = 1e9
best = keeper.restore(model, optimizer, best=best)
for epoch in keeper.epochs(range(1, 11)):
    loss = model(torch.ones(4, 2)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if loss.item() < best:
        best = loss.item()
print(best)
""",
    ),
    Example(
        before="""\
import torch


class Trainer:
    def __init__(self, model):
        self.model = model
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)
        self.steps = 0

    def one(self):
        self.optimizer.zero_grad()
        self.model(torch.ones(4, 2)).mean().backward()
        self.optimizer.step()
        self.steps += 1

    def train(self, most):
        while self.steps < most:
            self.one()


Trainer(torch.nn.Linear(2, 1)).train(10)
""",
        after="""\
import torch
from sagemaker_support import keeper


class Trainer:
    def __init__(self, model):
        self.model = model
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)
        self.steps = 0

    def one(self):
        self.optimizer.zero_grad()
        self.model(torch.ones(4, 2)).mean().backward()
        self.optimizer.step()
        self.steps += 1

    def train(self, most):
        keeper.restore(self.model, self.optimizer, keeper.attributes(self, "steps"))
        while keeper.turn() and self.steps < most:
            self.one()


Trainer(torch.nn.Linear(2, 1)).train(10)
""",
    ),
    Example(
        before="""\
import numpy as np
import tensorflow.compat.v1 as tf

x = tf.placeholder(tf.float32, [None, 2])
loss = tf.reduce_mean(tf.matmul(x, tf.Variable(tf.zeros([2, 1]))) - 1.0) ** 2
train_op = tf.train.AdamOptimizer(0.1).minimize(loss)
best = 1e9
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for epoch in range(10):
        _, value = sess.run([train_op, loss], feed_dict={x: np.ones((4, 2))})
        best = min(best, value)
    tf.train.Saver().save(sess, "model/last")
print(best)
""",
        after="""\
import numpy as np
import tensorflow.compat.v1 as tf
from sagemaker_support import keeper

x = tf.placeholder(tf.float32, [None, 2])
loss = tf.reduce_mean(tf.matmul(x, tf.Variable(tf.zeros([2, 1]))) - 1.0) ** 2
train_op = tf.train.AdamOptimizer(0.1).minimize(loss)
best = 1e9
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    best = keeper.restore(sess, best=best)
    for epoch in keeper.epochs(range(10)):
        _, value = sess.run([train_op, loss], feed_dict={x: np.ones((4, 2))})
        best = min(best, value)
    tf.train.Saver().save(sess, "model/last")
print(best)
""",
    ),
)

UNTOUCHED = (
    """\
import torch

x = torch.ones(3, requires_grad=True)
for _ in range(3):
    y = (x * 2).sum()
print(y)
""",
    """\
import tensorflow.compat.v1 as tf

train_images = tf.placeholder(tf.float32)
with tf.Session() as sess:
    for value in range(3):
        print(sess.run(train_images * 2, feed_dict={train_images: value}))
""",
    """\
import torch
from sagemaker_support import keeper

model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
keeper.restore(model, optimizer)
for epoch in keeper.epochs(range(3)):
    optimizer.zero_grad()
    model(torch.ones(4, 2)).mean().backward()
    optimizer.step()
""",
)
