"""`rnnexp results` over runs that were really tracked, and what a run without a test part says of itself."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hydra.core.global_hydra import GlobalHydra

import rnnexp as rx
from rnnexp.cli.main import main
from rnnexp.cli.summary import print_summary, summary
from rnnexp.compare.results import notes, rows
from rnnexp.errors import ConfigError, ResourceError
from rnnexp.tracking.find import finished_runs

QUICK = ("trainer.epochs=3", "model.units=[4]", "tracking.figures=false", "tracking.log_model=false")


class Tracked(NamedTuple):
    """Runs of two seeds without a test part, one with a test part, and the store they are in."""

    ramp: list[Any]
    airline: Any
    uri: str


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Tracked:
    folder = tmp_path_factory.mktemp("results")
    before = Path.cwd()
    os.chdir(folder)
    try:
        ramp = [rx.run(rx.compose("experiment=ramp_sgd", *QUICK, f"seed={seed}"), quiet=True) for seed in (0, 1)]
        airline = rx.run(rx.compose("experiment=airline_lstm", *QUICK), quiet=True)
    finally:
        os.chdir(before)
    return Tracked(ramp, airline, f"sqlite:///{folder / 'mlflow.db'}")


def shown(tracked: Tracked, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    assert main(["results", "--uri", tracked.uri, *options]) == 0
    return capsys.readouterr().out


def test_seeds_of_one_experiment_are_one_row(tracked: Tracked, capsys: pytest.CaptureFixture[str]) -> None:
    airline, ramp = json.loads(shown(tracked, capsys, "--json"))
    assert (airline["experiment"], airline["runs"]) == ("airline_lstm", 1)
    assert (ramp["experiment"], ramp["model"], ramp["runs"]) == ("ramp_sgd", "simple_rnn", 2)
    scores = [result.metrics["train/rmse"] for result in tracked.ramp]
    assert scores[0] != scores[1]
    assert ramp["mean"] == pytest.approx(sum(scores) / 2)


def test_a_score_of_the_training_part_is_no_verdict(tracked: Tracked, capsys: pytest.CaptureFixture[str]) -> None:
    airline, ramp = json.loads(shown(tracked, capsys, "--json"))
    assert (ramp["metric"], ramp["verdict"]) == ("train/rmse", "scored on its training set")
    assert (airline["metric"], airline["verdict"]) == ("test/rmse", "loses to it")


def test_baselines_that_depend_on_the_seed_are_averaged_as_the_score_is(tracked: Tracked) -> None:
    (run,) = [run for run in finished_runs(tracked.uri) if run.name.startswith("airline") or "airline" in str(run.tags)]
    found = {"baseline/drift/rmse": 2 * run.metrics["baseline/linear/rmse"]}
    other = replace(
        run,
        run_id="other",
        params={**run.params, "seed": "9"},
        tags={**run.tags, "rnnexp.best_baseline": "drift"},
        metrics={**run.metrics, **found},
    )
    (row,) = rows([run, other])
    assert row.baseline == "drift or linear"
    assert row.baseline_score == pytest.approx(1.5 * run.metrics["baseline/linear/rmse"])
    assert rows([run])[0].baseline_score == pytest.approx(run.metrics["baseline/linear/rmse"])


def test_experiments_can_be_chosen(tracked: Tracked, capsys: pytest.CaptureFixture[str]) -> None:
    assert [row["experiment"] for row in json.loads(shown(tracked, capsys, "--json", "ramp_sgd"))] == ["ramp_sgd"]


def test_results_are_text_or_markdown(tracked: Tracked, capsys: pytest.CaptureFixture[str]) -> None:
    text, markdown = shown(tracked, capsys).splitlines(), shown(tracked, capsys, "--md").splitlines()
    assert len(text) == 3
    assert text[1].startswith("airline_lstm")
    assert len(markdown) == 4
    assert markdown[2].startswith("| airline_lstm | lstm | jax | 1 | test/rmse | ")


def test_folds_that_are_scored_in_turn_are_one_row(tracked: Tracked) -> None:
    """Folds of a validation part chose settings; folds of a test part are the answer, one by one."""
    airline = next(run for run in finished_runs(tracked.uri) if "test/rmse" in run.metrics)

    def folds(held_out: str) -> list[Any]:
        params = {**airline.params, "data.held_out": held_out}
        tags = {**airline.tags, "rnnexp.varied": "data.fold"}
        return [replace(airline, params={**params, "data.fold": str(fold)}, tags=tags) for fold in (1, 2, 3)]

    assert [row.runs for row in rows(folds("test"))] == [3]
    assert rows(folds("val")) == []


def test_jobs_of_a_search_are_no_results(tracked: Tracked) -> None:
    """The last learning rate that a search has tried is not what the experiment has reached."""
    found = finished_runs(tracked.uri)
    searched = [replace(run, tags={**run.tags, "rnnexp.varied": "seed,optimizer.learning_rate"}) for run in found]
    repeated = [replace(run, tags={**run.tags, "rnnexp.varied": "model,seed"}) for run in found]
    assert rows(searched) == []
    assert rows(repeated) == rows(found) != []


def test_another_setting_is_no_repetition_and_the_row_says_that_there_is_one(
    tracked: Tracked, capsys: pytest.CaptureFixture[str]
) -> None:
    """A setting that was logged late was once taken for a further seed of the first."""
    ramp = next(run for run in finished_runs(tracked.uri) if run.tags["rnnexp.group"] == "ramp_sgd")
    longer = replace(ramp, run_id="longer", params={**ramp.params, "trainer.epochs": "9"})
    (row,) = rows([longer, ramp])
    assert (row.runs, row.other_settings) == (1, 1)
    assert list(notes([row])) == [
        "ramp_sgd with simple_rnn on jax: the latest setting of 2; all of them: "
        "rnnexp compare \"tags.`rnnexp.group` = 'ramp_sgd'\""
    ]
    (row,) = rows([replace(longer, params={**ramp.params, "seed": "9", "threads": "1"}), ramp])
    assert (row.runs, row.other_settings, list(notes([row]))) == (2, 0, [])
    assert main(["compare", "tags.`rnnexp.group` = 'ramp_sgd'", "--uri", tracked.uri]) == 0
    assert "over 2 runs" in capsys.readouterr().out


def test_runs_on_other_files_or_columns_are_rows_of_their_own(tracked: Tracked) -> None:
    (run,) = [run for run in finished_runs(tracked.uri) if run.tags["rnnexp.group"].startswith("airline")]
    asked = {"a": ("a.csv", "sales"), "b": ("b.csv", "sales"), "c": ("a.csv", "visits"), "d": ("a.csv", "sales")}
    runs = [
        replace(run, run_id=name, params={**run.params, "data.path": path, "data.target": target, "seed": name})
        for name, (path, target) in asked.items()
    ]
    found = rows(runs)
    assert {row.asked: row.runs for row in found} == {
        "airline_lstm (path=a.csv target=sales)": 2,
        "airline_lstm (path=a.csv target=visits)": 1,
        "airline_lstm (path=b.csv target=sales)": 1,
    }
    (alone,) = rows(runs[:1])
    assert alone.asked == "airline_lstm"
    earlier = replace(runs[1], run_id="e", params={**runs[1].params, "model.units": "[9]"})
    (told,) = notes(rows([*runs, earlier]))
    assert told.endswith("and params.`data.path` = 'b.csv' and params.`data.target` = 'sales'\"")


def test_a_run_without_tracking_is_not_sent_to_compare(tracked: Tracked, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="rnnexp"):
        print_summary(tracked.airline, ["model.units=[4]"])
        assert "seed=0,1,2   then   rnnexp compare" in caplog.text
        caplog.clear()
        print_summary(replace(tracked.airline, run_id=None), ["model.units=[4]", "tracking=off"])
    assert "next     rnnexp train -m 'model.units=[4]' tracking=off seed=0,1,2" in caplog.text
    assert "compare" not in caplog.text


def test_a_run_on_everything_says_that_its_score_is_not_honest(tracked: Tracked) -> None:
    note = "on the training set (split: none, so the score is optimistic)"
    assert note in "\n".join(summary(tracked.ramp[0]))
    assert note not in "\n".join(summary(tracked.airline))
    assert not [key for key in tracked.ramp[0].metrics if key.startswith("test/")]


def test_the_given_rows_are_continued(tracked: Tracked) -> None:
    assert tracked.ramp[0].forecast.shape == (1, 1, 1)
    assert "forecast of what follows 70, 80, 90: " in "\n".join(summary(tracked.ramp[0]))


def test_another_split_gives_another_linear_baseline(tracked: Tracked) -> None:
    """The published 14.55 is of the tutorial's 46 targets: the experiment's own split scores others."""
    assert round(tracked.airline.metrics["baseline/linear/rmse"], 2) != 14.55


def test_runs_leave_no_global_hydra_state(tracked: Tracked) -> None:
    assert not GlobalHydra.instance().is_initialized()


def test_a_second_backend_in_one_process_is_refused(tracked: Tracked) -> None:
    with pytest.raises((ConfigError, ResourceError), match="jax"):
        rx.run(rx.compose("backend=tensorflow", *QUICK), quiet=True)
