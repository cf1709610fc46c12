"""Keras's metrics by the names that a configuration has for them, and perplexity, which Keras has not."""

from __future__ import annotations

import inspect
from functools import cache
from typing import TYPE_CHECKING, Any

from rnnexp.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    import keras


def make_metric(name: str, logged_as: str = "") -> Any:
    """Return what Keras's compile takes for a metric's name, logged under just that name unless another is given."""
    import keras

    shown = logged_as or name

    renamed = {"rmse": "RootMeanSquaredError", "r2": "R2Score", "auc": "AUC"}
    if name in renamed:
        return getattr(keras.metrics, renamed[name])(name=shown)
    if name == "perplexity":
        return make_perplexity()
    if name in ("accuracy", "acc"):
        return name  # Keras chooses binary, categorical or sparse by the shapes
    try:
        metric = keras.metrics.get(name)
    except ValueError:
        choices = [*renamed, "accuracy", "mae", "mse", "mape", *_list_keras_metrics()]
        raise ConfigError(f"metrics: Keras has no metric `{name}`{did_you_mean(name, choices)}") from None
    if isinstance(metric, keras.metrics.Metric):
        return metric.__class__.from_config({**metric.get_config(), "name": shown})
    return keras.metrics.MeanMetricWrapper(metric, name=shown)


def _list_keras_metrics() -> list[str]:
    import keras

    return [name for name, _ in inspect.getmembers(keras.metrics, inspect.isclass)]


def make_perplexity() -> keras.metrics.Metric:
    """Return a metric of logits: exp of the mean cross-entropy, in nats, of the tokens that came."""
    return _class()(from_logits=True, name="perplexity")


@cache
def _class() -> type:
    import keras

    class Perplexity(keras.metrics.SparseCategoricalCrossentropy):
        def result(self) -> Any:
            return keras.ops.exp(super().result())

    return Perplexity
