"""The networks by hand are those of the experiments, and learn from the same batches."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from benchmarks.experiments import NAMES, STEPS, faster, row
from rnnexp.config.compose import compose
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.models.build import build

TURN = {"ours": (0.1, 0.15), "torch": (0.2, 0.4)}
WORDS, MASK = InputSpec((None,), "int32", vocabulary=11), InputSpec((None,), "bool")
SOURCE = np.random.default_rng(0)
SPECS = {
    "etth1_h24": TaskSpec("forecasting", {"past": InputSpec((336, 1))}, (24, 1), targets=("OT",)),
    "sst2": TaskSpec("classification", {"past": WORDS, "mask": MASK}, (2,), "logits", classes=("no", "yes")),
    "ptb_small": TaskSpec(
        "language_modeling", {"past": WORDS}, (11,), "logits", scores_of="past", per_step=True, carried=True
    ),
    "multi30k_attention": TaskSpec(
        "sequence_to_sequence",
        {"past": WORDS, "mask": MASK, "previous": WORDS},
        (11,),
        "logits",
        scores_of="previous",
        per_step=True,
    ),
}


def draw_batch(spec: TaskSpec) -> tuple[Any, ...]:
    """Return three examples: numbers, or words, of which the last ones are beyond the end of the sequences."""
    if spec.task == "forecasting":
        return tuple(SOURCE.normal(size=(3, *size)).astype("float32") for size in ((336, 1), (24, 1)))
    words, mask = SOURCE.integers(2, 11, (3, 6)).astype("int32"), np.arange(6) < np.array([[4], [2], [3]])
    if spec.task == "classification":
        return {"past": words, "mask": mask}, np.array([0, 1, 1], "int32")
    if spec.task == "language_modeling":
        return words, words
    return {"past": words, "mask": mask, "previous": words}, words, mask.astype("float32")


def test_a_row_says_how_many_steps_of_ours_are_taken_in_the_time_of_one() -> None:
    assert set(STEPS) == set(NAMES) == set(SPECS)
    assert faster([TURN, TURN], 0) == pytest.approx(2)
    assert row("sst2", [TURN]) == "| sst2 | 10.0 steps/s | 1.50 | 5.0 steps/s | 2.00 | 2.00 (2.00 to 2.00) | 2.67 |"


@pytest.mark.end_to_end  # imports PyTorch
@pytest.mark.parametrize("name", NAMES)
def test_the_network_by_hand_trains_as_many_weights_and_learns_from_a_batch_of_ours(name: str) -> None:
    import torch

    from benchmarks import torch_nets

    experiment, spec = compose(f"experiment={name}", "data.root=."), SPECS[name]
    net = torch_nets.make_net(experiment.model, spec)
    trained = build(experiment.model, spec, seed=0).trainable_weights  # without a function of words, which is fitted
    assert torch_nets.count_weights(net) == sum(math.prod(weight.shape) for weight in trained)
    step, batch = torch_nets.make_steps(net, experiment.optimizer), torch_nets.to_tensors(draw_batch(spec))
    if "lengths" in batch:
        assert batch["past"].shape == (3, 4)
        assert batch["lengths"].tolist() == [4, 2, 3]
    torch.manual_seed(0)
    first = net.eval()(batch).item()
    net.train()
    for _ in range(30):
        step(batch)
    assert math.isfinite(first)
    assert net.eval()(batch).item() < first
