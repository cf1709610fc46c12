"""Shuffled frames are those of the same clip, and a score that they do not lower is said to tell nothing of time."""

from __future__ import annotations

import numpy as np

from rnnexp.data.dataset import Part
from rnnexp.data.padding import laid_out, masked_inputs
from rnnexp.tasks.frame_control import compare_orders, draw_shuffled_frames

LENGTHS = (5, 1, 2, 6)


def test_each_clip_keeps_its_frames_in_another_order() -> None:
    offsets = np.cumsum([0, *LENGTHS])
    part = Part(laid_out(np.arange(offsets[-1], dtype=float)[:, None], offsets), np.array([0, 1, 3]))
    shuffled, order = draw_shuffled_frames(part)
    before, after = (masked_inputs(one.arrays, one.indices) for one in (part, shuffled))
    np.testing.assert_array_equal(before["mask"], after["mask"])
    places = np.split(order, np.cumsum([5, 1]))
    for old, new, length, place in zip(before["past"], after["past"], (5, 1, 6), places):
        assert sorted(old[:length, 0]) == sorted(new[:length, 0])
        np.testing.assert_array_equal(new[:length], old[:length][place])
        assert length == 1 or not np.array_equal(old, new)
    again, _ = draw_shuffled_frames(part)
    np.testing.assert_array_equal(again.arrays["values"], shuffled.arrays["values"])


def test_a_score_that_falls_is_told_apart_from_one_that_does_not() -> None:
    right, half = np.ones(20), np.arange(20) % 2
    assert (
        compare_orders(right, half, (1.0, 0.5))
        == "accuracy 0.5000 with the frames of each clip shuffled, 1.0000 in order"
    )
    assert "the order of the frames has not helped (p = 1.00)" in compare_orders(right, right, (1.0, 1.0))
    assert "the order of the frames has not helped" in compare_orders(half, right, (0.5, 1.0))
