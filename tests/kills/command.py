"""A command that is killed at a moment of its life, typed again until it ends, and what it leaves."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from rnnexp.run_folder import ORIGIN
from rnnexp.runner.unfinished import read_origin
from rnnexp.tracking.store import open_store
from rnnexp.training import checkpoint, keeper

ROOT = Path(__file__).parents[2]
MAX_S = 600  # a command that takes longer hangs
DELAYS_S = (0.3, 0.1, 0.0)  # after the sign of its moment a command is killed within this time: sooner if that was late

Seen = Callable[[Path, str], bool]  # whether the moment has come, by the folder and what has been said


def _any(pattern: str, text: str = "") -> Seen:
    return lambda folder, said: any(text in _read(path) for path in folder.glob(f"runs/*/*/{pattern}"))


def _read(path: Path) -> str:
    """Read what the command may take away at any moment; nothing of a folder."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _is_trained(folder: Path, said: str) -> bool:
    """Say whether all epochs are done, or those after which it was stopped early."""
    return re.search(r"epoch (\d+)/\1 ", said) is not None or STOPPED_EARLY(folder, said)


STOPPED_EARLY = _any(f"{keeper.FOLDER}/state-*/{checkpoint.META}", '"stop": "')
# What a command does when it is killed, and the sign that it has begun to do it.
MOMENTS: dict[str, Seen] = {
    "imports": lambda folder, said: True,
    "data": lambda folder, said: "backend " in said,
    "training": lambda folder, said: "resuming" in said or "epoch 1/" in said,
    "checkpoint": _any(f"{keeper.FOLDER}/state-*"),
    "evaluation": _is_trained,
    "storing": _any("tables/*"),
}


@dataclass(frozen=True)
class Left:
    """What a command has left in its folder and in the store.

    steps:    of the run that has ended, by metric, as they are stored
    statuses: of all runs that it has begun
    """

    weights: dict[str, bytes]
    metrics: dict[str, float]
    tables: dict[str, bytes]
    steps: dict[str, list[int]]
    statuses: list[str]

    def differs(self, other: Left) -> list[str]:
        """Name what is not the same, bit by bit."""
        return [part.name for part in fields(self)[:4] if getattr(self, part.name) != getattr(other, part.name)]

    def flaws(self) -> list[str]:
        """Say what is wrong with the runs, whatever they have learned."""
        found = [f"{key} has a step twice" for key, steps in self.steps.items() if len(set(steps)) < len(steps)]
        if self.statuses.count("FINISHED") != 1 or {*self.statuses} - {"FINISHED", "KILLED"}:
            found.append(f"the runs are {', '.join(self.statuses) or 'not there'}")
        return found


@dataclass(frozen=True)
class Command:
    """`rnnexp train WORDS`, typed in a folder."""

    folder: Path
    words: tuple[str, ...]

    @property
    def log(self) -> Path:
        return self.folder / "said.txt"

    def start(self) -> subprocess.Popen[bytes]:
        self.folder.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)}
        with self.log.open("wb") as log:  # what is said is that of this process alone
            command = [sys.executable, "-m", "rnnexp", "train", *self.words]
            return subprocess.Popen(command, cwd=self.folder, env=environment, stdout=log, stderr=subprocess.STDOUT)

    def finish(self) -> None:
        """Let it come to its end. Raises RuntimeError with what it has said if it fails."""
        process = self.start()
        try:
            if process.wait(MAX_S):
                raise self.describe_failure(process.returncode)
        finally:
            process.kill()
            process.wait()

    def describe_failure(self, code: int) -> RuntimeError:
        return RuntimeError(f"exit code {code}: {self.log.read_text()[-2000:]}")

    def kill(self, moment: str, draw: random.Random, delay: float = DELAYS_S[0]) -> bool:
        """Start it and kill it at a moment of its life; False if its run, or all of it, had come to its end before.

        Raises RuntimeError with what it has said if it has failed by itself, or does not come to that moment.
        """
        process, end, is_seen = self.start(), time.monotonic() + MAX_S, False
        there = {*self.checkpoints()} if moment == "checkpoint" else set()
        while process.poll() is None and time.monotonic() < end and not is_seen:
            new = not there or {*self.checkpoints()} - there
            is_seen = bool(new) and MOMENTS[moment](self.folder, self.log.read_text(errors="replace"))
            time.sleep(draw.uniform(0, delay if moment != "imports" else 5 * delay) if is_seen else 0.005)
        process.kill()
        if process.wait() > 0 or (process.returncode < 0 and not is_seen):
            raise self.describe_failure(process.returncode)
        return process.returncode < 0 and not self.is_over()

    def is_over(self) -> bool:
        """Say whether a run has come to its end: the same words begin another one then, which is no fault."""
        origins = (read_origin(path.parent) for path in self.folder.glob(f"runs/*/*/{ORIGIN}"))
        return any(origin is not None and origin.is_over for origin in origins)

    def checkpoints(self) -> Iterator[Path]:
        for folder in self.folder.glob(f"runs/*/*/{keeper.FOLDER}"):
            yield from checkpoint.list_newest(folder)

    def verify(self) -> str:
        """Say where the newest checkpoint stands. Raises ConfigError if one that can be seen is not whole."""
        found = [checkpoint.load(path).position for path in self.checkpoints()]
        newest = max(found, key=lambda at: (at.epoch, at.step), default=None)
        return f"epoch {newest.epoch}, step {newest.step}" if newest else "no checkpoint"

    def left(self) -> Left:
        """Return what is left once nobody starts it any more: `rnnexp reap` has told the store of what was killed."""
        reap = [sys.executable, "-m", "rnnexp", "reap"]
        subprocess.run(reap, cwd=self.folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, timeout=MAX_S,
                       stdout=subprocess.DEVNULL)  # fmt: skip
        store = open_store(f"sqlite:///{self.folder}/mlflow.db")
        runs = store.search_runs([one.experiment_id for one in store.search_experiments()])
        ended = next((run for run in runs if run.info.status == "FINISHED"), None)
        statuses = sorted(run.info.status for run in runs)
        if ended is None:
            return Left({}, {}, {}, {}, statuses)
        folder = next(self.folder.glob(f"runs/*/{Path(ended.data.tags['rnnexp.folder']).name}"))
        untimed = {key: value for key, value in ended.data.metrics.items() if not key.startswith("time/")}
        points = {key: store.get_metric_history(ended.info.run_id, key) for key in ("train/loss", "val/loss")}
        with np.load(folder / "model" / "weights.npz") as archive:
            weights = {name: array.tobytes() for name, array in archive.items()}
        tables = {path.name: path.read_bytes() for path in sorted(folder.glob("tables/*"))}
        steps = {key: sorted(point.step for point in history) for key, history in points.items()}
        return Left(weights, untimed, tables, steps, statuses)
