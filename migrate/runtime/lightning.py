"""lightning_fit(trainer.fit)(model, ...) is trainer.fit(model, ...), which goes on at the epoch that a checkpoint was made before."""

import csv
import functools
import importlib
import inspect
import os
import sys
from typing import Any, Dict, List

from migrate.runtime.managed import (
    _Cadence,
    _get_values,
    _global_random,
    _mark_more_to_do,
    _next_store,
    _put_values,
    _set_global_random,
    _unmark,
)
from migrate.runtime.outputs import Refused, _copy, _rank, _Store, checkpoint_folder


def lightning_fit(fit: Any) -> Any:
    """``fit`` as it is where no checkpoints are made, or where it is no Trainer's. Several fits are told apart by their order."""
    homes = [kind.__module__ for kind in type(getattr(fit, "__self__", None)).__mro__]
    home = next((name for name in homes if name.startswith(("lightning.pytorch.", "pytorch_lightning."))), "")
    return fit if not home or checkpoint_folder() is None else functools.partial(_lightning_fit, fit, home.partition(".trainer")[0])


def resume_cli(cli: Any) -> None:
    """Let the trainer that a LightningCLI makes go on: called before the class is, which fits by itself."""
    make = getattr(cli, "instantiate_trainer", None)
    if checkpoint_folder() is None or make is None:
        return

    def instantiate_trainer(self: Any, *args: Any, **kwargs: Any) -> Any:
        trainer = make(self, *args, **kwargs)
        trainer.fit = lightning_fit(trainer.fit)
        return trainer

    cli.instantiate_trainer = instantiate_trainer


def _lightning_fit(fit: Any, home: str, *args: Any, **kwargs: Any) -> Any:
    trainer = fit.__self__
    if any(name in type(getattr(trainer, "strategy", None)).__name__ for name in ("FSDP", "DeepSpeed", "ModelParallel")):
        print("keeper: the model is spread over processes: this fit starts from the beginning", flush=True)
        return fit(*args, **kwargs)
    store = _next_store("lightning")
    try:
        newest = store.newest()
    except Refused as error:
        sys.exit("keeper: %s" % error)
    body = {} if newest is None else newest[1]
    given = inspect.signature(fit).bind(*args, **kwargs)
    if body:
        path = store.blob(body["blobs"][0])
        print("keeper: fit goes on from %s" % path, flush=True)
        if "ckpt_path" in inspect.signature(fit).parameters:
            given.arguments["ckpt_path"] = path
            if "weights_only" in inspect.signature(fit).parameters:
                given.arguments["weights_only"] = False  # this is the script's own checkpoint
        else:
            for thing, name in ((trainer, "resume_from_checkpoint"), (trainer.checkpoint_connector, "resume_checkpoint_path")):
                if hasattr(thing, name):
                    setattr(thing, name, path)
        for logger in _loggers(trainer):
            getattr(logger, "version", None)  # the number of the first start: told before its files are there again
    saved = _get_values(store, body["blobs"][1]) if body else {}
    trainer.callbacks.append(_lightning_callback(home, store, body, saved))
    result = fit(*given.args, **given.kwargs)
    if saved.get("done"):
        _set_global_random(saved["random"])
    return result


def _lightning_callback(home: str, store: _Store, body: Dict[str, Any], saved: Dict[str, Any]) -> Any:
    base = importlib.import_module(home).callbacks.Callback  # type: Any
    cadence, begun = _Cadence(), []  # type: _Cadence, List[int]

    def save(trainer: Any, done: bool) -> None:
        with cadence.saving():
            draft = os.path.join(store.path, ".draft")
            trainer.save_checkpoint(draft)  # every process of a strategy takes part, the first one writes
            if not _rank()[0]:
                with open(draft, "rb") as source:
                    blob = store.put(functools.partial(_copy, source))
                    values = _put_values(store, {"random": _global_random(), "done": done})
                    store.publish({"blobs": [blob, values]})
                os.unlink(draft)

    class Kept(base):  # type: ignore[misc]
        def on_fit_start(self, trainer: Any, *given: Any) -> None:
            _unmark()
            if body and not _rank()[0]:
                store.put_back(body["files"])
                for logger in _loggers(trainer):
                    _keep_columns(logger)

        def on_train_start(self, trainer: Any, *given: Any) -> None:
            if saved.get("done"):
                trainer.should_stop = True

        def on_train_epoch_start(self, trainer: Any, *given: Any) -> None:
            begun.append(trainer.current_epoch)
            cadence.turned()
            if len(begun) == 1:
                if saved:
                    _set_global_random(saved["random"])
                    _begin_epoch(trainer.fit_loop)
                return
            out_of_time = cadence.out_of_time()
            if out_of_time or cadence.due():
                save(trainer, False)
            if out_of_time:
                _mark_more_to_do("epoch %d" % trainer.current_epoch)
                print("keeper: saved; stops before the runtime limit: more to do", flush=True)
                sys.exit(0)

        def on_train_end(self, trainer: Any, *given: Any) -> None:
            if not saved.get("done"):
                save(trainer, True)

    return Kept()


def _begin_epoch(loop: Any) -> None:
    """The epoch begins as any other, at its first batch, and draws the order of its batches now that the random state is back.

    Lightning would take it for one that was interrupted in its middle, and leave out what comes at its end.
    """
    if hasattr(loop, "epoch_loop"):
        loop._restarting = loop.epoch_loop.restarting = False
        progress = loop.epoch_progress.current
        progress.ready = progress.started + 1
    fetcher = getattr(loop, "_data_fetcher", None)
    if fetcher is not None:
        iter(fetcher)


def _loggers(trainer: Any) -> List[Any]:
    found = getattr(trainer, "loggers", None) or [getattr(trainer, "logger", None)]
    return [logger for logger in found if logger is not None]


def _keep_columns(logger: Any) -> None:
    """A table of metrics is written on with the columns that it has."""
    writer = getattr(logger, "experiment", None)  # type: Any
    path = getattr(writer, "metrics_file_path", "")
    if path and os.path.exists(path) and getattr(writer, "metrics_keys", None) == []:
        with open(path, newline="") as file:
            writer.metrics_keys = next(csv.reader(file), [])
