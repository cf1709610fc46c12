"""What a training does that is asked to end: real processes, real signals."""

from __future__ import annotations

import pkgutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from rnnexp.cli import interrupted
from rnnexp.cli.main import main
from rnnexp.runtime import interrupts
from rnnexp.tracking import pusher
from rnnexp.tracking.store import open_store
from rnnexp.training import checkpoint
from rnnexp.training.compiled import dispatch, ensemble

SIGNALS = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGHUP: 129}
LONG = ("data.points=80", "model.units=[2]", "trainer.epochs=1000000", "tracking=off", "tracking.figures=false")


# What the shell of the tests may ignore is heeded; in a new process, for a fork of one that has JAX may hang.
HEEDING = """
import os, signal, sys
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)
os.execv(sys.executable, [sys.executable, "-m", "rnnexp", *sys.argv[1:]])
"""


def start() -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HEEDING, "train", *LONG]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.end_to_end
@pytest.mark.fault("A5", "A7", "A8")
@pytest.mark.parametrize("number", SIGNALS)
def test_a_training_ends_with_a_checkpoint_and_says_how_to_go_on(tmp_path: Path, number: signal.Signals) -> None:
    process, deadline = start(), time.monotonic() + 120
    while not any(path.stat().st_size for path in tmp_path.glob("runs/*/*/metrics.jsonl")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(1)
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == SIGNALS[number], said
    (folder,) = tmp_path.glob("runs/*/*/checkpoints")
    (kept,) = checkpoint.list_newest(folder)
    assert checkpoint.load(kept).position.epoch > 0
    assert f"checkpoint {kept}" in said
    assert said.rstrip().endswith("to resume: rnnexp train " + " ".join(f"'{w}'" if "[" in w else w for w in LONG))


@pytest.mark.fault("A5")
@pytest.mark.end_to_end
def test_before_a_training_has_begun_nothing_is_kept_and_that_is_said(tmp_path: Path) -> None:
    with start() as process:
        assert process.stdout
        said = process.stdout.readline()  # of the backend, whose libraries are imported then
        process.send_signal(signal.SIGTERM)
        said += process.stdout.read()
    assert process.returncode == 143, said
    assert "nothing was kept" in said
    assert list(tmp_path.glob("runs/*/*/checkpoints")) == []


SPLIT = ("data.split.train=null", "data.split.val=1100", "data.split.test=80")  # more than two batches of validation
SHORT = ("data.points=1300", *SPLIT, "model.units=[2]", "trainer.epochs=2", "tracking.figures=false")
# Where the signal comes, by which engine, what is told, and what the store says of the run: None if it has none.
MOMENTS: dict[str, tuple[str, str, str, str | None]] = {
    "reading data": ("rnnexp.tasks.load", "compiled", "nothing was kept", None),
    "building": ("rnnexp.models.build.build", "compiled", "nothing was kept", None),
    "compiling": ("rnnexp.training.compiled.dispatch.Dispatch.prepare", "compiled", "nothing was kept", None),
    "validation": ("rnnexp.training.compiled.dispatch.Dispatch.run", "compiled", "after epoch 0, step 4 ", "KILLED"),
    "validation by Keras": (
        "rnnexp.training.backends.jax.JaxTrainer.test",
        "keras",
        "after epoch 0, step 4 ",
        "KILLED",
    ),
    "scoring": ("rnnexp.tasks.evaluate", "compiled", "after epoch 2, step 0 ", "KILLED"),
    "saving the model": ("rnnexp.models.exporter.save", "compiled", "after epoch 2, step 0 ", "KILLED"),
    "writing artifacts": ("rnnexp.tracking.run.Run.log_table", "compiled", "after epoch 2, step 0 ", "KILLED"),
    "storing artifacts": ("rnnexp.tracking.run.Run.flush", "compiled", "the run had ended", "FINISHED"),
}


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Heed signals, but for time, of which a loaded machine may take more than a process is given; cut every epoch."""
    monkeypatch.setattr(interrupted, "heed_signals", partial(interrupts.heed_signals, grace_s=600.0))
    monkeypatch.setattr(interrupts, "DEAF_S", 600.0)
    monkeypatch.setattr(pusher, "INTERRUPTED_S", 60.0)
    monkeypatch.setattr(ensemble, "LONG_S", 0.0)
    monkeypatch.setattr(dispatch, "PROMPT_S", 0.0)
    earlier = {number: signal.signal(number, signal.SIG_DFL) for number in SIGNALS}
    yield
    for number, handler in earlier.items():
        signal.signal(number, handler)


def is_at(*arguments: Any) -> bool:
    """Say whether a call is the one that is meant: of a compiled program only that which begins to validate is."""
    span = arguments[1] if isinstance(arguments[0], dispatch.Dispatch) else None
    return span is None or not isinstance(span[0], int) or span[0] == 4


def interrupt_at(place: str, number: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Send this process a signal when it comes to a function, once; return the list of where it has come."""
    owner, name = place.rsplit(".", 1)
    function, sent = pkgutil.resolve_name(place), list[str]()

    def interrupting(*arguments: Any, **settings: Any) -> Any:
        if not sent and is_at(*arguments):
            sent.append(place)
            signal.raise_signal(number)
        return function(*arguments, **settings)

    monkeypatch.setattr(pkgutil.resolve_name(owner), name, interrupting)
    return sent


@pytest.mark.fault("A5", "A7", "A8", "C17")
@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(("moment", "number"), [*zip(MOMENTS, cycle(SIGNALS))], ids=str)
def test_a_signal_at_any_moment_ends_a_run_with_its_code_its_status_and_its_last_lines(
    moment: str,
    number: signal.Signals,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place, engine, told, status = MOMENTS[moment]
    sent = interrupt_at(place, number, monkeypatch)
    words = [*SHORT, f"trainer.engine={engine}"]
    monkeypatch.setattr(sys, "argv", ["rnnexp", "train", *words])  # what goes on is said as it was typed
    assert main(["train", *words]) == SIGNALS[number]
    assert sent == [place]
    *_, last, command = capsys.readouterr().err.splitlines()
    assert last.startswith(f"rnnexp: {number.name}: ")
    assert told in last
    assert command == "to resume: rnnexp train " + " ".join(f"'{w}'" if "[" in w else w for w in words)
    store = open_store(f"sqlite:///{tmp_path}/mlflow.db")
    runs = store.search_runs([one.experiment_id for one in store.search_experiments()])
    assert [run.info.status for run in runs] == ([status] if status else [])
    kept = checkpoint.list_newest(next(tmp_path.glob("runs/*/*")) / "checkpoints")
    assert len(kept) == (status == "KILLED")
