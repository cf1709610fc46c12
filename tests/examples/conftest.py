"""Examples are plugins outside the package: a test runs in a folder with a copy of one, as its README says."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def example(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Copy the example that a file of tests is about, by its EXAMPLE, into the working directory."""
    folder = EXAMPLES / request.module.EXAMPLE
    shutil.copytree(folder, Path.cwd(), dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.syspath_prepend(str(Path.cwd()))
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == request.module.PLUGIN]:
        del sys.modules[name]


def train_between(words: tuple[str, ...], first: Any = None, until: int | None = None) -> Any:
    """Train as the words say, from a snapshot on; return the snapshot after so many steps, or the last weights."""
    import numpy as np

    import rnnexp as rx
    from rnnexp import runner
    from rnnexp.training.fit import make_training

    experiment = rx.compose(*words)
    device = runner.configure_runtime(experiment, None)
    dataset = runner.load_data(experiment)
    model = runner.build_model(experiment, dataset, device)
    plan = runner.make_plan(experiment, Path("unused").absolute())(dataset.spec)
    training = make_training(model, dataset, replace(plan, run_dir=None))
    if first is not None:
        training.restore(first)
    for number, step in enumerate(training.steps(lambda *_: None)):
        if number == until:
            return training.snapshot()
        step.run()
    return [np.asarray(weight) for weight in model.weights]


@pytest.fixture
def resumes() -> Callable[..., tuple[Any, Any]]:
    """Return a function that trains in one go, and with a pause after so many steps: the weights of both."""

    def resume(*words: str, pause: int) -> tuple[Any, Any]:
        return train_between(words), train_between(words, train_between(words, until=pause))

    return resume
