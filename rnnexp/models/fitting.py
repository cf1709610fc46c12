"""Which settings of a model go with which data: asked of what a source outlines, and again once the data are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rnnexp.data.spec import UNKNOWN_SIZE, TaskSpec
from rnnexp.registry import lookup, names

if TYPE_CHECKING:
    from rnnexp.models.recurrent import RecurrentModel

SEES_FUTURE = (
    "model.bidirectional: true given, but the data want an output per time step, and a layer that reads "
    "backwards sees the future; set model.bidirectional=false or data.layout=windows"
)
ONE_EACH = "model.pooling: `{}` given, but the data want an output per time step: there is nothing to pool; use last"
NO_FUTURE = "model: known future values have no place in an output per time step; set data.layout=windows"
ONLY_READS = "model: {} gives outputs for what it reads; to write another sequence set model=encoder_decoder"
TOKENS_ONLY = "model.tie_weights: true given, but the data have no tokens to predict; set model.tie_weights=false"


def spec_problems(model: RecurrentModel, spec: TaskSpec) -> list[str]:
    """Return why a recurrent model cannot be built for these data, one line each."""
    if "previous" in spec.inputs:
        return [ONLY_READS.format(model.name)]
    past, problems = spec.inputs["past"], list[str]()
    if past.vector and model.embedding_dim not in (None, past.vector):
        problems.append(
            f"model.embedding_dim: {model.embedding_dim} given, but data.vectors have {past.vector}; use null"
        )
    problems += step_problems(model, spec) if spec.per_step else []
    chosen = spec.outputs != "numbers"
    if chosen and model.output_activation is not None:
        problems.append(f"model.output_activation: `{model.output_activation}` given; classes need softmax: use null")
    if model.skip and (chosen or model.output_activation not in (None, "linear")):
        problems.append("model.skip: true given; it is added to a linear output, not to classes or an activation")
    return problems + tie_problems(model, spec) + window_problems(model, past.shape[0])


def step_problems(model: Any, spec: TaskSpec) -> list[str]:
    """Return why a model cannot give an output for each step of what it reads, one line each."""
    problems = [] if model.per_step else [no_steps(model)]
    problems += [SEES_FUTURE] if model.bidirectional and not spec.sees_future else []
    problems += [ONE_EACH.format(model.pooling)] if model.pooling != "last" else []
    return problems + ([NO_FUTURE] if "future" in spec.inputs else [])


def tie_problems(model: Any, spec: TaskSpec) -> list[str]:
    """Return why weights cannot be tied: only vectors of tokens can be read off, by a layer that is as wide as they."""
    if not model.tie_weights:
        return []
    if spec.scores_of is None:
        return [TOKENS_ONLY]
    last, size = [*model.sizes(), *getattr(model, "dense", [])][-1], model.vector_size()
    if last == size:
        return []
    return [
        f"model.tie_weights: true given, but the last layer has {last} units and the embedding {size}; "
        f"set model.embedding_dim={last}"
    ]


def no_steps(model: Any) -> str:
    able = [name for name in names("model") if getattr(lookup("model", name), "per_step", False)]
    return (
        f"model: {model.name} gives one output per sequence, but the data want one per time step; {', '.join(able)} can"
    )


def window_problems(model: Any, steps: int | None) -> list[str]:
    """Return why a window of so many steps, None for a length that varies, is not one for this model."""
    if steps is None:
        given = [key for key in ("patch_size", "skip") if getattr(model, key)]
        return [f"model.{key}: needs windows of one length; these data are whole sequences" for key in given]
    size = model.patch_size
    if size is None or steps == UNKNOWN_SIZE or steps % size == 0:
        return []
    return [f"model.patch_size: {size} given; the {steps} steps of data.sequence_length are no multiple of it"]
