"""A sweep of which every process was killed: what its folders, the store and its next start make of it."""

from __future__ import annotations

import os
import re
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sweeping import TINY, rnnexp, start, wait_for
from test_vectorized import HALT, NET

from rnnexp.cli.main import main
from rnnexp.run_folder import is_held

pytestmark = [pytest.mark.end_to_end, pytest.mark.fault("A4", "A12", "C17")]

WAITING = """

@register("callback")
def waiting():
    import keras

    class Waiting(keras.callbacks.Callback):
        def on_epoch_end(self, at, logs=None):
            Path("halted").touch()
            while not Path("go").exists():
                time.sleep(0.05)

    return Waiting()
"""
TRACKED = ("tracking.figures=false", "tracking.log_model=false", "tracking.experiment=dying", "hydra.launcher.n_jobs=2")
EACH = (*TINY, *TRACKED, "callbacks.waiting={name: waiting}", "hydra.launcher.vectorize=false", "seed=0,1")
TOGETHER = ("plugins=[toys]", *NET, *TRACKED, "data.points=100", "data.seed=0", "trainer.epochs=12", "seed=0,1,2")


def statuses(client: Any) -> Counter[tuple[str, str, str | None]]:
    experiment = client.get_experiment_by_name("dying")
    runs = client.search_runs([experiment.experiment_id]) if experiment else []
    ended = ((run.data.tags.get("rnnexp.kind", "job"), run.info.status, run.data.tags) for run in runs)
    return Counter((kind, status, tags.get("rnnexp.outcome")) for kind, status, tags in ended)


def kill_all(process: Any, children: set[int]) -> None:
    for number in (process.pid, *children):
        os.kill(number, signal.SIGKILL)
    process.communicate()


def children_of(process: Any) -> set[int]:
    """Return all processes that have come from one."""
    known = {process.pid}
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (entry / "stat").exists():
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    while more := {child for child, parent in parents.items() if parent in known} - known:
        known |= more
    return known - {process.pid}


@pytest.mark.parametrize(
    ("lines", "launcher", "jobs"),
    [(EACH, "local", 2), (TOGETHER, "vectorized", 3)],
    ids=["a process each", "one group"],
)
def test_a_sweep_whose_processes_were_killed_is_killed_and_goes_on(
    client: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: tuple[str, ...], launcher: str, jobs: int
) -> None:
    with (tmp_path / "toys.py").open("a") as file:
        file.write(HALT.replace("DEED", "time.sleep(600)") if launcher == "vectorized" else WAITING)
    command = (f"hydra/launcher={launcher}", *lines)
    process = start(*command)
    try:
        running = {("job", "RUNNING", None): jobs, ("sweep", "RUNNING", None): 1}
        wait_for(lambda: (tmp_path / "halted").exists() and statuses(client) == running)
        (sweep,) = (tmp_path / "runs" / "sweeps").iterdir()
        folders = [sweep, *(sweep / "jobs" / str(number) for number in range(jobs))]
        assert all(map(is_held, folders))
        assert main(["reap"]) == 0
        assert capsys.readouterr().out.count("not changed") == jobs + 1
        assert statuses(client) == running
    finally:
        kill_all(process, children_of(process))
    wait_for(lambda: not any(map(is_held, folders)))
    assert main(["runs"]) == 0
    assert re.search(rf"killed: {jobs} killed", capsys.readouterr().out)
    assert statuses(client) == running
    assert main(["reap", sweep.name]) == 0
    assert statuses(client) == {("job", "KILLED", "killed"): jobs, ("sweep", "KILLED", "killed"): 1}
    (tmp_path / "go").touch()
    done = rnnexp(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    ended = {("job", "KILLED", "killed"): jobs, ("job", "FINISHED", "ok"): jobs, ("sweep", "FINISHED", "ok"): 1}
    assert statuses(client) == ended
    assert main(["reap"]) == 0
    assert statuses(client) == ended
