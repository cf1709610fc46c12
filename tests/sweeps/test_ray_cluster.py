"""A sweep on a Ray cluster of two nodes, one of which is killed, and then the sweep itself: no epoch is lost or done
twice, and the weights are those of a sweep that nobody has disturbed.
"""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ray_nodes import HEAD, ON_RAY, OTHER, at, try_often
from sweeping import UNTRACKED, events, jobs, run, start, wait_for

from rnnexp.errors import ResourceError
from rnnexp.sweeps.task import LOG
from rnnexp.tracking.journal import RunJournal

EPOCHS, KILLED_AFTER = 30, 3
KEPT = (*UNTRACKED, f"trainer.epochs={EPOCHS}", "trainer.checkpoint_every_s=0", "seed=0,1")
OFTEN = "from rnnexp.training import keeper\nkeeper.SHARE = 1e9\n"  # a checkpoint after each epoch
TELLING = """
import ray
if ray.is_initialized():
    print("node", ray.get_runtime_context().get_node_id(), flush=True)
"""


def steps(folder: Path, job: int) -> list[int]:
    with suppress(FileNotFoundError):
        return [row["step"] for row in RunJournal(folder / "jobs" / str(job)).rows.records()]
    return []


def nodes(folder: Path, job: int) -> list[str]:
    """Return the nodes that a job has been on, one per attempt."""
    return re.findall(r"^node (\w+)$", (folder / "jobs" / str(job) / LOG).read_text(), re.MULTILINE)


def weights(folder: Path, job: int = 0) -> dict[str, np.ndarray]:
    """Return the weights of the last checkpoint that a job has left."""
    (kept,) = (folder / "jobs" / str(job) / "checkpoints").glob("state-*/state.npz")
    with np.load(kept) as archive:
        return {name: array for name, array in archive.items() if "/time/" not in name}


def is_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(one[name].tobytes() == other[name].tobytes() for name in one)


@pytest.mark.end_to_end
@ON_RAY
def test_a_node_that_is_killed_and_then_the_sweep_cost_no_epoch(
    rehearsed: None, cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnnexp.training.keeper.SHARE", 1e9)
    (toys := tmp_path / "toys.py").write_text(toys.read_text() + OFTEN)
    untold = toys.read_text()
    toys.write_text(untold + TELLING)
    place = ("hydra/launcher=ray", f"hydra.launcher.address={cluster.address}", "hydra.sweeper.name=ours")
    words = (*KEPT, *place, "callbacks.trouble.seconds=0.3")
    folder = Path("runs", "sweeps", "ours")
    (second,) = cluster.worker_nodes

    first = start(*words)
    try:
        wait_for(lambda: first.poll() is not None or all(len(steps(folder, job)) >= KILLED_AFTER for job in (0, 1)))
        assert first.poll() is None, first.communicate()[0]
        on = {nodes(folder, job)[0]: job for job in (0, 1)}
        assert len(on) == 2, "both jobs on one node"
        stays, falls = on[cluster.head_node.node_id], on[second.node_id]
        cluster.remove_node(second, allow_graceful=False)  # SIGKILL
        (lost,) = wait_for(lambda: events(folder, "lost"))
        before = len(steps(folder, falls))
        wait_for(lambda: len(steps(folder, falls)) >= before + KILLED_AFTER)  # on the other node
    finally:
        first.kill()
    said, _ = first.communicate()
    assert lost["job"] == falls
    assert f"job {falls}: {lost['why']}; resuming from" in said
    assert lost["why"] == "Ray: the node it ran on is gone"
    assert nodes(folder, falls) == [second.node_id, cluster.head_node.node_id]

    try_often(lambda: cluster.add_node(**at(OTHER)))
    again = start(*words)
    said, _ = again.communicate(timeout=300)
    assert again.returncode == 0, said
    assert f"jobs that resume from their checkpoints: {falls}" in said
    assert [job.status for job in jobs(folder).values()] == ["done", "done"]
    assert {number: job.attempts for number, job in jobs(folder).items()} == {stays: 1, falls: 3}
    assert [steps(folder, job) for job in (0, 1)] == [[*range(1, EPOCHS + 1), 0]] * 2

    toys.write_text(untold)
    whole = run(*KEPT, "callbacks.trouble.seconds=0", launcher={"name": "serial"}, name="whole")
    for job in (0, 1):
        assert is_same(weights(folder, job), weights(whole, job))
    assert not is_same(weights(folder), weights(whole, job=1))


@pytest.mark.end_to_end
@ON_RAY
def test_an_address_that_nobody_listens_at_is_said_at_once(rehearsed: None) -> None:
    with socket.socket() as taken:  # and does not listen
        taken.bind((HEAD, 0))
        address = f"{HEAD}:{taken.getsockname()[1]}"
        for given, told in ((address, "Connection refused"), (f"ray://{address}", "refused"), ("nonsense", "Invalid")):
            with pytest.raises(ResourceError, match=f"^hydra.launcher.address: no Ray cluster at {given}: .*{told}"):
                run(*UNTRACKED, "seed=0,1", launcher={"name": "ray", "address": given})


@pytest.mark.end_to_end
@ON_RAY
def test_a_cluster_is_joined_only_where_it_is_named(
    rehearsed: None, cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another's cluster on this machine has other files beside it and may go away at any time."""
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)  # as Ray finds one that was started by its command
    (toys := tmp_path / "toys.py").write_text(toys.read_text() + TELLING)
    theirs = {cluster.head_node.node_id, *(node.node_id for node in cluster.worker_nodes)}

    own = run(*UNTRACKED, "seed=0", launcher={"name": "ray"}, name="own")
    joined = run(*UNTRACKED, "seed=0", launcher={"name": "ray", "address": "auto"}, name="joined")
    assert nodes(own, job=0)
    assert not theirs.intersection(nodes(own, job=0))
    assert nodes(joined, job=0)
    assert theirs.issuperset(nodes(joined, job=0))
