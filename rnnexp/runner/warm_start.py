"""The trained run that a network starts from: found as runs are named elsewhere, and part of what a run is made of."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rnnexp.config.identity import config_hash
from rnnexp.config.parse import plain_values
from rnnexp.config.settings import Experiment
from rnnexp.data.fingerprint import Files, hash_data
from rnnexp.errors import ConfigError
from rnnexp.models.weights import FILE
from rnnexp.runtime.digests import hash_file
from rnnexp.tracking import find
from rnnexp.tracking.files import fetch_model, find_bundle
from rnnexp.tracking.model_registry import SCHEME
from rnnexp.tracking.query import run_folder

if TYPE_CHECKING:
    from rnnexp.data.dataset import Dataset
    from rnnexp.models.transfer import TrainedWeights, Transfer
    from rnnexp.training.plan import TrainingPlan

KEY = "model.start"
TAG = "rnnexp.start"
TABLE = "start.txt"  # the artifact that lists every weight

log = logging.getLogger("rnnexp")


def read_start(experiment: Experiment) -> TrainedWeights | None:
    """Read the network that an experiment starts from; None if it starts from drawn weights.

    Raises ConfigError where no such run is, or where it has kept no model; DataError for one that is damaged.
    """
    text = find_start(experiment.model)
    if text is None:
        return None
    from rnnexp.models.transfer import read_trained

    with _open_bundle(text, experiment.tracking.uri) as (called, bundle):
        return read_trained(bundle, called, hash_file(bundle / FILE))


def take_start(source: TrainedWeights | None, model: Any, dataset: Dataset, *, quiet: bool = True) -> Transfer | None:
    """Put what fits of a trained network into one that has been drawn; say what was taken, unless `quiet`."""
    if source is None:
        return None
    from rnnexp.models.transfer import match_weights

    taken = match_weights(source, model, dataset.spec, dataset.scaling)
    taken.fill(model)
    for line in () if quiet else taken.lines():
        log.info("%s", line)
    return taken


def hold_taken(plan: TrainingPlan, taken: Transfer | None, experiment: Experiment) -> TrainingPlan:
    """Return the plan by which the weights that were taken are not trained in the first epochs."""
    epochs = vars(experiment.model).get("freeze_epochs", 0)
    return replace(plan, held=taken.held(), held_epochs=epochs) if taken and epochs else plan


def find_start(model: Any) -> str | None:
    """Return what the settings of a network name; those of users' own networks have nothing of the kind."""
    return vars(model).get("start")


def hash_files(experiment: Experiment) -> dict[str, Files]:
    """Return the files that a run is made of, with their digests: of its data, and the weights that it starts from."""
    return hash_data([plain_values(experiment)["data"]]) | hash_start(
        find_start(experiment.model), experiment.tracking.uri
    )


def hash_start(text: str | None, uri: str | None) -> dict[str, Files]:
    """Return the digest of the weights of a trained run by what names it; nothing for no run."""
    if text is None:
        return {}
    with _open_bundle(text, uri) as (_, bundle):
        return {f"{KEY}={text}": {FILE: hash_file(bundle / FILE)}}


def identify(experiment: Experiment) -> str:
    """Return by what a run is known: its settings and, of a start, the weights: another run may have its name now."""
    own, files = config_hash(experiment), hash_start(find_start(experiment.model), experiment.tracking.uri)
    digests = [digest for found in files.values() for digest in found.values()]
    return hashlib.sha256("\n".join([own, *digests]).encode()).hexdigest()[:12] if digests else own


@contextmanager
def _open_bundle(text: str, uri: str | None) -> Iterator[tuple[str, Path]]:
    """Yield what to call a run, and the folder of its model, as long as it is read; it may lie in a store alone."""
    with TemporaryDirectory(prefix="rnnexp-start-") as scratch:
        try:
            called, bundle = _find_bundle(text, uri, Path(scratch))
        except ConfigError as error:
            raise ConfigError(*(f"{KEY}: {problem}" for problem in error.problems)) from None
        if bundle is None or not (bundle / FILE).is_file():
            raise ConfigError(
                f"{KEY}: {called} has no model: it has not ended, or was run with tracking.log_model=false"
            )
        yield called, bundle


def _find_bundle(text: str, uri: str | None, scratch: Path) -> tuple[str, Path | None]:
    folder = Path(text).expanduser()
    if not text.startswith(SCHEME) and (folder.is_dir() or os.sep in text):
        if not folder.is_dir():
            raise ConfigError(f"{text}: there is no such folder; `rnnexp runs` lists what can be given by id or name")
        return text, find_bundle(folder)
    run = find.run(uri, text)
    if run.is_sweep:
        raise ConfigError(f"`{run.name}` is a sweep; give one of its runs, by id or name")
    home = run_folder(run)
    return f"run {run.name} ({run.run_id[:8]})", (home and find_bundle(home)) or fetch_model(uri, run, scratch)
