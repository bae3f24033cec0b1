"""The parts of the drill by themselves: what of two results counts as the same, where a save ends, when to strike."""

from __future__ import annotations

import json
import pickle
import random
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from migrate.verify import interpreter
from migrate.verify.drill import lines, plan, results, saves
from migrate.verify.drill.model import Save

LOG = ["loading", "epoch 1: loss 0.52, 3.1 s", "epoch 2: loss 0.41, 3.3 s", "took 0:00:07"]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (["loading", "epoch 2: loss 0.41, 2.9 s", "took 0:00:03"], []),  # times are no results
        (["going on at epoch 2", "epoch 2: loss 0.41, 3.3 s"], []),  # a kind of line that the other run has not
        (["epoch 2: loss 0.52, 3.3 s"], [("epoch 2: loss 0.52, 3.3 s", "epoch 2: loss 0.41, 3.3 s")]),
        (["epoch 3: loss 0.41, 3.3 s"], [("epoch 3: loss 0.41, 3.3 s", "epoch 1: loss 0.52, 3.1 s")]),
        (["epoch 2: loss 0.42, 3.3 s"], [("epoch 2: loss 0.42, 3.3 s", None)]),  # one in the last place
    ],
)
def test_printed_lines(found: list[str], expected: list[tuple[str, str | None]]) -> None:
    assert lines.differing(LOG, found) == expected


def test_times_of_several_units_are_no_results() -> None:
    expected = ["Step: 1s302ms | Tot: 1m2s | acc 8", "Step: 1s252ms | Tot: 1m4s | acc 9"]
    assert lines.differing(expected, ["Step: 980ms | Tot: 1h1m2s | acc 9", "Step: 1s2ms | Tot: 1m9s | acc 8"]) == []
    assert lines.untimed("size 3m5x, 12s4") == "size 3m5x, 12s4"


def test_kinds_of_lines_that_differ_each_time() -> None:
    kinds = lines.volatile(["a 1", "ratio 17.2 images"], ["a 1", "ratio 16.9 images"])
    assert kinds == lines.volatile([], ["ratio 3 images"]) and lines.differing(["b 1"], ["b 2"], frozenset({"b #"})) == []


def test_what_no_part_has_printed() -> None:
    assert lines.absent(LOG, LOG[:2] + LOG[3:], frozenset()) == (LOG[2],)


def test_progress_bars_and_the_keeper_say_nothing() -> None:
    text = "keeper: goes on\n 10%|#    | 1/10 [00:01<00:09,  1.0it/s]\rdone 10\n\nb\n"
    assert lines.normal(text) == ["done 10", "b"]


def torch_file(path: Path, value: object) -> None:
    torch.save({"layer": {"weight": torch.full((2, 3), float(value))}, "epoch": 3}, path)  # type: ignore[arg-type]


def whole_model(path: Path, value: object) -> None:
    model = torch.nn.Linear(2, 1)
    torch.nn.init.constant_(model.weight, float(value))  # type: ignore[arg-type]
    torch.nn.init.constant_(model.bias, 0)
    torch.save(model, path)


def numpy_file(path: Path, value: object) -> None:
    np.savez(path, a=np.full(3, value), b=np.arange(2))  # type: ignore[arg-type]


def pickled(path: Path, value: object) -> None:
    path.write_bytes(pickle.dumps({"a": np.full(3, value), "b": OrderedDict(x=[1, (2, value)])}))


def chainer_snapshot(path: Path, value: object) -> None:
    """The layers' names are folders, in any order; the log is text, and tells how long it took."""
    layers = {"l1/W": np.full(3, value), "l2/W": np.arange(2)}
    log = json.dumps([{"loss": value, "elapsed_time": id(layers) / 7}])
    names = sorted(layers, reverse=path.parent.name == "same")
    np.savez(path, log=np.asarray(log), _elapsed_time=np.asarray(id(layers)), **{name: layers[name] for name in names})  # type: ignore[arg-type]
    path.with_name(f"{path.name}.npz").rename(path)


def safetensors(path: Path, value: object) -> None:
    raw = np.full(2, value, "<f4").tobytes()
    header = json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + raw)


def archived(path: Path, value: object) -> None:
    with zipfile.ZipFile(path, "w") as archive:  # as Keras does: it holds the time of saving
        archive.writestr(
            "metadata.json", json.dumps({"date_saved": str(path.stat().st_mtime_ns), "shared_object_id": id(archive), "value": value})
        )


WRITERS: dict[str, Any] = {
    "a.pt": torch_file,
    "b.pth": whole_model,
    "c.npz": numpy_file,
    "d.pkl": pickled,
    "g.snapshot": chainer_snapshot,
    "e.safetensors": safetensors,
    "f.keras": archived,
}


@pytest.mark.parametrize("name", WRITERS)
def test_files_by_their_values(tmp_path: Path, name: str) -> None:
    here = interpreter.find(None)
    for folder, value in (("one", 1.5), ("same", 1.5), ("close", 1.500001), ("other", 1.6)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "text.csv").write_text("1,0.1 s\n")
        WRITERS[name](tmp_path / folder / name, value)
    same, close, other = (results.compare(tmp_path / "one", tmp_path / each, here) for each in ("same", "close", "other"))
    assert (same.files, same.differ, same.largest) == (2, {}, 0.0)
    if name != "b.pth":  # a whole model is compared by the bytes of its parts
        assert close.differ == {} and 0 < close.largest <= 1e-5
    assert set(other.differ) == {name}


def test_nothing_of_a_file_is_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "ran",))

    for folder, number in (("one", 1), ("two", 2)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.pkl").write_bytes(pickle.dumps([Evil(), number]))
        torch.save([Evil(), number], tmp_path / folder / "b.pt")
    found = results.compare(tmp_path / "one", tmp_path / "two", interpreter.find(None))
    assert set(found.differ) == {"a.pkl", "b.pt"} and "2 instead of 1" in found.differ["a.pkl"][0].words
    assert not (tmp_path / "ran").exists()


def test_files_that_are_not_there(tmp_path: Path) -> None:
    for folder, name in (("one", "best.txt"), ("two", "worst.txt")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text("1")
    found = results.compare(tmp_path / "one", tmp_path / "two", interpreter.find(None))
    assert {name: faults[0].words for name, faults in found.differ.items()} == {
        "best.txt": "is not there",
        "worst.txt": "is not there without the interruption",
    }


@pytest.mark.parametrize(
    ("names", "others", "missing"),
    [
        (["run-2021/e1.pt", "run-2021/e2.pt"], ["run-2140/e1.pt", "run-2140/e2.pt"], []),
        (["run-2021/e9.pt", "run-2021/e10.pt"], ["run-2140/e9.pt", "run-2140/e10.pt"], []),
        (["run-2021/e1.pt", "run-2021/e2.pt"], ["run-2140/e2.pt", "run-2140/e3.pt"], ["run-2021/e1.pt", "run-2021/e2.pt"]),
        (["run-2021/e1.pt", "run-2022/e2.pt"], ["run-2140/e1.pt", "run-2140/e2.pt"], ["run-2021/e1.pt", "run-2022/e2.pt"]),
        (["run-2021/e1.pt", "run-2021/e2.pt"], ["run-2140/e1.pt"], ["run-2021/e1.pt", "run-2021/e2.pt"]),
        (["e1.pt", "e2.pt"], ["e3.pt", "e4.pt"], ["e1.pt", "e2.pt"]),
    ],
)
def test_several_files_in_a_folder_named_by_the_time(tmp_path: Path, names: list[str], others: list[str], missing: list[str]) -> None:
    for side, files in (("one", names), ("two", others)):
        for name in files:
            (tmp_path / side / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / side / name).write_text(name.rpartition("e")[2])
    found = results.compare(tmp_path / "one", tmp_path / "two", interpreter.find(None))
    assert [name for name, faults in found.differ.items() if faults[0].words == "is not there"] == missing
    assert bool(found.differ) is bool(missing)


def test_files_named_by_the_time(tmp_path: Path) -> None:
    for folder, names in (("one", ("run-17/a.txt", "best-3.txt")), ("two", ("run-99/a.txt", "best-3.txt", "best-4.txt"))):
        for name in names:
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / name).write_text("1" if folder == "one" else "2")
    found = results.compare(tmp_path / "one", tmp_path / "two", interpreter.find(None))
    assert {name: faults[0].words for name, faults in found.differ.items()} == {
        "best-3.txt": "line 1: '2' instead of '1'",
        "best-4.txt": "is not there without the interruption",
        "run-17/a.txt": "line 1: '2' instead of '1'",
    }


def events(*paths: str) -> list[dict[str, Any]]:
    out = []
    for number, path in enumerate(paths):
        verb, _, name = path.partition(" ")
        out.append(
            {"kind": "save", "pid": 1, "verb": verb, "path": name, "time": float(number), "steps": number, "bytes": 7, "source": ".1-a"}
        )
    return out


MANY = {
    "the keeper's mark": (["open keeper/t/.1-a", "rename keeper/t/blobs/1f00000000", "open keeper/t/.1-a", "rename keeper/t/{}.json"], 3),
    "one file": (["open last.pt"], 3),
    "a draft": (["open last.tmp", "rename last.pt"], 3),
    "a folder each": (["open checkpoint-{}/model.bin", "open checkpoint-{}/state.json"], 3),
}


@pytest.mark.parametrize("name", MANY)
def test_where_a_save_ends(name: str) -> None:
    paths, count = MANY[name]
    found = events("open config.json", *(path.format(f"{turn:08}") for turn in range(1, 4) for path in paths))
    commit = saves.commit_pattern(found)
    told = saves.split(found, commit, {"last.pt": 5})
    assert len(told) == count and [save.ended for save in told] == [float(len(paths) * turn) for turn in (1, 2, 3)]


def test_moments_are_drawn_between_saves() -> None:
    made = [Save(began=10.0 * n, ended=10.0 * n + 1, steps=n, events=((".draft", 100), ("last.pt", 0))) for n in range(1, 5)]
    for seed in range(50):
        moment = plan.after_a_save(random.Random(seed), made, 60.0, "kill")
        assert moment.spec["after"] in (1, 2, 3) and 0 <= float(str(moment.spec["delay"])) < 9
        within = plan.in_a_save(random.Random(seed), made)
        assert within is not None and within.spec["during"] in (2, 3, 4)
        assert ("tear" in within.spec) == (within.spec["event"] == 1) and 0 < within.spec.get("tear", 1) < 100  # type: ignore[operator]
    assert plan.in_a_save(random.Random(1), made[:1]) is None
