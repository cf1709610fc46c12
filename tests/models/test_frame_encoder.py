"""The encoder of frames is Keras's own convolution in TimeDistributed, with the same gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rnnexp.data.sources.synthetic import sine
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.models.architectures.cnn_rnn import cnn_rnn
from rnnexp.models.build import build
from rnnexp.models.frame_encoder import encode_frames
from rnnexp.models.recurrent_checks import check_spec

FRAME = (7, 6, 2)
SIZE = 84
X = np.random.default_rng(0).normal(size=(3, 4, SIZE)).astype("float32")


def spec(steps: int | None = None, frame: tuple[int, int, int] | None = FRAME, per_step: bool = False) -> TaskSpec:
    inputs = {"past": InputSpec((steps, SIZE), frame=frame)}
    inputs |= {} if steps else {"mask": InputSpec((None,), "bool")}
    return TaskSpec(
        "classification", inputs, (2,), "logits", classes=("a", "b"), per_step=per_step, sees_future=per_step
    )


@pytest.mark.parametrize("kernel_size", [1, 2, 3])
@pytest.mark.parametrize("pool", [1, 2])
def test_it_is_the_convolution_of_keras_with_the_same_gradients(kernel_size: int, pool: int) -> None:
    import jax
    import keras
    from jax import numpy as jnp

    past = keras.Input((None, SIZE))
    ours = keras.Model(past, encode_frames(past, FRAME, [3], kernel_size, pool))
    layers = [keras.layers.Conv2D(3, kernel_size, padding="same", activation="relu")]
    layers += [keras.layers.MaxPooling2D(pool), keras.layers.Flatten()]
    images = keras.Input((4, *FRAME))
    y: Any = images
    for layer in layers:
        y = keras.layers.TimeDistributed(layer)(y)
    theirs = keras.Model(images, y)
    kernel = np.random.default_rng(1).normal(size=(kernel_size, kernel_size, 2, 3)).astype("float32")
    bias = np.linspace(-1, 1, 3, dtype="float32")

    def of_ours(kernel: Any) -> Any:
        outputs = ours.stateless_call([kernel.reshape(-1, 3), bias], [], X)[0]
        return (outputs**2).sum(), outputs

    def of_theirs(kernel: Any) -> Any:
        outputs = theirs.stateless_call([kernel, bias], [], X.reshape(3, 4, *FRAME))[0]
        return (outputs**2).sum(), outputs

    (_, outputs), gradient = jax.value_and_grad(of_ours, has_aux=True)(jnp.array(kernel))
    (_, wanted), other = jax.value_and_grad(of_theirs, has_aux=True)(jnp.array(kernel))
    np.testing.assert_allclose(outputs, wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(gradient, other, rtol=1e-3, atol=1e-3)
    if kernel_size > 1:
        assert not np.allclose(outputs, of_theirs(jnp.array(kernel[::-1]))[1], atol=1e-2)


@pytest.mark.parametrize("cell", ["lstm", "gru", "simple_rnn"])
def test_what_lies_after_the_end_of_a_clip_changes_nothing(cell: str) -> None:
    model = build(cnn_rnn(cell=cell, units=[3], filters=[2]), spec(), seed=0)  # type: ignore[arg-type]
    mask = np.arange(4) < np.array([[2], [3], [4]])
    other = np.where(mask[..., None], X, 9.0)
    before, after = (np.asarray(model({"past": x, "mask": mask})) for x in (X, other))
    np.testing.assert_allclose(before, after, rtol=1e-5)
    turned = np.asarray(model({"past": X[:, ::-1], "mask": mask}))
    assert not np.allclose(before, turned, rtol=1e-3)


def test_it_gives_an_output_for_each_frame_or_for_each_clip() -> None:
    settings = cnn_rnn(units=[3], filters=[2, 3], bidirectional=True)
    assert build(settings, spec(4), seed=0).output_shape == (None, 2)
    assert build(settings, spec(per_step=True), seed=0).output_shape == (None, None, 2)


def test_data_that_it_cannot_read_are_refused_with_a_reason() -> None:
    assert "cnn_rnn reads frames, and these data have none" in check_spec(cnn_rnn(), sine().outline())[0]
    assert (
        "model.pool_size: 2 given with 3 filters; of 7 x 6 pixels" in check_spec(cnn_rnn(filters=[2, 2, 2]), spec())[0]
    )
    assert check_spec(cnn_rnn(), spec()) == []
    assert "frames are read one by one" in cnn_rnn(patch_size=2).check()[0]
