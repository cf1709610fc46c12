"""The sweep as a run of its own in MLflow, with its jobs as children."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from rnnexp.config.settings import Experiment
from rnnexp.redact import redact
from rnnexp.runner.record import name_experiment
from rnnexp.runtime.machine import find_version
from rnnexp.sweeps.definition import GROWING, Definition
from rnnexp.sweeps.state import JobState
from rnnexp.task import split_details
from rnnexp.tracking.names import LONGEST_TAG, cut
from rnnexp.tracking.run import RunInfo

if TYPE_CHECKING:
    from rnnexp.compare.groups import Comparison

MAX_ROWS = 10  # settings in the description


def parent_info(
    folder: Path, definition: Definition, first: Experiment, facts: Mapping[str, Any], key: str | None
) -> RunInfo:
    """Describe the sweep; `facts`: objective, direction, varied, command, primary (metric, more is better), jobs."""
    name, (metric, greater) = folder.name, facts["primary"]
    return RunInfo(
        experiment=name_experiment(first),
        run_name=name,
        # of a parameter MLflow takes one value for ever, and a sweep may grow
        params={f"sweep.{key}": value for key, value in definition.rules.items() if key not in GROWING},
        tags=_tags(folder, first, facts),
        config=yaml.safe_dump({"space": dict(definition.space), "rules": dict(definition.rules)}, sort_keys=False),
        description=_description(folder, facts),
        primary_metric=metric,
        greater_is_better=greater,
        run_dir=folder,
        key=key,
    )


def _tags(folder: Path, first: Experiment, facts: Mapping[str, Any]) -> dict[str, str]:
    return {
        "rnnexp.version": find_version("rnnexp") or "unknown",
        "rnnexp.kind": "sweep",
        "rnnexp.sweep": folder.name,
        "rnnexp.objective": str(facts["objective"]),
        "rnnexp.direction": str(facts["direction"]),
        "rnnexp.varied": ",".join(facts["varied"]),
        "rnnexp.command": redact(str(facts["command"])),
        "rnnexp.folder": str(folder),
        "rnnexp.group": first.name,
    }


def _description(folder: Path, facts: Mapping[str, Any]) -> str:
    name = folder.name
    return (
        f"Sweep **{name}**: {facts['jobs']} jobs over {', '.join(facts['varied']) or 'nothing'}, "
        f"compared by `{facts['objective']}`\n\n"
        f"Resume, or show the result: `{redact(str(facts['command']))}`\n\n"
        f"Compare: `rnnexp compare {name}`; report: `rnnexp report {name}`; winner: `rnnexp best {name}`\n\n"
        f"Folder: `{folder}`"
    )


def describe_end(compared: Comparison, before: str) -> str:
    """Say which setting won and how the others did, above what was said when the sweep began."""
    from rnnexp.compare.shown import cells, verdict
    from rnnexp.compare.table import markdown

    head, *rows = cells(compared)
    table = markdown([head, *rows[:MAX_ROWS]])
    more = f"and {len(rows) - MAX_ROWS} more\n\n" if len(rows) > MAX_ROWS else ""
    return cut(f"{verdict(compared)}\n\n{table}\n\n{more}{before}", LONGEST_TAG)


def best_metrics(best: JobState) -> dict[str, float]:
    """Return what the parent shows of its best child: its own `best/*`, and its scores under `best/`."""
    shown, _ = split_details(best.metrics, None)
    own = {key: value for key, value in shown.items() if key.startswith("best/")}
    scores = {f"best/{key}": value for key, value in shown.items() if key.startswith(("test/", "skill/"))}
    return {**own, **scores, "best/job": float(best.number)}
