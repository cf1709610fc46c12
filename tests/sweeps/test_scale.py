"""What the coordinator itself costs, measured with jobs that do nothing."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import pytest
from sweeping import UNTRACKED, Quick, computed, run, table

from rnnexp.sweeps.state import JOURNAL
from rnnexp.sweeps.task import Outcome, Task

THOUSAND = (*UNTRACKED, "seed=range(100)", "model.units=range(1,11)")


def memory_mb() -> float:
    """Return the resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


@pytest.mark.fault("B9")
def test_two_hundred_jobs_started_at_once_have_folders_of_their_own(quick: Quick) -> None:
    quick.capacity = 200
    folder = run(*UNTRACKED, "seed=range(200)")
    folders = {task.folder for task in quick.tasks}
    assert len(folders) == 200
    assert {path.parent for path in folders} == {folder / "jobs"}
    assert len({task.mapping["seed"] for task in quick.tasks}) == 200
    assert len(table(folder)) == 200


def test_a_job_finds_its_folder_and_log_when_it_is_started(quick: Quick) -> None:
    there = []

    def answer(task: Task) -> Outcome:
        there.append((task.folder / "job.log").is_file())
        return computed(task)

    quick.answer = answer
    run(*UNTRACKED, "seed=0,1")
    assert there == [True, True]


@pytest.mark.end_to_end
def test_a_thousand_jobs_cost_the_coordinator_little(
    quick: Quick, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(*UNTRACKED, "seed=0,1", name="first")  # imports are not what is measured
    cpu = time.process_time()
    run(*UNTRACKED, "seed=range(100)", name="hundred")
    hundred = time.process_time() - cpu
    quick.tasks.clear()
    usage: list[float] = []

    def answer(task: Task) -> Outcome:
        usage.append(memory_mb())
        return computed(task)

    quick.answer = answer
    began, cpu = time.perf_counter(), time.process_time()
    folder = run(*THOUSAND)
    wall, spent = time.perf_counter() - began, time.process_time() - cpu
    assert len(quick.tasks) == 1000
    quick.tasks.clear()
    cpu = time.process_time()
    run(*THOUSAND)
    again = time.process_time() - cpu
    assert quick.tasks == []
    size = (folder / JOURNAL).stat().st_size
    with capsys.disabled():
        print(
            f"\n1,000 jobs: {wall:.1f} s ({spent:.1f} s CPU), {wall:.2f} ms a job; resumed in {again:.2f} s; "
            f"journal {size / 1e3:.0f} kB; memory +{usage[-1] - usage[100]:.1f} MB from job 100 to 1,000"
        )
    assert spent < 25 * hundred
    assert again < 0.8 * spent  # a third to a half is usual: a thousand jobs are composed
    assert usage[-1] - usage[100] < 20
