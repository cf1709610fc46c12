"""Steps on JAX: one compiled loop over the batches of a block, the state handed from call to call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from rnnexp.models.flat_dense import use_fast_layers
from rnnexp.training.backends.base import BackendTrainer
from rnnexp.training.batcher import Block, map_arrays


class JaxTrainer(BackendTrainer):
    """State is (trainable, non-trainable, optimizer, metric) values, as Keras's stateless steps take it.

    Buffers are not donated, so that the weights of an epoch can be kept as they are, without a copy.
    """

    name = "jax"

    def __init__(self, model: Any) -> None:
        import jax

        super().__init__(model)
        self.metric_variables = model.metrics_variables
        model.reset_metrics()
        self.no_metrics = [variable.value for variable in self.metric_variables]
        by_hand = use_fast_layers(model)
        self._train = jax.jit(loop_steps(by_hand(model.train_step)))
        self._test = jax.jit(loop_steps(by_hand(model.test_step)))
        self._results = jax.jit(self.metric_results)
        self._gradient = jax.jit(by_hand(self.gradient_norms))
        self.pull()

    def pull(self) -> None:
        model = self.model
        self.trainable = [variable.value for variable in model.trainable_variables]
        self.other = [variable.value for variable in model.non_trainable_variables]
        self.optimizer = [variable.value for variable in model.optimizer.variables]
        self.metrics = [variable.value for variable in self.metric_variables]

    def sync(self) -> None:
        variables = [*self.variables, *self.model.optimizer.variables, *self.metric_variables]
        for variable, value in zip(variables, [*self.trainable, *self.other, *self.optimizer, *self.metrics]):
            variable.assign(value)

    def to_device(self, block: Block) -> Block:
        import jax

        return Block(map_arrays(block.data, jax.device_put), block.steps)

    def train(self, block: Block) -> None:
        state = (self.trainable, self.other, self.optimizer, self.metrics)
        self.trainable, self.other, self.optimizer, self.metrics = self._train(state, block.data, block.steps)

    def test(self, block: Block) -> None:
        state = (self.trainable, self.other, self.metrics)
        _, self.other, self.metrics = self._test(state, block.data, block.steps)

    def begin(self) -> None:
        self.metrics = self.no_metrics
        self.other = self.zero_states(self.other)

    def untrained(self) -> list[Any]:
        return self.other

    def set_untrained(self, values: list[Any]) -> None:
        self.other = values

    @contextmanager
    def with_zero_states(self) -> Iterator[None]:
        before = self.other
        self.other = self.zero_states(before)
        try:
            yield
        finally:
            self.other = before

    def zero_states(self, other: list[Any]) -> list[Any]:
        """Return the values of what is not trained, with states that lanes carry put back to zeros."""
        from jax import numpy as jnp

        carried_states = {id(variable) for variable in self.carried_states}
        variables = self.model.non_trainable_variables
        return [jnp.zeros_like(value) if id(v) in carried_states else value for v, value in zip(variables, other)]

    def results(self) -> dict[str, float]:
        return {name: float(value) for name, value in self._results(self.metrics).items()}

    def metric_results(self, values: list[Any]) -> dict[str, Any]:
        import keras

        with keras.StatelessScope(state_mapping=zip(self.metric_variables, values)):
            return self.model.get_metrics_result()

    def set_rate(self, rate: float) -> None:
        super().set_rate(rate)
        variable = self.model.optimizer.learning_rate
        position = next(i for i, other in enumerate(self.model.optimizer.variables) if other is variable)
        self.optimizer = [*self.optimizer]
        self.optimizer[position] = variable.value

    def values(self) -> list[np.ndarray]:
        if self.averages:
            self.sync()
            return super().values()
        return [np.asarray(value) for value in [*self.trainable, *self.other]]

    def grad_norms(self, batch: tuple[Any, ...]) -> dict[str, Any]:
        return dict(self._gradient(self.trainable, self.other, batch))

    def gradient_norms(self, trainable: list[Any], other: list[Any], batch: tuple[Any, ...]) -> dict[str, Any]:
        import jax
        from jax import numpy as jnp

        x, y, weight = (*batch, None)[:3]

        def loss(values: list[Any]) -> Any:
            _, (unscaled, *_) = self.model.compute_loss_and_updates(
                values, other, self.no_metrics, x, y, weight, training=False
            )
            return unscaled

        return self.norms_of([jnp.sum(jnp.square(gradient)) for gradient in jax.grad(loss)(trainable)])


def loop_steps(step: Callable[[Any, Any], tuple[Any, Any]]) -> Callable[[Any, Any, Any], Any]:
    """Turn a Keras step into one over the first `steps` batches of a block; the metrics are
    part of the state.
    """
    import jax

    def over_block(state: Any, data: Any, steps: Any) -> Any:
        def body(index: Any, state: Any) -> Any:
            batch = map_arrays(data, lambda array: jax.lax.dynamic_index_in_dim(array, index, keepdims=False))
            _, after = step(state, batch)
            return jax.tree.map(lambda new, old: new.astype(old.dtype), after, state)

        if jax.tree.leaves(data)[0].shape[0] == 1:  # a loop around a single step would only slow XLA down
            return body(0, state)
        return jax.lax.fori_loop(0, steps, body, state)

    return over_block
