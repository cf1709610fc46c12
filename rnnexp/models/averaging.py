"""Networks of different seeds as one, which gives the mean of their answers.

The mean is taken within the network, so that a saved one needs nothing beside it. It is that of numbers in original
units: where these follow from the outputs by a shift and a scale, the outputs are averaged as they are, where a
logarithm lies between, their exponentials. Of classes the probabilities are averaged; their logs are given, which are
logits (Lakshminarayanan, Pritzel and Blundell, Simple and scalable predictive uncertainty estimation using deep
ensembles, NeurIPS 2017). Of quantiles each is averaged by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rnnexp.data.spec import TaskSpec
from rnnexp.errors import ConfigError
from rnnexp.models.build import build, build_network
from rnnexp.models.initializers import Given
from rnnexp.models.logits import convention

if TYPE_CHECKING:
    import keras

NAME, MEMBER = "ensemble", "member_"
STRIDE = 10_000  # between the seeds of members: those of runs with seeds 0, 1, 2, ... have none in common
MAX_SEED = 2**31

Exponents = Sequence[float]


def list_seeds(seed: int, count: int) -> list[int]:
    """Return the seed of each member: the first is that of the run."""
    return [(seed + STRIDE * place) % MAX_SEED for place in range(count)]


def list_members(model: keras.Model) -> list[keras.Model]:
    """Return the networks whose answers a network averages; none of any other."""
    layers = model.layers if model.name == NAME else []
    return [layer for layer in layers if layer.name.startswith(MEMBER) and hasattr(layer, "layers")]


def build_average(
    architecture: Any, spec: TaskSpec, seeds: Sequence[int], given: Given, exponents: Exponents | None
) -> keras.Model:
    """Build a network for each seed, with its first weights, and join them.

    exponents: of each target, that of e for one unit of an output, where original values are exponentials of outputs
    """
    return _join([build(architecture, spec, seed, given) for seed in seeds], spec, exponents)


def rebuild_average(architecture: Any, spec: TaskSpec, count: int, exponents: Exponents | None) -> keras.Model:
    """Build what `build_average` has built, for weights that there are already."""
    return _join([build_network(architecture, spec, seed=0) for _ in range(count)], spec, exponents)


def _join(networks: Sequence[keras.Model], spec: TaskSpec, exponents: Exponents | None) -> keras.Model:
    import keras

    spec.require_mean("ensemble")
    members = [_name(network, f"{MEMBER}{place}") for place, network in enumerate(networks)]
    inputs = keras.tree.map_structure(_copy_input, members[0].input)
    outputs = [member(inputs) for member in members]
    return keras.Model(inputs, convention(spec).average(outputs, exponents), name=NAME)


def _name(network: keras.Model, name: str) -> keras.Model:
    import keras

    if not type(network).__module__.startswith("keras."):
        raise ConfigError(
            f"ensemble: `{network.name}` is a model of a class of its own, {type(network).__name__}, whose training "
            "step would be lost; return keras.Model(inputs, outputs), or set ensemble=1"
        )
    if isinstance(network, keras.Sequential):
        return keras.Model(network.inputs[0], network.outputs[0], name=name)
    return keras.Model(network.input, network.output, name=name)


def _copy_input(tensor: Any) -> Any:
    import keras

    return keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=tensor.name)
