"""The networks of four experiments as a user of PyTorch writes them; each returns the loss of a batch to learn from.

A batch is what ours is trained on in the same step: tensors, sequences padded to the longest of the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, dropout, dropout1d, l1_loss
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

Batch = dict[str, Tensor]


class Forecaster(nn.Module):
    """etth1_h24: a GRU over patches of the window, beside a linear function of all of it."""

    def __init__(self, window: int, horizon: int, patch: int, units: int, rate: float) -> None:
        super().__init__()
        self.patch = patch
        self.rnn = nn.GRU(patch, units, batch_first=True)
        self.drop, self.head = nn.Dropout(rate), nn.Linear(units, horizon)
        self.skip = nn.Linear(window, horizon, bias=False)

    def forward(self, batch: Batch) -> Tensor:
        window = batch["past"].flatten(1)
        last = self.rnn(window.unflatten(1, (-1, self.patch)))[1][0]
        return l1_loss(self.head(self.drop(last)) + self.skip(window), batch["y"].flatten(1))


class Classifier(nn.Module):
    """sst2: a bidirectional GRU over words, the mean of its outputs."""

    def __init__(self, words: int, size: int, units: int, classes: int, rates: dict[str, float]) -> None:
        super().__init__()
        self.rates = rates
        self.embedding = nn.Embedding(words, size)
        self.rnn = nn.GRU(size, units, batch_first=True, bidirectional=True)
        self.drop, self.head = nn.Dropout(rates["dropout"]), nn.Linear(2 * units, classes)

    def forward(self, batch: Batch) -> Tensor:
        x = self.embedding(batch["past"])
        x = x * dropout(torch.ones(*x.shape[:2], 1), self.rates["word_dropout"], self.training)
        x = dropout1d(x.transpose(1, 2), self.rates["embedding_dropout"], self.training).transpose(1, 2)
        x = self.drop(run_packed(self.rnn, x, batch["lengths"])[0])
        mask = batch["mask"][..., None]
        mean = (x * mask).sum(1) / mask.sum(1)
        return cross_entropy(self.head(mean), batch["y"])


class LanguageModel(nn.Module):
    """ptb_small: two LSTMs whose states are carried from batch to batch."""

    def __init__(self, words: int, size: int, units: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, size)
        self.rnn = nn.LSTM(size, units, 2, batch_first=True)
        self.head = nn.Linear(units, words)
        self.states: Any = None

    def forward(self, batch: Batch) -> Tensor:
        x, states = self.rnn(self.embedding(batch["past"]), self.states)
        self.states = tuple(state.detach() for state in states)
        steps = batch["y"].shape[1]
        return steps * cross_entropy(self.head(x).flatten(0, 1), batch["y"].flatten())


class Translator(nn.Module):
    """multi30k_attention: GRUs read in both directions and write; additive attention (Bahdanau et al., 2015)."""

    def __init__(self, source: int, target: int, size: int, units: int, rate: float) -> None:
        super().__init__()
        self.source, self.target = nn.Embedding(source, size), nn.Embedding(target, size)
        self.encoder = nn.GRU(size, units, batch_first=True, bidirectional=True)
        self.decoder = nn.GRU(size, units, batch_first=True)
        self.bridge, self.drop = nn.Linear(2 * units, units), nn.Dropout(rate)
        self.keys, self.queries = nn.Linear(2 * units, units, bias=False), nn.Linear(units, units)
        self.score = nn.Linear(units, 1, bias=False)
        self.attended, self.output = nn.Linear(3 * units, units), nn.Linear(units, target)

    def forward(self, batch: Batch) -> Tensor:
        memory, ends = run_packed(self.encoder, self.drop(self.source(batch["past"])), batch["lengths"])
        memory = self.drop(memory)
        first = torch.tanh(self.bridge(torch.cat([ends[0], ends[1]], -1)))
        x, _ = self.decoder(self.drop(self.target(batch["previous"])), first[None])
        x = self.drop(x)
        both = torch.tanh(self.queries(x)[:, :, None] + self.keys(memory)[:, None])
        scores = self.score(both).squeeze(-1).masked_fill(~batch["mask"][:, None], -torch.inf)
        context = scores.softmax(-1) @ memory
        logits = self.output(torch.tanh(self.attended(torch.cat([context, x], -1))))
        return cross_entropy(logits.flatten(0, 1), batch["y"].flatten(), ignore_index=-100)


def run_packed(rnn: nn.GRU, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Return outputs (b, time, size), zeros after the end of a sequence, and last states (layers, b, size)."""
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    outputs, last = rnn(packed)
    return pad_packed_sequence(outputs, batch_first=True, total_length=x.shape[1])[0], last


def make_net(model: Any, spec: Any) -> nn.Module:
    """Make the network that `model`, the settings of ours, describes for data of this kind."""
    past, units = spec.inputs["past"], model.sizes()[0]
    if spec.task == "forecasting":
        return Forecaster(past.shape[0], spec.output_shape[0], model.patch_size, units, model.dropout)
    if spec.task == "classification":
        rates = {name: getattr(model, name) for name in ("dropout", "word_dropout", "embedding_dropout")}
        return Classifier(past.vocabulary, model.embedding_dim, units, spec.output_shape[0], rates)
    if spec.task == "language_modeling":
        return LanguageModel(past.vocabulary, model.embedding_dim, units)
    target = spec.inputs["previous"].vocabulary
    return Translator(past.vocabulary, target, model.embedding_dim, units, model.dropout)


def count_weights(net: nn.Module) -> int:
    """Return how many weights there are, without the second bias that PyTorch's LSTM adds to the first one."""
    lstms = [part for part in net.modules() if isinstance(part, nn.LSTM)]
    second = [p for part in lstms for name, p in part.named_parameters() if name.startswith("bias_hh")]
    return sum(p.numel() for p in net.parameters()) - sum(p.numel() for p in second)


def make_steps(net: nn.Module, settings: Any) -> Callable[[Batch], None]:
    """Return a function that takes a gradient step, with the optimizer that `settings`, those of ours, describe."""
    kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[settings.name]
    optimizer = kind(net.parameters(), settings.learning_rate)
    average = torch.optim.swa_utils
    averaged = None
    if settings.use_ema:
        averaged = average.AveragedModel(net, multi_avg_fn=average.get_ema_multi_avg_fn(settings.ema_momentum))

    def step(batch: Batch) -> None:
        optimizer.zero_grad()
        net(batch).backward()
        if settings.global_clipnorm:
            nn.utils.clip_grad_norm_(net.parameters(), settings.global_clipnorm)
        optimizer.step()
        if averaged is not None:
            averaged.update_parameters(net)

    return step


def to_tensors(batch: tuple[Any, ...]) -> Batch:
    """Return a batch of ours, (x, y) or (x, y, weight), for the networks above: no longer than its longest sequence."""
    x, y, weight = (*batch, None)[:3]
    arrays = {**(x if isinstance(x, dict) else {"past": x}), "y": y}
    found = {name: torch.as_tensor(array) for name, array in arrays.items()}
    found |= {name: tensor.long() for name, tensor in found.items() if tensor.dtype == torch.int32}
    if weight is not None:
        found["y"][torch.as_tensor(weight) == 0] = -100
        written = int((found["y"] >= 0).sum(1).max())
        found |= {name: found[name][:, :written] for name in ("y", "previous")}
    if "mask" in found:
        found["lengths"] = found["mask"].sum(1)
        longest = int(found["lengths"].max())
        found |= {name: found[name][:, :longest] for name in ("past", "mask")}
    return found
