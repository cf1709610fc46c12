"""Processes that take one job after the other give what fresh ones give, and are as easily replaced."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sweeping import COMMAND, jobs, run, spare_rehearsal, table

from rnnexp.errors import ConfigError
from rnnexp.stopping import request_stop
from rnnexp.sweeps.executors.local import LocalProcesses
from rnnexp.sweeps.task import Task
from rnnexp.sweeps.warm_worker import find_needs

SMALL = ("model=gru", "model.units=[3]", "model.dropout=0.2", "data.points=120", "tracking.figures=false")
QUICK = (*SMALL, "trainer.epochs=3")
LONG = (*SMALL, "trainer.epochs=150", "trainer.engine=keras", "trainer.checkpoint_every_s=0.2")
ONE = {"n_jobs": 1, "threads": 1, "vectorize": False}
BOTH = pytest.mark.parametrize("fresh", [False, True], ids=["warm", "fresh"])
WAIT_S = 120.0


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch, client: Any) -> dict[int, list[int]]:
    """Spare the rehearsal, and note the processes of each job."""
    spare_rehearsal(monkeypatch)
    seen: dict[int, list[int]] = {}
    submit = LocalProcesses.submit

    def noted(self: LocalProcesses, task: Task) -> None:
        submit(self, task)
        seen.setdefault(task.number, []).append(int(self._running[task.number].process.pid or 0))

    monkeypatch.setattr(LocalProcesses, "submit", noted)
    return seen


def when_it_trains(folder: Path, job: int, act: Callable[[], object]) -> threading.Thread:
    """Do something once a job of the only sweep below a folder has logged an epoch."""

    def look() -> None:
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            if any(path.stat().st_size for path in folder.glob(f"runs/sweeps/*/jobs/{job}/metrics.jsonl")):
                act()
                return
            time.sleep(0.02)

    thread = threading.Thread(target=look)
    thread.start()
    return thread


def read_numbers(folder: Path, job: int) -> dict[str, Any]:
    """Return all numbers of a job but times: rows of metrics, weights bit by bit, predictions, and its scores."""
    own = folder / "jobs" / str(job)
    rows = [json.loads(line) for line in (own / "metrics.jsonl").read_text().splitlines()]
    metrics = [{k: v for k, v in row["metrics"].items() if not k.startswith("time/")} for row in rows]
    arrays = {}
    for path in sorted(own.rglob("*.npz")):
        if "checkpoints" not in path.parts:
            with np.load(path) as file:
                arrays |= {f"{path.name} {key}": (file[key].dtype.str, file[key].tobytes()) for key in file.files}
    (row,) = [row for row in table(folder) if row["job"] == str(job)]
    times = ("seconds", "run_id")
    scores = {key: value for key, value in row.items() if key not in times and "time" not in key and "per_s" not in key}
    assert arrays
    return {"metrics": metrics, "arrays": arrays, "scores": scores}


@pytest.mark.end_to_end
def test_a_job_in_the_process_of_another_gives_the_bits_of_one_in_a_fresh_process(
    processes: dict[int, list[int]], tmp_path: Path
) -> None:
    """The jobs before it are of another cell or precision, and have drawn numbers and pictures, or of the same network
    with another seed, and have compiled it.
    """
    found = {}
    for fresh in (False, True):
        processes.clear()
        others = (
            "model=simple_rnn,gru",
            "trainer.precision=mixed_bfloat16,float32",
            "seed=0,1",
            "tracking.figures=true",
        )
        folder = run(*QUICK[1:3], *QUICK[3:4], "trainer.epochs=3", *others, launcher={**ONE, "fresh": fresh}, new=True)
        assert [job.status for job in jobs(folder).values()] == ["done"] * 8
        assert len({pid for pids in processes.values() for pid in pids}) == (8 if fresh else 1)
        found[fresh] = [read_numbers(folder, job) for job in range(8)]
    assert found[False] == found[True]
    assert all(one != other for one, other in zip(found[True], found[True][1:]))


@BOTH
@pytest.mark.end_to_end
@pytest.mark.fault("A12", "H4")
def test_a_worker_that_is_killed_in_its_second_job_is_replaced_and_nothing_is_lost(
    processes: dict[int, list[int]], tmp_path: Path, fresh: bool
) -> None:
    killer = when_it_trains(tmp_path, 1, lambda: os.kill(processes[1][0], signal.SIGKILL))
    folder = run(*LONG, "seed=0,1,2", launcher={**ONE, "fresh": fresh}, new=True)
    killer.join()
    assert [(job.status, job.attempts) for job in jobs(folder).values()] == [("done", 1), ("done", 2), ("done", 1)]
    assert processes[1][1] not in (*processes[0], processes[1][0], *processes[2])  # after a death a fresh one
    assert (processes[0] == processes[1][:1]) != fresh
    undisturbed = run(*LONG, "seed=1", launcher=ONE, new=True)
    assert read_numbers(folder, 1)["arrays"] == read_numbers(undisturbed, 0)["arrays"]
    assert read_numbers(folder, 0)["arrays"] != read_numbers(undisturbed, 0)["arrays"]


@BOTH
@pytest.mark.end_to_end
def test_a_job_that_is_stopped_takes_its_process_along_and_the_next_gets_another(
    processes: dict[int, list[int]], tmp_path: Path, fresh: bool
) -> None:
    def stop() -> None:
        (sweep,) = (tmp_path / "runs" / "sweeps").iterdir()
        request_stop(sweep, 1)

    stopper = when_it_trains(tmp_path, 1, stop)
    folder = run(*LONG, "trainer.epochs=600", "seed=0,1,2", launcher={**ONE, "fresh": fresh}, new=True)
    stopper.join()
    assert [job.status for job in jobs(folder).values()] == ["done", "stopped", "done"]
    assert processes[2] != processes[1]
    assert (processes[1] == processes[0]) != fresh


@BOTH
@pytest.mark.end_to_end
@pytest.mark.fault("H5")
def test_ctrl_c_ends_a_worker_in_its_second_job_and_the_same_command_goes_on(
    processes: dict[int, list[int]], tmp_path: Path, fresh: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupter = when_it_trains(tmp_path, 1, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        run(*LONG, "seed=0,1", launcher={**ONE, "fresh": fresh})
    interrupter.join()
    for pid in {pid for pids in processes.values() for pid in pids}:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    folder = run(*LONG, "seed=0,1", launcher={**ONE, "fresh": fresh})
    assert [(job.status, job.attempts) for job in jobs(folder).values()] == [("done", 1), ("done", 2)]
    undisturbed = run(*LONG, "seed=1", launcher=ONE, new=True)
    assert read_numbers(folder, 1)["arrays"] == read_numbers(undisturbed, 0)["arrays"]


@BOTH
@pytest.mark.end_to_end
@pytest.mark.fault("H3")
def test_a_worker_ends_with_its_coordinator_also_in_its_second_job(
    client: Any, tmp_path: Path, fresh: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (*LONG, "seed=0,1", "hydra.launcher.n_jobs=1", "hydra.launcher.vectorize=false")
    command = [*COMMAND, *words, f"hydra.launcher.fresh={str(fresh).lower()}"]
    first = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    when_it_trains(tmp_path, 1, first.kill).join()
    assert first.wait(WAIT_S) == -signal.SIGKILL
    second = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=WAIT_S)
    assert second.returncode == 0, second.stderr
    (folder,) = (tmp_path / "runs" / "sweeps").iterdir()
    assert [(job.status, job.attempts) for job in jobs(folder).values()] == [("done", 1), ("done", 2)]


@BOTH
@pytest.mark.end_to_end
@pytest.mark.fault("H6")
def test_workers_side_by_side_on_one_fresh_store_lose_nothing(
    processes: dict[int, list[int]], client: Any, fresh: bool
) -> None:
    folder = run(*QUICK, "seed=range(5)", launcher={**ONE, "n_jobs": 2, "fresh": fresh}, new=True)
    runs = [client.get_run(str(job.run_id)) for job in jobs(folder).values()]
    assert [run.info.status for run in runs] == ["FINISHED"] * 5
    assert [run.data.params["seed"] for run in runs] == [str(seed) for seed in range(5)]
    assert [len(client.get_metric_history(run.info.run_id, "val/loss")) for run in runs] == [3] * 5
    assert len({pid for pids in processes.values() for pid in pids}) == (5 if fresh else 2)


@BOTH
@pytest.mark.end_to_end
@pytest.mark.fault("H11")
def test_a_hopeless_job_is_stopped_and_the_next_one_gets_another_process(
    processes: dict[int, list[int]], fresh: bool
) -> None:
    rates = ("optimizer.learning_rate=0.01,0.011,1e-9,0.012", "tracking=off")
    pruner = {"name": "median", "n_startup_trials": 2}
    folder = run(*LONG, "trainer.epochs=1000", *rates, pruner=pruner, launcher={**ONE, "fresh": fresh}, new=True)
    assert [job.status for job in jobs(folder).values()] == ["done", "done", "pruned", "done"]
    assert processes[3] != processes[2]
    assert (processes[2] == processes[0]) != fresh


def task(**changes: Any) -> Task:
    values = {"backend": None, "device": "auto", "threads": None, "deterministic": False, "plugins": []}
    mapping = {**values, **{key: value for key, value in changes.items() if key in values}}
    others = {key: value for key, value in changes.items() if key not in values}
    return Task(0, 1, Path(), mapping, "train/loss", "sweep", **others)


@pytest.mark.parametrize(
    "change",
    [
        {"plugins": ["mine"]},
        {"backend": "tensorflow"},
        {"backend": "torch"},
        {"deaths": 1},
        {"hydra": object()},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_job_that_nobody_can_vouch_for_has_a_process_of_its_own(change: dict[str, Any]) -> None:
    assert find_needs(task()) is not None
    assert find_needs(task(**change)) is None


@pytest.mark.parametrize("change", [{"device": "cpu"}, {"deterministic": True}, {"threads": 2}], ids=str)
def test_jobs_follow_each_other_only_where_a_process_need_not_change(change: dict[str, Any]) -> None:
    assert find_needs(task()) == find_needs(task())
    assert find_needs(task(**change)) != find_needs(task())
    assert find_needs(task(environment={"CUDA_VISIBLE_DEVICES": "1"})) != find_needs(task())


def test_fresh_is_a_setting_of_the_launcher_that_is_checked() -> None:
    from rnnexp.sweeps.launcher import read_launcher

    problems: list[str] = []
    assert vars(read_launcher({"fresh": True}, problems))["fresh"] is True
    assert problems == []
    read_launcher({"fresh": "perhaps"}, problems)
    with pytest.raises(ConfigError, match=r"hydra\.launcher\.fresh"):
        raise ConfigError(*problems)
