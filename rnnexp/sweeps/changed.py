"""What the jobs of a sweep are trained on, files of data and of plugins: told apart from what earlier jobs had."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rnnexp.data.fingerprint import hash_data
from rnnexp.data.source import REPEATS
from rnnexp.errors import DataError, count
from rnnexp.runner.warm_start import hash_start
from rnnexp.runtime.digests import Inputs, find_changes, hash_plugins
from rnnexp.sweeps.jobs import Job
from rnnexp.sweeps.preflight import backend_of
from rnnexp.sweeps.state import State

MAX_LISTED = 10
BACKEND = "KERAS_BACKEND"


def hash_inputs(jobs: Sequence[Job]) -> Inputs:
    """Return the files of the data, of the weights to start from and of the plugins of all jobs, each read once, and
    the backend of those that name none, which the environment decides.
    """
    data: dict[str, Mapping[str, Any]] = {}
    for job in jobs:
        values = {key: value for key, value in job.mapping["data"].items() if key not in REPEATS}
        data.setdefault(json.dumps(values, sort_keys=True, default=str), values)
    starts = dict.fromkeys(
        (job.mapping["model"].get("start"), (job.mapping.get("tracking") or {}).get("uri")) for job in jobs
    )
    weights = {name: files for start in starts for name, files in hash_start(*start).items()}
    plugins = dict.fromkeys(name for job in jobs for name in job.mapping.get("plugins") or [])
    unnamed = {backend_of(job.mapping) for job in jobs if not job.mapping.get("backend")}
    chosen = {BACKEND: {f"backend ({BACKEND})": unnamed.pop()}} if unnamed else {}
    return {**hash_data(data.values()), **weights, **hash_plugins(list(plugins)), **chosen}


def refuse_changes(changes: Sequence[str], state: State, folder: Path) -> None:
    """Raise DataError if finished jobs were trained on other files than there are now."""
    done = sum(job.finished for job in state.jobs.values())
    if not changes or not done:
        return
    more = [f"and {len(changes) - MAX_LISTED} more"] if len(changes) > MAX_LISTED else []
    listed = "\n    ".join([*changes[:MAX_LISTED], *more])
    raise DataError(
        f"the sweep {folder}: {count(done, 'finished job')} had other data or plugins than there are now:\n    {listed}"
        f"\n  restore it to resume, start a new sweep beside it with --new, or mix both with "
        f"--allow-data-change, which its table will say"
    )


def record_inputs(inputs: Inputs, state: State) -> dict[str, Any] | None:
    """Return what is to be remembered of the files; None if nothing about them is new."""
    merged = {**state.inputs, **inputs}
    if merged == state.inputs:
        return None
    changes = find_changes(state.inputs, inputs)
    mixed = bool(changes) and any(job.finished for job in state.jobs.values())
    return {"event": "inputs", "files": merged, "version": state.version + mixed, "changes": changes if mixed else []}


def describe_changes(state: State) -> Iterator[str]:
    """Say of which files the finished jobs have seen several versions."""
    finished = [job for job in state.jobs.values() if job.finished]
    for version, changes in state.changes.items():
        before = sum(job.version < version for job in finished)
        if 0 < before < len(finished):
            yield f"{count(before, 'job')} of {len(finished)} had other data or plugins: {'; '.join(changes)}"
