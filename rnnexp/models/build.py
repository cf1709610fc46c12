"""From an architecture's settings and the data's spec to a model with reproducible first weights."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from rnnexp.component import is_ours
from rnnexp.data.spec import TaskSpec
from rnnexp.errors import ConfigError
from rnnexp.models import initializers, stateful
from rnnexp.models.cudnn import settle_kernels
from rnnexp.models.initializers import NOTHING, Given
from rnnexp.models.layers import FITTED, LINEAR
from rnnexp.models.logits import convention
from rnnexp.models.plugin_network import connect_network, list_unread

if TYPE_CHECKING:
    import keras
    import numpy as np

    from rnnexp.data.dataset import Dataset

EMBEDDING = "embedding/embeddings"

log = logging.getLogger(__name__)


def build(architecture: Any, spec: TaskSpec, seed: int, given: Given = NOTHING) -> keras.Model:
    """Build the model that `architecture` describes and draw its weights from `seed`, alike on every backend.

    given: weights that are not drawn, by path, see `find_given_weights`

    Dropout follows the seed too. Raises ConfigError if a user's component returns something that does not fit
    the spec.
    """
    model, kept = _build_drawn(architecture, spec, seed, given)
    if unread := [] if is_ours(type(architecture)) else list_unread(model, spec):
        told = "model: `%s` leaves unread what the data give it: %s; read it, or leave it out of the data"
        log.warning(told, architecture.name, ", ".join(f"`{name}`" for name in unread))
    if kept:
        log.info("weights initialized by Keras itself, so different on each backend: %s", ", ".join(kept))
    return model


def _build_drawn(architecture: Any, spec: TaskSpec, seed: int, given: Given) -> tuple[keras.Model, list[str]]:
    """Return the network with its first weights, and the paths of those that Keras drew."""
    if is_ours(type(architecture)):
        with initializers.skip_draws():
            model = build_network(architecture, spec, seed)
        if not draw_weights(architecture, model, seed, given):
            return model, []
    model = build_network(architecture, spec, seed)
    return model, draw_weights(architecture, model, seed, given)


def build_network(architecture: Any, spec: TaskSpec, seed: int) -> keras.Model:
    """Build the model that `architecture` describes, with the weights that Keras draws."""
    import keras
    from keras.src.utils import naming

    keras.utils.set_random_seed(seed)
    naming.reset_uids()  # layers that a user did not name get the same names, hence weights, in each run
    own, name, model = is_ours(type(architecture)), architecture.name, architecture.build(spec)
    model = model if own else connect_network(name, model, spec)
    if problem := spec.mismatch(stateful.output_shape(model), bool(stateful.get_state_sizes(model))):
        raise ConfigError(f"model: `{name}` {problem}")
    return settle_kernels(convention(spec).complete(model, spec, name, trusted=own))


def draw_weights(architecture: Any, model: Any, seed: int, given: Given = NOTHING) -> list[str]:
    """Draw the first weights of a model that has been built; return the paths of those that Keras drew itself."""
    return initializers.draw_weights(model, seed, given, getattr(architecture, "initial_range", None))


def find_given_weights(architecture: Any, dataset: Dataset) -> dict[str, np.ndarray]:
    """Return the first weights that the data give, by path: vectors of tokens, and a linear function that is fitted."""
    given = {} if dataset.vectors is None else {EMBEDDING: dataset.vectors}
    if vars(architecture).get("skip_connection") != FITTED:
        return given
    kernel, intercept = dataset.ridge
    each = max(1, len(dataset.spec.quantiles))
    return given | {f"{LINEAR}/kernel": kernel.repeat(each, axis=1), f"{LINEAR}/bias": intercept.repeat(each)}


def clone_model(model: keras.Model) -> keras.Model:
    """Return a model of the same layers, with weights of its own under the same paths."""
    import keras

    return settle_kernels(keras.models.clone_model(model))
