"""Windows: exact small cases, and what holds for all of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from rnnexp.errors import DataError

ROOMY = limits(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


def batch(dataset, part):
    chosen = dataset.parts[part]
    return dataset.batch(chosen.arrays, chosen.indices)


def test_windows_of_a_short_series_are_exactly_these(make):
    dataset = make.load(
        make.series(8),
        sequence_length=3,
        horizon=2,
        scaler="none",
        split={"train": 6, "val": None, "test": 2},
    )
    x, y, weight = batch(dataset, "train")
    assert x[..., 0].tolist() == [[1, 2, 3], [2, 3, 4]]
    assert y[..., 0].tolist() == [[4, 5], [5, 6]]
    assert weight is None
    x, y, _ = batch(dataset, "test")
    assert (x[..., 0].tolist(), y[..., 0].tolist()) == ([[4, 5, 6]], [[7, 8]])
    assert x.dtype == y.dtype == np.float32


def test_inputs_order_targets_then_features_then_known(make):
    dataset = make.load(
        make.series(6, columns=4),
        target="c",
        features=["d"],
        known=["a"],
        sequence_length=2,
        scaler="none",
        split="none",
    )
    x, y, _ = batch(dataset, "train")
    np.testing.assert_allclose(x["past"][0], [[1.2, 1.3, 1.0], [2.2, 2.3, 2.0]], rtol=1e-6)
    np.testing.assert_allclose(x["future"][0], [[3.0]])
    np.testing.assert_allclose(y[0], [[3.2]], rtol=1e-6)
    assert dataset.spec.inputs["past"].shape == (2, 3)
    assert dataset.spec.inputs["future"].shape == (1, 1)


def test_stride_skips_windows_from_the_start_of_each_part(make):
    dataset = make.load(make.series(12), sequence_length=2, stride=3, scaler="none", split="none")
    assert dataset.parts["train"].indices.tolist() == [0, 3, 6, 9]


def test_several_series_lie_end_to_end_and_no_window_crosses(make):
    dataset = make.load(make.series(5, 4), sequence_length=3, scaler="none", split="none")
    assert dataset.parts["train"].indices.tolist() == [0, 1, 5]


@ROOMY
@given(
    lengths=st.lists(st.integers(6, 40), min_size=1, max_size=4),
    sequence_length=st.integers(1, 6),
    horizon=st.integers(1, 4),
    stride=st.integers(1, 3),
    gap=st.integers(0, 3),
    train=st.integers(2, 7),
    scaler=st.sampled_from(["none", "difference", "last"]),
)
def test_no_later_row_is_in_a_training_window_and_none_leaves_its_series(
    make, lengths, sequence_length, horizon, stride, gap, train, scaler
):
    split = {"train": train / 10, "val": 0.1, "test": 0.9 - train / 10, "gap": gap}
    try:
        dataset = make.load(
            make.series(*lengths), sequence_length=sequence_length, horizon=horizon, stride=stride,
            scaler=scaler, split=split, on_short="skip",
        )  # fmt: skip
    except DataError:
        assume(False)
    span, offsets, rows = sequence_length + horizon, dataset.history.offsets, {}
    for part in dataset.parts:
        starts = dataset.starts(part)
        series = np.searchsorted(offsets, starts, side="right") - 1
        assert (starts + span <= offsets[series + 1]).all()
        rows[part] = {int(row) + step for row in starts for step in range(sequence_length, span)}
        assert np.isfinite(batch(dataset, part)[0]).all()
    seen = {int(row) + step for row in dataset.starts("train") for step in range(span)}
    assert not seen & (rows["val"] | rows["test"])
    assert not rows["val"] & rows["test"]


def test_the_property_above_can_fail(make):
    dataset = make.load(make.series(30), sequence_length=3, scaler="none")
    late = replace(dataset.parts["train"], indices=dataset.parts["test"].indices)
    seen = {int(row) + step for row in late.indices for step in range(4)}
    assert seen & {int(row) + 3 for row in dataset.starts("test")}


def test_last_value_of_each_window_is_subtracted(make):
    dataset = make.load(make.series(5), sequence_length=3, scaler="last", split="none")
    x, y, _ = batch(dataset, "train")
    assert x[..., 0].tolist() == [[-2, -1, 0], [-2, -1, 0]]
    assert y[:, 0, 0].tolist() == [1, 1]


def test_instance_normalization_gives_each_window_mean_0_and_deviation_1(make):
    dataset = make.load(make.wavy(40), sequence_length=8, scaler="instance", split="none")
    x, _, _ = batch(dataset, "train")
    np.testing.assert_allclose(x.mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(x.std(axis=1), 1, atol=1e-3)


def test_per_window_scalers_leave_features_alone(make):
    dataset = make.load(
        make.series(6, columns=2), target="a", features=["b"], sequence_length=2, scaler="last", split="none"
    )
    x, _, _ = batch(dataset, "train")
    np.testing.assert_allclose(x[0], [[-1, 1.1], [0, 2.1]], rtol=1e-6)


@pytest.mark.parametrize("layout", ["windows", "sequence"])
@pytest.mark.parametrize("scaler", ["standard", "instance"])
def test_batches_are_the_same_inside_a_compiled_jax_program(make, layout, scaler):
    jax = pytest.importorskip("jax")
    dataset = make.load(
        make.wavy(40, columns=3), target="a", features=["b"], known=["c"], sequence_length=4, horizon=2,
        layout=layout, scaler=scaler,
    )  # fmt: skip
    part = dataset.parts["train"]
    arrays = {name: jax.numpy.asarray(array) for name, array in part.arrays.items()}
    compiled = jax.jit(dataset.batch)(arrays, jax.numpy.asarray(part.indices))
    expected = dataset.batch(part.arrays, part.indices)
    for one, other in zip(jax.tree.leaves(compiled), jax.tree.leaves(expected)):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5)


def test_the_series_is_held_once(make):
    dataset = make.load(make.series(500), sequence_length=50)
    assert len({id(part.arrays["values"]) for part in dataset.parts.values()}) == 1
    assert dataset.parts["train"].arrays["values"].shape == (500, 1)


def test_origins_index_the_last_observed_row_of_the_history(make):
    dataset = make.load(make.series(20, 20), sequence_length=4, scaler="standard")
    part = dataset.parts["test"]
    x, y, _ = dataset.batch(part.arrays, part.indices)
    predictions = dataset.restore("test", y)
    np.testing.assert_allclose(dataset.history.values[predictions.origins + 1], predictions.actual[:, 0])
    last = x[:, -1:] * dataset.pipeline.chain.steps[0].scale + dataset.pipeline.chain.steps[0].shift
    np.testing.assert_allclose(dataset.history.values[predictions.origins], last[:, 0], rtol=1e-5)


def test_a_whole_series_is_one_sequence_with_lags_as_features(make):
    dataset = make.load(
        make.series(8),
        sequence_length=2,
        layout="sequence",
        scaler="none",
        split={"train": 5, "val": 0, "test": 3},
    )
    x, y, weight = batch(dataset, "train")
    assert x.tolist() == [[[1, 2], [2, 3], [3, 4]]]
    assert y[..., 0, 0].tolist() == [[3, 4, 5]]
    assert weight.tolist() == [[1, 1, 1]]
    x, y, weight = batch(dataset, "test")
    assert x.shape == (1, 6, 2)
    assert weight.tolist() == [[0, 0, 0, 1, 1, 1]]
    assert dataset.spec.per_step
    assert dataset.spec.inputs["past"].shape == (None, 2)
    assert dataset.summary.sizes == {"train": 3, "test": 3}


def test_the_training_sequence_holds_nothing_later_than_the_training_part(make):
    dataset = make.load(make.series(30, 20), sequence_length=2, layout="sequence", scaler="none")
    x, y, _ = batch(dataset, "train")
    assert max(x[0].max(), y[0].max()) == 21
    assert max(x[1].max(), y[1].max()) == 30 + 14


def test_sequences_of_different_length_are_padded_with_weight_0(make):
    dataset = make.load(make.series(30, 20), sequence_length=2, layout="sequence", scaler="none", split="none")
    _, _, weight = batch(dataset, "train")
    assert weight.sum(axis=1).tolist() == [28, 18]


def test_outputs_of_a_sequence_are_restored_at_the_steps_of_the_part(make):
    dataset = make.load(
        make.series(30, 20),
        sequence_length=2,
        horizon=2,
        layout="sequence",
        scaler="standard",
        known=[],
        split={},
    )
    _, y, _ = batch(dataset, "val")
    predictions = dataset.restore("val", y)
    np.testing.assert_allclose(predictions.predicted, predictions.actual, rtol=1e-5)
    assert len(predictions.actual) == dataset.summary.sizes["val"]
    assert not np.allclose(dataset.restore("val", y + 1).predicted, predictions.actual, rtol=1e-5)


@pytest.mark.parametrize("scaler", ["none", "standard", ["standard", "last"], ["log", "difference"], "instance"])
def test_a_one_step_network_is_rolled_over_the_whole_horizon(make, scaler):
    dataset = make.load(
        make.series(30),
        sequence_length=4,
        horizon=5,
        strategy="recursive",
        scaler=scaler,
        split={"train": 0.6, "val": 0.2, "test": 0.2},
    )
    part = dataset.parts["test"]
    assert (dataset.steps, dataset.spec.output_shape) == (5, (1, 1))
    assert batch(dataset, "test")[1].shape[1:] == (1, 1)
    chain, plan = dataset.pipeline.chain, dataset.pipeline.plan
    calls = []

    def knows_the_answer(x):
        """Return what the next row would look like beside the windows that it is shown."""
        rows = part.indices[:, None] + len(calls) + np.arange(5)
        values = part.arrays["values"][rows]
        np.testing.assert_allclose(x, _as_seen(plan, values)[:, :-1], atol=1e-4)
        calls.append(1)
        return _as_seen(plan, values)[:, -1:]

    outputs = dataset.roll(knows_the_answer, part.arrays, part.indices)
    assert outputs.shape == (len(part), 5, 1)
    np.testing.assert_allclose(
        dataset.restore("test", outputs).predicted, dataset.restore("test", outputs).actual, rtol=1e-4
    )
    assert chain.lost == (1 if "difference" in scaler else 0)


def _as_seen(plan, values):
    from rnnexp.tasks.forecasting.windows import statistics

    if plan.window == "none":
        return values
    shift, scale = statistics(plan, values[:, :-1])
    return (values - shift) / scale


def test_a_rolled_network_is_shown_the_known_columns_of_each_next_row(make):
    dataset = make.load(
        make.series(20, columns=2), target="a", known=["b"], sequence_length=2, horizon=3,
        strategy="recursive", scaler="none", split="none",
    )  # fmt: skip
    part = dataset.parts["train"]
    shown = []

    def answer_zero(x):
        shown.append(x["future"][0, 0, 0].item())
        assert x["future"].shape[1:] == (1, 1)
        return np.zeros((len(x["past"]), 1, 1))

    dataset.roll(answer_zero, part.arrays, part.indices)
    np.testing.assert_allclose(shown, [3.1, 4.1, 5.1], rtol=1e-6)


@pytest.mark.fault("E3")
def test_a_short_series_says_how_many_rows_are_needed(make):
    with pytest.raises(
        DataError, match=r"series `s0` has 12 rows; one window needs 13: sequence_length 10 \+ horizon 3"
    ):
        make.load(make.series(12), horizon=3)


def test_rows_used_up_by_differences_are_counted_in(make):
    with pytest.raises(DataError, match=r"has 11 rows; one window needs 12: .* \+ 1 used up by differences"):
        make.load(make.series(11), scaler="difference", split="none")


@pytest.mark.fault("E3", "E14")
def test_an_empty_part_says_what_it_has_and_needs(make):
    with pytest.raises(DataError, match="the val set has no window: it has 3 rows and one window needs 4 rows of it"):
        make.load(make.series(20), sequence_length=3, horizon=4, split={"train": 0.6, "val": 0.15, "test": 0.25})


@pytest.mark.fault("E3")
def test_a_short_one_among_many_series_fails_unless_skipping_is_allowed(make):
    data = make.series(40, 5)
    with pytest.raises(DataError, match=r"1 of 2 series have fewer .* such as `s1` with 5; .*data.on_short=skip"):
        make.load(data, split="none")
    dataset = make.load(data, split="none", on_short="skip")
    assert dataset.summary.notes == (
        "1 of 2 series have fewer than the 11 rows of one window; they are left out: `s1`",
    )
