"""What the outputs of networks mean. Classes are logits: here is the one softmax that makes probabilities of them.

Losses and metrics are taken from logits, where no digits are lost. Only networks saved by earlier versions end in a
softmax, which their specs tell (`outputs: probabilities`).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.errors import ConfigError
from rnnexp.models import stateful

if TYPE_CHECKING:
    import keras

EXAMPLES, STEPS = 4, 64  # that a network is tried on, where the data leave their number open

log = logging.getLogger("rnnexp")


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return the probabilities (..., classes), in float64, that logits stand for."""
    raised = np.exp(_shifted(logits))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Return the logs of these probabilities, in nats, none of which is infinite for a small one."""
    shifted = _shifted(logits)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def _shifted(logits: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # of logits that are infinite, the probabilities are no numbers
        return np.subtract(logits, logits.max(axis=-1, keepdims=True), dtype=np.float64)


class Numbers:
    """Outputs are what they are."""

    def answers(self, outputs: np.ndarray) -> np.ndarray:
        """Return what is said to people: numbers, or the probabilities (..., classes) in float64."""
        return outputs

    def complete(self, model: keras.Model, spec: TaskSpec, name: str, trusted: bool) -> keras.Model:
        """Return a network that gives what its spec says, whether or not it has been built with a softmax at its end.

        trusted: it is known to end as it should. Any other is tried on random inputs.
        """
        return model

    def export(self, model: keras.Model, spec: TaskSpec) -> keras.Model:
        """Return a network as other programs expect it."""
        return model

    def average(self, outputs: list[Any], exponents: Sequence[float] | None) -> Any:
        """Return the mean of what several networks give.

        exponents: of each target, that of e for one unit of an output, where original values are exponentials
        """
        import keras

        if exponents is None:
            return keras.layers.Average(dtype="float32", name="average")(outputs)
        each = np.repeat(np.asarray(exponents, np.float32), outputs[0].shape[-1] // len(exponents))
        logs = [keras.ops.multiply(keras.ops.cast(one, "float32"), each) for one in outputs]
        return keras.ops.divide(_average_logs(logs), each)

    def compare(self, directions: np.ndarray) -> np.ndarray:
        """Take out of directions (..., outputs) what moves no answer."""
        return directions

    def check(self, loss: Any, name: str) -> None:
        """Refuse what cannot be trained."""


class Quantiles(Numbers):
    """Outputs are quantiles, those of a target side by side."""

    def complete(self, model: keras.Model, spec: TaskSpec, name: str, trusted: bool) -> keras.Model:
        """Sort those of each target, so that none crosses another: this brings none further from the true ones, and
        raises no pinball loss (Chernozhukov, Fernandez-Val and Galichon, Quantile and probability curves without
        crossing, Econometrica 78, 2010, propositions 4 and 5).
        """
        return _ending(model, partial(_sorted, count=len(spec.quantiles)))


class Logits(Numbers):
    """Outputs are scores of classes, which a softmax makes probabilities of."""

    def answers(self, outputs: np.ndarray) -> np.ndarray:
        return softmax(outputs)

    def complete(self, model: keras.Model, spec: TaskSpec, name: str, trusted: bool) -> keras.Model:
        """A loss of logits would take probabilities, too, and learn little: the user is told, and their logs are taken,
        which are logits.
        """
        if trusted or not gives_probabilities(model, spec):
            return model
        found = f"model: `{name}` gives probabilities, but classes want logits"
        advice = "leave out the softmax at its end (activation=None)"
        if not type(model).__module__.startswith("keras."):  # its own training step would be lost
            raise ConfigError(f"{found}: {advice}")
        log.warning("%s; their logs are taken instead, which trains less exactly: %s", found, advice)
        return _ending(model, _logs)

    def average(self, outputs: list[Any], exponents: Sequence[float] | None) -> Any:
        """Return the logs of mean probabilities."""
        from keras import ops

        return _average_logs([ops.log_softmax(ops.cast(one, "float32")) for one in outputs])

    def export(self, model: keras.Model, spec: TaskSpec) -> keras.Model:
        """One that labels whole sequences gives probabilities."""
        return with_softmax(model) if spec.labels_sequences else model

    def compare(self, directions: np.ndarray) -> np.ndarray:
        """What moves the scores of all classes alike moves no probability."""
        return np.asarray(directions - directions.mean(axis=-1, keepdims=True))

    def check(self, loss: Any, name: str) -> None:
        """Refuse a loss of Keras's that would take logits for probabilities."""
        if getattr(loss, "_fn_kwargs", {}).get("from_logits") is False:  # what Keras calls the function with
            raise ConfigError(
                f"loss: `{name}` takes probabilities, but networks give logits; build it with from_logits=True"
            )


class Probabilities(Numbers):
    """Outputs are probabilities of classes, as those of networks that earlier versions have saved."""

    def answers(self, outputs: np.ndarray) -> np.ndarray:
        return np.asarray(outputs, np.float64)

    def complete(self, model: keras.Model, spec: TaskSpec, name: str, trusted: bool) -> keras.Model:
        return model if not trusted and gives_probabilities(model, spec) else with_softmax(model)

    def check(self, loss: Any, name: str) -> None:
        raise ConfigError("data: the TaskSpec has outputs=`probabilities`, as saved models may have; give `logits`")


_QUANTILES = Quantiles()
_CONVENTIONS = {"numbers": Numbers(), "logits": Logits(), "probabilities": Probabilities()}


def convention(spec: TaskSpec) -> Numbers:
    """Return what the outputs of a network of this spec mean."""
    return _QUANTILES if spec.quantiles else _CONVENTIONS[spec.outputs]


def with_softmax(model: keras.Model) -> keras.Model:
    """Return a network of the same layers that ends in a softmax."""
    import keras

    name = "probabilities"
    while name in {layer.name for layer in model.layers}:  # a user's own may be called so
        name += "_"
    return _ending(model, keras.layers.Softmax(dtype="float32", name=name))


def _logs(outputs: Any) -> Any:
    """Return logits of probabilities, the smallest of which Keras's own losses cut off, too."""
    from keras import backend, ops

    return ops.log(ops.clip(ops.cast(outputs, "float32"), backend.epsilon(), 1.0))


def _average_logs(logs: list[Any]) -> Any:
    """Return the log of the mean of what these are logs of."""
    from keras import ops

    return ops.subtract(ops.logsumexp(ops.stack(logs, axis=1), axis=1), math.log(len(logs)))


def _sorted(outputs: Any, count: int) -> Any:
    """Sort each `count` neighbors on the last axis."""
    import keras

    if outputs.shape[-1] == count:
        return keras.ops.sort(outputs, axis=-1)
    whole = [size or -1 for size in outputs.shape[1:]]
    apart = keras.layers.Reshape((*whole[:-1], whole[-1] // count, count), dtype="float32", name="targets")(outputs)
    together = keras.layers.Reshape(whole, dtype="float32", name="quantiles")
    return together(keras.ops.sort(apart, axis=-1))


def _ending(model: keras.Model, end: Callable[[Any], Any]) -> keras.Model:
    import keras

    if isinstance(model, keras.Sequential):  # has no `input` and `output` before it is called
        return keras.Model(model.inputs[0], end(model.outputs[0]), name=model.name)
    given = model.output
    outputs = {**given, stateful.OUTPUT: end(given[stateful.OUTPUT])} if isinstance(given, dict) else end(given)
    return keras.Model(model.input, outputs, name=model.name)


def gives_probabilities(model: keras.Model, spec: TaskSpec) -> bool:
    """Try a network on random inputs: probabilities are not negative, and add up to 1 whatever goes in."""
    from keras import ops

    generator = np.random.default_rng(0)
    x = {name: _random(one, generator) for name, one in spec.inputs.items()} | stateful.make_zero_states(
        model, EXAMPLES
    )
    try:
        outputs = model(x if len(x) > 1 else x["past"], training=False)
    except Exception as error:  # it may take sequences of some lengths only; what is really wrong, training will say
        log.debug("`%s` takes no random inputs", model.name, exc_info=error)
        return False
    outputs = outputs[stateful.OUTPUT] if isinstance(outputs, dict) else outputs
    values = ops.convert_to_numpy(ops.cast(outputs, "float32"))
    exact = 1e-4 if outputs.dtype == "float32" else 1e-2
    return bool((values >= 0).all() and np.allclose(values.sum(axis=-1), 1, rtol=0, atol=exact))


def _random(one: InputSpec, generator: np.random.Generator) -> np.ndarray:
    shape = (EXAMPLES, *(STEPS if size is None else size for size in one.shape))
    if one.dtype == "bool":
        return np.ones(shape, bool)
    if one.vocabulary is not None:
        return generator.integers(0, one.vocabulary, shape).astype(one.dtype)
    return generator.normal(size=shape).astype(one.dtype)
