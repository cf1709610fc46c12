"""What a language model writes while it is trained: a text for each checkpoint, and one at the end."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnexp.data.texts.vocabulary import PADDING, UNKNOWN
from rnnexp.tasks.language_modeling.dataset import TextStream

if TYPE_CHECKING:
    from rnnexp.data.dataset import Dataset
    from rnnexp.tracking.run import Run

LENGTH, TEMPERATURE = 400, 0.8


class Samples:
    """The texts of one run; of another task than language modelling there are none.

    They are drawn with the same seed, so that they differ by what has been learnt.
    """

    def __init__(self, tracked: Run, dataset: Dataset, model: Any, run_dir: Path) -> None:
        self.tracked, self.dataset, self.model, self.run_dir = tracked, dataset, model, run_dir
        self.done: set[str] = set()

    def look(self) -> None:
        """Write a text for each checkpoint that has been saved since the last look."""
        from rnnexp.training.checkpoint import PREFIX, load

        if not isinstance(self.dataset, TextStream):
            return
        for folder in sorted((self.run_dir / "checkpoints").glob(f"{PREFIX}*")):
            if folder.name not in self.done:
                self.done.add(folder.name)
                self._assign(load(folder)[1])
                self._log(folder.name, self._copy, self.dataset)

    def end(self) -> None:
        """Write a text with the weights that were kept."""
        if isinstance(self.dataset, TextStream):
            self._log("final", self.model, self.dataset)

    @cached_property
    def _copy(self) -> Any:
        """A model of its own: the weights of the one in training may be anywhere."""
        from rnnexp.models.build import copied

        return copied(self.model)

    def _assign(self, weights: dict[str, Any]) -> None:
        for variable in self._copy.weights:
            if variable.path in weights:
                variable.assign(weights[variable.path])

    def _log(self, name: str, model: Any, dataset: TextStream) -> None:
        from rnnexp.models.writing import Sampling, write
        from rnnexp.tasks.language_modeling.answer import start

        language = dataset.language
        written = write(model, start(language), LENGTH, Sampling(TEMPERATURE, never=(PADDING, UNKNOWN)))
        self.tracked.log_text(f"samples/{name}.txt", language.text(written) + "\n")
