"""Make a model ready for its first step: precision checked, metrics found, compiled, random layers seeded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from rnnexp import registry
from rnnexp.config.metric_names import RENAMED, accepted
from rnnexp.errors import ConfigError, did_you_mean
from rnnexp.models import carried
from rnnexp.task import ACCURACY
from rnnexp.training.monitor import epoch_name
from rnnexp.training.penalties import has_penalties, unpenalized
from rnnexp.training.perplexity import perplexity
from rnnexp.training.plan import Plan
from rnnexp.training.steppers.stepper import is_seed_state


@contextmanager
def precision(name: str) -> Iterator[None]:
    """Build a model within this to give its layers the number format `trainer.precision`."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def prepare(model: Any, plan: Plan, batch: tuple[Any, ...]) -> Any:
    """Compile `model` for `plan` and create every variable that training needs; `batch` shows
    shapes and dtypes.

    Returns what is to be trained: the model, or one around it that carries its states from batch to batch. Where the
    data weigh their examples (padding, for one), metrics are weighed like the loss.
    """
    _check_precision(model, plan.trainer.precision)
    penalized = has_penalties(model, batch[0])
    if carried.sizes(model):
        model = carried.carrying(model, len(batch[0]))
    own = registry.names("metric")  # scored in original units after training
    metrics = [metric(name, epoch_name(name, plan.scaled)) for name in plan.metrics if name not in own]
    weighed, alike = (metrics, []) if len(batch) == 3 else ([], metrics)
    alone = [unpenalized(model)] if penalized else []
    model.compile(optimizer=plan.optimizer, loss=plan.loss, metrics=alike, weighted_metrics=[*weighed, *alone])
    model._symbolic_build(data_batch=(*batch, None)[:3])
    seed_random_layers(model, plan.seed)
    return model


def _check_precision(model: Any, wanted: str) -> None:
    built = model.dtype_policy.name
    if wanted not in ("float32", built):
        raise ConfigError(
            f"trainer.precision: {wanted} given, but the model was built in {built}; build it within "
            "rnnexp.training.prepare.precision(...)"
        )


def metric(name: str, logged_as: str = "") -> Any:
    """Return what Keras's compile takes for a metric's name, logged under just that name unless another is given."""
    import keras

    shown = logged_as or name
    if name in RENAMED:
        return getattr(keras.metrics, RENAMED[name])(name=shown)
    if name == "perplexity":
        return perplexity()
    if name in ACCURACY:
        return name
    try:
        found = keras.metrics.get(name)
    except ValueError:
        raise ConfigError(f"metrics: Keras has no metric `{name}`{did_you_mean(name, accepted(None))}") from None
    if isinstance(found, keras.metrics.Metric):
        of_logits = {"from_logits": True} if type(found) is keras.metrics.SparseCategoricalCrossentropy else {}
        return found.__class__.from_config({**found.get_config(), "name": shown, **of_logits})
    return keras.metrics.MeanMetricWrapper(found, name=shown)


def seed_random_layers(model: Any, seed: int) -> None:
    """Give dropout and noise layers a state that follows from (seed, position in the model),
    not from what ran before.
    """
    import keras

    states = [variable for variable in model.non_trainable_variables if is_seed_state(variable)]
    for position, state in enumerate(states):
        drawn = int(np.random.SeedSequence([seed, position]).generate_state(1)[0] >> 2)
        state.assign(np.array([drawn, 0]))
    if keras.backend.backend() == "torch":
        import torch

        torch.manual_seed(seed)  # Keras draws dropout without a seed of its own from PyTorch's global generator
