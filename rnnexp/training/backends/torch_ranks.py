"""Steps on PyTorch by several ranks: each computes its share of every batch, within DistributedDataParallel.

The predictions of all ranks are gathered before the loss, so that it is that of the whole batch with all its masks and
weights, and metrics need no sums over ranks. Each rank differentiates by its own share alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rnnexp.errors import ConfigError
from rnnexp.runtime.process_group import Rank
from rnnexp.training.backends.base import is_seed_state
from rnnexp.training.backends.torch import TorchTrainer
from rnnexp.training.batcher import Block


class RankedModel:
    """A Keras model whose calls are made by all ranks together; all else is its own."""

    def __init__(self, model: Any, call: Callable[..., Any], rank: Rank) -> None:
        self._model, self._call, self._rank = model, call, rank

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def __call__(self, x: Any, training: bool = False) -> Any:
        import keras

        rows = keras.tree.flatten(x)[0].shape[0]
        own = self._call(keras.tree.map_structure(self._cut, x), training=training)
        return keras.tree.map_structure(lambda output: self._gather(output, rows), own)

    def _cut(self, array: Any) -> Any:
        """Return the rows of this rank; where there are too few, the last one stands for those that are missing."""
        import torch

        rows = array.shape[0]
        share = -(-rows // self._rank.count)
        first = self._rank.number * share
        return array[torch.arange(first, first + share, device=array.device).clamp(max=rows - 1)]

    def _gather(self, own: Any, rows: int) -> Any:
        """Return the outputs of all ranks, through which the gradient of the own ones alone goes back.

        It is made as many times larger as there are ranks, for DistributedDataParallel takes the mean of what is a sum.
        """
        import torch

        count = self._rank.count
        parts = _gather_all(own.detach(), count)
        parts[self._rank.number] = own + (own - own.detach()) * (count - 1)
        gathered = torch.cat(parts)[:rows]
        if (mask := getattr(own, "_keras_mask", None)) is not None:
            whole = torch.cat(_gather_all(mask.to(torch.uint8), count))[:rows].bool()
            gathered._keras_mask = whole  # type: ignore[attr-defined]
        return gathered


class RankedTorchTrainer(TorchTrainer):
    """The same weights in each rank, moved by the same gradient."""

    def __init__(self, model: Any, rank: Rank) -> None:
        import keras

        super().__init__(model)
        if self.carried_states:
            raise ConfigError("ranks: a network that carries states from batch to batch is not trained by several")
        if any(isinstance(layer, keras.layers.BatchNormalization) for layer in model._flatten_layers()):
            raise ConfigError("ranks: BatchNormalization would see a share of each batch; use LayerNormalization")
        self._rank = rank
        self._trained: RankedModel | None = None
        self._tested = RankedModel(model, model, rank)

    def train(self, block: Block) -> None:
        self._trained = self._trained or self._join()
        self._run(block, self.model.train, type(self.model).train_step, self._trained)

    def test(self, block: Block) -> None:
        import torch

        with torch.no_grad():
            self._run(block, self.model.eval, type(self.model).test_step, self._tested)

    def _run(self, block: Block, settle: Callable[[], Any], step: Callable[..., Any], model: RankedModel) -> None:
        settle()
        placed = self.to_device(block)
        for place in range(block.steps):
            step(model, placed.batch(place))

    def _join(self) -> RankedModel:
        """Take over the weights of the first rank, which may go on from a checkpoint, with other random numbers."""
        from torch.nn.parallel import DistributedDataParallel

        call = DistributedDataParallel(self.model)
        for variable in self.variables:
            if is_seed_state(variable):
                variable.assign(variable.value + self._rank.number)
        return RankedModel(self.model, call, self._rank)


def _gather_all(own: Any, count: int) -> list[Any]:
    import torch

    parts = [torch.empty_like(own) for _ in range(count)]
    torch.distributed.all_gather(parts, own.contiguous())
    return parts
