"""What MLflow calls to serve a model: raw rows, sequences or texts in, forecasts in real units or labels out.

`mlflow models serve -m runs:/<run id>/model --env-manager local`, or in Python
`mlflow.pyfunc.load_model("runs:/<run id>/model").predict(rows)`, with intervals `.predict(rows, {"levels": [80, 90]})`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnexp import tasks
from rnnexp.errors import RnnexpError
from rnnexp.evaluation.kept_baselines import NETWORK, choose, guard_answer
from rnnexp.runtime import loaded_backend

if TYPE_CHECKING:
    from rnnexp.models.bundle import Bundle

PLUGINS = "RNNEXP_PLUGINS"
MODEL = "model"  # the parameter of a request that says who answers


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
    _ = loaded.extras  # mistakes in them are told before there is a request
    return Served(loaded)


def _backend(trained_with: str | None) -> str | None:
    return loaded_backend() or os.environ.get("KERAS_BACKEND") or trained_with


@dataclass(frozen=True)
class Served:
    """A loaded model."""

    bundle: Bundle

    def predict(self, rows: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Answer to raw input, in original units, labels or texts.

        Series: a table of rows; the forecast of what follows them, one line per series and step, in original units.
        Independent sequences: an array (n, time, channels), shorter ones filled up with NaN, or an array of objects
        or a list, of arrays (time, channels). Texts: a table with a column `text`, or, without MLflow, a list of
        them. One line each: label and probabilities, or numbers (n, outputs); of a language model the surprise;
        of a tagger one line per token.
        params: `levels`, a list of levels of prediction intervals in percent, each of which adds two columns; of a
        language model those of `rnnexp generate`, of which `length` asks for a continuation; `model`, the name of a
        baseline of the run that answers in the place of the network, or `best`, see `rnnexp predict --model`.
        """
        asked = dict(params or {})
        try:
            return self._answer(str(asked.pop(MODEL, NETWORK)), rows, asked)
        except RnnexpError as error:
            raise _for_mlflow(error) from None

    def _answer(self, model: str, rows: Any, params: Mapping[str, Any]) -> Any:
        bundle, code = self.bundle, tasks.of(self.bundle.spec.task)
        own = getattr(bundle.architecture, "name", NETWORK)
        chosen = choose(bundle.folder, code.baseline_kinds, model, MODEL, own)
        answering = replace(bundle, baseline=chosen.baseline) if chosen.baseline else bundle
        return guard_answer(chosen.name, lambda: code.answer(answering, rows, params))


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
