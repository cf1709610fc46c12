"""Sweeps for tests: tiny jobs that can be told to misbehave, and an executor that computes nothing."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rnnexp import tracking
from rnnexp.config import compose, plugins
from rnnexp.config.flat import flat_params
from rnnexp.config.identity import config_hash
from rnnexp.config.overrides import inspect_overrides
from rnnexp.config.parse import parse
from rnnexp.runner.record import hash_origin
from rnnexp.sweeps.executor import Exit
from rnnexp.sweeps.launcher import read_launcher
from rnnexp.sweeps.preflight import Findings
from rnnexp.sweeps.read_space import read_space
from rnnexp.sweeps.request import Request
from rnnexp.sweeps.settings import Sweep
from rnnexp.sweeps.space import Space
from rnnexp.sweeps.state import JOURNAL, JobState, Journal
from rnnexp.sweeps.sweep import sweep
from rnnexp.sweeps.task import Outcome, Task, write_outcome
from rnnexp.tracking.names import PARAMS
from rnnexp.tracking.run import RunInfo

COMMAND = [sys.executable, "-m", "rnnexp", "train", "-m"]
LIGHT = ("tracking.figures=false", "tracking.log_model=false")
TINY = ("plugins=[toys]", "model=flat", "data.points=100", "trainer.epochs=2", "trainer.batch_size=full", *LIGHT)
UNTRACKED = (*TINY, "tracking=off")
FINDINGS = Findings(
    networks=1, parameters=(9, 9), validated=True, primary=("test/rmse", False), setup_s=0, first_epoch_s=0, epoch_s=0
)

TOYS = """
import errno
import os
import signal
import sys
import time
from pathlib import Path

from rnnexp import register

print("process", os.getpid(), "with", *sorted({"keras", "jax", "mlflow", "pandas"} & set(sys.modules)), flush=True)


@register("model")
def flat(spec, units: int = 2):
    import keras

    past = keras.Input(spec.inputs["past"].shape, name="past")
    x = keras.layers.Flatten(name="flat")(past)
    x = keras.layers.Dense(units, name="hidden")(x)
    x = keras.layers.Dense(spec.output_shape[0] * spec.output_shape[1], name="output")(x)
    return keras.Model(past, keras.layers.Reshape(spec.output_shape, name="shape")(x))


@register("callback")
def trouble(kind: str = "none", epoch: int = 1, seconds: float = 0.0):
    import keras

    class Trouble(keras.callbacks.Callback):
        def on_epoch_end(self, at, logs=None):
            time.sleep(seconds)
            if at + 1 != epoch:
                return
            if kind == "raise":
                raise RuntimeError(f"trouble in epoch {epoch}\\nand more about it")
            if kind == "full":
                raise OSError(errno.ENOSPC, "no room is left")
            if kind == "deaf":
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            if kind == "stop_once" and not Path("stopped").exists():
                Path("stopped").touch()
                for job in Path("runs/sweeps").glob("*/jobs/0"):
                    (job / "stop").write_text("stopped by `rnnexp stop` (somebody)")
            if kind == "end_once" and not Path("ended").exists():
                Path("ended").touch()
                raise KeyboardInterrupt
            if kind == "exit":
                raise SystemExit(0)
            if kind == "kill" or (kind == "kill_once" and not Path("killed").exists()):
                Path("killed").touch()
                time.sleep(0.3)
                os.kill(os.getpid(), signal.SIGKILL)

    return Trouble()
"""


def request(*lines: str, launcher: Mapping[str, Any] | None = None, **settings: Any) -> Request:
    """Ask for a sweep as the command line does."""
    plugins.load_plugins(lines)
    border = inspect_overrides(lines, sweep=True)
    assert border.problems == []
    problems: list[str] = []
    place = read_launcher(launcher or {"n_jobs": 2, "threads": 1, "vectorize": False}, problems)
    assert problems == []
    return Request(border.overrides(), Sweep(**settings), place, f"rnnexp train -m {' '.join(lines)}")


def run(*lines: str, launcher: Mapping[str, Any] | None = None, **settings: Any) -> Path:
    """Run a sweep in this process and return its folder."""
    with compose.hydra_state():
        folder = sweep(request(*lines, launcher=launcher, **settings))
    return folder or Path()


def space(*lines: str, **settings: Any) -> Space:
    """Read a space as the sweeper does."""
    with compose.hydra_state():
        return read_space(inspect_overrides(lines, sweep=True).overrides(), Sweep(**settings))


def spare_rehearsal(patch: pytest.MonkeyPatch) -> None:
    """Spare sweeps the process that tries their networks: every one compiles a program of its own."""
    patch.setattr("rnnexp.sweeps.preflight.rehearse", lambda *_: FINDINGS)


@contextmanager
def workshop(place: Path) -> Iterator[None]:
    """Work in a folder that has the plugin, without rehearsals; for what is made once for all tests of a file."""
    (place / "toys.py").write_text(TOYS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        spare_rehearsal(patch)
        yield
    sys.modules.pop("toys", None)


def options(*lines: str, **settings: Any) -> dict[str, tuple[str, ...]]:
    """Return the values of each key of a space."""
    return {dimension.key: dimension.options for dimension in space(*lines, **settings).dimensions}


def events(folder: Path, kind: str) -> list[dict[str, Any]]:
    """Return the events of a kind from a sweep's journal."""
    lines = (folder / JOURNAL).read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == kind]


def jobs(folder: Path) -> dict[int, JobState]:
    return Journal(folder / JOURNAL).state.jobs


def table(folder: Path) -> list[dict[str, str]]:
    """Return the rows of a sweep's table, without what differs from machine to machine."""
    with (folder / "tables" / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    here = f"{Path.cwd()}/"
    return [
        {key: value.replace(here, "") for key, value in row.items() if key not in ("run_id", "seconds")} for row in rows
    ]


def with_one_changed(rows: list[dict[str, str]], column: str = "best/val/loss") -> list[dict[str, str]]:
    """Return a table that differs in one value, to prove that a comparison sees it."""
    return [{**rows[0], column: rows[0][column] + "1"}, *rows[1:]]


def computed(task: Task) -> Outcome:
    """Answer at once, with a value that follows from the configuration."""
    digest = hashlib.sha256(json.dumps(task.mapping, sort_keys=True).encode()).digest()
    value = int.from_bytes(digest[:4], "big") / 2**32
    return Outcome("done", value=value, metrics={task.objective: value})


def tracked(task: Task, during: Callable[[], None] = lambda: None) -> Outcome:
    """Track a run of two epochs as a worker does, without training; `during` is called before its end is said."""
    experiment, outcome = parse(task.mapping), computed(task)
    value, tags = outcome.value or 0.0, {"rnnexp.sweep": task.sweep, "rnnexp.job": str(task.number)}
    tags |= {"rnnexp.version": "1", "rnnexp.config_hash": config_hash(experiment), "rnnexp.engine": "compiled"}
    tags |= {"rnnexp.backend": "jax", "rnnexp.device": "cpu"}
    tags |= hash_origin(experiment, "jax")
    params = flat_params(experiment)
    tags |= {PARAMS: str(len(params)), "rnnexp.folder": str(task.folder)}
    told = {"config": "", "description": "", "primary_metric": "test/rmse", "greater_is_better": False}
    info = RunInfo(
        experiment="sine", run_name="toy", params=params, tags=tags, run_dir=task.folder, parent=task.parent, **told
    )
    with tracking.start(experiment.tracking, info) as made:
        made.log_epochs(1, [{"val/loss": value + 1}, {"val/loss": value}], 1.0, 2.0)
        made.log_summary({task.objective: value, "test/rmse": value / 3})
        during()
    return Outcome("done", value, {task.objective: value, "test/rmse": value / 3}, made.run_id)


class Quick:
    """An executor that asks a function for each outcome; None leaves none, as a killed worker does.

    launchers: the names of those in whose place it was used
    """

    def __init__(self, answer: Callable[[Task], Outcome | None] = computed, capacity: int = 8) -> None:
        self.answer, self.capacity = answer, capacity
        self.tasks: list[Task] = []
        self.launchers: list[str] = []
        self._ended: list[Exit] = []

    def submit(self, task: Task) -> None:
        self.tasks.append(task)
        outcome = self.answer(task)
        if outcome is not None:
            write_outcome(task.folder, outcome)
        self._ended.append(Exit(task.number, None if outcome else "its process was killed by SIGKILL"))

    def wait(self, seconds: float) -> list[Exit]:
        ended, self._ended = self._ended, []
        return ended

    def stop_job(self, number: int) -> None:
        """Nothing runs between two calls."""

    def stop(self) -> None:
        """Nothing runs between two calls."""

    def close(self) -> None:
        """Nothing was taken."""


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start the command in the current directory; the caller ends it."""
    return subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environment},
    )


def rnnexp(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in the current directory."""
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=600, env={**os.environ, **environment}
    )


def wait_for(condition: Callable[[], Any], seconds: float = 300) -> Any:
    """Return what the condition answers as soon as that is true; it may take so long on a busy machine only."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s in vain for {condition}")


def processes_in(folder: Path) -> dict[int, str]:
    """Return the processes that work in a folder, with their command lines; zombies are dead."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if Path(os.readlink(entry / "cwd")) == folder and "\nState:\tZ" not in (entry / "status").read_text():
                found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
    return found


def numbers(found: Iterable[JobState]) -> list[int]:
    return [job.number for job in found]
