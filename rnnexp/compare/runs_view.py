"""What MLflow's page of runs shows of a sweep: its jobs, the best first, with what they differ in, and charts of that.

A view is kept where the button Share of that page keeps one: in a tag of the experiment, which the address names.
"""

from __future__ import annotations

import hashlib
import json
import logging
import zlib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from rnnexp.compare.differ import REPEATS
from rnnexp.compare.find import Sweep
from rnnexp.compare.groups import Comparison
from rnnexp.errors import RnnexpError, first_line
from rnnexp.tracking.client import open_client
from rnnexp.tracking.query import PARENT

TAG = "mlflow.sharedViewState."
PACKED = "deflate;"  # what MLflow's pages unpack begins so
WIDTH = 102  # pixels of a column
MAX_LINES = 20  # runs whose curves are drawn
CURVES = ("train/loss", "val/loss")
SECTION = "rnnexp"

log = logging.getLogger("rnnexp")


def share_view(uri: str, sweep: Sweep) -> str | None:
    """Keep the view of a sweep in the store and return its key, the same each time; None if it takes none."""
    key = hashlib.sha256(sweep.parent.run_id.encode()).hexdigest()[:32]
    packed = PACKED + b64encode(zlib.compress(json.dumps(make_view(sweep)).encode(), 9)).decode()
    try:
        open_client(uri).set_experiment_tag(sweep.parent.experiment_id, f"{TAG}{key}", packed)
    except Exception as error:  # MLflow raises whatever it likes; the runs can be looked at all the same
        reason = error if isinstance(error, RnnexpError) else first_line(error)
        log.debug("the store does not keep how a sweep is shown: %s", reason)
        return None
    return key


def locate_view(base: str, sweep: Sweep, key: str, mode: str = "TABLE") -> str:
    """Return the address of a view, as a table or as charts."""
    shown = f"viewStateShareKey={quote(key)}&compareRunsMode={mode}&workflowType=machine_learning"
    return f"{base}/#/experiments/{sweep.parent.experiment_id}/runs?{shown}"


def make_view(sweep: Sweep) -> dict[str, Any]:
    """Return the state of MLflow's page: which runs in which order, which columns, and the charts."""
    compared = sweep.compared()
    keys = list_differing(sweep, compared)
    scores = list_scores(compared)
    columns = [*(_name("metrics", score) for score in scores), *(_name("params", key) for key in keys)]
    columns += [_name("attributes", name) for name in ("Models", "Dataset")]
    return {
        "searchFilter": f"tags.`{PARENT}` = '{sweep.parent.run_id}'",
        "orderByKey": _name("metrics", sweep.goal.metric),
        "orderByAsc": not sweep.goal.maximize,
        "selectedColumns": columns,
        "columnOrder": columns,
        "columnWidths": dict.fromkeys(columns, WIDTH),
        "groupBy": _group_repetitions(compared),
        "useGroupedValuesInCharts": False,
        "runsHiddenMode": f"FIRST_{MAX_LINES}_RUNS",
        "isAccordionReordered": True,  # else ours would be sorted among those that MLflow makes, by name
        "compareRunSections": [{"uuid": SECTION, "name": f"Sweep {sweep.name}", **_OWN, "display": True, "columns": 2}],
        "compareRunCharts": _charts([key for key in keys if all(key in run.params for run in compared.runs)], scores),
    }


def _group_repetitions(compared: Comparison) -> dict[str, Any] | None:
    """Put seeds and folds of one setting together, under the mean of their scores: the best mean comes first."""
    if not compared.columns or all(len(group.runs) < 2 for group in compared.groups):
        return None
    keys = [{"mode": "param", "groupByData": key} for key in compared.columns]
    return {"aggregateFunction": "average", "groupByKeys": keys}


def list_differing(sweep: Sweep, compared: Comparison) -> list[str]:
    """Return the parameters in which the jobs differ, seeds and folds too if the sweep has varied them."""
    return list(dict.fromkeys([*compared.columns, *(key for key in REPEATS if key in sweep.varied)]))


def list_scores(compared: Comparison) -> list[str]:
    """Return the metrics that tell which job is best: the objective, the score that heads the runs, and its skill."""
    scores = [compared.goal.metric]
    if compared.test_metric:
        scores += [compared.test_metric, f"skill/{compared.test_metric.partition('/')[2]}"]
    logged = {name for run in compared.runs for name in run.metrics}
    return [name for name in dict.fromkeys(scores) if name in logged]


_OWN = {"deleted": False, "isGenerated": False, "isReordered": True}


def _charts(keys: Sequence[str], scores: Sequence[str]) -> list[dict[str, Any]]:
    axes = _chart("PARALLEL", "What was swept", selectedParams=list(keys), selectedMetrics=list(scores[:1]))
    curves = _chart(
        "LINE",
        "Does it overfit?",
        metricKey=CURVES[0],
        selectedMetricKeys=list(CURVES),
        lineSmoothness=0,
        xAxisKey="step",
        xAxisScaleType="linear",
        scaleType="linear",
        range={},
        yAxisKey="metric",
        yAxisExpressions=[],
        useGlobalXaxisKey=True,
        useGlobalLineSmoothing=True,
    )
    differences = _chart(
        "DIFFERENCE",
        "What differs",
        compareGroups=["Parameters", "Model metrics"],
        chartName="What differs",
        showChangeFromBaseline=True,
        showDifferencesOnly=True,
        baselineColumnUuid="",
    )
    return [*([axes] if keys else []), curves, differences]


def _chart(kind: str, name: str, **more: Any) -> dict[str, Any]:
    about: Mapping[str, Any] = {"uuid": f"{SECTION}-{kind}", "type": kind, "displayName": name}
    return {**about, **_OWN, "metricSectionId": SECTION, "runsCountToCompare": MAX_LINES, **more}


def _name(kind: str, key: str) -> str:
    return f"{kind}.`{key}`"
