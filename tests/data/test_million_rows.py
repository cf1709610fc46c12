"""A million rows, with the sizes that users have: from memory and from a mapped file the same to the bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rnnexp as rx
from rnnexp.data.tables import mapped

WORDS = (
    *("data=csv", "data.path=parts", "data.time=time", "data.target=y", "data.season=96", "model.units=[2]"),
    *("trainer.epochs=1", "trainer.batch_size=65536", "tracking=off", "tracking.figures=false"),
)


def train(*words: str) -> dict[str, Any]:
    found = rx.run(*WORDS, *words).metrics
    return {name: value for name, value in found.items() if not name.startswith("time/")}


@pytest.mark.end_to_end
def test_losses_are_the_same_to_the_bit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    Path("parts").mkdir()
    for part, row in enumerate(np.array_split(np.arange(1_000_000), 4)):
        columns = {"time": row.astype("datetime64[s]").astype("datetime64[ns]"), "y": np.sin(row / 15)}
        columns["y"] += random.normal(size=len(row)) / 5
        pq.write_table(pa.table(columns), f"parts/{part}.parquet", row_group_size=100_000)
    in_file = train()
    assert len(list(Path("cache/rnnexp/tables").iterdir())) == 1
    monkeypatch.setattr(mapped, "read_mapped", lambda *_: None)
    assert train() == in_file
    assert train("seed=1") != in_file
