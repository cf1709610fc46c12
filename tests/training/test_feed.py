"""Batches in blocks: each example once, at its true shape."""

from __future__ import annotations

import numpy as np
import pytest
import toy
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnexp.training.batcher import Batcher, list_arrays


def feed(examples: int, size: int, steps: int = 1) -> Batcher:
    dataset = toy.windows(examples)
    return Batcher(dataset.parts["train"], lambda arrays, indices: (indices, indices, None), size, steps)


@given(st.integers(1, 60), st.integers(1, 20), st.integers(1, 9), st.integers(0, 5))
@settings(deadline=None, max_examples=60)
@pytest.mark.fault("D5")
def test_blocks_hold_every_example_once_in_the_order_given(examples: int, size: int, steps: int, epoch: int) -> None:
    source = feed(examples, min(size, examples), steps)
    order = source.part.order(0, epoch, source.size)
    batches = [block.batch(step)[0] for block in source.blocks(order) for step in range(block.steps)]
    np.testing.assert_array_equal(np.concatenate(batches), order)


def test_blocks_of_whole_batches_have_one_shape_and_the_partial_batch_its_own() -> None:
    source = feed(23, 4, steps=2)
    shapes = [(block.data[0].shape, block.steps) for block in source.blocks(source.part.indices)]
    assert shapes == [((2, 4), 2), ((2, 4), 2), ((2, 4), 1), ((1, 3), 1)]


def test_auto_takes_as_many_steps_as_fit_in_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnnexp.training.batcher.BLOCK_BYTES", 640)
    assert feed(100, 8).with_steps("auto").steps == 640 // (2 * 8 * 8)
    assert feed(100, 8).with_steps(3).steps == 3


def test_class_weights_add_a_weight_to_the_batch() -> None:
    dataset = toy.windows(8)
    weighed = Batcher(dataset.parts["train"], dataset.batch, 4, weigh=lambda y, weight: np.ones(len(y)))
    assert (len(weighed.sample()), len(list_arrays(weighed.sample()))) == (3, 3)
