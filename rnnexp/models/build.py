"""From an architecture's settings and the data's spec to a model with reproducible first weights."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from rnnexp.data.spec import TaskSpec
from rnnexp.errors import ConfigError
from rnnexp.models import initial

if TYPE_CHECKING:
    import keras
    import numpy as np

log = logging.getLogger(__name__)


def build(architecture: Any, spec: TaskSpec, seed: int, vectors: np.ndarray | None = None) -> keras.Model:
    """Build the model that `architecture` describes and draw its weights from `seed`, alike on every backend.

    vectors: (vocabulary, size) that the layer `embedding` starts from, instead of drawn ones.

    Dropout follows the seed too. Raises ConfigError if a user's component returns something that does not fit
    the spec.
    """
    import keras
    from keras.src.utils import naming

    keras.utils.set_random_seed(seed)
    naming.reset_uids()  # layers that a user did not name get the same names, hence weights, in each run
    model = architecture.build(spec)
    _require_fit(architecture.name, model, spec)
    kept = initial.draw(model, seed, vectors)
    if kept:
        log.info("first weights drawn by Keras itself, so not alike on every backend: %s", ", ".join(kept))
    return model


def _require_fit(name: str, model: Any, spec: TaskSpec) -> None:
    import keras

    if not isinstance(model, keras.Model):
        given = type(model).__name__
        raise ConfigError(f"model: `{name}` returned {given}; its build must return a keras.Model")
    if not model.built:
        raise ConfigError(f"model: `{name}` has no weights yet; start it from keras.Input(shape)")
    steps = (spec.inputs["past"].shape[0],) if spec.per_step else ()
    wanted = (None, *steps, *spec.output_shape)
    if model.output_shape != wanted:
        raise ConfigError(
            f"model: `{name}` gives outputs of shape {model.output_shape}; "
            f"the data need {wanted}, where the first None is the batch"
        )
