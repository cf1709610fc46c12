"""A trained run, loaded to be served: its network is ready before there is a request."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from rnnexp.deploy.served_network import load_for_runtime
from rnnexp.deploy.server import ServedModel
from rnnexp.deploy.trained import Trained
from rnnexp.errors import ConfigError
from rnnexp.evaluation.kept_baselines import FILE, NETWORK
from rnnexp.models.bundle import Bundle
from rnnexp.tracking.pyfunc import MODEL, Served

ONNX, KERAS, AUTO = "onnxruntime", "keras", "auto"

log = logging.getLogger("rnnexp")


def load_served(trained: Trained, scratch: Path, engine: str = AUTO) -> ServedModel:
    """Load a model, and let it answer an example of a request once.

    engine: that computes its network; `auto` takes ONNX Runtime where it can.  scratch: a folder for the moment
    What is wrong with its files is told as by `Trained.load`. Raises ConfigError where an engine that was asked for
    cannot compute the network.
    """
    bundle, engine, why = _load(trained, scratch, engine)
    served = Served(bundle)
    _ = served.bundle.extras  # mistakes in them are told before there is a request
    asked = trained.task.request_schema(trained.preview.scaling, trained.bundle)
    if (trained.bundle / FILE).is_file():
        asked = replace(asked, params={**asked.params, MODEL: NETWORK})
    places = {str(trained.bundle.resolve()), str(trained.bundle), str(Path.cwd())}
    model = ServedModel(
        trained.called if trained.run else trained.bundle.resolve().parent.name,
        trained.spec.task,
        served.predict,
        asked,
        engine=engine,
        why=why,
        hidden=tuple(sorted(places - {"."}, key=len, reverse=True)),
    )
    return replace(model, example=_try_example(model, trained.task.make_request(trained.preprocessor, trained.spec)))


def _load(trained: Trained, scratch: Path, engine: str) -> tuple[Bundle, str, str]:
    why = "as asked for"
    if engine != KERAS:
        try:
            return load_for_runtime(trained, scratch), ONNX, ""
        except ConfigError as error:
            if engine == ONNX:
                raise ConfigError(f"--engine {ONNX}: {error}") from None
            why = str(error)
    return trained.load(), KERAS, why


def _try_example(model: ServedModel, rows: list[Any]) -> dict[str, Any] | None:
    """Return a request that the model has answered; None if it has not."""
    example = {"rows": rows}
    try:
        model.answer(json.dumps(example).encode(), "application/json", [])
    except Exception as error:  # must not keep a model from being served
        log.debug("the example of a request is refused: %s", error)
        return None
    return example
