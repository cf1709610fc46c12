"""From an architecture's settings and the data's spec to a model with reproducible first weights."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from rnnexp.data.spec import TaskSpec
from rnnexp.errors import ConfigError
from rnnexp.models import carried, initial
from rnnexp.models.logits import convention

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
    model = network(architecture, spec, seed)
    kept = draw(architecture, model, seed, vectors)
    if kept:
        log.info("first weights drawn by Keras itself, so not alike on every backend: %s", ", ".join(kept))
    return model


def network(architecture: Any, spec: TaskSpec, seed: int) -> keras.Model:
    """Build the model that `architecture` describes, with the weights that Keras draws."""
    import keras
    from keras.src.utils import naming

    keras.utils.set_random_seed(seed)
    naming.reset_uids()  # layers that a user did not name get the same names, hence weights, in each run
    model = architecture.build(spec)
    _require_fit(architecture.name, model, spec)
    trusted = type(architecture).__module__.startswith("rnnexp.")
    return convention(spec).complete(model, spec, architecture.name, trusted)


def draw(architecture: Any, model: Any, seed: int, vectors: np.ndarray | None = None) -> list[str]:
    """Draw the first weights of a model that has been built; return the paths of those that Keras drew itself."""
    return initial.draw(model, seed, vectors, getattr(architecture, "initial_range", None))


def copied(model: keras.Model) -> keras.Model:
    """Return a model of the same layers, with weights of its own under the same paths."""
    import keras

    return keras.models.clone_model(model)


def _require_fit(name: str, model: Any, spec: TaskSpec) -> None:
    import keras

    if not isinstance(model, keras.Model):
        given = type(model).__name__
        raise ConfigError(f"model: `{name}` returned {given}; its build must return a keras.Model")
    if not model.built:
        raise ConfigError(f"model: `{name}` has no weights yet; start it from keras.Input(shape)")
    shape = carried.output_shape(model)
    if problem := spec.mismatch(shape, bool(carried.sizes(model))):
        raise ConfigError(f"model: `{name}` {problem}")
