"""What a sweep shows while it runs: one live table on a terminal, otherwise a plain line per job."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from rnnexp.redact import redact_value
from rnnexp.sweeps.state import Best, JobState, State, best_setting

REDRAW_S = 0.25
MAX_SHOWN = 16  # of the jobs that run
SAY_S = 4.0  # until a file is told how far a group is, then twice as long until the next time
SEEN = 0.2  # of a job's epochs, before which starting and compiling would count for too much


def values_text(values: Mapping[str, str]) -> str:
    """Return `model=gru optimizer.learning_rate=0.004823`: drawn numbers are not shown to their last digit."""
    return " ".join(f"{key}={_short(redact_value(key, value))}" for key, value in values.items()) or "the one setting"


def _short(text: str) -> str:
    try:
        return f"{float(text):.4g}" if len(text) > 8 else text
    except ValueError:
        return text


def _joined(*words: str) -> str:
    return "  ".join(filter(None, words))


def duration(seconds: float) -> str:
    """Write 75 as `1:15` and 4000 as `1:06:40`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@dataclass(frozen=True)
class JobProgress:
    """How far a running job is: the last epoch that it has logged, 0 before the first, and the value watched there."""

    epoch: int = 0
    metric: str = ""
    value: float | None = None


class View:
    """Told of every change; a terminal shows counts, running jobs and the best so far.

    All but the `progress` of the jobs that run is read from the state, so that any process can show it.
    """

    def __init__(self, state: State, objective: str, direction: str) -> None:
        self.state, self.jobs = state, state.jobs
        self.objective, self.direction = objective, direction
        self.progress: dict[int, JobProgress] = {}
        self.groups: Sequence[Sequence[int]] = ()
        self._drawn = 0.0
        self._said, self._patience = time.monotonic(), SAY_S
        self._live: Any = None

    def open(self) -> None:
        """Begin to draw, if there is a terminal."""
        self._live = _live()
        if self._live is not None:
            self._live.start()

    def snapshot(self) -> None:
        """Print how things stand where nothing is drawn."""
        if self._live is None:
            print("\n".join(f"{head:<8} {text}" for head, text in self.lines()), flush=True)

    def close(self) -> None:
        if self._live is not None:
            self._live.update(self._table(), refresh=True)
            self._live.stop()
            self._live = None

    def ended(self, job: JobState, log: str) -> None:
        self.progress.pop(job.number, None)
        self._say(self._line(job, log))

    def note(self, text: str) -> None:
        self._say(text)

    def tick(self, groups: Sequence[Sequence[int]] | None = None) -> None:
        """Redraw, a few times a second; tell a file of groups, whose jobs all end at their end."""
        self.groups = self.groups if groups is None else groups
        if self._live is None and time.monotonic() - self._said > self._patience:
            self._said, self._patience = time.monotonic(), 2 * self._patience
            for numbers in filter(lambda numbers: len(numbers) > 1, self._together()):
                self._say("  ".join(self._line_of(numbers)))
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
            "stopped": self._count("stopped"),
            "running": len(self.state.running),
        }
        left = self.state.total - sum(words.values())
        return ", ".join(f"{count} {word}" for word, count in {**words, "to go": left}.items() if count > 0)

    def eta(self) -> float | None:
        """Return the seconds that are left at the pace so far, of jobs that run from a part of their epochs on."""
        state = self.state
        ended = sum(job.status is not None for job in self.jobs.values())
        done = ended - state.ended_before + sum(filter(lambda share: share > SEEN, self._shares()))
        if state.began is None or done <= 0:
            return None
        left = state.total - state.ended_before - done
        return max(0.0, time.time() - state.began) / done * max(0.0, left)

    def _shares(self) -> Iterator[float]:
        """Yield how much of its epochs each running job has behind it."""
        for number in self.state.running:
            at, epochs = self.progress.get(number), self.jobs[number].epochs
            yield at.epoch / epochs if at and epochs else 0.0

    def summary(self) -> str:
        """Return the counts, and how long the rest will take if that is known."""
        left = self.eta()
        return f"{self.counts()}{'; ' + duration(left) + ' left' if left else ''}"

    def lines(self) -> list[tuple[str, str]]:
        """Return what is to be seen at a glance: counts, the best so far, and each job that runs."""
        best = self.best()
        found = [("sweep", self.summary()), *([("best", self.best_text(best))] if best is not None else [])]
        return [*found, *map(self._line_of, islice(self._together(), MAX_SHOWN))]

    def _together(self) -> Iterator[list[int]]:
        """Yield the jobs that run, those of one group together."""
        left = self.state.running
        for group in self.groups:
            if present := [number for number in group if left.pop(number, None) is not None]:
                yield present
        yield from ([number] for number in left)

    def _line_of(self, numbers: Sequence[int]) -> tuple[str, str]:
        """Say how far a job is, or a group: as far as the one that is furthest, where others may have stopped."""
        jobs = [self.jobs[number] for number in numbers]
        seen = [self.progress.get(number, JobProgress()) for number in numbers]
        at = max(seen, key=lambda one: one.epoch)
        seconds = max(0.0, time.time() - min(job.started or time.time() for job in jobs))
        epochs = max(job.epochs for job in jobs)
        epoch = f"epoch {at.epoch}/{epochs}" if at.epoch else "starting"
        if len(jobs) == 1:
            value = f"{at.metric} {at.value:.5g}" if at.value is not None else ""
            return f"job {numbers[0]}", _joined(epoch, value, duration(seconds), values_text(jobs[0].values))
        choose = min if self.direction == "minimize" else max
        best = choose((one.value for one in seen if one.value is not None), default=None)
        value = f"best {at.metric} {best:.5g}" if best is not None else ""
        share = at.epoch / epochs if epochs else 0.0
        left = f"{duration(seconds / share * (1 - share))} left" if SEEN < share < 1 else ""
        phase = "trained, being scored and stored" if share >= 1 else ""
        return f"{len(jobs)} jobs", _joined("as one:", epoch, phase, value, duration(seconds), left)

    def _count(self, status: str) -> int:
        return sum(job.status == status for job in self.jobs.values())

    def _line(self, job: JobState, log: str) -> str:
        value = f"{self.objective} {job.value:.5g}" if job.value is not None else ""
        seconds = f"{job.seconds:.1f} s" if job.seconds else ""
        words = [f"job {job.number}", str(job.status), values_text(job.values), value, seconds]
        if job.status in ("failed", "stopped"):
            words += [f"{job.error}{f'; log: {log}' if job.status == 'failed' else ''}"]
        return _joined(*words, f"[{self.summary()}]")

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
        for head, text in self.lines():
            table.add_row(
                Text(head, style="bold" if head == "sweep" else ""), Text(text, no_wrap=True, overflow="ellipsis")
            )
        return table


def _live() -> Any:
    """Return rich's live display, None if standard output is no terminal that can move its cursor."""
    if not sys.stdout.isatty():
        return None
    from rich.console import Console
    from rich.live import Live

    console = Console()
    if console.is_dumb_terminal or console.is_jupyter:
        return None
    return Live(console=console, auto_refresh=False, transient=True)
