"""Loops that SM301 changed are run: on EC2 they print what they printed, and after a kill they end as if nothing had happened."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rules.harness import check
from tests.rules.interrupted import migrated, resumed, run
from tests.rules.rules_by_code import rule_of

# Each prints its turns and, last, all that it has come to.
OPTIONAL = """\
import sys
import torch

torch.manual_seed(0)
use_optimizer = "--use-optimizer" in sys.argv
model = torch.nn.Linear(2, 1)
if use_optimizer:
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
ema = torch.optim.swa_utils.AveragedModel(model) if "--ema" in sys.argv else None
for epoch in range(4):
    model.zero_grad()
    loss = (model(torch.rand(4, 2)) ** 2).mean()
    loss.backward()
    if use_optimizer:
        optimizer.step()
    else:
        for p in model.parameters():
            p.data.add_(p.grad, alpha=-0.1)
    if ema is not None:
        ema.update_parameters(model)
    print(epoch, loss.item())
print("end", [p.tolist() for p in model.parameters()], [p.tolist() for p in ema.parameters()] if ema else None)
"""


@pytest.mark.parametrize("words", [(), ("--use-optimizer",), ("--ema", "--use-optimizer")])
def test_what_only_some_settings_make(words: tuple[str, ...], tmp_path: Path) -> None:
    same_to_the_end({"train.py": OPTIONAL}, tmp_path, *words)


LISTS = """\
import torch

torch.manual_seed(0)
models = [torch.nn.Linear(2, 1) for _ in range(2)]
optimizers = [torch.optim.Adam(m.parameters(), lr=0.1) for m in models]
free = {"a": torch.zeros(2, requires_grad=True), "b": torch.ones(1, requires_grad=True)}
image = torch.rand(3, requires_grad=True)
other = torch.optim.Adam([image, *free.values()], lr=0.1)
averages = [[p.detach().clone() for p in m.parameters()] for m in models]
history = []
for epoch in range(4):
    for model, optimizer, average in zip(models, optimizers, averages):
        optimizer.zero_grad()
        (model(torch.rand(4, 2)) ** 2).mean().backward()
        optimizer.step()
        for old, new in zip(average, model.parameters()):
            old.mul_(0.9).add_(new.data, alpha=0.1)
    other.zero_grad()
    loss = ((image + free["a"].sum() - free["b"] - torch.rand(3)) ** 2).sum()
    loss.backward()
    other.step()
    history.append(loss.item())
    print(epoch, history[-1])
state = [p.tolist() for m in models for p in m.parameters()]
print("end", state, [a.tolist() for average in averages for a in average], image.tolist(), free, history)
"""


def test_models_tensors_and_numbers_in_lists(tmp_path: Path) -> None:
    same_to_the_end({"train.py": LISTS}, tmp_path)


LAYERS = """\
import torch
from torch import nn


class Layer(nn.Linear):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.opt = torch.optim.Adam(self.parameters(), lr=0.1)
        self.turns = 0

    def learn(self, x):
        for turn in range(3):
            loss = (torch.mm(x, self.weight.T) ** 2).mean()
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()
            self.turns += 1
            print(turn, loss.item())
        return torch.mm(x, self.weight.T).detach()


torch.manual_seed(0)
layers = [Layer(2, 3), Layer(3, 3)]
x = torch.rand(4, 2)
for layer in layers:
    x = layer.learn(x)
print("end", x.tolist(), [p.tolist() for layer in layers for p in layer.parameters()], [layer.turns for layer in layers])
"""


@pytest.mark.parametrize("after", [1, 2, 4, 5])
def test_layers_that_train_themselves(after: int, tmp_path: Path) -> None:
    same_to_the_end({"train.py": LAYERS}, tmp_path, after=after)


# The state of the net holds none of its layers.
NET = LAYERS.replace(
    """\
layers = [Layer(2, 3), Layer(3, 3)]
x = torch.rand(4, 2)
for layer in layers:
    x = layer.learn(x)
""",
    """\


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [Layer(2, 3), Layer(3, 3)]

    def fit(self, x):
        for layer in self.layers:
            x = layer.learn(x)
        return x


net = Net()
layers = net.layers
x = net.fit(torch.rand(4, 2))
""",
)


@pytest.mark.parametrize("after", [2, 5])
def test_layers_in_a_list_that_a_module_has(after: int, tmp_path: Path) -> None:
    assert "Net" in NET
    same_to_the_end({"train.py": NET}, tmp_path, after=after)


# Saves into the model folder, and goes on from what it finds there: as a machine that was stopped and started.
OWN = """\
import os
import torch

torch.manual_seed(0)
folder = os.environ.get("SM_MODEL_DIR", "model")
os.makedirs(folder, exist_ok=True)
last = os.path.join(folder, "last.pt")
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
start, best = 0, 1e9
if os.path.exists(last):
    checkpoint = torch.load(last)
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    start, best = checkpoint["epoch"] + 1, checkpoint["best"]
for epoch in range(start, 5):
    optimizer.zero_grad()
    loss = (model(torch.rand(4, 2)) ** 2).mean()
    loss.backward()
    optimizer.step()
    best = min(best, loss.item())
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch, "best": best}, last)
    print(epoch, loss.item())
print("end", best, [p.tolist() for p in model.parameters()], torch.load(last)["epoch"])
"""


def test_a_checkpoint_of_the_script_beside_the_keepers(tmp_path: Path) -> None:
    same_to_the_end({"train.py": OWN}, tmp_path)


def test_a_checkpoint_of_the_script_that_is_there_at_the_second_start(tmp_path: Path) -> None:
    """One that a person put into an input channel, or that was left: the turns that are done count from the first start."""
    before = tmp_path / "before"
    before.mkdir()
    (before / "train.py").write_text(OWN)
    whole = run(before).stdout
    migrated({"train.py": OWN}, tmp_path / "run")
    killed = run(tmp_path / "run", checkpoints=tmp_path / "checkpoints", killed_after=2)
    assert killed.code == -9
    assert (tmp_path / "run/model/last.pt").exists()
    rest = run(tmp_path / "run", checkpoints=tmp_path / "checkpoints")
    lines = [line for line in rest.stdout.splitlines() if not line.startswith("keeper: ")]
    assert whole.splitlines()[-len(lines) :] == lines
    assert lines[0].startswith("2 ")


ITERATOR = """\
import torch
from torch.utils.data import DataLoader

torch.manual_seed(0)
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loader = DataLoader(torch.rand(6, 2), batch_size=2, shuffle=True)
batches = iter(loader)
for step in range(8):
    try:
        x = next(batches)
    except StopIteration:
        batches = iter(loader)
        x = next(batches)
    optimizer.zero_grad()
    loss = (model(x) ** 2).mean()
    loss.backward()
    optimizer.step()
    print(step, loss.item())
print("end")
"""


def test_an_iterator_begins_anew_and_the_turns_go_on(tmp_path: Path) -> None:
    (tmp_path / "before").mkdir()
    (tmp_path / "before/train.py").write_text(ITERATOR)
    original = run(tmp_path / "before")
    whole, rest = resumed({"train.py": ITERATOR}, tmp_path, after=4)
    assert whole == original.stdout
    assert [line.split()[0] for line in rest.splitlines()] == ["4", "5", "6", "7", "end"]


# Looks at the end for the best model of its run folder, which was saved before the interruption.
MOVING = """\
import os
import time
import uuid
from datetime import datetime
import torch

torch.manual_seed(0)
stamp = datetime.now().strftime("%H%M%S.%f")
run = os.path.join(os.environ.get("SM_MODEL_DIR", "model"), stamp + "-" + str(uuid.uuid4()), f"a_{time.time()}")
os.makedirs(run)
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
for epoch in range(5):
    optimizer.zero_grad()
    loss = (model(torch.rand(4, 2)) ** 2).mean()
    loss.backward()
    optimizer.step()
    if epoch == 1:
        torch.save(model.state_dict(), os.path.join(run, "best.pt"))
    print(epoch, loss.item())
best = torch.load(os.path.join(run, "best.pt"))
print("end", [p.tolist() for p in best.values()], len(os.listdir(os.environ.get("SM_MODEL_DIR", "model"))))
"""


def test_a_run_folder_that_is_named_by_the_clock_and_by_chance(tmp_path: Path) -> None:
    sources = {"train.py": MOVING}
    whole, rest = resumed(sources, tmp_path, after=3, codes=("SM301", "SM302"))
    assert rest.splitlines()[-1].startswith("end") and whole.endswith(rest)
    with pytest.raises(AssertionError, match="best.pt"):
        resumed(sources, tmp_path / "without", after=3)


def same_to_the_end(sources: dict[str, str], folder: Path, *words: str, after: int = 2) -> None:
    """The second run prints the end of what an uninterrupted one prints, from the turn after the checkpoint on."""
    before = folder / "before"
    for path, text in sources.items():
        (before / path).parent.mkdir(parents=True, exist_ok=True)
        (before / path).write_text(text)
    original = run(before, *words)
    assert original.code == 0, original.stderr
    whole, rest = resumed(sources, folder, *words, after=after)
    assert whole == original.stdout
    assert rest.splitlines()[-1].startswith("end")
    assert whole.endswith(rest)
    assert len(rest) < len(whole)


COUNTED = """\
import torch

torch.manual_seed(0)


class Trainer:
    def __init__(self):
        self.model = torch.nn.Linear(2, 1)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)
        self.schedule = torch.optim.lr_scheduler.StepLR(self.optimizer, 2)
        self.epoch = 0

    def fit(self):
        done = 0
        for _ in {iterable}:
            self.optimizer.zero_grad()
            (self.model(torch.rand(4, 2)) ** 2).mean().backward()
            self.optimizer.step()
            self.schedule.step()
            self.epoch += 1
            done += 1
            print(self.epoch, done, self.schedule.get_last_lr())
        print("end", self.epoch, done, [p.tolist() for p in self.model.parameters()])


Trainer().fit()
"""


@pytest.mark.parametrize(
    "iterable",
    [
        "range(self.epoch, 6)",
        "range(done, 6)",
        "range(self.schedule.last_epoch, 6)",
        "enumerate(range(self.epoch + 1, 7))",
        "itertools.islice(itertools.count(self.epoch), 6)",
        "['a', 'b', 'c', 'd', 'e', 'f'][self.epoch:]",
        "range(len(list(self.model.parameters())), 8)",
    ],
)
def test_turns_that_are_counted_from_what_they_change(iterable: str, tmp_path: Path) -> None:
    source = COUNTED.replace("{iterable}", iterable)
    same_to_the_end({"train.py": "import itertools\n" + source if "itertools" in iterable else source}, tmp_path)


def test_a_count_that_changes_and_that_a_checkpoint_may_set(tmp_path: Path) -> None:
    source = COUNTED.replace("{iterable}", "range(self.epoch, 6)").replace(
        "        self.epoch = 0\n",
        "        self.epoch = 0\n        if os.path.exists('kept.pt'):\n            self.epoch = torch.load('kept.pt')['epoch']\n",
    )
    after = migrated({"train.py": "import os\n" + source}, tmp_path)["train.py"]
    assert "turns = keeper.restore(" in after
    assert "turns=range(self.epoch, 6)" in after
    other = source.replace("range(self.epoch, 6)", "zip(range(6), itertools.count(self.epoch))")
    other = "import itertools\nimport os\n" + other
    assert migrated({"train.py": other}, tmp_path)["train.py"] == other


# Each fold has a run folder of its own, and reads its best model at its end. It could be neither made twice nor be another one.
FOLDS = """\
import os
import time
import torch

torch.manual_seed(0)
root = os.environ.get("SM_MODEL_DIR", "model")
for fold in range(3):
    run = os.path.join(root, f"fold_{time.time()}")
    os.makedirs(run)
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    for epoch in range(3):
        optimizer.zero_grad()
        loss = (model(torch.rand(4, 2)) ** 2).mean()
        loss.backward()
        optimizer.step()
        if epoch == 0:
            torch.save(model.state_dict(), os.path.join(run, "best.pt"))
        print(fold, epoch, loss.item())
    best = torch.load(os.path.join(run, "best.pt"))
    print("best", fold, [p.tolist() for p in best.values()])
print("end", len(os.listdir(root)), sorted(len(os.listdir(os.path.join(root, name))) for name in os.listdir(root)))
"""


def test_run_folders_of_folds_that_are_named_by_the_clock_are_told() -> None:
    (finding,) = check(rule_of("SM302"), {"train.py": FOLDS})
    assert (finding.fix, finding.edits) == ("none", ())
    assert "name it by the turn's number" in (finding.reason or "")


SWAPPED = """\
import torch
from torch.utils.data import DataLoader, TensorDataset

small = DataLoader(TensorDataset(torch.randn(8, 2)), batch_size=4)
big = DataLoader(TensorDataset(torch.randn(16, 2)), batch_size=4)
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loader = small
for epoch in range(8):
    {swap}
    for (x,) in loader:
        optimizer.zero_grad()
        model(x).sum().backward()
        optimizer.step()
    print("epoch", epoch, len(loader))
"""


def test_a_loader_that_is_swapped_is_to_be_looked_at() -> None:
    (finding,) = check(rule_of("SM301"), {"train.py": SWAPPED.replace("{swap}", "if epoch == 3: loader = big")})
    assert finding.fix == "unsafe" and "loader becomes another loader" in (finding.reason or "")
    (finding,) = check(rule_of("SM301"), {"train.py": SWAPPED.replace("{swap}", "loader = big if epoch > 3 else small")})
    assert finding.fix == "safe"


READ_BACK = """\
import torch

model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
best, best_epoch = 1e9, 0
for epoch in range(10):
    loss = model(torch.randn(4, 2)).pow(2).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    torch.save(model.state_dict(), {name})
    if loss.item() < best:
        best, best_epoch = loss.item(), epoch
{behind}
"""


def test_a_file_that_is_lost_and_read_back_behind_the_loop() -> None:
    behind = "model.load_state_dict(torch.load('{}.pkl'.format(best_epoch)))"
    lost = READ_BACK.replace("{name}", "place(epoch)").replace("{behind}", behind)
    lost = lost.replace("import torch\n", "import torch\nfrom elsewhere import place\n", 1)
    (finding,) = check(rule_of("SM301"), {"train.py": lost})
    assert finding.fix == "unsafe" and "may read what torch.save() in it writes" in (finding.reason or "")
    (finding,) = check(rule_of("SM301"), {"train.py": lost.replace(behind, "print(best_epoch)")})
    assert finding.fix == "safe"


LISTED = """\
import os
import torch

torch.manual_seed(0)
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
folder = os.environ.get("SM_CHECKPOINT_DIR", "none")
names = sorted(["a", "b", "c", "d"], reverse=os.path.isdir(folder) and any(files for _, _, files in os.walk(folder)))
for name in names:
    optimizer.zero_grad()
    loss = (model(torch.rand(4, 2)) ** 2).mean()
    loss.backward()
    optimizer.step()
    print(name, loss.item())
print("end", [p.tolist() for p in model.parameters()])
"""


def test_names_that_another_machine_lists_in_another_order_are_turns_in_the_first_order(tmp_path: Path) -> None:
    same_to_the_end({"train.py": LISTED}, tmp_path)


PAIRS = """\
import torch

torch.manual_seed(0)
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
for rate, times in (0.1, 2), (0.01, 1), (0.001, 1):
    optimizer.param_groups[0]["lr"] = rate / times
    optimizer.zero_grad()
    (model(torch.rand(4, 2)) ** 2).mean().backward()
    optimizer.step()
    print(rate)
print("end", [p.tolist() for p in model.parameters()])
"""


def test_turns_that_are_pairs_without_brackets(tmp_path: Path) -> None:
    same_to_the_end({"train.py": PAIRS}, tmp_path)
