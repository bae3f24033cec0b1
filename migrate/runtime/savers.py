"""Training of TensorFlow that goes on by itself from its folder: an Estimator, a monitored session.

keep_savers(), called before it starts, puts the folders back that an interrupted run has saved into, and from then on carries each of
them into the checkpoint folder whenever a Saver has saved there. Where no checkpoints are made it does nothing.
"""

import functools
import json
import os
import sys
from typing import Any

from migrate.runtime.carrying import carry_outputs, put_back_outputs
from migrate.runtime.outputs import _OUTPUTS, _rank, _write, checkpoint_folder


def keep_savers() -> None:
    """To be called where a graph that is saved to a folder is about to be trained."""
    folder, tf = checkpoint_folder("tensorflow"), sys.modules.get("tensorflow")  # type: Any, Any
    if folder is None or tf is None:
        return
    savers = [getattr(getattr(part, "train", None), "Saver", None) for part in (tf, getattr(getattr(tf, "compat", None), "v1", None))]
    anew = {id(one): one for one in savers if one is not None and not hasattr(one.save, "carries")}.values()
    if not anew:  # a later call: what this run has written since its last save stays as it is
        return
    try:
        with open(os.path.join(folder, "folders.json"), "rb") as file:
            found = json.loads(file.read().decode())
    except (OSError, ValueError):
        found = []
    for path in found:
        _also(path)
    put_back_outputs(folder)
    for saver in anew:
        saver.save = _carrying(saver.save, folder)


def _carrying(save: Any, folder: str) -> Any:
    @functools.wraps(save)
    def saving(self: Any, sess: Any, save_path: Any, *args: Any, **kwargs: Any) -> Any:
        result = save(self, sess, save_path, *args, **kwargs)
        where = os.path.dirname(os.path.abspath(str(save_path)))
        if "://" not in str(save_path) and not _rank()[0]:
            if _also(where):
                text = json.dumps(_folders).encode()
                _write(folder, "folders.json", lambda file: file.write(text))
            carry_outputs(folder)
        return result

    saving.carries = True  # type: ignore[attr-defined]
    return saving


_folders = []  # type: Any


def _also(path: str) -> bool:
    """Let a folder travel as those of the model do; whether it did not already."""
    tops = [os.path.abspath(os.environ[name]) for name in _OUTPUTS if os.environ.get(name)]
    if any(path == top or path.startswith(top + os.sep) for top in tops):
        return False
    _folders.append(path)
    _OUTPUTS.append("SM_SAVER_DIR_%d" % len(_folders))
    os.environ[_OUTPUTS[-1]] = path
    return True
