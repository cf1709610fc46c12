"""Numbers to predict, standardized for the network that learns them and given back in their own units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from rnnexp.config.settings import SINCE, UNDIGESTED
from rnnexp.errors import DataError
from rnnexp.registry import settings

if TYPE_CHECKING:
    import numpy as np

    from rnnexp.data.spec import TaskSpec


@settings
class ScaledTargets:
    """How the numbers of a regression are scaled; labels have no scale."""

    target_scaler: Literal["none", "standard"] = Field(
        "none",
        description="regression: scaler of the targets, fitted on the training set only. Losses are of scaled targets, "
        "scores and predictions in the units of the data.",
        json_schema_extra={SINCE: "0.2", UNDIGESTED: True},
    )


@dataclass(frozen=True)
class TargetScaling:
    """Mean and deviation of each number over the training examples; a constant one has the deviation 1."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def scale(self, numbers: np.ndarray) -> np.ndarray:
        """Return numbers (n, outputs) as a network learns them."""
        import numpy as np

        return ((np.asarray(numbers, np.float64) - self.mean) / self.deviation).astype(np.float32)

    def restore(self, outputs: np.ndarray) -> np.ndarray:
        """Return outputs (n, outputs) in the units of the data; quantiles of a target stand side by side."""
        import numpy as np

        beside = outputs.shape[-1] // len(self.mean)
        return np.asarray(outputs, np.float64) * np.repeat(self.deviation, beside) + np.repeat(self.mean, beside)

    def find_flaw(self, spec: TaskSpec | None = None) -> str:
        """Say why it is not of numbers, or not of those of a network of this spec; "" if it is."""
        if not self.mean or len(self.mean) != len(self.deviation) or min(self.deviation) <= 0:
            return "mean and deviation of the targets do not go together"
        if spec is None or len(self.mean) * max(1, len(spec.quantiles)) == spec.output_shape[-1]:
            return ""
        return "the network gives other numbers than the targets that were scaled"

    def to_json(self) -> dict[str, list[float]]:
        """Return plain JSON values."""
        return {"mean": list(self.mean), "deviation": list(self.deviation)}


def scale_targets(scaling: TargetScaling | None, numbers: Any) -> Any:
    """Return numbers as a network learns them; as they are where no scaler was fitted."""
    return numbers if scaling is None else scaling.scale(numbers)


def restore_targets(scaling: TargetScaling | None, outputs: Any) -> Any:
    """Return outputs in the units of the data; as they are where no scaler was fitted."""
    return outputs if scaling is None else scaling.restore(outputs)


def read_scaling(saved: Any) -> TargetScaling | None:
    """Rebuild what `to_json` wrote; DataError if it is damaged."""
    from rnnexp import strict

    if saved is None:
        return None
    found: TargetScaling = strict.checked(TargetScaling, saved, "the scaling of the targets")
    if flaw := found.find_flaw():
        raise DataError(f"{flaw}: it is damaged")
    return found


def fit_targets(source: Any, numbers: np.ndarray, train: Sequence[int] | np.ndarray) -> TargetScaling | None:
    """Fit the scaler of a source to the numbers (n, outputs) of its training examples; None where it has none."""
    import numpy as np

    if vars(source).get("target_scaler", "none") == "none":
        return None
    known = np.asarray(numbers, np.float64)[train]
    deviation = np.where(known.min(axis=0) == known.max(axis=0), 1.0, known.std(axis=0))
    return TargetScaling(tuple(known.mean(axis=0).tolist()), tuple(deviation.tolist()))
