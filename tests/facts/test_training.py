# ruff: noqa: E501
"""What a training loop carries: every form of loop, and what each has to restore."""

from __future__ import annotations

import pytest

from migrate.facts.program import load_program
from migrate.facts.training.foreign import foreign_training
from migrate.facts.training.resume import Resume, find_resumes
from tests.facts.programs import program_of

HEAD = """\
import itertools, math, random, time, torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim
from torch.utils.data import DataLoader
model = nn.Linear(2, 1)
optimizer = optim.SGD(model.parameters(), lr=0.1)
loader = DataLoader([torch.ones(2)] * 4, batch_size=2)
"""
STEP = """\
optimizer.zero_grad()
loss = model(torch.ones(4, 2)).mean()
loss.backward()
optimizer.step()
"""


def body(text: str, by: int = 4) -> str:
    return "".join(" " * by + line + "\n" for line in text.splitlines())


def resumes_of(source: str | dict[str, str]) -> list[Resume]:
    return find_resumes(program_of({"train.py": source} if isinstance(source, str) else source))


def told(resume: Resume) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]], tuple[str, ...]]:
    assert resume.refused is None, resume.refused
    return resume.objects, dict(resume.attributes), resume.values


BOTH = ("model", "optimizer")


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ("for epoch in range(1, 3):\n" + body(STEP), ()),
        ("step = 0\nwhile step < 5:\n" + body(STEP + "step += 1\n"), ("step",)),
        ("step = 0\nwhile True:\n" + body(STEP + "step += 1\nif step > 5:\n    break\n"), ("step",)),
        ("for step in itertools.count(1):\n" + body(STEP + "if step > 5:\n    break\n"), ()),
        ("from tqdm import tqdm\nfor epoch in tqdm(range(3)):\n" + body("for x in loader:\n" + body(STEP)), ()),
        ("best = None\nfor epoch in range(3):\n" + body(STEP + "if best is None or loss.item() < best:\n    best = loss.item()\n"), ("best",)),
        ("best, bad = 9.0, 0\nfor epoch in range(3):\n" + body(STEP + "if loss < best:\n    best, bad = loss.item(), 0\nelse:\n    bad += 1\nif bad > 3:\n    break\n"), ("best", "bad")),
        ("last = 0.0\nfor epoch in range(3):\n" + body(STEP + "last = loss.item()\n") + "print(last)\n", ("last",)),
        ("seen = 0\nfor epoch in range(3):\n" + body("if epoch == 1:\n    continue\n" + STEP + "seen = epoch\n") + "print(seen)\n", ("seen",)),
        ("first = None\nfor epoch in range(3):\n" + body(STEP + "if epoch == 0:\n    first = loss.item()\n") + "else:\n    print(first)\n", ("first",)),
        ("total = 0.0\nfor epoch in range(3):\n" + body("total = 0.0\nfor x in loader:\n" + body(STEP + "total += loss.item()\n") + "print(total)\n"), ()),
        ("start = time.time()\nfor epoch in range(3):\n" + body(STEP + "print(time.time() - start)\nstart = time.time()\n"), ()),
        ("lr = 0.1\nfor epoch in range(3):\n" + body("if epoch == 2:\n    lr = lr / 10\nfor g in optimizer.param_groups:\n    g['lr'] = lr\n" + STEP), ("lr",)),
    ],
)  # fmt: skip
def test_names_that_go_from_turn_to_turn(source: str, values: tuple[str, ...]) -> None:
    (resume,) = resumes_of(HEAD + source)
    assert told(resume) == (BOTH, {}, values)


def test_a_value_that_only_the_loop_gives_is_unset_before_it() -> None:
    source = HEAD + "best = 9.0\nfor epoch in range(3):\n" + body(STEP + "if loss < best:\n    best, best_epoch = loss.item(), epoch\n")
    (resume,) = resumes_of(source + "print(best_epoch)\n")
    assert (resume.values, resume.unset) == (("best", "best_epoch"), frozenset({"best_epoch"}))


def test_batches_of_an_epoch_that_makes_its_own_optimizer_are_no_turns() -> None:
    source = HEAD.replace("optimizer = optim", "# optim") + "step = 0\nfor epoch in range(3):\n"
    source += "    optimizer = optim.Adam(model.parameters(), lr=0.1 / (epoch + 1))\n    for i, x in enumerate(loader):\n"
    (found,) = resumes_of(source + body(STEP + "step += 1\n", 8))
    assert told(found) == (("model",), {}, ("step",)) and found.loop.line == 10


@pytest.mark.parametrize(
    ("turns", "known"),
    [
        ("os.listdir('a')", True),  # a list of names: the keeper has its first order
        ("glob.glob('a/*.json')", True),
        ("sorted(os.listdir('a'))", True),
        ("enumerate(sorted(glob.iglob('a/*')))", True),
        ("enumerate(os.listdir('a'))", False),
        ("os.scandir('a')", False),
        ("pathlib.Path('a').glob('*.json')", False),
    ],
)
def test_a_folder_is_listed_in_an_order_of_its_own(turns: str, known: bool) -> None:
    (found,) = resumes_of(HEAD + f"import glob, os, pathlib\nfor name in {turns}:\n" + body(STEP))
    assert found.refused is None and (found.caution is None) is known
    assert known or "in another order" in (found.caution or "")


EPISODES = """\
import gym
env = gym.make("CartPole-v1")
memory = []
{before}for episode in range(9):
{begin}    done = False
    while not done:
        state, reward, done, info = env.step(0)
        memory.append(reward)
"""


@pytest.mark.parametrize(
    ("before", "begin", "refused"),
    [
        ("", "    state = env.reset()\n", False),
        ("def start():\n    state = env.reset()\n    return state\n", "    state = start()\n", False),
        ("state = env.reset()\n", "", True),
        ("", "    if episode == 0:\n        state = env.reset()\n", True),
    ],
)
def test_an_environment_that_each_turn_begins_anew_is_to_be_looked_at(before: str, begin: str, refused: bool) -> None:
    (found,) = resumes_of(HEAD + EPISODES.format(before=before, begin=begin) + body(STEP))
    assert (found.refused is not None) is refused
    assert "environment env" in (found.refused or "") if refused else "new episode" in (found.caution or "")


def test_turns_that_are_counted_in_an_attribute() -> None:
    source = """\
import torch
class Engine:
    def __init__(self):
        self.model = torch.nn.Linear(2, 1)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)
        self.first, self.last = 0, 3
    def run(self):
        for self.epoch in range(self.first, self.last):
            self.train(verbose=True)
        print(self.epoch)
        self.done()
    def train(self, verbose):
        self.optimizer.zero_grad()
        self.model(torch.ones(4, 2)).mean().backward()
        self.optimizer.step()
    def done(self):
        pass
Engine().run()
"""
    (found,) = resumes_of(source)
    assert told(found) == (("self.model", "self.optimizer"), {"self": ("epoch",)}, ()) and found.turns is None


def test_an_object_of_a_module_that_is_not_followed_is_to_be_looked_at() -> None:
    def resolver(_: str, module: str | None, level: int) -> str | None:
        return {"task": "task.py", "train": "train.py"}.get(module or "")

    text = HEAD + "from task import Task\ntask = Task(model)\nfor epoch in range(3):\n" + body(STEP + "task.update_ema()\n")
    (found,) = find_resumes(load_program("train.py", (), lambda path: text.encode(), resolver))
    assert found.refused is None and "task.py" in (found.caution or "")


def test_what_is_kept_with_the_best_score_is_carried_though_only_a_branch_sets_it() -> None:
    source = HEAD.replace("optimizer = optim", "# optim") + "for fold in range(2):\n    best = 0.0\n"
    source += "    optimizer = optim.SGD(model.parameters(), lr=0.1)\n    for epoch in range(6):\n"
    source += body(STEP + "if loss.item() > best:\n    best = loss.item()\n    state = model.state_dict()\n", 8)
    source += body("if epoch % 3 == 2:\n    torch.save(state, str(fold))\n    best = 0.0\n", 8)
    found = resumes_of(source)[-1]
    assert told(found)[2] == ("best", "state") and found.unset == {"state"}


def test_what_a_branch_sets_for_itself_is_not_carried() -> None:
    source = HEAD + "best = 0.0\nfor epoch in range(6):\n"
    source += body(STEP + "if loss.item() > best:\n    best = loss.item()\n    text = str(best)\n    print(text)\n")
    source += body("if epoch % 2:\n    much = loss.item()\nif epoch % 2:\n    print(much)\n")
    (found,) = resumes_of(source)
    assert told(found)[2] == ("best",)


def test_containers_that_grow_are_restored_in_place() -> None:
    source = HEAD + "history = []\nstats = {}\nfor epoch in range(3):\n" + body(STEP + "history.append(loss.item())\nstats[epoch] = 1\n")
    (resume,) = resumes_of(source)
    assert told(resume) == ((*BOTH, "history", "stats"), {}, ())


def test_what_functions_get_is_followed_to_the_loop() -> None:
    source = """\
import torch
from torch import nn, optim

def train(net, opt, sched, scaler):
    with torch.autocast('cpu'):
        loss = net(torch.ones(4, 2)).mean()
    opt.zero_grad()
    scaler.scale(loss).backward()
    scaler.step(opt)
    scaler.update()

def main():
    network = nn.Linear(2, 1).to('cpu')
    adam = optim.Adam(network.parameters())
    cosine = optim.lr_scheduler.CosineAnnealingLR(adam, 10)
    amp = torch.cuda.amp.GradScaler()
    criterion = nn.CrossEntropyLoss()
    for epoch in range(3):
        train(network, adam, cosine, amp)
        cosine.step()

if __name__ == '__main__':
    main()
"""
    (resume,) = resumes_of(source)
    assert told(resume) == (("network", "adam", "cosine", "amp"), {}, ())


def test_globals_of_called_functions_are_values_of_the_module() -> None:
    source = (
        HEAD + "best = 0\ndef train():\n" + body(STEP) + "def test():\n    global best\n    if random.random() > best:\n        best = 1\n"
    )
    (resume,) = resumes_of(source + "for epoch in range(3):\n    train()\n    test()\n")
    assert told(resume) == (BOTH, {}, ("best",))


def test_two_models_and_two_optimizers() -> None:
    source = """\
import torch
from torch import nn, optim
netG, netD = nn.Linear(2, 2), nn.Linear(2, 1)
optD = optim.Adam(netD.parameters())
optG = optim.Adam(netG.parameters())
for epoch in range(2):
    for i in range(2):
        netD.zero_grad()
        netD(netG(torch.ones(1, 2)).detach()).mean().backward()
        optD.step()
        netG.zero_grad()
        netD(netG(torch.ones(1, 2))).mean().backward()
        optG.step()
"""
    (resume,) = resumes_of(source)
    assert told(resume) == (("netG", "netD", "optD", "optG"), {}, ())
    assert resume.loop.line == 6


def test_an_optimizer_that_is_swapped_is_a_value() -> None:
    source = HEAD + "for epoch in range(3):\n" + body(STEP + "if epoch == 1:\n    optimizer = optim.ASGD(model.parameters())\n")
    (resume,) = resumes_of(source)
    assert told(resume) == (("model",), {}, ("optimizer",))


def test_a_closure_that_the_optimizer_calls() -> None:
    source = HEAD + "for epoch in range(3):\n    def closure():\n" + body(
        "optimizer.zero_grad()\nloss = model(torch.ones(4, 2)).mean()\nloss.backward()\nreturn loss\n", 8
    ) + "    optimizer.step(closure)\n"  # fmt: skip
    (resume,) = resumes_of(source)
    assert (told(resume), resume.loop.line) == ((BOTH, {}, ()), 9)


def test_a_trainer_class_in_another_module() -> None:
    trainer = """\
import torch

class Trainer:
    def __init__(self, model, optimizer):
        self.model, self.optimizer = model, optimizer
        self.step, self.best, self.history = 0, None, []
        self.meter = Meter()

    def one(self):
        self.optimizer.zero_grad()
        loss = self.model(torch.ones(4, 2)).mean()
        loss.backward()
        self.optimizer.step()
        self.step += 1
        self.meter.update(loss.item())
        self.history.append(loss.item())
        if self.best is None or loss < self.best:
            self.best = loss.item()

    def fit(self, epochs):
        for epoch in range(epochs):
            self.one()

class Meter:
    def __init__(self):
        self.total = 0

    def update(self, x):
        self.total += x
"""
    train = "from lib.trainer import Trainer\nimport torch\nm = torch.nn.Linear(2, 1)\nTrainer(m, torch.optim.SGD(m.parameters(), lr=1)).fit(3)\n"
    (resume,) = resumes_of({"train.py": train, "lib/trainer.py": trainer, "lib/__init__.py": ""})
    assert resume.loop.module.path == "lib/trainer.py"
    assert told(resume) == (
        ("self.model", "self.optimizer", "self.history"),
        {"self": ("best", "step"), "self.meter": ("total",)},
        (),
    )


def test_folds_are_turns_and_each_makes_its_own_model() -> None:
    source = """\
import torch
from torch import nn, optim
scores = []
for fold in range(3):
    model = nn.Linear(2, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    best = 9.0
    for epoch in range(2):
        loss = model(torch.ones(4, 2)).mean()
        loss.backward()
        optimizer.step()
        best = min(best, loss.item())
    scores.append(best)
"""
    outer, inner = resumes_of(source)
    assert (outer.loop.line, told(outer)) == (4, (("scores",), {}, ()))
    assert (inner.loop.line, told(inner)) == (8, (BOTH, {}, ("best",)))


def test_a_method_of_a_library_is_none_of_another_class() -> None:
    other = """\
import torch
class Tuner:
    def __init__(self, net):
        self.net, self.opt = net, torch.optim.SGD(net.parameters(), lr=1)
    def train(self):
        for turn in range(3):
            self.net(torch.ones(1, 2)).mean().backward()
            self.opt.step()
"""
    source = "from lib import Tuner\nfor epoch in range(3):\n    model.train()\n" + body(STEP)
    (found,) = resumes_of({"train.py": HEAD + source, "lib.py": other})  # nothing calls the other one
    assert found.loop.module.path == "train.py"
    assert told(found) == (BOTH, {}, ())


def test_two_phases_of_each_fold() -> None:
    source = """\
import torch
from torch import nn, optim
for fold in range(3):
    model = nn.Linear(2, 1)
    first = optim.SGD(model.parameters(), lr=0.1)
    for step in range(2):
        model(torch.ones(4, 2)).mean().backward()
        first.step()
    second = optim.SGD(model.parameters(), lr=0.01)
    for step in range(2):
        second.zero_grad()
        model(torch.ones(4, 2)).mean().backward()
        second.step()
    print(model)
"""
    assert [(r.loop.line, told(r)[0]) for r in resumes_of(source)] == [(3, ()), (6, ("model", "first")), (10, ("model", "second"))]


def test_two_phases_are_two_loops() -> None:
    source = HEAD + "def step():\n" + body(STEP) + "for epoch in range(2):\n    step()\nfor epoch in range(4):\n    step()\n"
    assert [told(r) for r in resumes_of(source)] == [(BOTH, {}, ()), (BOTH, {}, ())]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import gym\nenv = gym.make('x')\nfor step in range(5):\n    o, r, d, i = env.step(1)\n" + body(STEP), "the state of the environment env"),
        ("import deepspeed\nmodel, optimizer, _, _ = deepspeed.initialize(model=model)\nfor epoch in range(5):\n" + body("model.backward(model(1))\nmodel.step()\n"), "model.load_checkpoint(folder) before the loop"),
        ("import multiprocessing as mp\ndef work(pipe):\n    while True:\n        o, r, d, i = env.step(pipe.recv())\nworkers = [mp.Process(target=work, args=(p,)) for p in pipes]\nfor step in range(5):\n" + body(STEP), "environments are stepped in other processes"),
        ("optimizer = ZeroRedundancyOptimizer(model.parameters(), optim.SGD)\nfor epoch in range(5):\n" + body(STEP), "ZeroRedundancyOptimizer spreads"),
        ("import torch.multiprocessing as mp\ndef run(model):\n    for epoch in range(5):\n" + body(STEP, 8) + "mp.Process(target=run, args=(model,)).start()\n", "several processes run it at once"),
    ],
)  # fmt: skip
def test_what_cannot_be_restored_is_refused_with_its_line(source: str, reason: str) -> None:
    (resume,) = resumes_of("from torch.distributed.optim import ZeroRedundancyOptimizer\n" + HEAD + source)
    assert resume.refused is not None and reason in resume.refused
    assert resume.where is not None and resume.where.span.line > 9


@pytest.mark.parametrize(
    "spread", ["model = FSDP(model)", "fully_shard(model)", "model = fully_shard(model)", "model = parallelize_module(model, mesh, {})"]
)
def test_a_model_that_is_spread_is_restored_as_any_other(spread: str) -> None:
    imports = "from torch.distributed.fsdp import FullyShardedDataParallel as FSDP, fully_shard\n"
    imports += "from torch.distributed.tensor.parallel import parallelize_module\n"
    lines = HEAD.splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("optimizer"))
    (resume,) = resumes_of(imports + "\n".join([*lines[:place], spread, *lines[place:]]) + "\nfor epoch in range(5):\n" + body(STEP))
    assert told(resume) == (BOTH, {}, ())


@pytest.mark.parametrize(
    "source",
    [
        "it = iter(loader)\nfor step in range(5):\n    x = next(it)\n" + body(STEP),
        "it = iter(loader)\nfor step in range(5):\n    try:\n        x = next(it)\n    except StopIteration:\n        it = iter(loader)\n        x = next(it)\n"
        + body(STEP),
        "def g():\n    yield 1\nit = g()\nfor step in range(5):\n    x = next(it)\n" + body(STEP),
    ],
)
def test_an_iterator_that_is_alive_before_the_loop_begins_anew(source: str) -> None:
    (resume,) = resumes_of(HEAD + source)
    assert told(resume) == (BOTH, {}, ())
    assert resume.caution is not None and "the iterator it, made before the loop, begins anew" in resume.caution
    assert resume.where is not None and resume.where.span.line > 9


USED_IF = "for epoch in range(3):\n" + body("if args.adam:\n    optimizer2.zero_grad()\n" + STEP + "if args.adam:\n    optimizer2.step()\n")


@pytest.mark.parametrize(
    ("source", "spelled"),
    [
        ("if args.adam:\n    optimizer2 = optim.Adam(model.parameters())\n" + USED_IF, "optimizer2 if args.adam else None"),
        ("if not args.adam:\n    pass\nelse:\n    optimizer2 = optim.Adam(model.parameters())\n" + USED_IF, 'locals().get("optimizer2")'),
        ("if args.adam:\n    optimizer2 = optim.Adam(model.parameters())\nargs.adam = True\n" + USED_IF, 'locals().get("optimizer2")'),
        ("if args.adam:\n    optimizer2 = optim.Adam(model.parameters())\nelse:\n    optimizer2 = None\n" + USED_IF, None),
        ("if args.adam == 1:\n    optimizer2 = optim.Adam(model.parameters())\nelif args.adam:\n    optimizer2 = 1\n" + USED_IF, 'locals().get("optimizer2")'),
        ("if args.name == 'a':\n    optimizer2 = optim.Adam(model.parameters())\nfor epoch in range(3):\n" + body(STEP + "optimizer2.step()\n"), None),
    ],
)  # fmt: skip
def test_what_only_some_settings_make_is_named_so_that_it_may_be_missing(source: str, spelled: str | None) -> None:
    (resume,) = resumes_of(HEAD + "args = object()\n" + source)
    assert resume.refused is None and "optimizer2" in resume.objects
    assert resume.spelled == ({"optimizer2": spelled} if spelled else {})


def test_a_value_that_only_some_settings_give() -> None:
    source = "if args.best:\n    best = 9.0\nfor epoch in range(3):\n" + body(
        STEP + "if args.best and loss < best:\n    best = loss.item()\n"
    )
    (resume,) = resumes_of(HEAD + "args = object()\n" + source)
    assert (resume.values, resume.spelled) == (("best",), {"best": "best if args.best else None"})


@pytest.mark.parametrize(
    ("before", "turn", "asked"),
    [
        (
            "if args.best:\n    best = 9.0\n",
            "if epoch == 0:\n    best = loss.item()\nbest = min(best, loss.item())\n",
            "best if args.best else None",
        ),
        ("best = 9.0\ndel best\n", "if epoch == 0:\n    best = loss.item()\nbest = min(best, loss.item())\n", 'locals().get("best")'),
        ("if args.best:\n    best = 9.0\n", "best = min(best, loss.item())\n", None),
        ("best = 9.0\n", "if epoch == 0:\n    best = loss.item()\nbest = min(best, loss.item())\n", None),
    ],
)
def test_a_value_that_the_first_turn_gives_where_there_is_none(before: str, turn: str, asked: str | None) -> None:
    (resume,) = resumes_of(HEAD + "args = object()\n" + before + "for epoch in range(3):\n" + body(STEP + turn))
    assert (resume.values, resume.spelled) == (("best",), {"best": asked} if asked else {})


def test_parts_of_what_may_be_none() -> None:
    source = """\
class Average:
    def __init__(self):
        self.shadow = {}
    def update(self, model):
        for name, p in model.named_parameters():
            self.shadow[name] = p.data
average = Average() if args.average else None
for epoch in range(3):
""" + body(STEP + "if average is not None:\n    average.update(model)\n")
    (resume,) = resumes_of(HEAD + "args = object()\n" + source)
    assert resume.spelled == {"average.shadow": 'getattr(average, "shadow", None)'}


def test_parts_that_only_some_settings_make() -> None:
    source = """\
class Trainer:
    def __init__(self, args):
        self.args = args
        self.model = nn.Linear(2, 1)
        self.optimizer = optim.SGD(self.model.parameters(), lr=1)
        if args.gan:
            self.critic = nn.Linear(2, 1)
            self.optimizer_c = optim.SGD(self.critic.parameters(), lr=1)
    def train(self):
        for epoch in range(3):
            self.model(torch.ones(1, 2)).mean().backward()
            self.optimizer.step()
            if self.args.gan:
                self.critic(torch.ones(1, 2)).mean().backward()
                self.optimizer_c.step()
Trainer(object()).train()
"""
    (resume,) = resumes_of(HEAD + source)
    assert set(resume.objects) == {"self.model", "self.optimizer", "self.critic", "self.optimizer_c"}
    assert resume.spelled == {t: f'getattr(self, "{t[5:]}", None)' for t in ("self.critic", "self.optimizer_c")}


@pytest.mark.parametrize(
    ("source", "attributes", "values"),
    [
        ("start = 0\nif args.resume:\n    ckpt = torch.load('a')\n    start = ckpt['epoch'] + 1\nfor epoch in range(start, 5):\n", {}, ("start",)),
        ("start, best = 0, 1\nif args.resume:\n    start, best = load_checkpoint(model)\nfor epoch in range(start, 5):\n", {}, ("start",)),
        ("if args.resume:\n    args.start = torch.load('a')['epoch']\nfor epoch in range(args.start, 5):\n", {"args": ("start",)}, ()),
        ("epochs = 5\nif args.quick:\n    epochs = 1\nfor epoch in range(0, epochs):\n", {}, ()),
        ("import math\nepochs = math.ceil(9 / len(loader))\nfor epoch in range(0, epochs):\n", {}, ()),
    ],
)  # fmt: skip
def test_a_first_turn_that_a_checkpoint_of_the_script_tells(
    source: str, attributes: dict[str, tuple[str, ...]], values: tuple[str, ...]
) -> None:
    (resume,) = resumes_of(HEAD + "args = object()\n" + source + body(STEP))
    assert told(resume) == (BOTH, attributes, values)


def test_a_first_turn_that_the_caller_has_loaded() -> None:
    source = "def run(model, start):\n    for epoch in range(start, 5):\n" + body(STEP, 8) + "run(model, torch.load('a')['epoch'])\n"
    (resume,) = resumes_of(HEAD + source)
    assert resume.values == ("start",)


def test_a_model_that_trains_itself_holds_its_parts_but_no_optimizer() -> None:
    source = """\
class Layer(nn.Linear):
    def __init__(self):
        super().__init__(2, 1)
        self.relu = nn.ReLU()
        self.opt = optim.SGD(self.parameters(), lr=1)
        self.turns = 0
    def learn(self):
        for i in range(3):
            self.relu(torch.mm(torch.ones(1, 2), self.weight.T)).mean().backward()
            self.opt.step()
            self.turns += 1
Layer().learn()
"""
    (resume,) = resumes_of(HEAD + source)
    assert told(resume) == (("self", "self.opt"), {"self": ("turns",)}, ())


def test_numbers_that_a_model_counts() -> None:
    (resume,) = resumes_of(HEAD + "model.seen = 0\nfor epoch in range(3):\n" + body(STEP + "model.seen += 4\n"))
    assert told(resume) == (BOTH, {"model": ("seen",)}, ())


def test_another_name_of_the_model_is_not_named() -> None:
    source = "bare = model\nif args.many:\n    model = nn.DataParallel(model)\n    bare = model.module\nfor epoch in range(3):\n"
    (resume,) = resumes_of(HEAD + "args = object()\n" + source + body(STEP + "torch.save(bare.state_dict(), 'a')\n"))
    assert told(resume) == (BOTH, {}, ())
    source = "teacher = model\nmodel = nn.Linear(2, 1)\nfor epoch in range(3):\n"
    (resume,) = resumes_of(HEAD + source + body(STEP + "torch.save(teacher.state_dict(), 'a')\n"))
    assert told(resume) == ((*BOTH, "teacher"), {}, ())


@pytest.mark.parametrize(
    "source",
    [
        "with torch.profiler.profile() as prof:\n    for epoch in range(3):\n" + body(STEP + "prof.step()\n", 8),
        "loaders = {'train': loader}\nfor epoch in range(3):\n    for name, one in loaders.items():\n        for x in one:\n"
        + body("x[1:] = 0\n" + STEP, 12),
        "def make():\n    made = {}\n    made['a'] = DataLoader([1])\n    return made\nloaders = make()\nfor epoch in range(3):\n"
        "    for name, one in loaders.items():\n        for x in one:\n" + body("x[1:] = 0\n" + STEP, 12),
        "buffer = torch.zeros(3)\nfor epoch in range(3):\n" + body("buffer2 = buffer.data\n" + STEP),
        "bare = model\nbare = bare.to('cpu')\nfor epoch in range(3):\n" + body(STEP + "bare.train()\n"),
        "chainer = 1\nfor epoch in range(3):\n" + body(STEP),
    ],
)
def test_what_needs_no_name_in_the_line(source: str) -> None:
    (resume,) = resumes_of(HEAD + source)
    assert told(resume) == (BOTH, {}, ())


def test_an_attribute_that_is_called_data() -> None:
    source = (
        """\
class Loop:
    def __init__(self):
        self.step, self.data = 0, iter(loader)
    def run(self):
        while self.step < 5:
            x = next(self.data)
            self.step += 1
"""
        + body(STEP, 12)
        + "Loop().run()\n"
    )
    (resume,) = resumes_of(HEAD + source)
    assert told(resume) == (BOTH, {"self": ("step",)}, ())
    assert resume.caution is not None


def test_models_in_a_list() -> None:
    source = """\
models = [nn.Linear(2, 1) for _ in range(2)]
optimizers = [optim.SGD(m.parameters(), lr=1) for m in models]
for epoch in range(3):
    for m, o in zip(models, optimizers):
        m(torch.ones(1, 2)).mean().backward()
        o.step()
        o.zero_grad()
"""
    (resume,) = resumes_of("import torch\nfrom torch import nn, optim\n" + source)
    assert set(told(resume)[0]) == {"models", "optimizers"}


LAYERS = """\
class Layer(nn.Linear):
    def __init__(self):
        super().__init__(4, 4)
        self.opt = optim.SGD(self.parameters(), lr=0.1)
    def learn(self, x):
        self(x).mean().backward()
        self.opt.step()
    def fit(self, x):
        for i in range(3):
            self.learn(x)
        return self(x).detach()
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = MADE
    def one_by_one(self, x):
        for layer in self.layers:
            x = layer.fit(x)
    def together(self, x):
        for epoch in range(3):
            for layer in self.layers:
                layer.learn(x)
    def whole(self, x):
        opt = optim.SGD([p for layer in self.layers for p in layer.parameters()], lr=0.1)
        for epoch in range(3):
            opt.zero_grad()
            for layer in self.layers:
                x = layer(x)
            x.mean().backward()
            opt.step()
net = Net()
"""
PLAIN = ("[Layer() for _ in range(3)]", "[Layer(), Layer()]", "(Layer(), Layer())")
HELD = ("nn.ModuleList([Layer() for _ in range(3)])", "nn.Sequential(Layer(), Layer())")


@pytest.mark.parametrize("made", [*PLAIN, *HELD])
def test_optimizers_that_layers_of_a_model_have_are_not_saved_with_it(made: str) -> None:
    source = "import torch\nfrom torch import nn, optim\n" + LAYERS.replace("MADE", made)
    (each,) = resumes_of(source + "net.one_by_one(torch.ones(2, 4))\n")
    assert told(each) == (("self", "self.opt"), {}, ()) and each.loop.line == source[: source.index("for i in")].count("\n") + 1
    (several,) = resumes_of(source + "net.together(torch.ones(2, 4))\n")
    assert several.refused == "self.opt is a part of something that self.layers holds, which has no name at the loop"


@pytest.mark.parametrize("made", [*PLAIN, *HELD])
def test_layers_in_a_list_of_pythons_are_not_saved_with_the_model(made: str) -> None:
    source = "import torch\nfrom torch import nn, optim\n" + LAYERS.replace("MADE", made)
    (resume,) = resumes_of(source + "net.whole(torch.ones(2, 4))\n")
    assert resume.refused is None
    assert set(resume.objects) >= ({"self.layers", "opt"} if made in PLAIN else {"self", "opt"})


GROWN = (
    "[]\n        for _ in range(3):\n            self.layers.append(Layer())",
    "[]\n        for _ in range(3):\n            self.layers = self.layers + [Layer().to('cpu')]",
)


@pytest.mark.parametrize("made", [*PLAIN, *HELD[:1], *GROWN])
@pytest.mark.parametrize("turned", ["for layer in self.layers", "for i, layer in enumerate(self.layers)"])
def test_a_method_that_others_have_too_is_called_where_the_elements_are_known(made: str, turned: str) -> None:
    source = LAYERS.replace("MADE", made).replace("def fit", "def train").replace("layer.fit", "layer.train")
    source = source.replace("for layer in self.layers:\n            x = layer.train", f"{turned}:\n            x = layer.train")
    other = "class Other:\n    def train(self, x):\n        pass\n"
    (resume,) = resumes_of("import torch\nfrom torch import nn, optim\n" + other + source + "net.one_by_one(torch.ones(2, 4))\n")
    assert told(resume) == (("self", "self.opt"), {}, ())


def test_elements_that_are_not_known_stay_unknown() -> None:
    source = LAYERS.replace("MADE", "made()").replace("def fit", "def train").replace("layer.fit", "layer.train")
    other = "class Other:\n    def train(self, x):\n        pass\n"
    found = resumes_of("import torch\nfrom torch import nn, optim\n" + other + source + "net.one_by_one(torch.ones(2, 4))\n")
    assert any("what calls train()" in (resume.refused or "") for resume in found) and all(resume.refused for resume in found)


def test_an_attribute_that_only_the_code_behind_the_loop_reads() -> None:
    source = (
        """\
class Trainer:
    def train(self):
        for epoch in range(3):
"""
        + body(STEP + "if loss < 1:\n    self.best_epoch = epoch\n", 12)
        + "t = Trainer()\nt.train()\nprint(t.best_epoch)\n"
    )
    (resume,) = resumes_of(HEAD + source)
    assert told(resume) == (BOTH, {"self": ("best_epoch",)}, ())


@pytest.mark.parametrize(
    "source",
    [
        "x = torch.ones(1, requires_grad=True)\n(x * 2).backward()\n",
        "for layer in [1, 2]:\n    model(torch.ones(4, 2))[0].backward()\n    print(layer)\n",  # a gradient for its own sake
        "def unused():\n    for epoch in range(3):\n        loss.backward()\n",
        "from sagemaker_support import keeper\nkeeper.restore(model, optimizer)\nfor epoch in keeper.epochs(range(3)):\n" + body(STEP),
        "from sagemaker_support import keeper\nkeeper.restore(model, optimizer)\nfor epoch in keeper.epochs(range(3)):\n"
        + body("for x in loader:\n" + body(STEP)),
        "from sagemaker_support import keeper\nn = keeper.restore(model, n=0)\nwhile keeper.turn() and n < 3:\n" + body(STEP + "n += 1\n"),
    ],
)
def test_a_look_alike_is_no_loop_to_resume(source: str) -> None:
    assert resumes_of(HEAD + source) == []


def test_batches_inside_an_inner_function_are_not_the_loop() -> None:
    source = HEAD + "def epoch():\n    for x in loader:\n" + body(STEP, 8) + "epoch()\nfor e in range(3):\n    epoch()\n"
    assert [r.loop.line for r in resumes_of(source)] == [16]


def test_a_model_that_is_loaded_by_name_is_found() -> None:
    files = {
        "train.py": "from models import make\nmodel = make('a')\nfor epoch in range(3):\n    model.optimize()\n",
        "models/__init__.py": "import importlib\ndef make(name):\n    return importlib.import_module('models.' + name + '_model').Model()\n",
        "models/a_model.py": "import torch\nclass Model:\n    def __init__(self):\n        self.net = torch.nn.Linear(2, 1)\n"
        "        self.opt = torch.optim.SGD(self.net.parameters(), lr=1)\n    def optimize(self):\n"
        "        self.loss = self.net(torch.ones(1, 2)).mean()\n        self.loss.backward()\n        self.opt.step()\n",
    }
    (resume,) = resumes_of(files)
    assert told(resume) == (("model.net", "model.opt"), {}, ())


AGENT_STEP = "        self.opt.zero_grad()\n        self.net(x).mean().backward()\n        self.opt.step()\n"
AGENT = (
    "import torch\n{more}class Agent:\n    def __init__(self):\n        self.net = torch.nn.Linear(2, 1)\n"
    "        self.opt = torch.optim.SGD(self.net.parameters(), lr=0.1)\n    def {name}(self, x):\n        for _ in range(3):\n"
    + AGENT_STEP.replace("        self", "            self")
)


def test_a_loop_that_nothing_is_seen_to_call_is_refused() -> None:
    source = AGENT.format(name="update", more="") + "def main(agents):\n    for a in agents:\n        a.update(1)\nmain(input())\n"
    (resume,) = resumes_of(source + "class Other:\n    def update(self, x):\n        pass\n")
    assert resume.refused is not None and "what calls update()" in resume.refused


@pytest.mark.parametrize(("name", "call"), [("update", "agent.update(torch.ones(4, 2))"), ("__call__", "agent(torch.ones(4, 2))")])
def test_a_method_is_called_where_the_object_is_known(name: str, call: str) -> None:
    other = "class Other:\n    def update(self, x):\n        pass\n"
    source = AGENT.format(name=name, more=other) + f"agent = Other() if input() else Agent()\nfor step in range(9):\n    {call}\n"
    (resume,) = resumes_of(source)
    assert resume.refused is None and resume.loop.line == source[: source.index("for step")].count("\n") + 1
    assert resume.objects == ("agent.net", "agent.opt")


def test_a_function_that_others_may_call_too_does_not_refuse_a_way_that_is_known() -> None:
    source = (
        "import torch\nnet = torch.nn.Linear(2, 1)\nopt = torch.optim.SGD(net.parameters(), lr=0.1)\ndef train():\n"
        "    for _ in range(3):\n        net(1).backward()\n        opt.step()\ndef run(**options):\n    train()\ntrain()\nprint('run')\n"
    )
    (resume,) = resumes_of(source)
    assert resume.refused is None


def test_an_object_inside_another_of_its_kind_is_named_once() -> None:
    source = (
        "import torch\nclass Watcher:\n    def __init__(self, net, inner=None):\n        self.net, self.inner = net, inner\n"
        "        self.opt = torch.optim.SGD(self.net.parameters(), lr=0.1)\n    def step(self):\n        self.net(1).backward()\n"
        "        self.opt.step()\n        if self.inner is not None:\n            self.inner.step()\n"
        "w = Watcher(torch.nn.Linear(2, 1), Watcher(torch.nn.Linear(2, 1)))\nfor _ in range(3):\n    w.step()\n"
    )
    (resume,) = resumes_of(source)
    assert all(text.count("inner") < 2 for text in resume.objects)


@pytest.mark.parametrize(
    ("turns", "known"),
    [
        ("range(3)", True),
        ("enumerate(range(3))", True),
        ("tqdm(loader, total=3)", True),
        ("KFold(3).split(data)", True),
        ("bar(range(3))", True),
        ("plan()", True),
        ("settings.items()", True),
        ("tuner.get_parameters()", False),
        ("enumerate(tuner.suggest())", False),
        ("bar(tuner.suggest())", False),
    ],
)
def test_turns_that_a_library_hands_out_are_to_be_looked_at(turns: str, known: bool) -> None:
    source = (
        "import torch, tuning\nfrom tqdm import tqdm\nfrom progress import bar\nfrom sklearn.model_selection import KFold\n"
        "net = torch.nn.Linear(2, 1)\nopt = torch.optim.SGD(net.parameters(), lr=0.1)\ntuner = tuning.Tuner()\nsettings = {}\n"
        "def plan():\n    yield 1\ndata = loader = [1, 2]\n"
        f"for turn in {turns}:\n    net(torch.ones(4, 2)).mean().backward()\n    opt.step()\n"
    )
    (resume,) = resumes_of(source)
    assert resume.refused is None and (resume.caution is None) == known


@pytest.mark.parametrize(
    ("made", "named"),
    [
        ("DataLoader(data, shuffle=True)", False),
        ("DataLoader(data, shuffle=True, generator=None)", False),
        ("DataLoader(data, sampler=DistributedSampler(data))", False),
        ("DataLoader(data, shuffle=True, generator=g)", True),
        ("DataLoader(data, sampler=picks)", True),
        ("make(g)", True),
    ],
)
def test_a_loader_with_a_generator_of_its_own_is_restored(made: str, named: bool) -> None:
    source = (
        "import torch\nfrom torch.utils.data import DataLoader, DistributedSampler, WeightedRandomSampler\n"
        "def make(g):\n    return DataLoader([1], shuffle=True, generator=g)\n"
        "def main(data):\n    g = torch.Generator()\n    picks = WeightedRandomSampler([1.0], 1, generator=g)\n"
        f"    loader = {made}\n    net = torch.nn.Linear(2, 1)\n    opt = torch.optim.SGD(net.parameters(), lr=0.1)\n"
        "    for epoch in range(3):\n        for x in loader:\n            net(x).mean().backward()\n            opt.step()\nmain(input())\n"
    )
    (resume,) = resumes_of(source)
    assert resume.objects == (("loader", "net", "opt") if named else ("net", "opt"))


@pytest.mark.parametrize("shuffle", ["random.shuffle(order)", "numpy.random.shuffle(order)", "rng.shuffle(order)"])
def test_what_a_turn_shuffles_comes_back_in_its_order(shuffle: str) -> None:
    source = (
        "import random\nimport numpy\nimport torch\n\nmodel = torch.nn.Linear(1, 1)\noptimizer = torch.optim.SGD(model.parameters(), 0.1)\norder = some.library()\nrng = random.Random(1)\n"
        f"for epoch in range(3):\n    {shuffle}\n    model(order[0]).backward()\n    optimizer.step()\n"
    )
    (found,) = find_resumes(program_of({"train.py": source}))
    assert "order" in found.objects


HELD = "import torch\nclass Base:\n    def run(self):\n        for e in range(3):\n            self.net(1).backward()\n            self.opt.step()\n"
SUB = (
    "class Trainer(Base):\n    def __init__(self):\n        self.net = torch.nn.Linear(2, 1)\n"
    "        self.opt = torch.optim.SGD(self.net.parameters(), lr=0.1)\nTrainer().run()\n"
)


def test_an_attribute_that_not_every_object_has_from_the_start_is_asked_for() -> None:
    (resume,) = resumes_of(HELD + SUB)  # another subclass need not have it
    assert resume.spelled == {"self.net": 'getattr(self, "net", None)', "self.opt": 'getattr(self, "opt", None)'}
    own = HELD.replace("    def run", "    def __init__(self):\n        self.net = self.opt = None\n    def run")
    (resume,) = resumes_of(own + SUB)
    assert resume.spelled == {}


def test_what_is_tried_again_after_an_exception_is_to_be_looked_at() -> None:
    source = (
        "import torch\nnet = torch.nn.Linear(2, 1)\nopt = torch.optim.SGD(net.parameters(), lr=0.1)\ndef train(size):\n"
        "    for e in range(3):\n        net(1).backward()\n        opt.step()\ntry:\n    train(8)\nexcept RuntimeError:\n    %s\n"
    )
    (resume,) = resumes_of(source % "train(4)")
    assert resume.caution is not None and "tried again" in resume.caution
    (resume,) = resumes_of(source % "raise")
    assert resume.caution is None


def test_a_name_that_is_deleted_before_the_loop_is_not_named_there() -> None:
    source = HEAD + (
        "from elsewhere import load\n"
        "def main(path):\n"
        "    if path:\n        held = load(path)\n        model.load_state_dict(held['model'].state_dict())\n"
        "    if path:\n        del held\n"
        "    for epoch in range(3):\n" + body(STEP, 8) + "        if epoch % 2:\n            held = {'model': model}\n            held['epoch'] = epoch\n"
        "            torch.save(held, 'm.pt')\n            del held\n"
        "main(None)\n"
    )  # fmt: skip
    (resume,) = resumes_of(source)
    assert told(resume) == (BOTH, {}, ())


def test_what_the_scripts_own_checkpoint_holds_of_a_librarys_object_is_kept() -> None:
    source = HEAD + (
        "from averages import Average\nfrom somewhere import settings\nwatch = Average(model) if settings.watch else None\n"
        "for epoch in range(3):\n" + body(STEP + "watch.update(model)\n"
        "held = {'average': copy.deepcopy(watch.ema).half(), 'updates': watch.updates, 'at': settings.now, 'state': model.state_dict()}\n"
        "torch.save(held, 'm.pt')\n")
    )  # fmt: skip
    (resume,) = resumes_of(source)
    assert told(resume) == (BOTH, {"watch": ("ema", "updates")}, ())


def test_a_class_that_stands_in_for_a_librarys_has_the_librarys_kind() -> None:
    stand_in = "    class GradScaler:\n        def scale(self, loss):\n            return loss\n        def step(self, o):\n            o.step()\n        def update(self):\n            pass\n"
    source = HEAD + "try:\n    from torch.cuda.amp import GradScaler\nexcept ImportError:\n" + stand_in + (
        "scaler = GradScaler()\nfor epoch in range(3):\n"
        + body(STEP.replace("loss.backward()\noptimizer.step()", "scaler.scale(loss).backward()\nscaler.step(optimizer)\nscaler.update()"))
    )  # fmt: skip
    (resume,) = resumes_of(source)
    assert told(resume) == (("model", "optimizer", "scaler"), {}, ())


def test_a_writer_that_is_made_when_it_is_first_needed_is_no_state() -> None:
    source = HEAD + (
        "from torch.utils.tensorboard import SummaryWriter\n"
        "class Log:\n    def __init__(self):\n        self.writer = None\n        self.n = 0\n        self.at = 0\n"
        "    def push(self, x):\n        self.n += 1\n        print(time.time() - self.at)\n        if self.n > 1:\n            self.at = time.time()\n"
        "        if self.writer is None:\n            self.writer = SummaryWriter()\n"
        "        self.writer.add_scalar('x', x, self.n)\n"
        "log = Log()\nfor epoch in range(3):\n" + body(STEP + "log.push(loss.item())\n")
    )  # fmt: skip
    (resume,) = resumes_of(source)
    assert told(resume) == (BOTH, {"log": ("n",)}, ())


def test_of_a_method_that_is_defined_twice_the_last_runs() -> None:
    source = HEAD + (
        "class Rates:\n    def __init__(self):\n        self.rate = 0.1\n"
        "    def lower(self, epoch):\n        self.lower(epoch)\n"
        "    def lower(self, epoch):\n        self.rate = self.rate / 2\n        optimizer.param_groups[0]['lr'] = self.rate\n"
        "rates = Rates()\nfor epoch in range(3):\n" + body(STEP + "rates.lower(epoch)\n")
    )  # fmt: skip
    (resume,) = resumes_of(source)
    assert told(resume)[1] == {"rates": ("rate",)}


def test_an_attribute_that_is_made_of_itself_is_kept() -> None:
    source = HEAD + (
        "class Rates:\n    def __init__(self):\n        self.rate = 0.1\n"
        "    def lower(self, group):\n        self.rate = self.rate / 2\n        group['lr'] = self.rate\n"
        "rates = Rates()\nfor epoch in range(3):\n" + body("rates.lower(optimizer.param_groups[0])\n" + STEP)
    )  # fmt: skip
    (resume,) = resumes_of(source)
    assert told(resume)[1] == {"rates": ("rate",)}


def test_beside_a_loop_that_is_kept_already_code_that_nothing_calls_is_no_loop_to_resume() -> None:
    step = body(STEP, 8)
    other = HEAD + "def train(model, optimizer):\n    for x in loader:\n" + step + "def make():\n    return loader\n"
    main = HEAD + "from other import make\ndef train(model, optimizer):\n    for x in make():\n" + step
    loop = "def main():\n    for epoch in %s:\n        train(model, optimizer)\nmain()\n"
    (resume,) = resumes_of({"train.py": main + loop % "range(3)", "other.py": other})
    assert resume.loop.module.path == "train.py" and resume.refused is None
    kept = "from sagemaker_support import keeper\n" + main + loop % "keeper.epochs(range(3))"
    assert resumes_of({"train.py": kept, "other.py": other}) == []


@pytest.mark.parametrize("made", ["optim.SGD(model.parameters(), lr=0.1 / (epoch + 1))", "SGD(model.parameters(), 0.1)"])
def test_of_an_optimizer_that_each_epoch_makes_anew_only_the_epochs_are_kept(made: str) -> None:
    source = HEAD.replace("optimizer = optim", "first = optim") + "from torch.optim import SGD\n" + (
        f"def train(epoch):\n    optimizer = {made}\n    total = 0\n    for i, x in enumerate(loader):\n" + body(STEP + "total += 1\n", 8)
        + "for epoch in range(3):\n    train(epoch)\n"
    )  # fmt: skip
    (resume,) = resumes_of(source)
    assert told(resume) == (("model",), {}, ()) and resume.loop.line == source[: source.index("for epoch")].count("\n") + 1


ENGINE = (
    "import torch\nfrom torchnet.engine import Engine\nnet = torch.nn.Linear(2, 1)\n%s\nengine = Engine()\nengine.train(net, [1], 3, %s)\n"
)


def test_an_engine_of_a_library_that_is_handed_an_optimizer_trains() -> None:
    made = "best = torch.optim.SGD(net.parameters(), lr=0.1)\nrates = torch.optim.lr_scheduler.StepLR(best, 2)\n"
    found = foreign_training(program_of({"train.py": ENGINE % (made, "best")}))
    assert found is not None and found[1].lineno == 8
    assert foreign_training(program_of({"train.py": ENGINE % (made, "rates")})) is None
    stepped = ENGINE % (made, "best") + "net(1).backward()\nbest.step()\n"
    assert foreign_training(program_of({"train.py": stepped})) is None
