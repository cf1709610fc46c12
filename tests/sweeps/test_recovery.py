"""A sweep cannot be lost: killed at any moment, the same command ends with the same table."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import sweeping
from sweeping import (
    UNTRACKED,
    Quick,
    computed,
    events,
    jobs,
    processes_in,
    run,
    start,
    table,
    wait_for,
    with_one_changed,
    workshop,
)

from rnnexp.errors import BusyError
from rnnexp.run_folder import hold
from rnnexp.sweeps.state import JOURNAL, Journal
from rnnexp.sweeps.task import Outcome, Task

SPACE = ("seed=range(12)", "model.units=2,3")
LOCAL = (
    "hydra/launcher=local",
    "hydra.launcher.n_jobs=2",
    "hydra.launcher.threads=1",
    "hydra.launcher.vectorize=false",
)
SLOW = ("callbacks.trouble.seconds=0.15", "trainer.epochs=5")

# Runs a sweep on an executor that needs 20 ms a job, three at a time, until somebody kills it.
SLOWLY = """
import sys, time
from pathlib import Path
sys.path.insert(0, {here!r})
import sweeping
from rnnexp.sweeps import sweep

class Slow(sweeping.Quick):
    def wait(self, seconds):
        time.sleep(0.02)
        ended, self._ended = self._ended[:1], self._ended[1:]
        return ended

sweep.preflight.rehearse = lambda *_: sweeping.FINDINGS
sweep.executor = lambda *_: Slow(capacity=3)
Path("ready").touch()
sweeping.run(*{lines!r})
"""


def folder_of(place: Path) -> Path:
    (found,) = (place / "runs" / "sweeps").iterdir()
    return found


def finished(place: Path) -> list[int]:
    """Return the jobs of the only sweep that have left a result."""
    return sorted(int(path.parent.name) for path in place.glob("runs/sweeps/*/jobs/[0-9]/result.json"))


def killed_while_running(place: Path, moment: float) -> None:
    """Run a sweep in a process and kill it so many seconds after its first job has started."""
    code = SLOWLY.format(here=str(Path(sweeping.__file__).parent), lines=(*UNTRACKED, *SPACE))
    process = sweeping.subprocess.Popen([sys.executable, "-c", code], stdout=sweeping.subprocess.DEVNULL)
    wait_for(lambda: list(place.glob("runs/sweeps/*/jobs/0/attempt")) or process.poll() is not None)
    time.sleep(moment)
    process.kill()
    process.wait()


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.end_to_end) for seed in range(1, 6))])
@pytest.mark.fault("H3")
def test_a_coordinator_killed_at_random_moments_leaves_a_sweep_that_ends_as_if_uninterrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: Quick, seed: int
) -> None:
    moment = random.Random(seed).uniform(0, 0.7)
    killed_while_running(tmp_path, moment)
    folder = folder_of(tmp_path)
    before = {number for number, job in jobs(folder).items() if job.finished}
    assert run(*UNTRACKED, *SPACE) == folder
    assert not before & {task.number for task in quick.tasks}
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    uninterrupted = table(run(*UNTRACKED, *SPACE))
    assert table(folder) == uninterrupted
    assert table(folder) != with_one_changed(uninterrupted)


@pytest.mark.parametrize("lost", range(1, 7))
@pytest.mark.fault("H3")
def test_a_journal_that_lost_its_last_lines_costs_at_most_the_jobs_that_were_running(quick: Quick, lost: int) -> None:
    folder = run(*UNTRACKED, "seed=range(6)")
    whole = table(folder)
    lines = (folder / JOURNAL).read_bytes().splitlines(keepends=True)
    (folder / JOURNAL).write_bytes(b"".join(lines[:-lost]) + lines[-lost][: len(lines[-lost]) // 2])
    (folder / "tables" / "trials.csv").unlink()
    quick.tasks.clear()
    run(*UNTRACKED, "seed=range(6)")
    assert table(folder) == whole
    assert not quick.tasks  # every result.json is adopted


@pytest.mark.fault("H3")
def test_a_sweep_killed_after_its_last_job_still_gets_its_table(quick: Quick) -> None:
    folder = run(*UNTRACKED, "seed=0,1")
    whole = table(folder)
    (folder / "tables" / "trials.csv").unlink()  # as if killed before it was written
    run(*UNTRACKED, "seed=0,1")
    assert table(folder) == whole


@pytest.mark.fault("H7")
def test_a_finished_sweep_starts_nothing(quick: Quick, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run(*UNTRACKED, "seed=0,1")
    before = (folder / JOURNAL).read_bytes()
    quick.tasks.clear()
    capsys.readouterr()
    assert run(*UNTRACKED, "seed=0,1") == folder
    assert quick.tasks == []
    assert (folder / JOURNAL).read_bytes() == before
    assert "2 jobs, 2 done, 0 to run" in capsys.readouterr().out


@pytest.mark.fault("B8")
def test_a_second_coordinator_is_refused(quicken: Any) -> None:
    refused: list[str] = []

    def answer(task: Task) -> Outcome:
        with pytest.raises(BusyError, match="another process writes to it: process .*; wait for it, stop it"):
            run(*UNTRACKED, "seed=0,1")
        refused.append("again")
        return computed(task)

    quicken(Quick(answer))
    run(*UNTRACKED, "seed=0,1")
    assert refused == ["again", "again"]


def test_the_keys_in_another_order_go_on_with_what_is_missing(quicken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(task: Task) -> Outcome:
        if task.number == 2:
            raise KeyboardInterrupt("after two jobs")
        return computed(task)

    quicken(Quick(answer, capacity=1))
    with pytest.raises(KeyboardInterrupt, match="after two jobs"):
        run(*UNTRACKED, "seed=0,1", "model.units=2,3")
    quicken(Quick())
    folder = run(*UNTRACKED, "model.units=2,3", "seed=0,1")
    points = {(row["seed"], row["model.units"]) for row in table(folder)}
    assert points == {("0", "2"), ("0", "3"), ("1", "2"), ("1", "3")}
    values = {row["config_hash"]: row["best/val/loss"] for row in table(folder)}
    (Path.cwd() / "other").mkdir()
    monkeypatch.chdir("other")
    assert values == {
        row["config_hash"]: row["best/val/loss"] for row in table(run(*UNTRACKED, *SPACE[1:], "seed=0,1"))
    }


class Heard(io.StringIO):
    """Output that tells when some words have come."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words, self.came = words, threading.Event()

    def write(self, text: str) -> int:
        written = super().write(text)
        if self.words in self.getvalue():
            self.came.set()
        return written


@pytest.mark.fault("H3")
def test_a_live_worker_of_an_earlier_start_is_waited_for(quick: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = run(*UNTRACKED, "seed=0,1")
    lines = (folder / JOURNAL).read_text().splitlines(keepends=True)
    kept = [line for line in lines if not (json.loads(line)["event"] == "end" and json.loads(line)["job"] == 1)]
    (folder / JOURNAL).write_text("".join(kept))
    result = folder / "jobs" / "1" / "result.json"
    outcome = result.read_text()
    result.unlink()
    heard = Heard("job 1 still runs in a process of an earlier start: waiting for it to end")

    def end() -> None:
        with hold(folder / "jobs" / "1"):
            held.set()
            assert heard.came.wait(60)
            result.write_text(outcome)

    held, worker = threading.Event(), threading.Thread(target=end)
    worker.start()
    assert held.wait(60)
    quick.tasks.clear()
    monkeypatch.setattr(sys, "stdout", heard)
    run(*UNTRACKED, "seed=0,1")
    worker.join()
    assert quick.tasks == []
    assert heard.came.is_set()


@pytest.mark.fault("H3")
def test_a_job_that_died_with_its_coordinator_is_run_again_and_its_folder_is_kept(quick: Quick) -> None:
    folder = run(*UNTRACKED, "seed=0,1")
    lines = (folder / JOURNAL).read_text().splitlines(keepends=True)
    (folder / JOURNAL).write_text("".join(line for line in lines if '"event":"end"' not in line))
    (folder / "jobs" / "1" / "result.json").unlink()
    quick.tasks.clear()
    run(*UNTRACKED, "seed=0,1")
    assert [(task.number, task.attempt) for task in quick.tasks] == [(1, 2)]
    assert (folder / "jobs" / "1.attempt1" / "attempt").read_text() == "1"
    assert [row["status"] for row in table(folder)] == ["done", "done"]


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """Return the table of the slow sweep, run without interruption."""
    with workshop(tmp_path_factory.mktemp("golden")):
        return table(run(*UNTRACKED, *SLOW, "seed=0,1,2", launcher={"name": "serial"}))


def no_orphans(place: Path) -> bool:
    return not processes_in(place)


def stopped_by_a_signal(place: Path, number: int, moment: float) -> tuple[int, str]:
    """Start the slow sweep, send a signal to its group as a terminal does, and return exit code and output."""
    process = start(*LOCAL, *UNTRACKED, *SLOW, "seed=0,1,2")
    wait_for(lambda: list(place.glob("runs/sweeps/*/jobs/0/metrics.jsonl")))
    time.sleep(moment)
    process.send_signal(number)
    output, _ = process.communicate(timeout=300)
    return process.returncode, output


@pytest.mark.end_to_end
@pytest.mark.parametrize("after_s", [0.2, 0.5, 0.9, 1.4])
@pytest.mark.fault("H3")
def test_kill_9_of_the_coordinator_leaves_no_orphan_and_loses_no_job(
    tmp_path: Path, golden: list[dict[str, str]], after_s: float
) -> None:
    code, _ = stopped_by_a_signal(tmp_path, signal.SIGKILL, after_s)
    assert code == -signal.SIGKILL
    wait_for(lambda: no_orphans(tmp_path))
    before = {number: os.stat(folder_of(tmp_path) / "jobs" / str(number)).st_ino for number in finished(tmp_path)}
    folder = run(*UNTRACKED, *SLOW, "seed=0,1,2", launcher={"name": "serial"})
    assert table(folder) == golden
    assert table(folder) != with_one_changed(golden)
    assert {number: os.stat(folder / "jobs" / str(number)).st_ino for number in before} == before


@pytest.mark.end_to_end
@pytest.mark.parametrize(
    ("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"]
)
@pytest.mark.fault("H5")
def test_an_interruption_stops_the_jobs_and_says_how_to_go_on(tmp_path: Path, number: int, expected: int) -> None:
    code, output = stopped_by_a_signal(tmp_path, number, 0.2)
    assert code == expected
    assert "the same command resumes it" in output
    assert "Traceback" not in output
    assert no_orphans(tmp_path)
    assert len(finished(tmp_path)) < 3
    assert {job.status for job in jobs(folder_of(tmp_path)).values()} <= {"done", None}


@pytest.mark.end_to_end
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
@pytest.mark.fault("H5", "C17")
def test_an_interrupted_sweep_goes_on_and_tells_the_truth_in_mlflow(
    tmp_path: Path, client: Any, golden: list[dict[str, str]], number: int
) -> None:
    tracked = [line for line in UNTRACKED if line != "tracking=off"]
    slow = ("callbacks.trouble.seconds=0.8", "trainer.epochs=5")
    process = start(*LOCAL, *tracked, *slow, "seed=0,1,2")
    wait_for(lambda: len(client.search_runs(["1"])) > 1)  # the sweep's and a job's
    process.send_signal(number)
    process.communicate(timeout=300)
    runs = client.search_runs(["1"])
    told = {(run.data.tags["rnnexp.sweep"], run.data.tags.get("rnnexp.job"), run.info.status) for run in runs}
    assert {status for *_, status in told} <= {"KILLED", "FINISHED"}, told
    assert any(status == "KILLED" for *_, status in told)
    folder = run(*tracked, *slow, "seed=0,1,2")
    values = [{**row, "config_hash": ""} for row in table(folder)]
    assert values == [{**row, "config_hash": ""} for row in golden]
    (parent,) = client.search_runs(["1"], filter_string="tags.`rnnexp.kind` = 'sweep'")
    assert parent.info.status == "FINISHED"
    assert len(client.search_runs(["1"], filter_string="attributes.status = 'FINISHED'")) == 4


def test_a_journal_is_read_to_its_last_whole_line_by_a_second_reader(quick: Quick) -> None:
    folder = run(*UNTRACKED, "seed=0,1")
    assert len(events(folder, "end")) == 2
    assert Journal(folder / JOURNAL).state.jobs[1].finished
