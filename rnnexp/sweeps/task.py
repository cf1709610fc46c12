"""What a worker is handed, what it leaves behind, and where."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rnnexp.sweeps.state import Status, write_whole

LOG, RESULT, ATTEMPT = "job.log", "result.json", "attempt"
GROUPS = "groups.json"  # in the folder of a sweep: the jobs that one process has at a time


@dataclass(frozen=True)
class Task:
    """One job to be run somewhere.

    folder:      of this job alone; its log, run files and result go there
    mapping:     the resolved configuration
    environment: variables to be set before a backend starts (a GPU slot)
    deaths:      how often its process has died since the sweep was started
    hydra:       the composition with Hydra's own node, if Hydra has something to do around the job
    """

    number: int
    attempt: int
    folder: Path
    mapping: Mapping[str, Any]
    objective: str
    sweep: str
    parent: str | None = None
    varied: tuple[str, ...] = ()
    command: str = ""
    threads: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    deaths: int = 0
    hydra: Any = None


@dataclass(frozen=True)
class Outcome:
    """How a job ended; `error` is the first line of what went wrong, `exit_code` what a single run returns.

    reused: the run whose results these are, if the job was not run
    lost:   which files of its data were gone when it failed, "" if none was: it has not failed by itself then
    """

    status: Status
    value: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    run_id: str | None = None
    seconds: float = 0.0
    error: str | None = None
    exit_code: int = 0
    reused: str | None = None
    lost: str = ""


def write_outcome(folder: Path, outcome: Outcome) -> None:
    """Leave the outcome where the coordinator, or a later one, finds it whole or not at all."""
    write_whole(folder / RESULT, json.dumps(asdict(outcome)) + "\n")


def read_outcome(folder: Path) -> Outcome | None:
    """Return the outcome of a job, None if it has not come to an end."""
    try:
        return Outcome(**json.loads((folder / RESULT).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def read_groups(sweep: Path) -> list[list[int]]:
    """Return which jobs are trained by one process, as far as that has been decided."""
    try:
        return [list(map(int, group)) for group in json.loads((sweep / GROUPS).read_text(encoding="utf-8"))]
    except FileNotFoundError:
        return []


def job_folder(sweep: Path, number: int) -> Path:
    """Return the folder of a job's latest attempt."""
    return sweep / "jobs" / str(number)


def free_name(folder: Path, attempt: int) -> Path:
    """Return a name under which an earlier attempt is kept: nothing is deleted."""
    number = max(1, attempt)
    while (name := folder.with_name(f"{folder.name}.attempt{number}")).exists():
        number += 1
    return name


def shown(path: Path) -> Path:
    """Return a path as short as it can be from the working directory."""
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path
