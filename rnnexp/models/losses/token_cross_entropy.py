"""Cross-entropy of tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from rnnexp.registry import register

if TYPE_CHECKING:
    import keras


@register("loss")
def token_cross_entropy(
    sum_over_time: Annotated[
        bool,
        Field(description="add up the steps of a sequence (Zaremba et al., 2014), instead of averaging"),
    ] = False,
) -> keras.losses.Loss:
    """Return minus the log of the probability, in nats, given to what is true of a step, from scores (logits): to the
    token that comes, or to the tag of the one that is read.

    Where steps are weighed, since sequences end before their batch does, it is the mean over those that count.
    """
    import keras

    if not sum_over_time:
        mean = "mean_with_sample_weight"
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=mean, name="token_cross_entropy")

    class OfSequences(keras.losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            nats = keras.losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)
            return keras.ops.sum(nats, axis=1)

    return OfSequences(name="token_cross_entropy")
