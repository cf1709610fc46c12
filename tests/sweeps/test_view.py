"""What a sweep shows while it runs."""

from __future__ import annotations

import io
import sys
import time

import pytest

from rnnexp.sweeps.state import State
from rnnexp.sweeps.view import JobProgress, View


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def watched() -> str:
    """Run two jobs of a sweep past the view and return what was written."""
    state = State()
    for job, digest in enumerate("ab"):
        state.apply({"event": "job", "job": job, "trial": job, "digest": digest, "values": {"seed": str(job)}})
    state.apply({"event": "begin", "total": 2, "time": time.time()})
    view = View(state, "best/val/loss", "minimize")
    view.open()
    state.apply({"event": "start", "job": 1, "attempt": 1, "epochs": 10, "time": time.time()})
    view.progress[1] = JobProgress(3, "val/loss", 0.375)
    view.tick()
    state.apply({"event": "end", "job": 1, "status": "done", "value": 0.25, "seconds": 2.0})
    view.ended(state.jobs[1], "job.log")
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
    assert ("epoch 3/10  val/loss 0.375" in written) == terminal
    assert ("\x1b[" in written) == terminal
    if not terminal:
        assert len(written.splitlines()) == 1


def test_the_time_that_is_left_counts_jobs_that_run_from_a_fifth_of_their_epochs_on() -> None:
    state = State()
    for job, digest in enumerate("abcd"):
        state.apply({"event": "job", "job": job, "trial": job, "digest": digest, "values": {}})
    state.apply({"event": "begin", "total": 4, "time": time.time() - 100})
    view = View(state, "best/val/loss", "minimize")
    for job in (0, 1):
        state.apply({"event": "start", "job": job, "attempt": 1, "epochs": 10, "time": time.time()})
    assert view.eta() is None
    view.progress[0] = JobProgress(2, "val/loss", 0.375)
    assert view.eta() is None
    view.progress[0] = JobProgress(5, "val/loss", 0.375)
    assert view.eta() == pytest.approx(100 / 0.5 * 3.5, rel=0.05)
    state.apply({"event": "end", "job": 0, "status": "done", "value": 0.25, "seconds": 2.0})
    assert view.eta() == pytest.approx(100 * 3, rel=0.05)
    view.progress[1] = JobProgress(10, "val/loss", 0.375)
    assert view.eta() == pytest.approx(100 / 2 * 2, rel=0.05)
