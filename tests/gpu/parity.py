"""The same trainings on the GPU and on the CPU: how far apart what they end with is."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

QUIET = ("tracking=off", "tracking.figures=false", "tracking.log_model=false")
SINE = ("experiment=sine_lstm", "data.points=300", "trainer.epochs=4")
CASES = {
    "lstm": SINE,
    "bidirectional lstm": (*SINE, "model.bidirectional=true"),
    "gru": (*SINE, "model=gru"),
    "simple_rnn": (*SINE, "model=simple_rnn"),
    "masked": ("experiment=reverse_digits", "data.examples=300", "trainer.epochs=2"),
    "lstm, mixed_bfloat16": (*SINE, "trainer.precision=mixed_bfloat16"),
}
# Predictions in deviations of the actual values, losses as shares: float32, float32 whose products are rounded to TF32
# (10 bits), and bfloat16 (7 bits), which also differs from itself by the order of its sums.
EXACT, ROUNDED, HALF = 2e-4, 3e-2, 3e-1

Outcome = Mapping[str, np.ndarray]


def train_all(backend: str, device: str, folder: Path) -> None:
    """Train each case and write losses and predictions, or why it could not be trained."""
    import rnnexp as rx

    for case, settings in CASES.items():
        where = (f"backend={backend}", f"device={device}")
        try:
            result = rx.run(*settings, *where, *QUIET, run_dir=folder / "runs" / case, quiet=True)
        except Exception as error:
            (folder / f"{case}.txt").write_text(f"{type(error).__name__}: {error}")
            continue
        losses = np.array([row["train/loss"] for row in result.history.epochs])
        predicted = np.zeros(0)  # of texts, that are all right or wrong, the losses must do
        if result.predictions.predicted.dtype.kind == "f":
            predicted = result.predictions.predicted / np.std(result.predictions.actual)
        np.savez(folder / f"{case}.npz", losses=losses, predicted=predicted)


def read_all(folder: Path) -> dict[str, Outcome | str]:
    """Return the outcome of each case, or why there is none."""
    found: dict[str, Outcome | str] = {}
    for case in CASES:
        if (folder / f"{case}.npz").exists():
            with np.load(folder / f"{case}.npz") as arrays:
                found[case] = dict(arrays)
        else:
            told = folder / f"{case}.txt"
            found[case] = told.read_text() if told.exists() else "did not get there"
    return found


def measure_distance(one: Outcome, other: Outcome) -> float:
    """Return the largest difference of a prediction, or share of a loss; infinity where one is not finite."""
    shares = np.abs(one["losses"] - other["losses"]) / np.abs(one["losses"])
    differences = np.abs(one["predicted"] - other["predicted"])
    distance = float(np.max([*shares, *differences.ravel()]))
    return distance if np.isfinite(distance) else float("inf")


def choose_tolerance(case: str, exact: bool) -> float:
    return HALF if "mixed" in case else EXACT if exact else ROUNDED


def compare(cpu: Mapping[str, Outcome | str], gpu: Mapping[str, Outcome | str], exact: bool) -> list[dict]:
    """Return a row per case: the distance and whether it is within what the number format explains."""
    rows = []
    for case, expected in cpu.items():
        problem = next((found for found in (expected, gpu[case]) if isinstance(found, str)), "")
        if problem:
            rows.append({"case": case, "passed": False, "found": problem})
            continue
        distance, tolerance = measure_distance(expected, gpu[case]), choose_tolerance(case, exact)  # type: ignore[arg-type]
        rows.append(
            {"case": case, "passed": distance <= tolerance, "found": f"{distance:.1e} (at most {tolerance:.0e})"}
        )
    return rows


if __name__ == "__main__":
    train_all(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
