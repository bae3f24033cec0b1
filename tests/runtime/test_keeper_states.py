"""What a checkpoint holds of single values, where a whole training would show less."""

from __future__ import annotations

import collections
import io
from typing import Any

import numpy as np
import pytest
import torch

from migrate.runtime.keeper_states import _Attributes, _dump, _held, _load, _parse, _restored, _state
from migrate.runtime.outputs import Refused


def _through_a_file(tree: Any) -> Any:
    file = io.BytesIO()
    _dump(tree, file)
    file.seek(0)
    return _parse(file)


@pytest.mark.parametrize("value", [torch.ones(2, device="meta"), [torch.ones(2, device="meta")], {"a": (torch.ones(2, device="meta"),)}])
def test_a_tensor_comes_back_on_its_device(value: Any) -> None:
    """The meta device stands for a GPU here: what is carried from turn to turn has to be where the script left it."""
    found = _restored(None, _held(value))
    while not isinstance(found, torch.Tensor):
        found = next(iter(found.values())) if isinstance(found, dict) else found[0]
    assert found.device.type == "meta"


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        1.5,
        "text",
        b"bytes",
        (1, [2, {3: {4}}]),
        frozenset({1}),
        np.float32(0.1),
        np.arange(6.0).reshape(2, 3),
        np.array(["a", "b"]),
        collections.OrderedDict(a=1),
        collections.Counter("aab"),
        collections.deque([1, 2], 2),
        range(3),
        complex(1, 2),
    ],
    ids=repr,
)
def test_values_come_back_as_they_were(value: Any) -> None:
    found = _restored(None, _through_a_file(_held(value)))
    assert type(found) is type(value)
    assert np.array_equal(found, value) if isinstance(value, np.ndarray) else found == value
    assert getattr(found, "maxlen", None) == getattr(value, "maxlen", None)


def test_what_a_list_holds_stays_the_object_that_others_hold() -> None:
    tensor, inner = torch.zeros(2), [1]
    outer = [tensor, inner, {"tensor": tensor}]
    state = _through_a_file(_state([torch.ones(2), [2, 3], {"tensor": torch.ones(2)}]))
    _load(outer, state)
    assert outer[0] is tensor and outer[1] is inner and tensor.tolist() == [1, 1] and inner == [2, 3]


@pytest.mark.parametrize("value", [torch.zeros(3), np.zeros(3)], ids=["tensor", "array"])
def test_of_another_shape_is_refused(value: Any) -> None:
    with pytest.raises(Refused, match=r"its shape is \(3,\), in the checkpoint \(2,\)"):
        _load(value, np.ones(2) if isinstance(value, np.ndarray) else torch.ones(2))


def test_without_torch_it_is_read_as_carefully(monkeypatch: pytest.MonkeyPatch) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return eval, ("1",)

    monkeypatch.delattr(torch, "save")
    assert _through_a_file({"a": np.ones(2), "b": (1, {2})})["b"] == (1, {2})
    with pytest.raises(Refused, match=r"asks for builtins\.eval, which is not unpickled"):
        _through_a_file([Evil()])


def test_what_a_class_works_out_by_itself_is_not_set() -> None:
    class Average:
        def __init__(self, updates: int) -> None:
            self.updates = updates

        @property
        def decay(self) -> float:
            return self.updates / 10

    state = _state(_Attributes(Average(3), ["updates", "decay"]))
    later = Average(0)
    _load(_Attributes(later, ["updates", "decay"]), state)
    assert (later.updates, later.decay) == (3, 0.3)
