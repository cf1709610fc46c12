"""Steps on TensorFlow: one graph per block shape, looping over its batches without returning to Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rnnexp.training.backends.base import BackendTrainer
from rnnexp.training.batcher import Block, map_arrays


class TensorFlowTrainer(BackendTrainer):
    """The state lives in TensorFlow variables, so nothing has to be handed around."""

    name = "tensorflow"

    def __init__(self, model: Any) -> None:
        import tensorflow as tf

        super().__init__(model)
        self._train = _loop_steps(model.train_step, model.jit_compile)
        self._test = _loop_steps(model.test_step, model.jit_compile)
        self._results = tf.function(model.get_metrics_result, autograph=False)
        self._gradient = tf.function(self._gradient_norms, autograph=False)

    def to_device(self, block: Block) -> Block:
        import tensorflow as tf

        return Block(map_arrays(block.data, tf.convert_to_tensor), block.steps)

    def train(self, block: Block) -> None:
        self._train(self.to_device(block).data, block.steps)

    def test(self, block: Block) -> None:
        self._test(self.to_device(block).data, block.steps)

    def results(self) -> dict[str, float]:
        return {name: float(value) for name, value in self._results().items()}

    def grad_norms(self, batch: tuple[Any, ...]) -> dict[str, Any]:
        import tensorflow as tf

        return dict(self._gradient(map_arrays(batch, tf.convert_to_tensor)))

    def _gradient_norms(self, batch: tuple[Any, ...]) -> dict[str, Any]:
        import tensorflow as tf

        x, y, weight = (*batch, None)[:3]
        with tf.GradientTape() as tape:
            outputs = self.model(x, training=False)
            loss = self.model.compute_loss(x=x, y=y, y_pred=outputs, sample_weight=weight, training=False)
        gradients = tape.gradient(loss, self.model.trainable_weights)
        # An embedding's come in slices, which the norm would not add up where a token occurs twice.
        squares = [None if g is None else tf.reduce_sum(tf.square(tf.convert_to_tensor(g))) for g in gradients]
        return self.norms_of(squares)


def _loop_steps(step: Callable[[Any], Any], jit_compile: bool) -> Callable[[Any, Any], None]:
    """Turn a Keras step into one over the first `steps` batches of a block.

    Each shape has a graph of its own: with `reduce_retracing` that of the second shape would be a general one, whose
    last bits are others, and which shape comes second depends on where a training goes on.
    """
    import tensorflow as tf

    one_step = tf.function(step, autograph=False, jit_compile=jit_compile)

    def over_block(data: Any, steps: Any) -> None:
        def body(index: Any) -> Any:
            one_step(map_arrays(data, lambda array: array[index]))
            return (index + 1,)

        if _first(data).shape[0] == 1:
            one_step(map_arrays(data, lambda array: array[0]))
        else:
            tf.while_loop(lambda index: index < steps, body, (tf.constant(0),), parallel_iterations=1)

    graph = tf.function(over_block, autograph=False)
    return lambda data, steps: graph(data, tf.constant(steps))


def _first(data: Any) -> Any:
    while isinstance(data, (dict, tuple)):
        data = next(iter(data.values())) if isinstance(data, dict) else data[0]
    return data
