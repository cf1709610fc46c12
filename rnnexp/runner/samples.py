"""What a model writes while it is trained: a text for each checkpoint, and one at the end."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnexp.tracking.run import Run


class Samples:
    """The texts of one run, written by `sampler`; None for models that write none."""

    def __init__(self, tracked: Run, sampler: Callable[[Any], str] | None, model: Any, run_dir: Path) -> None:
        self.tracked, self.sampler, self.model, self.run_dir = tracked, sampler, model, run_dir
        self.done: set[str] = set()

    def log_checkpoints(self) -> None:
        """Write a text for each checkpoint that has been saved since the last look."""
        from rnnexp.training.checkpoint import WEIGHTS, load_weights

        if self.sampler is None:
            return
        for folder in sorted((self.run_dir / "checkpoints").glob(f"{WEIGHTS}*")):
            if folder.name not in self.done:
                self.done.add(folder.name)
                self._assign(load_weights(folder)[1])
                self._log(folder.name, self.sampler(self._copy))

    def log_final(self) -> None:
        """Write a text with the weights that were kept."""
        if self.sampler is not None:
            self._log("final", self.sampler(self.model))

    @cached_property
    def _copy(self) -> Any:
        """A model of its own: the weights of the one in training may be anywhere."""
        from rnnexp.models.build import clone_model

        return clone_model(self.model)

    def _assign(self, weights: dict[str, Any]) -> None:
        for variable in self._copy.weights:
            if variable.path in weights:
                variable.assign(weights[variable.path])

    def _log(self, name: str, text: str) -> None:
        self.tracked.log_text(f"samples/{name}.txt", text + "\n")
