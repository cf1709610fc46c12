"""How far a training is: a bar on a terminal, otherwise one plain line per ten seconds, or per so many epochs."""

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
AT_ONCE = 0.2  # seconds within which the epochs of a first call are told: it has compiled, too, and says no pace
DRAW_EVERY = 0.1  # seconds between two changes of the bar: a thousand short epochs must not pay for it
WIDE = 60  # columns; a narrower terminal gets numbers only


class Progress:
    """A context manager to be told of each epoch; what cannot be shown is never worth an exception.

    The bar goes to `stream` (default: standard error) if that is a terminal that can move its cursor; plain
    lines go to the log, beside a bar to the run's log file alone. With `print_every` a line is printed for each
    so manyth epoch, above a bar too. `monitor` None watches val/loss, without validation train/loss.
    """

    def __init__(
        self,
        epochs: int,
        *,
        monitor: str | None = None,
        quiet: bool = False,
        print_every: int | None = None,
        stream: TextIO | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.epochs = epochs
        self.monitor = monitor
        self.clock = clock
        self.quiet = quiet
        self.print_every = print_every
        self.first: tuple[float, int] | None = None  # when the first epochs were told, and the last of them
        self.best_value: BestValue | None = None
        self.bar = None if quiet else _bar(stream or sys.stderr)
        self.written_epoch = 0
        self.epoch = 0

    def __enter__(self) -> Progress:
        self.drawn = self.written = self.clock()
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
        self.epoch, self.metrics, now = epoch, metrics, self.clock()
        if self.first is None or now - self.first[0] < AT_ONCE:
            self.first = (self.first[0] if self.first else now, epoch)
        if epoch in (1, self.epochs) or self._is_due(epoch, now):
            self._write()
        if self.bar is not None and (epoch in (1, self.epochs) or self.clock() - self.drawn >= DRAW_EVERY):
            self._draw(self.bar)

    def _is_due(self, epoch: int, now: float) -> bool:
        return epoch % self.print_every == 0 if self.print_every else now - self.written >= LINE_EVERY

    def _draw(self, bar: Any) -> None:
        self.drawn = self.clock()
        with suppress(OSError, ValueError):
            bar.update(self.task, completed=self.epoch, state=self._state())

    def _write(self) -> None:
        self.written_epoch, self.written = self.epoch, self.clock()
        line = f"epoch {self.epoch}/{self.epochs}  {self._state()}{self._eta()}"
        (log if self.bar is None else file_log).info("%s", line)
        if self.bar is not None and self.print_every:
            with suppress(OSError, ValueError):
                self.bar.console.print(line, markup=False, highlight=False)

    def _state(self) -> str:
        """Return loss and best value, as `train/loss 0.0123  val/loss 0.02  best 0.018 (epoch 7)`."""
        losses = [f"{name} {self.metrics[name]:.4g}" for name in ("train/loss", "val/loss") if name in self.metrics]
        if self.best_value is not None and self.best_value.best_epoch:
            losses.append(f"best {self.best_value.value:.4g} (epoch {self.best_value.best_epoch})")
        return "  ".join(losses)

    def _eta(self) -> str:
        """Return the time left, by the pace since the first epochs; nothing as long as that is not known."""
        if self.first is None or self.epoch <= self.first[1]:
            return ""
        left = (self.clock() - self.first[0]) / (self.epoch - self.first[1]) * (self.epochs - self.epoch)
        minutes, seconds = divmod(round(left), 60)
        return f"  {minutes // 60}:{minutes % 60:02}:{seconds:02} left" if self.epoch < self.epochs else ""


def _bar(stream: TextIO | None) -> Any:
    """Return a rich progress bar for `stream`, or None if it is closed, no terminal, a dumb one or a notebook."""
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
    if console.is_dumb_terminal or not console.is_terminal or console.is_jupyter:  # a notebook keeps what a bar leaves
        return None
    wide = (BarColumn(20), TimeRemainingColumn()) if console.width >= WIDE else ()
    state = TextColumn("{task.fields[state]}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"))
    columns = (*wide, MofNCompleteColumn(), state)
    return Bar(*columns, console=console, refresh_per_second=4, transient=True, expand=True)
