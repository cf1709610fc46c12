"""Keras's metrics by the names that a configuration has for them, and perplexity, which Keras has not."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from rnnexp.config.metric_names import RENAMED, accepted
from rnnexp.errors import ConfigError, did_you_mean
from rnnexp.task import ACCURACY

if TYPE_CHECKING:
    import keras


def make_metric(name: str, logged_as: str = "") -> Any:
    """Return what Keras's compile takes for a metric's name, logged under just that name unless another is given."""
    import keras

    shown = logged_as or name
    if name in RENAMED:
        return getattr(keras.metrics, RENAMED[name])(name=shown)
    if name == "perplexity":
        return make_perplexity()
    if name in ACCURACY:
        return name
    try:
        metric = keras.metrics.get(name)
    except ValueError:
        raise ConfigError(f"metrics: Keras has no metric `{name}`{did_you_mean(name, accepted(None))}") from None
    if isinstance(metric, keras.metrics.Metric):
        of_logits = {"from_logits": True} if type(metric) is keras.metrics.SparseCategoricalCrossentropy else {}
        return metric.__class__.from_config({**metric.get_config(), "name": shown, **of_logits})
    return keras.metrics.MeanMetricWrapper(metric, name=shown)


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
