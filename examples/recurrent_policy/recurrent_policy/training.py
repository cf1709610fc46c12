"""Playing episodes within a training step: what a batch of Keras is made of is what the network itself has done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import keras
from jax import numpy as jnp

from recurrent_policy.maze import begin_episodes, move, observe


@dataclass(frozen=True)
class Playing:
    """How episodes are played and learned from: `steps` of each, and the settings of `ppo_policy`."""

    steps: int
    discount: float
    trace: float
    passes: int
    minibatches: int


class PlayingNetwork(keras.Model):
    """A network whose training step plays the episodes of a batch by itself, then takes Keras's steps on them.

    x of a batch are observations of which the first alone counts, with the sign, and the length of the corridor, by the
    step at which the junction stands in them; y is made by playing. The validation loss is minus the mean return.
    """

    def __init__(self, inputs: Any, outputs: Any, playing: Playing) -> None:
        super().__init__(inputs, outputs)
        self.playing = playing
        self.chance = keras.random.SeedGenerator()
        self.returns = keras.metrics.Mean(name="return")

    def get_config(self) -> dict[str, Any]:
        """Describe the network alone, so that its file needs no plugin; how it plays is in the settings of a run."""
        config: dict[str, Any] = keras.Model(self.inputs, self.outputs, name=self.name).get_config()
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> keras.Model:
        """Return the network as a plain one of Keras."""
        return keras.Model.from_config(config, custom_objects=custom_objects)

    def train_step(self, state: Any, data: Any) -> Any:
        trainable, other, optimizer, metrics = state
        with keras.StatelessScope(state_mapping=zip(self.non_trainable_variables, other)) as scope:
            key = self.chance.next()
            other = [scope.get_current_value(variable) for variable in self.non_trainable_variables]
        play_key, shuffle_key = jax.random.split(key)
        played = self._play(trainable, other, data[0], play_key)
        metrics = self._note_return(metrics, played["reward"])
        y = self._judge(played)
        count = len(y)
        size = max(1, count // self.playing.minibatches)
        keys = jax.random.split(shuffle_key, self.playing.passes)
        order = jax.vmap(lambda one: jax.random.permutation(one, count)[: count // size * size])(keys).reshape(-1, size)

        def learn(state: Any, chosen: Any) -> Any:
            _, after = super(PlayingNetwork, self).train_step(state, (played["past"][chosen], y[chosen]))
            return jax.tree.map(lambda new, old: new.astype(old.dtype), tuple(map(list, after)), state), None

        state, _ = jax.lax.scan(learn, tuple(map(list, (trainable, other, optimizer, metrics))), order)
        return {}, state

    def test_step(self, state: Any, data: Any) -> Any:
        trainable, other, metrics = state
        played = self._play(trainable, other, data[0], None)
        metrics = self._note_return(metrics, played["reward"], self._loss_tracker)
        return {}, (trainable, other, metrics)

    def _play(self, trainable: Any, other: Any, past: Any, key: Any) -> dict[str, Any]:
        """Play from the first observations of x; the likeliest action is taken without a key.

        The network reads all steps so far anew for each: as no output depends on what follows, the rest may be zeros.
        Returns past (n, steps, features), and (n, steps) action, log_probability, value, reward and live.
        """
        length = jnp.argmax(past[0, :, 1] > 0)
        rows = jnp.arange(len(past))

        def step(carry: Any, number: Any) -> Any:
            state, seen = carry
            seen = seen.at[:, number].set(observe(jnp, state, number, length))
            outputs, _ = self.stateless_call(trainable, other, seen, training=False)
            scores, value = outputs[:, number, :-1], outputs[:, number, -1]
            action = (
                scores.argmax(-1) if key is None else jax.random.categorical(jax.random.fold_in(key, number), scores)
            )
            live = state.live
            state, reward = move(jnp, state, action, length, number == self.playing.steps - 1)
            log = jax.nn.log_softmax(scores)[rows, action]
            kept = {"action": action, "log_probability": log, "value": value, "reward": reward, "live": live}
            return (state, seen), {name: jnp.asarray(array, "float32") for name, array in kept.items()}

        begun = begin_episodes(jnp, past[:, 0, 0]), jnp.zeros_like(past)
        (_, seen), told = jax.lax.scan(step, begun, jnp.arange(self.playing.steps))
        return {"past": seen, **{name: array.T for name, array in told.items()}}

    def _judge(self, played: dict[str, Any]) -> Any:
        """Return what the loss is told of each step, (n, steps, 5): advantages are scaled over all live steps."""
        live, value = played["live"], played["value"] * played["live"]
        following = jnp.pad(value[:, 1:], ((0, 0), (0, 1)))
        surprise = played["reward"] + self.playing.discount * following - value

        def add(later: Any, now: Any) -> Any:
            later = now[0] + self.playing.discount * self.playing.trace * now[1] * later
            return later, later

        goes_on = jnp.pad(live[:, 1:], ((0, 0), (0, 1)))
        _, advantage = jax.lax.scan(add, jnp.zeros(len(live)), (surprise.T, goes_on.T), reverse=True)
        advantage = advantage.T
        mean = (advantage * live).sum() / live.sum()
        deviation = jnp.sqrt((jnp.square(advantage - mean) * live).sum() / live.sum())
        scaled = (advantage - mean) / (deviation + 1e-8)
        target = advantage + value
        return jnp.stack([played["action"], played["log_probability"], scaled, target, live], axis=-1)

    def _note_return(self, metrics: Any, reward: Any, loss: Any = None) -> list[Any]:
        returns = reward.sum(axis=1)
        with keras.StatelessScope(state_mapping=zip(self.metrics_variables, metrics)) as scope:
            self.returns.update_state(returns)
            if loss is not None:
                loss.update_state(-returns.mean(), sample_weight=len(returns))
            return [scope.get_current_value(variable) for variable in self.metrics_variables]
