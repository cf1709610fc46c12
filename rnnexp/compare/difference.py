"""Two runs side by side: configuration, data, code, versions and scores, only what differs."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rnnexp.compare.complete import completed, configuration
from rnnexp.compare.table import shown
from rnnexp.config.text import leaves, typed
from rnnexp.errors import ConfigError
from rnnexp.tracking import find
from rnnexp.tracking.query import TrackedRun, artifact, with_details

# What a tag is about; those of bookkeeping (names, hashes of what is shown in full) are left out.
DATA = ("rnnexp.data_digest",)
CODE = ("mlflow.source.git.commit", "mlflow.source.git.branch", "mlflow.source.git.dirty", "mlflow.source.git.repoURL")
VERSIONS = ("rnnexp.version", "rnnexp.backend", "rnnexp.device", "rnnexp.engine")
ENDING = ("rnnexp.outcome", "rnnexp.best_baseline", "rnnexp.beats_baseline")
PATCH = "git.diff"


@dataclass(frozen=True)
class Pair:
    """One thing that differs; None where a run does not have it."""

    key: str
    a: Any
    b: Any


def difference(uri: str | None, a: TrackedRun, b: TrackedRun) -> dict[str, list[Pair]]:
    """Return what differs by topic; a topic without differences has an empty list."""
    a, b = with_details(uri, a), with_details(uri, b)
    sizes = [{key: value for key, value in run.metrics.items() if key.startswith("data/")} for run in (a, b)]
    scores = [{key: value for key, value in run.metrics.items() if not key.startswith("data/")} for run in (a, b)]
    patches = [_patch(uri, run) for run in (a, b)]
    return {
        "config": pairs(*_configs(uri, a, b)),
        "data": pairs({**_tags(a, DATA), **sizes[0]}, {**_tags(b, DATA), **sizes[1]}),
        "code": pairs({**_tags(a, CODE), **patches[0]}, {**_tags(b, CODE), **patches[1]}),
        "versions": pairs(_tags(a, VERSIONS), _tags(b, VERSIONS)),
        "ending": pairs({"status": a.status, **_tags(a, ENDING)}, {"status": b.status, **_tags(b, ENDING)}),
        "metrics": sorted(pairs(*scores), key=lambda pair: (pair.key.startswith("time/"), pair.key)),
    }


def read_configuration(uri: str | None, text: str) -> dict[str, Any]:
    """Return what a run was trained with, by dotted keys; ConfigError if its configuration was not kept."""
    run = find.run(uri, text)
    config = configuration(uri, run)
    if config is None:
        raise ConfigError(f"run {run.name} ({run.run_id[:8]}): its configuration was not kept")
    return _values(config)


def pairs(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Pair]:
    """Return what differs between two mappings; 1 and 1.0 are the same number, 1 and true are not the same."""
    keys = dict.fromkeys([*a, *b])
    return [Pair(key, a.get(key), b.get(key)) for key in keys if not same(a.get(key), b.get(key))]


def same(a: Any, b: Any) -> bool:
    """Tell equal values; 1 and true are not, NaN and NaN are."""
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b):
        return True
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def _configs(uri: str | None, a: TrackedRun, b: TrackedRun) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return whole configurations; where one of them was not kept, the parameters of both."""
    one, other = configuration(uri, a), configuration(uri, b)
    if one and other:
        return _values(one), _values(other)
    first, second = completed(uri, (a, b)).runs
    return _typed(first), _typed(second)


def _typed(run: TrackedRun) -> dict[str, Any]:
    return {key: typed(value) for key, value in run.params.items()}


def _values(config: Any) -> dict[str, Any]:
    return {key: value for key, value in leaves(config) if value != {}}


def _tags(run: TrackedRun, names: tuple[str, ...]) -> dict[str, Any]:
    return {name.rpartition(".")[2]: run.tags[name] for name in names if name in run.tags}


def _patch(uri: str | None, run: TrackedRun) -> dict[str, str]:
    """Name the uncommitted changes by their size and hash: two runs of one commit may still be of different code."""
    if run.tags.get("mlflow.source.git.dirty") != "true":
        return {}
    text = artifact(uri, run, PATCH)
    if text is None:
        return {}
    return {PATCH: f"{len(text.splitlines())} lines, sha256 {hashlib.sha256(text.encode()).hexdigest()[:8]}"}


def cells(found: list[Pair], change: bool) -> list[list[str]]:
    """Return rows of text: key, a, b, and with `change` b - a."""
    return [[pair.key, _cell(pair.a), _cell(pair.b), _change(pair) if change else ""] for pair in found]


def _cell(value: Any) -> str:
    return "-" if value is None else shown(value)


def _change(pair: Pair) -> str:
    both = isinstance(pair.a, int | float) and isinstance(pair.b, int | float)
    return f"{pair.b - pair.a:+.4g}" if both else ""
