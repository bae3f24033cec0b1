"""One moment for every run, so that a run folder named by the time does not look like a changed setting.

Runs inside the probed process; standard library alone.
"""

from __future__ import annotations

import datetime
import time
from typing import Any

MOMENT = 1_577_934_245.0  # 2020-01-02 03:04:05 UTC


class _Datetime(datetime.datetime):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Any:
        return cls.fromtimestamp(MOMENT, tz)

    @classmethod
    def today(cls) -> Any:
        return cls.fromtimestamp(MOMENT)

    @classmethod
    def utcnow(cls) -> Any:
        return cls.fromtimestamp(MOMENT)


class _Date(datetime.date):
    @classmethod
    def today(cls) -> Any:
        return cls.fromtimestamp(MOMENT)


def freeze() -> None:
    """Stop the clocks that a script names things by; clocks that measure (``perf_counter``, ``monotonic``) go on."""
    now = time.gmtime(MOMENT)
    strftime, localtime, gmtime, ctime, asctime = time.strftime, time.localtime, time.gmtime, time.ctime, time.asctime
    time.time = lambda: MOMENT
    time.time_ns = lambda: int(MOMENT * 1e9)
    time.localtime = lambda seconds=None: localtime(MOMENT if seconds is None else seconds)
    time.gmtime = lambda seconds=None: gmtime(MOMENT if seconds is None else seconds)
    time.strftime = lambda form, moment=now: strftime(form, moment)
    time.ctime = lambda seconds=None: ctime(MOMENT if seconds is None else seconds)
    time.asctime = lambda moment=now: asctime(moment)
    datetime.datetime = _Datetime  # type: ignore[misc]
    datetime.date = _Date  # type: ignore[misc]
