"""What the components of plugins return is looked at before it is used."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from rnnexp.errors import ConfigError
from rnnexp.training.returned import require_callback, require_loss, require_optimizer, require_schedule

OWN = SimpleNamespace(name="own")


class Schedule:
    """A user's own schedule."""

    name = "own"

    def __init__(self, *factors: Any) -> None:
        self.factors = factors

    def factor(self, epoch: int, epochs: int) -> Any:
        return self.factors[min(epoch, len(self.factors)) - 1]


@pytest.mark.parametrize("factor", ["fast", None, -1.0, float("nan"), float("inf"), [1.0], object()])
def test_a_factor_that_is_no_number_from_0_on_is_refused_for_its_epoch(factor: Any) -> None:
    with pytest.raises(ConfigError, match=r"schedule: `own` returned .* for epoch 2 of 3; it must return a number"):
        require_schedule(Schedule(1.0, factor), 3)
    require_schedule(Schedule(1, 0.5, 0), 3)
    require_schedule(None, 3)


def test_what_keras_could_not_use_is_refused_with_what_it_takes() -> None:
    import keras

    for built, told in ((None, "returned None"), ("mse", "returned 'mse'"), (3, "returned int")):
        with pytest.raises(ConfigError, match=f"loss: `own` {told}; it must return a keras.losses.Loss, or a function"):
            require_loss(OWN, built)
        with pytest.raises(ConfigError, match=f"optimizer: `own` {told}; it must return a keras.optimizers.Optimizer"):
            require_optimizer(OWN, built)
        with pytest.raises(ConfigError, match=f"callbacks: `own` {told}; it must return a keras.callbacks.Callback"):
            require_callback("own", built)
    with pytest.raises(ConfigError, match="returned the class CSVLogger itself; call it"):
        require_callback("own", keras.callbacks.CSVLogger)
    with pytest.raises(ConfigError, match="optimizer: `own` has a schedule of its own; leave the learning rate a num"):
        require_optimizer(OWN, keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 9)))
    for require, built in (
        (require_loss, keras.losses.Huber()),
        (require_loss, lambda y_true, y_pred: y_true - y_pred),
        (require_optimizer, keras.optimizers.SGD(0.1)),
    ):
        assert require(OWN, built) is built
    callback = keras.callbacks.LambdaCallback()
    assert require_callback("own", callback) is callback
