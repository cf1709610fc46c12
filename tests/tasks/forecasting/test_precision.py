"""Large levels and odd scales: a network sees the same, the way back is exact, and what is lost is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rnnexp.data.series import Series
from rnnexp.errors import DataError
from rnnexp.tasks import check_leakage
from rnnexp.tasks.forecasting.precision import coarse, stored
from rnnexp.tasks.forecasting.preprocess import Preprocessor
from rnnexp.tasks.forecasting.windows import Plan, exact

# A walk of whole steps, with a season: all levels and scales below hold it without rounding in 64 bits.
WALK = (np.random.default_rng(0).integers(-3, 4, 90).cumsum() + np.tile([0, 2, 5, 1, -4], 18)).astype(float)
CHAINS: list[Any] = [
    "standard",
    "minmax",
    "robust",
    "last",
    "instance",
    ["difference", "standard"],
    ["seasonal_difference", "standard"],
    ["standard", "last"],
    ["standard", "instance"],
    ["robust", "difference", "last"],
    ["difference", "difference", "minmax", "instance"],
]
LEVELS = [1e6, 1e9, -1e9, 2.0**40]
# The scales of changes at each level; at 1e9, 64 bits hold no steps of 2**-30.
SCALED = [
    (level, scale)
    for level in (0.0, 1e6, *LEVELS[1:3])
    for scale in (2.0**-30, 2.0**-10, 1.0, 2.0**30)
    if np.ptp(level + scale * WALK) > 0
]
FIELDS = {"sequence_length": 6, "season": 5, "split": {"train": 60, "val": 12, "test": 18}}


def dataset(make: Any, values: np.ndarray, **fields: Any) -> Any:
    series = Series.single(values) if values.ndim == 1 else Series(values, ("a", "b"), np.array([0, len(values)]))
    return make.load(series, **{**FIELDS, **fields})


def fed(made: Any, part: str = "test") -> tuple[np.ndarray, np.ndarray]:
    x, y, _ = made.batch(made.parts[part].arrays, made.parts[part].indices)
    return x, y


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("chain", CHAINS, ids=str)
@pytest.mark.parametrize(
    "more", [{}, {"horizon": 3}, {"layout": "sequence"}, {"strategy": "recursive", "horizon": 3}], ids=str
)
def test_a_network_sees_the_same_at_every_level(make: Any, chain: Any, level: float, more: dict[str, Any]) -> None:
    low, high = (dataset(make, values, scaler=chain, **more) for values in (WALK, level + WALK))
    for part in ("train", "test"):
        for one, other in zip(fed(low, part), fed(high, part)):
            np.testing.assert_allclose(other, one, rtol=0, atol=2e-6 * np.abs(one).max())
    assert high.summary.notes == ()
    assert check_leakage(high) == []
    moved = dataset(make, level + np.where(np.arange(90) == 85, WALK + 1, WALK), scaler=chain, **more)
    assert not np.allclose(fed(moved)[0], fed(low)[0], rtol=0, atol=1e-3)


def test_only_steps_that_64_bits_do_not_hold_are_left_out() -> None:
    assert len(SCALED) == 14
    assert {(1e9, 2.0**-30), (-1e9, 2.0**-30)}.isdisjoint(SCALED)


@pytest.mark.parametrize(("level", "scale"), SCALED)
@pytest.mark.parametrize("chain", CHAINS, ids=str)
def test_the_way_back_is_exact_in_units_of_the_changes(make: Any, chain: Any, level: float, scale: float) -> None:
    made = dataset(make, level + scale * WALK, scaler=chain, horizon=2)
    predictions = made.restore("test", fed(made)[1])
    allowed = 1e-5 * scale + 8 * np.spacing(abs(level))
    assert np.abs(predictions.predicted - predictions.actual).max() < 20 * allowed
    np.testing.assert_allclose(*predictions.scaled, atol=1e-4 * np.abs(predictions.scaled[1]).max())
    assert np.abs(made.errors("test", fed(made)[1])).max() == 0
    off = made.restore("test", fed(made)[1] + 0.1 * np.abs(fed(made)[1]).max() + 0.1)
    assert np.abs(off.predicted - off.actual).max() > allowed


@pytest.mark.parametrize("chain", ["last", "instance", ["standard", "last"]], ids=str)
@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_what_is_served_continues_a_series_at_every_level_alike(make: Any, chain: Any, strategy: str) -> None:
    found = []
    for level in (0.0, 1e9):
        made = dataset(make, level + WALK, scaler=chain, strategy=strategy, horizon=3)
        frame = made.example().assign(value=level + WALK[-len(made.example()) :])
        served = Preprocessor.from_json(made.scaling)
        x, context = served.prepare(frame)
        steps = 1 if strategy == "recursive" else 3

        def predict(x: np.ndarray, steps: int = steps) -> np.ndarray:
            assert np.asarray(x).dtype == np.float32
            return np.repeat(np.asarray(x)[:, -1:] - 0.5 * np.asarray(x)[:, -2:-1], steps, axis=1)

        outputs = served.roll(predict, context)
        found.append(served.restore(outputs, context) - level)
        half = np.full((3, 1), 0.5)
        low, high = served.bounds(outputs, context, half)
        found[-1] = np.stack([found[-1], low - level, high - level])
    np.testing.assert_allclose(found[1], found[0], atol=1e-5 * np.ptp(WALK))
    assert np.ptp(found[0]) > 0.1


def test_ordinary_series_are_fed_to_the_bit_as_they_are(make: Any) -> None:
    for level in (0.0, 100.0, 1000.0):
        made = dataset(make, level + WALK, scaler="last")
        assert made.parts["train"].arrays.keys() == {"values"}
        x, _ = fed(made)
        values = (level + WALK).astype(np.float32)
        begin = int(made.parts["test"].indices[0])
        assert np.array_equal(x[0, :, 0], values[begin : begin + 6] - values[begin + 5])


def test_only_the_series_that_need_it_are_fed_with_more_digits() -> None:
    plan = Plan(4, 1, 1, 1, 1, window="instance")
    table = np.concatenate([WALK, 1e9 + WALK])[:, None]
    arrays = stored(plan, table, np.array([0, 90, 180]))
    assert not arrays["low"][:90].any()
    assert not arrays["anchor"][:90].any()
    assert arrays["low"][90:].any()
    np.testing.assert_array_equal(exact(arrays), table)
    alone = stored(plan, table[:90], np.array([0, 90]))
    one, other = (plan.batch()(which, np.arange(80)) for which in (alone, arrays))
    assert np.array_equal(one[0], other[0])
    assert np.array_equal(one[1], other[1])


def test_a_level_that_jumps_after_the_training_part_keeps_its_digits(make: Any) -> None:
    jump = np.where(np.arange(90) < 70, 0, 1e9)
    still, jumped = (dataset(make, WALK + jump * factor, scaler="last") for factor in (0, 1))
    np.testing.assert_allclose(fed(jumped)[0][-8:], fed(still)[0][-8:], atol=1e-5)


def test_coarse_looks_at_changes_and_not_at_the_level_alone() -> None:
    walks = np.stack([WALK, 1e4 + WALK, 1e6 + WALK, 1e6 + 1e6 * WALK, np.ones(90)], axis=1)
    assert coarse(walks).tolist() == [[False, False, True, False, True]]
    assert coarse(walks[:1]).shape == (1, 5)


@pytest.mark.parametrize("chain", ["none", "range", "log"])
def test_a_scaler_that_keeps_the_level_says_that_changes_are_lost(make: Any, chain: str) -> None:
    (note, *_) = dataset(make, 1e9 + WALK, scaler=chain).summary.notes
    assert note.startswith("column `value`: its changes are lost at a level of ")
    assert "end data.scaler with standard, minmax or robust" in note
    assert dataset(make, 50 + WALK, scaler=chain).summary.notes == ()


def test_one_scaler_for_series_of_unlike_levels_says_whose_changes_are_lost(make: Any) -> None:
    data = Series(np.concatenate([1e9 + WALK, WALK])[:, None], ("y",), np.array([0, 90, 180]), ("big", "small"))
    (note,) = make.load(data, **FIELDS).summary.notes
    assert "its changes in 2 of 2 series are lost" in note
    assert "data.per_series=true" in note
    assert make.load(data, **FIELDS, per_series=True).summary.notes == ()


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_targets_of_an_odd_size_are_told(make: Any, scale: float) -> None:
    for chain in ("none", "last", "instance", "difference"):
        notes = dataset(make, scale * WALK, scaler=chain).summary.notes
        assert "put `standard` into data.scaler" in notes[-1]
    assert dataset(make, scale * WALK, scaler="standard").summary.notes == ()


def test_the_logarithm_of_negative_levels_is_refused(make: Any) -> None:
    with pytest.raises(DataError, match="`log` needs values above 0"):
        dataset(make, WALK - 1e9, scaler=["log", "standard"])


def test_a_leak_of_the_scaler_is_found_at_every_level_and_scale(make: Any) -> None:
    for values in (1e9 + WALK, 1e-9 * WALK):
        made = dataset(make, values)
        assert check_leakage(made) == []
        (step,) = made.pipeline.chain.steps
        step.shift[:] += 0.01 * step.scale
        assert check_leakage(made) == ["the scaler `standard` was not fitted on the training rows alone"]


@pytest.mark.parametrize("layout", ["windows", "sequence"])
def test_a_compiled_program_takes_the_same_differences(make: Any, layout: str) -> None:
    import jax

    for level in (0.0, 1e9):
        made = dataset(make, level + WALK, scaler="instance", layout=layout)
        part = made.parts["train"]
        compiled = jax.jit(made.batch)(
            {key: jax.numpy.asarray(value) for key, value in part.arrays.items()}, part.indices
        )
        for one, other in zip(compiled[:2], made.batch(part.arrays, part.indices)[:2]):
            np.testing.assert_allclose(one, other, atol=1e-5)
        assert np.ptp(np.asarray(compiled[1])) > 1
