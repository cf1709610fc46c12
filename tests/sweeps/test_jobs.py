"""From points to jobs: composed exactly as Hydra does, and checked all together before the first one starts."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from sweeping import LIGHT, UNTRACKED, Quick, jobs, run

from rnnexp.config import compose
from rnnexp.config.jobs import Composer
from rnnexp.config.overrides import inspect_overrides
from rnnexp.errors import ConfigError, DataError

CHOICES = {
    "model": ("lstm", "gru", "simple_rnn"),
    "data": ("sine", "airline_passengers"),
    "optimizer": ("adam", "sgd"),
    "schedule": ("constant", "cosine"),
    "callbacks": ("none", "early_stopping"),
    "experiment": ("sine_gru", "airline_lstm", "stacked_lstm"),
    "seed": ("0", "7"),
    "data.seed": ("${seed}", "3", "null"),
    "model.units": ("8", "[8]", "[4,2]"),
    "optimizer.learning_rate": ("1e-3", "${data.noise}", "0.5"),
    "name": ("plain", "'with, comma'", "run-${model.name}-${seed}"),
    "trainer.epochs": ("3", "4"),
    "metrics": ("[]", "[mae,mse]"),
    "callbacks.early_stopping.patience": ("3", "4"),
    "tracking.uri": ("null", "sqlite:///a.db"),
    "+callbacks.plateau.factor": ("0.1", "0.3"),
    "~trainer.batch_size": ("",),
    "callbacks.csv_log": ("{}", "{file: other.csv}"),
}


def lines(seed: int) -> list[str]:
    """Draw overrides, groups and values mixed as a person types them."""
    draw = random.Random(seed)
    keys = draw.sample(list(CHOICES), draw.randint(1, 7))
    written = [f"{key}={draw.choice(CHOICES[key])}".removesuffix("=") for key in keys]
    return inspect_overrides(written).overrides()


def outcome(mapping: Any) -> Any:
    """Return what a composition gives: a mapping, or that it is refused."""
    try:
        return mapping()
    except ConfigError:
        return "refused"


def test_jobs_are_composed_exactly_as_hydra_does() -> None:
    drawn = [lines(seed) for seed in range(9)]
    with compose.hydra_state():
        composer = Composer()
        fast = [outcome(lambda given=given: composer.mapping(given)) for given in drawn]
        halves = [(given[: len(given) // 2], given[len(given) // 2 :]) for given in drawn]
        assert [outcome(lambda half=half: composer.mapping(half[1], half[0])) for half in halves] == fast
    hydras = [outcome(lambda given=given: compose.compose_mapping(given)) for given in drawn]
    assert fast == hydras
    assert fast != [*hydras[1:], hydras[0]]
    assert sum(mapping != "refused" for mapping in fast) > 4


def test_one_job_leaves_no_trace_in_the_next() -> None:
    with compose.hydra_state():
        composer = Composer()
        before = composer.mapping(["seed=1"])
        composer.mapping(["seed=1", "model.units=[99]", "~trainer.batch_size", "+callbacks.plateau.factor=0.1"])
        after = composer.mapping(["seed=1"])
        assert after == before
        assert list(after["trainer"]) == list(before["trainer"])
        assert composer.mapping(["seed=2"]) != before


def test_a_job_that_is_refused_leaves_no_trace_either() -> None:
    with compose.hydra_state():
        composer = Composer()
        before = composer.mapping(["seed=1"])
        with pytest.raises(ConfigError, match="nothing"):
            composer.mapping(["seed=1", "++data.seed=${nothing}", "++model.units=[99]"])
        assert composer.mapping(["seed=1"]) == before


def test_mistakes_of_all_jobs_are_told_once_each_with_a_job_that_has_them(quick: Quick, tmp_path: Path) -> None:
    bad = ("data.seed=0", "model.unit=3", "trainer.epochs=x", "seed=0,-1,1", "optimizer.learning_rate=0.1,many")
    with pytest.raises(ConfigError, match="4 mistakes") as caught:
        run(*(line for line in UNTRACKED if "epochs" not in line), *bad)
    told = dict(problem.split(": ", 1) for problem in caught.value.problems)
    assert told["model.unit"] == "unknown key; did you mean `model.units`?"
    assert told["trainer.epochs"] == "'x' given; must be a valid integer"
    assert told["seed"].endswith("(in the job seed=-1 optimizer.learning_rate=0.1 and 1 more)")
    assert told["optimizer.learning_rate"].endswith("(in the job seed=0 optimizer.learning_rate=many and 2 more)")
    assert quick.tasks == []
    assert not (tmp_path / "runs").exists()


@pytest.mark.fault("F3", "H12")
def test_a_mistake_in_the_37th_job_is_found_before_the_first_starts(quick: Quick, tmp_path: Path) -> None:
    seeds = ",".join(map(str, [*range(36), "thirty-seven", *range(37, 40)]))
    with pytest.raises(ConfigError, match=r"^seed: 'thirty-seven' given; .* \(in the job seed=thirty-seven\)$"):
        run(*UNTRACKED, "data.seed=0", f"seed={seeds}")
    assert quick.tasks == []
    assert not (tmp_path / "runs").exists()


def test_a_network_that_cannot_be_built_is_found_before_the_first_job(tmp_path: Path) -> None:
    (tmp_path / "toys.py").write_text(
        "from rnnexp import register\n\n\n@register('model')\ndef flat(spec, units: int = 2):\n"
        "    raise RuntimeError(f'{units} units are too many')\n"
    )
    with pytest.raises(ConfigError, match="2 mistakes") as caught:
        run(*UNTRACKED, "model.units=2,3", "seed=0,1")
    where = f"({tmp_path / 'toys.py'}, line 6, in flat)"
    assert [problem.partition(" built: ")[2] for problem in caught.value.problems] == [
        f"RuntimeError: {units} units are too many {where}" for units in (2, 3)
    ]
    assert not (tmp_path / "runs").exists()


@pytest.mark.fault("E1")
def test_data_that_cannot_be_read_are_found_before_the_first_job(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("y\n1\nx\n3\n")
    (tmp_path / "good.csv").write_text("y\n" + "\n".join(f"{i % 7}" for i in range(60)))
    with pytest.raises(DataError, match="^bad.csv: "):
        run("data=csv", "data.path=good.csv,bad.csv", "trainer.epochs=2", "tracking=off", *LIGHT)
    assert not (tmp_path / "runs").exists()


@pytest.mark.fault("H14")
def test_jobs_that_would_compute_the_same_are_run_once(quick: Quick, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run(*UNTRACKED, "optimizer.learning_rate=1e-1,0.1,1e-2,0.01")
    assert len(quick.tasks) == len(jobs(folder)) == 2
    run(*UNTRACKED, "seed=0,1", "data.seed=${seed},0", name="other")
    assert len(quick.tasks) == 2 + 3
    assert "1 jobs that would compute the same as another" in capsys.readouterr().out


def test_an_interpolation_follows_the_job(quick: Quick) -> None:
    run(*UNTRACKED, "seed=4,5", "data.seed=${seed}")
    assert [task.mapping["data"]["seed"] for task in quick.tasks] == [4, 5]


def test_experiments_may_name_a_plugin_that_is_allowed(quick: Quick, tmp_path: Path) -> None:
    (tmp_path / "experiments").mkdir()
    for name, points in (("one", 90), ("two", 91)):
        (tmp_path / "experiments" / f"{name}.yaml").write_text(
            f"# @package _global_\ndefaults:\n  - override /model: flat\nplugins: [toys]\ndata:\n  points: {points}\n"
        )
    run("plugins=[toys]", "experiment=one,two", "tracking=off", *LIGHT)
    assert [task.mapping["name"] for task in quick.tasks] == ["one", "two"]
