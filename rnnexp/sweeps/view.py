"""What a sweep shows while it runs: one live table on a terminal, otherwise a plain line per job."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

from rnnexp.redact import redact_value
from rnnexp.sweeps.state import Best, JobState, State, best_setting

REDRAW_S = 0.25


def values_text(values: Mapping[str, str]) -> str:
    """Return `model=gru optimizer.learning_rate=0.004823`: drawn numbers are not shown to their last digit."""
    return " ".join(f"{key}={_short(redact_value(key, value))}" for key, value in values.items()) or "nothing varies"


def _short(text: str) -> str:
    try:
        return f"{float(text):.4g}" if len(text) > 8 else text
    except ValueError:
        return text


def duration(seconds: float) -> str:
    """Write 75 as `1:15` and 4000 as `1:06:40`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class View:
    """Told of every change; a terminal shows counts, running jobs and the best so far."""

    def __init__(self, state: State, total: int, objective: str, direction: str) -> None:
        self.state, self.jobs = state, state.jobs
        self.total = total
        self.objective, self.direction = objective, direction
        self.running: dict[int, float] = {}
        self.epochs: dict[int, tuple[int, int]] = {}
        self.began = time.monotonic()
        self.before = self._count("finished")
        self._drawn = 0.0
        self._live: Any = None

    def open(self) -> None:
        """Begin to draw, if there is a terminal."""
        self._live = _live()
        if self._live is not None:
            self._live.start()

    def close(self) -> None:
        if self._live is not None:
            self._live.update(self._table(), refresh=True)
            self._live.stop()
            self._live = None

    def started(self, number: int) -> None:
        self.running[number] = time.monotonic()

    def ended(self, job: JobState, log: str) -> None:
        self.running.pop(job.number, None)
        self.epochs.pop(job.number, None)
        self._say(self._line(job, log))

    def note(self, text: str) -> None:
        self._say(text)

    def tick(self) -> None:
        """Redraw, a few times a second."""
        if self._live is not None and time.monotonic() - self._drawn > REDRAW_S:
            self._drawn = time.monotonic()
            self._live.update(self._table(), refresh=True)

    def best(self) -> Best | None:
        return best_setting(self.state, self.direction)

    def best_text(self, best: Best) -> str:
        """Return `best/val/loss 0.0123 with model=gru (mean of 5 jobs)`."""
        mean = f" (mean of {best.jobs} jobs)" if best.jobs > 1 else f" (job {best.job.number})"
        return f"{self.objective} {best.value:.5g} with {values_text(best.point)}{mean}"

    def counts(self) -> str:
        """Return `3 done, 1 running, 8 to go`, leaving out what is zero."""
        words = {
            "done": self._count("done"),
            "pruned": self._count("pruned"),
            "diverged": self._count("diverged"),
            "failed": self._count("failed"),
            "running": len(self.running),
        }
        left = self.total - sum(words.values())
        return ", ".join(f"{count} {word}" for word, count in {**words, "to go": left}.items() if count > 0)

    def eta(self) -> float | None:
        """Return the seconds that are left at the pace so far."""
        ended = sum(self._count(status) for status in ("done", "pruned", "diverged", "failed"))
        new = ended - self.before
        return (time.monotonic() - self.began) / new * (self.total - ended) if new > 0 else None

    def _count(self, status: str) -> int:
        if status == "finished":
            return sum(job.status is not None for job in self.jobs.values())
        return sum(job.status == status for job in self.jobs.values())

    def _line(self, job: JobState, log: str) -> str:
        value = f"{self.objective} {job.value:.5g}" if job.value is not None else ""
        seconds = f"{job.seconds:.1f} s" if job.seconds is not None else ""
        words = [f"job {job.number}", str(job.status), values_text(job.values), value, seconds]
        if job.status == "failed":
            words += [f"{job.error}; log: {log}"]
        left = self.eta()
        words += [f"[{self.counts()}{'; ' + duration(left) + ' left' if left else ''}]"]
        return "  ".join(word for word in words if word)

    def _say(self, text: str) -> None:
        if self._live is not None:
            from rich.text import Text

            self._live.console.print(Text(text))
            self.tick()
        else:
            print(text, flush=True)

    def _table(self) -> Any:
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        left = self.eta()
        table.add_row(
            Text("sweep", style="bold"), Text(f"{self.counts()}{'; ' + duration(left) + ' left' if left else ''}")
        )
        best = self.best()
        if best is not None:
            table.add_row("best", Text(self.best_text(best)))
        for number, since in list(self.running.items())[:16]:
            epoch, epochs = self.epochs.get(number, (0, 0))
            state = f"epoch {epoch}/{epochs}" if epoch else "starting"
            text = f"{state}  {duration(time.monotonic() - since)}  {values_text(self.jobs[number].values)}"
            table.add_row(f"job {number}", Text(text, no_wrap=True, overflow="ellipsis"))
        return table


def _live() -> Any:
    """Return rich's live display, None if standard output is no terminal that can move its cursor."""
    if not sys.stdout.isatty():
        return None
    from rich.console import Console
    from rich.live import Live

    console = Console()
    if console.is_dumb_terminal:
        return None
    return Live(console=console, auto_refresh=False, transient=True)
