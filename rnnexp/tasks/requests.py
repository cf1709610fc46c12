"""What is asked of a trained model, what it answers, and how other data are read by the settings of its run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rnnexp import registry
from rnnexp.config.overrides import changes as changes_of
from rnnexp.config.parse import build
from rnnexp.data.spec import TaskSpec
from rnnexp.errors import ConfigError, RnnexpError

if TYPE_CHECKING:
    from pandas import DataFrame

    from rnnexp.data.dataset import Dataset


class TrainedModel(Protocol):
    """A model that lies in a folder and is not loaded yet: what is wrong with a request is said before Keras starts.

    called:       what messages call it
    bundle:       its folder
    source:       settings of the data it was trained on; None where they are not known
    spec:         what it takes and gives
    preprocessor: what turns raw input into what it takes
    baseline:     the baseline that answers in the place of its network; None if none does
    """

    @property
    def called(self) -> str: ...
    @property
    def bundle(self) -> Path: ...
    @property
    def source(self) -> Any: ...
    @property
    def spec(self) -> TaskSpec: ...
    @property
    def preprocessor(self) -> Any: ...
    @property
    def baseline(self) -> Any: ...
    def load(self) -> Any:
        """Start Keras and return the `Bundle`."""


@dataclass(frozen=True)
class PredictRequest:
    """What is to be predicted.

    path:    a file or folder, for texts also a text itself; None: what follows the run's own data
    changes: of the settings by which the run reads its data
    levels:  of prediction intervals in percent; None: the usual one, if the run has it
    values:  numbers in the place of a file
    rows:    what a program has in memory in the place of a file: a table, arrays, texts
    """

    path: str | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    levels: Sequence[int] | None = None
    values: Sequence[float] | None = None
    rows: Any = None


@dataclass(frozen=True)
class PredictResponse:
    """Predictions, one a row: of forecasts with their dates, of labels with the probability of each.

    notes:     what to mind, one sentence each
    intervals: level -> how many errors its intervals are made from, and the share of the test values they held
    """

    frame: DataFrame
    notes: list[str] = field(default_factory=list)
    intervals: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class GenerateRequest:
    """What is to be written: `length` tokens that follow `prompt`; without one, the beginning of a line."""

    length: int = 500
    prompt: str | None = None
    sampling: Any = None


@dataclass(frozen=True)
class RequestSchema:
    """What a served model takes, as far as it must be described.

    columns: of a table of texts, which CSV would read as numbers; none for other input
    params: what a request may ask for besides, with the usual values; an empty list takes whole numbers
    """

    columns: Sequence[str] = ()
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class OtherData:
    """Data that a model was not trained on, in one part, and what to mind of how they were read."""

    dataset: Dataset
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Suggestion:
    """A setting that is proposed, and why.

    key:    dotted, such as `trainer.epochs`, or `ensemble`; `model` alone, with a text, for which component it is
    others: values that are worth a try, with losses in the same units
    """

    key: str
    value: Any
    why: str
    others: Sequence[Any] = ()


@dataclass(frozen=True)
class Draft:
    """An experiment that is proposed for a file.

    seen:     what was seen in the file, one line each
    question: that the experiment answers
    defaults: component by group, such as {"data": "csv", "model": "lstm"}
    data:     settings of the data;  reasons: for some of them
    choices:  further settings, of any group; those of the data go before what `data` says
    """

    seen: Sequence[str]
    question: str
    defaults: Mapping[str, str]
    data: Mapping[str, Any]
    reasons: Mapping[str, str] = field(default_factory=dict)
    choices: Sequence[Suggestion] = ()

    def list_settings(self) -> list[Suggestion]:
        """List what the experiment sets, each key once: that of the data first."""
        data = [Suggestion(f"data.{key}", value, self.reasons.get(key, "")) for key, value in self.data.items()]
        return [*{one.key: one for one in [*data, *self.choices]}.values()]


# What the model has settled: other values would need another model, or another split than none.
SETTLED = (
    *("name", "sequence_length", "horizon", "layout", "strategy", "calendar", "scaler", "per_series", "target_scaler"),
    *("split", "folds", "fold", "forecast_from", "held_out", "buckets", "task"),
    *("rate", "speeds"),
    *("false_alarm_rate", "faults"),
    *("tokens", "lowercase", "max_tokens", "min_count", "max_length", "keep", "vectors"),
)
# How a run splits its data, or takes parts of them from elsewhere: other data are one part.
_ONE_PART: Mapping[str, Any] = {
    "split": "none",
    "fold": 1,
    "held_out": "val",
    **dict.fromkeys(("folds", "forecast_from", "vectors", "max_pairs")),
    **dict.fromkeys(("val_path", "test_path", "test_every", "test_inputs", "test_targets", "test_lengths")),
    **dict.fromkeys(("groups", "test_groups", "test_weight", "part", "faults")),
}


def parse_changes(words: Sequence[str]) -> dict[str, Any]:
    """Return the changes of a run's data settings: `key=value` words; one without `=` is the file to read."""
    files = [word for word in words if "=" not in word]
    found = changes_of([word for word in words if "=" in word], "data")
    problems = [f"--data: {len(files)} files given ({', '.join(files)}); one file, or a glob: path='*.csv'"]
    problems = problems if len(files) > 1 else []
    # `features` alone are columns, which may have other names there; with settings inside they are those of sound.
    settled = [key for key in found if key.partition(".")[0] in SETTLED or key.startswith("features.")]
    problems += [f"data.{key}: is fixed by the trained model; train another one to change it" for key in settled]
    if problems:
        raise ConfigError(*problems)
    return found | ({"path": files[0]} if files else {})


def rebuilt(values: Mapping[str, Any], changes: Mapping[str, Any], between: bool = True) -> Any:
    """Build a source from its values with some of them changed; ConfigError has every mistake, those `between` fields
    where all of them are used.
    """
    problems: list[str] = []
    source = build("data", registry.lookup("data", values["name"]), {**values, **changes}, problems)
    problems += source.check() if between and not problems else []
    if problems:
        raise ConfigError(*problems)
    return source


@contextmanager
def name_rows(file: Path) -> Iterator[None]:
    """Have errors call a file, in which rows in memory lie for a moment, what it stands for."""
    try:
        yield
    except RnnexpError as error:
        from rnnexp.data.tables.typed import ROWS

        error.args = tuple(str(part).replace(str(file), ROWS) for part in error.args)
        if isinstance(error, ConfigError):
            error.problems = [problem.replace(str(file), ROWS) for problem in error.problems]
        raise


def known_source(trained: TrainedModel) -> Any:
    """Return the settings of a run's own source; ConfigError for a model that lies alone."""
    if trained.source is None:
        raise ConfigError(f"{trained.called} has no record of its training data: give the run, or its folder")
    return trained.source


def changed(trained: TrainedModel, changes: Mapping[str, Any]) -> Any:
    """Return the settings of a run's own source with some of them changed, and every row in one part."""
    fields = dataclasses.asdict(known_source(trained))
    return rebuilt(fields | {key: value for key, value in _ONE_PART.items() if key in fields}, changes)
