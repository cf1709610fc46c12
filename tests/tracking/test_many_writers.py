"""Eight processes write to one store at a time, and every row of each is there: what their own folders say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from real_server import postgresql, serving

from rnnexp.tracking.journal import ENTRIES, RunJournal
from rnnexp.tracking.store import open_store

WRITERS, EPOCHS = 8, 200
SWEEP = f"""train -m experiment=sine_lstm data.points=60 model.units=[2] trainer.epochs={EPOCHS} seed=range({WRITERS})
tracking.figures=false hydra/launcher=local hydra.launcher.vectorize=false hydra.launcher.n_jobs={WRITERS}""".split()
SIXTY = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "60"}  # s; so many writers keep one worker of a server busy

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="session")
def database() -> Iterator[str]:
    with postgresql() as uri:
        yield uri


@pytest.fixture
def server(database: str, tmp_path: Path) -> Iterator[str]:
    (tmp_path / "server").mkdir()
    with serving(tmp_path / "server", database) as address:
        yield address


def rnnexp(*words: str, uri: str) -> str:
    environment = {**os.environ, **SIXTY, "MLFLOW_TRACKING_URI": uri, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-m", "rnnexp", *words], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def written(journal: RunJournal) -> list[tuple[Any, ...]]:
    """Return the rows that a run has written down in its folder."""
    lines = [json.loads(line) for line in journal.rows.path.read_text().splitlines()]
    return sorted((key, line["step"], value, line["time"]) for line in lines for key, value in line["metrics"].items())


def stored(client: Any, run_id: str) -> list[tuple[Any, ...]]:
    """Return the rows that a store has of a run."""
    keys = client.get_run(run_id).data.metrics
    points = [point for key in keys for point in client.get_metric_history(run_id, key)]
    return sorted((point.key, point.step, point.value, point.timestamp) for point in points)


def check_store(uri: str, folder: Path) -> None:
    client = open_store(uri)
    experiments = [one for one in client.search_experiments() if one.name != "Default"]
    assert [one.name for one in experiments] == ["sine"]
    runs = client.search_runs([experiments[0].experiment_id])
    assert [run.info.status for run in runs] == ["FINISHED"] * (WRITERS + 1)
    assert not any("rnnexp.incomplete" in run.data.tags for run in runs)
    journals = [RunJournal(path.parents[1]) for path in folder.glob(f"runs/sweeps/*/jobs/*/{ENTRIES}")]
    assert len(journals) == WRITERS
    for journal in journals:
        rows = written(journal)
        assert len(rows) > 2 * EPOCHS
        assert stored(client, str(journal.stored.run_id)) == rows
        assert rows != written(journals[journal is journals[0]])


@pytest.mark.fault("C6", "H6")
@pytest.mark.parametrize("kind", ["sqlite", "server"])
def test_every_row_of_eight_writers_is_in_the_store(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    uri = request.getfixturevalue("server") if kind == "server" else f"sqlite:///{tmp_path / 'mlflow.db'}"
    rnnexp(*SWEEP, uri=uri)
    if kind == "server":  # one that is busy may have been left before it had all
        rnnexp("sync", uri=uri)
    check_store(uri, tmp_path)
    assert f"{WRITERS} ok" in rnnexp("runs", uri=uri)
    assert f"over {WRITERS} runs" in rnnexp("compare", uri=uri)
