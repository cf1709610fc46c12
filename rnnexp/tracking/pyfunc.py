"""What MLflow calls to serve a model: raw rows, sequences or texts in, forecasts in real units or labels out.

`mlflow models serve -m runs:/<run id>/model --env-manager local`, or in Python
`mlflow.pyfunc.load_model("runs:/<run id>/model").predict(rows)`, with intervals `.predict(rows, {"levels": [80, 90]})`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.errors import DataError, RnnexpError
from rnnexp.runtime import loaded_backend
from rnnexp.tasks.forecasting import intervals
from rnnexp.tasks.forecasting.intervals import Intervals
from rnnexp.tasks.language_modeling import answer as language
from rnnexp.tasks.sequence_to_sequence import answer as pairs
from rnnexp.tasks.tagging import answer as tags

if TYPE_CHECKING:
    from pandas import DataFrame

    from rnnexp.models.bundle import Bundle
    from rnnexp.tasks.forecasting.preprocess import Context

SERIES, TEXT = "unique_id", "text"
TEXTS = ("texts", "tags", "language", "pairs")  # kinds of models that take texts
LEVELS = "levels"
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
    loaded = bundle.load(Path(path), plugins, f"name them in the environment variable {PLUGINS}, with commas")
    return Served(loaded, _intervals(Path(path), loaded))


def _intervals(folder: Path, bundle: Bundle) -> Intervals:
    if "columns" not in bundle.scaling:
        return Intervals()
    plan = bundle.preprocessor.pipeline.plan
    return intervals.read(folder, (plan.ahead, plan.targets))


def _backend(trained_with: str | None) -> str | None:
    return loaded_backend() or os.environ.get("KERAS_BACKEND") or trained_with


@dataclass(frozen=True)
class Served:
    """A loaded model; `intervals` of its forecasts are given where they are asked for."""

    bundle: Any
    intervals: Intervals = field(default_factory=Intervals)

    def predict(self, rows: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Answer to raw input.

        Series: a table of rows; the forecast of what follows them, one line per series and step, in original units.
        Independent sequences: an array (n, time, channels), shorter ones filled up with NaN, or an array of objects
        or a list, of arrays (time, channels). Texts: a table with a column `text`, or, without MLflow, a list of
        them. One line each: label and probabilities, or numbers (n, outputs); of a language model the surprise;
        of a tagger one line per token.
        params: `levels`, a list of levels of prediction intervals in percent, each of which adds two columns; of a
        language model those of `rnnexp generate`, of which `length` asks for a continuation.
        """
        try:
            return self._answer(rows, params or {})
        except RnnexpError as error:
            raise _for_mlflow(error) from None

    def _answer(self, rows: Any, params: Mapping[str, Any]) -> Any:
        preprocessor, kind = self.bundle.preprocessor, self.bundle.scaling.get("kind")
        if kind is None:
            return self._forecast(rows, params.get(LEVELS, ()))
        if kind == "pairs":
            return pairs.answer(self.bundle.model, preprocessor, texts_of(rows))
        if kind == "tags":
            sequences = preprocessor.cut(texts_of(rows))
            places = [f"text {number}" for number in range(1, len(sequences) + 1)]
            return tags.answer(self.bundle.model, preprocessor, sequences, places)
        if kind == "language":
            return language.answer(self.bundle.model, preprocessor, texts_of(rows), params)
        taken = texts_of(rows) if kind == "texts" else sequences_of(rows)
        outputs = np.asarray(self.bundle.predict(preprocessor.inputs(taken)))
        return labels(outputs, self.bundle.spec.classes) if self.bundle.spec.classes else outputs

    def _forecast(self, rows: Any, levels: Sequence[int]) -> DataFrame:
        half = {int(level): self.intervals.of(int(level)) for level in levels}
        preprocessor, rows = self.bundle.preprocessor, _table_of(rows)
        _, context = preprocessor.prepare(rows)
        columns = Columns(SERIES if preprocessor.pipeline.series in rows.columns else None)
        return forecast(self.bundle, context, half, columns)


def _for_mlflow(error: RnnexpError) -> Exception:
    """Return the error as one of MLflow's as well, where MLflow is: its server answers 400 and the sentence to such a
    one, and to any other a traceback.
    """
    if "mlflow" not in sys.modules:
        return error
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import BAD_REQUEST

    kind = type(error)
    both = type(kind.__name__, (kind, MlflowException), {"__init__": MlflowException.__init__})
    refused: Exception = both(str(error), error_code=BAD_REQUEST)
    refused.__dict__.update(vars(error))
    return refused


def _table_of(rows: Any) -> DataFrame:
    """Return a table, also of a mapping of columns, or of a list of rows."""
    import pandas

    try:
        return rows if hasattr(rows, "columns") else pandas.DataFrame(rows)
    except (TypeError, ValueError):
        raise DataError(f"the rows must be a table with named columns, not {type(rows).__name__}") from None


def sequences_of(rows: Any) -> list[np.ndarray]:
    """Return sequences (time, channels), without the steps at their end that are all NaN."""
    if len(rows) == 0:
        raise DataError("there are no sequences")
    if isinstance(rows, (list, tuple)) or getattr(rows, "dtype", None) == np.dtype(object):
        return [_numbers(one, number) for number, one in enumerate(rows, start=1)]
    try:
        array = np.asarray(rows, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError("sequences must be an array of numbers (n, time, channels)") from None
    if array.ndim != 3:
        raise DataError(f"sequences must be an array (n, time, channels), not of the shape {array.shape}")
    ends = [len(one) - int(np.argmin(np.isnan(one).all(axis=1)[::-1])) for one in array]
    return [one[:end] for one, end in zip(array, ends)]


def _numbers(one: Any, number: int) -> np.ndarray:
    try:
        return np.asarray(one, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"sequence {number} is not an array of numbers (time, channels)") from None


def texts_of(rows: Any) -> list[str]:
    """Return the texts of a table with a column `text`, or of a list."""
    if isinstance(rows, str):
        raise DataError(f"texts must be a list of them, not one: {rows[:60]}")
    columns = getattr(rows, "columns", None)
    if columns is not None and TEXT not in columns:
        others = f", but {', '.join(map(str, columns))}" if len(columns) else " (MLflow takes a table, no list)"
        raise DataError(f"there is no column `{TEXT}`{others}")
    texts = list(rows[TEXT] if columns is not None else rows)
    if not texts:
        raise DataError("there are no texts")
    for number, text in enumerate(texts, start=1):
        if not isinstance(text, str):
            raise DataError(f"text {number} is {text!r}, not a text")
    return texts


def labels(probabilities: np.ndarray, classes: tuple[str, ...]) -> DataFrame:
    """Lay out probabilities (n, classes) beside the most probable label, one line each."""
    import pandas

    columns: dict[str, Any] = {"label": np.array(classes, dtype=object)[probabilities.argmax(axis=1)]}
    columns |= {f"p({name})": probabilities[:, i].astype(np.float64) for i, name in enumerate(classes)}
    return pandas.DataFrame(columns)


@dataclass(frozen=True)
class Columns:
    """What the columns before the forecasts are called; without a name for the series they are left out."""

    series: str | None = SERIES
    time: str = "ds"


def forecast(bundle: Any, context: Context, half: Mapping[int, np.ndarray], columns: Columns) -> DataFrame:
    """Forecast prepared rows, with the ends of an interval for each level in `half`."""
    preprocessor = bundle.preprocessor
    outputs = preprocessor.roll(bundle.predict, context)
    ends = {level: preprocessor.bounds(outputs, context, width) for level, width in half.items()}
    values = preprocessor.restore(outputs, context)
    ids = context.ids if columns.series else None
    return table(values, bundle.spec.targets, ids=ids, time=context.time, ends=ends, columns=columns)


def table(
    values: np.ndarray,
    targets: tuple[str, ...],
    *,
    ids: tuple[str, ...] | None = None,
    time: np.ndarray | None = None,
    ends: Mapping[int, tuple[np.ndarray, np.ndarray]] | None = None,
    columns: Columns | None = None,
) -> DataFrame:
    """Lay out forecasts (n, horizon, targets) as columns `unique_id`, `ds`, `step` and the targets.

    ids: one label per series; time: (n, horizon) dates. Either column is left out where it is not known.
    ends: of intervals by level, each like `values`: `<target>_lo_90` and `<target>_hi_90` after each target
    """
    import pandas

    named, (count, horizon) = columns or Columns(), values.shape[:2]
    found: dict[str, Any] = {}
    if ids is not None:
        found[named.series or SERIES] = np.repeat(np.array(ids, dtype=object), horizon)
    if time is not None:
        found[named.time] = time.reshape(-1)
    found["step"] = np.tile(np.arange(1, horizon + 1), count)
    for i, name in enumerate(targets):
        found[name] = values[:, :, i].reshape(-1).astype(np.float64)
        for level, (low, high) in (ends or {}).items():
            found |= {f"{name}_lo_{level}": low[:, :, i].reshape(-1), f"{name}_hi_{level}": high[:, :, i].reshape(-1)}
    return pandas.DataFrame(found)
