"""The loss as it is without penalties, beside the sum that training goes down.

Keras logs the sum of the loss and of all penalties (L1, L2, what a layer adds by `add_loss`) as `loss`. Settings that
differ in a penalty cannot be compared by it: the weaker one lowers it, whatever the network predicts.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from rnnexp.models import stateful

if TYPE_CHECKING:
    import keras

UNPENALIZED_LOSS = "unpenalized_loss"


def has_penalties(model: Any, x: Any) -> bool:
    """Say whether anything is added to the loss of a built model; `x` are inputs for it.

    What layers add themselves is known only once they have been called.
    """
    layers = [model, *model._flatten_layers(include_self=False, recursive=True)]
    if model.losses or any(getattr(layer, "activity_regularizer", None) for layer in layers):
        return True
    if all(type(layer).__module__.startswith("keras.") for layer in layers):
        return False
    states = stateful.make_zero_states(model, len(x)) if stateful.get_state_sizes(model) else None
    model({"past": x, **states} if states else x)
    return bool(model.losses)


def make_unpenalized_loss(model: Any) -> keras.metrics.Metric:
    """Return a metric that averages the loss that `model` is compiled with over batches, as Keras averages the sum."""
    return _class()(model)


def prefix_metrics(part: str, results: Mapping[str, Any]) -> dict[str, Any]:
    """Name the results of a pass over a part: train/loss is without penalties, train/total_loss with them."""
    metrics = dict(results)
    if UNPENALIZED_LOSS in metrics:
        metrics = {"loss": metrics.pop(UNPENALIZED_LOSS), "total_loss": metrics.pop("loss"), **metrics}
    return {f"{part}/{name}": value for name, value in metrics.items()}


@cache
def _class() -> type:
    import keras

    class Unpenalized(keras.metrics.Mean):
        def __init__(self, model: Any) -> None:
            super().__init__(name=UNPENALIZED_LOSS)
            self.owner = model

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            loss = self.owner._compile_loss(y_true, y_pred, sample_weight)
            super().update_state(loss, keras.ops.shape(y_pred)[0])

    return Unpenalized
