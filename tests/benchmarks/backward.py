"""A training step of LSTM and GRU: python -m tests.benchmarks.backward --pairs 11

Forward, backward and Adam of one recurrent layer and a dense output, on the CPU: with the backward pass by hand, as the
engine trains, beside Keras's own on JAX and beside PyTorch, in turn in one process. Ratios are medians of those of the
turns, with the spread; below 1 ours is faster. `cpu` is of processor time, which a busy machine disturbs less.
"""

from __future__ import annotations

import os
import statistics
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy as np

MAX_OF_TORCH = 0.75  # geometric mean
MAX_OF_KERAS = 1.03  # of each shape
TURN_S = 0.1  # that a turn of one contestant takes about
MIN_STEPS, MAX_STEPS = 16, 256  # a call of the engine takes many: the memory of its first one is new, and slow
OTHERS = ("keras", "torch")
HEAD = """| cell | batch, steps, units, inputs | ours | of Keras's | cpu | of PyTorch's | cpu |
|---|---|---|---|---|---|---|"""


class Shape(NamedTuple):
    batch: int
    steps: int
    units: int
    inputs: int


SHAPES = (
    *(Shape(1, 720, 32, 1), Shape(4, 10, 4, 1), Shape(8, 720, 64, 7), Shape(16, 30, 512, 64)),
    *(Shape(32, 96, 128, 7), Shape(64, 50, 50, 1), Shape(128, 20, 200, 200), Shape(256, 24, 64, 16)),
)
Timing = tuple[float, float]  # seconds, and seconds of processors
Turn = dict[str, Timing]


def main(argv: Sequence[str] | None = None) -> int:
    """Print a row for each shape and cell; the exit code is 1 if ours is slower than it may be."""
    parser = ArgumentParser(prog="python -m tests.benchmarks.backward", description=__doc__)
    parser.add_argument("--pairs", type=int, default=11, metavar="N", help="turns of each contestant")
    parser.add_argument("--cells", nargs="+", choices=("LSTM", "GRU"), default=["LSTM", "GRU"])
    parser.add_argument("--shapes", nargs="+", type=parse_shape, default=SHAPES, metavar="B,T,UNITS,INPUTS")
    parser.add_argument("--threads", type=int, metavar="N", help="of PyTorch; default: its own choice")
    args = parser.parse_args(argv)
    if args.threads:
        import torch

        torch.set_num_threads(args.threads)
    os.environ["KERAS_BACKEND"] = "jax"
    print(HEAD)
    too_slow = False
    for cell in args.cells:
        found = {shape: race(contestants(cell, shape), args.pairs) for shape in args.shapes}
        for shape, turns in found.items():
            print(row(cell, shape, turns), flush=True)
        means = [mean_ratio(found.values(), "torch", clock) for clock in (0, 1)]
        print(f"| {cell} | geometric mean | | | | {means[0]:.2f} | {means[1]:.2f} |", flush=True)
        worst = max(median_ratio(turns, "keras", 0) for turns in found.values())
        too_slow |= means[0] > MAX_OF_TORCH or worst > MAX_OF_KERAS
    return int(too_slow)


def parse_shape(text: str) -> Shape:
    return Shape(*map(int, text.split(",")))


def contestants(cell: str, shape: Shape, names: Sequence[str] = ("ours", *OTHERS)) -> dict[str, Callable[[int], None]]:
    """Return functions that train so many steps each."""
    source = np.random.default_rng(0)
    x = source.normal(size=(shape.batch, shape.steps, shape.inputs)).astype("float32")
    y = source.normal(size=(shape.batch, 1)).astype("float32")
    makers = {"ours": make_ours, "keras": make_keras, "torch": make_torch}
    return {name: makers[name](cell, shape, x, y) for name in names}


def make_ours(cell: str, shape: Shape, x: Any, y: Any, by_hand: bool = True) -> Callable[[int], None]:
    import jax
    import keras

    from rnnexp.training import batcher
    from rnnexp.training.backends.jax import JaxTrainer, loop_steps

    layer = getattr(keras.layers, cell)(shape.units)
    model = keras.Sequential([keras.Input((shape.steps, shape.inputs)), layer, keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.001), "mse")
    model.optimizer.build(model.trainable_variables)
    model.train_on_batch(x[:1], y[:1])  # which builds the metrics
    trainer = JaxTrainer(model)
    if not by_hand:
        trainer._train = jax.jit(loop_steps(model.train_step))
    # A block of the same batch, as large as the engine makes it: its own loop over steps.
    most = int(np.clip(batcher.BLOCK_BYTES // x.nbytes, 2, batcher.MAX_STEPS))
    data = jax.device_put(tuple(np.broadcast_to(array, (most, *array.shape)) for array in (x, y)))

    def train(steps: int) -> None:
        for first in range(0, steps, most):
            trainer.train(batcher.Block(data, np.int32(min(most, steps - first))))
        jax.block_until_ready(trainer.trainable)

    return train


def make_keras(cell: str, shape: Shape, x: Any, y: Any) -> Callable[[int], None]:
    return make_ours(cell, shape, x, y, by_hand=False)


def make_torch(cell: str, shape: Shape, x: Any, y: Any) -> Callable[[int], None]:
    import torch

    layer = getattr(torch.nn, cell)(shape.inputs, shape.units, batch_first=True)
    dense = torch.nn.Linear(shape.units, 1)
    optimizer = torch.optim.Adam([*layer.parameters(), *dense.parameters()], 0.001)
    inputs, targets = torch.from_numpy(x), torch.from_numpy(y)

    def train(steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(dense(layer(inputs)[0][:, -1]), targets).backward()
            optimizer.step()

    return train


def race(trains: dict[str, Callable[[int], None]], turns: int) -> list[Turn]:
    """Time the contestants in turn, each time another one first; return seconds of a step."""
    steps = {}
    for name, train in trains.items():
        train(2)  # compiles
        seconds = timed(train, 2)[0] / 2
        steps[name] = int(np.clip(TURN_S / seconds, MIN_STEPS, MAX_STEPS))
    found = []
    for number in range(turns):
        names = [*trains][number % len(trains) :] + [*trains][: number % len(trains)]
        took = {name: timed(trains[name], steps[name]) for name in names}
        found.append({name: (wall / steps[name], cpu / steps[name]) for name, (wall, cpu) in took.items()})
    return found


def timed(train: Callable[[int], None], steps: int) -> Timing:
    began = perf_counter(), process_time()
    train(steps)
    return perf_counter() - began[0], process_time() - began[1]


def ratios(turns: Sequence[Turn], other: str, clock: int) -> list[float]:
    return sorted(turn["ours"][clock] / turn[other][clock] for turn in turns)


def median_ratio(turns: Sequence[Turn], other: str, clock: int) -> float:
    return statistics.median(ratios(turns, other, clock))


def mean_ratio(shapes: Any, other: str, clock: int) -> float:
    return statistics.geometric_mean(median_ratio(turns, other, clock) for turns in shapes)


def row(cell: str, shape: Shape, turns: Sequence[Turn]) -> str:
    cells = [cell, ", ".join(map(str, shape)), f"{1000 * statistics.median(t['ours'][0] for t in turns):.2f} ms"]
    for other in OTHERS:
        wall = ratios(turns, other, 0)
        cells.append(f"{statistics.median(wall):.2f} ({wall[0]:.2f} to {wall[-1]:.2f})")
        cells.append(f"{median_ratio(turns, other, 1):.2f}")
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
