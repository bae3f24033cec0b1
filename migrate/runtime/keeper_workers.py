"""Workers of a data loader that live on over the turns (persistent_workers): their seed is drawn when they are first asked for data."""

import sys
from typing import Any, Dict

from migrate.runtime.keeper import Keeper, keeper


class _Living(Keeper):
    """After an interruption workers are started anew, where the uninterrupted run drew no seed: that draw is left out of the script's
    random state, so the order of the data is the same. What the workers themselves draw (augmentation) begins anew."""

    _made = _owed = 0  # sets of workers that this process has started; of those, that the run before the save had

    def _start(self) -> None:
        super()._start()
        if self._store is not None:
            _count_workers(self)

    def _random(self) -> Dict[str, Any]:
        return dict(super()._random(), workers=self._made + self._owed)

    def _set_random(self, state: Dict[str, Any]) -> None:
        self._owed = max(0, state.get("workers", 0) - self._made)
        super()._set_random(state)

    def _starts(self) -> bool:
        """A set of workers is started. Whether the run before the interruption had done so."""
        self._made += 1
        owed, self._owed = self._owed > 0, max(0, self._owed - 1)
        return owed


def _count_workers(own: _Living) -> None:
    torch = sys.modules.get("torch")  # type: Any
    if torch is None or not hasattr(torch.utils, "data"):
        return
    plain = torch.utils.data.DataLoader.__iter__

    def __iter__(loader: Any) -> Any:
        lives = getattr(loader, "persistent_workers", False) and loader.num_workers > 0 and loader._iterator is None
        if not lives or not own._starts():
            return plain(loader)
        given, loader.generator = loader.generator, torch.Generator()
        loader.generator.manual_seed(torch.initial_seed() % 2**62 + own._made + 1000 * own._stack[-1].done)
        try:
            return plain(loader)
        finally:
            loader.generator = given

    torch.utils.data.DataLoader.__iter__ = __iter__


if not hasattr(keeper, "_starts"):  # else a copy of this file, beside another module, has done it
    keeper.__class__ = type("_WithWorkers", (_Living, type(keeper)), {})
