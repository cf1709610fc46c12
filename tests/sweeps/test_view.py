"""What a sweep shows while it runs."""

from __future__ import annotations

import io
import sys

import pytest

from rnnexp.sweeps.state import JobState, State
from rnnexp.sweeps.view import View


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def watched() -> str:
    """Run two jobs of a sweep past the view and return what was written."""
    waiting = JobState(1, 1, "b", {"seed": "1"})
    view = View(State(jobs={0: JobState(0, 0, "a", {"seed": "0"}), 1: waiting}), 2, "best/val/loss", "minimize")
    view.open()
    view.started(1)
    view.epochs[1] = (3, 10)
    view.tick()
    waiting.status, waiting.value, waiting.seconds = "done", 0.25, 2.0
    view.ended(waiting, "job.log")
    view.close()
    return str(sys.stdout.getvalue())  # type: ignore[attr-defined]


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_shows_a_table_that_is_drawn_anew_and_a_file_one_line_per_job(
    monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal() if terminal else io.StringIO())
    monkeypatch.setenv("TERM", "xterm")
    written = watched()
    line = "job 1  done  seed=1  best/val/loss 0.25  2.0 s"
    assert line in written
    assert ("epoch 3/10" in written) == terminal
    assert ("\x1b[" in written) == terminal
    if not terminal:
        assert len(written.splitlines()) == 1
