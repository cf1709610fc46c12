"""A sweep grows: with other values of its keys the same command runs what is new, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sweeping import TINY, UNTRACKED, Quick, jobs, run, table, tracked

from rnnexp.errors import ConfigError
from rnnexp.sweeps.task import Outcome, Task

BASE = (*UNTRACKED, "seed=0,1", "model.units=2,3")


def asked(quick: Quick) -> list[tuple[int, int]]:
    """Return seed and units of what was run since the last call, in order."""
    found = [(task.mapping["seed"], task.mapping["model"]["units"]) for task in quick.tasks]
    quick.tasks.clear()
    return sorted(found)


def points(folder: Path) -> set[tuple[str, str]]:
    return {(row["seed"], row["model.units"]) for row in table(folder) if row["status"] == "done"}


@pytest.mark.fault("H8")
@pytest.mark.parametrize(
    ("lines", "settings", "new"),
    [
        (("seed=0,1", "model.units=2,3,4"), {}, [(0, 4), (1, 4)]),
        (("seed=0,1", "model.units=4,3,2"), {}, [(0, 4), (1, 4)]),
        (("model.units=3,4,2", "seed=0,1"), {}, [(0, 4), (1, 4)]),
        (("seed=0,1,2", "model.units=2,3"), {}, [(2, 2), (2, 3)]),
        (("seed=range(3)", "model.units=2,3,4"), {}, [(0, 4), (1, 4), (2, 2), (2, 3), (2, 4)]),
        (("seed=0,1", "model.units=3,4"), {}, [(0, 4), (1, 4)]),
        (("seed=7", "model.units=2,3"), {}, [(7, 2), (7, 3)]),
        (("seed=1", "model.units=3"), {}, []),
        (("seed=0,1", "model.units=2,3"), {"exclude": [{"seed": 0}]}, []),
        (("seed=0,2", "model.units=2,4"), {"zip": ["seed", "model.units"]}, [(2, 4)]),
        (("seed=0,1", "model.units=2,3"), {"n_trials": 2}, []),
    ],
    ids=["more", "reversed", "keys", "seeds", "both", "shifted", "disjoint", "one", "exclude", "zip", "n_trials"],
)
def test_other_values_of_the_same_keys_go_on_with_the_same_sweep(
    quick: Quick, lines: tuple[str, ...], settings: dict[str, Any], new: list[tuple[int, int]]
) -> None:
    folder = run(*BASE)
    before = {number: job.value for number, job in jobs(folder).items()}
    assert asked(quick) == [(0, 2), (0, 3), (1, 2), (1, 3)]
    assert run(*UNTRACKED, *lines, **settings) == folder
    assert asked(quick) == new
    after = {number: job.value for number, job in jobs(folder).items()}
    assert before.items() <= after.items()
    assert points(folder) == {("0", "2"), ("0", "3"), ("1", "2"), ("1", "3")} | {(str(s), str(u)) for s, u in new}
    assert run(*BASE) == folder
    assert run(*UNTRACKED, *lines, **settings) == folder
    assert asked(quick) == []


def values(folder: Path) -> dict[str, str]:
    return {row["config_hash"]: row["best/val/loss"] for row in table(folder)}


@pytest.mark.fault("H8")
def test_a_grown_sweep_has_the_results_of_one_that_was_begun_whole(
    quick: Quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(*UNTRACKED, "seed=0", "model.units=2,3")
    run(*UNTRACKED, "seed=3,0", "model.units=3")
    grown = run(*UNTRACKED, "seed=0,3", "model.units=2,3,4")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    whole = run(*UNTRACKED, "seed=0,3", "model.units=2,3,4")
    assert values(grown) == values(whole)
    assert len(values(whole)) == 6
    assert len({row["job"] for row in table(grown)}) == 6


@pytest.mark.fault("H8")
def test_a_key_that_had_one_value_may_get_more(quick: Quick) -> None:
    folder = run(*UNTRACKED, "seed=0,1", "model.units=2")
    assert asked(quick) == [(0, 2), (1, 2)]
    assert run(*UNTRACKED, "seed=0,1", "model.units=2,3") == folder
    assert asked(quick) == [(0, 3), (1, 3)]
    assert points(folder) == {("0", "2"), ("0", "3"), ("1", "2"), ("1", "3")}


@pytest.mark.fault("H8")
@pytest.mark.parametrize(("first", "then"), [(1, 3), (2, 3), (3, 2), (3, 1)])
def test_repeats_may_become_more_or_fewer(quick: Quick, first: int, then: int) -> None:
    folder = run(*UNTRACKED, "model.units=2,3", repeats=first)
    assert len(asked(quick)) == 2 * first
    assert run(*UNTRACKED, "model.units=2,3", repeats=then) == folder
    assert asked(quick) == [(seed, units) for seed in range(first, then) for units in (2, 3)]
    trials = {(row["model.units"], row["trial"]) for row in table(folder)}
    assert trials == {("2", "0"), ("3", "1")}


@pytest.mark.fault("H8")
@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_sampler_goes_on_as_if_it_had_been_asked_for_more_at_once(
    quicken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sampler: str
) -> None:
    quick = quicken(Quick(capacity=1))
    lines = (*UNTRACKED, "model.units=int(interval(2,90))", "optimizer.learning_rate=tag(log,interval(1e-4,1e-1))")
    folder = run(*lines, sampler=sampler, n_trials=6)
    quick.tasks.clear()
    assert run(*lines, sampler=sampler, n_trials=14) == folder
    assert [task.number for task in quick.tasks] == list(range(6, 14))
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert table(folder) == table(run(*lines, sampler=sampler, n_trials=14))
    assert table(folder) != table(run(*lines, sampler=sampler, n_trials=14, seed=1, new=True))


@pytest.mark.fault("H9")
def test_another_space_of_a_sampler_is_refused(quick: Quick) -> None:
    run(*UNTRACKED, "model.units=2,3,4", sampler="random", n_trials=2)
    with pytest.raises(ConfigError, match="model.units: was 2,3,4, now 2,3,4,5"):
        run(*UNTRACKED, "model.units=2,3,4,5", sampler="random", n_trials=2)


def test_a_yaml_that_has_changed_is_refused_when_the_sweep_grows_too(quick: Quick, tmp_path: Path) -> None:
    (tmp_path / "experiments").mkdir()
    written = tmp_path / "experiments" / "mine.yaml"
    written.write_text("# @package _global_\noptimizer:\n  learning_rate: 0.1\n")
    lines = (*UNTRACKED, "experiment=mine")
    run(*lines, "seed=0,1")
    written.write_text("# @package _global_\noptimizer:\n  learning_rate: 0.2\n")
    with pytest.raises(ConfigError, match=r"the same command now gives other configurations \(jobs 0, 1\)"):
        run(*lines, "seed=0,1,2")


def failing(number: int) -> Any:
    def answer(task: Task) -> Outcome:
        return Outcome("failed", error="no") if task.number == number else tracked(task)

    return answer


def test_what_failed_or_waits_is_forgotten_once_it_is_no_longer_asked_for(quicken: Any) -> None:
    quicken(Quick(failing(1)))
    with pytest.raises(Exception, match="1 job of the sweep failed"):
        run(*UNTRACKED, "model.units=2,3,4")
    quick = quicken(Quick())
    folder = run(*UNTRACKED, "model.units=2,4")
    assert quick.tasks == []
    assert [row["status"] for row in table(folder)] == ["done", "done"]
    run(*UNTRACKED, "model.units=2,3,4")
    assert [task.number for task in quick.tasks] == [3]  # no number is given twice


def test_it_is_said_what_is_done_and_what_is_new(quick: Quick, capsys: pytest.CaptureFixture[str]) -> None:
    run(*BASE)
    capsys.readouterr()
    run(*UNTRACKED, "seed=0,1", "model.units=3,4")
    said = capsys.readouterr().out
    assert ": 4 jobs, 2 done, 2 to run\n" in said
    assert "  changed        model.units: was 2,3, now 3,4\n" in said
    assert "  kept           2 finished jobs of values that are no longer asked for\n" in said


def test_a_sweep_that_has_grown_keeps_its_run_in_the_store(client: Any, quicken: Any) -> None:
    quicken(Quick(tracked))
    run(*TINY, "model.units=2,3")
    run(*TINY, "model.units=2,3,4", repeats=2)
    (parent,) = client.search_runs(["1"], "tags.`rnnexp.kind` = 'sweep'")
    children = client.search_runs(["1"], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
    assert (parent.info.status, len(children)) == ("FINISHED", 6)
    assert parent.data.tags["rnnexp.varied"] == "model.units,seed"
    assert "2,3,4" in parent.data.tags["rnnexp.command"]
    kept = json.loads((Path(parent.data.tags["rnnexp.folder"]) / "sweep.json").read_text())
    assert (kept["space"]["model.units"], kept["rules"]["repeats"]) == ("2,3,4", 2)
