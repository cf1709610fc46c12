"""The pictures of a run that has ended, drawn from its model, its journal and the data read again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

from rnnexp import runner, strict
from rnnexp.compare.find import Sweep, sweep
from rnnexp.compare.memories import draw_memories
from rnnexp.config.settings import Experiment
from rnnexp.deploy.score import other_score
from rnnexp.deploy.trained import Asked, Trained, called, of_run, own_data, refuse_walk
from rnnexp.errors import ConfigError
from rnnexp.evaluation.memory import TABLE
from rnnexp.paths import short_name
from rnnexp.redact import redact
from rnnexp.runner import record
from rnnexp.tracking import find
from rnnexp.tracking.files import add_files
from rnnexp.tracking.query import TrackedRun, artifact, run_folder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnexp.data.dataset import Dataset
    from rnnexp.evaluation.report import Report
    from rnnexp.training.plan import History

JOURNAL = "metrics.jsonl"
FOLDER = "figures"
MAX_EPOCHS = 10_000_000


@dataclass(frozen=True)
class Plotted:
    """What was drawn: names of pictures, the folders they are in, and what to mind (None: nothing)."""

    run: TrackedRun
    names: Sequence[str]
    places: Sequence[str]
    note: str | None


def plot(uri: str | None, text: str, plugins: Sequence[str] = (), out: Path | None = None) -> Plotted:
    """Draw the pictures of the run that `text` finds into its artifacts and its folder, or only into `out`; of a sweep
    what its networks remember.

    `plugins` are the modules that may be imported. Raises ConfigError for a run that cannot be drawn, DataError
    for data that are gone or not those of the run.
    """
    run = find.run(uri, text)
    if run.is_sweep:
        return _plot_sweep(uri, sweep(uri, run.run_id), out)
    with TemporaryDirectory() as scratch:
        trained = of_run(Asked(text, "plot", uri, plugins), run, Path(scratch))
        experiment = trained.configuration()
        history = _history(uri, run, experiment)
        dataset, report = _scored(trained, experiment)
        drawn = record.draw_figures(experiment, dataset, history, report)
        folders = [out] if out else [Path(scratch), *filter(None, [run_folder(run)])]
        files = save(drawn, [folder if out else folder / FOLDER for folder in folders])
        places = [str(out)] if out else [_shown(add_files(uri, run, files, FOLDER))]
    places += [str(folder / FOLDER) for folder in folders[1:]]
    return Plotted(run, [file.stem for file in files], places, other_score(run, dataset, report))


def _plot_sweep(uri: str | None, found: Sweep, out: Path | None) -> Plotted:
    """Draw what the networks of a sweep remember side by side; all else of it is in its report."""
    figure = draw_memories(uri, found.compared())
    if figure is None:
        raise ConfigError(
            f"`{found.name}` is a sweep: `rnnexp report {found.name}` draws it, `rnnexp plot` one of its runs; none "
            f"has tables/{TABLE}.csv, from which the figure is made"
        )
    folder = out or (found.folder or Path.cwd()) / FOLDER
    files = save([(TABLE, figure)], [folder])
    return Plotted(found.parent, [file.stem for file in files], [str(folder)], None)


def plot_data(overrides: Sequence[str], out: Path | None = None) -> tuple[list[Path], Sequence[str]]:
    """Draw the data of a configuration before anything is trained; return the pictures and what reading them told.

    Raises ConfigError or DataError as training with it would.
    """
    from rnnexp import tasks
    from rnnexp.config.compose import compose

    experiment = compose(*overrides)
    dataset = runner.load_data(experiment)
    drawn = tasks.of(dataset.spec.task).draw_data(dataset)
    return save(drawn, [out or Path(f"{short_name(experiment.name)}-data")]), dataset.summary.notes


def _history(uri: str | None, run: TrackedRun, experiment: Experiment) -> History:
    """Read the epochs from the run's journal: its steps from 1 on."""
    from rnnexp.training.plan import History

    folder = run_folder(run)
    text = artifact(uri, run, JOURNAL)
    if text is None and folder and (folder / JOURNAL).is_file():
        text = (folder / JOURNAL).read_text(encoding="utf-8")
    if text is None:
        raise ConfigError(f"{called(run)} has no artifact {JOURNAL}: its epochs are not known")
    try:
        lines = [json.loads(line) for line in text.splitlines()]
        steps = {int(line["step"]): dict(line["metrics"]) for line in lines}
        if max(steps, default=0) > MAX_EPOCHS:
            raise ValueError(f"it has an epoch {max(steps):,}")
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        raise ConfigError(f"{JOURNAL} of {called(run)}: cannot be read: {strict.shorten(error)}") from None
    epochs = [steps.get(step, {}) for step in range(1, max(steps, default=0) + 1)]
    best, seconds = (run.metrics.get(name, 0.0) for name in ("best/epoch", "time/training_s"))
    return History(epochs, int(best), experiment.trainer.monitor or "", None, seconds)


def _scored(trained: Trained, experiment: Experiment) -> tuple[Dataset, Report]:
    """Score the model on the run's own data."""
    refuse_walk(trained, "another figure")
    bundle = trained.load()
    dataset = own_data(trained, "a figure").for_model(bundle.spec)
    report = runner.evaluate(bundle.model, dataset, experiment)
    return dataset, runner.add_memory(report, bundle.model, dataset, experiment)


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


def _shown(place: str) -> str:
    """Write a local place as a path, any other without its password."""
    url = urlparse(place)
    return unquote(url.path) if url.scheme == "file" else redact(place)
