"""What is settled about a sweep before its first job, and then stays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rnnexp.sweeps.definition import Definition, Place
from rnnexp.sweeps.executor import Hardware
from rnnexp.sweeps.jobs import Job, Planner
from rnnexp.sweeps.objective import check_pruner, direction_for, objective_for
from rnnexp.sweeps.preflight import Findings, find_program
from rnnexp.sweeps.settings import Sweep

FEWEST = 4  # of one program; the start of so few processes costs less than it is worth to think about
LONGEST_S = 60.0  # of one job's training: results of a group come all at its end, and are lost together until then


@dataclass(frozen=True)
class Planned:
    """A sweep that has been checked: its jobs (of a sampler: its corners) and where it lives."""

    planner: Planner
    jobs: list[Job]
    duplicates: int
    definition: Definition
    place: Place
    hardware: Hardware


@dataclass(frozen=True)
class Facts:
    """Kept in the journal, so that a resumed sweep need not ask again.

    groups: whether the jobs are better trained as groups than each in a process of its own
    fresh:  whether all jobs are to be trained, whatever runs there are
    """

    objective: str
    direction: Any
    primary: tuple[str, bool]
    groups: bool = False
    fresh: bool = False


def settle(jobs: Sequence[Job], settings: Sweep, findings: Findings) -> Facts:
    """Settle what the rehearsal has shown."""
    mappings = [job.mapping for job in jobs]
    if settings.pruner is not None:
        check_pruner(mappings)
    objective = objective_for(settings.objective, findings.validated, mappings, findings.validation_score)
    groups = settings.is_grid and grouping_helps(jobs, findings)
    return Facts(objective, direction_for(settings.direction, objective), findings.primary, groups, settings.new)


def facts_of(kept: Mapping[str, Any] | None) -> Facts | None:
    """Return what the journal has of an earlier start."""
    if not kept:
        return None
    return Facts(
        kept["objective"],
        kept["direction"],
        tuple(kept["primary"]),
        kept.get("groups", False),
        kept.get("fresh", False),
    )


def grouping_helps(jobs: Sequence[Job], findings: Findings) -> bool:
    """Say so for a sweep whose jobs are known: several short ones share a program, and start-up is what they cost.

    Groups lose nothing in speed (a step of 32 members costs what 32 steps cost), but their results come together.
    """
    if findings.epoch_s * int(jobs[0].mapping["trainer"]["epochs"]) > LONGEST_S:
        return False
    found: Counter[str] = Counter()
    for job in jobs:
        if (shared := find_program(job.mapping)) is not None:
            found[shared] += 1
            if found[shared] >= FEWEST:
                return True
    return False
