"""Jobs that share a program are trained as one, and nobody can tell from the table."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sweeping import UNTRACKED, jobs, run, start, table, wait_for

from rnnexp.company import Company
from rnnexp.sweeps.executors.vectorized import GROUPS

NET = ("model=lstm", "model.units=[3]", "data.points=100", "data.seed=0", "trainer.epochs=4")
LIGHT = ("tracking=off", "tracking.figures=false", "tracking.log_model=false")
TWO = {"n_jobs": 2, "threads": 1}
VECTORIZED = {"name": "vectorized", **TWO}
COMMAND = ("hydra/launcher=vectorized", "hydra.launcher.n_jobs=1", "hydra.launcher.threads=1")


def losses(rows: list[dict[str, str]]) -> np.ndarray:
    return np.array([float(row["best/val/loss"]) for row in rows])


def test_short_jobs_that_share_a_program_are_grouped_by_themselves() -> None:
    grouped = run(*NET, *LIGHT, "seed=0,1,2,3", launcher=TWO)
    single = run(*NET, *LIGHT, "seed=0,1,2,3", launcher={**TWO, "vectorize": False}, new=True)
    assert sorted(len(group.numbers) for n in (0, 1) for group in Company(grouped / f"group-{n}.json").groups) == [2, 2]
    assert not (single / GROUPS).exists()
    np.testing.assert_allclose(losses(table(grouped)), losses(table(single)), rtol=1e-5)
    assert not np.allclose(losses(table(grouped)), losses(table(single))[::-1], rtol=1e-5)


@pytest.mark.parametrize("space", ["seed=0,1,2", "model.units=[2],[3],[4],[5]"])
def test_few_jobs_or_of_different_programs_have_a_process_each(space: str) -> None:
    folder = run(*NET, *LIGHT, space, launcher=TWO)
    assert not (folder / GROUPS).exists()
    assert {row["status"] for row in table(folder)} == {"done"}


def test_what_cannot_join_a_group_runs_beside_it() -> None:
    space = ("model=lstm,flat", "seed=0,1")
    folder = run(*UNTRACKED, *space, launcher=VECTORIZED)
    assert [row["status"] for row in table(folder)] == ["done"] * 4
    assert [row["model"] for row in table(folder)] == ["lstm", "lstm", "flat", "flat"]


@pytest.mark.parametrize(("sampler", "groups"), [("random", [10]), ("tpe", [2, 8])])
def test_a_batch_of_trials_is_a_group(sampler: str, groups: list[int]) -> None:
    space = "optimizer.learning_rate=tag(log,interval(1e-3,1e-1))"
    folder = run(*NET, *LIGHT, space, launcher={**VECTORIZED, "n_jobs": 1}, sampler=sampler, n_trials=10)
    assert {row["status"] for row in table(folder)} == {"done"}
    assert len({row["optimizer.learning_rate"] for row in table(folder)}) == 10
    found = [len(group) for group in json.loads((folder / GROUPS).read_text())]
    assert max(found) == max(groups)
    assert sum(found) == 10


def test_members_keep_their_own_failures() -> None:
    from rnnexp.sweeps.sweep import SweepFailed

    rates = "optimizer.learning_rate=0.01,1e30"
    with pytest.raises(SweepFailed, match="1 job of the sweep failed"):
        run(*NET, *LIGHT, "optimizer=sgd", "trainer.on_divergence=fail", rates, launcher=VECTORIZED)
    (folder,) = (Path.cwd() / "runs" / "sweeps").iterdir()
    done, failed = jobs(folder).values()
    assert (done.status, failed.status) == ("done", "failed")
    assert "infinite or not a number" in str(failed.error)


@pytest.mark.parametrize("victim", ["coordinator", "worker"])
def test_a_group_that_was_killed_is_the_same_group_again(tmp_path: Path, victim: str) -> None:
    space = (*NET, *LIGHT, "trainer.epochs=12000", "seed=0,1,2")
    whole = run(*space, launcher={"name": "vectorized", "n_jobs": 1, "threads": 1})
    golden = table(whole)
    whole.rename(tmp_path / "golden")
    process = start(*COMMAND, *space)
    wait_for(lambda: list(tmp_path.glob("runs/sweeps/*/jobs/0/metrics.jsonl")))
    time.sleep(0.3)
    assert not list(tmp_path.glob("runs/sweeps/*/jobs/*/result.json"))
    if victim == "worker":
        os.kill(worker_of(process.pid), signal.SIGKILL)
    else:
        process.kill()
        process.communicate(timeout=60)
        process = start(*COMMAND, *space)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    (folder,) = (tmp_path / "runs" / "sweeps").iterdir()
    assert table(folder) == golden
    assert table(folder) != [{**row, "best/val/loss": row["best/val/loss"] + "1"} for row in golden]


def worker_of(coordinator: int) -> int:
    """Return the process that trains: the youngest descendant."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        fields: list[Any] = path.read_text().rpartition(")")[2].split()
        parents.setdefault(int(fields[1]), []).append(int(path.parent.name))
    found, left = [], [coordinator]
    while left:
        children = parents.get(left.pop(), [])
        found += children
        left += children
    return max(found)
