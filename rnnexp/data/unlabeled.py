"""Examples without labels as a task of their own: the next step of each, or spans of it that are hidden.

next:   Dai and Le, Semi-supervised sequence learning, NeurIPS 2015: of tokens a language model, of numbers a forecast.
masked: Zerveas et al., A transformer-based framework for multivariate time series representation learning, KDD 2021:
        the mean squared error over the hidden steps alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NoReturn

import numpy as np

from rnnexp.data import padding
from rnnexp.data.dataset import Arrays, Dataset, Part
from rnnexp.data.sequences import SequenceDataset
from rnnexp.data.spec import TaskSpec

SPANS, SHARE = 3, 0.1  # of a sequence that are hidden, each of this share of its steps
MAX_DRAWS = 64  # times that spans are drawn for a sequence; later epochs hide the same ones again


@dataclass(frozen=True)
class Redrawn(Part):
    """Examples of which each epoch has another draw: row `examples * draw + index` of the arrays."""

    examples: int = 0
    draws: int = 1

    def order(self, seed: int, epoch: int, size: int) -> np.ndarray:
        return super().order(seed, epoch, size) + np.int32(self.examples * ((epoch - 1) % self.draws))


@dataclass(frozen=True, kw_only=True)
class PretrainingDataset(Dataset):
    """Sequences whose own steps are what is to be told."""

    def restore(self, part: str, outputs: np.ndarray) -> NoReturn:
        raise NotImplementedError("nothing is scored in original units")

    def example(self) -> NoReturn:
        raise NotImplementedError("nothing of it is served")


def make_pretraining(dataset: SequenceDataset, kind: str, epochs: int, seed: int) -> PretrainingDataset:
    """Return the examples of the training part and the unlabeled ones, without their labels."""
    train, extra = dataset.parts["train"], dataset.unlabeled
    chosen = train.indices if extra is None else np.sort(np.concatenate([train.indices, extra.indices]))
    draws = min(epochs, MAX_DRAWS) if kind == "masked" else 1
    begin, length = (np.tile(train.arrays[key][chosen], draws) for key in ("begin", "length"))
    arrays: dict[str, np.ndarray] = {**train.arrays, "begin": begin, "length": length}
    arrays = {key: arrays[key] for key in ("values", "begin", "length", "steps")}
    if kind == "masked":
        arrays["hidden"] = draw_spans(length, seed)
    spec = describe_pretraining(dataset.spec, kind)
    examples = len(chosen)
    part = Redrawn(arrays, np.arange(examples, dtype=np.int32), train.bounds, examples, draws)
    sizes = {"train": examples}
    return PretrainingDataset(
        spec=spec,
        parts={"train": part},
        batch=partial(hide_spans if kind == "masked" else tell_next, is_whole="mask" not in spec.inputs),
        summary=replace(dataset.summary, sizes=sizes),
        scored="train",
        scaling=dataset.scaling,
        vectors=dataset.vectors,
    )


def describe_pretraining(spec: TaskSpec, kind: str) -> TaskSpec:
    """Return what pretraining asks of a network that reads the inputs of a spec: an output per step."""
    past = spec.inputs["past"]
    asked: dict[str, Any] = {"classes": (), "metrics": (), "targets": (), "per_step": True, "quantiles": ()}
    asked |= {"sees_future": kind == "masked"}
    if past.vocabulary is None:
        return replace(spec, **asked, output_shape=(past.shape[-1] or 0,), outputs="numbers", loss="mse")
    own: dict[str, Any] = {"outputs": "logits", "scores_of": "past", "loss": "token_cross_entropy"}
    return replace(spec, **asked, **own, output_shape=(past.vocabulary,))


def draw_spans(length: np.ndarray, seed: int) -> np.ndarray:
    """Draw where spans of sequences (n,) begin and end: (n, spans, 2) int32, at least one step each."""
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, len(length)])))
    size = np.maximum(1, np.round(SHARE * length)).astype(np.int64)[:, None]
    begin = np.floor(generator.random((len(length), SPANS)) * (length[:, None] - size + 1)).astype(np.int64)
    return np.stack([begin, begin + size], axis=-1).astype(np.int32)


def hide_spans(arrays: Arrays, indices: Any, is_whole: bool = False) -> tuple[Any, Any, Any]:
    """Return x with zeros in hidden steps, y as it was, and which those are; 0 is the mean of standardized inputs."""
    x = padding.masked_inputs(arrays, indices)
    past, steps, spans = x["past"], arrays["steps"], arrays["hidden"][indices]
    inside = ((steps >= spans[..., :1]) & (steps < spans[..., 1:])).any(1) & x["mask"]
    seen = past * (1 - inside.astype(past.dtype))[..., None]
    return (seen if is_whole else {"past": seen, "mask": x["mask"]}), past, _weigh(inside)


def tell_next(arrays: Arrays, indices: Any, is_whole: bool = False) -> tuple[Any, Any, Any]:
    """Return x, and for each step the next one; the last one of a sequence has none, and the weight 0."""
    x = padding.masked_inputs(arrays, indices)
    steps = x["past"].shape[1]
    following = x["past"][:, np.minimum(np.arange(steps) + 1, steps - 1)]
    told = arrays["steps"] + 1 < arrays["length"][indices][:, None]
    return (x["past"] if is_whole else x), following, _weigh(told)


def _weigh(chosen: Any) -> Any:
    """Weigh steps (b, time) so that the mean over all is the mean over the chosen ones of each example."""
    weight = chosen.astype(np.float32)
    return weight / (weight.mean(1, keepdims=True) + np.float32(1e-9))
