"""What a script draws from the clock or from chance stays what it was when the job is started again.

same_on_restart(value) hands back what the same call handed back at the first start with this checkpoint folder, and keeps it there;
where no checkpoints are made, it is the value.
"""

import json
import os
import sys
from typing import Any, Dict

from migrate.runtime.outputs import _rank, _write, checkpoint_folder

_CALLS = {}  # type: Dict[str, int]


def same_on_restart(value: Any) -> Any:
    """``value``, a text or a number, as it was at the first start."""
    root = checkpoint_folder()
    if root is None or type(value) not in (str, int, float):
        return value
    frame = sys._getframe(1)
    place = "%s:%d %s" % (os.path.basename(frame.f_code.co_filename), frame.f_lineno, frame.f_code.co_name)
    _CALLS[place] = _CALLS.get(place, 0) + 1
    key, name = "%s %d" % (place, _CALLS[place]), "%d.json" % _rank()[0]
    known = _known(os.path.join(root, "starts", name))
    if key not in known:
        known[key] = value
        try:
            _write(os.path.join(root, "starts"), name, lambda file: file.write(json.dumps(known).encode()))
        except OSError as error:
            print("keeper: could not keep %r for the next start (%s)" % (value, error), flush=True)
    return known[key]


def _known(path: str) -> Dict[str, Any]:
    try:
        with open(path, "rb") as file:
            found = json.loads(file.read().decode())
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError):
        return {}
