"""Output files that travel with a framework's own checkpoints.

checkpoint_folder("keras") is where they go; None where none are made. carry_outputs(folder) after a save copies what the run has
put under SM_MODEL_DIR and SM_OUTPUT_DATA_DIR, put_back_outputs(folder) before training goes on brings it back as it was.
"""

import functools
import os
import sys
from typing import Optional

from migrate.runtime.outputs import Refused, _rank, _Store


def carry_outputs(folder: Optional[str]) -> None:
    """To be called when a framework has saved its checkpoint; only the first process does something. None: nothing to do."""
    if folder is not None and not _rank()[0]:
        try:
            _outputs(folder).publish({})
        except OSError as error:
            print("keeper: could not carry the output files (%s); training goes on" % error, flush=True)


def put_back_outputs(folder: Optional[str]) -> None:
    """To be called before training goes on from a framework's checkpoint."""
    if folder is not None and not _rank()[0]:
        try:
            found = _outputs(folder).newest()
        except Refused as error:
            sys.exit("keeper: %s" % error)
        if found is not None:
            print("keeper: puts back the output files of checkpoint %s in %s" % (found[0], folder), flush=True)
            _outputs(folder).put_back(found[1]["files"])


@functools.lru_cache(maxsize=None)
def _outputs(folder: str) -> _Store:
    return _Store(os.path.join(folder, "outputs"), 2)
