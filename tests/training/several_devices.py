"""Train on one, two and four devices and tell what was seen; a script, as a process has the devices it began with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import toy

import rnnexp as rx
from rnnexp import runtime
from rnnexp.cli.main import main
from rnnexp.errors import RnnexpError
from rnnexp.runner.context import Membership, RunContext
from rnnexp.runner.vectorized import run_vectorized
from rnnexp.training.compiled.devices import count_devices
from rnnexp.training.compiled.training import CompiledTraining
from rnnexp.training.fit import fit, make_training

QUIET = ("tracking=off", "tracking.figures=false")
# 21 examples in batches of 8 leave 5, and 9 of validation: neither 2 nor 4 divides them.
AIRLINE = ("experiment=airline_lstm", "trainer.epochs=3", "trainer.batch_size=31", *QUIET)


def train(count: int | str, seed: int = 0, **more: Any) -> tuple[list[np.ndarray], list[dict[str, float]]]:
    model = toy.network(units=4, dropout=0.2, cell="LSTM")
    dataset = toy.windows(21, val=9, weight=True)
    history = fit(model, dataset, toy.plan(seed=seed, epochs=20, devices=count, log_grad_norm=True, **more))
    return model.get_weights(), history.epochs


def compare(one: Any, other: Any) -> float:
    """Return by how much weights, losses and gradients differ at most."""
    weights = max(float(np.abs(a - b).max()) for a, b in zip(one[0], other[0], strict=True))
    names = ("train/loss", "val/loss", "opt/grad_norm")
    losses = max(abs(a[name] - b[name]) for a, b in zip(one[1], other[1], strict=True) for name in names)
    return max(weights, losses)


def count_reductions(count: int) -> int:
    """Return how often the compiled program sums over its devices."""
    dataset = toy.windows(21, val=9)
    training = make_training(toy.network(cell="LSTM"), dataset, toy.plan(devices=count))
    assert isinstance(training, CompiledTraining)
    return str(training.member.ensemble.dispatch._compiled.result().as_text()).count("all-reduce(")  # type: ignore[union-attr]


def go_on(first: int, then: int) -> tuple[list[np.ndarray], list[dict[str, float]]]:
    """Put a training down after its first chunk of epochs, and go on with `then` devices."""
    dataset = toy.windows(21, val=9, weight=True)
    model = toy.network(units=4, dropout=0.2, cell="LSTM")
    training = make_training(model, dataset, toy.plan(epochs=20, devices=first, log_grad_norm=True))
    steps = training.steps(lambda *_: None)
    next(steps).run()
    next(steps)
    half = training.snapshot()
    assert 0 < half.position.epoch < 20
    other = toy.network(units=4, dropout=0.2, cell="LSTM")
    history = fit(other, dataset, toy.plan(epochs=20, devices=then, log_grad_norm=True), snapshot=half)
    return other.get_weights(), history.epochs


def run(*overrides: str) -> tuple[dict[str, float], Path]:
    """Run an experiment; return its last loss and its score, and its folder."""
    result = rx.run(rx.compose(*AIRLINE, *overrides), quiet=True)
    return {"loss": result.history.epochs[-1]["train/loss"], "score": result.metrics["test/rmse"]}, result.run_dir


def differ(one: dict[str, float], other: dict[str, float]) -> float:
    return max(abs(one[name] - other[name]) / one[name] for name in one)


def run_group(*overrides: str) -> list[float]:
    """Train two seeds as one program; return their last losses."""
    experiments = [rx.compose(*AIRLINE, *overrides, f"seed={seed}") for seed in (0, 1)]
    folders = [Path(f"{overrides[0]}-{seed}").absolute() for seed in (0, 1)]
    for folder in folders:
        folder.mkdir()
    found: dict[int, Any] = {}
    contexts = [RunContext(folder, member=Membership("test", None, number)) for number, folder in enumerate(folders)]
    run_vectorized(experiments, contexts, found.__setitem__, lambda _: None)
    return [found[number].history.epochs[-1]["train/loss"] for number in range(2)]


@contextmanager
def told(problems: dict[str, str], name: str) -> Iterator[None]:
    try:
        yield
    except RnnexpError as error:
        problems[name] = f"{type(error).__name__}: {error}"


def refuse() -> dict[str, str]:
    """Return what is said of what cannot be."""
    problems: dict[str, str] = {}
    with told(problems, "more than there are"):
        count_devices(5)
    with told(problems, "a small training part"):
        fit(toy.network(), toy.windows(3), toy.plan(devices=4))
    return problems


def find() -> dict[str, Any]:
    one, two = train(1), train(2)
    (alone, _), (shared, folder) = (run(f"trainer.devices={count}") for count in (1, 2))
    averaged = [run(f"trainer.devices={count}", "ensemble=2")[0] for count in (1, 4)]
    group = {count: run_group(f"trainer.devices={count}") for count in (1, 2)}
    return {
        "two": compare(one, two),
        "all": compare(one, train("all")),
        "other_seed": compare(one, train(1, seed=1)),
        "reductions": [count_reductions(count) for count in (1, 2)],
        "gone_on": compare(two, go_on(2, 2)),
        "gone_on_with_four": compare(two, go_on(2, 4)),
        "run": differ(alone, shared),
        "averaged": differ(*averaged),
        "group": max(abs(a - b) / a for a, b in zip(group[1], group[2])),
        "of_seeds": abs(group[1][0] - group[1][1]) / group[1][0],
        "refused": refuse(),
        "forecast": main(["predict", str(folder)]),  # of one row
    }


if __name__ == "__main__":
    runtime.configure("jax", device="cpu")
    print("FOUND " + json.dumps(find()))
