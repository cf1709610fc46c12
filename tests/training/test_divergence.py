"""A training that breaks is told at once, with its value, and its last good weights remain; a sound one is not."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import toy

from rnnexp.errors import DivergedError, ResourceError
from rnnexp.failures import foreseen
from rnnexp.training.best_weights import is_dead
from rnnexp.training.fit import fit


def exploding(**trainer: Any) -> Any:
    import keras

    return toy.plan(keras.optimizers.SGD(1e15), batch_size="full", epochs=20, **trainer)


@pytest.mark.fault("G1")
def test_a_diverged_training_ends_with_its_last_finite_weights() -> None:
    model = toy.network()
    history = fit(model, toy.windows(16), exploding())
    assert history.stopped == "diverged"
    assert len(history.epochs) < 20
    assert history.best_epoch < len(history.epochs)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


@pytest.mark.fault("G1")
def test_a_diverged_training_can_fail() -> None:
    with pytest.raises(
        DivergedError, match=r"epoch \d+: .* is infinite, not a number or above 1e\+30 \(.+\), at learning rate 1e\+15"
    ):
        fit(toy.network(), toy.windows(16), exploding(on_divergence="fail"))


@pytest.mark.parametrize("engine", ["keras", "compiled"])
@pytest.mark.parametrize(("scale", "told"), [(1e31, True), (1e20, False)])
@pytest.mark.fault("G3")
def test_a_loss_that_explodes_and_stays_finite_is_divergence_but_a_large_one_is_not(
    engine: str, scale: float, told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def large(true: Any, predicted: Any) -> Any:
        return (true - predicted) ** 2 * 0 + scale

    plan = toy.plan(epochs=3, engine=engine, plan={"loss": large})
    history = fit(toy.network(), toy.windows(16, val=4), plan)
    assert (history.stopped, len(history.epochs)) == (("diverged", 1) if told else (None, 3))
    assert ("train/loss is infinite, not a number or above 1e+30 (1e+31), at" in caplog.text) == told


@pytest.mark.parametrize("engine", ["keras", "compiled"])
@pytest.mark.parametrize("told", [True, False])
@pytest.mark.fault("G2")
def test_a_validation_loss_alone_that_is_infinite_is_divergence(
    engine: str, told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    import keras

    def endless_below_zero(true: Any, predicted: Any) -> Any:
        return (true - predicted) ** 2 + keras.ops.where(true < 0, np.inf, 0.0)

    dataset = toy.worsening()
    if not told:
        dataset = replace(dataset, parts={**dataset.parts, "val": dataset.parts["train"]})
    model = toy.network()
    history = fit(model, dataset, toy.plan(epochs=3, engine=engine, plan={"loss": endless_below_zero}))
    assert (history.stopped, len(history.epochs)) == (("diverged", 1) if told else (None, 3))
    assert np.isfinite(history.epochs[-1]["train/loss"])
    assert ("val/loss is infinite" in caplog.text) == told
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


@pytest.mark.parametrize("engine", ["keras", "compiled"])
@pytest.mark.fault("G10")
def test_a_program_that_cannot_be_compiled_is_a_sentence(engine: str) -> None:
    import jax

    def unknown(true: Any, predicted: Any) -> Any:
        shape = jax.ShapeDtypeStruct(true.shape, true.dtype)
        found = jax.ffi.ffi_call("no_such_kernel", shape, vmap_method="sequential")(true)
        return (true - predicted) ** 2 + found

    with pytest.raises(Exception, match="no_such_kernel") as caught:
        fit(toy.network(), toy.windows(16), toy.plan(epochs=2, engine=engine, plan={"loss": unknown}))
    said = foreseen(caught.value)
    assert isinstance(said, ResourceError)
    assert re.search(r"could not compile .*no_such_kernel.*; try trainer\.engine=keras or another backend", str(said))


def breaking_from(step: int) -> Any:
    """Return an optimizer whose updates are not numbers from a gradient step on."""
    import keras

    class Breaking(keras.optimizers.SGD):
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            broken = keras.ops.where(self.iterations >= step, float("nan"), 0.0)
            super().update_step(gradient + keras.ops.cast(broken, gradient.dtype), variable, learning_rate)

    return Breaking(0.001)


@pytest.fixture
def in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut every epoch into chunks, as only long ones are."""
    from rnnexp.training import keras_training
    from rnnexp.training.compiled import dispatch, ensemble

    monkeypatch.setattr(ensemble, "LONG_S", 0.0)
    for module in (dispatch, keras_training):
        monkeypatch.setattr(module, "PROMPT_S", 0.0)


@pytest.mark.parametrize("engine", ["keras", "compiled"])
@pytest.mark.parametrize("on_divergence", ["stop", "fail"])
@pytest.mark.usefixtures("in_chunks")
@pytest.mark.fault("G1")
def test_a_loss_that_breaks_in_a_long_epoch_is_told_at_that_step(
    engine: str, on_divergence: str, caplog: pytest.LogCaptureFixture
) -> None:
    model, dataset = toy.network(), toy.windows(40, val=6)
    settings = {"batch_size": 2, "engine": engine, "steps_per_execution": 1, "on_divergence": on_divergence}
    plan = toy.plan(breaking_from(21), **settings)  # the second update of the second epoch; the third step is lost
    told = r"epoch 2, step 3: train/loss is infinite, .* \(nan\), at learning rate 0.001; lower"
    if on_divergence == "fail":
        with pytest.raises(DivergedError, match=told):
            fit(model, dataset, plan)
    else:
        history = fit(model, dataset, plan)
        assert (history.stopped, history.best_epoch, len(history.epochs)) == ("diverged", 1, 2)
        assert "val/loss" not in history.epochs[1]
        assert re.search(told, caplog.text)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


@pytest.mark.parametrize("engine", ["keras", "compiled"])
@pytest.mark.usefixtures("in_chunks")
def test_a_long_epoch_that_keeps_its_bounds_is_not_broken_off(engine: str, caplog: pytest.LogCaptureFixture) -> None:
    plan = toy.plan(breaking_from(1000), batch_size=2, engine=engine, steps_per_execution=1)
    history = fit(toy.network(), toy.windows(40, val=6), plan)
    assert (history.stopped, len(history.epochs), caplog.text) == (None, 3, "")


@pytest.mark.parametrize("engine", ["keras", "compiled"])
@pytest.mark.parametrize("val", [0, 4])
@pytest.mark.parametrize("restore_best", [True, False])
@pytest.mark.parametrize("breaks", [True, False])
@pytest.mark.fault("G1")
def test_weights_that_are_not_finite_are_told_although_the_losses_are(
    engine: str, val: int, restore_best: bool, breaks: bool, caplog: pytest.LogCaptureFixture
) -> None:
    import keras

    def blind(true: Any, predicted: Any) -> Any:
        known = keras.ops.isfinite(predicted)
        return keras.ops.where(known, (true - keras.ops.where(known, predicted, 0.0)) ** 2, 100.0)

    optimizer = breaking_from(1 if breaks else 1000)
    settings = {"batch_size": "full", "engine": engine, "restore_best": restore_best, "plan": {"loss": blind}}
    model = toy.network()
    history = fit(model, toy.windows(16, val=val), toy.plan(optimizer, **settings))
    assert (history.stopped, len(history.epochs)) == (("diverged", 2) if breaks else (None, 3))
    assert ("epoch 2: a weight is infinite, not a number" in caplog.text) == breaks
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


@pytest.mark.parametrize("engine", ["keras", "compiled"])
@pytest.mark.parametrize(("factor", "told"), [(0.0, 1), (1.0, 0)])
@pytest.mark.fault("G4")
def test_a_loss_that_never_moves_is_told_once_and_one_that_learns_is_not(
    engine: str, factor: float, told: int, caplog: pytest.LogCaptureFixture
) -> None:
    def flat(true: Any, predicted: Any) -> Any:
        return (true - predicted) ** 2 * factor + 1.0

    history = fit(toy.network(), toy.windows(16), toy.plan(epochs=12, engine=engine, plan={"loss": flat}))
    assert len(history.epochs) == 12
    assert caplog.text.count("the network learns nothing") == told


@pytest.mark.parametrize(
    ("losses", "told"),
    [([2.0] * 5, True), ([2.0] * 6, False), ([1.0] + [2.0] * 5, True), ([2.0] + [1.0] * 5, False), ([0.0] * 5, False)],
    ids=["never moved", "told already", "froze above its start", "converged", "nothing left to learn"],
)
def test_a_converged_training_is_not_dead(losses: list[float], told: bool) -> None:
    assert is_dead([{"train/loss": loss, "opt/learning_rate": 0.1} for loss in losses]) == told
