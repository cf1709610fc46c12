"""Training steps of four experiments beside PyTorch: python -m tests.benchmarks.experiments --data ../shared/data

The network, batches, optimizer, clipping and dropout of each as a user of PyTorch writes them (`torch_nets.py`), in
turn in one process, over the same batches. Ours is the compiled program of a run: its batches are gathered in it, its
metrics kept; PyTorch's batches lie ready. Ratios are medians of those of the turns, with the spread; above 1 ours is
faster. `cpu` is of processor time, which a busy machine disturbs less.
"""

from __future__ import annotations

import os
import statistics
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .backward import Turn, ratios, timed

NAMES = ("etth1_h24", "sst2", "ptb_small", "multi30k_attention")
TARGET = 1.5  # times as many steps per second
STEPS = {"etth1_h24": 60, "sst2": 60, "ptb_small": 20, "multi30k_attention": 20}
HEAD = """| experiment | ours | cores | PyTorch | cores | faster | cpu |
|---|---|---|---|---|---|---|"""


class Ours:
    """The compiled training of an experiment, some steps at a time."""

    def __init__(self, experiment: Any) -> None:
        from rnnexp import runner
        from rnnexp.training.compiled.training import make_single_member

        device = runner.configure_runtime(experiment, None)
        self.experiment, dataset = experiment, runner.load_data(experiment)
        self.spec, self.model = dataset.spec, runner.build_model(experiment, dataset, device)
        plan = runner.make_plan(experiment, None)(dataset.spec)
        ensemble = make_single_member(self.model, dataset, plan).ensemble
        self.batcher, self.ensemble, self.done = ensemble.batch_plan.train, ensemble, 0
        self.given = (ensemble._now(1), ensemble.fixed, ensemble.data)
        self.progress = (ensemble.state, ensemble._passed)

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return self.ensemble.batch_plan.steps

    def batch(self, index: int) -> tuple[Any, ...]:
        return self.batcher.batch(np.asarray(self.given[0]["order"][0, index]))

    def train(self, steps: int) -> None:
        """Take so many steps of the first epoch; after its last step begin again, with what is learned."""
        import jax

        first = self.done if self.done + steps <= self.steps else 0
        span = (first, first + steps)
        self.progress, _ = jax.block_until_ready(self.ensemble.dispatch.run(span, 1, self.progress, *self.given))
        self.done = first + steps

    @property
    def loss(self) -> float:
        """The mean over the steps so far of the epoch."""
        state = self.progress[0]
        return float(self.ensemble.program.row_so_far(state)["train/loss"])


class Torch:
    """The same by hand, over the same batches."""

    def __init__(self, ours: Ours) -> None:
        import torch

        from . import torch_nets

        torch.manual_seed(0)
        self.net = torch_nets.make_net(ours.experiment.model, ours.spec)
        self.step = torch_nets.make_steps(self.net, ours.experiment.optimizer)
        self.ours, self.make, self.done = ours, torch_nets.to_tensors, 0
        self.batches: list[Any] = []

    def prepare(self, steps: int) -> None:
        first = self.done if self.done + steps <= self.ours.steps else 0
        self.batches, self.done = [self.make(self.ours.batch(i)) for i in range(first, first + steps)], first + steps

    def train(self, steps: int) -> None:
        for batch in self.batches:
            self.step(batch)


def main(argv: Sequence[str] | None = None) -> int:
    """Print a row for each experiment; the exit code is 1 if one is not as fast as it should be."""
    parser = ArgumentParser(prog="python -m tests.benchmarks.experiments", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=NAMES, default=list(NAMES), metavar="NAME")
    parser.add_argument("--pairs", type=int, default=7, metavar="N", help="turns of each")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the data sets")
    parser.add_argument("--threads", type=int, metavar="N", help="of PyTorch; default: its own choice")
    parser.add_argument("--steps", type=int, metavar="N", help="of a turn; default: 60 or 20")
    parser.add_argument("--overrides", nargs="*", default=[], metavar="KEY=VALUE", help="of the experiments")
    args = parser.parse_args(argv)
    os.environ["KERAS_BACKEND"] = "jax"
    from rnnexp.config.compose import compose

    if args.threads:
        import torch

        torch.set_num_threads(args.threads)
    print(HEAD, flush=True)
    fast = True
    for name in args.only:
        ours = Ours(compose(f"experiment={name}", f"data.root={args.data.resolve()}", "tracking=off", *args.overrides))
        turns = race(ours, Torch(ours), args.pairs, args.steps or STEPS[name])
        print(row(name, turns), flush=True)
        fast &= faster(turns, 0) >= TARGET
    return int(not fast)


def race(ours: Ours, other: Torch, turns: int, steps: int) -> list[Turn]:
    """Time both in turn after a turn that does not count, each time another one first; return seconds of a step."""
    found = []
    for number in range(turns + 1):
        other.prepare(steps)
        contestants = {"ours": ours, "torch": other}
        names = reversed(contestants) if number % 2 else contestants
        took = {name: timed(contestants[name].train, steps) for name in names}
        found.append({name: (wall / steps, cpu / steps) for name, (wall, cpu) in took.items()})
    return found[1:]


def faster(turns: Sequence[Turn], clock: int) -> float:
    """Return how many of our steps are taken in the time of one of PyTorch's."""
    return statistics.median(1 / ratio for ratio in ratios(turns, "torch", clock))


def row(name: str, turns: Sequence[Turn]) -> str:
    cells = [name]
    for who in ("ours", "torch"):
        wall, cpu = (statistics.median(turn[who][clock] for turn in turns) for clock in (0, 1))
        cells += [f"{1 / wall:.1f} steps/s", f"{cpu / wall:.2f}"]
    wall = sorted(1 / ratio for ratio in ratios(turns, "torch", 0))
    cells += [f"{faster(turns, 0):.2f} ({wall[0]:.2f} to {wall[-1]:.2f})", f"{faster(turns, 1):.2f}"]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
