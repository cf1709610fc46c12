"""Whether runs that a store takes for running still live: their folders tell, and nothing is written here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from rnnexp.errors import count
from rnnexp.run_folder import EARLIER, find_owner, is_held
from rnnexp.tracking.journal import ENTRIES, RunJournal
from rnnexp.tracking.moved import FOLDER
from rnnexp.tracking.query import TrackedRun
from rnnexp.tracking.run import OUTCOME

SWEEP, KILLED = "rnnexp.sweep", "KILLED"

Life = Literal["alive", "dead", "ended", "unknown"]


@dataclass(frozen=True)
class Liveness:
    """What the folder of a run says of it.

    life: "ended" if it has ended and the store does not know; "unknown" if only another machine can tell
    why:  what it is known by;  journal: None if there is none of this run
    """

    life: Life
    why: str
    folder: Path | None = None
    journal: RunJournal | None = None


def examine(run: TrackedRun) -> Liveness:
    """Find out about a run that the store takes for running."""
    named = run.tags.get(FOLDER)
    if not named:
        return Liveness("unknown", "nothing says where its folder is")
    folder = Path(named)
    sweep = None if run.is_sweep or SWEEP not in run.tags else folder.parent.parent
    try:
        if not folder.is_dir():
            return Liveness("unknown", f"its folder {folder} is not on this machine, or is gone")
        journal = _find_journal(run, folder)
        return examine_folder(journal.folder if journal else folder, journal, sweep)
    except PermissionError:
        return Liveness("unknown", f"its folder {folder} may not be read")


def examine_folder(folder: Path, journal: RunJournal | None, sweep: Path | None = None) -> Liveness:
    """Find out about the run in a folder; a `sweep` that is running looks after its jobs itself."""
    if is_held(folder):
        return Liveness("alive", "a process writes to its folder", folder, journal)
    if sweep and is_held(sweep):
        return Liveness("alive", "its sweep is running", folder, journal)
    if journal and journal.ended:
        return Liveness("ended", f"it has ended as {journal.ended}", folder, journal)
    owner = find_owner(folder.parent if folder.name.startswith(f"{EARLIER}-") else folder)
    if owner is None:
        return Liveness("unknown", "its folder does not say which machine has written to it", folder, journal)
    if not owner.is_here:
        return Liveness("unknown", f"only {owner.host}, which has written to its folder, can tell", folder, journal)
    return Liveness("dead", "no process writes to its folder", folder, journal)


def _find_journal(run: TrackedRun, folder: Path) -> RunJournal | None:
    """Find the journal of a run in its folder, or where a later run or attempt has put it."""
    aside = [*sorted(folder.glob(f"{EARLIER}-*")), *sorted(folder.parent.glob(f"{folder.name}.attempt*"))]
    for place in (folder, *aside):
        if (place / ENTRIES).exists():
            journal = RunJournal(place)
            if run.run_id in (journal.stored.run_id, (journal.begun or {}).get("key")):
                return journal
    return None


def show_dead(runs: Sequence[TrackedRun]) -> list[TrackedRun]:
    """Return runs as they are: those of this machine that were killed as KILLED, whatever the store takes them for."""
    return [_as_killed(run) if run.status == "RUNNING" and examine(run).life == "dead" else run for run in runs]


def _as_killed(run: TrackedRun) -> TrackedRun:
    return replace(run, status=KILLED, tags={**run.tags, OUTCOME: "killed"})


def count_untold(runs: Sequence[TrackedRun]) -> int:
    """Count those of `show_dead` of which the store does not know that they were killed: it has no end of them."""
    return sum(run.status == KILLED and run.ended is None for run in runs)


def tell_untold(number: int) -> Iterator[str]:
    """Say how the store learns of runs that were killed."""
    if number:
        was, it = ("was", "it") if number == 1 else ("were", "them")
        yield f"{count(number, 'run')} {was} killed, and the store shows {it} as running; mark {it} with: rnnexp reap"
