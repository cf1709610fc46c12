"""The best setting of a sweep as an experiment that can be committed and run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
    import yaml

    compared = comparison or sweep.compared()
    group = compared.best
    if group is None:
        raise ConfigError(f"sweep {sweep.name}: no run has finished with a value of {compared.goal.metric}")
    run = group.runs[0]
    text = artifact(uri, run, CONFIG)
    if text is None:
        raise ConfigError(f"run {run.run_id} of sweep {sweep.name} has no artifact {CONFIG}")
    config = yaml.safe_load(text)
    return Winner(group, run, config, experiment_file(config, _comments(sweep, compared, group)))


def _comments(sweep: Sweep, compared: Comparison, group: Group) -> list[str]:
    direction = "the more the better" if compared.goal.maximize else "the less the better"
    command = sweep.parent.tags.get("rnnexp.command")
    lines = [
        f"The best setting of sweep {sweep.name}: {called(group, compared.columns)}.",
        f"Objective: {compared.goal.metric} ({direction}) {spread(group.scores)}, n = {len(group.runs)}{_seeds(group)}",
        against_baseline(compared),
        f"Sweep: {command}" if command else "",
        "Command: rnnexp train experiment=NAME, where NAME.yaml in ./experiments is this file",
    ]
    return [line for line in lines if line]


def _seeds(group: Group) -> str:
    seeds = [typed(run.params["seed"]) for run in group.runs if "seed" in run.params]
    return f" (seeds {', '.join(map(shown, dict.fromkeys(seeds)))}; the first is kept)" if len(seeds) > 1 else ""
