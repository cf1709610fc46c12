"""The named sets: where their files are, how `init` is called, and what is known beforehand."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

Prepare = Callable[[Path, Path], Path]  # (data, folder) -> the file that `init` is given
FORECAST, LABELS, CONTROL = "forecast", "labels", "control"  # of a control no skill is right


@dataclass(frozen=True)
class NamedSet:
    """One set.

    words:   for `init`, after the file;  tuned: the shipped experiment whose settings were chosen on it
    seconds: of one seed, roughly, on one core: the longest start first
    """

    kind: str
    prepare: Prepare
    words: tuple[str, ...] = ()
    tuned: str = ""
    seconds: float = 20.0


def _stay(path: str, data: Path, folder: Path) -> Path:
    return data / path


def _join_reviews(data: Path, folder: Path) -> Path:
    """Write both files of sentences as one, each line after its label; `init` looks at the first lines, so by turns."""
    files = [data / "mr_polarity" / f"rt-polarity.{ending}" for ending in ("neg", "pos")]
    pairs = zip(*(file.read_text(encoding="utf-8").strip("\n").split("\n") for file in files), strict=True)
    lines = [f"{label} {line}" for pair in pairs for label, line in enumerate(pair)]
    return _write(folder / "mr_polarity.txt", lines)


def _copy_parts(data: Path, folder: Path) -> Path:
    """Lay the training and the test file of SST-2 side by side, without the third, which `init` does not read."""
    for part in ("train", "test"):
        shutil.copyfile(data / "sst2" / f"stsa.binary.{part}", folder / f"stsa.binary.{part}")
    return folder / "stsa.binary.train"


def _draw(walk: bool, data: Path, folder: Path) -> Path:
    values = np.random.default_rng(0).standard_normal(600)
    values = values.cumsum() if walk else values
    return _write(folder / f"{'random_walk' if walk else 'white_noise'}.csv", ["value", *map(str, values.tolist())])


def _write(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _ucr(name: str, tuned: str, seconds: float = 20.0) -> NamedSet:
    return NamedSet(LABELS, partial(_stay, f"ucr_uea/{name}/{name}_TRAIN.ts"), (), tuned, seconds)


def _ett(column: str, horizon: int) -> NamedSet:
    words = ("--target", column, "--horizon", str(horizon))
    tuned = "etth1_h24" if horizon == 24 else ""
    return NamedSet(FORECAST, partial(_stay, "ett/ETTh1.csv.gz"), words, tuned, 60.0 + horizon)


SETS: dict[str, NamedSet] = {
    "white_noise": NamedSet(CONTROL, partial(_draw, False)),
    "random_walk": NamedSet(CONTROL, partial(_draw, True)),
    "airline": NamedSet(
        FORECAST, partial(_stay, "airline_passengers/airline-passengers.csv"), (), "airline_winner", 10.0
    ),
    "italy_power": _ucr("ItalyPowerDemand", "italy_power"),
    "gunpoint": _ucr("GunPoint", "gunpoint"),
    "arrow_head": _ucr("ArrowHead", "arrow_head", 30.0),
    "japanese_vowels": NamedSet(
        LABELS, partial(_stay, "japanese_vowels/JapaneseVowels_TRAIN.ts"), (), "japanese_vowels", 30.0
    ),
    "ag_news": NamedSet(LABELS, partial(_stay, "ag_news/test.csv.gz"), (), "ag_news", 100.0),
    "sst2": NamedSet(LABELS, _copy_parts, (), "sst2", 100.0),
    "mr_polarity": NamedSet(LABELS, _join_reviews, (), "mr_polarity", 120.0),
    **{
        f"etth1_{column}_{horizon}": _ett(column, horizon)
        for horizon in (1, 24)
        for column in ("OT", "HUFL", "MUFL", "LUFL")
    },
    "m4_weekly": NamedSet(FORECAST, partial(_stay, "m4/Weekly-train.csv.gz"), (), "m4_weekly", 150.0),
    "m4_hourly": NamedSet(FORECAST, partial(_stay, "m4/Hourly-train.csv.gz"), (), "m4_hourly", 200.0),
}
