"""Names of metrics: what is read from Keras's source is what Keras takes, and what fits the task."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from inspect import Parameter, signature
from typing import Any

import numpy as np
import pytest

import rnnexp as rx
from rnnexp import runtime
from rnnexp.config import metric_names
from rnnexp.evaluation import classification, metrics
from rnnexp.task import tasks
from rnnexp.training.prepare import make_metric

# Without compilation, 0.3 s for all names: in a process of its own, because a process has one backend.
TRIAL = """
import json
import numpy as np
from rnnexp.config.metric_names import accepted
from rnnexp.training.prepare import make_metric

def works(name, labels, shape):
    generator = np.random.default_rng(0)
    predicted = generator.uniform(0.1, 0.9, shape).astype("float32")
    actual = np.array([0, 1, 2, 1]) if labels else generator.integers(0, 2, shape).astype("float32")
    try:
        one = make_metric(name)
        one.update_state(actual, predicted)
        float(one.result())
    except (ValueError, TypeError, IndexError):
        return False
    return True

tried = [name for name in accepted(None) if name not in ("accuracy", "acc")]
shapes = {"forecasting": [(4, 1, 1), (4, 3, 2)], "regression": [(4, 1), (4, 2)], "classification": [(4, 3)]}
print(json.dumps({
    task: [name for name in tried if all(works(name, task == "classification", shape) for shape in shapes[task])]
    for task in shapes
}))
"""


@pytest.fixture(scope="module", autouse=True)
def jax_runtime() -> None:
    runtime.configure("jax")


def identifiers() -> dict[str, Any]:
    from keras.src.metrics import ALL_OBJECTS_DICT

    return dict(ALL_OBJECTS_DICT)


def buildable(cls: type) -> bool:
    """Tell whether Keras can make a metric of this class without arguments, and feed it two arrays."""
    needed = [p for p in signature(cls).parameters.values() if p.default is Parameter.empty]
    named = [p for p in needed if p.kind not in (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL)]
    return not named and [*signature(cls.update_state).parameters][1] == "y_true"


def test_every_identifier_of_keras_is_known_with_its_class() -> None:
    assert metric_names._identifiers() == {name: cls.__name__ for name, cls in identifiers().items()}


def test_what_keras_can_make_of_a_name_alone_is_accepted_and_nothing_else() -> None:
    made = {name for name, cls in identifiers().items() if buildable(cls)}
    assert set(metric_names.accepted(None)) == made | set(metric_names.SHORT)
    assert {"mae", "MSE", "CosineSimilarity", "f1_score"} <= made
    assert not {"mean_io_u", "Mean", "metric", "maee"} & made


def test_every_accepted_name_is_built_under_its_own_name() -> None:
    built = {name: make_metric(name) for name in metric_names.accepted(None)}
    assert {name: one if isinstance(one, str) else one.name for name, one in built.items()} == {
        name: name for name in built
    }


def test_a_name_that_is_not_accepted_cannot_be_built() -> None:
    import keras

    with pytest.raises(ValueError, match="Could not interpret metric identifier: maee"):
        keras.metrics.get("maee")
    with pytest.raises(TypeError, match="num_classes"):
        keras.metrics.get("mean_io_u")
    assert {"maee", "mean_io_u"}.isdisjoint(metric_names.accepted(None))


@pytest.fixture(scope="module")
def computed() -> dict[str, set[str]]:
    """Let Keras compute every metric on arrays shaped as those of each task."""
    environment = os.environ | {"KERAS_BACKEND": "numpy"}
    command = [sys.executable, "-W", "ignore", "-c", TRIAL]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return {task: set(names) for task, names in json.loads(done.stdout).items()}


@pytest.mark.parametrize("task", ["forecasting", "regression", "classification"])
def test_what_is_accepted_for_a_task_is_what_keras_can_compute_for_it(task: str, computed: dict[str, set[str]]) -> None:
    # Keras takes whole labels for one-hot ones and computes a number without a meaning.
    meaningless = {"CategoricalAccuracy", "categorical_accuracy"} if task == "classification" else set()
    assert set(metric_names.accepted(task)) - {"accuracy", "acc"} == computed[task] - meaningless


def test_tasks_differ_in_what_can_be_computed(computed: dict[str, set[str]]) -> None:
    assert "r2" in computed["regression"] - computed["forecasting"]
    assert "mse" not in computed["classification"]


def test_what_is_said_to_be_reported_is_reported() -> None:
    column = np.array([1.0, 2.0, 4.0]).reshape(3, 1, 1)
    assert set(metrics.scores(column, column + 1)[0]) == set(tasks()["forecasting"].reported)
    found = classification.scores(np.array([0, 1]), np.array([0, 1]), 2)
    assert set(found) == set(tasks()["classification"].reported)


def test_a_metric_that_is_reported_anyway_is_answered_so() -> None:
    [problem] = metric_names.mistakes(["smape"], "forecasting")
    assert problem.startswith("metrics: Keras has no metric `smape`; the report at the end has mse, rmse, mae, smape")
    assert "the report at the end" not in metric_names.mistakes(["smape"], "classification")[0]


def test_a_registered_metric_is_accepted() -> None:
    assert metric_names.mistakes(["worst"], "forecasting") != []

    @rx.register("metric")
    def worst(actual, predicted) -> float:
        return float(np.abs(actual - predicted).max())

    assert metric_names.mistakes(["worst"], "forecasting") == []


def test_names_are_checked_without_importing_keras() -> None:
    script = (
        "import sys; from rnnexp.config.metric_names import mistakes; print(len(mistakes(['maee', 'mae'], None)),"
        "[m for m in ('keras', 'jax', 'tensorflow', 'torch', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1 []"
