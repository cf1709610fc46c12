"""The experiment that is proposed for a table of sensors: all columns of numbers are sensors, but for one of labels."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rnnexp.data import inspect as table
from rnnexp.data.inspect.finding import Finding, Head, name_column
from rnnexp.data.inspect.head import read_head
from rnnexp.data.inspect.roles import list_measured
from rnnexp.data.tables.columns import listed
from rnnexp.data.tables.layout import Layout
from rnnexp.data.tables.locate import locate
from rnnexp.data.tables.numbers import Flaws, parse
from rnnexp.tasks.anomaly.load import SensorDataset
from rnnexp.tasks.forecasting import inspect as forecasting_inspect
from rnnexp.tasks.forecasting import series_recipe
from rnnexp.tasks.requests import Draft, Suggestion

# Proposals that are for forecasts alone.
OF_FORECASTS = ("data.scaler", "model.skip_connection", "ensemble", "optimizer.learning_rate", "schedule")
LABELS = {"anomaly", "anomalies", "is_anomaly", "label", "labels", "fault", "faulty", "is_fault", "outlier", "attack"}


def inspect(path: str, given: Mapping[str, Any]) -> Draft:
    """Look at a table and propose an experiment; DataError where even a person would have to look."""
    labels = None
    if "target" not in given:
        finding, _ = table.inspect(path, given)
        sensors, labels = _find_sensors(path, finding)
        given = {**given, "target": sensors}
    draft = forecasting_inspect.inspect(path, given)
    settings = {**draft.data, "target": _list(draft.data["target"])}
    reasons = {**draft.reasons, "target": f"the sensors: {len(settings['target'])}"}
    if labels is not None:
        settings["labels"], reasons["labels"] = labels, "0 and 1 alone; labels are used for scores, never to learn from"
    return replace(
        draft,
        question=f"Which rows of {Path(path).name} are faulty, and which sensor is it?",
        defaults={"data": "sensors", "model": "gru"},
        data=settings,
        reasons=reasons,
    )


def suggest(dataset: SensorDataset) -> list[Suggestion]:
    """Choose window and budget; a scaler that takes the level of each window away would hide that a level is new."""
    return [one for one in series_recipe.suggest(dataset, in_patches=False) if one.key not in OF_FORECASTS]


def _find_sensors(path: str, finding: Finding) -> tuple[list[Any], Any]:
    """Return all columns that are measured, and that of labels, None without one."""
    file = locate(path, os.environ.get("RNNEXP_DATA"))[0]
    again = Finding(settings=dict(finding.settings), layout=finding.layout)
    head = read_head(file, again)
    others = [finding.settings.get(key) for key in ("time", "series", "features", "known", "weight")]
    taken = {_place(head, column) for group in others for column in _list(group)}
    measured, _ = list_measured(head, taken, finding.layout)
    labels = [index for index in measured if _is_label(head, index, finding.layout)]
    names = [name_column(head, index, finding) for index in measured if index not in labels[:1]]
    finding.seen.append(f"sensors: {listed([str(name) for name in names])}")
    return names, name_column(head, labels[0], finding) if labels else None


def _is_label(head: Head, index: int, layout: Layout) -> bool:
    if head.names[index].strip().lower() not in LABELS:
        return False
    cells = head.cells[index]
    return bool(np.isin(parse(cells, range(len(cells)), layout, Flaws()), (0, 1)).all())


def _place(head: Head, column: Any) -> int | None:
    return column if isinstance(column, int) else head.names.index(column) if column in head.names else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
