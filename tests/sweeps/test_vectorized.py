"""Jobs that share a program are trained as one, and nobody can tell from the table."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sweeping import UNTRACKED, Quick, events, jobs, run, start, table, wait_for, with_one_changed, workshop

from rnnexp.runner.groups import GroupStore
from rnnexp.sweeps.executors.vectorized import GROUPS, vectorized

# A network and an optimizer that are compiled quickly.
NET = (
    "model=simple_rnn",
    "model.units=[3]",
    "optimizer=sgd",
    "optimizer.learning_rate=0.01",
    "trainer.batch_size=full",
)
SHORT = (*NET, "data.points=100", "data.seed=0", "trainer.epochs=12")
LIGHT = ("tracking=off", "tracking.figures=false", "tracking.log_model=false")
TWO = {"n_jobs": 2, "threads": 1}
VECTORIZED = {"name": "vectorized", **TWO}
ONE_GROUP = {**VECTORIZED, "n_jobs": 1}
COMMAND = ("hydra/launcher=vectorized", "hydra.launcher.n_jobs=1", "hydra.launcher.threads=1")

# What a worker does once, in the middle of its training.
HALT = """
import multiprocessing

if multiprocessing.current_process().name == "rnnexp jobs":
    from rnnexp.training.compiled.ensemble import Ensemble

    advance = Ensemble.advance

    def halt(self):
        advance(self)
        if self.epoch > 2 and not Path("halted").exists():
            Path("halted").touch()
            DEED

    Ensemble.advance = halt
"""


# What makes the members of a group end one by one.
LINGER = """
import multiprocessing

if multiprocessing.current_process().name == "rnnexp jobs":
    from rnnexp.sweeps import crew

    write_outcome = crew.write_outcome

    def linger(*given):
        time.sleep(0.4)
        write_outcome(*given)

    crew.write_outcome = linger
"""


def losses(rows: list[dict[str, str]]) -> np.ndarray:
    return np.array([float(row["best/val/loss"]) for row in rows])


@pytest.mark.end_to_end
def test_short_jobs_that_share_a_program_are_grouped_by_themselves() -> None:
    grouped = run(*SHORT, *LIGHT, "seed=0,1,2,3", launcher=TWO)
    single = run(*SHORT, *LIGHT, "seed=0,1,2,3", launcher={"name": "serial"}, new=True)
    stores = [GroupStore(grouped / f"group-{n}.json") for n in (0, 1)]
    assert sorted(len(group.numbers) for store in stores for group in store.groups) == [2, 2]
    assert not (single / GROUPS).exists()
    np.testing.assert_allclose(losses(table(grouped)), losses(table(single)), rtol=1e-5)
    assert not np.allclose(losses(table(grouped)), losses(table(single))[::-1], rtol=1e-5)


@pytest.mark.parametrize(
    ("space", "launcher", "chosen"),
    [
        ("seed=0,1,2,3", TWO, "vectorized"),
        ("seed=0,1,2", TWO, "local"),
        ("model.units=[2],[3],[4],[5]", TWO, "local"),
        ("seed=0,1,2,3", {**TWO, "vectorize": False}, "local"),
    ],
    ids=["enough", "few jobs", "different programs", "not wanted"],
)
def test_only_so_many_jobs_of_one_program_are_a_group(
    quick: Quick, space: str, launcher: dict[str, Any], chosen: str
) -> None:
    run(*SHORT, *LIGHT, space, launcher=launcher)
    assert quick.launchers == [chosen]


@pytest.mark.end_to_end
def test_what_cannot_join_a_group_runs_beside_it(rehearsed: None) -> None:
    space = ("model=simple_rnn,flat", "seed=0,1")
    folder = run(*UNTRACKED, *space, launcher=VECTORIZED)
    assert [row["status"] for row in table(folder)] == ["done"] * 4
    assert [row["model"] for row in table(folder)] == ["simple_rnn", "simple_rnn", "flat", "flat"]


@pytest.mark.end_to_end
@pytest.mark.parametrize(
    ("launcher", "likely"),
    [(ONE_GROUP, [[4, 4, 4]]), (VECTORIZED, [[4, 4, 4], [4, 4, 2, 2]])],  # the last ones may be shared out
    ids=["one process", "two processes"],
)
def test_jobs_that_get_their_turn_one_by_one_are_a_group_all_the_same(
    tmp_path: Path, rehearsed: None, launcher: dict[str, Any], likely: list[list[int]]
) -> None:
    with (tmp_path / "toys.py").open("a") as file:
        file.write(LINGER)
    folder = run(*UNTRACKED, *NET, "seed=range(12)", launcher={**launcher, "group_size": 4})
    assert [job.status for job in jobs(folder).values()] == ["done"] * 12
    groups = json.loads((folder / GROUPS).read_text())
    ended = {event["job"]: event["time"] for event in events(folder, "end")}
    assert min(later - earlier for earlier, later in pairwise(sorted(map(ended.get, groups[0])))) > 0.1, "ended as one"
    assert [len(group) for group in groups] in likely


@pytest.mark.parametrize(("sampler", "groups"), [("random", [10]), ("tpe", [2, 8])])
@pytest.mark.end_to_end
def test_a_batch_of_trials_is_a_group(rehearsed: None, sampler: str, groups: list[int]) -> None:
    space = "optimizer.learning_rate=tag(log,interval(1e-3,1e-1))"
    folder = run(*SHORT, *LIGHT, space, launcher=ONE_GROUP, sampler=sampler, n_trials=10)
    assert {row["status"] for row in table(folder)} == {"done"}
    assert len({row["optimizer.learning_rate"] for row in table(folder)}) == 10
    found = [len(group) for group in json.loads((folder / GROUPS).read_text())]
    assert max(found) == max(groups)
    assert sum(found) == 10


@pytest.mark.fault("H1")
def test_members_keep_their_own_failures(rehearsed: None) -> None:
    from rnnexp.sweeps.sweep import SweepFailed

    rates = "optimizer.learning_rate=0.01,1e30"
    with pytest.raises(SweepFailed, match="1 job of the sweep failed"):
        run(*SHORT, *LIGHT, "trainer.on_divergence=fail", rates, launcher=VECTORIZED)
    (folder,) = (Path.cwd() / "runs" / "sweeps").iterdir()
    done, failed = jobs(folder).values()
    assert (done.status, failed.status) == ("done", "failed")
    assert "infinite, not a number" in str(failed.error)


GROUP = ("plugins=[toys]", *SHORT, *LIGHT, "seed=0,1,2")


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """Return the table of a group that nobody has killed."""
    with workshop(tmp_path_factory.mktemp("golden")):
        return table(run(*GROUP, launcher=ONE_GROUP))


def is_golden(folder: Path, golden: list[dict[str, str]]) -> bool:
    assert table(folder) != with_one_changed(golden)
    return table(folder) == golden


def halt(place: Path, deed: str) -> None:
    with (place / "toys.py").open("a") as file:
        file.write(HALT.replace("DEED", deed))


@pytest.mark.fault("H3", "H4")
def test_a_group_whose_worker_was_killed_is_the_same_group_again(
    tmp_path: Path, golden: list[dict[str, str]], rehearsed: None
) -> None:
    halt(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)")
    folder = run(*GROUP, launcher=ONE_GROUP)
    assert [job.attempts for job in jobs(folder).values()] == [2, 2, 2]
    assert is_golden(folder, golden)


@pytest.mark.end_to_end
@pytest.mark.fault("H3", "H4")
def test_a_group_whose_coordinator_was_killed_is_the_same_group_again(
    tmp_path: Path, golden: list[dict[str, str]]
) -> None:
    halt(tmp_path, "time.sleep(600)")
    process = start(*COMMAND, *GROUP)
    wait_for((tmp_path / "halted").exists)
    process.kill()
    process.communicate()
    assert not list(tmp_path.glob("runs/sweeps/*/jobs/*/result.json"))
    folder = run(*GROUP, launcher=ONE_GROUP)
    assert [job.attempts for job in jobs(folder).values()] == [2, 2, 2]
    assert is_golden(folder, golden)


@pytest.mark.parametrize(
    ("programs", "processes", "sizes"),
    [
        ("a" * 64, 2, [32, 32]),
        ("a" * 64 + "b", 2, [32, 32, 1]),
        ("aaaabbbbccccddddeeeeffff", 2, [4] * 6),
        ("aaaabbbbccccddddeeeeffff", 16, [2] * 12),
        ("a" * 16 + "b" * 16 + "c" * 16, 2, [8, 8, 16, 16]),
        ("aaa", 2, [3]),
        ("a" * 200, 2, [50] * 4),
        ("", 2, []),
    ],
)
def test_jobs_of_a_program_are_split_only_as_far_as_a_process_would_have_too_few(
    programs: str, processes: int, sizes: list[int]
) -> None:
    groups = vectorized().pack([*programs], processes)
    assert [len(group) for group in groups] == sizes
    assert sorted(place for group in groups for place in group) == [*range(len(programs))]
    assert all(len({programs[place] for place in group}) == 1 for group in groups)


def test_a_free_process_takes_the_most_that_there_are_of_a_program() -> None:
    waiting = [*"aabbbbba", None]
    assert vectorized(group_size=4).pick(waiting, 1) == [[2, 3, 4, 5]]
    assert vectorized(group_size=4).pick(waiting, 2) == [[2, 3, 4, 5], [0, 1, 7]]
    assert vectorized(group_size=2).pick(waiting, 9) == [[2, 3], [0, 1], [4, 5], [7], [6], [8]]
    assert vectorized().pick([], 2) == []


def test_jobs_that_share_no_program_are_alone() -> None:
    assert vectorized().pack([None, "a", None, "a"], 2) == [[0], [1, 3], [2]]
