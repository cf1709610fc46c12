"""Whether the report on fast kernels says what a GPU then does: JAX's compiled programs, PyTorch's profiler."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator
from typing import Any

CELLS = ("lstm", "gru", "simple_rnn")
PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")


def check_all(backend: str) -> Iterator[dict]:
    """Yield a row per combination: what the report says, and what was seen."""
    from rnnexp import registry, runtime
    from rnnexp.data.spec import InputSpec, TaskSpec
    from rnnexp.models.build import build
    from rnnexp.models.cudnn import report_kernels
    from rnnexp.training.prepare import use_precision

    device = runtime.configure(backend).device
    for cell, masked, pair, precision in itertools.product(CELLS, (False, True), (False, True), PRECISIONS):
        inputs = {"past": InputSpec((None if masked else 12, 3))}
        inputs |= {"mask": InputSpec((None,), "bool")} if masked else {}
        spec = TaskSpec("regression", inputs, (1,), targets=("y",))
        with use_precision(precision):
            model = build(registry.lookup("model", cell)(units=32, bidirectional=pair), spec, 0)
        (line,) = report_kernels(model, backend, device)
        told = line.endswith("fast kernel (cuDNN)") and "no fast" not in line
        words = [cell, "masked" if masked else "", "bidirectional" if pair else "", precision]
        case = " ".join(word for word in words if word)
        try:
            seen = {"jax": sees_in_jax, "torch": sees_in_torch}[backend](model, masked)
        except Exception as error:
            yield {"case": case, "passed": False, "found": f"{type(error).__name__}: {str(error)[:200]}"}
            continue
        found = "cuDNN" if seen else "no cuDNN"
        yield {"case": case, "passed": told == seen, "found": found if told == seen else f"{found}, but told: {line}"}


def make_batch(masked: bool) -> Any:
    import numpy as np

    past = np.random.default_rng(0).normal(size=(8, 12, 3)).astype("float32")
    return {"past": past, "mask": np.arange(12) < np.arange(5, 13)[:, None]} if masked else past


def sees_in_jax(model: Any, masked: bool) -> bool:
    import jax

    def outputs(trainable: Any, others: Any, x: Any) -> Any:
        return model.stateless_call(trainable, others, x)[0]

    weights = [
        [variable.value for variable in group] for group in (model.trainable_variables, model.non_trainable_variables)
    ]
    compiled = jax.jit(outputs).lower(*weights, make_batch(masked)).compile()
    compiled(*weights, make_batch(masked))
    return "cudnn_rnn" in compiled.as_text()


def sees_in_torch(model: Any, masked: bool) -> bool:
    import torch

    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        model(make_batch(masked), training=True)
    return any("_cudnn_rnn" in event.key for event in profile.key_averages())


if __name__ == "__main__":
    for row in check_all(sys.argv[1]):
        print(json.dumps(row), flush=True)
