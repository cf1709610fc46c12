"""A training by two processes on loopback is that of one, but for last digits; a rank that dies costs no epoch."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from ray_nodes import ON_RAY
from sweeping import TINY, UNTRACKED, Quick, events, jobs, run, start, wait_for

from rnnexp.errors import ConfigError, ResourceError
from rnnexp.sweeps.executor import Hardware, Slot
from rnnexp.sweeps.launcher import read_launcher
from rnnexp.tracking.journal import RunJournal

EPOCHS = 3
# 49 examples in batches of 24 leave a batch of one, which two ranks do not divide.
KEPT = (*TINY[1:], f"trainer.epochs={EPOCHS}", "trainer.batch_size=24", "trainer.checkpoint_every_s=0", "seed=0")
PLUGIN = """
import os
import signal
import time
from pathlib import Path

from rnnexp.config import compose
from rnnexp.runtime import process_group
from rnnexp.training import keeper
from rnnexp.training.compiled import devices, ensemble, training

HERE = Path(__file__).parent  # nodes of Ray have folders of their own
keeper.SHARE = 1e9  # a checkpoint after each call of the program
advance, read = ensemble.Ensemble.advance, compose.read


def read_and_count(*given):
    with open(HERE / "composed", "a") as file:
        file.write(f"{os.getpid()} ")
    return read(*given)


class Apart(devices.Placement):
    "Each rank goes its own way, with its share of each batch: nothing is summed."

    def split(self, gather):
        import jax

        own = slice(jax.process_index(), None, jax.process_count())
        return lambda arrays, indices: gather(arrays, indices[own])


def die_once(self):
    rank = process_group.current
    while rank and self.turn == 1 and (HERE / "waits").exists():
        time.sleep(0.01)
    if rank and self.turn == 1 and (HERE / "breaks").exists():
        if rank.is_first and (HERE / "late").exists():
            time.sleep(3)
        raise RuntimeError(f"rank {rank.number} is broken")
    if rank and rank.number == 1 and self.turn == 1 and (HERE / "dies").exists():
        (HERE / "dies").unlink()
        while not list(rank.meeting.parent.parent.glob("checkpoints/state-*/MANIFEST.json")):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    advance(self)


compose.read = read_and_count
ensemble.Ensemble.advance = die_once
if (HERE / "apart").exists():
    training.make_placement = lambda *_: Apart()
"""
TELLING = """
import ray

if ray.is_initialized():
    print("node", ray.get_runtime_context().get_node_id(), flush=True)
"""
# Without the hooks of DistributedDataParallel no gradient is summed.
TORCH_PLUGIN = """
import os
import signal
import time

from rnnexp.training import keras_training, keeper

keeper.SHARE = 1e9
run, calls = keras_training.BlockStep.run, []


def die_once(self):
    rank = getattr(self.backend, "_rank", None)
    calls.append(self)
    if rank and rank.number == 1 and len(calls) == 2 and os.path.exists("dies"):
        os.unlink("dies")
        while not list(rank.meeting.parent.parent.glob("checkpoints/state-*/MANIFEST.json")):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    run(self)


keras_training.BlockStep.run = die_once
if os.path.exists("apart"):
    from rnnexp.training.backends import torch_ranks

    torch_ranks.RankedTorchTrainer._join = lambda self: self._tested
"""


def losses(folder: Path) -> list[float]:
    """Return all losses of the job, of training and validation, epoch by epoch."""
    rows = [row for row in RunJournal(folder / "jobs" / "0").rows.records() if row["step"]]
    assert [row["step"] for row in rows] == list(range(1, EPOCHS + 1))
    return [row["metrics"][key] for row in rows for key in ("train/loss", "val/loss")]


def differ(one: Path, other: Path) -> float:
    """Return by how much the losses of two trainings differ at most, relative to themselves."""
    return max(abs(a - b) / abs(b) for a, b in zip(losses(one), losses(other), strict=True))


def train(name: str, *words: str) -> tuple[Path, str]:
    """Run a sweep of one job, and return its folder and what it has said."""
    started = start("--new", "plugins=[toys,ours]", *KEPT, f"hydra.sweeper.name={name}", *words)
    said, _ = started.communicate(timeout=600)
    assert started.returncode == 0, said
    return Path("runs", "sweeps", name), said


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["backend=tensorflow"], "backend: tensorflow given; several ranks train on jax or torch"),
        (["trainer.devices=2"], "trainer.devices: 2 given; several ranks use all devices that each of them sees"),
        (["trainer.engine=keras"], "trainer.engine: keras given; several ranks need engine=compiled or auto on jax"),
        (["ensemble=3"], "ensemble: not with several ranks, which train one network once"),
        (["callbacks.trouble.seconds=1"], "callbacks.trouble may do anything after each epoch, which several ranks"),
        (["trainer.monitor=time/epoch_s"], "trainer.monitor watches the clock, which several ranks cannot do alike"),
    ],
)
def test_what_ranks_cannot_train_is_told_before_anything_starts(words: list[str], problem: str, quick: Quick) -> None:
    with pytest.raises(ConfigError, match=f"^hydra/launcher=ranks: {problem}"):
        run(*UNTRACKED, *words, launcher={"name": "ranks"})
    assert not quick.tasks
    run(*UNTRACKED, launcher={"name": "ranks"})
    assert len(quick.tasks) == 1


def test_the_settings_of_ranks_are_checked(quick: Quick) -> None:
    problems: list[str] = []
    read_launcher({"name": "ranks", "ranks": 0}, problems)
    assert problems == ["hydra.launcher.ranks: 0 given; must be greater than or equal to 2"]
    with pytest.raises(ConfigError, match="n_jobs: 3 given; ranks train one job after the other"):
        run(*UNTRACKED, launcher={"name": "ranks", "n_jobs": 3})


def test_each_rank_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    launcher = read_launcher({"name": "ranks", "threads": 1}, [])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6,7")
    slots = launcher.slots(Hardware(frozenset({"jax"}), cpu_only=False))
    assert [slot.environment["CUDA_VISIBLE_DEVICES"] for slot in slots] == ["4", "6"]
    assert launcher.slots(Hardware(frozenset({"jax"}), cpu_only=True)) == [Slot(1, {})] * 2
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4")
    with pytest.raises(ResourceError, match=r"ranks: 2 given, but there are 1 GPUs?, and each rank needs its own"):
        launcher.slots(Hardware(frozenset({"jax"}), cpu_only=False))


@pytest.mark.end_to_end
def test_two_ranks_train_as_one_process_does_and_one_that_dies_costs_no_epoch(tmp_path: Path, client: Any) -> None:
    (tmp_path / "ours.py").write_text(PLUGIN)
    alone, _ = train("alone", "tracking=off", "hydra/launcher=local", "hydra.launcher.vectorize=false")

    Path("composed").unlink()
    Path("dies").touch()
    both, said = train("both", "hydra/launcher=ranks")
    (lost,) = events(both, "lost")
    assert lost["why"] == "rank 1: its process was killed by SIGKILL"
    assert "job 0: rank 1: its process was killed by SIGKILL; resuming from epoch " in said
    assert [job.attempts for job in jobs(both).values()] == [2]
    assert differ(both, alone) <= 2e-7
    # One process composes, and one rank alone writes: to the store, and to the folder of the run.
    assert len({*Path("composed").read_text().split()}) == 1
    states = [run.info.status for run in client.search_runs(["1"])]
    assert states == ["FINISHED"] * 2  # the sweep and its job
    (follower,) = both.glob("jobs/0/processes/attempt-2/1")
    assert {path.name for path in follower.iterdir()} == {"attempt", "job.log", "run.lock"}

    Path("apart").touch()
    apart, _ = train("apart", "tracking=off", "hydra/launcher=ranks")
    assert differ(apart, alone) > 1e-2


def find_ranks(folder: Path) -> list[int]:
    """Return the processes that have trained the job, in all attempts."""
    logs = [folder / "jobs" / "0" / "job.log", *folder.glob("jobs/0/processes/*/*/job.log")]
    return [int(number) for log in logs for number in re.findall(r"^process (\d+) ", log.read_text(), re.MULTILINE)]


def is_alive(process: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(process, 0)
        return True
    return False


def kill_and_repeat(name: str, words: Sequence[str]) -> Path:
    """Kill the command of a sweep after a checkpoint of its job, see that all ranks end, and give it once more."""
    Path("waits").touch()
    folder = Path("runs", "sweeps", name)
    first = start("--new", "plugins=[toys,ours]", *KEPT, f"hydra.sweeper.name={name}", *words)
    try:
        wait_for(lambda: first.poll() is not None or [*folder.glob("jobs/0/checkpoints/state-*/MANIFEST.json")])
        assert first.poll() is None, first.communicate()[0]
        processes = find_ranks(folder)
    finally:
        first.kill()
        Path("waits").unlink()
        first.communicate()
    assert len(processes) == 2
    wait_for(lambda: not any(is_alive(process) for process in processes))
    again = start("plugins=[toys,ours]", *KEPT, f"hydra.sweeper.name={name}", *words)
    said, _ = again.communicate(timeout=600)
    assert again.returncode == 0, said
    assert "jobs that resume from their checkpoints: 0" in said, said
    return folder


@pytest.mark.end_to_end
def test_a_command_that_is_killed_goes_on_with_its_ranks(tmp_path: Path) -> None:
    (tmp_path / "ours.py").write_text(PLUGIN)
    alone, _ = train("alone", "tracking=off", "hydra/launcher=local", "hydra.launcher.vectorize=false")
    both = kill_and_repeat("both", ["tracking=off", "hydra/launcher=ranks"])
    assert [job.attempts for job in jobs(both).values()] == [2]
    assert differ(both, alone) <= 2e-7


def see_it_fail(place: Sequence[str]) -> None:
    """Check that a job whose ranks all fail is not begun again, and that it is told why."""
    started = start("--new", "plugins=[toys,ours]", *KEPT, "hydra.sweeper.name=broken", *place)
    said, _ = started.communicate(timeout=600)
    assert started.returncode == 10, said
    assert "resuming" not in said
    folder = Path("runs", "sweeps", "broken")
    assert [job.attempts for job in jobs(folder).values()] == [1]
    log = (folder / "jobs" / "0" / "job.log").read_text()
    assert "rank 1: rank 1 is broken" in log
    assert "rank 0 is broken" in said


@pytest.mark.end_to_end
@pytest.mark.parametrize("files", [["breaks"], ["breaks", "late"]], ids=["at once", "the first one last"])
def test_an_error_in_all_ranks_is_the_end_of_the_job(tmp_path: Path, files: list[str]) -> None:
    (tmp_path / "ours.py").write_text(PLUGIN)
    for file in files:
        Path(file).touch()
    see_it_fail(["tracking=off", "hydra/launcher=ranks"])


@pytest.mark.end_to_end
@ON_RAY
def test_ray_starts_the_ranks_of_a_job_on_two_nodes(tmp_path: Path, cluster: Any) -> None:
    (tmp_path / "ours.py").write_text(PLUGIN + TELLING)
    alone, _ = train("alone", "tracking=off", "hydra/launcher=local", "hydra.launcher.vectorize=false")
    place = [
        "tracking=off",
        "hydra/launcher=ray",
        f"hydra.launcher.address={cluster.address}",
        "hydra.launcher.ranks=2",
    ]

    Path("dies").touch()
    both, said = train("both", *place)
    assert "job 0: rank 1: Ray: its process was killed; resuming from epoch " in said, said
    assert [job.attempts for job in jobs(both).values()] == [2]
    assert differ(both, alone) <= 2e-7
    logs = [both / "jobs" / "0" / "job.log", *both.glob("jobs/0/processes/attempt-2/1/job.log")]
    nodes = [re.findall(r"^node (\w+)$", log.read_text(), re.MULTILINE)[-1] for log in logs]
    assert "Unhandled error" not in said
    assert {*nodes} == {cluster.head_node.node_id, *(node.node_id for node in cluster.worker_nodes)}

    assert differ(kill_and_repeat("killed", place), alone) <= 2e-7
    Path("apart").touch()
    apart, _ = train("apart", *place)
    assert differ(apart, alone) > 1e-2

    for file in ("breaks", "late"):
        Path(file).touch()
    see_it_fail(place)


@ON_RAY
def test_ranks_that_ray_has_no_room_for_are_refused(rehearsed: None) -> None:
    told = r"^hydra.launcher.ranks: 99 given, and Ray has room for \d+ that ask for {'num_cpus': 1}; ask for less"
    with pytest.raises(ResourceError, match=told):
        run(*UNTRACKED, launcher={"name": "ray", "ranks": 99})


@pytest.mark.end_to_end
def test_the_tasks_of_a_job_of_slurm_are_ranks(tmp_path: Path) -> None:
    (tmp_path / "ours.py").write_text(PLUGIN)
    alone, _ = train("alone", "tracking=off", "hydra/launcher=local", "hydra.launcher.vectorize=false")
    place = ("hydra/launcher=submitit", "hydra.launcher.cluster=local", "hydra.launcher.threads=1")
    two, _ = train("two", "tracking=off", *place, "hydra.launcher.resources={tasks_per_node: 2, timeout_min: 5}")
    assert "rank 0 of 2" in (two / "jobs" / "0" / "job.log").read_text()
    assert differ(two, alone) <= 2e-7
    (follower,) = two.glob("jobs/0/processes/attempt-1/1/job.log")
    assert "trained to the end" in follower.read_text()


@pytest.mark.end_to_end
def test_two_ranks_on_pytorch_train_as_one_process_does(tmp_path: Path) -> None:
    (tmp_path / "ours.py").write_text(TORCH_PLUGIN)
    words = ("backend=torch", "tracking=off", "model.units=3")
    alone, _ = train("alone", *words, "hydra/launcher=local")
    Path("dies").touch()
    both, said = train("both", *words, "hydra/launcher=ranks")
    assert "job 0: rank 1: its process was killed by SIGKILL; resuming from epoch " in said
    assert "rank 0 of 2" in (both / "jobs" / "0" / "job.log").read_text()
    assert differ(both, alone) <= 1e-6
    Path("apart").touch()
    apart, _ = train("apart", *words, "hydra/launcher=ranks")
    assert differ(apart, alone) > 1e-3
