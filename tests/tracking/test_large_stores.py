"""How often a store is asked does not depend on how many runs it holds: what one waits for is answers, not rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from large_store import LargeStore, make_large_store

from rnnexp.cli.main import main
from rnnexp.tracking import database, query
from tests.tracking.faulty_server import running

FEW, MANY = 20, 200
LISTING = [["runs"], ["compare"]]
COMMANDS = [
    *LISTING,
    ["runs", "--filter", "metrics.test/rmse < 10 AND params.seed = '0'"],
    ["results"],
    ["compare", "metrics.test/rmse < 10"],
    ["best"],
    ["report", "-o", "report.html"],
    ["diff", "RUN", "RUN"],
]
Counts = dict[str, int]
Count = Callable[[LargeStore, Sequence[list[str]]], Counts]


def ask_all(commands: Sequence[list[str]], store: LargeStore, uri: str, asked: list[str]) -> Counts:
    """Return how often the store was asked by each command."""
    run = query.select(store.uri, query.Wanted(tags={"rnnexp.job": "7"}))[0].run_id
    found = {}
    for command in commands:
        asked.clear()
        assert main([run if word == "RUN" else word for word in command] + ["--uri", uri]) == 0
        found[" ".join(command)] = len(asked)
    return found


@pytest.fixture
def by_tables(monkeypatch: pytest.MonkeyPatch) -> Count:
    """Count the statements that a local database is asked."""
    asked: list[str] = []
    opened = database._opened

    def watched(file: Path) -> sqlite3.Connection:
        connection = opened(file)
        connection.set_trace_callback(asked.append)
        return connection

    monkeypatch.setattr(database, "_opened", watched)
    monkeypatch.setattr(query, "_asked", never)
    return lambda store, commands: ask_all(commands, store, store.uri, asked)


@pytest.fixture
def by_server(monkeypatch: pytest.MonkeyPatch) -> Count:
    """Count the requests that a server gets."""

    def count(store: LargeStore, commands: Sequence[list[str]]) -> Counts:
        with running(store.sweep.parents[2], monkeypatch) as server:
            return ask_all(commands, store, server.uri, server.requests)

    return count


def never(*_: Any) -> Any:
    raise AssertionError("MLflow's client is asked, which takes ten times as long")


@pytest.mark.parametrize("way", ["by_tables", pytest.param("by_server", marks=pytest.mark.end_to_end)])
@pytest.mark.end_to_end
def test_ten_times_as_many_runs_are_asked_for_as_often(
    way: str, tmp_path: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    count: Count = request.getfixturevalue(way)
    few, many = (count(make_store(tmp_path / str(jobs), jobs), COMMANDS) for jobs in (FEW, MANY))
    assert many == few
    assert max(many.values()) <= 16
    assert f"{MANY // 50} failed, {MANY - MANY // 50} ok" in capsys.readouterr().out


@pytest.mark.parametrize("way", ["by_tables", pytest.param("by_server", marks=pytest.mark.end_to_end)])
def test_many_sweeps_are_listed_with_as_few_questions_as_one(
    way: str, tmp_path: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    count: Count = request.getfixturevalue(way)
    store = make_store(tmp_path / "one", 10)
    one = count(store, LISTING)
    for jobs in range(11, 17):
        make_large_store(tmp_path / "one", jobs, epochs=1, database="server.db", name=f"sine_lstm-{jobs}")
    capsys.readouterr()
    assert count(store, LISTING) == one
    said = capsys.readouterr().out
    assert [jobs for jobs in range(10, 17) if f" {jobs} ok " not in said] == []


def make_store(folder: Path, jobs: int) -> LargeStore:
    folder.mkdir()
    return make_large_store(folder, jobs, epochs=3, database="server.db")


def test_a_server_that_cannot_be_asked_for_what_is_absent_is_asked_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from mlflow.utils.search_utils import SearchUtils

    store = make_store(tmp_path / "one", 10)
    make_large_store(tmp_path / "one", 12, epochs=1, database="server.db", name="another")
    with running(tmp_path / "one", monkeypatch) as server:
        assert main(["runs", "--uri", server.uri]) == 0
        monkeypatch.setattr(SearchUtils, "VALID_TAG_COMPARATORS", {"!=", "=", "LIKE", "ILIKE"})
        before = capsys.readouterr().out
        assert main(["runs", "--uri", server.uri]) == 0
    assert capsys.readouterr().out == before
    assert len(before.splitlines()) == 3, store
