"""What a sweep has come to, as its journal tells it: also of one that was interrupted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnexp.config.text import typed
from rnnexp.sweeps.state import JOURNAL, Best, JobState, Journal, State, best_setting
from rnnexp.task import scores, skills

if TYPE_CHECKING:
    from pandas import DataFrame

WAITING = "waiting"


@dataclass(frozen=True, repr=False)
class SweepResult:
    """The jobs of a sweep; `folder` is None after a dry run."""

    folder: Path | None
    state: State

    @property
    def name(self) -> str:
        """The name by which `rnnexp compare` and `rx.runs(sweep=…)` know it."""
        return self.folder.name if self.folder else "dry run"

    @property
    def objective(self) -> str:
        """The metric that jobs are compared by."""
        return str(self.state.facts.get("objective", "value"))

    @property
    def _best(self) -> Best | None:
        return best_setting(self.state, str(self.state.facts.get("direction")))

    @property
    def best_params(self) -> dict[str, Any] | None:
        """The values of the best setting, seeds and folds together; None as long as no setting is done."""
        best = self._best
        return None if best is None else {key: typed(value) for key, value in best.point.items()}

    @property
    def best_value(self) -> float | None:
        """The mean of the objective over the jobs of the best setting."""
        return None if self._best is None else self._best.value

    @property
    def best_run_id(self) -> str | None:
        """The id of the best job of the best setting, for `rx.load`; None where jobs are not tracked."""
        return None if self._best is None else self._best.job.run_id

    def to_frame(self) -> DataFrame:
        """Return a row per job: what varies, how it ended, its objective, its score, skill, seconds and run."""
        import pandas

        jobs = [self.state.jobs[number] for number in sorted(self.state.jobs)]
        return pandas.DataFrame([dict(self._row(job)) for job in jobs], columns=list(self._columns(jobs)))

    def _columns(self, jobs: list[JobState]) -> dict[str, None]:
        """Return the columns of all jobs: of several models one has keys that another has not."""
        return dict.fromkeys(key for job in jobs for key, _ in self._row(job))

    def _row(self, job: JobState) -> Iterator[tuple[str, Any]]:
        yield "job", job.number
        yield from ((key, read_cell(value)) for key, value in job.values.items())
        yield "status", job.status or WAITING
        yield self.objective, job.value
        yield from choose_scores(job.metrics)
        yield from {"seconds": job.seconds, "run_id": job.run_id, "error": job.error}.items()

    def __repr__(self) -> str:
        best = f", best {self.objective} {self.best_value:.5g} with {self.best_params}" if self._best else ""
        return f"SweepResult({self.name}: {len(self.state.jobs)} jobs{best})"

    def _repr_html_(self) -> str:
        return self.to_frame().to_html(index=False, max_rows=20, notebook=True)


def read_result(folder: Path | None) -> SweepResult:
    """Read the journal of a sweep; of a dry run there is none."""
    return SweepResult(folder, Journal(folder / JOURNAL).state if folder else State())


def choose_scores(metrics: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    """Yield the score that heads a run, and its skill, as far as they are there."""
    for names in (scores(), skills()):
        yield from ((name, metrics[name]) for name in [next((name for name in names if name in metrics), None)] if name)


def read_cell(text: str) -> Any:
    """Read a value as it is logged; a list stays a text, by which rows can be grouped."""
    value = typed(text)
    return text if isinstance(value, list | dict) else value
