"""Models that are spread over the processes (FSDP, DTensor): each process saves the parts that it holds, and gets the same ones back.

The same number of processes has to go on: a job that is started again has it. The first process makes a checkpoint complete only
when it knows the files of all others.
"""

import contextlib
import json
import os
from typing import Any, Dict, List, Optional

from migrate.runtime.keeper import Keeper, _Loop, keeper
from migrate.runtime.keeper_ranks import _group_store, _Together
from migrate.runtime.keeper_states import _CLASS, _KINDS, _SPREAD, _is
from migrate.runtime.outputs import Refused, _rank

_PART = "part"  # stands for the part of a tensor that this process holds
_found = []  # type: List[Any]  # whether a model is spread
_SPREAD.difference_update(("FullyShardedDataParallel", "FSDPModule"))


class _Sharded(_Together):
    """Where a model is spread, every process saves as the first one does elsewhere, and reads its own."""

    def _restore(self, frame: Any, objects: Any, values: Dict[str, Any]) -> List[Any]:
        _found.extend(1 for thing in list(objects) + list(values.values()) if _is_spread(thing) or _is_over_parts(thing))
        return super()._restore(frame, objects, values)

    def _newest(self) -> Any:
        found = super()._newest()
        if found and "shards" in found[1]:
            rank, shards = _rank()[0], found[1]["shards"]
            if len(shards) + 1 != _rank()[1]:
                raise Refused("the checkpoint is of %d processes that hold a part each, here are %d" % (len(shards) + 1, _rank()[1]))
            if rank:
                found[1]["state"] = shards[rank - 1][0]
        return found

    def _start_as_rank(self, saved: Dict[str, Any]) -> None:
        if "shards" not in self._body:
            super()._start_as_rank(saved)

    def _save(self, loop: _Loop, publish: bool = True) -> Optional[str]:
        if not _found:
            return super()._save(loop, publish)
        saved = Keeper._save(self, loop, publish)
        if saved is None and _rank()[0] and publish:
            self._tell_first(loop, [])
        return self._tried(loop, saved, publish)

    def _saves(self) -> bool:
        return bool(_found) or super()._saves()

    def _publish(self, loop: _Loop, body: Dict[str, Any]) -> None:
        if not _found:
            super()._publish(loop, body)
        elif _rank()[0]:
            names = [body["state"]] + [name for name in body["blobs"] if name != body["state"]]
            self._tell_first(loop, names)
            _forget(self._store, _place(loop), names)
        else:
            store, shards = _group_store(), []
            for rank in range(1, _rank()[1]):
                try:
                    shards.append(json.loads(store.get(_key(loop, rank)).decode()))
                except RuntimeError as error:
                    raise OSError("process %d says nothing: %s" % (rank, str(error).splitlines()[0]))
                if not shards[-1]:
                    raise OSError("process %d could not save its part" % rank)
                self._store.stored.update(shards[-1])
            self._store.publish(dict(body, shards=shards))
            _complete.append(_place(loop))
            if store is not None:
                store.set(_WHOLE, json.dumps(_complete[-self._store.keep :]))

    def _tell_first(self, loop: _Loop, names: List[str]) -> None:
        _group_store().set(_key(loop, _rank()[0]), json.dumps(names))


def _place(loop: _Loop) -> str:
    return "%s %d %s" % (loop.path, loop.done, loop.over)


def _key(loop: _Loop, rank: int) -> str:
    return "keeper shard %s %d" % (_place(loop), rank)


_WHOLE = "keeper whole"  # where the first process tells the places of the last complete checkpoints
_complete = []  # type: List[str]
_mine = []  # type: List[Any]  # the places of this process's saves, with the files of each


def _forget(store: Any, place: str, names: List[str]) -> None:
    """Remove what no complete checkpoint names any more: on another machine than the first process's nobody else does."""
    _mine.append((place, names))
    group = _group_store()
    whole = json.loads(group.get(_WHOLE).decode()) if group.check([_WHOLE]) else []
    kept = [one for one in _mine[: -store.keep - 1] if one[0] in whole] + _mine[-store.keep - 1 :]
    for name in {name for _, names in _mine for name in names} - {name for _, names in kept for name in names}:
        with contextlib.suppress(OSError):
            os.unlink(store.blob(name))
    _mine[:] = kept


def _is_spread(value: Any) -> bool:
    if not _is(value, "torch.nn.Module"):
        return False
    kinds = {kind.__name__ for part in value.modules() for kind in type(part).__mro__}
    return bool(kinds & {"FullyShardedDataParallel", "FSDPModule"}) or any(hasattr(p, "to_local") for p in value.parameters())


def _is_over_parts(value: Any) -> bool:
    """Whether an optimizer trains tensors of which each process holds a part."""
    return any(hasattr(p, "to_local") for group in getattr(value, "param_groups", []) for p in group["params"])


def _local(tensor: Any) -> Any:
    return (tensor.to_local() if hasattr(tensor, "to_local") else tensor).detach()


def _whole(local: Any, like: Any) -> Any:
    """A tensor of all processes that lies as ``like`` does, of which this one holds ``local``."""
    local = local.to(like.device)
    if not hasattr(like, "to_local"):
        return local
    kind, mesh = type(like.data), like.device_mesh
    return kind.from_local(local, mesh, like.placements, run_check=False, shape=like.shape, stride=like.stride())


def _flat(module: Any) -> Dict[str, Any]:
    """The flat parameters of FullyShardedDataParallel."""
    parts = [(name, getattr(part, "_handles", None) or [getattr(part, "_handle", None)]) for name, part in module.named_modules()]
    found = {"%s %d" % (name, i): getattr(handle, "flat_param", None) for name, all in parts for i, handle in enumerate(all)}
    return {name: flat for name, flat in found.items() if flat is not None}


def _tensors(module: Any) -> Dict[str, Any]:
    """What this process holds of a model, by name: the very memory."""
    flat = _flat(module)
    if not flat:
        return {name: _local(tensor) for name, tensor in module.state_dict().items() if hasattr(tensor, "detach")}
    held = {id(one) for own in flat.values() for one in [own] + list(getattr(own, "_params", None) or [])}
    rest = dict(module.named_buffers(), **{name: p for name, p in module.named_parameters() if id(p) not in held})
    found = {name: _local(tensor) for name, tensor in rest.items()}
    found.update((name, getattr(own, "_local_shard", own.data).detach()) for name, own in flat.items())
    return found


def _get_sharded(module: Any) -> Dict[str, Any]:
    state, named = _tensors(module), list(module.named_parameters())
    grads = {name: _local(p.grad) for name, p in named if p.grad is not None}
    trained = {name: p.requires_grad for name, p in named}
    return {"state": state, "trained": trained, "training": [m.training for m in module.modules()], "grads": grads}


def _put_sharded(module: Any, state: Dict[str, Any]) -> None:
    there = _tensors(module)
    if {name: tuple(t.shape) for name, t in there.items()} != {name: tuple(t.shape) for name, t in state["state"].items()}:
        raise ValueError("the parts of it that this process holds are others than in the checkpoint")
    for name, tensor in state["state"].items():
        there[name].copy_(tensor)
    for part, training in zip(module.modules(), state["training"]):
        part.training = training
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(state["trained"].get(name, parameter.requires_grad))
        grad = state["grads"].get(name)
        parameter.grad = None if grad is None else _whole(grad, parameter)


def _get_optimizer_part(optimizer: Any) -> Dict[str, Any]:
    state = optimizer.state_dict()
    held = {place: {name: _mark(item) for name, item in own.items()} for place, own in state["state"].items()}
    trained = [_local(p) for group in optimizer.param_groups for p in group["params"]]  # some belong to no model
    return {"state": dict(state, state=held), "trained": trained}


def _mark(item: Any) -> Any:
    return {_CLASS: _PART, "state": _local(item)} if hasattr(item, "to_local") else item


def _put_optimizer_part(optimizer: Any, state: Dict[str, Any]) -> None:
    parameters, trained, state = [p for group in optimizer.param_groups for p in group["params"]], state["trained"], state["state"]
    whole = {
        place: {n: _whole(i["state"], parameters[place]) if type(i) is dict and i.get(_CLASS) == _PART else i for n, i in own.items()}
        for place, own in state["state"].items()
    }
    optimizer.load_state_dict(dict(state, state=whole))
    for parameter, part in zip(parameters, trained):
        _local(parameter).copy_(part)


_KINDS.insert(0, (_is_spread, _get_sharded, _put_sharded))
_KINDS.insert(0, (lambda v: _is(v, "torch.optim.Optimizer") and bool(_found), _get_optimizer_part, _put_optimizer_part))
if type(keeper) is _Together:
    keeper.__class__ = _Sharded
