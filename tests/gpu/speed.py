"""Steps per second beside PyTorch's by hand, and many networks of a sweep beside one."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from .parity import QUIET
from .processes import Clock, Ended, run_alone

BY_HAND = str(Path(__file__).parent / "by_hand.py")
ROWS = "data.split={train: 0.8, val: 0.0, test: 0.2}"


@dataclass(frozen=True)
class Shape:
    """A network and its batches; an epoch are the windows of so many rows."""

    cell: str
    units: int
    window: int
    batch: int
    rows: int = 16000

    def __str__(self) -> str:
        return f"{self.cell} {self.units}, window {self.window}, batch {self.batch}"

    @property
    def examples(self) -> int:
        return int(0.8 * self.rows) - self.window


SHAPES = (Shape("lstm", 128, 96, 64), Shape("gru", 128, 96, 64), Shape("lstm", 512, 96, 256))
QUICK = (Shape("lstm", 8, 10, 32, 600),)
EPOCHS = 5


def our_words(shape: Shape, backend: str, device: str) -> list[str]:
    data = ("data=sine", f"data.points={shape.rows}", f"data.sequence_length={shape.window}", "data.seed=0", ROWS)
    net = (f"model={shape.cell}", f"model.units=[{shape.units}]", f"trainer.batch_size={shape.batch}")
    where = (f"trainer.epochs={EPOCHS}", f"backend={backend}", f"device={device}", *QUIET)
    return ["-m", "rnnexp", "train", *data, *net, *where]


def hand_words(shape: Shape, device: str) -> list[str]:
    numbers = (shape.units, shape.window, shape.batch, shape.examples, EPOCHS)
    return [BY_HAND, shape.cell, *map(str, numbers), "cuda" if device == "gpu" else "cpu"]


def measure_rate(shape: Shape, backend: str, device: str, folder: Path, clock: Clock) -> float | str:
    """Return our steps per second, the median of the epochs after the first, or why there are none."""
    done = run_alone(our_words(shape, backend, device), folder, clock)
    if done.error:
        return done.error
    (file,) = folder.glob("runs/**/metrics.jsonl")
    rows = [json.loads(line)["metrics"] for line in file.read_text().splitlines()]
    rates = [row["time/samples_per_s"] for row in rows if "time/samples_per_s" in row]
    return median(rates[1:]) / shape.batch


def compare_rates(shape: Shape, backends: list[str], device: str, folder: Path, clock: Clock) -> dict:
    """Return steps per second of each backend and of PyTorch by hand."""
    rates: dict[str, float | str] = {}
    for backend in backends:
        rates[backend] = measure_rate(shape, backend, device, folder / backend, clock)
    if "torch" in backends:
        done = run_alone(hand_words(shape, device), folder / "by_hand", clock)
        rates["PyTorch by hand"] = done.error or float(re.findall(r"steps_per_s=([\d.]+)", done.output)[-1])
    told = [f"{name} {rate:.0f}" if isinstance(rate, float) else f"{name}: {rate}" for name, rate in rates.items()]
    passed = all(isinstance(rate, float) for rate in rates.values())
    return {"case": str(shape), "passed": passed, "found": ", ".join(told), "rates": rates}


def sweep_words(members: int, device: str, epochs: int) -> list[str]:
    many = ["-m", "hydra/launcher=vectorized", f"seed=range({members})"] if members > 1 else ["seed=0"]
    return [
        "-m",
        "rnnexp",
        "train",
        *many,
        "experiment=sine_lstm",
        f"trainer.epochs={epochs}",
        f"device={device}",
        *QUIET,
    ]


def read_losses(folder: Path) -> dict[int, float]:
    """Return the last training loss of each run below a folder, by its seed."""
    losses = {}
    for file in folder.glob("runs/**/metrics.jsonl"):
        rows = [json.loads(line)["metrics"] for line in file.read_text().splitlines()]
        trained = [row["train/loss"] for row in rows if "train/loss" in row]
        if trained:  # the sweep's own file has none
            (seed,) = re.findall(r"^seed: (\d+)", (file.parent / "config" / "config.yaml").read_text(), re.MULTILINE)
            losses[int(seed)] = trained[-1]
    return losses


def compare_sweep(members: int, epochs: int, device: str, folder: Path, clock: Clock) -> dict:
    """Train one and many of the sine's LSTM, whole processes; the one must be among the many."""
    case = f"{members} LSTMs against one, {epochs} epochs"
    seconds, losses = {}, {}
    for count in (1, members):
        place = folder / str(count)
        done: Ended = run_alone(sweep_words(count, device, epochs), place, clock)
        if done.error:
            return {"case": case, "passed": False, "found": done.error}
        seconds[count], losses[count] = done.seconds, read_losses(place)
    return {"case": case, **judge_sweep(members, seconds, losses), "seconds": seconds}


def judge_sweep(members: int, seconds: dict[int, float], losses: dict[int, dict[int, float]]) -> dict:
    """Say how long they took, whether all are there, and whether they differ from each other but not from the one."""
    alone, many = losses[1][0], losses[members]
    share = abs(many.get(0, float("inf")) - alone) / alone
    passed = len(many) == members and share < 0.02 and len(set(many.values())) > members / 2
    found = f"{seconds[members]:.0f} s against {seconds[1]:.0f} s ({seconds[members] / seconds[1]:.1f} times)"
    return {"passed": passed, "found": f"{found}; {len(many)} done; loss of seed 0 differs by {share:.1e}"}
