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
from rnnexp.data.sources.corpus import corpus
from rnnexp.data.sources.labeled_texts import text_lines
from rnnexp.data.sources.synthetic import adding, reverse_digits, sine
from rnnexp.data.sources.text_tags import text_tags
from rnnexp.evaluation import classification, metrics
from rnnexp.task import tasks
from rnnexp.training.prepare import make_metric

OUTLINES = {
    "forecasting": sine().outline(),
    "regression": adding().outline(),
    "classification": text_lines(path="t.txt").outline(),
}
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
    assert set(metric_names.accepted(OUTLINES[task])) - {"accuracy", "acc"} == computed[task] - meaningless


def test_tasks_differ_in_what_can_be_computed(computed: dict[str, set[str]]) -> None:
    assert "r2" in computed["regression"] - computed["forecasting"]
    assert "mse" not in computed["classification"]


def test_all_tasks_of_classes_have_the_same_metrics() -> None:
    outlines = [
        source.outline()
        for source in (text_lines(path="t.txt"), corpus(path="t.txt"), text_tags(path="t.txt"), reverse_digits())
    ]
    found = [set(metric_names.accepted(outline)) for outline in outlines]
    assert all(names == found[0] for names in found)
    assert {"accuracy", "sparse_categorical_crossentropy", "SparseTopKCategoricalAccuracy"} <= found[0]
    assert set(metric_names.accepted(OUTLINES["forecasting"])) != found[0]


@pytest.mark.parametrize("name", ["sparse_categorical_crossentropy", "SparseCategoricalCrossentropy"])
def test_the_cross_entropy_of_an_epoch_is_taken_from_logits(name: str) -> None:
    labels, logits = np.array([0, 1]), np.log(np.array([[0.7, 0.3], [0.4, 0.6]], "float32")) + 5
    for own in (labels, np.array([1, 1])):
        one = make_metric(name)
        one.update_state(own, logits)
        assert (float(one.result()) == pytest.approx(-np.log([0.7, 0.6]).mean(), rel=1e-5)) == (own is labels)


def test_what_is_said_to_be_reported_is_reported() -> None:
    column = np.array([1.0, 2.0, 4.0]).reshape(3, 1, 1)
    assert set(metrics.scores(column, column + 1)[0]) == set(tasks()["forecasting"].reported)
    found = classification.scores(np.array([0, 1]), np.array([0, 1]), 2)
    assert set(found) | {"shuffled_accuracy"} == set(tasks()["classification"].reported)  # that one is of clips alone


def test_a_metric_that_is_reported_anyway_is_answered_so() -> None:
    [problem] = metric_names.mistakes(["smape"], OUTLINES["forecasting"])
    assert problem.startswith("metrics: Keras has no metric `smape`; the report at the end has mse, rmse, mae, smape")
    assert "the report at the end" not in metric_names.mistakes(["smape"], OUTLINES["classification"])[0]


def test_what_means_nothing_of_tokens_is_refused_whatever_is_asked_of_them() -> None:
    for outline in (corpus(path="t.txt").outline(), text_tags(path="t.txt").outline(), reverse_digits().outline()):
        [problem] = metric_names.mistakes(["mae", "sparse_categorical_accuracy"], outline)
        assert problem.startswith(f"metrics: Keras cannot compute `mae` of {outline.task} while training")


def test_a_registered_metric_is_accepted() -> None:
    assert metric_names.mistakes(["worst"], OUTLINES["forecasting"]) != []

    @rx.register("metric")
    def worst(actual, predicted) -> float:
        return float(np.abs(actual - predicted).max())

    assert metric_names.mistakes(["worst"], OUTLINES["forecasting"]) == []


def test_names_are_checked_without_importing_keras() -> None:
    script = (
        "import sys; from rnnexp.config.metric_names import mistakes; print(len(mistakes(['maee', 'mae'], None)),"
        "[m for m in ('keras', 'jax', 'tensorflow', 'torch', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1 []"
