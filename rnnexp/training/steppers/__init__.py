"""Many gradient steps per call, one module per Keras backend; the steps themselves are the
model's own `train_step`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnexp.training.steppers.stepper import Stepper


def stepper_for(model: Any) -> Stepper:
    """Return the stepper of Keras's backend for a compiled and built model."""
    import keras

    match keras.backend.backend():
        case "jax":
            from rnnexp.training.steppers.on_jax import OnJax

            return OnJax(model)
        case "tensorflow":
            from rnnexp.training.steppers.on_tensorflow import OnTensorFlow

            return OnTensorFlow(model)
        case _:
            from rnnexp.training.steppers.on_torch import OnTorch

            return OnTorch(model)
