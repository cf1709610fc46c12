"""Runs as MLflow's client finds them: of a server, or where the tables of a local database cannot be read.

Each answer is waited for, and holds all of each run: a server is asked for no run that is not wanted, and never once
for each run.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import chain, islice
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

from rnnexp.errors import ConfigError, TrackingError, first_line
from rnnexp.redact import redact
from rnnexp.tracking import store
from rnnexp.tracking.database import PARENT, Wanted
from rnnexp.tracking.mlflow_import import import_mlflow

if TYPE_CHECKING:
    from mlflow import MlflowClient

OURS = "rnnexp.version"
EXAMPLE = "metrics.test/rmse < 5 AND params.model.name = 'lstm'"
PAGE = 1000
HISTORIES, POINTS = 100, 2500  # of runs, and of each of them, in one answer of a server
_BULK = "/api/2.0/mlflow/metrics/get-history-bulk-interval"
# What stands in quotes of any kind, which is left alone, or behind its kind a name with a sign that needs them.
_NAME = re.compile(
    r"""'[^']*'|"[^"]*"|`[^`]*`|\b(metrics?|param(?:eter)?s?|tags?)\.([\w.]*[^\w.\s`'"=<>!(),][^\s`'"=<>!(),]*)""",
    re.IGNORECASE,
)
Fields = dict[str, Any]
R = TypeVar("R")

log = logging.getLogger("rnnexp")


def open_client(uri: str) -> MlflowClient:
    """Return a client; that of a server, which is asked whether it answers, is the same for all questions."""
    return store.open_store(uri) if store.database(uri) else _client_of_server(uri)


@cache
def _client_of_server(uri: str) -> MlflowClient:
    return store.open_store(uri)


def search_runs(uri: str, wanted: Wanted) -> list[Fields]:
    """Return the fields of each run that is wanted, the latest first."""
    asked = open_client(uri)
    with _explained(uri=uri):
        experiments = [experiment.experiment_id for experiment in asked.search_experiments()]
    try:
        return _found(asked, experiments, wanted, _expressions(wanted))
    except ConfigError:
        if not wanted.absent and wanted.parents is None:
            raise
        return _found(asked, experiments, wanted, _expressions(wanted, nulls=False))


def _found(asked: MlflowClient, experiments: list[str], wanted: Wanted, expressions: Sequence[str]) -> list[Fields]:
    pages = (_pages(asked, experiments, expression, wanted) for expression in expressions)
    fitting = {run["run_id"]: run for run in chain.from_iterable(pages) if _fits(run, wanted)}
    return list(islice(fitting.values(), wanted.limit))


def _pages(asked: MlflowClient, experiments: list[str], expression: str, wanted: Wanted) -> Iterator[Fields]:
    from mlflow.entities import ViewType

    token, order = None, ["attributes.start_time DESC"]
    view = {None: ViewType.ALL, True: ViewType.DELETED_ONLY, False: ViewType.ACTIVE_ONLY}[wanted.deleted]
    while experiments:
        with _explained(mark_names(wanted.filter or expression), str(asked.tracking_uri)):
            page = asked.search_runs(experiments, expression, view, PAGE, order, token)
        yield from map(_fields, page)
        token = page.token
        if not token:
            return


def _expressions(wanted: Wanted, *, nulls: bool = True) -> list[str]:
    """Say in MLflow's language which runs are wanted; it knows no OR, and before 3.11 could not ask what is absent."""
    parts = [f"tags.`{OURS}` LIKE '%'"]
    parts += [f"tags.`{key}` = '{value}'" for key, value in wanted.tags.items()]
    parts += [f"tags.`{key}` IS NULL" for key in wanted.absent if nulls]
    parts += [f"attributes.status = '{wanted.status}'"] if wanted.status else []
    parts += [f"attributes.run_id IN ({_listed(wanted.ids)})"] if wanted.ids else []
    if wanted.parents and len(wanted.parents) == 1:
        parts.append(f"tags.`{PARENT}` = '{wanted.parents[0]}'")
    elif wanted.parents and nulls:
        parts.append(f"tags.`{PARENT}` IS NOT NULL")
    parts += [mark_names(wanted.filter)] if wanted.filter else []
    named = [f"attributes.run_id LIKE '{wanted.run}%'", f"attributes.run_name = '{wanted.run}'"]
    alternatives = [[one] for one in named] if wanted.run is not None and "'" not in wanted.run else [[]]
    return [" AND ".join([*parts, *one]) for one in alternatives]


def _listed(values: Sequence[str]) -> str:
    return ", ".join(f"'{value}'" for value in values)


def mark_names(expression: str) -> str:
    """Put backticks around names such as `metrics.test/rmse`, whose slash MLflow takes for a division."""
    return _NAME.sub(lambda found: f"{found[1]}.`{found[2]}`" if found[1] else found[0], expression)


@contextmanager
def _explained(expression: str = "", uri: str = "") -> Iterator[None]:
    """Raise ConfigError for an expression that MLflow cannot read, TrackingError for what else it raises."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if expression and error.error_code == "INVALID_PARAMETER_VALUE":
            raise ConfigError(f"filter `{expression}`: {first_line(error)}; for example {EXAMPLE}") from None
        raise TrackingError(f"{redact(uri)}: {redact(first_line(error))}") from None


def _fits(run: Fields, wanted: Wanted) -> bool:
    """Check what MLflow's language, or an earlier version of it, cannot say."""
    text, tags = wanted.run, run["tags"]
    named = text is None or run["name"] == text or run["run_id"].startswith(text)
    ours = wanted.parents is None or tags.get(PARENT) in wanted.parents
    return named and ours and not any(tag in tags for tag in wanted.absent)


def _fields(run: Any) -> Fields:
    info, data = run.info, run.data
    return {
        "run_id": info.run_id,
        "name": info.run_name,
        "started": info.start_time,
        "tags": data.tags,
        "params": data.params,
        "metrics": data.metrics,
        "status": info.status,
        "ended": info.end_time,
        "experiment_id": info.experiment_id,
        "artifacts": info.artifact_uri,
        "deleted": info.lifecycle_stage == "deleted",
    }


def find_fitting(found: Sequence[R], expression: str) -> list[R] | None:
    """Keep the runs that fit an expression; None if it asks for what their fields do not tell, such as a data set.

    found: objects with the fields of a run as attributes
    """
    import_mlflow()
    from mlflow.utils.search_utils import SearchUtils

    with _explained(mark_names(expression)):
        try:
            return [one.run for one in SearchUtils.filter([_Searched(run) for run in found], mark_names(expression))]
        except AttributeError:
            return None


class _Searched:
    """A run as MLflow's search looks at it."""

    def __init__(self, run: Any) -> None:
        self.run = run
        self.data = SimpleNamespace(**{kind: getattr(run, kind) for kind in ("tags", "params", "metrics")})
        names = {"run_id": "run_id", "run_name": "name", "status": "status"}
        names |= {"start_time": "started", "end_time": "ended", "artifact_uri": "artifacts"}
        self.info = SimpleNamespace(**{name: getattr(run, field) for name, field in names.items()})


def read_histories(uri: str, run_ids: Sequence[str], metric: str) -> dict[str, list[tuple[int, float]]]:
    """Return (step, value) pairs of one metric for each run that has it; of very many a sample."""
    asked = open_client(uri)
    try:
        points = [(point.run_id, point) for point in _history_of_all(uri, run_ids, metric)]
    except Exception as error:  # a store that is no server, or one that does not offer this
        log.debug("%s: %s", redact(uri), redact(first_line(error)))
        points = [(run_id, point) for run_id in run_ids for point in asked.get_metric_history(run_id, metric)]
    found: dict[str, list[tuple[int, float]]] = {}
    for run_id, point in points:
        found.setdefault(run_id, []).append((point.step, point.value))
    return {run_id: sorted(pairs) for run_id, pairs in found.items()}


def _history_of_all(uri: str, run_ids: Sequence[str], metric: str) -> Iterator[Any]:
    """Ask a server as its own page does; MLflow's client has no call for many runs."""
    from mlflow.protos.service_pb2 import GetMetricHistoryBulkInterval
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import call_endpoint

    for start in range(0, len(run_ids), HISTORIES):
        wanted = {"run_ids": run_ids[start : start + HISTORIES], "metric_key": metric, "max_results": POINTS}
        answer = GetMetricHistoryBulkInterval.Response()
        call_endpoint(get_default_host_creds(uri), _BULK, "GET", json.dumps(wanted), answer)
        yield from answer.metrics
