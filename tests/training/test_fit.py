"""What `fit` promises: which weights remain, what is logged, how it ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import toy

from rnnexp.errors import ConfigError
from rnnexp.registry import lookup, register
from rnnexp.training.fit import fit
from rnnexp.training.plan import History


def losses(history: History, name: str = "train/loss") -> list[float]:
    return [epoch[name] for epoch in history.epochs]


def score(model: Any, dataset: toy.Windows, part: str) -> float:
    """Return the mean squared error of a part, without Keras's training code."""
    import keras

    x, y, _ = dataset.batch(dataset.parts[part].arrays, dataset.parts[part].indices)
    return float(np.mean((keras.ops.convert_to_numpy(model(x)) - y) ** 2))


@pytest.fixture(scope="module")
def dropped_out() -> list[History]:
    """Two trainings with dropout from one seed and one from another."""
    return [fit(toy.network(dropout=0.3), toy.windows(21), toy.plan(seed=seed)) for seed in (1, 1, 2)]


def test_same_seed_gives_the_same_history(dropped_out: list[History]) -> None:
    assert losses(dropped_out[0]) == losses(dropped_out[1])


def test_another_seed_gives_another_history(dropped_out: list[History]) -> None:
    assert losses(dropped_out[0]) != losses(dropped_out[2])


def test_each_epoch_has_its_metrics_and_is_heard_once() -> None:
    heard: list[tuple[int, dict[str, float]]] = []
    plan = toy.plan(metrics=("mae", "rmse"), epochs=2, log_grad_norm=True)
    history = fit(toy.network(), toy.windows(16, val=8), plan, lambda epoch, metrics: heard.append((epoch, metrics)))
    assert list(history.epochs[0]) == [
        *("train/loss", "train/mae", "train/rmse", "val/loss", "val/mae", "val/rmse"),
        *("opt/learning_rate", "opt/grad_norm", "time/epoch_s", "time/samples_per_s"),
    ]
    assert heard == [(1, history.epochs[0]), (2, history.epochs[1])]
    assert history.epochs[1]["val/rmse"] == pytest.approx(history.epochs[1]["val/loss"] ** 0.5, rel=1e-5)


def test_the_best_validated_weights_remain() -> None:
    model, dataset = toy.network(), toy.worsening()
    history = fit(model, dataset, toy.plan())
    assert history.best_epoch == 1 + int(np.argmin(losses(history, "val/loss")))
    assert history.best_epoch < 3
    assert score(model, dataset, "val") == pytest.approx(history.best["val/loss"], rel=1e-5)


def test_without_restore_best_the_last_weights_remain() -> None:
    model, dataset = toy.network(), toy.worsening()
    history = fit(model, dataset, toy.plan(restore_best=False))
    assert history.best_epoch == 3
    assert score(model, dataset, "val") == pytest.approx(losses(history, "val/loss")[-1], rel=1e-5)


def test_without_validation_the_last_weights_remain() -> None:
    history = fit(toy.network(), toy.windows(16), toy.plan())
    assert (history.best_epoch, history.monitor, history.stopped) == (3, "train/loss", None)


def test_a_whole_part_as_one_batch_is_one_step_per_epoch() -> None:
    model, plan = toy.network(), toy.plan(batch_size="full")
    fit(model, toy.windows(21), plan)
    assert int(plan.optimizer.iterations) == 3


def test_blocks_of_any_length_give_the_same_training() -> None:
    seven = [
        fit(toy.network(), toy.windows(21), toy.plan(batch_size=3, steps_per_execution=steps))
        for steps in (1, 2, "auto")
    ]
    assert losses(seven[0]) == losses(seven[1]) == losses(seven[2])


def test_a_monitor_that_is_not_logged_is_refused_with_the_choices() -> None:
    with pytest.raises(ConfigError, match=r"trainer.monitor: `val/los` is not logged.*did you mean `val/loss`"):
        fit(toy.network(), toy.windows(16, val=8), toy.plan(monitor="val/los"))


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"metrics: Keras has no metric `maee`"):
        fit(toy.network(), toy.windows(16), toy.plan(metrics=("maee",)))


def test_averaged_weights_are_validated_and_remain() -> None:
    import keras

    model, dataset = toy.network(), toy.windows(16, val=8)
    history = fit(model, dataset, toy.plan(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9)))
    assert score(model, dataset, "val") == pytest.approx(history.best["val/loss"], rel=1e-5)
    plain = fit(toy.network(), dataset, toy.plan(keras.optimizers.SGD(0.1)))
    assert losses(plain) == losses(history)
    assert losses(plain, "val/loss") != losses(history, "val/loss")


def test_the_schedule_sets_the_rate_of_each_epoch() -> None:
    schedule = lookup("schedule", "step")(every=1, gamma=0.5)
    history = fit(toy.network(), toy.windows(16), toy.plan(plan={"schedule": schedule}))
    assert losses(history, "opt/learning_rate") == [0.01, 0.005, 0.0025]


def test_a_lower_rate_makes_smaller_steps() -> None:
    import keras

    still = lookup("schedule", "step")(every=1, gamma=1e-9)
    model = toy.network()
    history = fit(model, toy.windows(16), toy.plan(keras.optimizers.SGD(0.1), plan={"schedule": still}))
    assert losses(history)[2] == pytest.approx(losses(history)[1], rel=1e-6)
    assert losses(history)[1] != pytest.approx(losses(history)[0], rel=1e-3)


def test_mixed_precision_needs_a_model_built_in_it() -> None:
    with pytest.raises(ConfigError, match=r"trainer.precision: mixed_bfloat16 given, but .* built in float32"):
        fit(toy.network(), toy.windows(16), toy.plan(precision="mixed_bfloat16"))


@pytest.mark.fault("G12")
def test_mixed_float16_scales_the_loss_and_learns() -> None:
    from rnnexp.training.prepare import use_precision

    with use_precision("mixed_float16"):
        model = toy.network()
    history = fit(model, toy.windows(16), toy.plan(precision="mixed_float16", epochs=5))
    assert model.optimizer.__class__.__name__ == "LossScaleOptimizer"
    assert losses(history)[-1] < losses(history)[0]


def test_a_users_keras_callback_is_called_with_keras_names() -> None:
    import keras

    seen: list[tuple[int, set[str], float]] = []

    class Note(keras.callbacks.Callback):
        def __init__(self, every: int) -> None:
            super().__init__()
            self.every = every

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            seen.append(
                (epoch, set(logs) & {"loss", "val_loss", "train/loss"}, float(self.model.get_weights()[0][0, 0]))
            )
            self.model.stop_training = epoch == self.every

    @register("callback")
    def note(every: int = 1) -> keras.callbacks.Callback:
        return Note(every)

    callbacks = {"mine": lookup("callback", "note")()}
    history = fit(toy.network(), toy.windows(16, val=8), toy.plan(epochs=5, plan={"callbacks": callbacks}))
    assert [(epoch, names) for epoch, names, _ in seen] == [
        (0, {"loss", "val_loss", "train/loss"}),
        (1, {"loss", "val_loss", "train/loss"}),
    ]
    assert seen[0][2] != seen[1][2]
    assert history.stopped == "callback"


def test_a_callback_with_batch_hooks_is_called_for_every_batch() -> None:
    import keras

    batches: list[int] = []

    @register("callback")
    def counted() -> keras.callbacks.Callback:
        return keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: batches.append(batch))

    fit(toy.network(), toy.windows(20), toy.plan(plan={"callbacks": {"c": lookup("callback", "counted")()}}))
    assert batches == [0, 1, 2] * 3


def test_a_keras_callback_may_set_the_learning_rate() -> None:
    import keras

    @register("callback")
    def scheduler() -> keras.callbacks.Callback:
        return keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1))

    callbacks = {"mine": lookup("callback", "scheduler")()}
    history = fit(toy.network(), toy.windows(16), toy.plan(epochs=2, plan={"callbacks": callbacks}))
    assert losses(history, "opt/learning_rate") == [0.1, 0.05]


@pytest.mark.parametrize("name", ["Adamax", "AdamW", "Ftrl", "Lion", "Muon", "Nadam", "RMSprop", "Adafactor"])
@pytest.mark.end_to_end
def test_every_kind_of_optimizer_steps_in_blocks(name: str) -> None:
    import keras

    optimizer = getattr(keras.optimizers, name)(0.001)
    history = fit(toy.network(), toy.windows(16), toy.plan(optimizer, batch_size=4, epochs=2))
    assert np.isfinite(losses(history)).all()
