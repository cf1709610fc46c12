"""The sweeps of one program share a server for their jobs as long as what it has imported is right for all of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rnnexp.runtime.job_server import Preloaded

LEAN, WITH_WRAPPERS = Preloaded("jax", True, {}), Preloaded("jax", False, {})
SERVES = {
    "the same": (LEAN, LEAN, True),
    "less than it has": (WITH_WRAPPERS, LEAN, True),
    "nothing that would be in the way": (Preloaded(None, True, {}), Preloaded("jax", False, {"JAX_X": "1"}), True),
    "another backend": (LEAN, Preloaded(None, True, {}), False),
    "what it was to leave out": (LEAN, WITH_WRAPPERS, False),
    "variables that it has read otherwise": (LEAN, Preloaded("jax", True, {"JAX_ENABLE_X64": "1"}), False),
}

# A target that is found wherever a process is forked: it tells what the environment of that process is.
TOLD = """
import os
from rnnexp.sweeps.executor import Hardware
from rnnexp.sweeps.processes import context, start_process

for mark in ("one", None, "two"):
    os.environ.pop("MARK", None)
    os.environ |= {"MARK": mark} if mark else {}
    way = context(Hardware(frozenset(), cpu_only=True))
    start_process(way, os.system, ('echo "MARK=$MARK" >> told',), "told").join()
"""

SWEEPS = """
import os
import rnnexp as rx

small = ("data.points=60", "model.units=[2]", "trainer.epochs=1", "trainer.batch_size=full", "tracking=off")
for settings, variable in (((), None), (("backend=tensorflow",), None), (("threads=1",), "tensorflow")):
    os.environ |= {"KERAS_BACKEND": variable} if variable else {}
    found = rx.sweep(*small, *settings, params={"seed": [0, 1]}, launcher={"name": "local", "n_jobs": 1})
    assert list(found.to_frame()["status"]) == ["done", "done"]
    print("TRAINED", (found.folder / "jobs" / "1" / "job.log").read_text().partition("backend ")[2][:11])
"""


@pytest.mark.parametrize("name", SERVES)
def test_a_server_is_kept_for_jobs_that_want(name: str) -> None:
    has, wanted, kept = SERVES[name]
    assert has.serves(wanted) is kept


def run(code: str, folder: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    found = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


@pytest.mark.end_to_end
def test_a_process_has_the_variables_of_the_moment_it_is_started_at(tmp_path: Path) -> None:
    run(TOLD, tmp_path)
    assert (tmp_path / "told").read_text().splitlines() == ["MARK=one", "MARK=", "MARK=two"]


@pytest.mark.end_to_end
def test_a_later_sweep_of_a_program_may_have_another_backend(tmp_path: Path) -> None:
    lines = [line.split()[1] for line in run(SWEEPS, tmp_path).splitlines() if line.startswith("TRAINED")]
    assert lines == ["jax", "tensorflow", "tensorflow"]
