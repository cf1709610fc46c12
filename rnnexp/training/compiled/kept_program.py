"""The compiled program of a training, kept for the next one of the same network in this process."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from rnnexp.training.compiled.batch_plan import BatchPlan, list_leaves
from rnnexp.training.compiled.dispatch import Dispatch
from rnnexp.training.prepare import seed_random_layers

MAX_BYTES = 2**26  # of data, which the program holds: it is worth its memory where trainings are short


class KeptProgram:
    """What the last training of a network has traced and compiled.

    Who asks for it answers for it that network, loss, optimizer and callbacks are the same, and that the network has
    its first weights. Seed and numbers of the data may be others: they are inputs of the program.
    """

    def __init__(self) -> None:
        self._dispatch: Dispatch | None = None
        self._optimizer: list[Any] = []
        self._shape: Hashable = None

    def keep(self, dispatch: Dispatch, batch_plan: BatchPlan) -> None:
        """Keep the program of a training that is alone, before its first step."""
        if sum(leaf.nbytes for _, leaf in list_leaves(batch_plan.data())) <= MAX_BYTES:
            self._dispatch, self._shape = dispatch, _describe(batch_plan)
            self._optimizer = dispatch.program.backend.optimizer

    def renew(self, batch_plan: BatchPlan, seed: int) -> Dispatch | None:
        """Make the program forget the training before; None if there is none for data of this shape."""
        if self._dispatch is None or self._shape != _describe(batch_plan):
            return None
        program = self._dispatch.program
        for variable, value in zip(program.model.optimizer.variables, self._optimizer, strict=True):
            variable.assign(value)
        seed_random_layers(program.model, seed)
        program.backend.pull()
        return self._dispatch


def _describe(batch_plan: BatchPlan) -> Hashable:
    """Return what of the data is part of a program: shapes, and the lengths that batches are padded to."""
    return batch_plan.signature(), batch_plan.pieces, tuple(batch_plan.train.part.bounds)
