"""What the model of a plugin has returned as a network, and whether it takes what the data give."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from inspect import isclass
from typing import TYPE_CHECKING, Any

from rnnexp.data.spec import TaskSpec
from rnnexp.errors import ConfigError, first_line
from rnnexp.models import stateful

if TYPE_CHECKING:
    import keras

RETURN = "it must return a keras.Model, or a layer that takes the inputs of the data"


def connect_network(name: str, returned: Any, spec: TaskSpec) -> keras.Model:
    """Return a network from the inputs of the data to their outputs: what was returned, or one around a layer, a model
    that is not connected yet, or a PyTorch module.

    Raises ConfigError if there is none.
    """
    import keras

    if isclass(returned):
        raise ConfigError(f"model: `{name}` returned the class {returned.__name__} itself; call it: {RETURN}")
    returned = _wrap_module(name, returned, spec)
    if not isinstance(returned, keras.layers.Layer):
        raise ConfigError(f"model: `{name}` returned {type(returned).__name__}; {RETURN}")
    model = returned if _is_connected(returned) else _connect(name, returned, spec)
    if problems := [*_list_problems(model, spec)]:
        raise ConfigError(*(f"model: `{name}` {problem}" for problem in problems))
    return _match_inputs(model, spec)


def list_unread(model: keras.Model, spec: TaskSpec) -> list[str]:
    """Return the inputs of the data that a network has no use for."""
    read = {
        name for name, tensor in _get_inputs(model, spec).items() if tensor._keras_history.operation._outbound_nodes
    }
    return [name for name in spec.inputs if name not in read]


def _wrap_module(name: str, returned: Any, spec: TaskSpec) -> Any:
    """Make a layer of a PyTorch module."""
    import keras

    if isinstance(returned, keras.layers.Layer) or not any(
        base.__module__.startswith("torch.nn.") for base in type(returned).__mro__
    ):
        return returned
    if keras.backend.backend() != "torch":
        raise ConfigError(
            f"model: `{name}` returned a PyTorch module, which PyTorch alone can train; set backend=torch"
        )
    if [*returned.buffers()]:
        raise ConfigError(
            f"model: `{name}` returned a PyTorch module with buffers, such as the averages of BatchNorm, which no "
            "checkpoint of Keras keeps; leave them out, or take the layer of Keras"
        )
    return keras.layers.TorchModuleWrapper(returned, output_shape=(None, *spec.steps, *spec.output_shape))


def _is_connected(model: Any) -> bool:
    import keras

    with suppress(AttributeError, ValueError):  # a model that was only written has no tensors yet
        return isinstance(model, keras.Model) and model.built and bool(model.inputs)
    return False


def _connect(name: str, layer: Any, spec: TaskSpec) -> keras.Model:
    import keras

    if isinstance(layer, keras.Model) and type(layer).train_step is not keras.Model.train_step:
        raise ConfigError(
            f"model: `{name}` returned a model with a train_step of its own that is not connected; give its inputs and "
            "outputs to super().__init__(inputs, outputs)"
        )
    inputs = {key: _make_input(key, spec) for key in spec.inputs}
    given = inputs if len(inputs) > 1 else inputs["past"]
    try:
        outputs = layer(given)
    except Exception as error:
        raise ConfigError(
            f"model: `{name}` returned a {type(layer).__name__} that cannot be called with the inputs of the data, "
            f"{_list_shapes(spec)}: {type(error).__name__}: {first_line(error)}"
        ) from error
    return layer if _is_connected(layer) else keras.Model(given, outputs, name=name)


def _match_inputs(model: keras.Model, spec: TaskSpec) -> keras.Model:
    """Let a network begin with the very inputs that the data give, those too that it leaves unread: Keras would warn
    of others in each step.
    """
    import keras

    found, own = _get_inputs(model, spec), not type(model).__module__.startswith("keras.")
    if own or isinstance(model, keras.Sequential) or stateful.get_state_sizes(model):
        return model
    given = {key: found.get(key) for key in spec.inputs}
    given = {key: _make_input(key, spec) if one is None else one for key, one in given.items()}
    return keras.Model(given if len(given) > 1 else given["past"], model.output, name=model.name)


def _make_input(key: str, spec: TaskSpec) -> Any:
    import keras

    return keras.Input(spec.inputs[key].shape, name=key, dtype=spec.inputs[key].dtype)


def _get_inputs(model: keras.Model, spec: TaskSpec) -> dict[str, Any]:
    """Return the tensors that a network begins with, under the names of the inputs that the data have for them."""
    found = getattr(model, "_inputs_struct", None)
    if isinstance(found, dict):
        return dict(found)
    tensors = list(model.inputs)
    if len(tensors) == len(spec.inputs) == 1:
        return {"past": tensors[0]}  # an array is given, whatever the input is called
    return {tensor.name: tensor for tensor in tensors}


def _list_problems(model: keras.Model, spec: TaskSpec) -> Iterator[str]:
    """Say which inputs the data do not have, or have in another shape."""
    if spec.writes and not {"encoder_1", "decoder_1"} <= {layer.name for layer in model.layers}:
        yield "cannot write texts, which are asked for token by token of layers of encoder_decoder; choose that model"
    for key, tensor in _get_inputs(model, spec).items():
        if key in stateful.get_state_sizes(model):
            continue
        if key not in spec.inputs:
            yield f"takes an input `{key}`; the data give {_list_shapes(spec)}"
            continue
        own, given = tuple(tensor.shape), (None, *spec.inputs[key].shape)
        if len(own) != len(given) or any(size not in (None, wanted) for size, wanted in zip(own, given)):
            yield f"takes `{key}` of shape {own}; the data give {given}, where the first None is the batch"


def _list_shapes(spec: TaskSpec) -> str:
    return ", ".join(f"`{key}` {(None, *one.shape)}" for key, one in spec.inputs.items())
