"""What a command line and an experiment's YAML say about the space of a sweep."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import sweeping
from sweeping import UNTRACKED, jobs, options, run, space

from rnnexp.errors import ConfigError


@pytest.mark.parametrize(
    ("line", "values"),
    [
        pytest.param("seed=1,2", ("1", "2"), id="comma"),
        pytest.param("seed=2,1,2", ("2", "1"), id="each value once"),
        pytest.param("seed=choice(1,2)", ("1", "2"), id="choice"),
        pytest.param("seed=choice(7)", ("7",), id="choice of one"),
        pytest.param("seed=range(3)", ("0", "1", "2"), id="range"),
        pytest.param("seed=range(1,6,2)", ("1", "3", "5"), id="range with a step"),
        pytest.param("seed=range(3,0,-1)", ("3", "2", "1"), id="range downwards"),
        pytest.param("model.dropout=range(0,0.5,0.25)", ("0.0", "0.25"), id="range of floats"),
        pytest.param("seed=sort(3,1,2)", ("1", "2", "3"), id="sort"),
        pytest.param("seed=sort(3,1,2,reverse=true)", ("3", "2", "1"), id="sort downwards"),
        pytest.param("model.dropout=float(range(0,2))", ("0.0", "1.0"), id="cast"),
        pytest.param("seed=tag(a,b,choice(1,2))", ("1", "2"), id="tag"),
        pytest.param("model.units=[2],[4,8]", ("[2]", "[4,8]"), id="lists"),
        pytest.param("backend=null,jax", ("null", "jax"), id="null"),
        pytest.param("deterministic=true,false", ("True", "False"), id="booleans"),
        pytest.param("model=gru,lstm", ("gru", "lstm"), id="a group"),
        pytest.param("model=glob(*r*, exclude=enc*)", ("cnn_rnn", "gru", "min_gru", "simple_rnn"), id="glob"),
        pytest.param("model=glob(*, exclude=[gru,mlp])", None, id="glob with exclusions"),
    ],
)
def test_hydras_grammar_gives_the_values(line: str, values: tuple[str, ...] | None) -> None:
    (found,) = options(line).values()
    if values is None:
        assert "gru" not in found
        assert {"lstm", "simple_rnn"} <= set(found)
    else:
        assert found == values


def test_shuffle_gives_the_same_order_for_the_same_seed_of_the_sampler() -> None:
    line = "seed=shuffle(range(20))"
    first = options(line, seed=1)["seed"]
    assert first == options(line, seed=1)["seed"]
    assert first != options(line, seed=2)["seed"]
    assert sorted(map(int, first)) == list(range(20))


@pytest.mark.parametrize(
    ("line", "low", "high", "log", "whole"),
    [
        ("optimizer.learning_rate=interval(0.1,1)", 0.1, 1, False, False),
        ("optimizer.learning_rate=tag(log,interval(1e-4,1e-1))", 1e-4, 1e-1, True, False),
        ("model.units=int(interval(1,8))", 1, 8, False, True),
        ("seed=int(interval(0,8))", 0, 8, False, True),
        ("model.units=tag(log,int(interval(1,8)))", 1, 8, True, True),
        ("model.units=int(tag(log,interval(1,8)))", 1, 8, True, True),
        ("model.dropout=interval(0,0.5)", 0, 0.5, False, False),
        ("seed=range(2,9,2)", 2, 8, False, True),
    ],
)
def test_intervals_and_ranges_become_what_a_sampler_draws_from(
    line: str, low: float, high: float, log: bool, whole: bool
) -> None:
    (dimension,) = space(line, sampler="tpe", n_trials=2).dimensions
    assert (dimension.low, dimension.high, dimension.log, dimension.whole) == (low, high, log, whole)
    assert dimension.endless
    assert dimension.text(dimension.high) == str(int(high) if whole else float(high))


def test_a_grid_refuses_an_interval_and_says_what_to_do() -> None:
    expected = (
        r"^optimizer.learning_rate: a grid has no points in an interval; add hydra.sweeper.sampler=tpe \(or random\) "
        r"hydra.sweeper.n_trials=…, or list the values$"
    )
    with pytest.raises(ConfigError, match=expected):
        space("optimizer.learning_rate=interval(0.1,1)")


@pytest.mark.parametrize("line", ["model.dropout=interval(0.5,0.1)", "model.dropout=tag(log,interval(0,0.1))"])
def test_an_interval_that_cannot_be_drawn_from_is_refused(line: str) -> None:
    with pytest.raises(ConfigError, match="model.dropout: the interval from .* is empty or cannot be logarithmic"):
        space(line, sampler="tpe", n_trials=2)


def test_a_grid_is_the_product_with_the_last_key_fastest() -> None:
    points = list(space("model=gru,lstm", "seed=0,1", "trainer.epochs=3").grid())
    assert [tuple(point.values()) for point in points] == [("gru", "0"), ("gru", "1"), ("lstm", "0"), ("lstm", "1")]


def test_what_does_not_vary_is_fixed() -> None:
    found = space("seed=0,1", "trainer.epochs=3")
    assert (found.fixed, found.keys) == (("++trainer.epochs=3",), ("seed",))


def test_params_of_a_file_are_a_space_too_and_the_command_line_wins() -> None:
    params = {"model.units": "2,3", "seed": "range(3)", "model.dropout": 0.1, "deterministic": True, "backend": None}
    found = space("seed=7", params=params)
    assert {d.key: d.options for d in found.dimensions} == {"model.units": ("2", "3")}
    assert found.fixed == ("++seed=7", "++model.dropout=0.1", "++deterministic=true", "++backend=null")


def test_a_list_in_params_is_one_value() -> None:
    assert space(params={"model.units": [4, 8], "seed": "0,1"}).fixed == ("++model.units=[4,8]",)


def test_a_list_in_params_keeps_what_yaml_says() -> None:
    assert space(params={"metrics": ["a b", None, True]}).fixed == ("++metrics=[a\\ b,null,True]",)


def test_zipped_keys_go_together() -> None:
    found = space("model.units=2,3", "seed=0,1", "trainer.epochs=4,5", zip=["model.units", "trainer.epochs"])
    points = [(p["model.units"], p["trainer.epochs"], p["seed"]) for p in found.grid()]
    assert points == [("2", "4", "0"), ("2", "4", "1"), ("3", "5", "0"), ("3", "5", "1")]
    assert len(list(space("model.units=2,3", "seed=0,1", "trainer.epochs=4,5").grid())) == 8


def test_several_groups_of_keys_can_be_zipped() -> None:
    pairs = [["model.units", "seed"], ["trainer.epochs", "data.points"]]
    found = space("model.units=2,3", "seed=0,1", "trainer.epochs=4,5", "data.points=90,100", zip=pairs)
    assert len(list(found.grid())) == 4


@pytest.mark.parametrize(
    ("zipped", "message"),
    [
        (["seed", "model.unit"], r"^hydra.sweeper.zip: `model.unit` is not swept; did you mean `model.units`\?$"),
        (
            ["seed", "model.units"],
            "^hydra.sweeper.zip: keys that go together need equally many values; seed has 3, model.units has 2$",
        ),
        ([["seed", "trainer.epochs"], ["trainer.epochs", "seed"]], "hydra.sweeper.zip: `seed` is named twice"),
    ],
)
def test_a_mistake_in_zip_is_told(zipped: list[Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        space("seed=0,1,2", "model.units=2,3", "trainer.epochs=1,2,3", zip=zipped)


def test_a_sampler_draws_each_key_by_itself() -> None:
    with pytest.raises(ConfigError, match="^hydra.sweeper.zip: needs hydra.sweeper.sampler=grid"):
        space("seed=0,1", "model.units=2,3", zip=["seed", "model.units"], sampler="random", n_trials=3)


@pytest.mark.parametrize(
    "given",
    [
        {"model": "gru", "seed": 1},
        "model=gru seed=1",
    ],
    ids=["mapping", "text"],
)
def test_excluded_combinations_are_left_out(given: Any) -> None:
    points = [(p["model"], p["seed"]) for p in space("model=gru,lstm", "seed=0,1", exclude=[given]).grid()]
    assert points == [("gru", "0"), ("lstm", "0"), ("lstm", "1")]


@pytest.mark.parametrize(
    ("line", "given"),
    [
        ("model.units=[2],[2,3]", {"model.units": [2, 3]}),
        ("optimizer.learning_rate=1e-3,1e-2", {"optimizer.learning_rate": 0.01}),
        ("optimizer.learning_rate=1e-3,1e-2", "optimizer.learning_rate=1e-2"),
        ("deterministic=true,false", {"deterministic": False}),
        ("backend=jax,null", {"backend": None}),
        ("metrics=[mae],[mae,mse]", {"metrics": ["mae", "mse"]}),
        ("name='a, b',c", {"name": "a, b"}),
    ],
    ids=str,
)
def test_an_excluded_value_is_found_however_it_is_written(line: str, given: Any) -> None:
    assert len(list(space(line, exclude=[given]).grid())) == 1
    assert len(list(space(line).grid())) == 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"modle": "gru"}, r"^hydra.sweeper.exclude: `modle` is not swept; did you mean `model`\?$"),
        ({"model": "mlp"}, "^hydra.sweeper.exclude: model=mlp is not among its values gru, lstm$"),
    ],
)
def test_a_mistake_in_exclude_is_told(given: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        space("model=gru,lstm", exclude=[given])


def test_all_mistakes_of_a_space_are_told_at_once() -> None:
    with pytest.raises(ConfigError, match="4 mistakes") as caught:
        space(
            "model.dropout=interval(0,0.5)",
            "seed=0,1",
            zip=["seed", "sed"],
            exclude=[{"modle": "gru"}, {"seed": 5}],
        )
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        "model.dropout",
        "hydra.sweeper.zip",
        "hydra.sweeper.exclude",
        "hydra.sweeper.exclude",
    ]


@pytest.mark.parametrize(
    ("lines", "settings", "jobs"),
    [
        (("seed=range(2000)", "model.units=range(1,1001)"), {}, "2,000,000"),
        (("data.seed=range(9)", "model.units=range(1,10)"), {"zip": [["data.seed", "model.units"]]}, None),
        (("data.points=range(100,1100)",), {"repeats": 101}, "101,000"),
    ],
)
@pytest.mark.fault("F10")
def test_more_jobs_than_a_sweep_can_have_are_counted_before_one_is_made(
    lines: tuple[str, ...], settings: dict[str, Any], jobs: str | None
) -> None:
    if jobs is None:
        assert space(*lines, **settings).count() == 9
        return
    with pytest.raises(ConfigError, match=f"{jobs} jobs asked for, and a sweep has at most 100,000; give fewer values"):
        space(*lines, **settings)


@pytest.mark.fault("F10")
def test_of_a_huge_grid_a_number_of_points_may_be_taken() -> None:
    found = space("seed=range(2000)", "model.units=range(1,1001)", n_trials=3)
    assert found.count() == 2_000_000
    assert space("seed=range(100)", "model.units=range(1,1001)").count() == 100_000


def test_a_space_without_any_point_is_refused(quick: sweeping.Quick, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="^hydra.sweeper.exclude: leaves no job at all$"):
        run(*UNTRACKED, "seed=0,1", exclude=[{"seed": 0}, {"seed": 1}])
    assert not (tmp_path / "runs").exists()


def test_corners_show_every_value_without_the_product() -> None:
    found = space("seed=0,1,2", "model.units=2,3", "model.dropout=interval(0,0.5)", sampler="tpe", n_trials=2)
    corners = list(found.corners())
    assert len(corners) == 5
    assert {corner["model.dropout"] for corner in corners} == {"0.0", "0.5"}


def test_a_shuffled_sweep_is_drawn_once_for_the_table_the_jobs_and_the_resume(
    quick: sweeping.Quick, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (*UNTRACKED, "seed=shuffle(range(8))", "metrics=shuffle([mae,mse,mape])")
    folder = run(*lines, n_trials=5)
    drawn = [task.mapping["seed"] for task in quick.tasks]
    assert drawn != sorted(drawn)
    run(*lines)
    assert [task.mapping["seed"] for task in quick.tasks] == [int(job.values["seed"]) for job in jobs(folder).values()]
    assert sorted(task.mapping["seed"] for task in quick.tasks) == list(range(8))
    shown = next(row for row in capsys.readouterr().out.splitlines() if row.startswith("  seed "))
    assert shown.split("seed")[1].replace(",", "").split() == [str(task.mapping["seed"]) for task in quick.tasks]


def test_where_one_key_sets_a_part_of_another_their_order_belongs_to_the_sweep(quick: sweeping.Quick) -> None:
    whole = "callbacks.early_stopping={patience: 1},{patience: 1, min_delta: 0.1}"
    parts = (whole, "callbacks.early_stopping.min_delta=0.2,0.3")
    run(*UNTRACKED, *parts)
    assert [task.mapping["callbacks"]["early_stopping"]["min_delta"] for task in quick.tasks] == [0.2, 0.3]
    run(*UNTRACKED, *parts)
    with pytest.raises(ConfigError, match="order: was .*, now "):
        run(*UNTRACKED, *reversed(parts))


def values(folder: Path) -> list[tuple[str, ...]]:
    return [tuple(job.values.values()) for job in jobs(folder).values()]


def test_repeats_count_seeds_up_from_the_experiments_own(quick: sweeping.Quick) -> None:
    folder = run(*UNTRACKED, "model.units=2,3", "seed=5", repeats=3)
    assert values(folder) == list(itertools.product("23", "567"))
    assert {job.trial for job in jobs(folder).values()} == {0, 1}


def test_folds_make_a_job_of_each_part(quick: sweeping.Quick) -> None:
    folder = run(*UNTRACKED, "model.units=2,3", folds=2, repeats=2)
    assert values(folder) == list(itertools.product("23", "01", "12"))
    assert {(task.mapping["data"]["folds"], task.mapping["data"]["fold"]) for task in quick.tasks} == {(2, 1), (2, 2)}


@pytest.mark.parametrize(
    ("line", "settings", "message"),
    [
        ("seed=0,1", {"repeats": 2}, "^hydra.sweeper.repeats: `seed` is swept already; leave one of them out$"),
        ("data.fold=0,1", {"folds": 2}, "^hydra.sweeper.folds: `data.fold` is swept already; leave one of them out$"),
    ],
)
def test_what_is_swept_already_cannot_be_repeated(line: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run(*UNTRACKED, line, **settings)


def test_n_trials_is_a_total_also_for_a_grid(quick: sweeping.Quick) -> None:
    run(*UNTRACKED, "seed=range(5)", n_trials=2)
    assert [task.number for task in quick.tasks] == [0, 1]
    run(*UNTRACKED, "seed=range(5)", n_trials=4)
    assert [task.number for task in quick.tasks] == [0, 1, 2, 3]


@pytest.mark.fault("H8")
def test_n_trials_of_a_sampler_counts_earlier_starts(quick: sweeping.Quick) -> None:
    lines = (*UNTRACKED, "model.units=int(interval(2,900))")
    run(*lines, sampler="random", n_trials=3)
    folder = run(*lines, sampler="random", n_trials=5, repeats=1)
    assert len(quick.tasks) == len(jobs(folder)) == 5
