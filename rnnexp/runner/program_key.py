"""Which runs can be trained together, or one after the other by one compiled network: those of equal keys."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from rnnexp.config.settings import Experiment

_UNBUILT = ("name", "seed", "schedule", "tracking", "resume")  # what no network and no program is made of
# What may differ between members: it decides values or the number of epochs, not the compiled program; of data what a
# source `repeats`.
_FREE = {
    "optimizer": ("learning_rate",),
    "trainer": ("epochs", "on_divergence", "engine", "checkpoint_every_s"),
}
# Numbers that a program can take as inputs, as long as they are there (not 0 or null) in all of its members.
_MODEL_SCALARS = ("dropout", "recurrent_dropout", "l1", "l2")
_NOT_SCALARS = ("learning_rate", "clipvalue")  # the one is a variable already, the other Keras hands on to XLA as it is


def make_program_key(experiment: Experiment) -> str | None:
    """Return what two experiments must have in common to be trained together, None if one must train alone."""
    from rnnexp.training.fit import choose_engine
    from rnnexp.training.pure_callback import PureCallback

    engine, _ = choose_engine(experiment.trainer, experiment.callbacks, "jax")
    if engine != "compiled" or experiment.ensemble > 1:  # its members are trained as one already
        return None
    if experiment.trainer.refit_every or experiment.pretrain:  # further trainings, which have shapes of their own
        return None
    values = _leave_out(experiment, (*_UNBUILT, "callbacks", "plugins"))
    values["data"] = {key: "number" if type(value) is float else value for key, value in values["data"].items()}
    for key in select_runtime_scalars(experiment):
        part, name = key.split(".")
        values[part][name] = "positive"
    watching = {k: (c.name, c.monitor) for k, c in experiment.callbacks.items() if isinstance(c, PureCallback)}
    return json.dumps({**values, "callbacks": watching}, sort_keys=True, default=str)


def select_runtime_scalars(experiment: Experiment) -> dict[str, float]:
    """Return the settings that can be inputs of a program, by their dotted names."""
    model, optimizer = asdict(experiment.model), asdict(experiment.optimizer)
    keys = _MODEL_SCALARS if type(experiment.model).__module__.startswith("rnnexp.") else ()
    settings = {f"model.{key}": model[key] for key in keys if key in model}
    settings |= {f"optimizer.{key}": value for key, value in optimizer.items() if key not in _NOT_SCALARS}
    return {key: value for key, value in settings.items() if type(value) is float and value > 0}


def make_network_key(experiment: Experiment) -> str | None:
    """Return what two experiments must have in common for one compiled network, None for one that keeps its own."""
    if make_program_key(experiment) is None or vars(experiment.model).get("start") is not None:
        return None
    return json.dumps(_leave_out(experiment, _UNBUILT), sort_keys=True, default=str)


def _leave_out(experiment: Experiment, keys: tuple[str, ...]) -> dict[str, Any]:
    """Return the settings without `keys`, nor what of data, optimizer and trainer changes no program."""
    values = {key: value for key, value in asdict(experiment).items() if key not in keys}
    # Balanced weights are part of a program, and count the examples of the training part.
    repeats = () if experiment.trainer.class_weights == "balanced" else experiment.data.repeats
    for part, free in {**_FREE, "data": repeats}.items():
        values[part] = {key: value for key, value in values[part].items() if key not in free}
    return values
