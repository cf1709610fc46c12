"""Why a recurrent network cannot be built for data: found from its settings and a TaskSpec, without Keras."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rnnexp.data.spec import UNKNOWN_SIZE
from rnnexp.models.layers import FITTED, OF_WORDS

if TYPE_CHECKING:
    from rnnexp.data.spec import TaskSpec

MOST_INPUTS = 3_000  # eigenvectors of so many rows and columns take half a minute on two cores
ONLY_READS = "model: {} gives outputs for what it reads; to write another sequence set model=encoder_decoder"


def check_spec(model: Any, spec: TaskSpec) -> list[str]:
    """Return why a recurrent model cannot be built for these data, one line each."""
    if "previous" in spec.inputs:
        return [ONLY_READS.format(model.name)]
    if problems := spec.several_problems(model):
        return problems
    past = spec.inputs["past"]
    if past.vector and model.embedding_dim not in (None, past.vector):
        problems.append(
            f"model.embedding_dim: {model.embedding_dim} given, but data.vectors have {past.vector}; use null"
        )
    problems += model.transformer.problems(spec.carried) if model.transformer else []
    problems += model.find_augmented_tokens(past)
    problems += spec.problems(model) + check_window(model, past.shape[0])
    problems += find_linear_mistakes(model, spec)
    return problems + list(model.check_spec(spec))


def check_window(model: Any, steps: int | None) -> list[str]:
    """Return why a window of so many steps, None for a length that varies, is not one for this model."""
    if steps is None:
        linear = model.skip_connection and model.skip_connection != OF_WORDS
        given = [key for key, is_given in (("patch_size", model.patch_size), ("skip_connection", linear)) if is_given]
        return [f"model.{key}: needs windows of one length; these data are whole sequences" for key in given]
    size = model.patch_size
    if size is None or steps == UNKNOWN_SIZE or steps % size == 0:
        return []
    return [f"model.patch_size: {size} given; the {steps} steps of data.sequence_length are no multiple of it"]


def find_linear_mistakes(model: Any, spec: TaskSpec) -> list[str]:
    """Return why a linear function cannot stand beside this model for these data."""
    kind = model.skip_connection
    given = f"model.skip_connection: {str(kind).lower()} given"
    if kind and (reason := spec.refuse_linear(kind == OF_WORDS, model.output_activation)):
        return [f"{given}; {reason}"]
    inputs = sum(math.prod(size or 0 for size in one.shape) for one in spec.inputs.values())
    if kind != FITTED or inputs <= MOST_INPUTS:
        return []
    most = f"the most is {MOST_INPUTS:,}; use true, or a shorter window"
    return [f"{given}; a regression on {inputs:,} inputs takes too much memory; {most}"]
