"""The whole configurations of runs, for what varies is not always among the parameters that a run has logged.

Runs say in a tag how many parameters they have logged, which are all of them. Those of version 0.1.0 have logged
the first 60: the rest is read from what was stored beside them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnexp import strict
from rnnexp.config.renamed import current_values
from rnnexp.config.text import is_unset, leaves, text, typed
from rnnexp.errors import RnnexpError, TrackingError, count
from rnnexp.tracking import names
from rnnexp.tracking.query import TrackedRun, Wanted, artifact, run_folder, select

if TYPE_CHECKING:
    from rnnexp.sweeps.state import JobState

CONFIG = "config/config.yaml"
FIRST = 60


@dataclass(frozen=True)
class Completed:
    """Runs with all their parameters, in the same order; of those in `unknown` only the logged ones are known."""

    runs: Sequence[TrackedRun]
    unknown: Sequence[TrackedRun] = ()

    def notes(self) -> list[str]:
        if not self.unknown:
            return []
        return [
            f"of {count(len(self.unknown), 'run')} only the first {FIRST} parameters are known, for their {CONFIG} and "
            "the journal of their sweep are gone: settings that differ in others are taken for one"
        ]


def has_all(run: TrackedRun) -> bool:
    """Say whether a run has logged all its parameters; one without the tag may have lost those after the 60th."""
    told = run.tags.get(names.PARAMS)
    return len(run.params) != FIRST if told is None else told == str(len(run.params))


def completed(uri: str | None, runs: Sequence[TrackedRun], sweep: Path | None = None) -> Completed:
    """Give every run all its parameters; `sweep` is the folder of the sweep that they belong to.

    What is unset is left out of all of them where one has not logged it.
    """
    known = cache(journal)
    stored = {run.run_id: _stored(uri, run, sweep, known) for run in runs if not has_all(run)}
    whole = [replace(run, params=stored.get(run.run_id) or run.params) for run in runs]
    unknown = [run for run in runs if run.run_id in stored and stored[run.run_id] is None]
    if len(stored) - len(unknown) < len(runs) and not all(names.PARAMS in run.tags for run in runs):
        set_ones = ({key: value for key, value in run.params.items() if not is_unset(typed(value))} for run in whole)
        whole = [replace(run, params=params) for run, params in zip(whole, set_ones)]
    return Completed(whole, unknown)


def _stored(
    uri: str | None, run: TrackedRun, sweep: Path | None, journal: Callable[[Path], Mapping[int, JobState]]
) -> Mapping[str, str] | None:
    """Return the parameters of the stored configuration, or the logged ones with what the journal says; else None."""
    if values := configuration(uri, run, sweep):
        return names.params({key: text(value) for key, value in leaves(values) if value is not None})
    folder = _folder(run, sweep)
    job = journal(folder.parents[1]).get(run.job) if folder else None
    ours = job is not None and job.digest == run.tags.get("rnnexp.config_hash")
    return {**job.values, **run.params} if job and ours else None


def configuration(uri: str | None, run: TrackedRun, sweep: Path | None = None) -> Mapping[str, Any] | None:
    """Read a run's whole configuration from its artifacts or its folder; None if neither has it."""
    written = artifact(uri, run, CONFIG)
    if written is None and (folder := _folder(run, sweep)) and (folder / CONFIG).is_file():
        written = (folder / CONFIG).read_text(encoding="utf-8", errors="replace")
    return _mapping(written) if written else None


def _folder(run: TrackedRun, sweep: Path | None) -> Path | None:
    from rnnexp.sweeps.task import job_folder

    return job_folder(sweep, run.job) if sweep and run.job >= 0 else run_folder(run)


def _mapping(written: str) -> Mapping[str, Any] | None:
    try:
        return current_values(strict.parse_yaml(written, CONFIG))
    except RnnexpError:
        return None


def journal(sweep: Path) -> Mapping[int, JobState]:
    """Return the jobs in the journal of a sweep; none where there is no journal, or a damaged one."""
    from rnnexp.sweeps.state import JOURNAL, Journal

    try:
        return Journal(sweep / JOURNAL).state.jobs
    except (TrackingError, OSError):
        return {}


def unseen(uri: str | None, expression: str) -> Iterator[str]:
    """Say how many runs a filter (MLflow's language) over parameters may miss: they have not logged them."""
    asked = set(re.findall(r"params\.[`\"]?([\w./-]+)", expression))
    known = select(uri, Wanted(absent=(names.PARAMS,))) if asked else []
    old = [run for run in known if not has_all(run) and asked - set(run.params)]
    if old:
        yield (
            f"{count(len(old), 'run')} of an earlier version cannot be found by {', '.join(sorted(asked))}: "
            f"only the first {FIRST} parameters were logged"
        )
