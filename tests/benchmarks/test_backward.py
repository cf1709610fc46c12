"""The benchmark of the backward pass trains what it says, and tells slow from fast."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.backward import SHAPES, Shape, contestants, mean_ratio, median_ratio, parse_shape, race, row
from rnnexp import runtime

FAST = {"ours": (0.001, 0.002), "keras": (0.002, 0.002), "torch": (0.004, 0.008)}
SLOW = {"ours": (0.004, 0.002), "keras": (0.002, 0.002), "torch": (0.004, 0.008)}


def test_the_shapes_span_what_is_promised() -> None:
    assert len(SHAPES) == 8
    spans = [(min(sizes), max(sizes)) for sizes in zip(*SHAPES)]
    assert spans[:3] == [(1, 256), (10, 720), (4, 512)]
    assert parse_shape("1,720,32,1") == SHAPES[0]


def test_a_row_has_medians_of_the_ratios_of_the_turns_and_their_spread() -> None:
    turns = [FAST, FAST, SLOW]
    assert median_ratio(turns, "keras", 0) == 0.5
    assert median_ratio(turns, "torch", 1) == 0.25
    assert row("GRU", SHAPES[1], turns) == (
        "| GRU | 4, 10, 4, 1 | 1.00 ms | 0.50 (0.50 to 2.00) | 1.00 | 0.25 (0.25 to 1.00) | 0.25 |"
    )
    assert mean_ratio([[FAST], [SLOW]], "torch", 0) == pytest.approx(0.5)


def test_ours_and_keras_s_own_are_timed_in_turn() -> None:
    runtime.configure("jax")
    trains = contestants("LSTM", Shape(2, 3, 2, 1), ("ours", "keras"))  # PyTorch is not in every environment
    assert all(np.isfinite(seconds) for turn in race(trains, 2) for pair in turn.values() for seconds in pair)
