"""How a kept run stops, what it says, and what becomes of checkpoints that are damaged, foreign, too new or of something else."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from migrate.runtime.keeper import _Loop
from tests.runtime.lives import Job, Life, zygote
from tests.runtime.test_keeper import assert_same, whole

PLAIN = """\
keeper.restore(model, optimizer)
for epoch in keeper.epochs(range(8)):
    print(epoch, step(model, optimizer))
done(model, optimizer)
"""
FILES = """\
log = open(os.environ["SM_OUTPUT_DATA_DIR"] + "/log.txt", "w")
log.write("header\\n")
best = 1e9
best = keeper.restore(model, optimizer, best=best)
for epoch in keeper.epochs(range(8)):
    loss = step(model, optimizer)
    if loss < best:
        best = loss
        torch.save(model.state_dict(), os.environ["SM_MODEL_DIR"] + "/best.pt")
    log.write("%d %r\\n" % (epoch, loss))
    with open(os.environ["SM_OUTPUT_DATA_DIR"] + "/appended.csv", "a") as file:
        file.write("%d,%r\\n" % (epoch, loss))
    print(epoch, loss)
log.close()
done(model, best)
"""


@pytest.fixture(scope="module")
def forked() -> Iterator[subprocess.Popen[str]]:
    with zygote() as process:
        yield process


@pytest.fixture
def job(forked: subprocess.Popen[str], tmp_path: Path) -> Job:
    return Job(tmp_path, forked)


def _manifests(job: Job) -> list[Path]:
    return sorted(job.kept.glob("*.json"))


def _state(manifest: Path) -> Path:
    return manifest.parent / "blobs" / json.loads(manifest.read_text())["state"]


# -- ways to end


@pytest.mark.parametrize(
    "body", [PLAIN, PLAIN.replace("range(8)", "itertools.count()").replace("    print", "    if epoch == 7: break\n    print")]
)
def test_sigterm_ends_the_turn_saves_and_leaves_with_its_own_code(job: Job, body: str) -> None:
    job.write(body)
    plain = whole(job)
    job.env["SM_CHECKPOINT_SECONDS"] = "1000"
    first = job.live("term 3")
    assert (first.code, len(first.turns)) == (143, 3)
    assert "stops on SIGTERM" in first.told
    assert_same(job.live(), plain)


def test_sigterm_before_the_loop_ends_at_once(job: Job) -> None:
    job.write("keeper.restore(model, optimizer)\ntick()\n" + PLAIN)
    assert job.live("term 1").code == 143


def test_the_script_s_own_handler_is_called_too(job: Job) -> None:
    job.write("import signal\nsignal.signal(signal.SIGTERM, lambda *_: print('own'))\n" + PLAIN)
    first = job.live("term 3")
    assert (first.code, "own" in first.turns) == (143, True)


def test_an_exception_is_not_the_end_of_the_loop(job: Job) -> None:
    job.write(PLAIN.replace("    print", "    if epoch == 4 and os.environ.get('FAIL'): raise ValueError('broken')\n    print"))
    plain = whole(job)
    first = job.live(FAIL="1")
    assert first.code == 1 and "ValueError: broken" in first.printed
    second = job.live()
    assert len(second.turns) == 4
    assert_same(second, plain)


def test_before_the_runtime_limit_it_stops_with_a_mark(job: Job) -> None:
    job.write(PLAIN.replace("    print", "    time.sleep(0.1)\n    print"))
    plain = whole(job)
    mark = job.folder / "checkpoints" / "more-to-do.json"
    lives = [job.live(SM_MAX_SECONDS="1")]
    while mark.exists() and len(lives) < 10:
        assert lives[-1].code == 0 and lives[-1].state == ""  # the code after the loop is skipped
        lives.append(job.live(SM_MAX_SECONDS="1"))
    assert len(lives) > 1
    assert_same(lives[-1], plain)


def test_when_all_is_done_nothing_runs_again(job: Job) -> None:
    job.write(PLAIN)
    plain = whole(job)
    assert_same(job.live(), plain)
    again = job.live()
    assert again.turns == []
    assert_same(again, plain)


# -- when it saves


@pytest.mark.parametrize(("seconds", "saves"), [("0", 8), ("1000", 2)])
def test_cadence(job: Job, seconds: str, saves: int) -> None:
    """After the first turn, then not before the seconds have gone by, and at the end of the loop."""
    job.write(PLAIN)
    job.live(SM_CHECKPOINT_SECONDS=seconds)
    assert _manifests(job)[-1].name.startswith(f"{saves:08d}-")


@pytest.mark.parametrize(("keep", "stay"), [("", 2), ("3", 3)])
def test_the_last_ones_stay(job: Job, keep: str, stay: int) -> None:
    job.write(PLAIN)
    life = job.live(SM_CHECKPOINT_KEEP=keep)
    assert len(_manifests(job)) == stay
    assert f"the last {stay} checkpoints stay" in life.told
    assert len(list((job.kept / "blobs").iterdir())) == stay


def test_names_are_those_that_sagemaker_copies(job: Job) -> None:
    job.write(FILES)
    job.live("kill 3")
    names = [path.name for path in job.kept.rglob("*") if path.is_file()]
    assert names and not any(word in name for name in names for word in ("tmp", "temp", "part", "lock"))


# -- what is carried


@pytest.mark.parametrize("end", ["kill 1", "kill 3", "kill 7", "save 9", "rename 5", "term 4"])
def test_output_files_are_carried(job: Job, end: str) -> None:
    job.write(FILES)
    plain = whole(job)
    assert job.live(end).code in (-9, 143)
    assert job.live(end).code in (-9, 143, 0)
    assert_same(job.live(), plain)


def test_a_full_disk_is_told_and_costs_nothing_that_was_complete(job: Job) -> None:
    job.write(PLAIN)
    plain = whole(job)
    full = job.live("full 3")
    assert "could not save" in full.told and "Traceback" not in full.printed
    assert_same(full, plain)
    later = job.live()
    assert len(later.turns) == 6
    assert_same(later, plain)


def test_two_processes_that_save_at_once(job: Job) -> None:
    job.write(PLAIN.replace("    print", "    time.sleep(0.01)\n    print"))
    plain = whole(job)
    for life in job.together([{}, {}]):
        assert_same(life, plain)
    assert_same(job.live(), plain)


# -- what is found


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("harm", [_truncate, _flip, _empty, Path.unlink])
@pytest.mark.parametrize("what", ["state", "manifest"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(job: Job, what: str, harm: Callable[[Path], None]) -> None:
    job.write(PLAIN)
    plain = whole(job)
    job.live("kill 5")
    newest = _manifests(job)[-1]
    harm(_state(newest) if what == "state" else newest)
    life = job.live()
    assert ("is damaged" in life.told) != (what == "manifest" and harm is Path.unlink)
    assert len(life.turns) == 5  # of the newest, four had been left
    assert_same(life, plain)


def test_when_all_are_damaged_it_begins_anew_and_says_so(job: Job) -> None:
    job.write(PLAIN)
    plain = whole(job)
    job.live("kill 5")
    for manifest in _manifests(job):
        _flip(_state(manifest))
    life = job.live()
    assert life.told.count("is damaged") == 2
    assert len(life.turns) == 8
    assert_same(life, plain)


def test_foreign_files_are_left_alone(job: Job) -> None:
    job.write(PLAIN)
    plain = whole(job)
    foreign = [job.kept / "notes.json", job.kept / "model.pt", job.kept.parent / "x.bin", job.kept / "00000009-.json"]
    job.kept.mkdir(parents=True)
    for path in foreign:
        path.write_text("foreign")
    job.live("kill 5")
    assert_same(job.live(), plain)
    assert all(path.read_text() == "foreign" for path in foreign)


def test_an_empty_folder_is_no_checkpoint(job: Job) -> None:
    job.write(PLAIN)
    (job.kept / "blobs").mkdir(parents=True)
    assert_same(job.live(), whole(job))


def _say_later_version(support: Path) -> None:
    support.write_text(support.read_text().replace("_VERSION = 1", "_VERSION = 2  # another size, so that no cached bytecode is taken"))


def test_of_a_later_version(job: Job) -> None:
    job.write(PLAIN)
    _say_later_version(job.folder / "code" / "sagemaker_support.py")
    job.live("kill 5")
    job.write(PLAIN)
    life = job.live()
    assert life.code == 1 and "was made by a later version (2) of the keeper" in life.told


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (PLAIN.replace("keeper.restore", "model = net(7)\noptimizer = optim.Adam(model.parameters())\nkeeper.restore"), "size mismatch"),
        (PLAIN.replace("model, optimizer)\nfor", "model)\nfor"), "made by another script"),
        ("keeper.restore(model)\nfor _ in keeper.epochs(range(1)): step(model, optimizer)\n" + PLAIN, "made by another script"),
        (PLAIN.replace("keeper.restore", "optimizer = optim.SGD(model.parameters(), 0.1)\nkeeper.restore"), "made by another script"),
        (PLAIN.replace("keeper.restore", "optimizer.add_param_group({'params': [nn.Parameter(xs)]})\nkeeper.restore"), "different number"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(job: Job, changed: str, message: str) -> None:
    job.write(PLAIN)
    job.live("kill 5")
    before = {path: path.read_bytes() for path in job.kept.rglob("*") if path.is_file()}
    job.write(changed)
    life = job.live()
    assert life.code == 1 and message in life.told and "Traceback" not in life.printed, life.printed
    assert {path: path.read_bytes() for path in job.kept.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("it = iter(range(3))\nkeeper.restore(it)\n", "no state that can be saved"),
        ("class DeepSpeedEngine(nn.Module): pass\nkeeper.restore(DeepSpeedEngine())\n", "its own checkpoints are needed"),
    ],
)  # fmt: skip
def test_what_cannot_be_saved_is_refused_at_once(job: Job, body: str, message: str) -> None:
    job.write(body)
    life = job.live()
    assert life.code == 1 and message in life.told and "Traceback" not in life.printed, life.printed


@pytest.mark.parametrize("made", ["(i for i in range(3))", "{'later': 1}"])
def test_a_value_that_cannot_be_saved_ends_no_training(job: Job, made: str) -> None:
    """Neither one that cannot be saved from the start on, nor one that turns into such: the job trains as it would have."""
    job.write(
        f"held = {made}\nheld = keeper.restore(held=held)\n"
        "for epoch in keeper.epochs(range(3)):\n    if isinstance(held, dict): held['later'] = (i for i in range(3))\n"
        "    print('turn', epoch)\nprint('through')\n"
    )
    life = job.live()
    assert life.code == 0, life.printed
    assert life.printed.count("turn ") == 3 and "through" in life.printed and "training goes on" in life.told
    assert "Traceback" not in life.printed


def test_what_cannot_be_saved_is_not_stopped_for_a_next_job(job: Job) -> None:
    job.write(
        "held = (i for i in range(3))\nheld = keeper.restore(held=held)\nfor epoch in keeper.epochs(range(3)): print('turn', epoch)\n"
    )
    job.env["SM_MAX_SECONDS"] = "0.001"
    life = job.live()
    assert life.code == 0 and life.printed.count("turn ") == 3, life.printed
    assert "more to do" not in life.told and "saved; stops" not in life.told


def test_nothing_of_the_system_is_unpickled(job: Job) -> None:
    job.write(
        "class Evil:\n    def __reduce__(self): return os.system, ('touch ' + os.environ['HURT'],)\n"
        + PLAIN.replace("restore(model,", "restore(model, [Evil()],")
    )
    job.env["HURT"] = str(job.folder / "hurt")
    job.live("kill 3")
    life = job.live()
    assert life.code == 1 and "which is not unpickled" in life.told
    assert not (job.folder / "hurt").exists()


# -- inactive


def test_inactive_it_does_nothing_at_all(job: Job) -> None:
    job.write("""\
import signal
before = random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist(), signal.getsignal(signal.SIGTERM)
turns, items = range(3), [1]
assert keeper.epochs(turns) is turns and keeper.batches(items) is items and keeper.turn() is True
assert keeper.restore(model) is None and keeper.restore(model, a=items) is items and keeper.restore(a=1, b=None) == (1, None)
assert before == (random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist(), signal.getsignal(signal.SIGTERM))
""")
    job.active = False
    life = job.live()
    assert (life.code, life.printed, life.files) == (0, "", {})


@pytest.mark.parametrize("env", [{"SM_HPS": "{}"}, {"SM_TRAINING_ENV": "{}"}])
def test_on_sagemaker_without_a_checkpoint_folder_it_is_inactive(job: Job, env: dict[str, str]) -> None:
    job.active = False
    job.write(PLAIN)
    assert job.live(**env).told == ""


# -- several processes

RANKS = """\
import torch.distributed as dist
dist.init_process_group("gloo")
torch.manual_seed(dist.get_rank()), random.seed(dist.get_rank())
model = nn.parallel.DistributedDataParallel(model)
keeper.restore(model, optimizer)
for epoch in keeper.epochs(range(6)):
    print(epoch, step(model, optimizer))
done(model, optimizer, random.random())
"""


def _ranks(job: Job, world: int, ends: list[str]) -> list[Life]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {"WORLD_SIZE": str(world), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    return job.together([{**common, "RANK": str(rank), "END": ends[rank]} for rank in range(world)])


def test_each_process_has_its_own_random_state(job: Job) -> None:
    job.write(RANKS)
    job.active = False
    plain = _ranks(job, 2, ["", ""])
    assert plain[0].state != plain[1].state
    job.active = True
    assert [life.code for life in _ranks(job, 2, ["kill 4", "kill 4"])] == [-9, -9]
    for life, expected in zip(_ranks(job, 2, ["", ""]), plain, strict=True):
        assert len(life.turns) == 3
        assert_same(life, expected)


def test_all_stop_at_the_same_turn(job: Job) -> None:
    job.write(RANKS)
    assert [life.code for life in _ranks(job, 2, ["term 3", "term 3"])] == [143, 143]
    assert {len(life.turns) for life in _ranks(job, 2, ["", ""])} == {3}


def test_nobody_waits_for_the_others_behind_a_loop_whose_last_turn_was_saved(job: Job) -> None:
    job.write(RANKS.replace("done(", "dist.barrier()\nfor later in keeper.epochs(range(2)): print(later, step(model, optimizer))\ndone("))
    assert [(life.code, len(life.turns)) for life in _ranks(job, 2, ["", ""])] == [(0, 8), (0, 8)]


def test_another_number_of_processes(job: Job) -> None:
    job.write(RANKS)
    _ranks(job, 1, ["kill 4"])
    one, two = _ranks(job, 2, ["", ""])
    assert (one.code, two.code) == (0, 0)
    assert "no random state of process 1 of 2" in two.told
    (alone,) = _ranks(job, 1, [""])
    assert alone.code == 0 and alone.turns == []


def test_each_process_has_its_own_order_of_names(job: Job) -> None:
    job.write(
        "import torch.distributed as dist\ndist.init_process_group('gloo')\nnames = list('abcdef')\nrandom.seed(dist.get_rank())\n"
        "random.shuffle(names)\nkeeper.restore(model)\nfor name in keeper.epochs(names):\n    tick()\n    dist.barrier()\n    print(name)\n"
    )
    job.active = False
    plain = _ranks(job, 2, ["", ""])
    assert plain[0].turns != plain[1].turns
    job.active = True
    _ranks(job, 2, ["kill 4", "kill 4"])
    for life, expected in zip(_ranks(job, 2, ["", ""]), plain, strict=True):
        assert life.turns and expected.turns[-len(life.turns) :] == life.turns


def test_a_list_of_names_in_its_order_stays_the_list_that_the_turns_may_add_to() -> None:
    loop, names = _Loop("", "script", None), ["a", "b"]
    assert loop.ordered(names) is names and loop.ordered(names) is names
    assert loop.ordered(["b", "a"]) == names
