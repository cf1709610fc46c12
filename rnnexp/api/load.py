"""`rx.load(RUN)`: a trained run that predicts and is evaluated, as `rnnexp predict` and `rnnexp evaluate` do."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any
from weakref import finalize

from rnnexp.api.entry_points import explain_errors
from rnnexp.config.settings import Experiment
from rnnexp.config.written import write_overrides
from rnnexp.deploy.trained import Asked, Trained, trained
from rnnexp.errors import ConfigError
from rnnexp.tasks.requests import PredictRequest, parse_changes

if TYPE_CHECKING:
    from pandas import DataFrame

    from rnnexp.api.scored_model import Evaluation, RunResult

MIN_LEVEL, MAX_LEVEL = 50, 99

log = logging.getLogger("rnnexp")


def load(run: str | Path | RunResult, *, uri: str | None = None, plugins: Sequence[str] = ()) -> TrainedRun:
    """Find a trained run: by id, the beginning of it, name, folder, or "models:/NAME@champion", as `rnnexp predict`.

    run:     a result of `rx.run` will do as well
    uri:     tracking store; None: MLFLOW_TRACKING_URI, else ./mlflow.db
    plugins: the run's own, whose code you trust

    Keras is started by the first prediction. Raises ConfigError for a run that is not there or has no model.
    """
    scratch = Path(mkdtemp(prefix="rnnexp-model-"))  # for a model that is only in the store
    text = os.fspath(run if isinstance(run, str | os.PathLike) else run.run_dir)
    try:
        with explain_errors():
            found = trained(Asked(text, "predict", uri, list(plugins)), scratch)
    except BaseException:
        rmtree(scratch, ignore_errors=True)
        raise
    finalize(found, rmtree, scratch, ignore_errors=True)
    return TrainedRun(found)


@dataclass(frozen=True, repr=False)
class TrainedRun:
    """A run that has been found again; what it has been loaded into is kept for the next call."""

    found: Trained

    @property
    def run_id(self) -> str | None:
        """The id of its MLflow run; None for a folder that no store knows."""
        return self.found.run.run_id if self.found.run else None

    @property
    def experiment(self) -> Experiment | None:
        """The settings that it was trained with; None for a model that lies alone."""
        return self.found.experiment

    def predict(
        self, data: Any = None, *, level: int | Sequence[int] | None = None, model: str = "network", **settings: Any
    ) -> DataFrame:
        """Predict what follows `data`, or label it: a table whose columns are named as in training, or what
        `rnnexp predict` takes.

        data:     a DataFrame, numbers, arrays or a list of texts; a file, a folder or a text; None: what follows the
                  run's own data
        level:    of prediction intervals in percent, or several, [] for none; None: 90, if the run has it
        model:    who answers: "network", a baseline of the run by its name, or "best" on the validation set
        settings: of the data that differ from the run's, by the keys of `data`: `target="Passengers", time="Month"`

        Returns the answer of the command line, in the user's own column names; notes are logged. Raises ConfigError
        and DataError, as that does.
        """
        from rnnexp.deploy.answer import predict

        with explain_errors():
            request = replace(_ask(data), changes=_changes(settings), levels=_read_levels(level))
            response = predict(self.found, request, model).response
        for note in response.notes:
            log.warning("%s", note)
        return response.frame

    def evaluate(self, data: Any = None, *, part: str | None = None, **settings: Any) -> Evaluation:
        """Score the run on other data, all rows of them, or on a set of its own, beside its baselines.

        data:     a DataFrame, or the path of what its source reads; None: the run's own, unless `settings` change them
        part:     "train", "val" or "test" of the run's own data; None: the one that it was scored on
        settings: of the data that differ from the run's, such as `seed=7`

        Raises ConfigError and DataError, as `rnnexp evaluate` does.
        """
        from rnnexp.api.scored_model import Evaluation
        from rnnexp.deploy.score import score

        with explain_errors(), _readable(self.found, data, _changes(settings)) as (changes, name):
            scored = score(self.found, changes, part)
        dataset = scored.dataset
        source = name or dataset.summary.source
        notes = [note.replace(dataset.summary.source, source) for note in scored.notes]
        of = f"all rows of {source}" if dataset.scored == "all" else f"the {dataset.scored} set of {source}"
        return Evaluation(self.found, scored, of, notes)

    def __repr__(self) -> str:
        return f"TrainedRun({self.found.called}: {self.found.name}, {self.found.spec.task})"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"


def _ask(data: Any) -> PredictRequest:
    """Tell names of files and texts, numbers that follow each other, and what is laid out in memory."""
    if data is None or isinstance(data, str | os.PathLike):
        return PredictRequest(None if data is None else os.fspath(data))
    values = data if isinstance(data, list | tuple) else getattr(data, "tolist", lambda: None)()
    dated = hasattr(data, "index") and hasattr(data, "to_frame") and type(data.index).__name__ != "RangeIndex"
    numbers = isinstance(values, list | tuple) and all(isinstance(x, int | float) for x in values)
    return PredictRequest(values=values) if values and numbers and not dated else PredictRequest(rows=data)


def _changes(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Read settings of the data as `--data KEY=VALUE` is read."""
    return parse_changes(write_overrides(settings))


def _read_levels(level: int | Sequence[int] | None) -> list[int] | None:
    levels = None if level is None else [level] if isinstance(level, int) else [*level]
    if wrong := [one for one in levels or () if not isinstance(one, int) or not MIN_LEVEL <= one <= MAX_LEVEL]:
        raise ConfigError(
            f"level: {wrong[0]!r} is not a level in percent; give {MIN_LEVEL} to {MAX_LEVEL}, or [] for none"
        )
    return levels


@contextmanager
def _readable(found: Trained, data: Any, changes: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str | None]]:
    """Yield what the settings of the data must be to read `data`, and what to call a table in memory."""
    if data is None:
        yield dict(changes), None
        return
    if "path" in changes:
        raise ConfigError(f"the data are given twice: in memory or by name, and as path={changes['path']}")
    if isinstance(data, str | os.PathLike):
        yield {**changes, "path": os.fspath(data)}, None
        return
    with found.task.write_rows(found, data) as settings:
        yield {**settings, **changes}, f"the {type(data).__name__}"
