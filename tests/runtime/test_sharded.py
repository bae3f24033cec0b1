"""Models that are spread over processes: every process is killed, and goes on with the parts that it held."""

from __future__ import annotations

import shutil

import pytest

from tests.runtime.lives import Job
from tests.runtime.test_keeper_ends import _ranks, assert_same, forked, job

__all__ = ["forked", "job"]  # fixtures

HEAD = """\
import torch.distributed as dist
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
dist.init_process_group("gloo")
cpu = torch.device("cpu")
def parts(optimizer):  # what this process holds
    held = [optimizer.state_dict()["state"], [p for group in optimizer.param_groups for p in group["params"]]]
    def local(v):
        if isinstance(v, dict): return {name: local(item) for name, item in v.items()}
        return [local(item) for item in v] if isinstance(v, list) else v.to_local() if hasattr(v, "to_local") else v
    return local(held)
"""
SPREAD = {
    "fully_shard": """\
mesh = dist.init_device_mesh("cpu", (dist.get_world_size(),))
fully_shard(model[0], mesh=mesh)
fully_shard(model, mesh=mesh)
""",
    "FSDP": "model = FullyShardedDataParallel(model, device_id=cpu)\n",
    "FSDP of original parameters": "model = FullyShardedDataParallel(model, device_id=cpu, use_orig_params=True)\n",
}
LOOP = """\
torch.manual_seed(dist.get_rank()), random.seed(dist.get_rank())
optimizer = optim.Adam(model.parameters(), lr=0.01)
scheduler = optim.lr_scheduler.StepLR(optimizer, 2)
best = 1e9
best = keeper.restore(model, optimizer, scheduler, best=best)
for epoch in keeper.epochs(range(6)):
    loss = step(model, optimizer)
    scheduler.step()
    best = min(best, loss)
    print(epoch, loss)
with torch.no_grad():
    print("end", best, lossof(model).item())
dist.barrier()
done(parts(optimizer), best, random.random())
"""
# Gradients are gathered over two turns.
GATHERED = """\
torch.manual_seed(dist.get_rank())
optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
keeper.restore(model, optimizer)
for turn in keeper.epochs(range(7)):
    loss = lossof(model)
    loss.backward()
    tick()
    if turn % 2:
        optimizer.step()
        optimizer.zero_grad()
    print(turn, loss.item())
done(parts(optimizer))
"""


@pytest.mark.parametrize("loop", [LOOP, GATHERED])
@pytest.mark.parametrize("spread", SPREAD)
def test_every_process_goes_on_with_its_parts(job: Job, spread: str, loop: str) -> None:
    job.write(HEAD + "model = nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.3), nn.Linear(6, 1))\n" + SPREAD[spread] + loop)
    job.active = False
    plain = _ranks(job, 2, ["", ""])
    assert [life.code for life in plain] == [0, 0], plain[0].printed
    assert plain[0].state != plain[1].state
    job.active = True
    assert [life.code for life in _ranks(job, 2, ["kill 4", "kill 4"])] == [-9, -9]
    for life, expected in zip(_ranks(job, 2, ["", ""]), plain, strict=True):
        assert life.turns and len(life.turns) < len(expected.turns), life.printed
        assert_same(life, expected)


def test_another_number_of_processes_cannot_hold_the_same_parts(job: Job) -> None:
    job.write(HEAD + SPREAD["fully_shard"] + LOOP)
    _ranks(job, 2, ["kill 4", "kill 4"])
    (life,) = _ranks(job, 1, [""])
    assert life.code == 1 and "of 2 processes that hold a part each, here are 1" in life.printed, life.printed


def test_an_optimizer_alone_keeps_what_it_trains(job: Job) -> None:
    job.write(
        HEAD + "model = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 1))\n" + SPREAD["fully_shard"] + GATHERED.replace("(model, ", "(")
    )
    job.active = False
    plain = _ranks(job, 2, ["", ""])
    job.active = True
    _ranks(job, 2, ["kill 5", "kill 5"])
    for life, expected in zip(_ranks(job, 2, ["", ""]), plain, strict=True):
        assert life.turns and len(life.turns) < len(expected.turns), life.printed
        assert life.state == expected.state


def test_every_process_removes_what_is_no_longer_named(job: Job) -> None:
    job.write(HEAD + "model = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 1))\n" + SPREAD["fully_shard"] + LOOP)
    assert [life.code for life in _ranks(job, 2, ["", ""])] == [0, 0]
    named = b"".join(path.read_bytes() for path in job.kept.glob("*.json"))
    assert all(path.name.encode() in named for path in (job.kept / "blobs").iterdir())


# On a full disk the first process makes no checkpoint complete, while the others can still write.
FULL = """\
import sagemaker_support
def full(store, body): raise OSError("No space left on device")
def fill(epoch):
    if os.environ.get("FULL") and epoch == 2 and not dist.get_rank(): sagemaker_support._Store.publish = full
"""


def test_on_a_full_disk_nobody_waits_and_the_checkpoints_before_stay(job: Job) -> None:
    head = HEAD.replace('("gloo")', '("gloo", timeout=__import__("datetime").timedelta(seconds=15))')
    loop = LOOP.replace("    scheduler.step()\n", "    scheduler.step()\n    fill(epoch)\n")
    job.write(head + FULL + "model = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 1))\n" + SPREAD["fully_shard"] + loop)
    plain = _ranks(job, 2, ["", ""])
    shutil.rmtree(job.kept)
    job.env["FULL"] = "1"
    full = _ranks(job, 2, ["", ""])
    assert [life.code for life in full] == [0, 0], full[0].printed
    assert full[0].printed.count("could not save") == 4 and "says nothing" not in full[0].printed
    del job.env["FULL"]
    for life, expected in zip(_ranks(job, 2, ["", ""]), plain, strict=True):
        assert [line.split()[0] for line in life.turns] == ["2", "3", "4", "5", "end"][: len(life.turns)], life.printed
        assert_same(life, expected)


@pytest.mark.parametrize("spread", SPREAD)
def test_what_another_optimizer_trains_belongs_to_no_model(job: Job, spread: str) -> None:
    apart = """\
latent = torch.zeros(2, requires_grad=True)
second = optim.Adam([latent], lr=0.1)
"""
    loop = LOOP.replace("best = keeper", apart + "best = keeper").replace("scheduler, best", "scheduler, second, best")
    loop = loop.replace(
        "    scheduler.step()\n",
        "    scheduler.step()\n    second.zero_grad()\n    (latent - loss).square().sum().backward()\n    second.step()\n",
        1,
    )
    job.write(
        HEAD
        + "model = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 1))\n"
        + SPREAD[spread]
        + loop.replace("best, random", "latent, best, random")
    )
    job.active = False
    plain = _ranks(job, 2, ["", ""])
    assert [life.code for life in plain] == [0, 0], plain[0].printed
    job.active = True
    _ranks(job, 2, ["kill 4", "kill 4"])
    for life, expected in zip(_ranks(job, 2, ["", ""]), plain, strict=True):
        assert life.turns and len(life.turns) < len(expected.turns), life.printed
        assert_same(life, expected)
