"""How far a training is: a bar on a terminal, otherwise a line now and then."""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

SECONDS_BETWEEN_LINES = 10.0

log = logging.getLogger("rnnexp")


class Progress:
    """Show epoch, loss, best value and time left while a training runs; `update` costs microseconds.

    On a terminal it is a bar that disappears; otherwise one line per epoch, at most one in ten seconds.
    """

    def __init__(self, epochs: int, quiet: bool = False) -> None:
        self.epochs = epochs
        self._best = math.inf
        self._best_epoch = 0
        self._last_line = -math.inf
        self._bar: Any = None
        self._task: Any = None
        self._quiet = quiet

    def __enter__(self) -> Progress:
        if not self._quiet and _is_terminal():
            self._bar = _bar()
            self._task = self._bar.add_task("", total=self.epochs, shown="compiling")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Take in the metrics of an epoch."""
        value = metrics.get("val/loss", metrics.get("train/loss", math.nan))
        if value < self._best:
            self._best, self._best_epoch = value, epoch
        if self._quiet:
            return
        if self._bar is not None:
            self._bar.update(self._task, completed=epoch, shown=self._text(metrics))
        elif self._is_due(epoch):
            log.info("epoch %d/%d  %s", epoch, self.epochs, self._text(metrics))

    def _is_due(self, epoch: int) -> bool:
        now = time.monotonic()
        if epoch < self.epochs and now - self._last_line < SECONDS_BETWEEN_LINES:
            return False
        self._last_line = now
        return True

    def _text(self, metrics: Mapping[str, float]) -> str:
        losses = [f"{key} {metrics[key]:.4g}" for key in ("train/loss", "val/loss") if key in metrics]
        return f"{'  '.join(losses)}  best {self._best:.4g} (epoch {self._best_epoch})"


def _is_terminal() -> bool:
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # a notebook's stream, or one that is closed
        return False


def _bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(bar_width=24), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.fields[shown]}"))
    return Bar(*columns, console=Console(stderr=True), transient=True, refresh_per_second=5)
