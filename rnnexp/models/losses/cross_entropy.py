"""Cross-entropy of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from rnnexp.config.identity import SINCE
from rnnexp.registry import register

if TYPE_CHECKING:
    import keras

SUM_OVER_TIME = "add up the steps of a sequence (Zaremba et al., 2014), instead of averaging"
OF_STEPS = 3  # axes of logits (b, time, classes)


@register("loss")
def cross_entropy(
    sum_over_time: Annotated[bool, Field(description=SUM_OVER_TIME, json_schema_extra={SINCE: "0.1"})] = False,
) -> keras.losses.Loss:
    """Return minus the log of the probability, in nats, that logits give to the true class, an integer: of a sequence,
    or of each of its steps.

    It is the mean over sequences, which class weights multiply. Where steps are weighed, since sequences end before
    their batch does, it is the mean over the steps that count.
    """
    import keras

    class CrossEntropy(keras.losses.Loss):
        def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
            of_steps = len(y_pred.shape) == OF_STEPS and not sum_over_time
            self.reduction = "mean_with_sample_weight" if of_steps else "sum_over_batch_size"
            return super().__call__(y_true, y_pred, sample_weight)

        def call(self, y_true: Any, y_pred: Any) -> Any:
            nats = keras.losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)
            return keras.ops.sum(nats, axis=1) if sum_over_time else nats

    return CrossEntropy(name="cross_entropy")
