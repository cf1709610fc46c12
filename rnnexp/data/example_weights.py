"""How often each example counts: one of weight 2 counts in losses, gradients and scores as if it were there twice.

Weights are kept over their mean in each part, so that a loss, which Keras divides by the number of examples, is the
mean that they weigh; one of weight 0 counts nowhere, as if it were not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from rnnexp.errors import DataError

if TYPE_CHECKING:
    import numpy as np

KEY = "example_weight"  # among the arrays of a part


def read_weight(cell: str, place: str) -> float:
    """Return a weight that is written in a cell; DataError names its place if it is none."""
    try:
        weight = float(cell)
    except ValueError:
        weight = float("nan")
    if not 0 <= weight < float("inf"):
        shown = f"`{cell[:20]}`" if cell.strip() else "empty"
        raise DataError(f"{place}: the weight is {shown} (data.weight); give a number that is 0 or more")
    return weight


def check_weights(weights: np.ndarray, place: Callable[[int], str]) -> None:
    """Raise DataError, which names the place of the first, if some of the weights (n,) are none."""
    import numpy as np

    bad = np.flatnonzero(~((weights >= 0) & np.isfinite(weights)))
    if len(bad):
        raise DataError(
            f"{place(int(bad[0]))}: the weight is {weights[bad[0]]:g} (data.weight, {len(bad)} such); "
            "give numbers that are 0 or more"
        )


def share_weights(weights: np.ndarray, parts: Iterable[tuple[str, np.ndarray]]) -> np.ndarray:
    """Return weights (n,) over the mean of the part that each belongs to, by names and places (m,) of the parts.

    Raises DataError for a part in which all are 0.
    """
    import numpy as np

    shares = np.zeros(len(weights), np.float32)
    for name, own in parts:
        mean = weights[own].mean()
        if mean == 0:
            raise DataError(f"the {name} set has weights of 0 alone (data.weight): nothing of it would count")
        shares[own] = weights[own] / mean
    return shares


def take_weights(arrays: Any, indices: Any) -> Any:
    """Return the weights of examples (b,), None where all count once; NumPy or traced arrays alike."""
    return arrays[KEY][indices] if KEY in arrays else None
