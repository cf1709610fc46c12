"""Steps on PyTorch: a plain loop, since Keras runs PyTorch eagerly."""

from __future__ import annotations

from typing import Any

from rnnexp.training.backends.base import BackendTrainer
from rnnexp.training.batcher import Block, map_arrays


class TorchTrainer(BackendTrainer):
    """The state lives in PyTorch's parameters; a block is moved to the device at once and cut there."""

    name = "torch"

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        model.make_train_function()
        model.make_test_function()

    def to_device(self, block: Block) -> Block:
        import keras

        return Block(map_arrays(block.data, keras.ops.convert_to_tensor), block.steps)

    def train(self, block: Block) -> None:
        self.model.train()
        placed = self.to_device(block)
        for step in range(block.steps):
            self.model.train_function([placed.batch(step)])

    def test(self, block: Block) -> None:
        self.model.eval()
        placed = self.to_device(block)
        for step in range(block.steps):
            self.model.test_function([placed.batch(step)])

    def results(self) -> dict[str, float]:
        return {name: float(value) for name, value in self.model.get_metrics_result().items()}

    def drawing_state(self) -> dict[str, Any]:
        import torch

        devices = {str(device): torch.cuda.get_rng_state(device) for device in range(torch.cuda.device_count())}
        states = {"cpu": torch.get_rng_state(), **devices}
        return {**super().drawing_state(), "torch": {device: state.numpy() for device, state in states.items()}}

    def set_drawing_state(self, state: dict[str, Any]) -> None:
        import torch

        super().set_drawing_state(state)
        for device, value in state["torch"].items():
            taken = torch.from_numpy(value.copy())
            torch.set_rng_state(taken) if device == "cpu" else torch.cuda.set_rng_state(taken, int(device))

    def grad_norms(self, batch: tuple[Any, ...]) -> dict[str, Any]:
        import keras
        import torch

        x, y, weight = (*map_arrays(batch, keras.ops.convert_to_tensor), None)[:3]
        self.model.eval()
        outputs = self.model(x, training=False)
        loss = self.model.compute_loss(x=x, y=y, y_pred=outputs, sample_weight=weight, training=False)
        values = [variable.value for variable in self.model.trainable_variables]
        gradients = torch.autograd.grad(loss, values, allow_unused=True)
        return self.norms_of([None if gradient is None else gradient.square().sum() for gradient in gradients])
