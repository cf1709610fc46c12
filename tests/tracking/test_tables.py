"""Data and models that are written as rows are what MLflow's client would have made of them."""

from __future__ import annotations

import json
import sqlite3
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from rnnexp import registry
from rnnexp.config.settings import Tracking
from rnnexp.models import bundle, exporter
from rnnexp.tasks import load
from rnnexp.tracking import Data, RunInfo, model, model_templates, start, tables
from rnnexp.tracking.pyfunc import _load_pyfunc
from rnnexp.tracking.target import KEY

PARAMS = {"model.units": "[4]", "seed": "1"}
OF_A_MODEL = {
    "logged_models": ("model_id", "name, lifecycle_stage, status, experiment_id, source_run_id, model_type"),
    "logged_model_params": ("model_id", "experiment_id, param_key, param_value"),
    "logged_model_metrics": (
        "model_id",
        "metric_name, metric_step, metric_value, experiment_id, run_id, dataset_uuid, dataset_name, dataset_digest",
    ),
    "inputs": ("destination_id", "source_type, source_id, destination_type, step"),
}


class Member:
    """A saved bundle with its raw rows and what the network answers to them."""

    def __init__(self, folder: Path, seed: int, dropout: float) -> None:
        from rnnexp import runtime
        from rnnexp.models.build import build

        runtime.configure()
        dataset = load(registry.lookup("data", "airline_passengers")(sequence_length=3, horizon=2))
        architecture = registry.lookup("model", "lstm")(units=[4, 4], dropout=dropout)
        network = build(architecture, dataset.spec, seed)
        exporter.save(folder, bundle.Bundle(network, dataset.spec, dataset.scaling, architecture))
        self.folder, self.rows, ahead = folder, dataset.example(), dataset.forecast()
        self.answer = ahead.restore(ahead.roll(lambda x: np.asarray(network(x))))[0, :, 0]


def about(folder: Path) -> RunInfo:
    return RunInfo("airline", "lstm", PARAMS, {}, "", "", "test/rmse", False, folder)


def logged(settings: Tracking, member: Member, folder: Path) -> tuple[str, str]:
    """Log a member as a run's model and return the ids of the two."""
    with start(settings, about(folder)) as run:
        run.log_summary({"test/rmse": 14.5, "best/epoch": 3.0})
        run.log_model(member.folder, member.rows)
    assert run.run_id is not None
    from mlflow import MlflowClient

    (output,) = MlflowClient(settings.uri).get_run(run.run_id).outputs.model_outputs
    return run.run_id, output.model_id


def rows(store: str, number: str, run_id: str) -> dict[str, Any]:
    """Return what the tables hold of a model, without ids and times."""
    with sqlite3.connect(store.removeprefix("sqlite:///")) as connection:
        found = {
            table: connection.execute(
                f"SELECT {columns} FROM {table} WHERE {owner} = ? ORDER BY {columns}", [number]
            ).fetchall()
            for table, (owner, columns) in OF_A_MODEL.items()
        }
    connection.close()
    return json.loads(json.dumps(found).replace(run_id, "RUN"))  # type: ignore[no-any-return]


def files(client: Any, number: str) -> dict[str, bytes]:
    place = Path(client.get_logged_model(number).artifact_location.removeprefix("file://"))
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def described(content: bytes) -> dict[str, Any]:
    """Read MLmodel without the ids and times."""
    own = ("artifact_path", "run_id", "model_id", "model_uuid", "utc_time_created")
    return {key: value for key, value in yaml.safe_load(content).items() if key not in own}


def test_a_second_member_is_logged_as_if_it_were_the_first(
    settings: Tracking, client: Any, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Member(tmp_path / "first" / "model", seed=0, dropout=0.0)
    second = Member(tmp_path / "second" / "model", seed=1, dropout=0.3)
    monkeypatch.setattr(model_templates, "_templates", {})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    _, slow = logged(settings, first, tmp_path / "one")
    _, quick = logged(settings, second, tmp_path / "two")
    assert len(model_templates._templates) == len([*(tmp_path / "cache").rglob("*.json")]) == 1

    alone = tmp_path / "alone"
    outputs = _load_pyfunc(str(second.folder)).predict(second.rows)
    with warnings.catch_warnings():  # of pandas, met by MLflow
        warnings.simplefilter("ignore")
        signature = model._make_signature(outputs, model._find_requests(second.folder))
        model._save_by_mlflow(alone, second.folder, second.rows, signature, "jax")
    expected = {path.relative_to(alone).as_posix(): path.read_bytes() for path in alone.rglob("*") if path.is_file()}

    found = files(client, quick)
    assert found.keys() == expected.keys()
    assert {name for name in found if found[name] != expected[name]} == {"MLmodel"}
    assert described(found["MLmodel"]) == described(expected["MLmodel"])
    assert json.loads(found["data/model/model.json"])["architecture"]["dropout"] == 0.3
    assert b'"rate": 0.3' in config_of(second)
    assert b'"rate": 0.3' not in config_of(first)
    assert yaml.safe_load(found["MLmodel"])["model_id"] == quick
    for member, number in ((first, slow), (second, quick)):
        np.testing.assert_allclose(predicted(store, number, member.rows), member.answer, rtol=1e-5)
    assert not np.allclose(first.answer, second.answer, rtol=1e-3)


def config_of(member: Member) -> bytes:
    import zipfile

    with zipfile.ZipFile(member.folder / "model.keras") as archive:
        return archive.read("config.json")


def predicted(store: str, number: str, given: pd.DataFrame) -> Any:
    from mlflow.pyfunc import load_model
    from mlflow.tracking import set_tracking_uri

    set_tracking_uri(store)
    try:
        return load_model(f"models:/{number}").predict(given)["passengers"].to_numpy()
    finally:
        set_tracking_uri(None)  # type: ignore[arg-type]


def test_the_plain_copies_of_members_hold_their_own_weights(tmp_path: Path) -> None:
    import keras

    members = [Member(tmp_path / str(seed), seed, dropout) for seed, dropout in ((0, 0.0), (1, 0.0), (2, 0.2))]
    for member in members:
        plain = keras.models.load_model(member.folder / "model.keras")
        loaded = bundle.load(member.folder).model
        for one, other in zip(plain.weights, loaded.weights):
            np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
    weights = [bundle.load(member.folder).model.weights[0] for member in members]
    assert not np.allclose(np.asarray(weights[0]), np.asarray(weights[1]))


def test_the_rows_of_a_model_are_those_of_the_client(
    settings: Tracking, client: Any, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = Member(tmp_path / "model", seed=0, dropout=0.0)
    run_id, direct = logged(settings, member, tmp_path / "direct")
    monkeypatch.setattr(tables, "_MODEL", "INSERT INTO logged_models (no_such_column) VALUES (?)")
    other_run, asked = logged(settings, member, tmp_path / "asked")
    ours, theirs = client.get_logged_model(direct), client.get_logged_model(asked)
    assert rows(store, direct, run_id) == rows(store, asked, other_run)
    assert rows(store, direct, run_id)["logged_model_metrics"] != []
    assert (ours.status, ours.params, ours.tags) == (theirs.status, theirs.params, theirs.tags)
    assert ours.artifact_location.replace(direct, "M") == theirs.artifact_location.replace(asked, "M")
    assert files(client, direct).keys() == files(client, asked).keys()
    (output,) = client.get_run(run_id).outputs.model_outputs
    assert (output.model_id, output.step) == (direct, 0)
    root = Path(ours.artifact_location.removeprefix("file://")).parents[1]
    assert {path.name for path in root.iterdir()} >= {direct, asked}
    left = [path for path in root.iterdir() if not any(path.rglob("MLmodel")) and any(path.rglob("*.npz"))]
    assert left == []


def test_the_rows_of_the_data_are_those_of_the_client(
    settings: Tracking, client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def linked(folder: str, digest: str) -> Any:
        with start(settings, about(tmp_path / folder)) as run:
            run.log_data(Data("train", digest, "sine", 98, ("value",)), Data("val", digest, "sine"))
            run.log_data(Data("train", digest, "sine", 98, ("value",)))  # again
        inputs = client.get_run(run.run_id).inputs.dataset_inputs
        return sorted((one.to_dictionary() for one in inputs), key=lambda one: str(one["dataset"]["name"]))

    direct, again = linked("a", "direct"), linked("b", "direct")
    monkeypatch.setattr(tables, "_KNOWN", "SELECT no_such_column FROM datasets")
    asked, mixed = linked("c", "asked"), linked("d", "direct")
    assert direct == again == mixed
    assert json.loads(json.dumps(direct).replace("direct", "asked")) == asked
    assert len(direct) == 2
    assert direct[0]["tags"] != direct[1]["tags"]


def test_the_row_of_a_run_is_that_of_the_client(
    settings: Tracking, client: Any, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def row(folder: str) -> dict[str, Any]:
        with start(settings, about(tmp_path / folder)) as run:
            run.flush()
            info = client.get_run(run.run_id).info
            tags = client.get_run(run.run_id).data.tags
            tags.pop(KEY, None)  # of those to which the client has given an id
            assert Path(info.artifact_uri.removeprefix("file://")).name == "artifacts"
        with sqlite3.connect(store.removeprefix("sqlite:///")) as connection:
            found = connection.execute("SELECT * FROM runs WHERE run_uuid = ?", [run.run_id])
            names = [column[0] for column in found.description]
            values = dict(zip(names, found.fetchone()))
        connection.close()
        values |= {"artifact_uri": values["artifact_uri"].replace(run.run_id, "RUN"), "tags": tags}
        return {key: value for key, value in values.items() if key not in ("run_uuid", "start_time", "end_time")}

    row("first")  # the experiment is known from here on
    direct = row("direct")
    monkeypatch.setattr(tables, "_RUN", "INSERT INTO runs (no_such_column) VALUES (?)")
    asked = row("asked")
    folders = [str(tmp_path / name) for name in ("direct", "asked")]
    assert json.dumps(direct).replace(*folders) == json.dumps(asked)
    assert {**direct, "status": "RUNNING"} != asked
