"""How long a sweep will take: arithmetic from what its rehearsal has shown on this machine, at this hour.

A job needs more than its epochs: it reads its data and builds its network, which the rehearsal has done too, and then
it is scored, drawn and stored. That work is of one kind, Python's, and takes the longer the slower or busier the
machine is; so it is counted in the time that the rehearsal has taken for its part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rnnexp.sweeps.jobs import Job
from rnnexp.sweeps.preflight import Findings, find_program

# In setups of the rehearsal (about half a second on a free processor), from sweeps of 1 to 64 jobs on two cores.
ENDS = 8.0  # of a sweep: start of its processes; table, importance, report
JOB = 5.0  # of a process with one job
MEMBER = 0.35  # of each job in a group
GROUP_SHARE = 0.6  # of the time of its steps one by one; the smaller the network, the less
MARGIN = 1.6  # either way


@dataclass(frozen=True)
class Work:
    """What one process does at a time: a job, or jobs that are trained as one.

    epochs: of all its jobs together;  relative: parameters of their networks, to those of the one that was tried
    """

    jobs: int
    epochs: float
    relative: float = 1.0


def lay_out(
    jobs: Sequence[Job], to_run: int, pack: Callable[[Sequence[str | None]], list[list[int]]], findings: Findings
) -> list[Work]:
    """Return the work of as many jobs as are `to_run`, all of them or some like these; `pack` finds what go as one."""
    chosen = [jobs[place % len(jobs)] for place in range(to_run)]
    epochs = [float(job.mapping["trainer"]["epochs"]) for job in chosen]
    relative = [findings.compare_size(job.mapping) for job in chosen]
    groups = pack([find_program(job.mapping) for job in chosen])
    return [Work(len(g), sum(epochs[i] for i in g), sum(relative[i] for i in g) / len(g)) for g in groups]


def estimate(work: Sequence[Work], at_once: int, findings: Findings) -> tuple[float, float]:
    """Return between which seconds the work will probably take, `at_once` processes side by side.

    Of a network that is larger than the one that was tried an epoch takes longer, but nobody knows how much: from
    not at all to in proportion.
    """
    if not work:
        return 0.0, 0.0
    low, high = (_schedule([_seconds(one, findings, grows) for one in work], at_once) for grows in (False, True))
    ends = ENDS * findings.setup_s
    low, high = min(low, high) + ends, max(low, high) + ends
    return low / MARGIN, high * MARGIN


def _seconds(work: Work, findings: Findings, grows: bool) -> float:
    steps = findings.epoch_s * work.epochs * (work.relative if grows else 1.0)
    if work.jobs == 1:
        return JOB * findings.setup_s + (findings.first_epoch_s + steps) * findings.trainings
    return (JOB + MEMBER * work.jobs) * findings.setup_s + 2 * findings.first_epoch_s + GROUP_SHARE * steps


def _schedule(seconds: Sequence[float], at_once: int) -> float:
    """Return when the last of some pieces of work ends that are begun in order, each as soon as there is room."""
    busy_until = [0.0] * at_once
    for each in seconds:
        place = busy_until.index(min(busy_until))
        busy_until[place] += each
    return max(busy_until)
