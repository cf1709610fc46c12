"""What a sweep shows while it runs."""

from __future__ import annotations

import io
import json
import sys
import time
from pathlib import Path

import pytest

from rnnexp.sweeps.state import State
from rnnexp.sweeps.view import JobProgress, View
from rnnexp.sweeps.watch import Curve


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


def a_group(*, epoch: int) -> View:
    """Return what shows three jobs of a group and one by itself, all of ten epochs, begun ten seconds ago."""
    state = State()
    for job, digest in enumerate("abcd"):
        state.apply({"event": "job", "job": job, "trial": job, "digest": digest, "values": {"seed": str(job)}})
    state.apply({"event": "begin", "total": 4, "time": time.time() - 10})
    for job in range(4):
        state.apply({"event": "start", "job": job, "attempt": 1, "epochs": 10, "time": time.time() - 10})
    view = View(state, "best/val/loss", "minimize")
    view.groups = [[0, 2, 3], [1]]
    for job, value in ((0, 0.5), (2, 0.25), (3, 0.75)):
        view.progress[job] = JobProgress(epoch, "val/loss", value) if epoch else JobProgress()
    view.progress[3] = JobProgress(min(epoch, 1), "val/loss", 0.75)  # it has stopped early
    return view


def test_a_group_is_one_line_with_its_epoch_its_best_value_and_the_time_that_is_left() -> None:
    lines = dict(a_group(epoch=5).lines())
    assert lines["3 jobs"] == "as one:  epoch 5/10  best val/loss 0.25  0:10  0:10 left"
    assert lines["job 1"].startswith("starting")
    assert set(lines) == {"sweep", "3 jobs", "job 1"}


def test_a_group_that_has_begun_or_is_trained_says_so() -> None:
    assert dict(a_group(epoch=0).lines())["3 jobs"].startswith("as one:  starting")
    assert dict(a_group(epoch=1).lines())["3 jobs"].startswith("as one:  epoch 1/10  best")
    trained = dict(a_group(epoch=10).lines())["3 jobs"]
    assert "epoch 10/10  trained, being scored and stored" in trained
    assert "left" not in trained


def test_members_that_have_ended_are_no_longer_of_the_line() -> None:
    view = a_group(epoch=5)
    view.state.apply({"event": "end", "job": 2, "status": "done", "value": 0.25, "seconds": 2.0})
    assert dict(view.lines())["2 jobs"].startswith("as one:  epoch 5/10  best val/loss 0.5")


def test_a_file_is_told_now_and_then_how_far_a_group_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [1000.0]
    monkeypatch.setattr("rnnexp.sweeps.view.time.monotonic", lambda: now[0])
    view = a_group(epoch=5)
    told = []
    for now[0] in range(1000, 1101):
        view.tick()
        told += [now[0] - 1000] if capsys.readouterr().out.startswith("3 jobs  as one:  epoch 5/10") else []
    assert told == [5, 14, 31, 64]


def test_a_file_is_told_nothing_of_jobs_by_themselves(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    view = a_group(epoch=5)
    monkeypatch.setattr("rnnexp.sweeps.view.time.monotonic", lambda: 1e9)
    view.tick([])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("last_only", [True, False])
def test_a_look_at_a_job_tells_its_last_epoch_also_where_the_others_are_not_read(
    tmp_path: Path, last_only: bool
) -> None:
    rows = [{"step": n, "metrics": {"val/loss": 1 / n} if n < 4 else {"train/loss": 0.1}} for n in range(1, 5)]
    lines = [json.dumps(row) for row in (*rows, {"step": 0, "metrics": {"test/rmse": 0.5}})]
    curve = Curve(tmp_path, "val/loss")
    assert curve.new(last_only=last_only) == []
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines) + '\n{"step": 5, "met')
    assert curve.new(last_only=last_only) == [(n, 1 / n) for n in ((3,) if last_only else (1, 2, 3))]
    assert curve.progress() == JobProgress(4, "val/loss", 1 / 3)
    assert curve.new(last_only=last_only) == []
