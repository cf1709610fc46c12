"""The time of day as a run goes by it: a clock that is set in the middle of the run moves none of its times."""

from __future__ import annotations

import time

SLACK_S = 1.0  # by which a clock may be corrected bit by bit


class RunClock:
    """Starts with the time of day, and goes on as the machine does, while it sleeps too."""

    def __init__(self) -> None:
        self._began = time.time() - _uptime()
        self._last = time.time()

    def now(self) -> float:
        """Return seconds since 1970."""
        return self.correct(time.time(), time.time())[1]

    def correct(self, began: float, ended: float) -> tuple[float, float]:
        """Return the beginning and the end of what is over by now, never before what was corrected earlier."""
        moved = time.time() - _uptime() - self._began
        if abs(moved) > SLACK_S:
            ended = max(ended - moved, self._last)
            began = min(max(began - moved, self._last), ended)
        self._last = max(self._last, ended)
        return began, ended


def _uptime() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
