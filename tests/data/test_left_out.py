"""Series that are left out count nowhere: everything is as if they had never been there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnexp import tasks
from rnnexp.data.sources.csv import csv
from rnnexp.errors import DataError
from rnnexp.tasks.forecasting.dataset import SeriesDataset

ROWS = 40  # of series that are kept
MONTHS = np.arange("2000-01", "2010-01", dtype="datetime64[M]").astype(str)
DAYS = np.arange("2000-01-01", "2000-05-01", dtype="datetime64[D]").astype(str)


def kept(name: str, level: float) -> list[str]:
    noise = np.random.default_rng(len(name) + int(level)).random(ROWS)
    return [f"{name},{date},{level + i % 12 + x:.3f}" for i, (date, x) in enumerate(zip(MONTHS, noise))]


def rows(values: list[Any], dates: Any = MONTHS, name: str = "X") -> list[str]:
    return [f"{name},{date},{value}" for date, value in zip(dates, values)]


GOOD = [1e6 + i for i in range(7)]
LEFT_OUT = {
    "one row": rows([5]),
    "an extreme level": rows([1e9 + i for i in range(7)]),
    "as many rows as one too few": rows([1e6] * 9),
    "missing cells": rows([1, "", 3, "", 5]),
    "no value at all": rows([""] * 9),
    "a gap": rows([1, 2, 3, 4], MONTHS[[0, 1, 5, 6]]),
    "uneven dates": rows([1, 2, 3, 4], ["2000-01-03", "2000-01-04", "2000-01-09", "2000-02-22"]),
    "another frequency": rows(GOOD, DAYS),
    "the same date twice": rows([1, 2, 3, 4], MONTHS[[0, 0, 1, 2]]),
    "dates that go back": rows([1, 2, 3, 4], MONTHS[[3, 2, 1, 0]]),
    "values below 0": rows([-1, -2, 0, -3]),
    "two of them": [*rows([-1, 1e9], name="X"), *rows(["", 4], name="Y")],
}
CHAINS = ["standard", ["log", "standard"], ["log", "seasonal_difference", "standard"], ["log", "instance"], "none"]


def load(lines: list[str], **fields: Any) -> SeriesDataset:
    Path("t.csv").write_text("\n".join(["id,date,y", *lines]) + "\n")
    settings = {"time": "date", "series": "id", "on_short": "skip", "sequence_length": 9, **fields}
    source = csv(path="t.csv", target="y", **settings)
    assert source.check() == []
    return tasks.load(source)  # type: ignore[return-value]


def told(dataset: SeriesDataset) -> dict[str, Any]:
    """Return all that is concluded from the data, but for the note on who was left out."""
    summary = {**vars(dataset.summary)}
    summary["notes"] = [note for note in summary["notes"] if "left out" not in note]
    parts = {
        f"{name} {key}": array.tobytes()
        for name, part in dataset.parts.items()
        for key, array in {**part.arrays, "indices": part.indices}.items()
    }
    return {**parts, "summary": summary, "scaling": dataset.scaling, "season": dataset.season}


@pytest.mark.parametrize("place", ["first", "middle", "last"])
@pytest.mark.parametrize("kind", LEFT_OUT)
def test_what_is_left_out_leaves_no_trace(kind: str, place: str) -> None:
    a, b, odd = kept("A", 100), kept("B", 300), LEFT_OUT[kind]
    lines = {"first": [*odd, *a, *b], "middle": [*a, *odd, *b], "last": [*a, *b, *odd]}[place]
    per_series = {"per_series": place == "middle"}
    for chain in CHAINS:
        never, left_out = (load(which, scaler=chain, **per_series) for which in ([*a, *b], lines))
        assert told(left_out) == told(never)
        assert left_out.season == 12
        (note,) = set(left_out.summary.notes) - set(never.summary.notes)
        assert "have fewer than the" in note
        assert "they are left out: `X`" in note


def test_a_series_that_is_kept_leaves_traces() -> None:
    a, b = kept("A", 100), kept("B", 300)
    assert told(load([*a, *b, *rows([1e6 + i for i in range(20)])])) != told(load([*a, *b]))


@pytest.mark.parametrize("kind", ["missing cells", "a gap", "the same date twice", "dates that go back"])
def test_a_flaw_in_a_series_that_is_kept_is_refused(kind: str) -> None:
    flawed = LEFT_OUT[kind] + rows(list(range(30)), MONTHS[20:])
    with pytest.raises(DataError, match='series "X"'):
        load([*kept("A", 100), *flawed])


@pytest.mark.parametrize("policy", [{"missing": "drop"}, {"missing": "ffill"}, {"gaps": "ffill"}, {"gaps": "ignore"}])
def test_who_is_too_short_is_seen_after_flaws_are_mended(policy: dict[str, str]) -> None:
    """Dropping rows makes a series short, filling gaps makes it long."""
    a, b = kept("A", 100), kept("B", 300)
    holes = (
        rows([1, "", 3, *[""] * 10, 14, 15], MONTHS[:15])
        if "missing" in policy
        else rows([1, 2, 3], MONTHS[[0, 9, 14]])
    )
    made = load([*a, *holes, *b], **policy)
    kept_ids = ("A", "X", "B") if "ffill" in policy.values() else ("A", "B")
    assert made.history.ids == kept_ids


@pytest.mark.fault("E3")
def test_if_all_are_too_short_they_are_refused() -> None:
    with pytest.raises(DataError, match="2 of 2 series have fewer than the 10 rows of one window, such as `X` with 4"):
        load([*rows([1, 2, 3, 4]), *rows([1, 2], name="Y")])


@pytest.mark.parametrize("kind", LEFT_OUT)
def test_what_a_forecast_starts_from_is_read_without_them_too(kind: str) -> None:
    odd = [row for row in LEFT_OUT[kind] if kind != "as many rows as one too few" or "2000-09" not in row]
    a, b = kept("A", 100), kept("B", 300)
    found = []
    for lines in ([*a, *b], [*a, *odd, *b]):
        load(lines)
        found.append(
            csv(path="t.csv", target="y", time="date", series="id", on_short="skip", sequence_length=9).read_open("MS")
        )
    (never, nothing), (left_out, notes) = found
    assert [one.label for one in left_out] == ["A", "B"]
    assert all(np.array_equal(one.values, other.values) for one, other in zip(never, left_out))
    assert nothing == []
    assert ["fewer than 9 observed rows; they are left out (data.on_short=skip): `X`" in note for note in notes] == [
        True
    ]
