"""What the tests of trained runs share: tiny tables, and runs on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import rnnexp as rx

TINY = ("trainer.epochs=3", "trainer.batch_size=full", "tracking.figures=false", "model=gru", "model.units=[3]")


class Done(NamedTuple):
    """A finished run, its store, its folder, and the table it was trained on."""

    uri: str
    result: rx.RunResult
    file: Path

    @property
    def run_id(self) -> str:
        assert self.result.run_id is not None
        return self.result.run_id


Say = Callable[..., str]
Rows = Callable[..., list[dict[str, Any]]]


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
