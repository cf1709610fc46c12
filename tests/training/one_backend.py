"""Build and train on one backend and tell what was seen; also a script, because a process has one backend."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import toy

import rnnexp as rx
from rnnexp import runtime
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.models.build import build
from rnnexp.registry import lookup
from rnnexp.training import batcher
from rnnexp.training.fit import fit

# The data are drawn with one seed, so that another experiment's seed changes the network and its order alone.
SINE = ("experiment=sine_lstm", "trainer.epochs=3", "data.seed=0")
AIRLINE = ("experiment=airline_lstm", "trainer.epochs=5")
QUIET = ("tracking=off", "tracking.figures=false", "tracking.log_model=false")


def first(cell: str, **more: Any) -> dict[str, Any]:
    """Return a digest of the first weights of a network, and its first loss."""
    import keras

    source = np.random.default_rng(0)
    x, y = source.normal(size=(16, 8, 3)).astype("float32"), source.normal(size=(16, 2, 1)).astype("float32")
    settings = lookup("model", cell)(units=[5], layer_norm=True, bidirectional=True, dense=[4], **more)
    model = build(settings, TaskSpec("forecasting", {"past": InputSpec((8, 3))}, (2, 1)), seed=3)
    weights = b"".join(keras.ops.convert_to_numpy(weight).tobytes() for weight in model.weights)
    model.compile(loss=lookup("loss", "quantile")(quantile=0.7).build())
    loss = float(model.evaluate(x, y, batch_size=16, verbose=0))
    return {"weights": hashlib.sha256(weights).hexdigest(), "loss": loss}


def run(*overrides: str) -> dict[str, float]:
    """Run an experiment; return the loss of its first epoch and its score."""
    result = rx.run(rx.compose(*overrides, *QUIET), quiet=True)
    return {"loss": result.history.epochs[0]["train/loss"], "score": result.metrics["test/rmse"]}


def watched(dataset: toy.Windows, seen: list[list[int]]) -> toy.Windows:
    """Note the indices of every batch that is gathered from the training part."""

    def batch(arrays: Any, indices: Any) -> tuple[Any, Any, Any]:
        seen.append([int(index) for index in indices])
        return dataset.batch(arrays, indices)

    return dataclasses.replace(dataset, batch=batch)


def by_hand(model: Any, dataset: toy.Windows, epochs: int, seed: int) -> list[float]:
    """Train with Keras's own fit, an epoch at a time, on examples put in order beforehand."""
    import keras

    model.compile(keras.optimizers.Adam(0.01), "mse")
    part, losses = dataset.parts["train"], []
    for epoch in range(1, epochs + 1):
        x, y, weight = dataset.batch(part.arrays, part.order(seed, epoch, 8))
        history = model.fit(x, y, sample_weight=weight, batch_size=8, shuffle=False, verbose=0)
        losses += history.history["loss"]
    return [float(loss) for loss in losses]


def ours_and_by_hand() -> dict[str, Any]:
    """Train 21 weighed examples ours, by hand, and by hand in another order; the last batch is a partial one."""
    seen: list[list[int]] = []
    dataset, ours, theirs = toy.windows(21, val=9, weight=True), toy.network(), toy.network()
    ends: list[int] = []
    plan = toy.plan(restore_best=False, engine="keras")
    history = fit(ours, watched(dataset, seen), plan, lambda *_: ends.append(len(seen)))
    epochs = [seen[end - 2 : end] for end in ends]  # a block of two batches and the partial batch
    losses = by_hand(theirs, dataset, 3, seed=0)
    part = dataset.parts["val"]
    x, y, weight = dataset.batch(part.arrays, part.indices)
    return {
        "orders": [[index for batch in batches for index in batch] for batches in epochs],
        "ours": [epoch["train/loss"] for epoch in history.epochs],
        "by_hand": losses,
        "other_order": by_hand(toy.network(), dataset, 3, seed=1),
        "val": history.epochs[-1]["val/loss"],
        "evaluated": float(theirs.evaluate(x, y, sample_weight=weight, verbose=0)),
        "apart": max(float(np.abs(a - b).max()) for a, b in zip(ours.get_weights(), theirs.get_weights())),
    }


def gradient() -> dict[str, dict[str, float]]:
    """Return the logged norms of the gradient, of all and by layer, and their approximation by central differences."""

    model, dataset = toy.network(), toy.windows(21)
    history = fit(model, dataset, toy.plan(batch_size="full", epochs=1, log_grad_norm="layers", engine="keras"))
    x, y, _ = dataset.batch(dataset.parts["train"].arrays, dataset.parts["train"].indices)
    weights = model.get_weights()

    def loss(position: int, at: tuple[int, ...], step: float) -> float:
        moved = [weight.copy() for weight in weights]
        moved[position][at] += step
        model.set_weights(moved)
        return float(np.mean((model.predict_on_batch(x) - y) ** 2))

    slopes: dict[str, list[float]] = {}
    for position, (weight, variable) in enumerate(zip(weights, model.weights)):
        layer = slopes.setdefault(variable.path.partition("/")[0], [])
        layer += [(loss(position, at, 0.01) - loss(position, at, -0.01)) / 0.02 for at in np.ndindex(weight.shape)]
    norms = {f"/{layer}": float(np.linalg.norm(found)) for layer, found in slopes.items()}
    norms[""] = float(np.linalg.norm([*norms.values()]))
    logged = {key.removeprefix("opt/grad_norm"): value for key, value in history.epochs[0].items() if "norm" in key}
    return {"logged": logged, "differences": norms}


def dropped_out(seed: int) -> list[float]:
    """Return the weights after two epochs with dropout."""
    model = toy.network(dropout=0.3)
    fit(model, toy.windows(21), toy.plan(batch_size="full", epochs=2, seed=seed, engine="keras"))
    return [float(value) for weight in model.get_weights() for value in weight.ravel()]


def language(*overrides: str) -> list[list[float]]:
    """Return losses of validation, norms of the gradient and losses of training of a still language model."""
    Path("text.txt").write_text("".join(np.random.default_rng(0).choice(list("abcdefgh"), 400)))
    data = (
        "data=corpus",
        "data.path=text.txt",
        "data.sequence_length=3",
        "data.split={train: 200, val: 160, test: 40}",
    )
    small = ("model.units=[3]", "model.embedding_dim=4", "model.initial_range=1.5", "trainer.batch_size=4")
    still = ("optimizer=sgd", "optimizer.learning_rate=1e-9", "trainer.epochs=2", "trainer.engine=keras")
    experiment = rx.compose(*data, *small, *still, "trainer.log_grad_norm=true", "model=gru", *QUIET, *overrides)
    with patch.object(batcher, "MAX_STEPS", 4):  # several blocks in the validation part
        history = rx.run(experiment, quiet=True).history
    return [[epoch[name] for epoch in history.epochs] for name in ("val/loss", "opt/grad_norm", "train/loss")]


def found(backend: str) -> dict[str, Any]:
    runtime.configure(backend)
    return {
        **ours_and_by_hand(),
        "gradient": gradient(),
        "dropout": [dropped_out(seed) for seed in (1, 1, 2)],
        "first": {cell: first(cell) for cell in ("simple_rnn", "lstm", "gru")}
        | {place: first("gru", transformer={"position": place, "heads": 2}) for place in ("after", "before")},
        "language": language(f"backend={backend}"),
        "runs": [run(*overrides, f"backend={backend}") for overrides in (SINE, AIRLINE)],
    }


if __name__ == "__main__":
    print("FOUND " + json.dumps(found(sys.argv[1])))
