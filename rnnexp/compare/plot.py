"""The pictures of a run that has ended, drawn from its model, its journal and the data read again."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from rnnexp import record, registry, runner, runtime
from rnnexp.compare import find
from rnnexp.compare.groups import outcome
from rnnexp.config.parse import parse
from rnnexp.config.settings import Experiment
from rnnexp.errors import ConfigError, DataError
from rnnexp.redact import redact
from rnnexp.tracking.files import add_files, fetch_model
from rnnexp.tracking.query import TrackedRun, artifact

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnexp.data.dataset import Dataset
    from rnnexp.evaluation.report import Report
    from rnnexp.training.history import History

CONFIG = "config/config.yaml"
JOURNAL = "metrics.jsonl"
FOLDER = "figures"
SAME = 1e-4  # relative: a score on another backend or device differs by less
ROUNDING = 1e-6  # of the actual values' deviation: a score that is next to nothing has no digits to compare


@dataclass(frozen=True)
class Plotted:
    """What was drawn: names of pictures, the folders they are in, and what to mind (None: nothing)."""

    run: TrackedRun
    names: Sequence[str]
    places: Sequence[str]
    note: str | None


def plot(uri: str | None, text: str, plugins: Sequence[str] = (), out: Path | None = None) -> Plotted:
    """Draw the pictures of the run that `text` finds into its artifacts and its folder, or only into `out`.

    `plugins` are the modules that may be imported. Raises ConfigError for a run that cannot be drawn, DataError
    for data that are gone or not those of the run.
    """
    run = find.run(uri, text)
    experiment = _experiment(uri, run, plugins)
    with TemporaryDirectory() as scratch:
        bundle = _model(uri, run, experiment, Path(scratch))
        history = _history(uri, run, experiment)
        dataset, report = _scored(run, experiment, bundle)
        drawn = record.pictures(experiment, dataset, history, report)
        folders = [out] if out else [Path(scratch), *filter(None, [run_folder(run)])]
        files = save(drawn, [folder if out else folder / FOLDER for folder in folders])
        places = [str(out)] if out else [_shown(add_files(uri, run, files, FOLDER))]
    places += [str(folder / FOLDER) for folder in folders[1:]]
    return Plotted(run, [file.stem for file in files], places, _note(run, dataset, report))


def _experiment(uri: str | None, run: TrackedRun, plugins: Sequence[str]) -> Experiment:
    """Read a run's configuration; that alone never makes its plugins run."""
    import yaml

    if run.tags.get("rnnexp.kind") == "sweep":
        raise ConfigError(
            f"`{run.name}` is a sweep: `rnnexp report {run.name}` draws it, `rnnexp plot` one of its runs"
        )
    text = artifact(uri, run, CONFIG)
    if text is None:
        raise ConfigError(f"{_called(run)} has no artifact {CONFIG}: what it was made of is not known")
    values = yaml.safe_load(text)
    _allow(run, values.get("plugins") or [], plugins)
    try:
        return parse(values)
    except ConfigError as error:  # of another version, or written by hand
        raise ConfigError(*(f"{CONFIG} of {_called(run)}: {problem}" for problem in error.problems)) from None


def _allow(run: TrackedRun, needed: Sequence[str], allowed: Sequence[str]) -> None:
    missing = [str(name) for name in needed if name not in allowed]
    if missing:
        raise ConfigError(
            f"{_called(run)} uses the plugin(s) {', '.join(missing)}, and loading them would run their code; "
            f"if you trust them: rnnexp plot {run.run_id[:8]} --plugins {','.join(map(str, needed))}"
        )
    registry.load_plugins(list(allowed))


def _model(uri: str | None, run: TrackedRun, experiment: Experiment, scratch: Path) -> Path:
    """Fetch the run's model, or take the one that only the run's folder has because the store did not answer."""
    found = fetch_model(uri, run, scratch)
    folder = run_folder(run)
    if found is None and folder and (folder / "model").is_dir():
        return folder / "model"
    if found is None:
        raise ConfigError(f"{_called(run)} has no model to draw with: {_why_none(run, experiment)}")
    return found


def _why_none(run: TrackedRun, experiment: Experiment) -> str:
    ended = outcome(run)
    if not experiment.tracking.log_model:
        return "it was run with tracking.log_model=false; run it again without"
    if ended == "running":
        return "it has not ended"
    return "it was not stored" if ended == "ok" else f"it ended as {ended}, and the models of such runs are not kept"


def _history(uri: str | None, run: TrackedRun, experiment: Experiment) -> History:
    """Read the epochs from the run's journal: its steps from 1 on."""
    from rnnexp.training.history import History

    folder = run_folder(run)
    text = artifact(uri, run, JOURNAL)
    if text is None and folder and (folder / JOURNAL).is_file():
        text = (folder / JOURNAL).read_text(encoding="utf-8")
    if text is None:
        raise ConfigError(f"{_called(run)} has no artifact {JOURNAL}: its epochs are not known")
    try:
        lines = [json.loads(line) for line in text.splitlines()]
    except ValueError as error:
        raise ConfigError(f"{JOURNAL} of {_called(run)}: cannot be read: {error}") from None
    steps = {line["step"]: line["metrics"] for line in lines}
    epochs = [steps.get(step, {}) for step in range(1, max(steps, default=0) + 1)]
    best, seconds = (run.metrics.get(name, 0.0) for name in ("best/epoch", "time/training_s"))
    return History(epochs, int(best), experiment.trainer.monitor or "", None, seconds)


def _scored(run: TrackedRun, experiment: Experiment, bundle: Path) -> tuple[Dataset, Report]:
    """Read the data again, make sure that they are the run's, and score the model on them."""
    trained_with = run.tags.get("rnnexp.backend")  # weights are the same on all; what is there already comes first
    runtime.configure(runtime.loaded_backend() or os.environ.get("KERAS_BACKEND") or trained_with)
    dataset = runner.loaded(experiment)
    known, now = run.tags.get("rnnexp.data_digest"), dataset.summary.digest
    if known != now:
        raise DataError(
            f"{dataset.summary.source}: the data have changed since {_called(run)} (digest {now[:8]}, then "
            f"{str(known)[:8]}); a picture of others would not be this run's: bring the old ones back, or train again"
        )
    from rnnexp.models.bundle import load
    from rnnexp.training.prepare import precision

    with precision(experiment.trainer.precision):
        model = load(bundle, experiment.plugins).model
    return dataset, runner.evaluated(model, dataset, experiment)


def save(drawn: Iterable[tuple[str, Figure]], folders: Sequence[Path]) -> list[Path]:
    """Write each picture into all folders and return its files in the first one."""
    files = []
    try:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        for name, figure in drawn:
            for folder in folders:
                figure.savefig(folder / f"{name}.png", metadata={"Software": None})
            files.append(folders[0] / f"{name}.png")
    except OSError as error:
        raise ConfigError(f"{error.filename}: cannot be written: {error.strerror}; choose a folder with -o") from None
    return files


def run_folder(run: TrackedRun) -> Path | None:
    """Return the folder that a run names in its description, if it still holds this run."""
    found = re.search(r"^Folder: `(.+)`$", run.tags.get("mlflow.note.content", ""), re.MULTILINE)
    if found is None:
        return None
    try:
        about: Any = json.loads((Path(found[1]) / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return Path(found[1]) if isinstance(about, dict) and about.get("run_id") == run.run_id else None


def _note(run: TrackedRun, dataset: Dataset, report: Report) -> str | None:
    """Say that the model scores otherwise than in its run, on the same data."""
    metric, _ = record.primary_metric(dataset)
    now, then = report.metrics.get(metric), run.metrics.get(metric)
    if now is None or then is None:
        return None
    least = ROUNDING * float(report.predictions.actual.std())
    if math.isclose(now, then, rel_tol=SAME, abs_tol=least):
        return None
    return f"{metric} is {now:.6g} here and was {then:.6g} in the run, on the same data: another device or version"


def _shown(place: str) -> str:
    """Write a local place as a path, any other without its password."""
    url = urlparse(place)
    return unquote(url.path) if url.scheme == "file" else redact(place)


def _called(run: TrackedRun) -> str:
    return f"run {run.name} ({run.run_id[:8]})"
