"""What a data source is: settings that read numbers, and the windows, split and scaler put on top of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from rnnexp.config.settings import FORMERLY, SINCE
from rnnexp.data.few_labels import FewLabels
from rnnexp.data.labeled import Sequences
from rnnexp.data.series import Series
from rnnexp.data.spec import UNKNOWN_SIZE, InputSpec, TaskSpec
from rnnexp.data.splits import Split
from rnnexp.data.target_scaling import ScaledTargets
from rnnexp.errors import DataError
from rnnexp.registry import lookup, settings

if TYPE_CHECKING:
    import numpy as np

    from rnnexp.data.audio.extractor import FeatureExtractor

Scaler = Literal[
    "none",
    "standard",
    "minmax",
    "range",
    "robust",
    "log",
    "difference",
    "seasonal_difference",
    "last",
    "instance",
]
Calendar = Literal["month", "quarter", "week", "dayofyear", "dayofmonth", "dayofweek", "hour", "minute"]
Column = str | int
COUNTS = "in losses and scores: 2 counts twice, 0 never. null: 1."
STAY_TOGETHER = "(patient, machine, speaker), which is never split between sets; folds count groups. null: none."
MAX_DRAWN = 10_000_000  # examples or rows that a source makes itself: more fill memory before anything is looked at
WindowSize = tuple[int, int]  # its steps, and those between the starts of two windows
REPEATS = ("seed", "fold")  # settings that decide which rows are learned from, and nothing that a network is built of


def usual_split() -> Literal["none"] | Split:
    return Split()  # type: ignore[call-arg]  # mypy's pydantic plugin takes the defaults of a union for missing


@settings
class SeriesSource(ABC):
    """One or many series in time order, cut into windows: the base of every forecasting source.

    A source adds its own fields and `read`; `name` is the word that chooses it in YAML.
    """

    task: ClassVar[str] = "forecasting"
    samples: ClassVar[bool] = True  # of many rows, some windows of a part are enough to score it
    repeats: ClassVar[tuple[str, ...]] = REPEATS

    target: Column | list[Column] | None = Field(
        None, description="Column or columns to forecast, by name or position; null takes the only column."
    )
    features: list[Column] = Field(
        default_factory=list,
        description="Further columns the network sees, known up to the last input row only.",
    )
    known: list[Column] = Field(
        default_factory=list, description="Columns known ahead of time, also over the rows to be forecast."
    )
    calendar: list[Calendar] = Field(
        default_factory=list, description="Parts of the date, each fed as a sine and a cosine, known ahead."
    )
    weight: Column | None = Field(
        None,
        description="Column with the weight of each window in losses and scores, at the first row that it forecasts: "
        "2 counts twice, 0 never; null: 1.",
        json_schema_extra={SINCE: "0.1"},
    )
    columns_as_series: bool = Field(
        False, description="Treat each target column as a series of its own; one network is trained on all of them."
    )
    sequence_length: int = Field(10, ge=1, description="Rows of the past in one input.")
    horizon: int = Field(1, ge=1, description="Rows to forecast from one input.")
    stride: int = Field(1, ge=1, description="Rows between the starts of two windows.")
    layout: Literal["windows", "sequence"] = Field(
        "windows",
        description="Many short windows, or each series as one sequence whose lags are features of a step.",
    )
    strategy: Literal["direct", "recursive"] = Field(
        "direct",
        description="Forecast all rows of the horizon at once, or one row at a time from the forecasts before it.",
    )
    split: Literal["none"] | Split = Field(
        default_factory=usual_split,
        description="Training, validation and test set in time order, or none.",
    )
    folds: int | None = Field(
        None, ge=2, description="Number of rolling-origin folds over the rows before the test set."
    )
    fold: int = Field(1, ge=1, description="Which fold to hold out as the validation set, from 1 to folds.")
    scaler: Scaler | list[Scaler] = Field(
        "standard", description="Scaler, or several applied in order, fitted on the training set only."
    )
    per_series: bool = Field(False, description="Fit the scaler to each series, instead of once for all of them.")
    season: int | None = Field(
        None, ge=2, description="Rows per season; null infers it from the frequency of the dates."
    )
    forecast_from: list[float] | None = Field(
        None, description="Values to continue after training; null continues the series itself."
    )
    unit: str | None = Field(
        None,
        description="Unit of the values, for figures; null: as the source says.",
        json_schema_extra={FORMERLY: "units"},
    )
    on_short: Literal["fail", "skip"] = Field(
        "fail", description="What to do when one of many series is too short for a window."
    )

    @abstractmethod
    def read(self) -> Series | np.ndarray:
        """Read the series in original units; an array (rows,) or (rows, columns) is one series."""

    def outline(self) -> TaskSpec:
        """Return what the data will ask of a model, as far as the settings tell."""
        whole, ahead = self.layout == "sequence", len(self.known) + 2 * len(self.calendar)
        inputs = {"past": InputSpec((None if whole else self.sequence_length, UNKNOWN_SIZE))}
        inputs |= {"future": InputSpec((self.horizon, ahead))} if ahead else {}
        return TaskSpec(self.task, inputs, (self.horizon, UNKNOWN_SIZE), per_step=whole)

    def scalers(self) -> list[str]:
        """List the scalers in the order in which they are applied, without `none`."""
        chain = self.scaler if isinstance(self.scaler, list) else [self.scaler]
        return [name for name in chain if name != "none"]

    def check(self) -> list[str]:
        """List the mistakes between fields, as `data.key: message`, without reading any data."""
        from rnnexp.data.rules import series_mistakes

        return series_mistakes(self)

    def gives(self) -> set[str]:
        """Say which parts come from files of their own: of a series none does."""
        return set()

    def named(self) -> SeriesSource:
        """Return the source with names in the place of columns that are given by position, or not at all."""
        return self


@settings
class ExampleSource(ABC):
    """Independent examples, shuffled and shared out: the base of sequences and texts."""

    repeats: ClassVar[tuple[str, ...]] = REPEATS

    split: Literal["none"] | Split = Field(
        default_factory=usual_split,
        description="Training, validation and test set of the shuffled examples, in equal shares of each class, or "
        "none. What a file of its own gives is left out, and its share goes to the others.",
    )
    folds: int | None = Field(None, ge=2, description="Number of folds of k-fold cross-validation over the examples.")
    fold: int = Field(1, ge=1, description="Which fold to hold out, from 1 to folds.")
    held_out: Literal["val", "test"] = Field(
        "val",
        description="What a fold is held out as: val, of the examples outside the test set, to choose settings; or "
        "test, of all examples, to be scored in turn.",
    )
    buckets: int = Field(
        1,
        ge=1,
        description="Number of lengths that batches are padded to; above 1, sequences of similar length share a batch.",
    )
    seed: int = Field(0, ge=0, description="Seed of the shuffle before the split, and of generated examples.")
    unit: str | None = Field(
        None, description="Unit of the targets, for figures.", json_schema_extra={FORMERLY: "units"}
    )

    def gives(self) -> set[str]:
        """Say which parts come from files of their own, which leaves them out of `split`."""
        return set()

    def label_key(self) -> str:
        """Return the setting that says where the labels are, "" if none does."""
        return ""

    @property
    def is_labeled(self) -> bool:
        """Whether examples have labels or texts, and no numbers to predict."""
        return self.outline().outputs != "numbers"

    def window_size(self) -> WindowSize | None:
        """Return how each example is cut into windows; None where it is fed whole."""
        return None

    def check(self) -> list[str]:
        """List the mistakes between fields, as `data.key: message`, without reading any data."""
        from rnnexp.data.rules import example_mistakes

        return example_mistakes(self)

    @abstractmethod
    def outline(self) -> TaskSpec:
        """Return what the data will ask of a model, as far as the settings tell."""


@settings
class SequenceSource(ScaledTargets, FewLabels, ExampleSource):
    """Sequences of numbers with a label or numbers each: the base of classification and regression."""

    task: Literal["regression", "classification", "transcription"] = Field(
        "regression", description="Numbers to predict, labels to choose from, or a text to write down."
    )
    scaler: Literal["none", "standard"] = Field(
        "none", description="Scaler of the inputs, fitted on the training set only."
    )
    max_length: int | None = Field(None, ge=1, description="Steps that a sequence may have; null for no limit.")
    on_long: Literal["fail", "cut"] = Field(
        "fail", description="What to do with longer sequences: fail, or cut: truncate them at the end, and count them."
    )

    @abstractmethod
    def read(self) -> Sequences | tuple[Any, Any]:
        """Return sequences, or inputs and targets.

        Inputs: an array (n, time, features) or a list of arrays (time, features); targets: numbers (n,) or
        (n, outputs), or labels (n,).
        """

    def fill_channels(self, channels: tuple[str, ...]) -> SequenceSource:
        """Return the source that reads the channels of a trained model, if its settings leave them open."""
        return self

    def fill_extractor(self, extractor: FeatureExtractor | None) -> SequenceSource:
        """Return the source that makes of recordings of sound what a trained model takes, if it reads such."""
        return self

    def outline(self) -> TaskSpec:
        """Return what the data will ask of a model, as far as the settings tell."""
        past = InputSpec((getattr(self, "sequence_length", None) or UNKNOWN_SIZE, UNKNOWN_SIZE))
        found: TaskSpec = lookup("task", self.task)().outline(self.task, past)
        return found

    def check(self) -> list[str]:
        """List the mistakes between fields, as `data.key: message`, without reading any data."""
        return [*super().check(), *lookup("task", self.task)().find_source_mistakes(self)]

    def target(self, written: str, place: str) -> str | float:
        """Return the label or text that is written at a place, or the number."""
        if self.is_labeled:
            return written
        try:
            return float(written)
        except ValueError:
            raise DataError(f"{place}: the target `{written[:60]}` is not a number") from None


@settings
class RecordingSource(SequenceSource):
    """Sequences that may be long recordings, and may be fed in windows."""

    sequence_length: int | None = Field(
        None,
        ge=1,
        description="Steps of the windows that each recording is cut into, all with its label; the prediction for a "
        "recording is the mean over its windows. A shorter recording is one window. null: whole sequences.",
        json_schema_extra={SINCE: "0.1"},
    )
    stride: int | None = Field(
        None,
        ge=1,
        description="Steps between the starts of two windows; the last one ends with its recording. "
        "null: sequence_length, so that they do not overlap.",
        json_schema_extra={SINCE: "0.1"},
    )

    def window_size(self) -> WindowSize | None:
        if self.sequence_length is None:
            return None
        return self.sequence_length, self.stride or self.sequence_length

    def check(self) -> list[str]:
        """List the mistakes between fields, as `data.key: message`, without reading any data."""
        if self.stride is None or self.sequence_length is not None:
            return super().check()
        alone = f"data.stride: {self.stride} is given without data.sequence_length, the steps of a window; give both"
        return [*super().check(), alone]


def labels_outline(task: str, past: InputSpec) -> TaskSpec:
    """Return what independent examples with a label each ask of a model."""
    choice: dict[str, Any] = {"loss": "cross_entropy", "metrics": ("accuracy",), "targets": ("label",)}
    return TaskSpec(task, {"past": past}, (UNKNOWN_SIZE,), "logits", **choice)
