"""The network of a run, kept for the next one in the same process if that asks for the same one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rnnexp.config.settings import Experiment
from rnnexp.runner.assembly import build_model, tell_kernels
from rnnexp.runner.program_key import make_network_key

if TYPE_CHECKING:
    from rnnexp.data.dataset import Dataset
    from rnnexp.data.spec import TaskSpec
    from rnnexp.runtime import Runtime
    from rnnexp.training.compiled.kept_program import KeptProgram


class KeptNetwork:
    """A network that was built and compiled for one run, and is given first weights anew for the next.

    program: what its training has compiled; None where it has a program of its own
    """

    def __init__(self) -> None:
        self.program: KeptProgram | None = None
        self._key: tuple[str, TaskSpec] | None = None
        self._model: Any = None

    def build(self, experiment: Experiment, dataset: Dataset, device: Runtime) -> Any:
        """Return the network of an experiment with its first weights: the one that is kept if it would be the same."""
        from rnnexp.models.build import draw_weights, find_given_weights
        from rnnexp.training.compiled.kept_program import KeptProgram

        wanted = make_network_key(experiment)
        key = (wanted, dataset.spec) if wanted is not None else None
        if key is not None and key == self._key:
            given = find_given_weights(experiment.model, dataset)
            if not draw_weights(experiment.model, self._model, experiment.seed, given):
                tell_kernels(self._model, device)
                return self._model
        self.program, self._key, self._model = None, None, None  # whoever builds needs the memory
        model = build_model(experiment, dataset, device)
        if key is not None:
            self.program, self._key, self._model = KeptProgram(), key, model
        return model
