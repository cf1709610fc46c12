"""Faults that are drawn: what each kind does to the rows of its sensor, and to nothing else."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from rnnexp.data.faults import Clean, Fault, Faults, Kind, draw_faults
from rnnexp.errors import DataError

ROWS = 2_000


def clean(columns: int = 3, rows: int = ROWS) -> Clean:
    hours = np.arange(rows)[:, None]
    table = np.sin(hours / 24 * 2 * np.pi + np.arange(columns)) + np.arange(columns) * 3
    table = table + np.random.default_rng(1).normal(scale=0.1, size=table.shape)
    cut = rows // 2
    return Clean(table, np.array([[0, cut]]), np.array([[cut, rows]]), columns, 24)


def drawn(kind: str, seed: int = 0) -> tuple[Clean, np.ndarray, list[Fault]]:
    data = clean()
    return data, *draw_faults(Faults(kinds=[kind], each=3), data, seed)


@pytest.mark.parametrize("kind", get_args(Kind))
def test_a_fault_changes_rows_of_its_sensors_alone_and_is_told(kind: str) -> None:
    data, faulty, found = drawn(kind)
    changed = np.argwhere(faulty != data.table)
    told = {(row, fault.sensor) for fault in found for row in range(fault.first, fault.end)}
    rows = {row for row, _ in told}
    assert {row for row, _ in changed.tolist()} <= rows
    if kind != "swapped_sensors":
        assert {tuple(one) for one in changed.tolist()} <= told
    assert len(changed) >= len(rows) - len(found)  # a stuck sensor keeps the first of its rows
    assert min(rows) >= data.test[0, 0]


def test_each_kind_is_what_it_is_called() -> None:
    data, spike, (first, *_) = drawn("spike")
    assert first.end - first.first == 1
    spread = data.table[:1000, first.sensor].std()
    assert abs(spike[first.first, first.sensor] - data.table[first.first, first.sensor]) == pytest.approx(2 * spread)
    _, stuck, (held, *_) = drawn("stuck")
    assert np.ptp(stuck[held.first : held.end, held.sensor]) == 0
    _, shifted, (level, *_) = drawn("level_shift")
    moved = (shifted - data.table)[level.first : level.end, level.sensor]
    assert np.ptp(moved) == pytest.approx(0, abs=1e-9)
    _, drifting, (drift, *_) = drawn("drift")
    steps = np.diff((drifting - data.table)[drift.first : drift.end, drift.sensor])
    assert np.ptp(steps) == pytest.approx(0, abs=1e-9)
    assert abs(steps[0]) > 0
    _, flat, (lost, *_) = drawn("lost_season")
    rows = slice(lost.first, lost.end)
    assert flat[rows, lost.sensor].std() < data.table[rows, lost.sensor].std() / 2
    _, swapped, (swap, *_) = drawn("swapped_sensors")
    assert sorted(swapped[swap.first]) == sorted(data.table[swap.first])


def test_the_same_seed_draws_the_same_faults_and_another_one_others() -> None:
    assert drawn("drift")[2] == drawn("drift")[2] != drawn("drift", seed=1)[2]


def test_faults_without_room_or_without_a_second_sensor_are_refused() -> None:
    with pytest.raises(DataError, match=r"24 faults of up to 48 rows.* need 2,304 rows of the test set, which has 300"):
        draw_faults(Faults(), clean(rows=600), 0)
    with pytest.raises(DataError, match="swapped_sensors needs two sensors"):
        draw_faults(Faults(kinds=["swapped_sensors"]), clean(columns=1), 0)
