"""A task that the package knows nothing of: how many marks there are in a line of `.` and `|`.

It brings its source of data, its loss, its head, its metrics, its baseline, its picture and its prediction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from rnnexp import register
from rnnexp.data.source import ExampleSource
from rnnexp.data.spec import UNKNOWN_SIZE, InputSpec, TaskSpec
from rnnexp.task import Metric
from rnnexp.tasks.base import TaskCode, deferred

if TYPE_CHECKING:
    import keras


@register("task")
class counting(TaskCode):
    """How many marks there are in a line."""

    headline = ("exact_share",)
    reported = ("exact_share", "count_error")
    metrics = (
        Metric("exact_share", "share of counts that are right", greater_is_better=True, counted="lines"),
        Metric("count_error", "mean difference of the counts", counted="lines"),
    )
    takes = "lines of marks"
    examples = "lines"

    load = deferred("counting.lines:load")
    apply = deferred("counting.lines:apply")
    leaks = deferred("rnnexp.data.leaks:shared_examples")
    seen = deferred("rnnexp.data.leaks:seen_examples")
    preprocessor = deferred("counting.lines:Pipeline.from_json")
    inspect = deferred("counting.lines:inspect")
    report = deferred("counting.scores:report")
    figures = deferred("counting.scores:figures")
    predict = deferred("counting.scores:predict")
    answer = deferred("counting.scores:answer")
    request_schema = deferred("counting.scores:request_schema")


@register("data")
class marks(ExampleSource):
    """Lines of `.` and `|`, all of one length; what is to be found is how many `|` each has."""

    task: ClassVar[str] = "counting"
    name: Literal["marks"] = "marks"
    path: str = Field(description="File of lines.")
    sequence_length: int = Field(8, ge=1, description="Characters of a line.")

    def read(self) -> list[str]:
        """Read the lines."""
        from counting.lines import read_lines

        return read_lines(self.path, self.sequence_length)

    def outline(self) -> TaskSpec:
        past = InputSpec((self.sequence_length, 1))
        return TaskSpec(self.task, {"past": past}, (1,), targets=("marks",), loss="count_likelihood")


assert UNKNOWN_SIZE == 0  # an outline knows all of its sizes here


@register("loss")
def count_likelihood(weight: float = 1.0) -> keras.losses.Loss:
    """Return minus the log-likelihood of counts by Poisson, the mean being softplus of the output."""
    import keras

    class CountLikelihood(keras.losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            mean = keras.ops.softplus(y_pred)
            return weight * keras.ops.mean(mean - y_true * keras.ops.log(mean + 1e-6), axis=-1)

    return CountLikelihood(name="count_likelihood")


@register("model")
def summing_head(spec: TaskSpec, units: int = 4) -> keras.Model:
    """Return a GRU whose head adds up over all steps."""
    import keras

    past = keras.Input(spec.inputs["past"].shape, name="past")
    steps = keras.layers.GRU(units, return_sequences=True, name="rnn")(past)
    each = keras.layers.Dense(1, activation="softplus", name="each")(steps)
    pooled = keras.layers.GlobalAveragePooling1D(name="mean")(each)
    return keras.Model(past, keras.layers.Dense(1, name="head")(pooled))
