"""The best setting of a sweep as an experiment that can be committed and run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rnnexp.compare.complete import CONFIG, configuration
from rnnexp.compare.experiment_file import experiment_file
from rnnexp.compare.find import Sweep
from rnnexp.compare.groups import Comparison, Group
from rnnexp.compare.shown import against_baseline, called, spread
from rnnexp.compare.table import shown
from rnnexp.config.text import typed
from rnnexp.errors import ConfigError
from rnnexp.redact import MASK
from rnnexp.tracking.query import TrackedRun

FOLDS = ("fold", "folds", "held_out")  # of `data`: they chose the setting, and what is used learns from all of them

_COMMAND = "Command: rnnexp train experiment=NAME, where NAME.yaml in ./experiments is this file"


@dataclass(frozen=True)
class Winner:
    """The best group, the run of its first seed, that run's configuration without folds, and the experiment file."""

    group: Group
    run: TrackedRun
    config: Mapping[str, Any]
    text: str


def winner(uri: str | None, sweep: Sweep, comparison: Comparison | None = None) -> Winner:
    """Write the experiment of a sweep's best group; of several seeds the first one is kept."""
    compared = comparison or sweep.compared()
    group = compared.best
    if group is None:
        raise ConfigError(f"sweep {sweep.name}: no run has finished with a value of {compared.goal.metric}")
    run = group.runs[0]
    stored = configuration(uri, run, sweep.folder)
    if stored is None:
        raise ConfigError(f"run {run.run_id} of sweep {sweep.name} has no artifact {CONFIG}")
    config = {**stored, "data": {key: value for key, value in stored["data"].items() if key not in FOLDS}}
    swept = [key for key in sweep.varied if key.removeprefix("data.") not in FOLDS]
    return Winner(group, run, config, experiment_file(config, _comments(sweep, compared, group, stored), swept))


def write_run(uri: str | None, run: TrackedRun) -> tuple[Mapping[str, Any], str]:
    """Return the configuration of a single run, and the experiment that composes to it."""
    config = configuration(uri, run)
    if config is None:
        raise ConfigError(f"run {run.name} ({run.run_id[:8]}) has no artifact {CONFIG}")
    masked = f"{MASK} replaces a secret that is not stored; fill it in" if MASK in str(config) else ""
    lines = [f"What run {run.name} ({run.run_id[:8]}) was trained with.", masked, _COMMAND]
    return config, experiment_file(config, [line for line in lines if line])


def _comments(sweep: Sweep, compared: Comparison, group: Group, config: Mapping[str, Any]) -> list[str]:
    direction = "the more the better" if compared.goal.maximize else "the less the better"
    command = sweep.parent.tags.get("rnnexp.command")
    lines = [
        f"The best setting of sweep {sweep.name}: {called(group, compared.columns)}.",
        f"Objective: {compared.goal.metric} ({direction}) {spread(group.scores)}, n = {len(group.runs)}",
        _repeated(group, "seed", "the first seed is kept"),
        _unfolded(group, config["data"]),
        f"{MASK} replaces a secret that is not stored; fill it in" if MASK in str(config) else "",
        against_baseline(compared),
        *(f"Note: {note}" for note in compared.notes if "penalties" in note),
        f"Sweep: {command}" if command else "",
        _COMMAND,
    ]
    return [line for line in lines if line]


def _unfolded(group: Group, data: Mapping[str, Any]) -> str:
    if data.get("folds") is None:
        return ""
    kept = f"; their networks were those of epoch {group.epoch:.4g} on average" if group.epoch is not None else ""
    return f"data.folds {data['folds']} is left out: no fold is held out, data.split alone says what is learned{kept}"


def _repeated(group: Group, key: str, note: str) -> str:
    values = dict.fromkeys(shown(typed(run.params[key])) for run in group.runs if key in run.params)
    return f"{key} {', '.join(values)}: {note}" if len(values) > 1 else ""
