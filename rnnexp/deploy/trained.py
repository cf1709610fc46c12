"""A trained run, found again: its configuration, its model, and how raw data become inputs.

Nothing of it runs code: a plugin is imported only if the caller allows it.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnexp import registry, runtime, strict, tasks
from rnnexp.config.parse import parse
from rnnexp.config.plugins import list_project_plugins
from rnnexp.config.renamed import current_values
from rnnexp.config.settings import Experiment
from rnnexp.errors import ConfigError, DataError, ResourceError, TrackingError
from rnnexp.redact import redact
from rnnexp.tracking import find
from rnnexp.tracking.files import ABOUT, MODEL, fetch_model, find_bundle
from rnnexp.tracking.liveness import show_dead
from rnnexp.tracking.model_registry import SCHEME
from rnnexp.tracking.query import TrackedRun, Wanted, artifact, read_about, run_folder, select
from rnnexp.tracking.store import tracking_uri

if TYPE_CHECKING:
    from rnnexp.data.dataset import Dataset
    from rnnexp.data.spec import TaskSpec
    from rnnexp.models.bundle import Bundle, Preview
    from rnnexp.tasks.base import TaskCode

CONFIG = "config/config.yaml"

log = logging.getLogger("rnnexp")


@dataclass(frozen=True)
class Asked:
    """What was asked for: a run, by whom (the sub-command), in which store, and which plugins may be imported."""

    text: str
    command: str
    uri: str | None = None
    plugins: Sequence[str] = ()


@dataclass(frozen=True)
class Trained:
    """What is left of a run.

    called:     what messages call it
    bundle:     the folder of its model
    experiment: None for a model that lies alone
    run:        as it is tracked; None for a folder that no store knows
    baseline:   what answers in the place of its network; None if nothing does
    """

    called: str
    bundle: Path
    experiment: Experiment | None = None
    run: TrackedRun | None = None
    plugins: Sequence[str] = ()
    baseline: Any = None

    @property
    def name(self) -> str:
        """What a table calls the model."""
        return str(self.experiment.model.name) if self.experiment else "model"

    @property
    def source(self) -> Any:
        """The settings of the data it was trained on; None for a model that lies alone."""
        return self.experiment.data if self.experiment else None

    @cached_property
    def preview(self) -> Preview:
        """What is known of the model without Keras."""
        from rnnexp.models.bundle import preview

        return preview(self.bundle)

    @property
    def spec(self) -> TaskSpec:
        """What the model takes and gives."""
        return self.preview.spec

    @property
    def preprocessor(self) -> Any:
        """What turns raw input into what the model takes."""
        return self.preview.preprocessor

    @property
    def task(self) -> TaskCode:
        """The code of what it was trained for."""
        return tasks.of(self.spec.task)

    @property
    def backend(self) -> str | None:
        """KERAS_BACKEND, else what it was trained with; None if that is not known."""
        return _backend(self.run, self.experiment.backend if self.experiment else None)

    def configuration(self) -> Experiment:
        """Return the settings of the run; ConfigError for a model that lies alone."""
        if self.experiment is None:
            raise ConfigError(f"{self.called} has no record of its training data: give the run, or its folder")
        return self.experiment

    def load(self) -> Bundle:
        """Return the model, which is read once."""
        return self._bundle

    @cached_property
    def _bundle(self) -> Bundle:
        """Start Keras, on the backend of this process, else KERAS_BACKEND, else the run's own, and load the model.

        Keras is left out where a baseline answers.
        """
        if self.baseline is not None:
            from rnnexp.models.bundle import Bundle

            known: Any = self.preview
            return Bundle(None, known.spec, known.scaling, folder=self.bundle, baseline=self.baseline)
        runtime.configure(runtime.loaded_backend() or self.backend)
        from rnnexp.models.bundle import load
        from rnnexp.training.prepare import use_precision

        with use_precision(self.experiment.trainer.precision if self.experiment else "float32"):
            return load(self.bundle, self.plugins, "name them with --plugins")


def trained(asked: Asked, scratch: Path) -> Trained:
    """Find a run by its id or name in the store, or by its folder or its model's; see `of_run` for `scratch`."""
    if asked.text.startswith(SCHEME):
        return of_run(asked, find.run(asked.uri, asked.text), scratch)
    folder = Path(asked.text)
    if folder.is_dir() and (find_bundle(folder) or os.path.lexists(folder / CONFIG)):
        return _of_folder(asked, folder)
    if folder.is_dir() and os.sep in asked.text:
        raise ConfigError(f"{folder}: holds neither a run ({CONFIG}, {MODEL}/) nor a model ({ABOUT})")
    if os.sep in asked.text:
        raise ConfigError(f"{folder}: there is no such folder; `rnnexp runs` lists what can be given by id or name")
    run = find.run(asked.uri, asked.text)
    if run.is_sweep:
        raise ConfigError(f"`{run.name}` is a sweep: `rnnexp {asked.command}` takes one of its runs, by id or name")
    return of_run(asked, run, scratch)


def of_run(asked: Asked, run: TrackedRun, scratch: Path) -> Trained:
    """Gather what a tracked run has left; a model that is only in the store is copied into `scratch`."""
    text = artifact(asked.uri, run, CONFIG)
    if text is None:
        raise ConfigError(f"{called(run)} has no artifact {CONFIG}: what it was made of is not known")
    experiment = read_experiment(asked, text, called(run), run)
    folder = run_folder(run)
    bundle = find_bundle(folder) if folder else None
    bundle = bundle or fetch_model(asked.uri, run, scratch)
    if bundle is None:
        raise ConfigError(f"{called(run)} has no model: {_why_none(experiment, run)}")
    return Trained(called(run), bundle, experiment, run, [*asked.plugins, *experiment.plugins])


def _of_folder(asked: Asked, folder: Path) -> Trained:
    """Gather what the folder of a run, or of a model, holds."""
    bundle = find_bundle(folder)
    home = folder if os.path.lexists(folder / CONFIG) else folder.parent
    if not os.path.lexists(home / CONFIG):
        return Trained(f"the model in {folder}", bundle or folder, plugins=asked.plugins)
    run = _tracked(asked, home)
    experiment = read_experiment(asked, strict.read_text(home, CONFIG, strict.MAX_YAML), str(home), run)
    if bundle is None:
        raise ConfigError(f"{folder}: has no model: {_why_none(experiment, run)}")
    return Trained(called(run) if run else str(home), bundle, experiment, run, [*asked.plugins, *experiment.plugins])


def _tracked(asked: Asked, folder: Path) -> TrackedRun | None:
    """Look the run of a folder up in the store in use; the folder alone will do as well.

    The store that a folder names is not asked: it may be a stranger's, and would be sent our tokens.
    """
    about = read_about(folder)
    run_id, elsewhere = about.get("run_id"), about.get("uri")
    if not isinstance(run_id, str) or not run_id:
        return None
    try:
        found = [run for run in select(asked.uri, Wanted(run=run_id)) if run.run_id == run_id]
        if not found and isinstance(elsewhere, str) and redact(tracking_uri(asked.uri)) != elsewhere:
            log.warning(
                "%s: its run is in another store, %r, which is not used; to use it: --uri ADDRESS",
                *(folder, redact(elsewhere)[:200]),
            )
    except (TrackingError, ResourceError) as error:
        log.warning("%s: %s", folder, strict.shorten(error))
        return None
    return show_dead(found)[0] if found else None


def read_experiment(asked: Asked, text: str, whose: str, run: TrackedRun | None = None) -> Experiment:
    """Read a configuration; that alone never makes its plugins run."""
    values = strict.parse_yaml(text, f"{CONFIG} of {whose}")
    needed = strict.checked(list[str], values.get("plugins") or [], f"{CONFIG} of {whose}: plugins")
    allowed = [*asked.plugins, *(list_project_plugins() if needed else [])]
    missing = [name for name in needed if name not in allowed]
    if missing:
        raise ConfigError(
            f"{whose} uses the plugin(s) {', '.join(missing)}, and loading them would run their code; "
            f"if you trust them: rnnexp {asked.command} {asked.text} --plugins {','.join(needed)}"
        )
    registry.load_plugins([*dict.fromkeys([*asked.plugins, *needed])], _backend(run, values.get("backend")))
    try:
        return parse(current_values(values))
    except ConfigError as error:  # of another version, or written by hand
        raise ConfigError(*(f"{CONFIG} of {whose}: {strict.shorten(problem)}" for problem in error.problems)) from None


def _backend(run: TrackedRun | None, configured: str | None) -> str | None:
    """Return KERAS_BACKEND, else what a run was trained with, else what was asked for."""
    return os.environ.get("KERAS_BACKEND") or (run.tags.get("rnnexp.backend") if run else None) or configured


def _why_none(experiment: Experiment, run: TrackedRun | None) -> str:
    ended = run.outcome if run else "ok"
    if not experiment.tracking.log_model:
        return "it was run with tracking.log_model=false; run it again without"
    if ended == "running":
        return "it has not ended"
    if ended == "killed" and run:
        return f"it was killed; to resume it: rnnexp resume {run.run_id[:8]}"
    if ended == "ok":
        return "it was not stored"
    return f"it ended as {ended}, and the models of such runs are not kept"


class ChangedDataError(DataError):
    """The data of a run are not the same any more."""


def own_data(trained: Trained, purpose: str, digest: str | None = None, *, allow_change: bool = False) -> Dataset:
    """Read again what a run's model was trained on, of a walk-forward the last refit; a DataError if the data are not
    the same any more and so would not serve the purpose.

    digest: of its data, if the caller knows it better than the store
    """
    from rnnexp import runner
    from rnnexp.runner.refits import load_kept

    dataset = runner.load_data(trained.configuration())
    known = digest or (trained.run.tags.get("rnnexp.data_digest") if trained.run else None)
    now = dataset.summary.digest
    kept = load_kept(trained.configuration(), dataset)
    if allow_change or known == now or (known is None and _fitted(kept.scaling) == _fitted(trained.preview.scaling)):
        return kept
    digests = f" (digest {now[:8]}, then {known[:8]})" if known else ""
    raise ChangedDataError(
        f"{dataset.summary.source}: the data have changed since {trained.called}{digests}; "
        f"{purpose} of others would not be this run's: bring the old ones back, or train again"
    )


def refuse_walk(trained: Trained, what: str) -> None:
    """Raise ConfigError where one model has not forecast the whole test part, so that it cannot do so again."""
    if trained.configuration().trainer.refit_every:
        raise ConfigError(
            f"{trained.called} walked forward (trainer.refit_every): many models have forecast its test set, of which "
            f"the last is kept; {what} needs a new run"
        )


def _fitted(scaling: Mapping[str, Any]) -> Any:
    """Return what follows from the data, as JSON: not how their table is read, which earlier versions did not keep."""
    return json.loads(json.dumps({key: value for key, value in scaling.items() if key != "table"}))


def called(run: TrackedRun) -> str:
    return f"run {run.name} ({run.run_id[:8]})"
