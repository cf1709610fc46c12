"""A Ray cluster of two nodes on this machine, with a processor each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

HEAD, OTHER = "127.0.0.2", "127.0.0.3"  # Ray takes 127.0.0.1 for the address that other machines see
WARNINGS = ("::ResourceWarning", "::FutureWarning", "::pytest.PytestUnraisableExceptionWarning")
ON_RAY = pytest.mark.filterwarnings(*(f"ignore{text}" for text in WARNINGS))


@contextmanager
def start_nodes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Start the nodes in another folder than the sweep's."""
    from ray.cluster_utils import Cluster

    here = Path.cwd()
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.chdir(folder)
    started = try_often(lambda: Cluster(initialize_head=True, head_node_args={**at(HEAD), "include_dashboard": False}))
    try_often(lambda: started.add_node(**at(OTHER)))
    monkeypatch.chdir(here)
    yield started
    started.shutdown()


def at(address: str) -> dict[str, Any]:
    return {"num_cpus": 1, "node_ip_address": address, "object_store_memory": 80 * 2**20}


def try_often(make: Callable[[], Any], tries: int = 4) -> Any:
    """Try again if a busy machine was too slow: Ray gives a node 15 seconds."""
    try:
        return make()
    except Exception:
        if tries == 1:
            raise
        return try_often(make, tries - 1)
