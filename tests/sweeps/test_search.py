"""Samplers of Optuna behind a journal: an interrupted search goes on as if nothing had happened."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sweeping
from sweeping import UNTRACKED, Quick, jobs, run, table, with_one_changed

from rnnexp.errors import ConfigError, ResourceError
from rnnexp.sweeps.read_space import read_space
from rnnexp.sweeps.search import Grid, Optuna, Pruning, search
from rnnexp.sweeps.settings import Sweep
from rnnexp.sweeps.space import Point

LINES = (
    "optimizer.learning_rate=tag(log,interval(1e-4,1e-1))",
    "model.units=int(interval(0,64))",
    "model=lstm,gru",
    "seed=range(0,50,5)",
)


def loss(point: Point) -> float:
    """Return something to minimize."""
    return abs(math.log10(float(point["optimizer.learning_rate"])) + 2) + abs(int(point["model.units"]) - 20) / 10


def sampled(sampler: Any, seed: int = 0, trials: int = 14) -> Optuna:
    settings = Sweep(sampler=sampler, n_trials=trials, seed=seed)
    found = search(sweeping.space(*LINES, sampler="tpe", n_trials=trials), settings, "minimize")
    assert isinstance(found, Optuna)
    return found


def points(found: Optuna, numbers: range, value: Callable[[Point], float | None] = loss) -> list[Point]:
    asked = []
    for number in numbers:
        asked.append(found.ask(number))
        found.tell(number, value(asked[-1]))
    return asked


@pytest.mark.parametrize(
    "sampler", ["tpe", "random", {"name": "tpe", "n_startup_trials": 3, "multivariate": True}], ids=str
)
@pytest.mark.parametrize("at", [1, 6, 13])
@pytest.mark.fault("H13", "H10")
def test_a_replayed_search_goes_on_as_if_uninterrupted(sampler: Any, at: int) -> None:
    whole = points(sampled(sampler), range(14))
    known = points(sampled(sampler), range(at))
    again = sampled(sampler)
    again.replay(dict(enumerate(known)), {number: loss(point) for number, point in enumerate(known)})
    assert known + points(again, range(at, 14)) == whole
    assert points(sampled(sampler, seed=1), range(14)) != whole


def test_replayed_values_matter() -> None:
    sampler = {"name": "tpe", "n_startup_trials": 3}
    known = dict(enumerate(points(sampled(sampler), range(8))))
    good, bad = sampled(sampler), sampled(sampler)
    good.replay(known, {number: loss(point) for number, point in known.items()})
    bad.replay(known, {number: -loss(point) for number, point in known.items()})
    assert points(good, range(8, 14)) != points(bad, range(8, 14))


@pytest.mark.fault("H14")
def test_a_known_point_is_not_drawn_again() -> None:
    found = sampled("random")
    first = found.ask(0)
    assert found.ask(0) == first
    assert found.ask(1) != first


def test_points_lie_within_the_space() -> None:
    for point in points(sampled("random", trials=40), range(40)):
        assert 1e-4 <= float(point["optimizer.learning_rate"]) <= 1e-1
        assert 0 <= int(point["model.units"]) <= 64
        assert point["model"] in ("lstm", "gru")
        assert int(point["seed"]) in range(0, 50, 5)


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
@pytest.mark.fault("H12")
def test_a_trial_without_a_finite_objective_has_failed_and_the_sampler_goes_on(value: float | None) -> None:
    found = sampled({"name": "tpe", "n_startup_trials": 2})
    points(found, range(6), lambda point: value)
    assert {trial.state.name for trial in found._study.trials} == {"FAIL"}
    points(found, range(6, 10))
    assert [trial.state.name for trial in found._study.trials[6:]] == ["COMPLETE"] * 4


def test_excluded_combinations_are_not_drawn() -> None:
    settings: dict[str, Any] = {"sampler": "random", "n_trials": 30, "exclude": [{"model": "gru"}]}
    found = search(sweeping.space(*LINES, **settings), Sweep(**settings), "minimize")
    assert {found.ask(number)["model"] for number in range(30)} == {"lstm"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sampler": "tpee"}, r"hydra.sweeper.sampler: `tpee` is not one of .*; did you mean `tpe`\?$"),
        ({"sampler": {"name": "tpe", "n_startup": 3}}, "sampler.n_startup: unknown argument of TPESampler; did you"),
        ({"sampler": {"name": "tpe", "n_startup_trials": "x"}}, "^hydra.sweeper.sampler: TPESampler: '<' not"),
        ({"sampler": {"n_startup_trials": 1}}, "hydra.sweeper.sampler"),
        (
            {"sampler": "random", "n_trials": None},
            "^hydra.sweeper.n_trials: a sampler needs the total number of points",
        ),
        ({"sampler": "optuna"}, r"hydra.sweeper.sampler: `optuna` is not one of .*; did you mean `tpe`\?$"),
        ({"pruner": "medain"}, r"hydra.sweeper.pruner: `medain` is not one of .*; did you mean `median`\?$"),
        ({"pruner": {"name": "median", "warmup": 1}}, "hydra.sweeper.pruner.warmup: unknown argument of MedianPruner"),
    ],
    ids=["name", "argument", "type", "no name", "no total", "library", "pruner", "argument of the pruner"],
)
def test_a_mistake_in_sampler_or_pruner_is_told_before_anything_is_written(
    quick: Quick, tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        run(*UNTRACKED, "seed=range(4)", launcher=None, **{"n_trials": 3, **settings})
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("repeats", [1, 2])
@pytest.mark.fault("H10")
def test_a_sampled_sweep_that_lost_its_last_jobs_ends_with_the_same_table(
    quicken: Any, monkeypatch: pytest.MonkeyPatch, repeats: int
) -> None:
    lines = (*UNTRACKED, "model.units=int(interval(2,64))", "optimizer.learning_rate=interval(0.001,0.1)")
    sampler = {"name": "tpe", "n_startup_trials": 3}

    def answer(task: sweeping.Task) -> sweeping.Outcome:
        if task.number == 5:
            raise KeyboardInterrupt("after five jobs")
        return sweeping.computed(task)

    quicken(Quick(answer, capacity=1))
    with pytest.raises(KeyboardInterrupt, match="after five jobs"):
        run(*lines, sampler=sampler, n_trials=8, repeats=repeats)
    quicken(Quick(capacity=1))
    folder = run(*lines, sampler=sampler, n_trials=8, repeats=repeats)
    (Path.cwd() / "other").mkdir()
    monkeypatch.chdir("other")
    uninterrupted = table(run(*lines, sampler=sampler, n_trials=8, repeats=repeats))
    assert table(folder) == uninterrupted
    assert table(folder) != with_one_changed(uninterrupted)
    assert len(jobs(folder)) == 8 * repeats


def test_a_grid_takes_its_points_in_order() -> None:
    grid = search(sweeping.space("seed=0,1,2"), Sweep(n_trials=2), "minimize")
    assert isinstance(grid, Grid)
    assert grid.points == [{"seed": "0"}, {"seed": "1"}]


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_pruner_judges_a_job_beside_those_that_have_ended(direction: Any) -> None:
    sign = 1 if direction == "minimize" else -1
    pruning = Pruning({"name": "median", "n_startup_trials": 2}, direction)
    for job in (0, 1):
        assert not pruning.hopeless(job, [(epoch, sign * (1.0 - epoch / 10)) for epoch in (1, 2, 3)])
        pruning.ended(job, sign * 0.7, pruned=False)
    assert not pruning.hopeless(2, [(1, sign * 0.5)])
    assert pruning.hopeless(3, [(1, sign * 5.0)])


@pytest.mark.fault("H12")
def test_an_epoch_that_is_not_a_number_does_not_harm_the_pruner() -> None:
    pruning = Pruning("median", "minimize")
    assert not pruning.hopeless(0, [(1, math.nan), (2, math.inf), (3, 1.0)])
    pruning.ended(0, math.nan, pruned=False)
    pruning.ended(7, 1.0, pruned=False)  # never seen


@pytest.mark.parametrize(("sampler", "package"), [("gp", "torch"), ("cmaes", "cmaes")])
def test_a_sampler_without_its_package_is_told_before_the_first_job(
    sampler: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    with pytest.raises(ResourceError, match=f"Sampler needs a package that is not installed: pip install {package}"):
        sampled(sampler)


def test_a_sampler_that_has_seen_every_point_goes_on() -> None:
    space = read_space(["model=lstm,gru"], settings := Sweep(sampler="bruteforce", n_trials=4))
    found = search(space, settings, "minimize")
    assert len(points(found, range(4), lambda point: 1.0)) == 4  # type: ignore[arg-type]


NOTEBOOK = """
import sys, types

class Shell: ...

sys.modules["ipykernel.zmqshell"] = types.ModuleType("zmqshell")
sys.modules["IPython"] = types.SimpleNamespace(get_ipython=Shell)
"""


@pytest.mark.end_to_end
def test_a_notebook_is_not_told_of_progress_bars_that_we_do_not_show() -> None:
    def say(code: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", NOTEBOOK + code], capture_output=True, text=True, check=True
        ).stderr

    assert "IProgress not found" in say("import optuna")
    assert say("from rnnexp.sweeps.space import import_optuna; import_optuna()") == ""
