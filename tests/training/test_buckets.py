"""Sequences of like length are batched together; how far they are padded changes no result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import toy
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnexp.data.dataset import Dataset, Part
from rnnexp.data.labeled import Sequences
from rnnexp.data.padding import bounds, laid_out
from rnnexp.data.source import SequenceSource
from rnnexp.models.build import build
from rnnexp.registry import lookup
from rnnexp.registry import settings as component
from rnnexp.tasks import load
from rnnexp.training.batcher import Batcher
from rnnexp.training.fit import fit
from rnnexp.training.plan import History

CLOSE = 2e-5  # as in test_engines: the two engines add up in another order

FOUR = (4, 8, 12, 16)


def part(lengths: list[int], buckets: int | tuple[int, ...]) -> Part:
    """Make a part of sequences padded to as many lengths as `buckets` says, or to the lengths that it lists."""
    cuts = bounds(np.array(lengths), buckets) if isinstance(buckets, int) else buckets
    arrays = laid_out(np.zeros((sum(lengths), 1)), np.cumsum([0, *lengths]))
    return Part(arrays, np.arange(len(lengths), dtype=np.int32), cuts)


def mixed(chosen: Part, order: np.ndarray, size: int) -> int:
    """Count the whole batches of an epoch that hold sequences of more than one bucket."""
    whole = order[: len(order) // size * size].reshape(-1, size)
    return int((chosen.bucket(whole).min(axis=1) != chosen.bucket(whole).max(axis=1)).sum())


@given(st.lists(st.integers(1, 40), min_size=1, max_size=90), st.integers(1, 6), st.integers(1, 9), st.integers(0, 3))
@settings(deadline=None, max_examples=80)
def test_an_epoch_holds_every_example_once_in_batches_of_like_length(
    lengths: list[int], buckets: int, size: int, epoch: int
) -> None:
    chosen, size = part(lengths, buckets), min(size, len(lengths))
    order = chosen.order(5, epoch, size)
    assert sorted(order) == list(range(len(lengths)))
    assert chosen.bounds[-1] == max(lengths)
    assert len(chosen.bounds) <= buckets
    if len(lengths) // size > 1 and len(chosen.bounds) > 1:
        assert mixed(chosen, order, size) < len(chosen.bounds)


def test_without_buckets_batches_are_mixed() -> None:
    lengths = [1 + i % 16 for i in range(64)]
    chosen = part(lengths, FOUR)
    assert mixed(chosen, part(lengths, 1).order(0, 1, 8), 8) == 8
    assert mixed(chosen, chosen.order(0, 1, 8), 8) == 0


@pytest.mark.fault("D5")
def test_an_order_is_arithmetic_of_seed_epoch_and_size() -> None:
    chosen = part([1 + i % 7 for i in range(30)], 3)
    orders = {key: chosen.order(*key).tolist() for key in [(0, 1, 4), (1, 1, 4), (0, 2, 4), (0, 1, 5)]}
    assert len({tuple(order) for order in orders.values()}) == 4
    assert all(chosen.order(*key).tolist() == order for key, order in orders.items())


def test_batches_come_in_random_order_of_length() -> None:
    chosen = part([1 + i % 16 for i in range(64)], FOUR)
    needed = [chosen.bucket(chosen.order(0, epoch, 8)).reshape(-1, 8)[:, 0].tolist() for epoch in (1, 2, 3)]
    assert all(sorted(one) == [0, 0, 1, 1, 2, 2, 3, 3] for one in needed)
    assert len({tuple(one) for one in needed}) == 3


def test_lengths_to_pad_to_are_quantiles_and_the_longest() -> None:
    assert bounds(np.arange(1, 102), 4) == (26, 51, 76, 101)
    assert bounds(np.array([3, 3, 3, 3, 9]), 4) == (3, 9)
    assert bounds(np.array([3, 3]), 4) == (3,)


def test_batches_are_padded_no_further_than_their_bucket() -> None:
    chosen = part([2, 2, 5, 5, 9, 9], (2, 5, 9))
    for indices, steps in (([0, 1], 2), ([1, 2], 5), ([0, 5], 9)):
        assert len(chosen.arrays_for(np.array(indices))["steps"]) == steps


def test_blocks_of_buckets_hold_every_example_once_at_one_length_each() -> None:
    chosen = part([1 + i % 10 for i in range(43)], 3)
    feed = Batcher(chosen, lambda arrays, indices: (arrays["steps"][None].repeat(len(indices), 0), indices, None), 4)
    order = chosen.order(0, 1, 4)
    for steps in (1, 3, "auto"):
        blocks = list(feed.with_steps(steps).blocks(order))
        batches = [block.batch(step)[1] for block in blocks for step in range(block.steps)]
        np.testing.assert_array_equal(np.concatenate(batches), order)
        assert {block.data[0].shape[-1] for block in blocks} == set(chosen.bounds)
    assert {len(block.data[1]) for block in blocks} == {1}  # nothing is gathered to fill blocks of other lengths


@component
class Ragged(SequenceSource):
    """Sequences of 2 to 9 steps; the class is whether their mean is above zero."""

    name: str = "ragged"
    task: str = "classification"

    def read(self) -> Sequences:
        generator = np.random.default_rng(1)
        many = [generator.normal(size=(2 + (i * 5) % 8, 2)) for i in range(49)]
        return Sequences.of(many, ["up" if one.mean() > 0 else "down" for one in many])


@dataclass(frozen=True)
class Wide(Part):
    """The examples of `inner` in its order, padded to the longest of all."""

    inner: Part | None = None

    def order(self, seed: int, epoch: int, size: int) -> np.ndarray:
        assert self.inner is not None
        return self.inner.order(seed, epoch, size)


def padded(dataset: Dataset) -> Dataset:
    parts = {name: Wide(one.arrays, one.indices, (), one) for name, one in dataset.parts.items()}
    return replace(dataset, parts=parts)


def trained(dataset: Dataset, engine: str, seed: int = 0) -> tuple[History, list[np.ndarray]]:
    import keras

    model = build(lookup("model", "simple_rnn")(units=[3], pooling="mean"), dataset.spec, seed=0)
    plan = toy.plan(
        metrics=("accuracy",),
        seed=seed,
        engine=engine,
        plan={"loss": keras.losses.SparseCategoricalCrossentropy()},
        class_weights={"up": 2.0},
        restore_best=False,
    )
    return fit(model, dataset, plan), model.get_weights()


def losses(history: History) -> np.ndarray:
    names = ("train/loss", "train/accuracy", "val/loss", "val/accuracy")
    return np.array([[epoch[name] for name in names] for epoch in history.epochs])


@pytest.mark.end_to_end
def test_short_shapes_and_full_padding_train_alike_in_both_engines() -> None:
    dataset = load(Ragged(buckets=2))
    assert len(dataset.parts["train"].bounds) == 2
    assert len(dataset.parts["train"]) % 8  # the last batch is a smaller one
    history, weights = trained(dataset, "compiled")
    for other, engine in ((padded(dataset), "compiled"), (dataset, "keras")):
        same, alike = trained(other, engine)
        np.testing.assert_allclose(losses(same), losses(history), rtol=CLOSE)
        for one, two in zip(alike, weights):
            np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)
    assert not np.allclose(losses(trained(dataset, "compiled", seed=1)[0]), losses(history), rtol=CLOSE)


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_what_stands_for_nothing_is_finite_in_short_numbers(kind: str) -> None:
    import keras

    from rnnexp.models.layers import NEVER, replace_masked

    x = keras.ops.ones((1, 2, 1), kind)
    hidden: Any = replace_masked(x, keras.ops.convert_to_tensor([[True, False]]), NEVER)
    assert np.isfinite(np.asarray(keras.ops.cast(hidden, "float32"))).all()
    assert float(hidden[0, 1, 0]) < -1e4
