"""A fact about a metric stands once, and every name that a metric is logged under finds it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import rnnexp as rx
from rnnexp import registry, task
from rnnexp.config import metric_names
from rnnexp.errors import ConfigError
from rnnexp.sweeps.objective import direction_for
from rnnexp.task import METRICS, primary, rises, score_of, scores, tasks
from rnnexp.training.monitor import BestValue, higher_is_better

PACKAGE = Path(task.__file__).parent
RISING = ("bleu", "chrf", "exact_match", "accuracy", "balanced_accuracy", "f1", "precision", "recall", "r2")
RISING += ("sequence_accuracy", "unknown_accuracy", "chunk_f1", "chunk_precision", "chunk_recall", "coverage_90")
FALLING = ("perplexity", "nats", "owa", "rmse", "nrmse", "mae", "mse", "smape", "mape", "mase", "loss", "total_loss")
FALLING += ("log_loss", "interval_width_90", "mse_scaled", "mae_scaled", "val_error", "brier_score", "accuracy_error")
PREFIXES = ("", "val/", "test/", "train/", "best/val/", "baseline/naive_bayes/", "test/h3/", "best/test/", "all/")


@pytest.mark.parametrize("prefix", PREFIXES)
def test_every_metric_has_its_direction_under_every_prefix(prefix: str) -> None:
    assert [name for name in RISING if not rises(prefix + name)] == []
    assert [name for name in FALLING if rises(prefix + name)] == []
    assert [name for name in RISING if not rises(f"{prefix}{name}_scaled")] == []


@pytest.mark.parametrize("name", FALLING)
def test_a_skill_rises_whatever_it_is_the_skill_of(name: str) -> None:
    assert rises(f"skill/{name}")
    assert rises(f"best/skill/{name}")
    assert not rises(name)


def test_metrics_of_keras_have_the_direction_that_keras_gives_them() -> None:
    import keras

    arguments = ({}, {"num_classes": 2}, {"num_classes": 2, "target_class_ids": [0]}, {"target_class_ids": [0]})
    arguments += ({"precision": 0.5}, {"recall": 0.5}, {"specificity": 0.5}, {"sensitivity": 0.5})
    names = {name: getattr(keras.metrics, cls or "", None) for name, cls in metric_names._identifiers().items()}
    found = {name: _direction(cls, arguments) for name, cls in names.items() if cls}
    told = {name: direction for name, direction in found.items() if direction}
    assert len(told) > 60
    assert {name for name, direction in told.items() if (direction == "up") != rises(f"val/{name}")} == set()


def _direction(cls: type, arguments: tuple[dict[str, object], ...]) -> str | None:
    for given in arguments:
        try:
            return getattr(cls(**given), "_direction", None)
        except (TypeError, ValueError):
            continue
    return None


def test_the_author_of_a_metric_says_whether_more_of_it_is_better() -> None:
    @rx.register("metric", greater_is_better=True)
    def profit(actual, predicted, cost: float = 1.0) -> float:  # type: ignore[no-untyped-def]
        return 0.0

    @rx.register("metric", greater_is_better=False)
    def worst_accuracy(actual, predicted) -> float:  # type: ignore[no-untyped-def]
        return 0.0

    assert higher_is_better("test/profit")
    assert not rises("test/profit")
    assert not higher_is_better("test/worst_accuracy")
    assert higher_is_better("skill/worst_accuracy")
    with pytest.raises(ConfigError, match="greater_is_better is said of a metric, not of a model"):
        rx.register("model", greater_is_better=True)


@pytest.mark.parametrize("name", ["best/val/bleu", "val/f1_score", "val/CosineSimilarity", "val/accuracy", "val/rmse"])
def test_objective_and_best_weights_read_the_same_direction(name: str) -> None:
    assert (direction_for(None, name) == "maximize") == rises(name)
    best_value = BestValue(name)
    best_value.update(1.0, epoch=1)
    assert best_value.update(2.0, epoch=2) is rises(name)


def test_the_first_headline_that_a_run_has_is_its_primary_metric() -> None:
    assert primary({"test/rmse", "test/owa"}, "test") == "owa"
    assert primary({"test/rmse", "train/owa"}, "test") == "rmse"
    assert primary({"test/perplexity", "test/bleu", "test/exact_match"}, "test") == "bleu"
    assert primary({"val/loss"}, "test") is None
    assert score_of({"train/rmse", "test/mae"}) == "train/rmse"
    assert {name.partition("/")[2] for name in scores()} <= set(METRICS)
    assert all(set(one.headline + one.reported) <= set(METRICS) for one in tasks().values())


def tables_of_metrics(text: str) -> Iterator[str]:
    """Yield every literal collection in which three metrics that head a summary stand side by side."""
    names = {name.partition("/")[2] for name in scores()}
    for node in ast.walk(ast.parse(text)):
        parts = node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", [])
        words = {
            part.value.rpartition("/")[2]
            for part in parts
            if isinstance(part, ast.Constant) and isinstance(part.value, str)
        }
        if len(words & names) > 2:
            yield ast.unparse(node)


def test_facts_about_metrics_stand_with_the_task_that_reports_them() -> None:
    found = {
        str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py") if any(tables_of_metrics(path.read_text()))
    }
    assert found
    assert found <= {f"tasks/{name}/__init__.py" for name in registry.names("task")}


def test_a_second_table_of_metrics_would_be_found() -> None:
    assert any(tables_of_metrics('METRICS = ("owa", "bleu", "exact_match", "perplexity", "rmse")'))
    assert any(tables_of_metrics('LABELS = {"test/rmse": "RMSE", "test/owa": "OWA", "bleu": "BLEU"}'))
    assert not any(tables_of_metrics('metrics[f"{part}/owa"] = ("owa", "mae", "mse")'))
