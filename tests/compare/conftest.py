"""A store with sweeps in it, made once for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from sweep_maker import VARIED, Job, Made, curve, make_sweep, typical_jobs

from rnnexp.tracking.store import open_store, tracking_uri


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Make one SQLite store; a fresh one costs two seconds."""
    uri = tracking_uri(f"sqlite:///{tmp_path_factory.mktemp('compared') / 'mlflow.db'}")
    open_store(uri)
    return uri


@pytest.fixture(scope="session")
def made(store: str, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Make an older sweep over seeds alone, and then the one that the tests read."""
    only_seeds = {seed: [Job((f"seed={seed}",), curve(0.02 + seed / 1000))] for seed in (0, 1)}
    make_sweep(store, "sine_gru-aaaaaa", ["seed"], only_seeds)
    return make_sweep(store, "sine_lstm-3fa2c1", VARIED, typical_jobs())


@pytest.fixture
def uri(made: Made) -> str:
    return made.uri


@pytest.fixture
def folder(made: Made) -> Path:
    return Path(made.uri.removeprefix("sqlite:///")).parent
