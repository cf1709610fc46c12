"""What of a run its page shows: few metrics and a description that answers; the rest is kept, and read from there."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import rnnexp as rx
from rnnexp.cli.main import main
from rnnexp.compare.difference import difference
from rnnexp.data.dataset import Predictions
from rnnexp.deploy.reproduce import read_numbers
from rnnexp.evaluation.report import Report
from rnnexp.runner.description import MAX_SETTINGS, _tabulate, describe_end
from rnnexp.task import split_details
from rnnexp.tracking.names import BASELINES, LONGEST_TAG, read_baselines, write_baselines
from rnnexp.tracking.query import TrackedRun, Wanted, select, with_details, with_metric
from rnnexp.training.plan import History

MOST = 30  # metrics that a page of charts has room for
DAY = ("data.points=300", "data.horizon=24", "data.sequence_length=12", "data.season=12", "trainer.epochs=2")
BARE = ("model.units=[2]", "tracking.figures=false", "tracking.log_model=false", "trainer.batch_size=full")
COMMAND = "rnnexp train data.horizon=24 'model.units=[2]'"


class Day(NamedTuple):
    """A forecast of 24 steps: its result, the store, and the run there."""

    result: rx.RunResult
    uri: str
    run: TrackedRun


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    folder, before = tmp_path_factory.mktemp("day"), Path.cwd()
    os.chdir(folder)
    try:
        result = rx.run(rx.compose(*DAY, *BARE), command=COMMAND, quiet=True)
    finally:
        os.chdir(before)
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    return Day(result, uri, select(uri, Wanted(run=result.run_id))[0])


def stored(day: Day) -> dict[str, float]:
    """Return the metrics that MLflow's own client finds."""
    from mlflow import MlflowClient

    return dict(MlflowClient(day.uri).get_run(day.run.run_id).data.metrics)


def test_a_forecast_of_24_steps_logs_few_metrics(day: Day) -> None:
    found = stored(day)
    assert len(day.result.metrics) > 90
    assert len(found) <= MOST, sorted(found)
    assert {"test/rmse", "test/mae", "skill/rmse", "best/val/loss", "train/loss", "val/loss"} <= set(found)
    best = day.result.report.best_baseline
    assert {name for name in found if name.startswith("baseline/")} == {
        f"baseline/{best}/{name}" for name in ("rmse", "mae")
    }
    assert not any(name.startswith("test/h") for name in found)


def test_every_number_of_its_end_is_kept(day: Day) -> None:
    wanted = {name: value for name, value in day.result.metrics.items() if math.isfinite(value)}
    whole = with_details(day.uri, day.run).metrics
    assert {name: whole[name] for name in wanted} == wanted
    assert "test/h7/rmse" in wanted.keys() - day.run.metrics.keys()
    compared = read_numbers(day.result.run_dir)
    assert {name for _, name in compared} >= {name for name in wanted if not name.startswith("time/")}


def test_the_scores_of_all_baselines_are_read_with_the_run(day: Day) -> None:
    """Tables of many runs ask the store once, and no file for each run."""
    all_of_them = {name: value for name, value in day.result.metrics.items() if name.startswith("baseline/")}
    assert {name: value for name, value in day.run.metrics.items() if name.startswith("baseline/")} == all_of_them
    assert len(all_of_them) > len([name for name in stored(day) if name.startswith("baseline/")])


def test_the_tables_hold_what_is_no_metric(day: Day) -> None:
    with (day.result.run_dir / "tables" / "baselines.csv").open() as file:
        rows = {row["model"]: row for row in csv.DictReader(file)}
    assert next(iter(rows)) == "lstm"
    assert rows.keys() == {"lstm", *day.result.report.baselines}
    for name in day.result.report.baselines:
        assert float(rows[name]["rmse"]) == day.result.metrics[f"baseline/{name}/rmse"]
    assert float(rows["lstm"]["mae"]) == day.result.metrics["test/mae"]
    with (day.result.run_dir / "tables" / "horizons.csv").open() as file:
        assert float(list(csv.DictReader(file))[6]["model rmse"]) == day.result.metrics["test/h7/rmse"]


@pytest.mark.parametrize("name", ["test/h7/rmse", "test/mae", "rmse"])
def test_commands_show_any_metric_all_the_same(day: Day, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    full = name if "/" in name else f"test/{name}"
    assert main(["results", "--uri", day.uri, "--metric", name, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["metric"], row["mean"]) == (full, day.result.metrics[full])
    assert main(["compare", "status = 'FINISHED'", "--uri", day.uri, "--metric", name, "--json"]) == 0
    (group,) = json.loads(capsys.readouterr().out)["groups"]
    assert group["test"]["mean"] == day.result.metrics[full]


def test_a_metric_that_nobody_has_is_refused(day: Day, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["results", "--uri", day.uri, "--metric", "test/h99/rmse"]) == 2
    assert "--metric test/h99/rmse: no run here has it; did you mean" in capsys.readouterr().err


def test_the_linear_baseline_stands_beside_the_best_one(day: Day, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "status = 'FINISHED'", "--uri", day.uri, "--json"]) == 0
    shown = {one["name"]: one["mean"] for one in json.loads(capsys.readouterr().out)["baselines"]}
    wanted = dict.fromkeys([day.result.report.best_baseline, "linear"])
    assert shown == {name: day.result.metrics[f"baseline/{name}/rmse"] for name in wanted}


def test_runs_that_have_logged_everything_as_metrics_are_read_as_before(day: Day) -> None:
    """As those of earlier versions have: no tag, and no details."""
    old = replace(
        day.run,
        metrics={**day.run.metrics, **day.result.metrics},
        tags={key: value for key, value in day.run.tags.items() if key != BASELINES},
        artifacts="file:///nowhere",
    )
    assert with_metric(day.uri, [old], "test/h7/rmse") == [old]
    assert with_details(day.uri, replace(old, tags={})).metrics == old.metrics
    assert difference(day.uri, old, day.run)["metrics"] == []
    changed = replace(old, metrics={**old.metrics, "test/h7/rmse": 0.0})
    assert [pair.key for pair in difference(day.uri, changed, day.run)["metrics"]] == ["test/h7/rmse"]


TASKS = {
    "regression": ("data=adding", "data.examples=40", "data.sequence_length=6"),
    "sequence_to_sequence": ("data=reverse_digits", "data.examples=40", "model=encoder_decoder"),
}


@pytest.mark.parametrize("words", TASKS.values(), ids=TASKS)
def test_other_tasks_log_few_metrics_too(words: Sequence[str]) -> None:
    result = rx.run(rx.compose(*words, *BARE, "trainer.epochs=1", "tracking=off"), quiet=True)
    rows = [json.loads(line) for line in (result.run_dir / "metrics.jsonl").read_text().splitlines()]
    shown = {name for row in rows for name in row["metrics"]}
    assert len(shown) <= MOST
    assert shown | {name for row in rows for name in row.get("details", {})} >= set(result.metrics)
    best = result.report.best_baseline
    assert all(name.startswith(f"baseline/{best}/") for name in shown if name.startswith("baseline/"))


def test_details_are_steps_and_other_baselines() -> None:
    metrics = {
        "test/rmse": 1.0, "test/h1/rmse": 1.0, "train/h2/mae": 1.0, "skill/rmse": 0.5, "skill/mae": 0.5,
        "baseline/linear/rmse": 2.0, "baseline/linear/mae": 2.0, "baseline/linear/mape": 2.0,
        "baseline/drift/rmse": 3.0,
        "best/val/loss": 0.1, "best/train/loss": 0.1, "data/n_train": 4.0, "time/training_s": 1.0,
    }  # fmt: skip
    shown, details = split_details(metrics, "linear")
    assert set(details) == {
        "test/h1/rmse", "train/h2/mae", "baseline/linear/mape", "baseline/drift/rmse",
    }  # fmt: skip
    assert {**shown, **details} == metrics
    assert {name for name in split_details(metrics, None)[0] if name.startswith("baseline/")} == set()


def test_an_exact_baseline_without_a_skill_is_still_shown() -> None:
    assert "baseline/drift/rmse" in split_details({"test/rmse": 1.0, "baseline/drift/rmse": 0.0}, "drift")[0]


def test_a_tag_holds_as_many_baselines_as_it_has_room_for() -> None:
    few = {"baseline/linear/rmse": 14.650923847162347, "baseline/drift/mape": math.inf, "test/rmse": 1.0}
    assert read_baselines(write_baselines(few)) == {"baseline/linear/rmse": 14.650923847162347}
    many = {f"baseline/b{number}/rmse": number / 7 for number in range(1000)}
    written = write_baselines(many)
    assert len(written[BASELINES]) <= LONGEST_TAG
    assert 200 < len(read_baselines(written)) < 1000
    assert write_baselines({"test/rmse": 1.0}) == {}


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '{"linear/rmse": "a"}', "null"])
def test_a_tag_that_says_something_else_is_no_score(text: str) -> None:
    assert read_baselines({BASELINES: text}) == {}


def test_the_description_says_what_it_came_to_how_and_on_what(day: Day) -> None:
    note = day.run.tags["mlflow.note.content"]
    report = day.result.report
    assert f"**RMSE {day.result.metrics['test/rmse']:.5g}** on the test set" in note
    assert f"its best baseline, {report.best_baseline}" in note
    assert "**Overfit?** No: validation loss " in note
    assert f"**Command:** `{COMMAND}`" in note
    assert "| data.horizon | 24 |" in note
    assert "| model.units | [2] |" in note
    assert note.index("| model.units |") < note.index("| data.points |")  # what was chosen comes first
    assert "trainer.on_divergence" not in note  # has its default
    assert "examples: train " in note
    assert f"Folder: `{day.result.run_dir}`" in note


def curves(*losses: float | None) -> History:
    rows = [
        {"train/loss": 1.0 / (n + 1)} | ({} if loss is None else {"val/loss": loss}) for n, loss in enumerate(losses)
    ]
    return History(rows, 2, "val/loss", None, 1.0)


def told(history: History, **about: Any) -> str:
    one = np.zeros((1, 1, 1))
    report = Report({"test/rmse": 2.0, "baseline/drift/rmse": 1.0, "skill/rmse": -1.0}, Predictions(one, one), **about)
    return describe_end(report, history, "test", "before\n\nthe rest")


def test_the_description_tells_whether_it_overfits() -> None:
    risen = told(curves(0.8, 0.5, 0.9))
    assert "Yes: validation loss 0.5 in its best epoch, 2, and 0.9 at the end; weights of epoch 2 of 3." in risen
    assert "**Overfit?** No: " in told(curves(0.8, 0.5, 0.51))
    assert "Cannot be told without a validation set; weights of epoch 2 of 3." in told(curves(None, None, None))


def test_the_description_tells_who_won_and_why_it_lost() -> None:
    lost = told(
        curves(0.8), best_baseline="drift", beats_baseline=False, why="why: too few epochs; try trainer.epochs=9"
    )
    assert "**not better** than its best baseline, drift, with 1 (skill -1.000)." in lost
    assert "**Why it lost:** too few epochs; try trainer.epochs=9" in lost
    assert lost.index("before") < lost.index("Why") < lost.index("the rest")  # the command comes first
    assert "no baseline is defined" in told(curves(0.8))


def test_a_description_names_few_settings_and_no_secret() -> None:
    many = {f"model.k{number}": number for number in range(MAX_SETTINGS + 3)}
    assert _tabulate(many).endswith("and 3 more, at the top of the parameters")
    table = _tabulate({"data.password": "hunter22", "data.path": "a|b`c"})
    assert "hunter22" not in table
    assert r"| data.path | a\|b\`c |" in table
    assert _tabulate({}) == "All defaults."
