"""What MLflow calls to serve a model: a table of raw rows in, forecasts in real units out.

`mlflow models serve -m runs:/<run id>/model --env-manager local`, or in Python
`mlflow.pyfunc.load_model("runs:/<run id>/model").predict(rows)`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.runtime import loaded_backend

if TYPE_CHECKING:
    from pandas import DataFrame

SERIES = "unique_id"
PLUGINS = "RNNEXP_PLUGINS"


def _load_pyfunc(path: str, model_config: Mapping[str, Any] | None = None) -> Served:
    """Load a bundle; MLflow looks this function up by its name.

    A process that has no backend yet takes KERAS_BACKEND, else the one the model was trained with. A model's
    own plugins run only if RNNEXP_PLUGINS (module names with commas) allows them.
    """
    from rnnexp import runtime
    from rnnexp.models import bundle

    runtime.configure(_backend((model_config or {}).get("backend")))
    plugins = [name.strip() for name in os.environ.get(PLUGINS, "").split(",") if name.strip()]
    return Served(bundle.load(Path(path), plugins))


def _backend(trained_with: str | None) -> str | None:
    return loaded_backend() or os.environ.get("KERAS_BACKEND") or trained_with


def _standardised(sequences: np.ndarray, scaling: Mapping[str, Any]) -> np.ndarray:
    """Scale independent sequences (n, time, features) as in training."""
    if "mean" not in scaling:
        return sequences
    shift, scale = (np.asarray(scaling[key], dtype=np.float32) for key in ("mean", "deviation"))
    return (sequences - shift) / scale


@dataclass(frozen=True)
class Served:
    """A loaded model."""

    bundle: Any

    def predict(self, rows: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Forecast what follows the rows, one line per series and step, in original units.

        A model of independent sequences has no scaler or dates: it takes an array (n, time, features) and
        returns its raw outputs.
        """
        if "columns" not in self.bundle.scaling:
            return self._outputs(_standardised(np.asarray(rows, dtype=np.float32), self.bundle.scaling))
        preprocessor = self.bundle.preprocessor
        _, context = preprocessor.prepare(rows)
        values = preprocessor.restore(preprocessor.roll(self._outputs, context), context)
        ids = context.ids if SERIES in rows.columns else None
        return table(values, self.bundle.spec.targets, ids=ids, time=context.time)

    def _outputs(self, x: Any) -> np.ndarray:
        return np.asarray(self.bundle.predict(x))


def table(
    values: np.ndarray,
    targets: tuple[str, ...],
    *,
    ids: tuple[str, ...] | None = None,
    time: np.ndarray | None = None,
) -> DataFrame:
    """Lay out forecasts (n, horizon, targets) as columns `unique_id`, `ds`, `step` and the targets.

    ids: one label per series; time: (n, horizon) dates. Either column is left out where it is not known.
    """
    import pandas

    count, horizon = values.shape[:2]
    columns: dict[str, Any] = {}
    if ids is not None:
        columns[SERIES] = np.repeat(np.array(ids, dtype=object), horizon)
    if time is not None:
        columns["ds"] = time.reshape(-1)
    columns["step"] = np.tile(np.arange(1, horizon + 1), count)
    columns |= {name: values[:, :, i].reshape(-1).astype(np.float64) for i, name in enumerate(targets)}
    return pandas.DataFrame(columns)
