"""What has ended is adopted: a job is not run again because nobody has written its end down."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import sweeping
from sweeping import TINY, Quick, events, jobs, run, table, tracked, with_one_changed

from rnnexp.run_folder import hold
from rnnexp.sweeps.adopt import wait_until_free
from rnnexp.sweeps.state import JOURNAL
from rnnexp.sweeps.task import RESULT
from rnnexp.tracking.journal import ENTRIES, RunJournal
from rnnexp.tracking.sync import fill_store, find_journals

OFFLINE = (*TINY, "tracking.mode=offline")
SWEPT = ("seed=0,1", "model.units=2,3")
DOOMED = 2  # the job at which the coordinator is killed

# A sweep whose jobs are tracked and not trained, killed at a moment of one of them.
KILLED = """
import os, signal, sys
sys.path.insert(0, {here!r})
import sweeping
from rnnexp import registry
from rnnexp.sweeps import coordinator, sweep, task

def die(number):
    if number == {doomed}:
        os.kill(os.getpid(), signal.SIGKILL)

class Tracked(sweeping.Quick):
    def submit(self, one):
        outcome = sweeping.tracked(one, (lambda: die(one.number)) if {moment!r} == "before the end" else lambda: None)
        if {moment!r} == "after the end":
            die(one.number)
        task.write_outcome(one.folder, outcome)
        if {moment!r} == "after the result":
            die(one.number)
        self._ended.append(sweeping.Exit(one.number))

write = coordinator.end_event

def torn(number, outcome):
    if {moment!r} == "within the line" and number == {doomed}:
        path = next(coordinator.Path("runs", "sweeps").iterdir()) / "jobs.jsonl"
        with path.open("ab") as file:
            file.write(b'{{"event":"end","jo')
        die(number)
    return write(number, outcome)

coordinator.end_event = torn
for cls in registry.components("executor").values():
    cls.start = lambda *_: Tracked(capacity=1)
sweep.preflight.rehearse = lambda *_: sweeping.FINDINGS
sweeping.run(*{lines!r})
"""


def finished(folder: Path) -> list[str]:
    """Return the jobs, attempts of earlier starts among them, whose run has said that it finished."""
    journals = sorted(folder.glob(f"jobs/*/{ENTRIES}"))
    return [path.parents[1].name for path in journals if RunJournal(path.parents[1]).ended == "FINISHED"]


def killed(place: Path, moment: str) -> Path:
    """Have the sweep killed at a moment and return its folder."""
    here = str(Path(sweeping.__file__).parent)
    code = KILLED.format(here=here, doomed=DOOMED, moment=moment, lines=(*OFFLINE, *SWEPT))
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    (folder,) = (place / "runs" / "sweeps").iterdir()
    return folder


@pytest.mark.fault("H3", "F14")
@pytest.mark.parametrize(
    ("moment", "run_again"),
    [
        ("before the end", [2, 3]),  # a control: this run has not ended
        ("after the end", [3]),
        ("after the result", [3]),
        ("within the line", [3]),
    ],
)
def test_a_coordinator_killed_between_the_end_of_a_job_and_its_line_runs_no_job_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quicken: Any, moment: str, run_again: list[int]
) -> None:
    folder = killed(tmp_path, moment)
    quick = quicken(Quick(tracked))
    assert run(*OFFLINE, *SWEPT) == folder
    assert [task.number for task in quick.tasks] == run_again
    assert finished(folder) == ["0", "1", "2", "3"]
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    uninterrupted = table(run(*OFFLINE, *SWEPT))
    assert table(folder) == uninterrupted
    assert table(folder) != with_one_changed(uninterrupted)


@pytest.mark.fault("H3")
def test_the_store_has_one_finished_child_for_each_job(client: Any, quicken: Any) -> None:
    folder = run_and_forget(quicken)
    quick = quicken(Quick(tracked))
    run(*OFFLINE, *SWEPT)
    assert quick.tasks == []
    assert all(one.complete for one in fill_store(find_journals(str(folder)), None, None))
    children = client.search_runs(["1"], "tags.`rnnexp.job` != ''")
    assert sorted((child.data.tags["rnnexp.job"], child.info.status) for child in children) == [
        (str(number), "FINISHED") for number in range(4)
    ]


def run_and_forget(quicken: Any, *lines: str) -> Path:
    """Run a sweep and lose the line and the result of its last job."""
    quicken(Quick(tracked))
    folder = run(*(lines or OFFLINE), *SWEPT)
    written = (folder / JOURNAL).read_text().splitlines(keepends=True)
    last = events(folder, "end")[-1]["job"]
    kept = [line for line in written if not (f'"job":{last},' in line and '"event":"end"' in line)]
    (folder / JOURNAL).write_text("".join(kept))
    (folder / "jobs" / str(last) / RESULT).unlink()
    return folder


@pytest.mark.fault("H3")
def test_a_job_whose_folder_is_gone_is_adopted_from_the_store(client: Any, quicken: Any) -> None:
    folder = run_and_forget(quicken, *TINY)
    assert jobs(folder)[3].status is None
    shutil.rmtree(folder / "jobs" / "3")
    quick = quicken(Quick(tracked))
    run(*TINY, *SWEPT)
    assert quick.tasks == []
    adopted = jobs(folder)[3]
    assert (adopted.status, adopted.value) == ("done", pytest.approx(adopted.metrics["test/rmse"] * 3))
    assert (adopted.value, adopted.run_id) != (jobs(folder)[2].value, jobs(folder)[2].run_id)


@pytest.mark.fault("H3")
def test_a_finished_run_of_another_sweep_is_not_taken_for_the_lost_job(client: Any, quicken: Any) -> None:
    folder = run_and_forget(quicken, *TINY)
    for one in client.search_runs(["1"], "tags.`rnnexp.job` = '3'"):
        client.set_tag(one.info.run_id, "mlflow.parentRunId", "f" * 32)
    shutil.rmtree(folder / "jobs" / "3")
    quick = quicken(Quick(tracked))
    run(*TINY, *SWEPT)
    assert [task.number for task in quick.tasks] == [3]


@pytest.mark.fault("H3")
def test_a_run_that_is_still_held_is_waited_for(quicken: Any, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run_and_forget(quicken)
    quick = quicken(Quick(tracked))
    with hold(folder / "jobs" / "3"):
        waiting = threading.Thread(target=wait_until_free, args=(folder / "jobs" / "3", lambda: print("waits")))
        waiting.start()
        waiting.join(0.5)
        assert waiting.is_alive()
    waiting.join(60)
    assert not waiting.is_alive()
    assert capsys.readouterr().out.count("waits") == 1
    run(*OFFLINE, *SWEPT)
    assert quick.tasks == []
