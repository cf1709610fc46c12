"""However a process ends, the store says what has become of its run: real processes, signals, limits and disks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from rnnexp.sweeps.executor import Hardware
from rnnexp.sweeps.processes import context
from rnnexp.tracking.start import PACKAGES

pytestmark = pytest.mark.end_to_end

ENDS = '''
import contextlib, ctypes, os, resource, signal, sqlite3, sys, threading, time
from rnnexp import register


def fill(folder):
    with open(os.path.join(folder, "filling"), "wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))


def run_out_of_memory(_):
    import numpy as np

    used = int(open("/proc/self/statm").read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 26), resource.RLIM_INFINITY))
    np.ones(1 << 30)


def raise_error(_):
    raise RuntimeError("boom")


def wait_for_store(experiment):
    """What ends before the store has heard of it is not there to be looked at."""
    path = "mlflow.db"  # in the working directory: the process was forked from one that may have another environment
    of_it = "SELECT 1 FROM runs JOIN experiments USING (experiment_id) WHERE experiments.name = ?"
    for _ in range(1000):
        time.sleep(0.1)
        with contextlib.suppress(sqlite3.Error):  # there are no tables yet, or somebody else writes
            if sqlite3.connect(path, timeout=60).execute(of_it, [experiment]).fetchall():
                break


WAYS = {
    "ok": lambda _: None,
    "exception": raise_error,
    "exit 0": lambda _: sys.exit(0),
    "exit 3": lambda _: sys.exit(3),
    "memory": run_out_of_memory,
    "diverged": lambda _: None,
    "full disk": fill,
}
SIGNALS = {
    "Ctrl-C": [signal.SIGINT],
    "terminated": [signal.SIGTERM],
    "hung up": [signal.SIGHUP],
    "terminated twice": [signal.SIGTERM, signal.SIGTERM, signal.SIGHUP],
    "hung up under nohup": [signal.SIGHUP],
    "killed": [signal.SIGKILL],
}


@register("model")
def flat(spec, units: int = 2):
    import keras

    past = keras.Input(spec.inputs["past"].shape, name="past")
    x = keras.layers.Dense(spec.output_shape[0] * spec.output_shape[1], name="output")(
        keras.layers.Flatten(name="flat")(past)
    )
    return keras.Model(past, keras.layers.Reshape(spec.output_shape, name="shape")(x))


@register("callback")
def ending(way: str, folder: str):
    import keras

    class Ending(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1 and way in SIGNALS:
                wait_for_store(way)
                for number in SIGNALS[way]:
                    os.kill(os.getpid(), number)
            elif epoch == 1:
                WAYS[way](folder)

    return Ending()
'''
# Exit code, status and outcome.
ENDINGS = {
    "ok": (0, "FINISHED", "ok"),
    "exception": (1, "FAILED", "failed"),
    "exit 0": (1, "FAILED", "failed"),
    "exit 3": (1, "FAILED", "failed"),
    "Ctrl-C": (130, "KILLED", "killed"),
    "terminated": (143, "KILLED", "killed"),
    "hung up": (129, "KILLED", "killed"),
    "terminated twice": (143, "KILLED", "killed"),
    "hung up under nohup": (0, "FINISHED", "ok"),
    "memory": (6, "FAILED", "failed"),
    "diverged": (4, "FAILED", "diverged"),
}
TINY = ("plugins=[ends]", "data.points=80", "model=flat", "trainer.epochs=3", "tracking.figures=false")


class Told(NamedTuple):
    """What there is to see of an end: exit code, status and outcome in the store, epochs there, output."""

    code: int
    status: str
    outcome: str | None
    epochs: int
    output: str


def end(way: str, place: str, folder: str) -> None:
    """Train in this process until it ends in its way."""
    import signal

    os.chdir(place)
    with open(f"{way}.txt", "w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.path.insert(0, place)
    sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_IGN if way == "hung up under nohup" else signal.SIG_DFL)
    words = [f"callbacks.ending={{name: ending, way: {way}, folder: {folder}}}", f"hydra.run.dir={folder}"]
    rate = "1e30" if way == "diverged" else "0.001"
    sys.argv = ["rnnexp", "train", *TINY, *words, f"tracking.experiment={way}", f"optimizer.learning_rate={rate}"]
    from rnnexp.cli.main import main
    from rnnexp.runtime import interrupts

    interrupts.LAST_ACTS_S = 60.0  # where a dozen processes end at a time, two seconds are too few to tell the store
    code = main()
    os._exit(code)  # as `entry` does; what the warm process has to be called at exit ends with 0


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path | None]:
    """Mount a disk of 4 MB; None where that is not allowed."""
    place = tmp_path_factory.mktemp("small")
    mounted = (
        shutil.which("mount")
        and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], capture_output=True, check=False
        ).returncode
        == 0
    )
    yield place if mounted else None
    if mounted:
        subprocess.run(["umount", str(place)], check=True)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, small_disk: Path | None) -> Path:
    """Have all runs end, side by side, each in a process that is forked from one that is warm."""
    place = tmp_path_factory.mktemp("ends")
    (place / "ends.py").write_text(ENDS)
    folders = {way: str(place / "runs" / way.replace(" ", "_")) for way in (*ENDINGS, "killed")}
    if small_disk:
        folders["full disk"] = str(small_disk / "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{place / 'mlflow.db'}")
        made = context(Hardware(frozenset({"jax"}), True, PACKAGES))
        processes = {way: made.Process(target=end, args=(way, str(place), folder)) for way, folder in folders.items()}
        for process in processes.values():
            process.start()
        for process in processes.values():
            process.join(500)
    (place / "codes.txt").write_text("\n".join(f"{way}={process.exitcode}" for way, process in processes.items()))
    return place


def told(place: Path, way: str) -> Told:
    from mlflow import MlflowClient

    codes = dict(line.split("=") for line in (place / "codes.txt").read_text().splitlines())
    if way not in codes:
        pytest.skip("no disk may be mounted here")
    client = MlflowClient(f"sqlite:///{place / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(way)
    output = (place / f"{way}.txt").read_text()
    assert experiment is not None, output
    (run,) = client.search_runs([experiment.experiment_id])
    epochs = len(client.get_metric_history(run.info.run_id, "train/loss"))
    return Told(int(codes[way]), run.info.status, run.data.tags.get("rnnexp.outcome"), epochs, output)


@pytest.mark.fault("A5", "A6", "A7", "A8", "A9", "A10", "C17")
@pytest.mark.parametrize("way", ENDINGS)
def test_the_store_says_how_a_process_has_ended(place: Path, way: str) -> None:
    found = told(place, way)
    assert found[:3] == ENDINGS[way], found.output


@pytest.mark.fault("A4", "A12", "C17")
def test_a_run_that_was_killed_is_running_in_the_store_until_it_is_reaped(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The kernel kills with the same signal what takes too much memory."""
    from rnnexp.cli.main import main

    before = told(place, "killed")
    assert before[:3] == (-9, "RUNNING", None)
    others = {way: told(place, way)[:3] for way in ("ok", "diverged", "terminated")}
    assert main(["reap", "--uri", f"sqlite:///{place / 'mlflow.db'}"]) == 0
    assert capsys.readouterr().out.count("marked KILLED") == 1
    after = told(place, "killed")
    assert (after.status, after.outcome) == ("KILLED", "killed")
    assert after.epochs == 1  # that which had ended
    assert {way: told(place, way)[:3] for way in others} == others


@pytest.mark.fault("B2", "C17")
def test_a_run_whose_disk_is_full_says_in_the_store_whether_it_has_failed(place: Path) -> None:
    found = told(place, "full disk")
    assert found.outcome == {"FINISHED": "ok", "FAILED": "failed"}[found.status], found.output
    assert found.code == {"FINISHED": 0, "FAILED": 6}[found.status], found.output
    assert "Traceback" not in found.output
