"""transformers_train(trainer.train)() is trainer.train(), which goes on at the step that a checkpoint was made before."""

import contextlib
import functools
import importlib
import inspect
import json
import os
import shutil
import sys
from typing import Any, Dict, Iterator, List

from migrate.runtime.managed import (
    _Cadence,
    _get_values,
    _global_random,
    _mark_more_to_do,
    _next_store,
    _Plain,
    _put_values,
    _set_global_random,
    _unmark,
)
from migrate.runtime.outputs import Refused, _copy, _rank, _Store, checkpoint_folder

_LOSSES = ("_total_loss_scalar", "_globalstep_last_logged", "_initial_global_step")  # what the losses that are told are made of


def transformers_train(train: Any) -> Any:
    """``train`` as it is where no checkpoints are made, or where it is no Trainer's. Several trainings are told apart by their order."""
    kinds = type(getattr(train, "__self__", None)).__mro__
    ours = any(kind.__name__ == "Trainer" and kind.__module__.startswith("transformers.") for kind in kinds)
    return functools.partial(_transformers_train, train) if ours and checkpoint_folder() is not None else train


def _transformers_train(train: Any, *args: Any, **kwargs: Any) -> Any:
    trainer = train.__self__
    spread = getattr(trainer, "is_deepspeed_enabled", False) or getattr(trainer, "is_fsdp_enabled", False)
    if spread and len(json.loads(os.environ.get("SM_HOSTS") or "[]")) > 1:
        print("keeper: the model is spread over several machines: this training starts from the beginning", flush=True)
        return train(*args, **kwargs)
    store = _next_store("transformers")
    try:
        newest = store.newest()
    except Refused as error:
        sys.exit("keeper: %s" % error)
    body = {} if newest is None else newest[1]
    saved = _get_values(store, body["values"]) if body else {}
    given = inspect.signature(train).bind(*args, **kwargs)
    if body:
        folder = _unfold(store, body["checkpoint"])
        print("keeper: train goes on at step %d, from %s" % (saved["step"], store.path), flush=True)
        if not _rank()[0]:
            store.put_back(body["files"])
        if saved["done"] and hasattr(trainer, "_load_from_checkpoint"):
            trainer._load_from_checkpoint(folder)
            utils = importlib.import_module("transformers.trainer_callback")
            trainer.state = utils.TrainerState.load_from_json(os.path.join(folder, "trainer_state.json"))
            _set_global_random(saved["random"])
            return importlib.import_module("transformers.trainer_utils").TrainOutput(*saved["done"])
        given.arguments["resume_from_checkpoint"] = folder
    kept = _KeptTrain(trainer, store, saved)
    trainer.add_callback(kept.callback())
    result = train(*given.args, **given.kwargs)
    kept.save([result.global_step, result.training_loss, dict(result.metrics)])
    return result


class _KeptTrain:
    """One call of ``train``."""

    def __init__(self, trainer: Any, store: _Store, saved: Dict[str, Any]) -> None:
        self.trainer, self.store, self.saved = trainer, store, saved
        self.epochs, self.steps, self.begun = _Cadence(), _Cadence(600.0), False
        own = [one for one in trainer.callback_handler.callbacks if not type(one).__module__.startswith("transformers.")]
        self.plain = [_Plain(one) for one in own]

    def callback(self) -> Any:
        kept, base = self, importlib.import_module("transformers").TrainerCallback  # type: Any, Any

        class Kept(base):  # type: ignore[misc]
            def on_train_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
                _unmark()
                kept.begin()

            def on_epoch_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
                kept.turned(kept.epochs)

            def on_step_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
                kept.turned(kept.steps)

        return Kept()

    def begin(self) -> None:
        for one, state in zip(self.plain, self.saved.get("plain", [])):
            one.put_back(state)
        for name, value in self.saved.get("losses", {}).items():
            setattr(self.trainer, name, value)
        if "loss" in self.saved and hasattr(self.trainer, "_tr_loss"):
            self.trainer._tr_loss.fill_(self.saved["loss"])

    def turned(self, cadence: _Cadence) -> None:
        """An epoch, or a step, begins: all that belongs to those before is done."""
        cadence.turned()
        if not self.begun:
            self.begun = cadence is self.steps  # the first step of this process
            return
        out_of_time = cadence is self.steps and cadence.out_of_time()
        if out_of_time or cadence.due():
            self.save([])
        if out_of_time:
            _mark_more_to_do("step %d" % self.trainer.state.global_step)
            print("keeper: saved; stops before the runtime limit: more to do", flush=True)
            sys.exit(0)

    def save(self, done: List[Any]) -> None:
        trainer, draft = self.trainer, os.path.join(self.store.path, ".draft")
        values = {"step": trainer.state.global_step, "done": done, "random": _global_random()}
        values["plain"] = [one.state() for one in self.plain]
        values["losses"] = {name: getattr(trainer, name) for name in _LOSSES if hasattr(trainer, name)}
        if hasattr(trainer, "_tr_loss"):
            values["loss"] = float(trainer._tr_loss)
        with self.epochs.saving(), self.steps.saving():
            for_us = {"output_dir": draft, "save_strategy": "no", "save_only_model": False, "save_total_limit": None, "push_to_hub": False}
            with _changed(trainer.args, for_us):
                trainer._save_checkpoint(trainer.model, None)  # every process takes part
            if getattr(trainer.accelerator, "num_processes", 1) > 1:
                trainer.accelerator.wait_for_everyone()
            if not _rank()[0]:
                files = _fold(self.store, draft)
                blob = _put_values(self.store, values)
                self.store.publish({"blobs": [blob] + list(files.values()), "values": blob, "checkpoint": files})
                shutil.rmtree(draft, ignore_errors=True)


@contextlib.contextmanager
def _changed(thing: Any, values: Dict[str, Any]) -> Iterator[None]:
    """Give attributes of an object other values for a while; what it has not, it does not get."""
    before = {name: vars(thing)[name] for name in values if name in vars(thing)}
    vars(thing).update({name: values[name] for name in before})
    try:
        yield
    finally:
        vars(thing).update(before)


def _fold(store: _Store, folder: str) -> Dict[str, str]:
    """Store the files below a folder; returns the blob of each, by its path."""
    found = {}
    for top, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(top, name)
            with open(path, "rb") as source:
                found[os.path.relpath(path, folder)] = store.put(functools.partial(_copy, source))
    return found


def _unfold(store: _Store, files: Dict[str, str]) -> str:
    """The folder of a stored checkpoint, written out anew."""
    top = os.path.join(store.path, ".restored-%d" % _rank()[0])
    shutil.rmtree(top, ignore_errors=True)
    for path, blob in files.items():
        there = os.path.join(top, path)
        os.makedirs(os.path.dirname(there), exist_ok=True)
        shutil.copyfile(store.blob(blob), there)
    return os.path.join(top, next(iter(files)).split(os.sep)[0])
