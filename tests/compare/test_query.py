"""Reading runs straight from the tables gives what MLflow's client gives."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sweep_maker import Made

from rnnexp.errors import ConfigError
from rnnexp.tracking import client, database, query
from rnnexp.tracking.find import finished_runs, is_filter
from rnnexp.tracking.query import PARENT, Wanted, artifact, histories, select

WANTED = [
    pytest.param(Wanted(), id="everything"),
    pytest.param(Wanted(status="FINISHED"), id="finished"),
    pytest.param(Wanted(tags={"rnnexp.kind": "sweep"}), id="a-tag"),
    pytest.param(Wanted(absent=(PARENT,)), id="an-absent-tag"),
    pytest.param(Wanted(limit=3), id="the-latest"),
    pytest.param(Wanted(run="lstm-9"), id="a-name"),
    pytest.param(Wanted(deleted=None), id="those-in-the-trash-too"),
]
FILTERS = [
    "metrics.test/rmse < 0.12",
    "metrics.test/rmse >= 0.12 AND params.model.name = 'gru'",
    "metrics.`best/val/loss` != 0.01",
    "params.model.name != 'gru'",
    "params.seed = '0'",
    "params.model.name LIKE 'G%'",
    "params.model.name ILIKE 'G%'",
    "params.none IS NULL",
    "params.model.name IS NOT NULL",
    "tags.rnnexp.outcome = 'failed'",
    "tags.`mlflow.parentRunId` IS NULL",
    "tags.rnnexp.group ILIKE '%SINE%'",
    "tags.none = 'nothing'",
    "status = 'FINISHED'",
    "attributes.status != 'FINISHED' AND metrics.val/loss > 0",
    "attributes.run_name LIKE 'lstm-%'",
    "attributes.run_name = 'sine_lstm-3fa2c1'",
    "attributes.start_time > 0 AND end_time > 1",
    "attributes.run_id IN ('a', 'b')",
    "attributes.user_id != 'nobody'",
    "dataset.name = 'train'",
]


@pytest.mark.parametrize("wanted", WANTED)
def test_the_tables_give_what_the_client_gives(made: Made, wanted: Wanted) -> None:
    """Runs that start in the same millisecond have no order: they are compared as sets."""
    read = {run.run_id: run for run in select(made.uri, replace(wanted, limit=None))}
    asked = {run.run_id: run for run in query._asked(made.uri, replace(wanted, limit=None))}
    assert read == asked
    assert len(read) > 0
    assert len(select(made.uri, wanted)) == (wanted.limit or len(asked))


@pytest.mark.parametrize("expression", FILTERS)
def test_a_filter_finds_in_the_tables_what_the_client_finds(made: Made, expression: str) -> None:
    wanted = Wanted(filter=expression)
    read = {run.run_id: run for run in select(made.uri, wanted)}
    assert read == {run.run_id: run for run in query._asked(made.uri, wanted)}


def test_the_filters_tell_runs_apart(made: Made) -> None:
    found = [len(select(made.uri, Wanted(filter=expression))) for expression in FILTERS]
    assert len(set(found)) > 5
    assert len(select(made.uri, Wanted(filter=FILTERS[0], limit=2))) == 2


def test_a_filter_asks_no_client_for_what_the_tables_know(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "_asked", refused)
    assert select(made.uri, Wanted(filter=FILTERS[0]))
    with pytest.raises(sqlite3.OperationalError, match="no such column"):
        select(made.uri, Wanted(filter="dataset.name = 'train'"))


def test_a_value_that_differs_would_be_noticed(made: Made) -> None:
    run = select(made.uri, Wanted(limit=1))[0]
    assert run != replace(run, metrics={**run.metrics, "test/rmse": -1.0})


def test_an_id_is_found_by_its_beginning(made: Made) -> None:
    assert [run.name for run in select(made.uri, Wanted(run=made.run_id[:12]))] == [made.name]


def test_runs_come_the_latest_first(made: Made) -> None:
    started = [run.started for run in select(made.uri, Wanted())]
    assert started == sorted(started, reverse=True)


def test_results_leave_out_the_run_of_the_sweep_itself(made: Made) -> None:
    found = finished_runs(made.uri)
    assert found
    assert made.run_id not in {run.run_id for run in found}


def test_curves_are_in_the_order_of_their_epochs(made: Made) -> None:
    run_id = made.children[0][0]
    read = histories(made.uri, [run_id, made.run_id], "val/loss")
    assert list(read) == [run_id]
    assert [step for step, _ in read[run_id]] == [1, 2, 3, 4, 5]


def test_curves_are_those_of_the_client(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    read = histories(made.uri, made.children[0], "val/loss")
    monkeypatch.setattr(database, "histories", refused)
    assert histories(made.uri, made.children[0], "val/loss") == read


def refused(*_: Any) -> Any:
    raise sqlite3.OperationalError("no such column")


def test_tables_of_another_shape_are_left_to_the_client(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    before = select(made.uri, Wanted(run="lstm-9"))
    monkeypatch.setattr(database, "runs", refused)
    assert select(made.uri, Wanted(run="lstm-9")) == before


def test_a_missing_database_has_no_runs_and_is_not_made(tmp_path: Path) -> None:
    assert select(f"sqlite:///{tmp_path}/none.db", Wanted()) == []
    assert list(tmp_path.iterdir()) == []


def test_an_artifact_is_read_and_a_missing_one_is_none(made: Made) -> None:
    (run,) = select(made.uri, Wanted(run=made.children[0][0]))
    assert "name: gru" in str(artifact(made.uri, run, "config/config.yaml"))
    assert artifact(made.uri, run, "config/none.yaml") is None
    assert query._downloaded(made.uri, run, "config/config.yaml") == artifact(made.uri, run, "config/config.yaml")


def test_a_filter_that_mlflow_cannot_read_is_a_mistake_of_the_command(made: Made) -> None:
    with pytest.raises(ConfigError, match="filter `params.a == 3`"):
        select(made.uri, Wanted(filter="params.a == 3"))
    with pytest.raises(
        ConfigError, match=r"filter `test/rmse < 5`: .*; for example metrics\.test/rmse < 5 AND params\."
    ):
        select(made.uri, Wanted(filter="test/rmse < 5"))


@pytest.mark.parametrize(
    "text", ["metrics.test/rmse < {}", "metrics.test/rmse<{}", "metrics.`test/rmse` < {}", 'metric."test/rmse" < {}']
)
def test_a_name_with_a_slash_needs_no_quotes_in_a_filter(made: Made, text: str) -> None:
    known = [run for run in select(made.uri, Wanted()) if "test/rmse" in run.metrics]
    most = max(run.metrics["test/rmse"] for run in known)
    some = select(made.uri, Wanted(filter=f"{text.format(most)} AND params.model.name = 'gru'"))
    fitting = [run for run in known if run.metrics["test/rmse"] < most and run.params["model.name"] == "gru"]
    assert {run.run_id for run in some} == {run.run_id for run in fitting}
    assert 0 < len(some) < len(known)


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("params.model.name = 'lstm'", "params.model.name = 'lstm'"),
        ("tags.a = 'metrics.test/rmse' AND metrics.a/b>1", "tags.a = 'metrics.test/rmse' AND metrics.`a/b`>1"),
        ("metrics.`a/b` < 1 AND tags.\"a/b\" = 'c'", "metrics.`a/b` < 1 AND tags.\"a/b\" = 'c'"),
        ("METRICS.seasonal-naive!=1", "METRICS.`seasonal-naive`!=1"),
        ("attributes.run_id IN ('a','b')", "attributes.run_id IN ('a','b')"),
    ],
)
def test_only_names_with_other_signs_are_put_in_quotes(written: str, asked: str) -> None:
    assert client.mark_names(written) == asked


@pytest.mark.parametrize("text", ["params.model.name = 'lstm'", "metrics.x<1", "tags.a LIKE 'b%'"])
def test_filters_are_told_from_names(text: str) -> None:
    assert is_filter(text)
    assert not is_filter("sine_lstm-3fa2c1")
