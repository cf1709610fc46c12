"""Jobs: a point of the space, with its seed and fold, composed, checked and known by its hash."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from rnnexp.config.flat import flat_params
from rnnexp.config.identity import config_hash, legacy_hash
from rnnexp.config.jobs import Composer
from rnnexp.config.parse import parse
from rnnexp.config.settings import Experiment
from rnnexp.errors import ConfigError
from rnnexp.redact import redact_value
from rnnexp.sweeps.hydra_job import hydra_config
from rnnexp.sweeps.space import Point, Space
from rnnexp.sweeps.state import JobState, State

OF_A_JOB = " (in the job "


@dataclass(frozen=True)
class Job:
    """One run of a sweep.

    number: its place in the sweep;  trial: the point it belongs to, which several seeds and folds may share
    values: what varies, as on the command line, `seed` and `data.fold` of repetitions included
    digest: hash of the resolved configuration: what a job is known by
    legacy: its hash by the rule of older journals, None where nothing older computes the same
    """

    number: int
    trial: int
    values: Mapping[str, str]
    digest: str
    mapping: Mapping[str, Any]
    legacy: str | None = None

    def is_known_as(self, known: JobState | None) -> bool:
        """Tell whether it computes what a journal of any age says of its number; nothing said is no contradiction."""
        return known is None or known.digest in (self.digest, self.legacy)

    def says_more_than(self, known: JobState | None) -> bool:
        """Tell whether a journal does not know it yet, or knows fewer of its values."""
        return known is None or known.values.keys() < self.values.keys()


@dataclass(frozen=True)
class Planner:
    """Turns points into jobs; `around` says whether Hydra has something to do around each of them."""

    space: Space
    repeats: int
    folds: int | None
    composer: Composer
    around: bool = False

    def __post_init__(self) -> None:
        self._check_repetition()

    @property
    def jobs_per_trial(self) -> int:
        return self.repeats * (self.folds or 1)

    @property
    def varied(self) -> tuple[str, ...]:
        """The keys that differ between jobs."""
        seeds = ("seed",) if self.repeats > 1 else ()
        folds = ("data.fold",) if self.folds else ()
        return (*self.space.keys, *seeds, *folds)

    def _check_repetition(self) -> None:
        problems = []
        if self.repeats > 1 and "seed" in self.space.keys:
            problems.append("hydra.sweeper.repeats: `seed` is swept already; leave one of them out")
        if self.folds and {"data.fold", "data.folds"} & set(self.space.keys):
            problems.append("hydra.sweeper.folds: `data.fold` is swept already; leave one of them out")
        if problems:
            raise ConfigError(*problems)

    def jobs(self, trial: int, point: Point) -> Iterator[Job]:
        """Yield the jobs of a point, folds fastest; raises ConfigError with what is wrong with its values."""
        first = self._composed(point)
        number = trial * self.jobs_per_trial
        for repeat in range(self.repeats):
            for fold in range(1, (self.folds or 1) + 1):
                more = self._repetition(first[1].seed, repeat, fold)
                mapping, experiment = self._composed({**point, **more}) if more else first
                digests = config_hash(experiment), legacy_hash(experiment)
                yield Job(number, trial, {**point, **more}, digests[0], mapping, digests[1])
                number += 1

    def _repetition(self, seed: int, repeat: int, fold: int) -> dict[str, str]:
        seeds = {"seed": str(seed + repeat)} if self.repeats > 1 else {}
        folds = {"data.fold": str(fold)} if self.folds else {}
        return seeds | folds

    def _composed(self, values: Mapping[str, str]) -> tuple[Mapping[str, Any], Experiment]:
        return self.composer.experiment(self.lines(values), self.space.fixed)

    def lines(self, values: Mapping[str, str]) -> list[str]:
        """Return the overrides of a job beside the fixed ones."""
        return [*self.space.lines(values), *([f"data.folds={self.folds}"] if self.folds else [])]

    def hydra_config(self, job: Job, folder: Path) -> DictConfig | None:
        """Return the composition of a job with Hydra's own node, if that is needed."""
        if not self.around:
            return None
        return hydra_config(self.composer, [*self.space.fixed, *self.lines(job.values)], job.number, folder)


def plan(planner: Planner, points: Sequence[tuple[int, Point]]) -> list[Job]:
    """Compose and check the jobs of many points; mistakes of all of them are reported together, each once."""
    jobs: list[Job] = []
    problems: dict[str, list[Point]] = {}
    for trial, point in points:
        try:
            jobs += planner.jobs(trial, point)
        except ConfigError as error:
            for problem in error.problems:
                problems.setdefault(problem, []).append(point)
    if problems:
        raise ConfigError(*(problem + _where(found, len(points)) for problem, found in problems.items()))
    return jobs


def _where(found: Sequence[Point], of: int) -> str:
    """Name a job that has the mistake, unless all of them have it."""
    if len(found) == of:
        return ""
    shown = " ".join(f"{key}={value}" for key, value in found[0].items())
    return f"{OF_A_JOB}{shown}{f' and {len(found) - 1} more' if len(found) > 1 else ''})"


def without_duplicates(jobs: Sequence[Job]) -> list[Job]:
    """Keep the first of jobs that would compute the same."""
    first: dict[str, Job] = {}
    for job in jobs:
        first.setdefault(job.digest, job)
    return list(first.values())


def number_jobs(jobs: Sequence[Job], state: State) -> list[Job]:
    """Give jobs the numbers and trials by which a journal knows them; a new job gets a number that none has had.

    A job is known by its hash; or by its values, and then its configuration has changed under the same command.
    """
    by_hash = {known.digest: known for known in state.jobs.values()}
    by_values = {_written(known.values): known for known in state.jobs.values()}
    found = [
        by_hash.get(job.digest) or by_hash.get(job.legacy or "") or by_values.get(_written(job.values)) for job in jobs
    ]
    trials = {job.trial: known.trial for job, known in zip(jobs, found) if known}
    free_numbers = _free(state.last_job, [job.number for job in jobs])
    free_trials = _free(max((known.trial for known in state.jobs.values()), default=-1), [job.trial for job in jobs])
    result = []
    for job, known in zip(jobs, found):
        number = known.number if known else free_numbers(job.number)
        if job.trial not in trials:
            trials[job.trial] = free_trials(job.trial)
        result.append(replace(job, number=number, trial=trials[job.trial]))
    return result


def check_unchanged(jobs: Iterable[Job], state: State, folder: Path) -> None:
    """Refuse to go on when files of the configuration, or defaults, have changed under the same command."""
    changed = [str(job.number) for job in jobs if not job.is_known_as(state.jobs.get(job.number))]
    if changed:
        more = ", …" if len(changed) > 5 else ""
        raise ConfigError(
            f"the sweep {folder}: the same command now gives other configurations (jobs "
            f"{', '.join(changed[:5])}{more}), because YAML files, defaults or the environment have changed; put "
            f"them back to resume it, or start a new sweep beside it with --new"
        )


def _written(values: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    """Return values as a journal has them."""
    return frozenset((key, redact_value(key, value)) for key, value in values.items())


def _free(last: int, wanted: Sequence[int]) -> Callable[[int], int]:
    """Return what leaves a number above `last` as it is, and otherwise gives one that nobody wants."""
    others = count(max([last, *wanted]) + 1)
    return lambda number: number if number > last else next(others)


def parameters(job: Job) -> dict[str, Any]:
    """Return the flat parameters of a job."""
    return flat_params(parse(job.mapping))
