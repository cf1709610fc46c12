"""What a run is told by whoever starts it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rnnexp.stopping import Ending

if TYPE_CHECKING:
    from rnnexp.runner.kept_network import KeptNetwork
    from rnnexp.runner.unfinished import Unfinished


@dataclass(frozen=True)
class Membership:
    """What a sweep tells each of its runs.

    parent: key of the sweep's own run, None without tracking;  number: of the job within the sweep
    varied: dotted keys that differ between the jobs
    threads: CPU threads that the job may use unless its configuration says how many
    kept:    network of the run before, in a process that takes one after the other
    look:    says who wants this run alone to end, None as long as nobody does
    watch:   hears (epoch, metrics) now and then and may answer with a reason to stop, such as "pruned"
    """

    sweep: str
    parent: str | None
    number: int
    varied: tuple[str, ...] = ()
    threads: int | None = None
    watch: Callable[[int, Mapping[str, float]], str | None] | None = None
    look: Callable[[], str | None] = lambda: None
    kept: KeptNetwork | None = None

    def tags(self) -> dict[str, str]:
        return {
            "rnnexp.sweep": self.sweep,
            "rnnexp.job": str(self.number),
            "rnnexp.varied": ",".join(self.varied),
        }


@dataclass(frozen=True)
class RunContext:
    """Where and why a run takes place: its folder, the command as typed, its sweep, the run that it goes on with.

    ending: asked between two steps whether it shall end
    """

    run_dir: Path
    command: str = ""
    member: Membership | None = None
    ending: Ending = field(default_factory=Ending)
    unfinished: Unfinished | None = None
