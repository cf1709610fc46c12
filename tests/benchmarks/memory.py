"""Memory of a vectorized sweep of 1,000 members: it should not grow from group to group."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic

from .measure import resident

SAMPLE = 0.2  # s
FLAT = 1.10  # the last group against the first


@dataclass(frozen=True)
class Look:
    """What one look at the processes saw, in MB: the coordinator, and each process that trains a group."""

    moment: float
    coordinator: float
    workers: dict[int, float]


@dataclass(frozen=True)
class Group:
    """The highest memory of the process that trained a group, and of the coordinator meanwhile, in MB."""

    worker_mb: float
    coordinator_mb: float


def sweep_words(members: int) -> list[str]:
    tiny = ("trainer.epochs=2", "tracking=off", "hydra/launcher=vectorized", f"seed=range({members})")
    return ["-m", "rnnexp", "train", "-m", "experiment=airline_lstm", *tiny]


def watch_sweep(members: int, folder: Path) -> dict:
    """Run the sweep and return its groups in the order in which they began, and whether memory is flat."""
    folder.mkdir(parents=True)
    began = monotonic()
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *sweep_words(members)], cwd=folder, stdout=output, stderr=output, start_new_session=True
        )
        looks = []
        while process.poll() is None:
            looks.append(look(process.pid, monotonic() - began))
            _pause(process)
    if process.returncode:
        return {"members": members, "error": f"exit code {process.returncode}, see {folder}/output.txt"}
    (written,) = folder.glob("runs/sweeps/*/groups.json")
    groups = by_group(looks, len(json.loads(written.read_text())))
    shutil.rmtree(folder)
    seconds = monotonic() - began
    return {"members": members, "seconds": seconds, "groups": [asdict(group) for group in groups], "error": ""}


def _pause(process: subprocess.Popen) -> None:
    try:
        process.wait(SAMPLE)
    except subprocess.TimeoutExpired:
        return


def look(coordinator: int, moment: float) -> Look:
    """Look once: groups are trained by children of the coordinator's children, the fork server's."""
    seen = resident({coordinator})
    memory = {process: mb for process, _, mb in seen}
    children = {process for process, parent, _ in seen if parent == coordinator}
    workers = {process: memory[process] for process, parent, _ in seen if parent in children}
    return Look(moment, memory.get(coordinator, 0.0), workers)


def by_group(looks: Sequence[Look], count: int) -> list[Group]:
    """Sort what was seen by group; the first processes of a sweep try its networks, the last `count` train."""
    order = list(dict.fromkeys(worker for seen in looks for worker in seen.workers))[-count:]
    result = []
    for worker in order:
        during = [seen for seen in looks if worker in seen.workers]
        result.append(Group(max(x.workers[worker] for x in during), max(x.coordinator for x in during)))
    return result


def is_flat(groups: Sequence[dict]) -> bool:
    first, last = groups[0], groups[-1]
    return all(last[key] <= FLAT * first[key] for key in ("worker_mb", "coordinator_mb"))


def sentence(found: dict) -> str:
    """Say what a sweep's memory did, for the README."""
    if found["error"]:
        return f"**Memory: the sweep of {found['members']} failed: {found['error']}**"
    groups = found["groups"]
    if not groups:
        return "**Memory: no group was seen**"
    workers, coordinator = ([round(group[key]) for group in groups] for key in ("worker_mb", "coordinator_mb"))
    verdict = "flat" if is_flat(groups) else "**NOT FLAT** (over 10 % more)"
    return (
        f"Memory of a sweep of {found['members']:,} members in {len(groups)} groups, first to last: a "
        f"group {workers[0]} to {workers[-1]} MB, the coordinator {coordinator[0]} to {coordinator[-1]} MB: {verdict}."
    )
