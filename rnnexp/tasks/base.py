"""What each task gives; the rest of the program asks for it here and never which task it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rnnexp.errors import ConfigError
from rnnexp.tasks.requests import (
    Draft,
    GenerateRequest,
    OtherData,
    PredictRequest,
    PredictResponse,
    RequestSchema,
    Suggestion,
    TrainedModel,
    changed,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from rnnexp.data.dataset import Dataset
    from rnnexp.data.spec import InputSpec, TaskSpec
    from rnnexp.evaluation.diagnosis import Cause
    from rnnexp.evaluation.kept_baselines import KeptBaselines
    from rnnexp.evaluation.report import Judge, Report, Scores, Scoring
    from rnnexp.models.bundle import Bundle
    from rnnexp.task import Metric


def deferred(function: str) -> Callable[..., Any]:
    """Return a method that is a `module:function`, or `module:Class.method`, which is imported when it is called."""
    module, _, name = function.partition(":")

    def method(self: TaskCode, *args: Any) -> Any:
        return attrgetter(name)(import_module(module))(*args)

    return method


class TaskCode(ABC):
    """The code of a task. Its module imports nothing heavy: a method is deferred, or imports what it needs itself.

    headline: metrics of which the first that a run has is its primary one, everywhere
    reported: scored once at the end, whether asked for or not
    metrics:  facts about metrics that no other task has
    takes:    what a trained model takes, as messages call it
    examples: what its data are made of, as messages call them
    counted:  what a score is the mean of, None if its metric says so
    labels_steps: whether each step of a sequence has a label of its own
    answers_by_outputs: whether `answer` asks nothing of a network but its outputs, which another program may compute
    exported_files: that lie beside a model and are exported with it: what its answers become is in them
    looks_last: whether its data may look like anything, so that the other tasks are asked about a file first
    packages: modules that its runs import: what takes long, or has settings for the whole process
    on_request: whether it is proposed for a file only where it is asked for by its name
    spec_of_1: what the spec of a model saved in format 1 left to the name of its task, or to its `former_name`
    """

    headline: ClassVar[tuple[str, ...]]
    reported: ClassVar[tuple[str, ...]]
    metrics: ClassVar[tuple[Metric, ...]] = ()
    takes: ClassVar[str]
    examples: ClassVar[str] = "examples"
    counted: ClassVar[str | None] = None
    labels_steps: ClassVar[bool] = False
    answers_by_outputs: ClassVar[bool] = False
    exported_files: ClassVar[tuple[str, ...]] = ()
    packages: ClassVar[tuple[str, ...]] = ()
    looks_last: ClassVar[bool] = False
    on_request: ClassVar[bool] = False
    spec_of_1: ClassVar[Mapping[str, Any]] = {}
    former_name: ClassVar[str | None] = None

    @abstractmethod
    def load(self, source: Any) -> Dataset:
        """Read, split and prepare the data of a source of this task; mistakes in them raise DataError."""

    @abstractmethod
    def leaks(self, dataset: Any) -> Iterator[str]:
        """Yield each way in which validation or test data reach the training, or the future an input."""

    @abstractmethod
    def report(self, model: Any, dataset: Any, scoring: Scoring) -> Report:
        """Score a model on the scored part beside every baseline that is defined.

        Raises DivergedError for predictions that are not finite.
        """

    def outline(self, task: str, past: InputSpec) -> TaskSpec:
        """Return what sequences of numbers with a target each ask of a model, as far as their settings tell."""
        from rnnexp.data.spec import UNKNOWN_SIZE, TaskSpec

        return TaskSpec(task, {"past": past}, (UNKNOWN_SIZE,))

    def find_source_mistakes(self, source: Any) -> list[str]:
        """List which settings sequences of numbers cannot have, as `data.key: message`."""
        return []

    def find_quantile_mistakes(self, source: Any) -> list[str]:
        """List why a network cannot give several quantiles of each number of a source."""
        return ["loss.quantiles: given, but this task asks for no numbers that there are quantiles of; leave it out"]

    def find_ensemble_mistakes(self, source: Any) -> list[str]:
        """List why the answers of several networks for a source have no mean that one network could give."""
        return []

    def find_exponents(self, preprocessor: Any) -> Sequence[float] | None:
        """Return by which power of e original values grow with each output of a network; None if they do not."""
        return None

    def choose_reader(self, preprocessor: Any, spec: TaskSpec) -> tuple[str | None, str]:
        """Return a program without this package that prepares raw data for an exported network, or None and why."""
        return None, "it does not know what this task makes of outputs"

    def find_refit_mistakes(self, source: Any) -> list[str]:
        """List why the test part of a source cannot be walked through, with refits on the way."""
        return ["trainer.refit_every: given, but the examples of this task are in no order of time; leave it out"]

    def list_refits(self, dataset: Any, every: int) -> Sequence[Callable[[], Any]]:
        """Return what makes the data of each refit, of which all tested parts together are that of the dataset."""
        return []

    def describe_refit(self, refit: Any) -> Mapping[str, Any]:
        """Return columns of a table: up to where the data of a refit are known."""
        return {}

    def join_refits(self, dataset: Any, reports: Sequence[Report], scoring: Scoring) -> Report:
        """Score what all refits have predicted as if one model had."""
        raise NotImplementedError

    def find_pretrain_mistakes(self, experiment: Any) -> list[str]:
        """List why the network of an experiment cannot learn first from inputs without labels."""
        return [
            "pretrain: given, but it is for labels of sequences and texts; train a run on the other data, and start "
            "from it: model.start=RUN"
        ]

    def make_pretraining(self, dataset: Any, kind: str, epochs: int, seed: int) -> Any:
        """Return the inputs of a dataset as what is learned from first, without labels."""
        raise NotImplementedError

    def compare_encoders(self, report: Report, dataset: Any, rivals: Mapping[str, Any]) -> Report:
        """Add to a report what `rivals` of its network answer: other networks, and linear models on encoders."""
        raise NotImplementedError

    def find_network_mistakes(self, dataset: Any, architecture: Any) -> list[str]:
        """List why what a network has beside what is trained by gradients cannot be fitted to a dataset."""
        return []

    def finish_network(self, model: Any, dataset: Any, architecture: Any) -> list[str]:
        """Fit what a trained network has beside what is trained by gradients; return what a report notes of it."""
        return []

    def primary_metric(self, dataset: Any) -> str:
        """Return the metric that will head the report of these data: of `headline` the first that they define."""
        return self.headline[-1]

    def judge_validation(self, dataset: Any) -> Judge | None:
        """Return by what network and baselines are compared on the validation part, and what scores predictions of it.

        A score is in original units, labels or texts, so that it compares networks that minimize different losses.
        None where there is no such score.
        """
        return None

    def baseline_kinds(self) -> Mapping[str, Any]:
        """Return the class of each baseline that a run keeps, by its name: a dataclass of what it needs to answer."""
        return {}

    def keep_baselines(self, dataset: Any, report: Report) -> KeptBaselines | None:
        """Return what is kept of the baselines of a report, with the scores on the validation part; None if nothing."""
        return None

    @abstractmethod
    def preprocessor(self, saved: Mapping[str, Any]) -> Any:
        """Rebuild what turns raw input into what a network takes; raises an error of ours if it is damaged."""

    @abstractmethod
    def figures(self, dataset: Any, report: Report) -> Iterator[tuple[str, Figure]]:
        """Yield each picture of predictions with its name."""

    draw_data = deferred("rnnexp.evaluation.data_figures:draw_data")  # each picture of data alone, with its name

    def loss_units(self, dataset: Any) -> str:
        """Return what the loss is measured in, for the axis of its picture; nothing if that goes without saying."""
        return ""

    def forecast(self, model: Any, dataset: Any) -> Any:
        """Return what follows the data, (series, horizon, targets) in original units; None where that is undefined."""
        return None

    def sampler(self, dataset: Any) -> Callable[[Any], str] | None:
        """Return what lets a model write a text, always from the same seed; None if models of this task write none."""
        return None

    def rows(self, dataset: Any, report: Report) -> DataFrame:
        """Lay out everything that was scored, one example or value a row: what is true, and what was predicted."""
        return report.tables["predictions"]

    def summary(self, scores: Scores) -> Iterator[str]:
        """Yield further lines of what is said of a score."""
        yield from ()

    def explain_score(self, scores: Scores) -> str:
        """Return what must be said in one breath with a score, after a comma or a semicolon; nothing by default."""
        return ""

    def find_counted(self, scores: Scores) -> str | None:
        """Return what a score is the mean of, None if its metric says so."""
        return self.counted

    def find_unit(self, scores: Scores) -> str | None:
        """Return the unit of errors that are pooled; None where they have several, so that one number has none."""
        return scores.unit

    def find_causes(self, dataset: Any, report: Report) -> Iterator[Cause]:
        """Yield why a network may have lost to its best baseline, as far as its data tell, the surest first."""
        yield from ()

    def usage(self, source: Any) -> str:
        """Return how a trained model is used, in words after `rnnexp`."""
        return "predict {run} FILE"

    @abstractmethod
    def predict(self, trained: TrainedModel, request: PredictRequest) -> PredictResponse:
        """Read what is asked about and predict it; mistakes in it are raised before the model is loaded."""

    @abstractmethod
    def answer(self, bundle: Bundle, rows: Any, params: Mapping[str, Any]) -> Any:
        """Answer to raw input, such as a served model is given; `params` are those of `request_schema`."""

    def request_schema(self, saved: Mapping[str, Any], folder: Path) -> RequestSchema:
        """Describe what a model saved in a folder, with this preprocessing, takes when it is served."""
        return RequestSchema()

    make_request = deferred("rnnexp.tasks.request_examples:make_request")

    def extras(self, folder: Path, preprocessor: Any) -> Any:
        """Read what the `intervals` of a report have written beside a model; None if nothing."""
        return None

    @abstractmethod
    def apply(self, source: Any, preprocessor: Any, spec: TaskSpec) -> Dataset:
        """Read the data of a source as one part, with the preprocessing of a trained model; nothing is fitted."""

    def write_rows(self, trained: TrainedModel, rows: Any) -> AbstractContextManager[Mapping[str, Any]]:
        """Yield the settings by which the source of a run reads what a program has in memory, to be scored on it."""
        raise ConfigError(
            f"{trained.called} is scored on files of its source, not on a {type(rows).__name__}: give a path"
        )

    def other_data(self, trained: TrainedModel, changes: Mapping[str, Any]) -> OtherData:
        """Read data that a model was not trained on; `changes` are those of the settings of its own data."""
        dataset = self.apply(changed(trained, changes), trained.preprocessor, trained.spec)
        return OtherData(dataset, dataset.summary.notes)

    def beside(self, dataset: Any, own: Any) -> Any:
        """Return other data that are scored beside baselines which learn from the run's `own` data."""
        return replace(dataset, reference=own)

    def seen(self, dataset: Any, own: Any) -> str:
        """Say how much of other data stands in what the model has learned from; nothing if none does."""
        return ""

    def generate(self, trained: TrainedModel, request: GenerateRequest) -> str:
        """Return the prompt and what the model writes after it."""
        raise ConfigError(f"{trained.called} does not write texts: it takes {self.takes}; use rnnexp predict")

    def suggest(self, dataset: Any) -> list[Suggestion]:
        """Choose settings that fit a dataset, which was read with the usual ones, each with its reason.

        Only training and validation examples may decide; it must be quick, and start neither Keras nor a backend.
        """
        return []

    def inspect(self, path: str, given: Mapping[str, Any]) -> Draft | None:
        """Look at a file or folder and propose an experiment for it, under the settings that the user has decided.

        None if it does not look like one of this task's. What is found must be cheap to find, but for a task that
        `looks_last`.
        """
        return None

    def inspect_asked(self, path: str, given: Mapping[str, Any]) -> Draft | None:
        """Do the same where the user has asked for this task, and `inspect` has found nothing that speaks for it."""
        return None
