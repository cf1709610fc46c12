"""Make a model ready for its first step: precision checked, compiled, random layers seeded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from rnnexp import registry
from rnnexp.errors import ConfigError
from rnnexp.models import stateful
from rnnexp.training.backends.base import is_seed_state
from rnnexp.training.metrics import make_metric
from rnnexp.training.monitor import name_metric
from rnnexp.training.penalties import has_penalties, make_unpenalized_loss
from rnnexp.training.plan import TrainingPlan


@contextmanager
def use_precision(name: str) -> Iterator[None]:
    """Build a model within this to give its layers the number format `trainer.precision`."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def prepare(model: Any, plan: TrainingPlan, batch: tuple[Any, ...], steps: int = 0) -> Any:
    """Compile `model` for `plan` and create every variable that training needs; `batch` shows
    shapes and dtypes, and an epoch has so many gradient `steps`.

    Returns what is to be trained: the model, or one around it that carries its states from batch to batch. Where the
    data weigh their examples (padding, for one), metrics are weighed like the loss.
    """
    _check_precision(model, plan.trainer.precision)
    penalized = has_penalties(model, batch[0])
    if stateful.get_state_sizes(model):
        model = stateful.make_stateful(model, len(batch[0]))
    own = registry.names("metric")  # scored in original units after training
    metrics = [make_metric(name, name_metric(name, plan.scaled)) for name in plan.metrics if name not in own]
    weighed, alike = (metrics, []) if len(batch) == 3 else ([], metrics)
    alone = [make_unpenalized_loss(model)] if penalized else []
    model.compile(optimizer=plan.optimizer, loss=plan.loss, metrics=alike, weighted_metrics=[*weighed, *alone])
    model._symbolic_build(data_batch=(*batch, None)[:3])
    seed_random_layers(model, plan.seed)
    if plan.held and plan.held_epochs:
        hold_weights(model, plan.held, plan.held_epochs * steps)
    return model


def hold_weights(model: Any, paths: frozenset[str], steps: int) -> None:
    """Have the optimizer of a model leave weights as they are in its first `steps`, their moving averages too.

    How many are done it counts itself, in a variable that checkpoints keep and each row of several trainings has. It
    goes on gathering the moments of the gradients, so that the first steps after that are of the usual size.
    """
    from keras import ops

    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    held = [weight for weight in model.trainable_variables if weight.path in paths]
    averages = dict(zip(map(id, model.trainable_variables), getattr(optimizer, "_model_variables_moving_average", [])))
    apply = optimizer.apply

    def apply_to_others(gradients: Any, trainable_variables: Any = None) -> None:
        is_held = optimizer._iterations < steps
        before = [ops.copy(weight.value) for weight in held]
        apply(gradients, trainable_variables)
        for weight, value in zip(held, before):
            weight.assign(ops.where(is_held, value, weight.value))
            if (average := averages.get(id(weight))) is not None:
                average.assign(ops.where(is_held, value, average.value))

    optimizer.apply = apply_to_others


def _check_precision(model: Any, wanted: str) -> None:
    built = model.dtype_policy.name
    if wanted not in ("float32", built):
        raise ConfigError(
            f"trainer.precision: {wanted} given, but the model was built in {built}; build it within "
            "rnnexp.training.prepare.use_precision(...)"
        )


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
