"""What is going on while it goes on: on a terminal the child's last lines, elsewhere a plain line now and then. Always on stderr."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

EVERY = 20.0  # seconds between plain lines
_SHOWN = 5  # lines of the child
Tell = Callable[[str, str, str], object]


class _State:
    """The entry point and the step that is under way, and the last lines of its output."""

    def __init__(self) -> None:
        self.entry, self.step = "", ""
        self.since = time.monotonic()
        self.lines: deque[str] = deque(maxlen=_SHOWN)

    def tell(self, entry: str, step: str, line: str) -> bool:
        """Take it in; True where another step has begun."""
        new = (entry, step) != (self.entry, self.step)
        if new:
            self.entry, self.step, self.since = entry, step, time.monotonic()
            self.lines.clear()
        if line:
            self.lines.append(line)
        return new

    @property
    def head(self) -> str:
        return f"{self.entry}: {self.step}"


@contextmanager
def progress(console: Console, every: float = EVERY) -> Iterator[Tell]:
    """Yields what is to be called with the entry point, the step, and a line of output (empty where a step begins)."""
    with _live(console) if console.is_terminal else _plain(console, every) as tell:
        yield tell


@contextmanager
def _live(console: Console) -> Iterator[Tell]:
    from rich.console import Group
    from rich.live import Live
    from rich.spinner import Spinner
    from rich.text import Text

    state = _State()
    spinner = Spinner("dots")

    def shown() -> RenderableType:
        spinner.update(text=Text(f"{state.head}, {time.monotonic() - state.since:.0f} s" if state.entry else "verifying"))
        return Group(spinner, *(Text(f"  {line[: console.width - 4]}", style="dim", no_wrap=True) for line in list(state.lines)))

    with Live(get_renderable=shown, console=console, transient=True, refresh_per_second=8):
        yield state.tell


@contextmanager
def _plain(console: Console, every: float) -> Iterator[Tell]:
    """A line when a step begins, and one now and then while it lasts: a log of a build server shows that something goes on."""
    state, lock, over = _State(), threading.Lock(), threading.Event()

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    def tell(entry: str, step: str, line: str) -> None:
        with lock:
            if state.tell(entry, step, line):
                say(state.head)

    def repeat() -> None:
        while not over.wait(every):
            with lock:
                if state.entry and time.monotonic() - state.since >= every / 2:
                    last = f": {state.lines[-1]}" if state.lines else ""
                    say(f"{state.head}, {time.monotonic() - state.since:.0f} s{last}")

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield tell
    finally:
        over.set()
        thread.join()
