"""Rows that a served model cannot read: who sends them cannot change the settings by which they are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import rnnexp as rx
from rnnexp import runner
from rnnexp.errors import DataError
from rnnexp.tasks.forecasting.pipeline import Pipeline
from rnnexp.tasks.forecasting.row_frames import rows_of

Frame = pd.DataFrame
TABLE = Frame({"day": pd.date_range("2024-01-01", periods=60).astype(str), "sold": [float(i % 7) for i in range(60)]})
FLAWS: dict[str, tuple[Callable[[Frame], Frame], str]] = {
    "a gap": (lambda rows: rows.drop(index=[20, 21]), "2 rows are absent"),
    "a date twice": (lambda rows: pd.concat([rows, rows.tail(1)]), "same date as another"),
    "out of order": (lambda rows: rows.iloc[::-1], "time goes back"),
    "a missing value": (lambda rows: rows.assign(sold=rows.sold.where(rows.index != 30)), "1 missing value"),
    "a leap ahead": (lambda rows: rows.assign(sold=rows.sold.where(rows.index < 50)).drop(index=55), "must follow"),
}


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    TABLE.to_csv(tmp_path / "t.csv", index=False)
    words = ("data=csv", "data.path=t.csv", "data.time=day", "data.target=sold")
    found: Pipeline = runner.load_data(rx.compose(*words)).pipeline
    return found


@pytest.mark.parametrize("flaw", FLAWS)
@pytest.mark.fault("I14")
def test_no_setting_is_advised_that_the_sender_of_rows_does_not_have(pipeline: Pipeline, flaw: str) -> None:
    spoil, told = FLAWS[flaw]
    with pytest.raises(DataError, match=told) as refused:
        rows_of(pipeline, spoil(TABLE))
    assert "data.gaps" not in str(refused.value)
    assert "Allow it" not in str(refused.value)
    assert "reads rows with the settings of its training: send them without that" in str(refused.value)
    assert len(rows_of(pipeline, TABLE)[0].values) == len(TABLE)


@pytest.mark.parametrize("flaw", [*FLAWS][:4])  # a training leaves out rows without targets
def test_who_reads_a_file_is_told_the_setting(tmp_path: Path, pipeline: Pipeline, flaw: str) -> None:
    spoil, told = FLAWS[flaw]
    spoil(TABLE).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match=rf"(?s)({told}).* data\.\w+="):
        runner.load_data(rx.compose("data=csv", "data.path=t.csv", "data.time=day", "data.target=sold"))
