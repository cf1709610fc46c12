"""The folder of a job from attempt to attempt: the next goes on with what is there, or keeps it under another name.

A job goes on if it was ended from outside: its process died, `rnnexp stop` has taken it out, its sweep was ended, there
was no room or memory, files of its data had gone. One that has failed by itself would come to the same end from its
checkpoint, and starts anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from rnnexp.config.parse import parse
from rnnexp.errors import ConfigError, DataError, ResourceError
from rnnexp.run_folder import ERROR
from rnnexp.runner.unfinished import Unfinished, find_own
from rnnexp.stopping import STOP
from rnnexp.sweeps.jobs import Job
from rnnexp.sweeps.task import ATTEMPT, LOG, RESULT, Outcome, free_name, read_outcome
from rnnexp.sweeps.view import View


def find_unfinished(folder: Path, job: Job, view: View, may_mix: bool) -> Unfinished | None:
    """Return what a job goes on with; None if it starts anew.

    Raises DataError or ConfigError if data or code are not what they were, unless the sweep may mix them.
    """
    if not _was_ended_from_outside(read_outcome(folder)):
        return None
    try:
        return find_own(folder, parse(job.mapping))
    except (DataError, ConfigError) as error:
        if not may_mix:
            raise
        view.note(f"job {job.number} starts again from epoch 1: {error}")
        return None


def _was_ended_from_outside(outcome: Outcome | None) -> bool:
    if outcome is None or outcome.status == "stopped" or outcome.lost:
        return True
    return outcome.exit_code == ResourceError.exit_code


def tell_gone_on(view: View, jobs: Mapping[Path, Job], find: Callable[[Job], Unfinished | None]) -> None:
    """Say which jobs, by their folders, do not begin at their first epoch.

    Raises ConfigError if one of them must go on, was begun, and has no usable checkpoint.
    """
    gone_on = [job.number for job in jobs.values() if find(job)]
    lost = [
        f"resume=must: job {job.number} was begun and has no usable checkpoint in {folder}; resume=auto starts it again"
        for folder, job in jobs.items()
        if job.mapping.get("resume") == "must" and job.number not in gone_on
        if folder.exists() and _was_ended_from_outside(read_outcome(folder))
    ]
    if lost:
        raise ConfigError(*lost)
    if gone_on:
        listed = ", ".join(map(str, gone_on))
        view.note(f"jobs that resume from their checkpoints: {listed}; resume=never starts them again")


def make_folder(folder: Path, attempt: int, *, goes_on: bool) -> None:
    """Make the folder of an attempt, of the one before if that is to go on."""
    if folder.exists() and not goes_on:
        folder.rename(free_name(folder, attempt - 1))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in (RESULT, STOP):
        (folder / name).unlink(missing_ok=True)
    (folder / ATTEMPT).write_text(str(attempt), encoding="utf-8")
    (folder / LOG).touch()


def make_failure(reason: str, times: int) -> Outcome:
    """Return the outcome of a job whose process has died too often, with what can be done about it."""
    advice = "where memory ran out, set a smaller hydra.launcher.n_jobs, model.units or trainer.batch_size"
    error = f"{reason}{f', {times} times' if times > 1 else ''}; {advice}"
    return Outcome("failed", error=error, exit_code=ResourceError.exit_code)


def write_end(folder: Path, why: str) -> None:
    """Write down why an attempt was made to end, which may not have been able to say so itself."""
    if not (folder / ERROR).exists():
        (folder / ERROR).write_text(f"{why}\n", encoding="utf-8")
    with (folder / LOG).open("a", encoding="utf-8") as file:
        file.write(f"{why}\n")
