"""The best setting of a sweep as an experiment that can be committed and run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rnnexp import strict
from rnnexp.compare.experiment_file import experiment_file
from rnnexp.compare.find import Sweep
from rnnexp.compare.groups import Comparison, Group
from rnnexp.compare.shown import against_baseline, called, spread
from rnnexp.compare.values import shown, typed
from rnnexp.errors import ConfigError
from rnnexp.tracking.query import TrackedRun, artifact

CONFIG = "config/config.yaml"


@dataclass(frozen=True)
class Winner:
    """The best group, the run of its first seed, that run's whole configuration, and the experiment file."""

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
    text = artifact(uri, run, CONFIG)
    if text is None:
        raise ConfigError(f"run {run.run_id} of sweep {sweep.name} has no artifact {CONFIG}")
    config = strict.parse_yaml(text, f"{CONFIG} of run {run.name}")
    return Winner(group, run, config, experiment_file(config, _comments(sweep, compared, group)))


def _comments(sweep: Sweep, compared: Comparison, group: Group) -> list[str]:
    direction = "the more the better" if compared.goal.maximize else "the less the better"
    command = sweep.parent.tags.get("rnnexp.command")
    lines = [
        f"The best setting of sweep {sweep.name}: {called(group, compared.columns)}.",
        f"Objective: {compared.goal.metric} ({direction}) {spread(group.scores)}, n = {len(group.runs)}",
        _repeated(group, "seed", "the first seed is kept"),
        _repeated(group, "data.fold", "the first is held out; without data.folds the network learns from all of them"),
        against_baseline(compared),
        f"Sweep: {command}" if command else "",
        "Command: rnnexp train experiment=NAME, where NAME.yaml in ./experiments is this file",
    ]
    return [line for line in lines if line]


def _repeated(group: Group, key: str, note: str) -> str:
    values = dict.fromkeys(shown(typed(run.params[key])) for run in group.runs if key in run.params)
    return f"{key} {', '.join(values)}: {note}" if len(values) > 1 else ""
