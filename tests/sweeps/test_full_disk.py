"""A sweep whose disk is full stops with one sentence, and goes on once there is room."""

from __future__ import annotations

import pytest
from small_disk import SmallDisk
from sweeping import UNTRACKED, Quick, computed, jobs, run, table

from rnnexp.errors import ResourceError
from rnnexp.failures import foreseen
from rnnexp.sweeps.task import Outcome, Task

POINTS = (*UNTRACKED, "seed=range(6)")


@pytest.mark.fault("B1", "B2", "H3")
@pytest.mark.parametrize("full_after", [0, 3, 5])
def test_a_sweep_on_a_full_disk_ends_in_one_sentence_and_goes_on_later(
    quick: Quick, small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch, full_after: int
) -> None:
    whole = table(run(*POINTS, name="whole"))
    (small_disk.folder / "toys.py").write_bytes((small_disk.folder.parent / "toys.py").read_bytes())
    monkeypatch.chdir(small_disk.folder)

    def answer(task: Task) -> Outcome:
        if task.number == full_after:
            small_disk.fill()
        return computed(task)

    quick.answer, quick.capacity, quick.tasks = answer, 1, []
    with pytest.raises(OSError, match="No space left|too large") as caught:
        run(*POINTS, name="mine")
    told = foreseen(caught.value)
    assert isinstance(told, ResourceError)
    assert told.exit_code == 6
    assert "runs/sweeps/mine" in str(told)
    small_disk.free()
    quick.answer = computed
    folder = run(*POINTS, name="mine")
    assert {job.status for job in jobs(folder).values()} == {"done"}
    assert table(folder) == whole
    assert [task.number for task in quick.tasks].count(full_after) <= 2
    assert len(quick.tasks) <= 7
