"""The backward pass by hand gives what JAX derives from Keras's own layers, and leaves alone what it does not cover."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from rnnexp.models.recurrent_gradients import is_covered, replace_inner_loops

CELLS = ("LSTM", "GRU")
KINDS_OF_MASK = ("none", "right", "left", "holes", "all")
SELDOM = ("none", "left", "all")
# batch, steps, inputs, units; what the layer returns; how it is read
MEMBERS = [
    ((3, 7, 2, 5), {"return_sequences": True, "return_state": True}, "forward"),
    ((1, 1, 1, 1), {"return_sequences": False, "return_state": True}, "forward"),
    ((4, 6, 3, 2), {"return_sequences": False, "return_state": False}, "backward"),
    ((2, 9, 1, 4), {"return_sequences": True, "return_state": True}, "backward"),
    ((5, 5, 2, 3), {"return_sequences": True, "return_state": True}, "both"),
    ((40, 3, 2, 30), {"return_sequences": False, "return_state": True}, "both"),  # over SMALL
    ((128, 3, 2, 33), {"return_sequences": True, "return_state": True}, "forward"),  # over LARGE
]


def draw_mask(kind: str, batch: int, steps: int) -> np.ndarray | None:
    source = np.random.default_rng(1)
    lengths = source.integers(1, steps + 1, size=(batch, 1))
    masks = {
        "right": np.arange(steps) < lengths,
        "left": np.arange(steps) >= steps - lengths,
        "holes": source.random((batch, steps)) < 0.6,
        "all": np.arange(batch)[:, None] % 2 == np.zeros((batch, steps)),  # of every other row all steps
    }
    return masks.get(kind)


class Net:
    """One layer, its inputs, and a loss in which everything that it returns counts.

    `gradients` are those by weights, inputs and states, and what the layer returns.
    """

    def __init__(self, cell: str, shape: tuple[int, ...], direction: str = "forward", **arguments: Any) -> None:
        import keras

        batch, steps, inputs, units = shape
        self.dtype = arguments.pop("dtype", "float32")
        bias = {"bias_initializer": "random_normal", **({"unit_forget_bias": False} if cell == "LSTM" else {})}
        arguments = {**bias, "dtype": self.dtype, "go_backwards": direction == "backward", **arguments}
        layer = getattr(keras.layers, cell)(units, **arguments)
        self.layer = keras.layers.Bidirectional(layer, dtype=self.dtype) if direction == "both" else layer
        source = np.random.default_rng(0)
        wide = "float64" if self.dtype == "float64" else "float32"
        self.x = source.normal(size=(batch, steps, inputs)).astype(wide)
        states = (2 if cell == "LSTM" else 1) * (2 if direction == "both" else 1)
        self.states = [source.normal(size=(batch, units)).astype(wide) for _ in range(states)]
        self.layer.build(self.x.shape)
        self.weights = [variable.value for variable in self.layer.trainable_variables]

    def _flatten_layers(self, include_self: bool, recursive: bool) -> Iterator[Any]:
        return self.layer._flatten_layers()

    def loss(self, weights: Any, x: Any, states: Any, mask: Any) -> tuple[Any, Any]:
        from jax import numpy as jnp

        fixed = [variable.value for variable in self.layer.non_trainable_variables]
        call = {"initial_state": states, "mask": mask, "training": True}
        outputs, _ = self.layer.stateless_call(weights, fixed, x, **call)
        outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        source = np.random.default_rng(2)
        wide = jnp.float64 if self.dtype == "float64" else jnp.float32
        return sum((output.astype(wide) * source.normal(size=output.shape)).sum() for output in outputs), outputs

    def gradients(self, mask: Any = None, by_hand: bool = False, over: Any = None) -> list[np.ndarray]:
        import jax

        function = jax.grad(self.loss, argnums=(0, 1, 2), has_aux=True)
        function = over(function) if over else function
        with replace_inner_loops(self) if by_hand else no_change():
            found = jax.jit(function)(self.weights, self.x, self.states, mask)
        return [np.asarray(leaf).astype("float64") for leaf in jax.tree.leaves(found)]


@contextmanager
def no_change() -> Iterator[None]:
    yield


@contextmanager
def doubles() -> Iterator[None]:
    import jax

    with jax.enable_x64(True):
        yield


def difference(one: list[np.ndarray], other: list[np.ndarray]) -> float:
    """Return the largest difference of two lists of arrays, relative to the largest number of each array."""
    return max(float(abs(a - b).max() / max(abs(a).max(), 1e-30)) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.end_to_end] * (kind in SELDOM)) for kind in KINDS_OF_MASK]
)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.end_to_end
def test_outputs_and_gradients_are_those_that_jax_derives_from_keras(cell: str, kind: str) -> None:
    for shape, returned, direction in MEMBERS:
        net, mask = Net(cell, shape, direction, **returned), draw_mask(kind, *shape[:2])
        assert difference(net.gradients(mask), net.gradients(mask, by_hand=True)) < 1e-5, (shape, direction)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.end_to_end
def test_in_double_precision_they_agree_to_ten_digits(cell: str) -> None:
    from jax import numpy as jnp

    with doubles():
        for shape, returned, direction in MEMBERS[:4:3]:
            net, mask = Net(cell, shape, direction, dtype="float64", **returned), draw_mask("holes", *shape[:2])
            derived = Net(cell, shape, direction, dtype="float64", activation=jnp.tanh, **returned)
            derived.weights = net.weights  # and a tanh that, unlike Keras's, does not go through single precision
            assert difference(derived.gradients(mask), net.gradients(mask, by_hand=True)) < 1e-10, (shape, direction)


def test_a_layer_without_bias_has_one_gradient_less_and_the_same_others() -> None:
    for cell in CELLS:
        net = Net(cell, (3, 4, 2, 3), use_bias=False)
        assert len(net.weights) == 2
        assert difference(net.gradients(), net.gradients(by_hand=True)) < 1e-5


def test_another_mask_has_other_gradients() -> None:
    net = Net("LSTM", (3, 7, 2, 5), return_sequences=True)
    right, holes = (net.gradients(draw_mask(kind, 3, 7), by_hand=True) for kind in ("right", "holes"))
    assert difference(right, holes) > 0.01


@pytest.mark.parametrize(("dtype", "tolerance"), [("mixed_bfloat16", 0.05), ("mixed_float16", 0.01)])
@pytest.mark.end_to_end
def test_mixed_precision_agrees_within_its_own_digits(dtype: str, tolerance: float) -> None:
    for cell in CELLS:
        net = Net(cell, (3, 7, 2, 5), "both", dtype=dtype, return_sequences=True)
        exact = Net(cell, (3, 7, 2, 5), "both", return_sequences=True)
        exact.weights = net.weights
        mask = draw_mask("holes", 3, 7)
        by_hand, derived, true = net.gradients(mask, by_hand=True), net.gradients(mask), exact.gradients(mask)
        assert difference(derived, by_hand) < tolerance
        assert difference(true, by_hand) < 1.2 * difference(true, derived)  # closer to the truth, or nearly as close


@pytest.mark.parametrize("cell", CELLS)
def test_vmap_and_checkpoint_change_nothing(cell: str) -> None:
    import jax

    net, mask = Net(cell, (3, 7, 2, 5), return_sequences=True, return_state=True), draw_mask("holes", 3, 7)
    plain = net.gradients(mask)

    def checkpointed(_: Any) -> Any:
        return jax.grad(jax.checkpoint(net.loss), argnums=(0, 1, 2), has_aux=True)

    assert difference(plain, net.gradients(mask, by_hand=True, over=checkpointed)) < 1e-5
    stacked = Net(cell, (3, 7, 2, 5), return_sequences=True, return_state=True)
    stacked.weights, stacked.x, stacked.states = jax.tree.map(
        lambda leaf: np.stack([leaf, 2 * leaf]), (net.weights, net.x, net.states)
    )
    side_by_side = stacked.gradients(mask, by_hand=True, over=lambda f: jax.vmap(f, in_axes=(0, 0, 0, None)))
    assert difference(plain, [leaf[0] for leaf in side_by_side]) < 1e-5
    assert difference(plain, [leaf[1] for leaf in side_by_side]) > 0.01


NOT_COVERED = [
    *((cell, {"unroll": True}) for cell in CELLS),
    *((cell, {"activation": "relu"}) for cell in CELLS),
    *((cell, {"recurrent_activation": "hard_sigmoid"}) for cell in CELLS),
    *((cell, {"recurrent_dropout": 0.2}) for cell in CELLS),
    *((cell, {"dropout": 0.2}) for cell in CELLS),
    *((cell, {"use_cudnn": choice}) for cell in CELLS for choice in (False, True)),
    ("GRU", {"reset_after": False}),
    ("SimpleRNN", {}),
]
COVERED = [
    *((cell, {}) for cell in CELLS),
    *((cell, {"use_bias": False}) for cell in CELLS),
    *((cell, {"implementation": 1}) for cell in CELLS),
    *((cell, {"go_backwards": True, "zero_output_for_mask": True}) for cell in CELLS),
]


@pytest.mark.parametrize(("cell", "inputs", "by_hand"), [("LSTM", 128, False), ("LSTM", 127, True), ("GRU", 128, True)])
def test_an_lstm_of_large_states_and_inputs_stays_keras_s_own(cell: str, inputs: int, by_hand: bool) -> None:
    import jax

    net = Net(cell, (128, 2, inputs, 128))
    with replace_inner_loops(net):
        computed = str(jax.make_jaxpr(lambda weights: net.loss(weights, net.x, net.states, None)[1])(net.weights))
    assert ("custom_vjp" in computed) == by_hand


@pytest.mark.parametrize(("cell", "arguments"), NOT_COVERED)
def test_what_is_not_covered_stays_keras_s_own(cell: str, arguments: dict[str, Any]) -> None:
    import keras

    layer = getattr(keras.layers, cell)(2, **arguments)
    model = keras.Sequential([layer])
    with replace_inner_loops(model):
        assert "inner_loop" not in vars(layer)
    assert not is_covered(layer)


@pytest.mark.parametrize(("cell", "arguments"), COVERED)
def test_what_is_covered_agrees_with_masks_too(cell: str, arguments: dict[str, Any]) -> None:
    for kind in ("none", "all"):
        net, mask = Net(cell, (4, 5, 2, 3), **arguments), draw_mask(kind, 4, 5)
        assert is_covered(net.layer)
        assert difference(net.gradients(mask), net.gradients(mask, by_hand=True)) < 1e-5


def test_a_layer_of_a_class_of_its_own_is_left_alone() -> None:
    import keras

    class Mine(keras.layers.LSTM):
        pass

    assert not is_covered(Mine(2))


def test_a_stateful_layer_carries_on_as_keras_s_does() -> None:
    import keras

    source = np.random.default_rng(0)
    batches = source.normal(size=(3, 2, 4, 1)).astype("float32")
    layer = keras.layers.LSTM(3, stateful=True)
    model = keras.Sequential([keras.Input(batch_shape=(2, 4, 1)), layer])
    expected = [np.asarray(model(x)) for x in batches]
    layer.reset_state()
    with replace_inner_loops(model):
        found = [np.asarray(model(x)) for x in batches]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert abs(expected[0] - np.asarray(model(batches[0]))).max() > 1e-3  # states count


def test_layers_are_keras_s_own_again_afterwards_even_after_an_error_and_one_in_the_other() -> None:
    import keras

    layer = keras.layers.GRU(2)
    model = keras.Sequential([keras.Input((3, 1)), keras.layers.Bidirectional(layer)])
    loops = [model.layers[0].forward_layer, model.layers[0].backward_layer]

    def fail_inside() -> None:
        with replace_inner_loops(model):
            outer = [vars(loop)["inner_loop"] for loop in loops]
            with replace_inner_loops(model):
                assert vars(loops[0])["inner_loop"] is not outer[0]
            assert [vars(loop)["inner_loop"] for loop in loops] == outer
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        fail_inside()
    assert not any("inner_loop" in vars(loop) for loop in loops)
