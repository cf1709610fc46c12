"""Losses under their names: of numbers, of classes, which are integers beside logits, and of strings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from rnnexp.config.settings import SINCE
from rnnexp.data import quantiles
from rnnexp.data.quantiles import MEDIAN
from rnnexp.models.cross_entropy_gradient import compute_nats
from rnnexp.registry import lookup, register

if TYPE_CHECKING:
    import keras

SUM_OVER_TIME = "add up the steps of a sequence (Zaremba et al., 2014), instead of averaging"
OF_STEPS = 3  # axes of logits (b, time, classes)


@register("loss")
def mse() -> keras.losses.Loss:
    """Punish large errors most; its best constant answer is the mean."""
    import keras

    return keras.losses.MeanSquaredError(name="mse")


@register("loss")
def mae() -> keras.losses.Loss:
    """Punish errors by their size; its best constant answer is the median."""
    import keras

    return keras.losses.MeanAbsoluteError(name="mae")


@register("loss")
def huber(  # Huber, Robust estimation of a location parameter, 1964
    delta: Annotated[float, Field(gt=0, description="error at which squares end, in scaled units")] = 1.0,
) -> keras.losses.Loss:
    """Square errors up to `delta`, take larger ones by their size: outliers count less."""
    import keras

    return keras.losses.Huber(delta=delta, name="huber")


@register("loss")
def log_cosh() -> keras.losses.Loss:
    """Behave as half the square for small errors and as the size for large ones, smoothly."""
    import keras

    return keras.losses.LogCosh(name="log_cosh")


@register("loss")
def mape() -> keras.losses.Loss:
    """Take errors as a percentage of the actual value, which must stay away from zero."""
    import keras

    return keras.losses.MeanAbsolutePercentageError(name="mape")


@register("loss")
def poisson() -> keras.losses.Loss:
    """Return minus the log-likelihood of counts; needs positive outputs: model.output_activation=softplus."""
    import keras

    return keras.losses.Poisson(name="poisson")


@register("loss")
class quantile:  # Koenker and Bassett, Regression quantiles, 1978
    """Weigh answers below the truth by `quantile`, those above by the rest; it learns that quantile, or several."""

    name: Literal["quantile"] = "quantile"
    quantile: float = Field(0.5, gt=0, lt=1, description="share of values that should lie below")
    quantiles: list[float] | None = Field(
        None,
        description="several at once, such as [0.1,0.5,0.9]; the median is the forecast, the others are reported, too",
        json_schema_extra={SINCE: "0.1"},
    )

    def check(self) -> list[str]:
        """List what is wrong with several quantiles."""
        several = self.quantiles
        if several is None:
            return []
        if problem := quantiles.find_flaw(several):
            return [f"quantiles: {several} given; {problem}"]
        if self.quantile != MEDIAN:
            return [f"quantile: {self.quantile} given beside loss.quantiles; leave one of them out"]
        return []

    def check_with(self, experiment: Any) -> list[str]:
        """List why the data have no quantiles."""
        code: Any = lookup("task", experiment.data.task)()
        return code.find_quantile_mistakes(experiment.data) if self.quantiles else []

    def build(self) -> keras.losses.Loss:
        """Return the mean of the pinball losses, in float32, of all quantiles; those of a target stand side by side."""
        import keras
        from keras import ops

        one, several = self.quantile, self.quantiles

        class Pinball(keras.losses.Loss):
            def call(self, y_true: Any, y_pred: Any) -> Any:
                level: Any = one
                if several is not None:
                    level = ops.tile(ops.array(several, y_pred.dtype), y_true.shape[-1])
                    y_true = ops.repeat(y_true, len(several), axis=-1)
                error = y_true - y_pred
                return ops.mean(ops.maximum(level * error, (level - 1) * error), axis=-1)

        return Pinball(name="quantile")


@register("loss")
def cross_entropy(
    sum_over_time: Annotated[bool, Field(description=SUM_OVER_TIME, json_schema_extra={SINCE: "0.1"})] = False,
) -> keras.losses.Loss:
    """Return minus the log of the probability, in nats, that logits give to the true class, an integer: of a sequence,
    or of each of its steps.

    It is the mean over sequences, which class weights multiply. Where steps are weighed, since sequences end before
    their batch does, it is the mean over the steps that count.
    """
    import keras

    class CrossEntropy(keras.losses.Loss):
        def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
            of_steps = len(y_pred.shape) == OF_STEPS and not sum_over_time
            self.reduction = "mean_with_sample_weight" if of_steps else "sum_over_batch_size"
            return super().__call__(y_true, y_pred, sample_weight)

        def call(self, y_true: Any, y_pred: Any) -> Any:
            if keras.backend.backend() == "jax":
                nats = compute_nats(y_true, y_pred)
            else:
                nats = keras.losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)
            return keras.ops.sum(nats, axis=1) if sum_over_time else nats

    return CrossEntropy(name="cross_entropy")


@register("loss")
def token_cross_entropy(
    sum_over_time: Annotated[bool, Field(description=SUM_OVER_TIME)] = False,
) -> keras.losses.Loss:
    """Return `cross_entropy`, under the name that it had where each step has a class."""
    loss = cross_entropy(sum_over_time)
    loss.name = "token_cross_entropy"
    return loss


@register("loss")
def ctc() -> keras.losses.Loss:
    """Return minus the log of the probability, in nats, that logits of steps give to a string by any alignment.

    Graves, Fernandez, Gomez and Schmidhuber, Connectionist temporal classification, 2006, eq. 8. The truth is
    (b, 1 + letters) integers: how many steps count, then the letters from 1, then zeros. Logits are
    (b, time, 1 + alphabet), of which the first is of the blank. A string that has no alignment must not come here.
    """
    import keras
    from keras import ops

    class CTC(keras.losses.Loss):
        def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
            bare = ops.add(y_pred, 0)  # without the mask of steps that Keras leaves there: this loss is of strings
            return super().__call__(y_true, bare, sample_weight)

        def call(self, y_true: Any, y_pred: Any) -> Any:
            truth = ops.cast(y_true, "int32")
            steps, letters = truth[:, 0], truth[:, 1:]
            written = ops.sum(ops.cast(letters > 0, "int32"), axis=1)
            return ops.ctc_loss(letters, y_pred, written, steps, mask_index=0)

    return CTC(name="ctc")
