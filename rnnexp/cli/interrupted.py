"""A command that trains, and what it says when it was asked to end: where it stands, and how to go on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from rnnexp.runtime.interrupts import heed_signals, run_last
from rnnexp.stopping import make_resuming

if TYPE_CHECKING:
    from rnnexp.training.keeper import TrainingStopped


def run_heeding(answer: Callable[[], int]) -> int:
    """Run a command, which may be asked to end from its first import on, and return its exit code."""
    with heed_signals() as signals:
        try:
            with run_last(_tell_how_to_go_on):
                return answer()
        except KeyboardInterrupt as stop:
            print(f"\nrnnexp: {_tell(stop)}", file=sys.stderr)
            _tell_how_to_go_on()
            return signals.code


def _tell(stop: KeyboardInterrupt) -> str:
    if "rnnexp.training.keeper" in sys.modules:
        from rnnexp.training.keeper import TrainingStopped

        if isinstance(stop, TrainingStopped):
            return _tell_place(stop)
    notes = getattr(stop, "__notes__", None) or ["nothing was kept: training had not finished its first step"]
    return f"{stop or 'interrupted'}: {'; '.join(notes)}"


def _tell_place(stop: TrainingStopped) -> str:
    at = stop.snapshot.position
    kept = f"checkpoint {stop.checkpoint}" if stop.checkpoint else "no checkpoint could be written"
    return f"{stop.reason}: ended after epoch {at.epoch}, step {at.step} of the next one; {kept}"


def _tell_how_to_go_on() -> None:
    from rnnexp.cli.train import command_line

    print(f"to resume: {make_resuming(command_line())}", file=sys.stderr)
