"""A policy as a network, with a training step of its own that plays before it learns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from rnnexp import register
from rnnexp.data.spec import TaskSpec
from rnnexp.errors import ConfigError

if TYPE_CHECKING:
    import keras

FRAMES = 4


@register("model")
class ppo_policy:
    """Score each action and expect a return at each step; a batch is played, then learned from several times."""

    name: Literal["ppo_policy"] = "ppo_policy"
    memory: Literal["gru", "frames", "none"] = Field(
        "gru", description="What a step knows of those before it: all by a GRU, the last three, or nothing."
    )
    units: int = Field(32, ge=1, description="Units of both layers.")
    discount: float = Field(0.99, gt=0, le=1, description="Worth of a reward one step later.")
    trace: float = Field(0.95, ge=0, le=1, description="Lambda of advantages (Schulman et al., arXiv 1506.02438).")
    passes: int = Field(8, ge=1, description="Times that played episodes are learned from.")
    minibatches: int = Field(4, ge=1, description="Steps of the optimizer in each pass.")

    def build(self, spec: TaskSpec) -> keras.Model:
        import keras

        from recurrent_policy.training import Playing, PlayingNetwork

        if keras.backend.backend() != "jax":
            raise ConfigError("model: `ppo_policy` plays within a program of JAX; set backend=jax")
        past = keras.Input(spec.inputs["past"].shape, name="past")
        small = keras.initializers.RandomNormal(stddev=0.01)  # at first all actions are as likely
        output = keras.layers.Dense(spec.output_shape[0], kernel_initializer=small, name="output")
        settings = (self.discount, self.trace, self.passes, self.minibatches)
        return PlayingNetwork(past, output(self._remember(past)), Playing(spec.inputs["past"].shape[0] or 0, *settings))

    def _remember(self, past: Any) -> Any:
        from keras import layers

        if self.memory == "frames":
            x = layers.Conv1D(self.units, FRAMES, padding="causal", activation="tanh", name="frames")(past)
        else:
            x = layers.Dense(self.units, activation="tanh", name="seen")(past)
        if self.memory == "gru":
            return layers.GRU(self.units, return_sequences=True, name="gru")(x)
        return layers.Dense(self.units, activation="tanh", name="hidden")(x)
