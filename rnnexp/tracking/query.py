"""Reading runs back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rnnexp.tracking import store


@dataclass(frozen=True)
class TrackedRun:
    """One run as MLflow remembers it; `started` in milliseconds since 1970."""

    run_id: str
    name: str
    started: int
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]


def finished_runs(uri: str | None) -> list[TrackedRun]:
    """Return every finished run that rnnexp has tracked in a store, the latest first."""
    client = store.open_store(store.tracking_uri(uri))
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    found: list[Any] = []
    token = None
    while experiments:
        page = client.search_runs(experiments, "attributes.status = 'FINISHED'", page_token=token)
        found += [run for run in page if "rnnexp.version" in run.data.tags]
        token = page.token
        if not token:
            break
    return sorted((_tracked(run) for run in found), key=lambda run: -run.started)


def _tracked(run: Any) -> TrackedRun:
    info, data = run.info, run.data
    return TrackedRun(info.run_id, info.run_name, info.start_time, data.tags, data.params, data.metrics)
