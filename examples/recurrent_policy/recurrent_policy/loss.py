"""The objective of PPO (Schulman et al., Proximal policy optimization algorithms, arXiv 1707.06347, equation 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from recurrent_policy.maze import ACTIONS
from rnnexp import register

if TYPE_CHECKING:
    import keras

PLAYED = ("action", "log_probability", "advantage", "target", "live")  # what is known of each step after playing


@register("loss")
def ppo(
    clip: Annotated[float, Field(gt=0, lt=1, description="How far a probability may go from that when played.")] = 0.2,
    value: Annotated[float, Field(ge=0, description="Weight of the squared error of expected returns.")] = 0.5,
    entropy: Annotated[float, Field(ge=0, description="Weight of the entropy, which keeps a policy trying.")] = 0.01,
) -> keras.losses.Loss:
    """Raise the probability of actions that came to more than was expected; `y_true` (n, time, 5) holds PLAYED."""
    import keras
    from keras import ops

    class ProximalPolicy(keras.losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            action, before, advantage, target, live = (y_true[..., place] for place in range(len(PLAYED)))
            scores, expected = y_pred[..., :-1], y_pred[..., -1]
            logs = ops.log_softmax(scores, axis=-1)
            chosen = ops.sum(logs * ops.one_hot(ops.cast(action, "int32"), len(ACTIONS)), axis=-1)
            ratio = ops.exp(chosen - before)
            gain = ops.minimum(ratio * advantage, ops.clip(ratio, 1 - clip, 1 + clip) * advantage)
            spread = -ops.sum(ops.exp(logs) * logs, axis=-1)
            each = value * ops.square(expected - target) - gain - entropy * spread
            return each * live / ops.maximum(ops.mean(live), 1e-6)

    return ProximalPolicy(name="ppo")
