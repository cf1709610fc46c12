"""Child processes of a check: several at a time, each within what is left of the time for all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

ROOT = Path(__file__).parents[2]


@dataclass
class Clock:
    """Time for all checks together, in seconds."""

    limit: float
    began: float = field(default_factory=monotonic)

    def left(self) -> float:
        return self.limit - (monotonic() - self.began)


@dataclass(frozen=True)
class Ended:
    """How a process ended: what it printed, in how many seconds, and why that counts for nothing, if it does."""

    output: str
    seconds: float
    error: str = ""


def start(words: Sequence[str], folder: Path, extra: Mapping[str, str]) -> subprocess.Popen:
    """Start Python with a command in a new folder, where `output.txt` takes what it prints."""
    common = {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    common |= {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TF_CPP_MIN_LOG_LEVEL": "3", "MPLBACKEND": "agg"}
    folder.mkdir(parents=True)
    with (folder / "output.txt").open("wb") as output:
        return subprocess.Popen(
            [sys.executable, *words],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **common, **extra},
        )


def run_together(
    commands: Mapping[str, Sequence[str]], folder: Path, clock: Clock, extra: Mapping[str, Mapping[str, str]]
) -> dict[str, Ended]:
    """Run Python with each command at the same time, in a folder of its own; `extra` are variables by command."""
    running = {name: start(words, folder / name, extra.get(name, {})) for name, words in commands.items()}
    began, ended = monotonic(), dict[str, Ended]()
    for name, process in running.items():
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(1.0, clock.left()))
        error = "" if process.poll() == 0 else "ran out of time" if process.poll() is None else "failed"
        process.kill()
        process.wait()
        text = (folder / name / "output.txt").read_text(errors="replace")
        ended[name] = Ended(text, monotonic() - began, error and f"{error}: {text.strip()[-300:]}")
    return ended


def run_alone(words: Sequence[str], folder: Path, clock: Clock) -> Ended:
    """Run one command while nothing else runs."""
    return run_together({folder.name: words}, folder.parent, clock, {})[folder.name]
