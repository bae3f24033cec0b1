"""Scripts that go on after an interruption, and one fault at a time in how they do: each told as what it is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from migrate.errors import UserError
from migrate.verify import cli
from migrate.verify.drill.model import Drilled, Wish
from migrate.verify.model import Options, Report
from tests.verify.repos import Repo, check, entry_point, verdicts

ENTRY = entry_point(settings=(), channels=(), outputs=(), cli="constants")

# Goes on at the epoch, from a checkpoint that is whole or not there; the best model is saved at once.
SCRIPT = """
import os, random, sys, time
import torch
torch.manual_seed(0)
folder, out = os.environ["SM_CHECKPOINT_DIR"], os.environ["SM_MODEL_DIR"]
path = os.path.join(folder, "last.pt")
model = torch.nn.Linear(6, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
epoch, seen = 0, 0
if os.path.exists(path):
    saved = torch.load(path)
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    torch.set_rng_state(saved["random"])
    epoch, seen = saved["epoch"], saved["seen"]
    print("going on at epoch", epoch)
while epoch < 6:
    for _ in range(3):
        loss = model(torch.randn(4, 6)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen += 4
    epoch += 1
    print(f"epoch {epoch}: loss {loss.item():.6f}, {seen} seen")
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    state.update(random=torch.get_rng_state(), epoch=epoch, seen=seen)
    torch.save(state, path + ".tmp")
    os.replace(path + ".tmp", path)
torch.save({"weights": model.state_dict(), "seen": seen}, os.path.join(out, "model.pt"))
"""
# The same without a framework, in a fraction of the time.
LIGHT = """
import json, os, random, sys, time
random.seed(0)
folder, out = os.environ["SM_CHECKPOINT_DIR"], os.environ["SM_MODEL_DIR"]
path = os.path.join(folder, "last.json")
epoch, weight = 0, 0.5
if os.path.exists(path):
    saved = json.load(open(path))
    epoch, weight = saved["epoch"], saved["weight"]
    version, words, gauss = saved["random"]
    random.setstate((version, tuple(words), gauss))
while epoch < 12:
    weight += random.gauss(0, 0.1)
    epoch += 1
    print(f"epoch {epoch}: weight {weight:.6f}")
    state = {"epoch": epoch, "weight": weight, "random": random.getstate()}
    with open(path + ".tmp", "w") as file:
        json.dump(state, file)
    os.replace(path + ".tmp", path)
with open(os.path.join(out, "model.json"), "w") as file:
    json.dump({"weight": weight}, file)
"""


def edited(script: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert script.count(old) == 1, old
        script = script.replace(old, new)
    return script


def drilled(repo: Repo, script: str, *ways: str, seed: int = 4, grace: float = 10.0, **options: object) -> tuple[Report, Drilled]:
    """The report, and the last way of it."""
    report = repo.verify(script, ENTRY, channels={}, drill=Wish(seed, ways, grace), **options)
    assert report.drill is not None, report.checks
    assert [way.way for way in report.drill.ways] == list(ways)
    return report, report.drill.ways[-1]


def test_it_goes_on_to_the_same_result(repo: Repo) -> None:
    report, _ = drilled(repo, SCRIPT, "term", "kill", "save", "twice")
    assert verdicts(report) == {} and report.exit_code == 0
    assert report.drill is not None and (report.drill.saves, report.drill.steps) == (6, 18)
    for way in report.drill.ways:
        assert (way.result, way.files, way.repeated_steps) == ("same", 1, 0), way
        assert len(way.moments) == len(way.endings) == (2 if way.way == "twice" else 1)
        assert way.lost_steps is not None and way.lost_steps <= 3 * len(way.moments)
    assert 0 < report.drill.checkpoint_bytes < 10_000
    assert "same to the bit: 1 file" in check(report, "interrupt: SIGKILL").message


def test_it_begins_again(repo: Repo) -> None:
    report, way = drilled(repo, edited(LIGHT, ("if os.path.exists(path):", "if False:")), "kill")
    assert verdicts(report) == {"interrupt: SIGKILL": "fail"} and report.exit_code == 1
    assert way.result == "zero" and way.faults[0] == "in the checkpoint folder at the interruption: last.json"
    assert all(fault.endswith(("last.json", "last.json.tmp")) for fault in way.faults)  # it may be killed with the next one half written


def test_its_own_runs_differ(repo: Repo) -> None:
    report, way = drilled(repo, edited(SCRIPT, ("torch.manual_seed(0)\n", "")), "kill")
    assert verdicts(report) == {"plain runs": "note", "interrupt: SIGKILL": "note"} and report.exit_code == 0
    assert "likely since no seed is set" in check(report, "plain runs").message
    assert check(report, "plain runs").evidence[0].text.startswith("model/model.pt: weights.weight[0, 0]")
    assert way.result == "apart" and way.repeated_steps == 0


def test_a_single_value_that_differs_each_time(repo: Repo) -> None:
    """The name of a run is no result; all else in the file is compared."""
    names = '{"weight": weight, "run": os.urandom(8).hex()}'
    report, way = drilled(repo, edited(LIGHT, ('{"weight": weight}, file', names + ", file")), "kill")
    assert verdicts(report) == {} and way.result == "same"
    assert "left out since they differ: 1 values" in check(report, "plain runs").message
    worse = edited(
        LIGHT,
        ('{"weight": weight}, file', names + ", file"),
        ('    epoch, weight = saved["epoch"], saved["weight"]', '    epoch = saved["epoch"]'),
    )
    assert drilled(repo, worse, "kill")[1].faults[0].startswith("model/model.json: weight: ")


def test_it_loses_a_counter(repo: Repo) -> None:
    report, way = drilled(repo, edited(SCRIPT, ("epoch, seen = saved", "epoch, _ = saved")), "kill")
    assert report.exit_code == 1 and way.result == "different"
    assert way.faults[0].startswith("model/model.pt: seen: ") and way.faults[0].endswith(" instead of 72")
    assert way.faults[1].startswith("printed: 'epoch ")


def test_it_loses_the_best_model(repo: Repo) -> None:
    save = "    if epoch == 1:\n        open(os.path.join(out, 'best.txt'), 'w').write(str(weight))\n    state = {"
    report, way = drilled(repo, edited(LIGHT, ("    state = {", save)), "kill")
    assert report.exit_code == 1 and way.result == "different" and way.faults == ("model/best.txt: is not there",)


def test_it_never_saves(repo: Repo) -> None:
    script = edited(LIGHT, ("SM_CHECKPOINT_DIR", "SM_OUTPUT_DATA_DIR"))
    finding = "train.py:20: SM301 this loop starts from the beginning after an interruption"
    report = repo.verify(script, ENTRY, channels={}, drill=Wish(1), unresumed=(finding,))
    assert verdicts(report) == {"checkpoints": "fail"} and report.exit_code == 1
    assert [evidence.text for evidence in check(report, "checkpoints").evidence] == [finding]


def test_it_is_over_too_soon(repo: Repo) -> None:
    script = edited(LIGHT, ("epoch < 12", "epoch < 1")) + "os._exit(0)\n"
    report, way = drilled(repo, script, "term", "kill", "save", "twice", "limit")
    assert [way.result for way in report.drill.ways] == ["short", "short", "short", "short", "unheeded"]  # type: ignore[union-attr]
    assert report.exit_code == 2 and report.unable == "nothing was interrupted: " + report.drill.ways[0].message  # type: ignore[union-attr]
    assert "more epochs" in str(check(report, "interrupt: SIGKILL").advice)


def test_it_does_not_end_on_sigterm(repo: Repo) -> None:
    hang = "import signal\nrandom.seed(0)\nsignal.signal(15, lambda *_: time.sleep(1000))\n"
    report, way = drilled(repo, edited(LIGHT, ("random.seed(0)\n", hang)), "term", grace=0.5)
    assert verdicts(report) == {} and way.result == "same"
    assert way.endings == ("did not end after SIGTERM, and was killed",)


def test_it_ends_well_on_sigterm(repo: Repo) -> None:
    leave = "import signal\nrandom.seed(0)\nsignal.signal(15, lambda *_: os._exit(0))\n"
    report, way = drilled(repo, edited(LIGHT, ("random.seed(0)\n", leave)), "term")
    assert way.result == "same" and way.endings == ("exit code 0",)
    assert "tells SageMaker that the job is complete" in check(report, "interrupt: SIGTERM, then SIGKILL").message


WRITERS = {
    "Python": (LIGHT, ('path + ".tmp", "w"', 'path, "w"'), ('    os.replace(path + ".tmp", path)\n', "")),
    "compiled code": (
        SCRIPT,
        ('torch.save(state, path + ".tmp")', "torch.save(state, path)"),
        ('    os.replace(path + ".tmp", path)\n', ""),
    ),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_save_that_is_cut_off(repo: Repo, writer: str) -> None:
    script, *pairs = WRITERS[writer]
    report, way = drilled(repo, edited(script, *pairs), "save")
    assert report.exit_code == 1 and way.result == "ended" and way.endings == ("killed within a write",)
    assert "did not end well" in way.message and way.faults[0].startswith("train.py:")


def test_saves_that_raise_no_event(repo: Repo) -> None:
    """Another program writes the checkpoint: it is seen by looking at the folder."""
    script = edited(
        LIGHT,
        ("    weight +=", "    hashlib.sha512(bytes(30_000_000))\n    weight +="),
        ("import json,", "import hashlib, json,"),
        ('path + ".tmp", "w"', 'out + "/draft", "w"'),
        ('os.replace(path + ".tmp", path)', 'os.system(f"mv {out}/draft {path}")'),
    )
    report, way = drilled(repo, script, "kill")
    assert way.result == "same" and report.drill is not None and report.drill.saves > 3, report.checks


@pytest.mark.parametrize("place", ['os.path.expanduser("~/last.json")', '"/tmp/migrate-drill-test.json"', '"last.json"'])
def test_state_elsewhere_does_not_count(repo: Repo, place: str) -> None:
    """Another machine has neither this one's home nor its temporary folders."""
    mark = "    with open(os.path.join(folder, 'mark'), 'w') as file:\n        file.write(str(epoch))\n    state = {"
    script = edited(LIGHT, ('os.path.join(folder, "last.json")', place), ("    state = {", mark))
    assert drilled(repo, script, "kill")[1].result == "zero"


def test_the_same_seed_gives_the_same_moments(repo: Repo) -> None:
    moments = [drilled(repo, LIGHT, "save", seed=seed)[1].moments for seed in (3, 3, 4)]
    assert moments[0] == moments[1] != moments[2]


def test_the_record(repo: Repo) -> None:
    repo.write({"train.py": LIGHT})
    (report,) = cli.run(repo.root, [ENTRY], Options(engine=None, drill=Wish(5, ("kill",)), styles=("toolkit",)))
    told = json.loads((repo.root / "sagemaker_job" / "drill.json").read_text())["reports"][0]
    assert told["exit_code"] == 0 and told["drill"]["seed"] == 5 and told["drill"]["ways"][0]["result"] == "same"
    assert not (repo.root / "sagemaker_job" / "verify.json").exists()
    assert {run["purpose"] for run in told["runs"]} == {"drill"}
    kept = [Path(run["log"]) for run in told["runs"] if run["log"] is not None]
    assert kept and all(path.is_file() and repo.root in path.parents for path in kept)
    assert replace(report, drill=None).exit_code == 0


def test_what_cannot_be_asked(repo: Repo) -> None:
    for arguments, words in (
        (("fire", None, []), "there is only interrupt"),
        (("interrupt", None, ["sigint"]), "term, kill, save, twice, limit"),
        ((None, 3, []), "give --drill interrupt"),
        ((None, None, ["kill"]), "give --drill interrupt"),
    ):
        with pytest.raises(UserError, match=words):
            cli.wish(*arguments)  # type: ignore[arg-type]
    found = cli.wish("interrupt", 3, ["kill", "term"])
    assert found == Wish(3, ("term", "kill"))
    with pytest.raises(UserError, match="nothing to interrupt"):
        cli.run(repo.root, [ENTRY], Options(drill=found, quick=True))
