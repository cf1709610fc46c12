"""How far a training is: a bar on a terminal, otherwise one plain line per epoch or per ten seconds."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import monotonic
from types import TracebackType
from typing import Any, TextIO

from rnnexp.training.monitor import BestValue, choose_default_monitor

log = logging.getLogger("rnnexp")
file_log = logging.getLogger("train")  # goes to the run's log file, and is not printed

LINE_EVERY = 10.0  # seconds between two plain lines
DRAW_EVERY = 0.1  # seconds between two changes of the bar: a thousand short epochs must not pay for it
WIDE = 60  # columns; a narrower terminal gets numbers only


class Progress:
    """A context manager to be told of each epoch; what cannot be shown is never worth an exception.

    The bar goes to `stream` (default: standard error) if that is a terminal that can move its cursor; plain
    lines go to the log, beside a bar to the run's log file alone. `monitor` None watches val/loss, without
    validation train/loss.
    """

    def __init__(
        self,
        epochs: int,
        *,
        monitor: str | None = None,
        quiet: bool = False,
        stream: TextIO | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.epochs = epochs
        self.monitor = monitor
        self.clock = clock
        self.quiet = quiet
        self.best_value: BestValue | None = None
        self.bar = None if quiet else _bar(stream or sys.stderr)
        self.written_epoch = 0
        self.epoch = 0

    def __enter__(self) -> Progress:
        self.begin = self.drawn = self.written = self.clock()
        if self.bar is not None:
            with suppress(OSError, ValueError):
                self.task = self.bar.add_task("training", total=self.epochs, state="compiling")
                self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.epoch > self.written_epoch:
            self._write()
        if self.bar is not None:
            with suppress(OSError, ValueError):
                self.bar.stop()

    def update(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Take in the metrics of the 1-based `epoch`."""
        if self.quiet:
            return
        monitor = self.monitor or choose_default_monitor("val/loss" in metrics)
        self.best_value = self.best_value or BestValue(monitor)
        if monitor in metrics:
            self.best_value.update(metrics[monitor], epoch)
        self.epoch, self.metrics = epoch, metrics
        if epoch in (1, self.epochs) or self.clock() - self.written >= LINE_EVERY:
            self._write()
        if self.bar is not None and (epoch in (1, self.epochs) or self.clock() - self.drawn >= DRAW_EVERY):
            self._draw(self.bar)

    def _draw(self, bar: Any) -> None:
        self.drawn = self.clock()
        with suppress(OSError, ValueError):
            bar.update(self.task, completed=self.epoch, state=self._state())

    def _write(self) -> None:
        self.written_epoch, self.written = self.epoch, self.clock()
        where = log if self.bar is None else file_log
        where.info("epoch %d/%d  %s%s", self.epoch, self.epochs, self._state(), self._eta())

    def _state(self) -> str:
        """Return loss and best value, as `train/loss 0.0123  val/loss 0.02  best 0.018 (epoch 7)`."""
        losses = [f"{name} {self.metrics[name]:.4g}" for name in ("train/loss", "val/loss") if name in self.metrics]
        if self.best_value is not None and self.best_value.best_epoch:
            losses.append(f"best {self.best_value.value:.4g} (epoch {self.best_value.best_epoch})")
        return "  ".join(losses)

    def _eta(self) -> str:
        left = (self.clock() - self.begin) / self.epoch * (self.epochs - self.epoch)
        minutes, seconds = divmod(round(left), 60)
        return f"  {minutes // 60}:{minutes % 60:02}:{seconds:02} left" if self.epoch < self.epochs else ""


def _bar(stream: TextIO | None) -> Any:
    """Return a rich progress bar for `stream`, or None if it is closed, no terminal, or a dumb one."""
    try:
        if stream is None or not stream.isatty():
            return None
    except ValueError:
        return None
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar
    from rich.table import Column

    console = Console(file=stream)
    if console.is_dumb_terminal or not console.is_terminal:
        return None
    wide = (BarColumn(20), TimeRemainingColumn()) if console.width >= WIDE else ()
    state = TextColumn("{task.fields[state]}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"))
    columns = (*wide, MofNCompleteColumn(), state)
    return Bar(*columns, console=console, refresh_per_second=4, transient=True, expand=True)
