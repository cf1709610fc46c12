"""The view of a sweep that `rnnexp ui` opens: which runs, in which order, what of them, and which charts."""

from __future__ import annotations

import json
import zlib
from base64 import b64decode
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import pytest
from sweep_maker import Made

from rnnexp.compare import browse, find, runs_view
from rnnexp.compare.runs_view import PACKED, TAG, locate_view, make_view, share_view
from rnnexp.tracking.store import open_store

BASE = "http://127.0.0.1:5000"


def kept(made: Made, key: str | None) -> dict[str, Any]:
    """Return the view as MLflow's page unpacks it."""
    client = open_store(made.uri)
    written = client.get_experiment(client.get_run(made.run_id).info.experiment_id).tags[f"{TAG}{key}"]
    view: dict[str, Any] = json.loads(zlib.decompress(b64decode(written.removeprefix(PACKED))))
    return view


def test_the_view_is_kept_where_the_page_looks_for_it(made: Made) -> None:
    sweep = find.sweep(made.uri)
    key = share_view(made.uri, sweep)
    assert kept(made, key) == make_view(sweep)
    assert share_view(made.uri, sweep) == key  # a bookmark stays good when the sweep grows
    page = locate_view(BASE, sweep, str(key))
    assert page.startswith(f"{BASE}/#/experiments/{sweep.parent.experiment_id}/runs?")
    assert parse_qs(page.partition("?")[2]) == {
        "viewStateShareKey": [key],
        "compareRunsMode": ["TABLE"],
        "workflowType": ["machine_learning"],
    }


def test_the_jobs_are_listed_the_best_first(made: Made) -> None:
    view = make_view(find.sweep(made.uri))
    assert view["searchFilter"] == f"tags.`mlflow.parentRunId` = '{made.run_id}'"
    assert (view["orderByKey"], view["orderByAsc"]) == ("metrics.`best/val/loss`", True)
    client = open_store(made.uri)
    number = client.get_run(made.run_id).info.experiment_id
    found = client.search_runs([number], view["searchFilter"], order_by=[f"{view['orderByKey']} ASC"])
    assert {run.info.run_id for run in found} == {run for runs in made.children.values() for run in runs}
    losses = [run.data.metrics["best/val/loss"] for run in found if "best/val/loss" in run.data.metrics]
    assert len(losses) == 15
    assert losses == sorted(losses)


def test_an_objective_that_shall_be_large_is_sorted_so(made: Made) -> None:
    sweep = find.sweep(made.uri)
    tags = {**sweep.parent.tags, "rnnexp.objective": "test/rmse", "rnnexp.direction": "maximize"}
    view = make_view(replace(sweep, parent=replace(sweep.parent, tags=tags)))
    assert (view["orderByKey"], view["orderByAsc"]) == ("metrics.`test/rmse`", False)


def test_the_columns_are_what_differs_the_scores_model_and_data(made: Made) -> None:
    view = make_view(find.sweep(made.uri))
    assert (
        view["columnOrder"]
        == view["selectedColumns"]
        == [
            *("metrics.`best/val/loss`", "metrics.`test/rmse`", "metrics.`skill/rmse`"),
            *("params.`model.name`", "params.`optimizer.learning_rate`", "params.`seed`"),
            *("attributes.`Models`", "attributes.`Dataset`"),
        ]
    )


def test_the_charts_have_what_was_swept_and_the_objective(made: Made) -> None:
    charts = {chart["type"]: chart for chart in make_view(find.sweep(made.uri))["compareRunCharts"]}
    assert charts["PARALLEL"]["selectedParams"] == ["model.name", "optimizer.learning_rate", "seed"]
    assert charts["PARALLEL"]["selectedMetrics"] == ["best/val/loss"]
    assert charts["LINE"]["selectedMetricKeys"] == ["train/loss", "val/loss"]
    assert charts["DIFFERENCE"]["showDifferencesOnly"]


def test_seeds_of_a_setting_are_under_their_mean(made: Made) -> None:
    """The best of all runs may be a lucky seed of a setting that did not win."""
    sweep = find.sweep(made.uri)
    keys = [{"mode": "param", "groupByData": key} for key in ("model.name", "optimizer.learning_rate")]
    assert make_view(sweep)["groupBy"] == {"aggregateFunction": "average", "groupByKeys": keys}
    single = replace(sweep, children=[run for run in sweep.children if run.params["seed"] == "0"])
    assert make_view(single)["groupBy"] is None


def test_a_sweep_over_seeds_alone_differs_in_them(made: Made) -> None:
    view = make_view(find.sweep(made.uri, "sine_gru-aaaaaa"))
    assert "params.`seed`" in view["selectedColumns"]
    assert "params.`model.name`" not in view["selectedColumns"]


def test_the_addresses_begin_with_the_view(made: Made) -> None:
    sweep = find.sweep(made.uri)
    pages = browse.list_pages(BASE, sweep, made.uri)
    assert list(pages) == [f"sweep {made.name}", "charts", "compared", "its own run"]
    assert "compareRunsMode=TABLE" in pages[f"sweep {made.name}"]
    assert "compareRunsMode=CHART" in pages["charts"]
    assert pages["its own run"].endswith(f"/runs/{made.run_id}")
    assert browse.list_pages(BASE, None, made.uri) == {"experiments": f"{BASE}/#/experiments"}


def test_a_store_that_keeps_no_view_is_shown_all_the_same(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = find.sweep(made.uri)
    monkeypatch.setattr(runs_view, "TAG", "/../")  # a name that MLflow refuses, as one who may only read is refused
    assert share_view(made.uri, sweep) is None
    pages = browse.list_pages(BASE, sweep, made.uri)
    assert pages[f"sweep {made.name}"] == pages["compared"] == browse.address(BASE, sweep)


def test_a_view_fits_into_a_tag(made: Made) -> None:
    """MLflow's stores take 5,000 characters of a tag of an experiment."""
    client = open_store(made.uri)
    key = share_view(made.uri, find.sweep(made.uri))
    tags = client.get_experiment(client.get_run(made.run_id).info.experiment_id).tags
    assert len(tags[f"{TAG}{key}"]) < 2000
