"""A run ends as what it was."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rnnexp.config.settings import Tracking
from rnnexp.errors import DataError, DivergedError
from rnnexp.tracking import Run, start


@pytest.mark.parametrize(
    ("error", "status", "outcome"),
    [
        (None, "FINISHED", "ok"),
        (RuntimeError("boom"), "FAILED", "failed"),
        (DataError("bad row"), "FAILED", "failed"),
        (DivergedError("loss is nan"), "FAILED", "diverged"),
        (SystemExit(0), "FAILED", "failed"),
        (SystemExit(3), "FAILED", "failed"),
        (KeyboardInterrupt(), "KILLED", "killed"),
        (MemoryError(), "FAILED", "failed"),
        (GeneratorExit(), "FAILED", "failed"),
    ],
    ids=lambda value: repr(value) if isinstance(value, BaseException) else str(value),
)
@pytest.mark.fault("C17")
def test_the_truth_table(
    settings: Tracking, make_info: Any, client: Any, error: BaseException | None, status: str, outcome: str
) -> None:
    stored, folder = run_that_ends_with(error, settings, make_info, client)
    assert (stored.info.status, stored.data.tags["rnnexp.outcome"]) == (status, outcome)
    assert stored.info.end_time is not None
    assert (folder / "error.txt").exists() == (error is not None)


def run_that_ends_with(
    error: BaseException | None, settings: Tracking, make_info: Any, client: Any
) -> tuple[Any, Path]:
    """Run it, checking that the very same exception comes out."""
    info, caught, run_id = make_info(), None, None
    try:
        with start(settings, info) as run:
            run_id = run.run_id
            if error is not None:
                raise error
    except BaseException as raised:
        caught = raised
    assert caught is error
    return client.get_run(run_id), info.run_dir


@pytest.mark.fault("I6")
def test_the_traceback_is_an_artifact_without_secrets(settings: Tracking, make_info: Any, client: Any) -> None:
    error = RuntimeError("no answer from postgresql://ada:hunter2secret@db/x")
    stored, folder = run_that_ends_with(error, settings, make_info, client)
    assert "error.txt" in {item.path for item in client.list_artifacts(stored.info.run_id)}
    text = (folder / "error.txt").read_text()
    assert text.startswith("Traceback (most recent call last):")
    assert "RuntimeError: no answer from postgresql://***@db/x" in text
    assert "hunter2secret" not in text


def test_metrics_logged_before_a_failure_are_kept(settings: Tracking, make_info: Any, client: Any) -> None:
    def log(run: Any) -> None:
        run.log_epochs(1, [{"train/loss": 0.5}], 5.0, 6.0)

    stored = run_that_fails_after(log, settings, make_info, client)
    assert stored.data.metrics == {"train/loss": 0.5}


def test_a_run_may_finish_with_another_outcome(settings: Tracking, make_info: Any, client: Any) -> None:
    with start(settings, make_info()) as run:
        run.outcome("diverged")
    stored = client.get_run(run.run_id)
    assert (stored.info.status, stored.data.tags["rnnexp.outcome"]) == ("FINISHED", "diverged")


def test_a_failure_overrules_the_outcome_said_before(settings: Tracking, make_info: Any, client: Any) -> None:
    stored = run_that_fails_after(lambda run: run.set_tags({"rnnexp.outcome": "ok"}), settings, make_info, client)
    assert stored.data.tags["rnnexp.outcome"] == "failed"


def run_that_fails_after(action: Callable[[Run], None], settings: Tracking, make_info: Any, client: Any) -> Any:
    ids = []

    def fail() -> None:
        with start(settings, make_info()) as run:
            ids.append(run.run_id)
            action(run)
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        fail()
    return client.get_run(ids[0])


@pytest.mark.fault("A14")
@pytest.mark.parametrize("jump", [0.0, -3600.0, 3600.0, 2**31], ids=["none", "back", "forth", "2038"])
def test_a_clock_that_is_set_during_a_run_moves_none_of_its_times(
    settings: Tracking, make_info: Any, client: Any, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    real, moved = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + moved[0])
    before = real()
    with start(settings, make_info()) as run:
        run.log_epochs(1, [{"train/loss": 0.5}], time.time(), time.time())
        began, moved[0] = time.time(), jump
        run.log_epochs(2, [{"train/loss": 0.25}] * 2, began, time.time())
        run.log_epochs(4, [{"train/loss": 0.125}], time.time(), time.time())
        run.log_summary({"test/rmse": 1.0})
    info = client.get_run(run.run_id).info
    points = client.get_metric_history(run.run_id, "train/loss")
    (score,) = client.get_metric_history(run.run_id, "test/rmse")
    by_step = [point.timestamp for point in sorted(points, key=lambda point: point.step)]
    times = [info.start_time, *by_step, score.timestamp, info.end_time]
    assert times == sorted(times)
    assert before * 1000 - 1 <= times[0] <= times[-1] <= real() * 1000 + 1


@pytest.mark.end_to_end
@pytest.mark.fault("A10", "C17")
def test_leaving_the_process_in_the_middle_is_no_success(
    settings: Tracking, make_info: Any, client: Any, tmp_path: Path
) -> None:
    script = """
import sys
import time
from pathlib import Path
from rnnexp.config.settings import Tracking
from rnnexp.tracking import RunInfo, start
info = RunInfo("exits", "run", {}, {}, "", "", "test/rmse", False, Path("runs"))
with start(Tracking(uri=sys.argv[1]), info) as run:
    print(run.run_id)
    sys.exit(0)
"""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", script, str(settings.uri)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stderr == ""
    assert client.get_run(done.stdout.strip()).info.status == "FAILED"
