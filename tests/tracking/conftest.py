"""A store for all tracking tests, and runs that are started by hand."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rnnexp.config.settings import Tracking
from rnnexp.tracking import RunInfo
from rnnexp.tracking.batch import Batch, Point, ask
from rnnexp.tracking.store import open_store, tracking_uri

MakeInfo = Callable[..., RunInfo]


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Make one SQLite store; a fresh one costs two seconds."""
    uri = tracking_uri(f"sqlite:///{tmp_path_factory.mktemp('store') / 'mlflow.db'}")
    open_store(uri)
    return uri


@pytest.fixture
def settings(store: str) -> Tracking:
    return Tracking(uri=store)


@pytest.fixture
def client(store: str) -> Any:
    return open_store(store)


@pytest.fixture
def clients_seconds(client: Any) -> Callable[[int, int], float]:
    """Return a function that logs rows of a width by MLflow's own client and returns this thread's processor time.

    What ours may cost is a share of that, measured in the same process: no machine is too slow for it.
    """
    run_id = client.create_run("0").info.run_id

    def spent(rows: int, width: int) -> float:
        before = time.thread_time()
        for step in range(rows):
            ask(client, run_id, Batch(points=[Point(f"train/m{i}", 0.5, 5000, step) for i in range(width)]))
        return time.thread_time() - before

    return spent


@pytest.fixture
def make_info(tmp_path: Path) -> MakeInfo:
    """Return a function that describes a run; its arguments replace what they name."""
    info = RunInfo(
        experiment="sine",
        run_name="lstm-u8-lr1e-3-a1b2",
        params={"model.units": [8], "optimizer.learning_rate": 0.001},
        tags={"rnnexp.version": "0.1.0"},
        config="model:\n  units: [8]\n",
        description="**sine_lstm**",
        primary_metric="test/rmse",
        greater_is_better=False,
        run_dir=tmp_path / "runs" / "one",
    )
    return lambda **changes: dataclasses.replace(info, **changes)
