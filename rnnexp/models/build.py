"""From an architecture's settings and the data's spec to a model with reproducible first weights."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from rnnexp.data.spec import TaskSpec
from rnnexp.errors import ConfigError
from rnnexp.models import initializers, stateful

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
    model = build_network(architecture, spec, seed)
    kept = draw_weights(architecture, model, seed, vectors)
    if kept:
        log.info("first weights drawn by Keras itself, so not alike on every backend: %s", ", ".join(kept))
    return model


def build_network(architecture: Any, spec: TaskSpec, seed: int) -> keras.Model:
    """Build the model that `architecture` describes, with the weights that Keras draws."""
    import keras
    from keras.src.utils import naming

    keras.utils.set_random_seed(seed)
    naming.reset_uids()  # layers that a user did not name get the same names, hence weights, in each run
    model = architecture.build(spec)
    _check_outputs(architecture.name, model, spec)
    return model


def draw_weights(architecture: Any, model: Any, seed: int, vectors: np.ndarray | None = None) -> list[str]:
    """Draw the first weights of a model that has been built; return the paths of those that Keras drew itself."""
    return initializers.draw_weights(model, seed, vectors, getattr(architecture, "initial_range", None))


def clone_model(model: keras.Model) -> keras.Model:
    """Return a model of the same layers, with weights of its own under the same paths."""
    import keras

    return keras.models.clone_model(model)


def _check_outputs(name: str, model: Any, spec: TaskSpec) -> None:
    import keras

    if not isinstance(model, keras.Model):
        returned = type(model).__name__
        raise ConfigError(f"model: `{name}` returned {returned}; its build must return a keras.Model")
    if not model.built:
        raise ConfigError(f"model: `{name}` has no weights yet; start it from keras.Input(shape)")
    steps = (spec.inputs["past"].shape[0],) if spec.per_step else ()
    needed = (None, *steps, *spec.output_shape)
    if spec.carried and not stateful.get_state_sizes(model):
        raise ConfigError(
            f"model: `{name}` carries no states, which these data need: it must take them as inputs beside `past`, and "
            f"give them after `{stateful.OUTPUT}` in a dict"
        )
    shape = tuple(model.output[stateful.OUTPUT].shape) if spec.carried else model.output_shape
    if shape != needed:
        raise ConfigError(
            f"model: `{name}` gives outputs of shape {shape}; the data need {needed}, where the first None is the batch"
        )
