"""Which settings of a recurrent model go with which data, said before anything is built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rnnexp.data.spec import TaskSpec
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
PER_STEP = ("tagging", "language_modelling")  # whatever their settings, beside layout: sequence
TOKENS_ONLY = "model.tie_weights: true given, but the data have no tokens to predict; set model.tie_weights=false"


def check_fit(model: Any, data: Any) -> list[str]:
    """Return why these model settings cannot go with these data settings, one line each."""
    if getattr(data, "task", None) == "sequence_to_sequence":
        return [ONLY_READS.format(model.name)]
    task = getattr(data, "task", None)
    if task not in PER_STEP and getattr(data, "layout", None) != "sequence":
        return window_problems(model, getattr(data, "sequence_length", 0)) + untied(model)
    problems = window_problems(model, None) + step_problems(model, task)
    return problems + (tied(model) if task == "language_modelling" else untied(model))


def step_problems(model: Any, task: str | None) -> list[str]:
    """Return why a model cannot give an output for each step of what it reads, one line each."""
    problems = [no_steps(model)] if getattr(model, "per_step", True) is False else []
    ahead = getattr(model, "bidirectional", False) and task != "tagging"  # a tag may depend on what follows
    problems += [SEES_FUTURE] if ahead else []
    pooling = getattr(model, "pooling", "last")
    return problems + ([ONE_EACH.format(pooling)] if pooling != "last" else [])


def spec_problems(model: RecurrentModel, spec: TaskSpec) -> list[str]:
    """Return why a model cannot be built for these data, one line each."""
    problems = [ONLY_READS.format(model.name)] if spec.task == "sequence_to_sequence" else []
    given = spec.inputs["past"].vector
    if given and model.embedding_dim not in (None, given):
        problems.append(f"model.embedding_dim: {model.embedding_dim} given, but data.vectors have {given}; use null")
    problems += step_problems(model, spec.task) if spec.per_step else []
    if spec.per_step and "future" in spec.inputs:
        problems.append(NO_FUTURE)
    chosen = spec.task in ("classification", "tagging", "language_modelling")
    if chosen and model.output_activation is not None:
        problems.append(f"model.output_activation: `{model.output_activation}` given; classes need softmax: use null")
    if model.skip and (chosen or model.output_activation not in (None, "linear")):
        problems.append("model.skip: true given; it is added to a linear output, not to classes or an activation")
    problems += tied(model) if spec.task == "language_modelling" else untied(model)
    return problems + window_problems(model, spec.inputs["past"].shape[0])


def untied(model: Any) -> list[str]:
    """Return why weights cannot be tied where there are no tokens to predict."""
    return [TOKENS_ONLY] if getattr(model, "tie_weights", False) else []


def tied(model: Any) -> list[str]:
    """Return why weights cannot be tied: vectors can only be read off a layer that is as wide as they are."""
    if not getattr(model, "tie_weights", False):
        return []
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
    segment, skip = getattr(model, "segment", None), getattr(model, "skip", False)
    if steps is None:
        given = [key for key, value in (("segment", segment), ("skip", skip)) if value]
        return [f"model.{key}: needs windows of one length; these data are whole sequences" for key in given]
    if segment is None or steps % segment == 0:
        return []
    return [f"model.segment: {segment} given; the {steps} steps of data.sequence_length are no multiple of it"]
