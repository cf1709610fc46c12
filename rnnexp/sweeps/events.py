"""The lines of a sweep's journal."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from rnnexp.redact import redact_value
from rnnexp.sweeps.jobs import Job
from rnnexp.sweeps.state import JobState
from rnnexp.sweeps.task import Outcome


def outcome_of(job: JobState) -> Outcome:
    """Return the outcome of a job for its twin, which would compute the same."""
    return Outcome(job.status or "done", job.value, job.metrics, job.run_id, 0.0)


def trial_event(trial: int, point: Mapping[str, str]) -> dict[str, Any]:
    """A sampler has chosen a point."""
    return {"event": "trial", "trial": trial, "values": dict(point)}


def job_event(job: Job) -> dict[str, Any]:
    """A job is known from now on, by its digest; its values are for people to read."""
    values = {key: redact_value(key, value) for key, value in job.values.items()}
    return {"event": "job", "job": job.number, "trial": job.trial, "digest": job.digest, "values": values}


def begin_event(total: int) -> dict[str, Any]:
    """A coordinator begins with its work; nothing of an earlier one runs any more."""
    return {"event": "begin", "total": total, "time": round(time.time(), 3)}


def start_event(job: Job, attempt: int) -> dict[str, Any]:
    """A job is started, once more if it has been before."""
    epochs = int(job.mapping["trainer"]["epochs"])
    return {"event": "start", "job": job.number, "attempt": attempt, "epochs": epochs, "time": round(time.time(), 3)}


def drop_event(number: int, why: str) -> dict[str, Any]:
    """An attempt has come to nothing; the job is started again, now or by the same command later."""
    return {"event": "lost", "job": number, "why": why, "time": round(time.time(), 3)}


def end_event(number: int, outcome: Outcome) -> dict[str, Any]:
    """A job has come to an end."""
    return {
        "event": "end",
        "job": number,
        "status": outcome.status,
        "value": outcome.value,
        "metrics": dict(outcome.metrics),
        "run_id": outcome.run_id,
        "seconds": round(outcome.seconds, 3),
        "error": outcome.error,
        **({"reused": outcome.reused} if outcome.reused else {}),
        "time": round(time.time(), 3),
    }
