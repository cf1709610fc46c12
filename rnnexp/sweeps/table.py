"""The table of a sweep's jobs: the same for the same sweep, whatever executor has run it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rnnexp.cells import comma_separated
from rnnexp.redact import redact, redact_value
from rnnexp.sweeps.state import JobState
from rnnexp.task import scores, skills

_TRAINED = ("best/epoch", "best/val/loss", "best/train/loss")


def head(jobs: Iterable[JobState], objective: str) -> list[str]:
    """Return the columns: what varies, the objective, scores that some job has, where to look."""
    jobs = list(jobs)
    varied = list(dict.fromkeys(key for job in jobs for key in job.values))
    names = (*_TRAINED, *scores(), *skills())
    shown = [name for name in names if name != objective and any(name in job.metrics for job in jobs)]
    reused = ["reused"] if any(job.reused for job in jobs) else []
    mixed = ["data_version"] if len({job.version for job in jobs if job.finished}) > 1 else []
    ends = ["seconds", "config_hash", "run_id", "error", *mixed, *reused]
    return ["job", "trial", *varied, "status", objective, *shown, *ends]


def rows(jobs: Iterable[JobState], objective: str) -> list[list[Any]]:
    """Return a row per job in the order of `head`; what is unknown is empty."""
    jobs = sorted(jobs, key=lambda job: job.number)
    columns = head(jobs, objective)
    return [[_cell(job, column, objective) for column in columns] for job in jobs]


def _cell(job: JobState, column: str, objective: str) -> Any:
    fixed = {
        "job": job.number,
        "trial": job.trial,
        "status": job.status or "waiting",
        objective: job.value,
        "seconds": job.seconds,
        "config_hash": job.digest,
        "run_id": job.run_id,
        "error": redact(job.error or ""),
        "reused": job.reused,
        "data_version": job.version + 1 if job.finished else "",
    }
    if column in fixed:
        return "" if fixed[column] is None else fixed[column]
    if column in job.values:
        return redact_value(column, job.values[column])
    return job.metrics.get(column, "")


def csv_text(jobs: Sequence[JobState], objective: str) -> str:
    """Write the table as CSV; a text that a spreadsheet would take for a formula is quoted."""
    return comma_separated([head(jobs, objective), *rows(jobs, objective)]) + "\n"
