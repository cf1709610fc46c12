"""A trained run, loaded to be served: its network is compiled before there is a request."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from rnnexp.deploy.server import ServedModel
from rnnexp.deploy.trained import Trained
from rnnexp.evaluation.kept_baselines import FILE, NETWORK
from rnnexp.tracking.pyfunc import MODEL, Served

log = logging.getLogger("rnnexp")


def load_served(trained: Trained) -> ServedModel:
    """Load a model, and let it answer an example of a request once.

    What is wrong with its files is told as by `Trained.load`.
    """
    served = Served(trained.load())
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
        hidden=tuple(sorted(places - {"."}, key=len, reverse=True)),
    )
    return replace(model, example=_try_example(model, trained.task.make_request(trained.preprocessor, trained.spec)))


def _try_example(model: ServedModel, rows: list[Any]) -> dict[str, Any] | None:
    """Return a request that the model has answered; None if it has not."""
    example = {"rows": rows}
    try:
        model.answer(json.dumps(example).encode(), "application/json", [])
    except Exception as error:  # must not keep a model from being served
        log.debug("the example of a request is refused: %s", error)
        return None
    return example
