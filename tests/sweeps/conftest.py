"""A plugin in the working directory, a store that exists already, and sweeps that compute nothing."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import ray_nodes
import sweeping
from sweeping import Quick

from rnnexp import registry
from rnnexp.sweeps.launcher import Launcher


@pytest.fixture(autouse=True)
def toys(tmp_path: Path) -> Iterator[None]:
    """Write the plugin, and forget it afterwards so that the next test registers it again."""
    (tmp_path / "toys.py").write_text(sweeping.TOYS)
    yield
    sys.modules.pop("toys", None)
    for known in registry._registered.values():  # a fixture of the whole file may have registered them before the test
        for name in [name for name, component in known.items() if component.__module__ == "toys"]:
            del known[name]


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one SQLite store; a fresh one costs two seconds."""
    from rnnexp.tracking.store import open_store, tracking_uri

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    open_store(tracking_uri(f"sqlite:///{path}"))
    return path


@pytest.fixture
def client(empty_store: Path, tmp_path: Path) -> Any:
    """Put a store into the working directory, where runs are tracked by default."""
    from rnnexp.tracking.store import open_store, tracking_uri

    shutil.copyfile(empty_store, tmp_path / "mlflow.db")
    return open_store(tracking_uri(None))


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Start two nodes of Ray on this machine, with a processor each."""
    with ray_nodes.start_nodes(tmp_path_factory.mktemp("nodes"), monkeypatch) as started:
        yield started


@pytest.fixture
def rehearsed(monkeypatch: pytest.MonkeyPatch) -> None:
    sweeping.spare_rehearsal(monkeypatch)


Quicken = Callable[[Quick], Quick]


@pytest.fixture
def quicken(rehearsed: None, monkeypatch: pytest.MonkeyPatch) -> Quicken:
    """Return a function that makes sweeps run on an executor of the test's own, without building networks."""

    def replace(executor: Quick) -> Quick:
        def start(launcher: Launcher, *_: object) -> Quick:
            executor.launchers.append(launcher.name)
            return executor

        for cls in registry.components("executor").values():
            monkeypatch.setattr(cls, "start", start)
        return executor

    return replace


@pytest.fixture
def quick(quicken: Quicken) -> Quick:
    return quicken(Quick())
