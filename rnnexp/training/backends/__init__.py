"""Many gradient steps per call, one module per Keras backend; the steps themselves are the
model's own `train_step`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnexp.runtime.process_group import Rank
    from rnnexp.training.backends.base import BackendTrainer


def make_backend_trainer(model: Any, rank: Rank | None = None) -> BackendTrainer:
    """Return the trainer of Keras's backend for a compiled and built model; of a `rank` one that trains with others."""
    import keras

    match keras.backend.backend():
        case "jax":
            from rnnexp.training.backends.jax import JaxTrainer

            return JaxTrainer(model)
        case "tensorflow":
            from rnnexp.training.backends.tensorflow import TensorFlowTrainer

            return TensorFlowTrainer(model)
        case _ if rank:
            from rnnexp.training.backends.torch_ranks import RankedTorchTrainer

            return RankedTorchTrainer(model, rank)
        case _:
            from rnnexp.training.backends.torch import TorchTrainer

            return TorchTrainer(model)
