"""A sweep that was tracked before its keys were renamed is compared and committed under those of today."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from sweep_maker import Job, Made, curve, make_sweep

from rnnexp.compare import find
from rnnexp.compare.experiment_file import SCHEMA
from rnnexp.compare.winner import winner
from rnnexp.tracking.query import Wanted, select
from rnnexp.tracking.store import open_store, tracking_uri

OLD = {"data.unit": "data.units", "model.patch_size": "model.segment"}


class Aged(NamedTuple):
    """A sweep of old keys, and what was said of it while its keys were those of today."""

    made: Made
    columns: list[str]
    text: str


@pytest.fixture(scope="module")
def aged(tmp_path_factory: pytest.TempPathFactory) -> Aged:
    uri = tracking_uri(f"sqlite:///{tmp_path_factory.mktemp('older') / 'mlflow.db'}")
    open_store(uri)
    points = [("cm", 2), ("cm", 5), ("kg", 5)]
    jobs = {
        number: [Job((f"data.unit={unit}", f"model.patch_size={size}"), curve(0.1 + number / 10))]
        for number, (unit, size) in enumerate(points)
    }
    made = make_sweep(uri, "older", list(OLD), jobs)
    sweep = find.sweep(uri, "older")
    before = Aged(made, list(sweep.compared().columns), winner(uri, sweep).text.removeprefix(f"{SCHEMA}\n"))
    age(Path(uri.removeprefix("sqlite:///")))
    return before


def age(store: Path) -> None:
    """Write a store as it was before the keys were renamed."""
    with closing(sqlite3.connect(store)) as connection, connection:
        for new, old in OLD.items():
            connection.execute("UPDATE params SET key = ? WHERE key = ?", (old, new))
        connection.execute("UPDATE tags SET value = ? WHERE key = 'rnnexp.varied'", (",".join(OLD.values()),))
        connection.execute(
            "INSERT INTO tags (run_uuid, key, value) SELECT run_uuid, 'rnnexp.why_lost', 'level_shift' FROM runs"
        )
    for config in store.parent.rglob("config.yaml"):
        text = config.read_text()
        config.write_text(text.replace("\n  unit: ", "\n  units: ").replace("\n  patch_size: ", "\n  segment: "))
        assert config.read_text() != text


def test_a_sweep_of_old_keys_is_compared_and_won_under_those_of_today(aged: Aged) -> None:
    sweep = find.sweep(aged.made.uri, "older")
    assert sweep.varied == list(OLD) == aged.columns
    assert list(sweep.compared().columns) == aged.columns
    assert winner(aged.made.uri, sweep).text == aged.text
    assert "unit: cm" in aged.text
    assert "patch_size: 2" in aged.text


OLD_FILTER = "params.`data.units` = 'cm' AND params.model.segment = '2' AND tags.rnnexp.why_lost = 'level_shift'"
NEW_FILTER = "params.`data.unit` = 'cm' AND params.model.patch_size = '2' AND tags.rnnexp.diagnosis = 'level_shift'"


@pytest.mark.parametrize("expression", [None, OLD_FILTER, NEW_FILTER])
def test_whoever_reads_old_runs_sees_the_names_of_today(
    aged: Aged, expression: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    run = select(aged.made.uri, Wanted(run=aged.made.children[0][0], filter=expression))[0]
    told = ["model.segment is called params.model.patch_size now", "why_lost is called tags.rnnexp.diagnosis now"]
    assert [text in caplog.text for text in told] == [expression == OLD_FILTER] * 2
    assert run.tags["rnnexp.diagnosis"] == "level_shift"
    assert "rnnexp.why_lost" not in run.tags
    assert (run.params["data.unit"], run.params["model.patch_size"]) == ("cm", "2")
    assert not set(OLD.values()) & set(run.params)
    with closing(sqlite3.connect(aged.made.uri.removeprefix("sqlite:///"))) as connection:
        logged = {key for (key,) in connection.execute("SELECT key FROM params WHERE run_uuid = ?", [run.run_id])}
    assert set(OLD.values()) <= logged
