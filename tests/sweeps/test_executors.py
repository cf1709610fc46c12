"""Wherever jobs run, the table is the same."""

from __future__ import annotations

import os
import re
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from sweeping import UNTRACKED, Quick, run, table, with_one_changed, workshop

from rnnexp.errors import ConfigError, ResourceError
from rnnexp.runtime.machine import count_usable_cpus
from rnnexp.sweeps.executor import Hardware, Slot
from rnnexp.sweeps.launcher import read_launcher
from rnnexp.sweeps.sweep import SweepFailed

ANY = Hardware(frozenset({"jax"}), cpu_only=False)
SPACE = "callbacks.trouble.kind=none,raise"
RAY = {"name": "ray", "n_jobs": 2, "threads": 1}
RAYS_WARNINGS = (  # sockets and processes that Ray leaves to its end, and forks of a process that has used JAX
    "::ResourceWarning",
    "::FutureWarning",
    ":os.fork:RuntimeWarning",
    "::pytest.PytestUnraisableExceptionWarning",
)
SUBMITIT = {"name": "submitit", "cluster": "local", "n_jobs": 2, "resources": {"timeout_min": 5}}


def failing(launcher: dict[str, Any]) -> list[dict[str, str]]:
    """Run a sweep of which half the jobs raise, and return its table."""
    with pytest.raises(SweepFailed, match="1 job of the sweep failed"):
        run(*UNTRACKED, SPACE, launcher=launcher)
    (folder,) = (Path.cwd() / "runs" / "sweeps").iterdir()
    return table(folder)


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    with workshop(tmp_path_factory.mktemp("serial")):
        return failing({"name": "serial"})


@pytest.mark.parametrize(
    "launcher",
    [
        pytest.param({"name": "local", "n_jobs": 2, "threads": 1}, id="local"),
        pytest.param(SUBMITIT, id="submitit", marks=pytest.mark.end_to_end),
        pytest.param(
            RAY,
            id="ray",
            marks=[pytest.mark.end_to_end, *(pytest.mark.filterwarnings(f"ignore{text}") for text in RAYS_WARNINGS)],
        ),
    ],
)
def test_the_table_does_not_depend_on_where_jobs_run(serial: list[dict[str, str]], launcher: dict[str, Any]) -> None:
    rows = failing(launcher)
    assert rows == serial
    assert rows != with_one_changed(serial)
    assert [row["status"] for row in rows] == ["done", "failed"]


def test_serial_refuses_jobs_that_one_process_cannot_run(quick: Quick) -> None:
    lines = ("backend=jax,tensorflow", "device=cpu,auto", "threads=1,2")
    with pytest.raises(ConfigError, match="3 mistakes") as caught:
        run(*UNTRACKED, *lines, launcher={"name": "serial"})
    assert caught.value.problems == [
        f"hydra/launcher=serial: jobs differ in {what}, which a process cannot change; use hydra/launcher=local"
        for what in ("backend (jax, tensorflow)", "device (cpu, auto)", "threads (1, 2)")
    ]
    run(*UNTRACKED, *lines)


@pytest.mark.fault("A10")
def test_a_job_that_calls_exit_does_not_take_the_serial_sweep_with_it(rehearsed: None) -> None:
    with pytest.raises(SweepFailed, match=r"sys.exit\(0\) was called in the middle of a run"):
        run(*UNTRACKED, "callbacks.trouble.kind=exit,none", launcher={"name": "serial"})
    (folder,) = (Path.cwd() / "runs" / "sweeps").iterdir()
    assert [row["status"] for row in table(folder)] == ["failed", "done"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ray", r"^hydra/launcher=ray: Ray is not installed; run: pip install 'rnnexp\[ray\]'$"),
        ("submitit", r"^hydra/launcher=submitit: submitit is not installed; run: pip install 'rnnexp\[slurm\]'$"),
    ],
)
def test_a_missing_package_is_told_with_the_command_that_installs_it(
    rehearsed: None, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    monkeypatch.setitem(sys.modules, name, None)  # so that importing it fails
    with pytest.raises(ResourceError, match=message):
        run(*UNTRACKED, "seed=0,1", launcher={"name": name})
    assert not Path("runs").exists()


def test_a_wrong_resource_of_submitit_is_told(rehearsed: None) -> None:
    with pytest.raises(ResourceError, match="^hydra/launcher=submitit: .*timeout_minutes"):
        run(*UNTRACKED, "seed=0,1", launcher={**SUBMITIT, "resources": {"timeout_minutes": 5}})
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("launcher", "message"),
    [
        ({"n_jobs": 9_999}, r"^hydra\.launcher\.n_jobs: 9999 given; this machine has .* processors?, for at most \d+$"),
        ({"name": "vectorized", "n_jobs": 9_999}, r"^hydra\.launcher\.n_jobs: 9999 given; this machine has"),
        ({"name": "ranks", "ranks": 9_999}, r"^hydra\.launcher\.ranks: 9999 given; this machine has"),
    ],
)
def test_more_processes_than_a_machine_can_bear_are_refused(
    rehearsed: None, launcher: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        run(*UNTRACKED, "seed=0,1", launcher=launcher)
    assert not Path("runs").exists()


def test_no_machine_has_a_million_jobs_at_a_time() -> None:
    problems: list[str] = []
    read_launcher({"name": "submitit", "n_jobs": 1_000_000}, problems)
    assert problems == ["hydra.launcher.n_jobs: 1000000 given; must be less than or equal to 10000"]


def test_no_more_processes_are_started_than_there_are_jobs(rehearsed: None) -> None:
    folder = run(*UNTRACKED, "seed=0,1", launcher={"n_jobs": 20, "vectorize": False, "fresh": True})
    logs = [path.read_text() for path in folder.glob("jobs/*/job.log")]
    assert len({re.search(r"process (\d+)", log).group(1) for log in logs if "process" in log}) == len(logs) == 2


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Pretend that the driver lists two GPUs."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'GPU 0: one'\necho 'GPU 1: two'\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tool


def slots(hardware: Hardware, **launcher: Any) -> list[Slot]:
    return read_launcher(launcher, []).slots(hardware)


def gpus(found: list[Slot]) -> list[str | None]:
    return [slot.environment.get("CUDA_VISIBLE_DEVICES") for slot in found]


@pytest.mark.parametrize(
    ("launcher", "visible", "expected"),
    [
        pytest.param({}, "3,5", ["3", "5"], id="those left visible"),
        pytest.param({}, "GPU-ab,GPU-cd", ["GPU-ab", "GPU-cd"], id="by their long names"),
        pytest.param({}, None, ["0", "1"], id="all that the driver lists"),
        pytest.param({"gpus": 1}, None, ["0"], id="a number of them"),
        pytest.param({"gpus": [1]}, None, ["1"], id="the given ones"),
        pytest.param({"gpus": [1, 0], "n_jobs": 1}, None, ["1"], id="no more than jobs"),
        pytest.param({"slots_per_gpu": 2}, "7", ["7", "7"], id="two jobs on one"),
        pytest.param({"n_jobs": 3}, "", [None] * 3, id="none visible"),
        pytest.param({"n_jobs": 2}, "-1", [None] * 2, id="hidden by -1"),
    ],
)
@pytest.mark.fault("H15")
def test_each_slot_is_a_gpu(
    machine: Path,
    monkeypatch: pytest.MonkeyPatch,
    launcher: dict[str, Any],
    visible: str | None,
    expected: list[str | None],
) -> None:
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpus(slots(ANY, **launcher)) == expected


@pytest.mark.parametrize("given", [[7], [0, 7], 3])
@pytest.mark.fault("H15")
def test_a_gpu_that_the_machine_lacks_is_refused_in_one_sentence(machine: Path, given: Any) -> None:
    told = rf"^hydra.launcher.gpus: {re.escape(str(given))} given, but this machine has the GPUs 0, 1; name those"
    for launcher in ("local", "vectorized"):
        with pytest.raises(ResourceError, match=told):
            slots(ANY, name=launcher, gpus=given)
    assert gpus(slots(Hardware(frozenset({"jax"}), cpu_only=True), gpus=given, n_jobs=1)) == [None]
    machine.write_text('#!/bin/sh\nfor i in 0 1 2 3 4 5 6 7; do echo "GPU $i: one"; done\n')
    assert len(gpus(slots(ANY, gpus=given))) == (given if isinstance(given, int) else len(given))


def test_a_gpu_of_another_machine_is_not_looked_for_on_this_one(machine: Path) -> None:
    assert gpus(slots(ANY, name="submitit", gpus=[7])) == ["7"]


@pytest.mark.fault("H15")
def test_no_job_waits_for_a_gpu_that_would_be_used_by_more_jobs_than_slots(machine: Path) -> None:
    assert gpus(slots(ANY, n_jobs=5)) == ["0", "1"]


@pytest.mark.fault("H15")
def test_jobs_that_keep_to_the_cpu_take_no_gpu(machine: Path) -> None:
    found = slots(Hardware(frozenset({"jax"}), cpu_only=True), n_jobs=2)
    assert gpus(found) == [None, None]


def test_jobs_that_share_a_gpu_do_not_take_its_memory_beforehand(machine: Path) -> None:
    shared = slots(ANY, slots_per_gpu=2)[0].environment
    assert shared["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
    assert shared["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    assert "XLA_PYTHON_CLIENT_PREALLOCATE" not in slots(ANY)[0].environment


def test_the_processors_are_shared_out_among_the_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    cpus = count_usable_cpus()
    assert slots(ANY) == [Slot(1, {})] * cpus
    assert slots(ANY, n_jobs=1) == [Slot(cpus, {})]
    assert slots(ANY, n_jobs=2 * cpus) == [Slot(1, {})] * (2 * cpus)
    assert slots(ANY, threads=cpus) == [Slot(cpus, {})]
