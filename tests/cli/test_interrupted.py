"""What a training does that is asked to end: real processes, real signals."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rnnexp.training import checkpoint

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
    assert said.rstrip().endswith("this goes on: rnnexp train " + " ".join(f"'{w}'" if "[" in w else w for w in LONG))


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
