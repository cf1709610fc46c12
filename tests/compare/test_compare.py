"""Runs are grouped over seeds and folds, ranked, tested against the best, and shown beside the baseline."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sweep_maker import Made

from rnnexp.compare import find, stats
from rnnexp.compare.groups import FEW, NOISE, WORSE, Goal, compare
from rnnexp.compare.shown import cells, numbers, plain, verdict
from rnnexp.compare.table import short_names, shown, skill_text, with_spread
from rnnexp.config.text import typed
from rnnexp.errors import ConfigError
from rnnexp.task import scores
from rnnexp.tracking.query import TrackedRun
from rnnexp.tracking.store import artifact_root, open_store

GOAL = Goal("best/val/loss")


def run(
    seed: int, loss: float, units: str = "[8]", *, tags: Mapping[str, str] | None = None, **params: str
) -> TrackedRun:
    named = {"seed": str(seed), "model.name": "gru", "model.units": units}
    keyed = {key.replace("__", "."): value for key, value in params.items()}
    marks = {"rnnexp.config_hash": f"{seed}{units}{keyed}", "rnnexp.outcome": "ok", **(tags or {})}
    return TrackedRun(f"{units}-{seed}", "gru", 1, marks, named | keyed, {"best/val/loss": loss}, experiment_id="1")


def runs(units: str, losses: Sequence[float]) -> list[TrackedRun]:
    return [run(seed, loss, units) for seed, loss in enumerate(losses)]


CLEAR = [0.10, 0.11, 0.12, 0.13]


def test_seeds_and_folds_are_one_group() -> None:
    folds = [run(0, 0.2, data__fold=str(fold), tags={"rnnexp.config_hash": str(fold)}) for fold in (1, 2, 3)]
    (group,) = compare(folds, GOAL).groups
    assert group.scores is not None
    assert (group.scores.n, group.scores.mean) == (3, pytest.approx(0.2))


def test_another_setting_is_another_group() -> None:
    comparison = compare([run(0, 0.2), run(0, 0.1, "[16]")], GOAL)
    assert [group.setting["model.units"] for group in comparison.groups] == [[16], [8]]
    assert comparison.columns == ["model.units"]


def test_what_changes_no_number_makes_no_group_unless_the_sweep_varies_it() -> None:
    both = [run(0, 0.2, threads="1"), run(1, 0.1, threads="2")]
    assert len(compare(both, GOAL).groups) == 1
    assert compare(both, GOAL, ["threads"]).columns == ["threads"]


@pytest.mark.parametrize(
    ("key", "values", "told"),
    [
        ("data__split__train", ("0.7", "0.8"), True),
        ("data__folds", ("2", "3"), True),
        ("data__horizon", ("1", "12"), True),
        ("data__name", ("sine", "ramp"), True),
        ("data__scaler", ("minmax", "standard"), False),
        ("data__sequence_length", ("10", "20"), False),
    ],
)
def test_settings_that_choose_what_is_scored_are_told_where_they_differ(
    key: str, values: tuple[str, str], told: bool
) -> None:
    both = [run(0, 0.2 + place, **{key: value}) for place, value in enumerate(values)]
    note = f"runs that differ in {key.replace('__', '.')} are scored on other values: these scores do not compare"
    assert (note in compare(both, GOAL).notes) is told
    assert note not in compare(both[:1], GOAL).notes


def test_the_objective_s_direction_decides_the_rank() -> None:
    both = [run(0, 0.2), run(0, 0.1, "[16]")]
    assert [group.scores.mean for group in compare(both, GOAL).groups if group.scores] == [0.1, 0.2]
    upwards = compare(both, Goal("best/val/loss", maximize=True))
    assert [group.scores.mean for group in upwards.groups if group.scores] == [0.2, 0.1]


def test_a_clear_difference_is_worse_and_an_unclear_one_is_noise() -> None:
    worse, noise = [0.20, 0.21, 0.221, 0.23], [0.11, 0.10, 0.13, 0.125]
    found = compare(runs("[8]", CLEAR) + runs("[16]", worse) + runs("[32]", noise), GOAL)
    assert [group.verdict for group in found.groups] == ["best", NOISE, WORSE]


def test_under_three_shared_seeds_nothing_can_be_told() -> None:
    far_apart = compare(runs("[8]", [0.1, 0.1]) + runs("[16]", [9.0, 9.1]), GOAL)
    assert far_apart.groups[1].verdict == FEW
    other_seeds = compare(runs("[8]", CLEAR) + [run(seed, 9.0, "[16]") for seed in (7, 8, 9)], GOAL)
    assert other_seeds.groups[1].verdict == FEW


def test_runs_on_other_data_are_no_pairs() -> None:
    elsewhere = [replace(one, experiment_id="2") for one in runs("[16]", [9.0, 9.1, 9.2, 9.3])]
    found = compare(runs("[8]", CLEAR) + elsewhere, GOAL)
    assert found.groups[1].verdict == FEW
    assert "do not compare" in found.notes[0]


def test_many_tests_are_corrected_for_their_number() -> None:
    """Nearly significant once, not when it is one of many: Holm (1979), against a calculation by hand."""
    assert stats.holm([0.01, None, 0.04, 0.03]) == [pytest.approx(0.03), None, pytest.approx(0.06), pytest.approx(0.06)]
    assert stats.holm([0.04]) == [0.04]


def test_the_interval_is_student_s() -> None:
    """Four values with mean 2.5 and deviation 1.29: the table's t for 3 degrees of freedom is 3.182."""
    found = stats.summary([1.0, 2.0, 3.0, 4.0])
    assert found is not None
    assert found.high == pytest.approx(2.5 + 3.1824 * 1.29099 / 2, rel=1e-4)
    assert found.low == pytest.approx(2.5 - 3.1824 * 1.29099 / 2, rel=1e-4)


def test_one_value_has_no_interval() -> None:
    assert stats.summary([1.0]) == stats.Summary(1, 1.0, None, None, None)
    assert stats.summary([]) is None


def test_equal_values_are_no_difference_and_an_equal_gap_is_one() -> None:
    one = dict(enumerate(CLEAR))
    assert stats.paired(one, one) == stats.Paired(1.0, 0.0)
    found = stats.paired({seed: value + 0.1 for seed, value in one.items()}, one)
    assert found is not None
    assert (found.p, found.gap) == (pytest.approx(0.0), pytest.approx(0.1))


def test_the_test_is_scipy_s() -> None:
    """Differences 1, 2, 3: t = 2 / (1 / sqrt 3) = 3.4641 with 2 degrees of freedom, p = 0.0742."""
    found = stats.paired({0: 2.0, 1: 4.0, 2: 6.0}, {0: 1.0, 1: 2.0, 2: 3.0})
    assert found is not None
    assert found.p == pytest.approx(0.0742, abs=1e-4)


@pytest.mark.parametrize("pairs", [3, 4, 10, 100])
def test_interval_and_p_value_are_those_of_scipy(pairs: int) -> None:
    from scipy.stats import t, ttest_rel

    drawn = np.random.default_rng(pairs).normal(1.0, 0.1, (2, pairs))
    first, second = drawn.tolist()
    summary, found = stats.summary(first), stats.paired(dict(enumerate(first)), dict(enumerate(second)))
    assert summary is not None
    assert found is not None
    interval = t.interval(0.95, pairs - 1, summary.mean, drawn[0].std(ddof=1) / pairs**0.5)
    assert (summary.low, summary.high) == pytest.approx(interval, rel=1e-12)
    assert found.p == pytest.approx(ttest_rel(first, second).pvalue, rel=1e-9)
    assert found.p != pytest.approx(ttest_rel(first, second[::-1]).pvalue, rel=1e-9)


def test_a_diverged_setting_is_not_within_noise() -> None:
    """The variance of differences of 1e18 and 1e19 hides that both are large: ratios do not."""
    diverged = {0: 1.9e19, 1: 6.5e18, 2: 9.6e17}
    fine = {0: 0.031, 1: 0.024, 2: 0.015}
    ratios = stats.paired(diverged, fine)
    assert ratios is not None
    assert ratios.p < 0.001
    differences = stats.paired({seed: -value for seed, value in diverged.items()}, fine)
    assert differences is not None
    assert differences.p > 0.05


def test_failed_and_pruned_runs_are_counted_but_not_averaged() -> None:
    pruned = run(1, 0.01, tags={"rnnexp.outcome": "pruned"})
    failed = replace(run(2, 0.02, tags={"rnnexp.outcome": "failed"}), status="FAILED")
    comparison = compare([run(0, 0.2), pruned, failed], GOAL)
    (group,) = comparison.groups
    assert group.scores is not None
    assert (group.scores.n, group.scores.mean) == (1, 0.2)
    assert group.others == {"pruned": 1, "failed": 1}
    assert comparison.unfinished == [pruned, failed]


def test_without_any_result_nothing_is_ranked() -> None:
    failed = replace(run(0, 0.2), status="FAILED", metrics={})
    comparison = compare([failed], GOAL)
    assert comparison.best is None
    assert "nothing can be ranked" in verdict(comparison)


def test_of_a_job_that_was_run_again_the_latest_finished_run_counts() -> None:
    old, new = run(0, 0.5), run(0, 0.2)
    (group,) = compare([new, old], GOAL).groups
    assert group.scores is not None
    assert group.scores.mean == 0.2
    broken = replace(new, status="KILLED")
    (group,) = compare([broken, old], GOAL).groups
    assert group.scores is not None
    assert group.scores.mean == 0.5


def test_what_only_follows_from_a_choice_is_not_shown() -> None:
    sgd = run(0, 0.1, optimizer__name="sgd", optimizer__momentum="0.0")
    adam = run(0, 0.2, optimizer__name="adam", optimizer__beta_1="0.9")
    assert compare([sgd, adam], GOAL).columns == ["optimizer.name"]
    both = [run(0, 0.1, optimizer__name="sgd", optimizer__momentum=m) for m in ("0.0", "0.9")]
    assert compare([*both, adam], GOAL).columns == ["optimizer.name", "optimizer.momentum"]


def test_two_options_of_one_name_are_told_apart_by_what_differs() -> None:
    wide = run(0, 0.1, "[64]", model__dropout="0.5")
    assert compare([run(0, 0.2), wide], GOAL, ["model"]).columns == ["model.units"]


def test_a_loss_in_other_units_is_not_compared_without_a_word() -> None:
    both = [run(0, 0.1, data__scaler="none"), run(0, 0.2, data__scaler="standard")]
    assert "data.scaler" in compare(both, GOAL).notes[0]
    assert compare(both, Goal("test/rmse")).notes == []


def test_a_rank_by_the_training_loss_is_not_taken_at_its_word() -> None:
    trained = replace(run(0, 0.1), metrics={"best/train/loss": 0.1})
    assert "rewards overfitting" in compare([trained], Goal("best/train/loss")).notes[0]
    assert compare([run(0, 0.1)], GOAL).notes == []


def test_values_are_typed_as_yaml() -> None:
    assert [typed(text) for text in ("[64,32]", "true", "1e-05", "3", "lstm", "2020-01-01", "", "a: b", "12e")] == [
        [64, 32], True, 1e-5, 3, "lstm", "2020-01-01", "", "a: b", "12e",
    ]  # fmt: skip


def test_numbers_are_short() -> None:
    assert [shown(value) for value in (0.000123456, [64, 32], True, None, "x")] == [
        "0.0001235",
        "[64,32]",
        "true",
        "",
        "x",
    ]
    assert with_spread(0.11254, 0.00081) == "0.11254 ± 0.00081"
    assert with_spread(68.5, 5.88) == "68.5 ± 5.9"
    assert with_spread(1e-9, 2e-10) == "1e-09 ± 2e-10"
    assert with_spread(12.0, None) == "12"
    assert [skill_text(value) for value in (0.02, -3.5, -2.9e10, None)] == ["+0.020", "-3.500", "-2.9e+10", ""]


def test_a_filter_ranks_by_what_most_runs_have() -> None:
    scored = [replace(run(seed, 0.1), metrics={"test/rmse": 0.1}) for seed in (0, 1)]
    assert find.usual_goal([*scored, run(2, 0.1)]) == Goal("test/rmse")
    assert find.usual_goal([run(2, 0.1)]) == GOAL
    assert find.usual_goal([replace(run(0, 0.1), metrics={"test/accuracy": 0.9})]) == Goal("test/accuracy", True)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"data__scaler": "standard"}, {"data__scaler": "[standard,last]"}),
        ({"loss__name": "mse"}, {"loss__name": "mae"}),
        ({}, {"loss__name": "mae"}),
        ({"loss__name": "huber", "loss__delta": "1.0"}, {"loss__name": "huber", "loss__delta": "2.0"}),
    ],
)
def test_runs_whose_losses_are_different_things_are_ranked_by_the_score_in_original_units(
    first: dict[str, str], second: dict[str, str]
) -> None:
    both = [
        replace(run(seed, loss, **own), metrics={"best/val/loss": loss, "best/val/rmse": error, "test/rmse": 1.0})
        for seed, (loss, error, own) in enumerate([(0.1, 20.0, first), (0.2, 10.0, second)])
    ]
    assert find.usual_goal(both) == Goal("best/val/rmse")
    assert find.usual_goal([both[0], replace(both[0])]) == GOAL


def test_settings_that_are_close_to_each_other_do_not_look_alike() -> None:
    both = [run(0, 0.1, optimizer__learning_rate=rate) for rate in ("0.0010001", "0.0010002")]
    found = compare(both, GOAL)
    assert [row[1] for row in cells(found)] == ["learning_rate", "0.0010001", "0.0010002"]
    assert "learning_rate 0.0010001" in verdict(found)
    drawn = [run(0, 0.1, optimizer__learning_rate=rate) for rate in ("0.0048231234567", "0.5")]
    assert [row[1] for row in cells(compare(drawn, GOAL))][1:] == ["0.00482312", "0.5"]
    assert [row[0] for row in numbers(compare(drawn, GOAL))][1:] == ["0.0048231234567", "0.5"]


def test_a_loss_that_holds_its_penalty_is_not_compared_in_silence() -> None:
    def both(tags: Mapping[str, str]) -> list[str]:
        found = [run(0, 0.2, model__l2="0.001", tags=tags), run(0, 0.1, "[16]", model__l2="0.0")]
        return [note for note in compare(found, GOAL).notes if "penalties" in note]

    [note] = both({})
    assert note.startswith("1 run of an older version: their best/val/loss holds the L1 and L2 penalties")
    assert both({"rnnexp.loss": "unpenalized"}) == []


@pytest.mark.parametrize("metric", scores())
def test_without_a_validation_loss_the_better_score_comes_first(metric: str) -> None:
    """Perplexity, OWA and errors the lower, BLEU, accuracy and exact matches the higher."""
    both = [replace(run(0, 0, units), metrics={metric: score}) for units, score in (("[8]", 0.2), ("[16]", 0.7))]
    found = compare(both, find.usual_goal(both))
    assert found.groups[0].scores is not None
    assert found.groups[0].scores.mean == (
        0.7 if metric.endswith(("bleu", "exact_match", "accuracy", "precision")) else 0.2
    )
    assert found.test_metric == metric


def test_keys_are_as_short_as_they_stay_clear() -> None:
    keys = ["model.name", "model.units", "seed", "data.seed"]
    assert list(short_names(keys).values()) == ["model", "units", "seed", "data.seed"]


def test_a_sweep_is_found_by_name_beginning_and_id(made: Made) -> None:
    for text in (made.name, "sine_l", made.run_id, made.run_id[:8], None):
        assert find.sweep(made.uri, text).parent.run_id == made.run_id
    assert find.sweep(made.uri, "sine_g").parent.run_id != made.run_id


def test_an_unknown_sweep_lists_the_known_ones(made: Made) -> None:
    with pytest.raises(ConfigError, match=r"did you mean `sine_lstm-3fa2c1`\?\nknown sweeps.*\n  sine_lstm-3fa2c1"):
        find.sweep(made.uri, "sine_lstm-3fa2c2")


def test_a_beginning_of_several_sweeps_is_refused(made: Made) -> None:
    with pytest.raises(ConfigError, match="beginning of several sweeps: sine_lstm-3fa2c1, sine_gru-aaaaaa"):
        find.sweep(made.uri, "sine")


def test_without_a_sweep_the_error_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="rnnexp train -m"):
        find.sweep(f"sqlite:///{tmp_path}/none.db")


def test_a_sweep_is_ranked_judged_and_set_beside_its_baseline(made: Made) -> None:
    comparison = find.sweep(made.uri).compared()
    assert comparison.columns == ["model.name", "optimizer.learning_rate"]
    named = [(*group.setting.values(), group.verdict) for group in shown_groups(made)]
    assert named == [("gru", 0.01, "best"), ("gru", 0.001, NOISE), ("lstm", 0.01, WORSE), ("lstm", 0.001, WORSE)]
    assert [(baseline.name, baseline.mean) for baseline in comparison.baselines] == [("linear", pytest.approx(0.1136))]
    assert "It beats its best baseline, linear" in verdict(comparison)


def shown_groups(made: Made) -> list[Shown]:
    return [Shown(**group) for group in plain(find.sweep(made.uri).compared())["groups"]]


class Shown:
    def __init__(self, setting: dict[str, object], verdict: str, **_: object) -> None:
        self.setting, self.verdict = setting, verdict


def test_the_best_epoch_counts_not_the_last(made: Made) -> None:
    best = find.sweep(made.uri).compared().best
    assert best is not None
    assert best.scores is not None
    assert best.scores.mean == pytest.approx(0.0101)
    assert best.runs[0].metrics["val/loss"] > best.runs[0].metrics["best/val/loss"]


def test_an_objective_is_read_at_the_epoch_that_was_kept(made: Made) -> None:
    """A sweep may name `val/loss`, of which MLflow's last value is that of the last epoch."""
    sweep = find.sweep(made.uri)
    tags = {**sweep.parent.tags, "rnnexp.objective": "val/loss"}
    renamed = find.Sweep(replace(sweep.parent, tags=tags), sweep.children)
    assert renamed.goal == Goal("best/val/loss")
    without = [replace(run, metrics={"val/loss": 1.0}) for run in sweep.children]
    assert find.Sweep(renamed.parent, without).goal == Goal("val/loss")


def test_a_network_that_loses_to_the_baseline_is_said_to(made: Made) -> None:
    assert "It loses to its best baseline, linear" in verdict(find.sweep(made.uri, "sine_gru").compared())


def thousand_runs(folder: Path) -> str:
    """Write a sweep of 1,000 runs, with as many rows each as real ones, in one transaction."""
    uri = f"sqlite:///{folder}/mlflow.db"
    client = open_store(uri)
    number = client.create_experiment("sine", artifact_root(uri, "sine"))
    tags = {"rnnexp.version": "0", "rnnexp.kind": "sweep", "rnnexp.varied": "model.units,model.dropout,seed"}
    parent = client.create_run(number, run_name="many-1", tags=tags).info.run_id
    drawn = random.Random(0)
    with sqlite3.connect(folder / "mlflow.db") as connection:
        for job in range(1000):
            _write(connection, number, parent, job, 1 + job // 5 % 200 / 100 + drawn.random() / 10)
    connection.close()
    return uri


def _write(connection: sqlite3.Connection, experiment: str, parent: str, job: int, loss: float) -> None:
    run_id = f"{job:032x}"
    params = {"model.units": f"[{job // 5 % 20}]", "model.dropout": str(job // 100 / 20), "seed": str(job % 5)}
    params |= {f"data.key{i}": str(i) for i in range(42)}
    tags = {"mlflow.parentRunId": parent, "rnnexp.version": "0", "rnnexp.outcome": "ok", "rnnexp.config_hash": run_id}
    tags |= {f"rnnexp.tag{i}": str(i) for i in range(20)}
    metrics = {"best/val/loss": loss, "test/rmse": loss, **{f"time/{i}": 1.0 for i in range(38)}}
    connection.execute(
        "INSERT INTO runs (run_uuid, name, source_type, user_id, status, start_time, end_time, lifecycle_stage,"
        " artifact_uri, experiment_id) VALUES (?, ?, 'LOCAL', 'me', 'FINISHED', ?, ?, 'active', '', ?)",
        (run_id, f"run-{job}", job, job + 1, int(experiment)),
    )
    rows = [(key, value, run_id) for key, value in params.items()]
    connection.executemany("INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)", rows)
    rows = [(key, value, run_id) for key, value in tags.items()]
    connection.executemany("INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)", rows)
    connection.executemany(
        "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, 1, 0, 0, ?)",
        [(key, value, run_id) for key, value in metrics.items()],
    )


def processor_time(work: Callable[[], object]) -> float:
    """Return the smallest of three: the first one imports, and a pause of the garbage collector falls into any."""
    taken = []
    for _ in range(3):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return min(taken)


def clients_page(uri: str) -> float:
    """Return the processor time in which MLflow's client reads 100 of the runs: what others cost is told in it."""
    client = open_store(uri)
    return processor_time(lambda: client.search_runs(["1"], max_results=100))


def test_a_sweep_of_a_thousand_runs_is_compared_as_fast_as_mlflow_reads_them(tmp_path: Path) -> None:
    uri = thousand_runs(tmp_path)
    comparison = find.sweep(uri).compared()
    assert len(comparison.groups) == 200
    assert all(len(group.runs) == 5 for group in comparison.groups)
    pages = processor_time(lambda: find.sweep(uri).compared()) / clients_page(uri)
    assert pages < 10, f"{pages:.1f}, of which two are usual"
