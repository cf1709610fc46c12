"""A few tiny runs, trained once: a table of one series, and a long table of three that are scaled one by one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

import rnnexp as rx
from rnnexp.cli.main import main
from rnnexp.tracking.store import tracking_uri

TINY = ("trainer.epochs=3", "trainer.batch_size=full", "tracking.figures=false", "model=gru", "model.units=[3]")


class Done(NamedTuple):
    """A finished run, its store, its folder, and the table it was trained on."""

    uri: str
    result: rx.Result
    file: Path

    @property
    def run_id(self) -> str:
        assert self.result.run_id is not None
        return self.result.run_id


Say = Callable[..., str]
Rows = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Say:
    """Run a command on one store and return what it prints; of a failure, what it says."""

    def run(done: Done, *words: str, code: int = 0, stream: str = "") -> str:
        assert main([*words, "--uri", done.uri]) == code
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return err if code or stream == "err" else out

    return run


@pytest.fixture
def predicted(said: Say) -> Rows:
    """Predict as JSON and return the rows."""
    return lambda done, *words: json.loads(said(done, "predict", *words, "--json"))["rows"]


@pytest.fixture(scope="session")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tracking_uri(f"sqlite:///{tmp_path_factory.mktemp('deployed') / 'mlflow.db'}")


def sales(months: int = 120, seed: int = 0) -> pd.DataFrame:
    """Return a series of months with a price beside it."""
    generator, rows = np.random.default_rng(seed), np.arange(months)
    level = 50 * np.exp(0.01 * rows + 0.2 * np.sin(rows * np.pi / 6) + 0.05 * generator.normal(size=months))
    month = pd.date_range("2010-01-01", periods=months, freq="MS").strftime("%d.%m.%Y")
    return pd.DataFrame({"month": month, "sales": level.round(2), "price": (9 + generator.random(months)).round(3)})


def long(days: int = 60) -> pd.DataFrame:
    """Return three series of days, of very different size, with a column that is known ahead."""
    generator, parts = np.random.default_rng(1), []
    for shop, size in (("north", 1.0), ("south", 40.0), ("west", 900.0)):
        open_days = (np.arange(days) % 7 < 6).astype(int)
        sold = size * (2 + open_days + 0.3 * generator.normal(size=days))
        ds = pd.date_range("2024-01-01", periods=days, freq="D")
        parts.append(pd.DataFrame({"shop": shop, "ds": ds, "sold": sold, "open": open_days}))
    return pd.concat(parts, ignore_index=True)


def train(uri: str, folder: Path, file: Path, *words: str) -> Done:
    experiment = rx.compose("data=csv", f"data.path={file}", f"tracking.uri={uri}", *TINY, *words)
    return Done(uri, rx.run(experiment, folder), file)


@pytest.fixture(scope="session")
def shop(uri: str, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Train on one series, in a table as it is written in Germany."""
    folder = tmp_path_factory.mktemp("shop")
    file = folder / "sales.csv"
    sales().to_csv(file, sep=";", decimal=",", index=False)
    words = ("data.time=month", "data.time_format='%d.%m.%Y'", "data.separator=';'", "data.decimal=','")
    shape = ("data.target=sales", "data.features=[price]", "data.sequence_length=6", "data.horizon=2")
    return train(uri, folder / "run", file, *words, *shape, "data.scaler=[log,standard]")


@pytest.fixture(scope="session")
def chain(uri: str, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Train on three series with a scaler each and a column that is known ahead."""
    folder = tmp_path_factory.mktemp("chain")
    file = folder / "shops.csv"
    long().to_csv(file, index=False)
    words = ("data.series=shop", "data.time=ds", "data.target=sold", "data.known=[open]", "data.per_series=true")
    return train(uri, folder / "run", file, *words, "data.sequence_length=5", "data.horizon=3")
