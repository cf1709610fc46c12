"""What MLflow accepts: names, lengths and numbers of parameters, tags and metrics."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from rnnexp.config.text import text
from rnnexp.paths import short_name
from rnnexp.redact import redact_value

PARAMS = "rnnexp.params"  # the tag that says how many parameters a run has: it has logged all of them
# The tag that holds the scores of all of them, for tables of many runs; MLflow's pages hide what begins so.
BASELINES = "mlflow.rnnexp.baselines"
FORMER_TAGS = {"rnnexp.why_lost": "rnnexp.diagnosis"}  # what they are called now, by what stored runs call them
LONGEST_PARAM = 6000
LONGEST_TAG = 8000
LONGEST_NAME = 250
BASELINE = "baseline/"

log = logging.getLogger("rnnexp")


def params(values: Mapping[str, object]) -> dict[str, str]:
    """Return parameters as MLflow stores them: redacted, with long values cut and marked."""
    written = {key: redact_value(key, _text(value)) for key, value in values.items()}
    if long := [key for key, value in written.items() if len(value) > LONGEST_PARAM]:
        log.info("MLflow takes %d characters of %s; all are in config/config.yaml", LONGEST_PARAM, ", ".join(long))
    return {name: cut(value, LONGEST_PARAM) for name, value in zip(unique(list(written)), written.values())}


def tags(values: Mapping[str, object]) -> dict[str, str]:
    """Return tags as MLflow stores them: redacted and not too long."""
    written = [cut(redact_value(key, _text(value)), LONGEST_TAG) for key, value in values.items()]
    return dict(zip(unique(list(values)), written))


def rename_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags of a stored run under the names of today."""
    return {FORMER_TAGS.get(name, name): value for name, value in tags.items()}


def primary(metric: str, greater_is_better: bool) -> dict[str, str]:
    """Return the tags of an experiment that tell MLflow's pages which metric comes first."""
    return {
        "mlflow.experiment.primaryMetric.name": metric,
        "mlflow.experiment.primaryMetric.greaterIsBetter": str(greater_is_better),
    }


def finite(values: Mapping[str, float]) -> dict[str, float]:
    """Return the metrics that can be sent: MLflow's `log_model` fails over NaN and infinity."""
    numbers = {key: float(value) for key, value in values.items()}
    return {allowed(key): number for key, number in numbers.items() if math.isfinite(number)}


def write_baselines(metrics: Mapping[str, float]) -> dict[str, str]:
    """Return the tag of the scores of baselines, if there are any; what a tag has no room for is left out."""
    found = {name: value for name, value in finite(metrics).items() if name.startswith(BASELINE)}
    while len(text := json.dumps({name.removeprefix(BASELINE): value for name, value in found.items()})) > LONGEST_TAG:
        found.popitem()
    return {BASELINES: text} if found else {}


def read_baselines(tags: Mapping[str, str]) -> dict[str, float]:
    """Return the scores of baselines by the names of metrics; of a tag that says something else nothing."""
    try:
        found = dict(json.loads(tags.get(BASELINES, "{}")))
    except (ValueError, TypeError):
        return {}
    return {f"{BASELINE}{name}": float(one) for name, one in found.items() if isinstance(one, int | float)}


def _text(value: object) -> str:
    return value if isinstance(value, str) else text(value)


def cut(value: str, limit: int) -> str:
    """Shorten a value to `limit` characters; its end then names the full length and a hash of the whole."""
    if len(value) <= limit:
        return value
    digest = hashlib.sha256(value.encode()).hexdigest()[:16]
    mark = f"...[cut: {len(value)} characters, sha256 {digest}]"
    return value[: limit - len(mark)] + mark


@lru_cache(maxsize=1000)  # the metrics of an epoch are called the same every time
def allowed(name: str) -> str:
    """Replace what MLflow refuses in a name; a path must stay one that does not climb."""
    clean = re.sub(r"[^\w\-. :/]", "_", name.strip())
    clean = "/".join(part if part.strip(".") else "_" for part in clean.split("/"))
    return clean if len(clean) <= LONGEST_NAME else _short(clean)


def make_path(name: str) -> str:
    """Return a path within a run's folder that MLflow and file systems accept."""
    parts = map(Path, allowed(name).split("/"))
    return "/".join(short_name(part.stem) + part.suffix[:9] for part in parts)


def _short(name: str) -> str:
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: LONGEST_NAME - 9]}_{digest}"


def unique(names: list[str]) -> list[str]:
    """Make every name acceptable and unlike the others: beside `a_0_`, `a[0]` becomes `a_0__2`."""
    taken: set[str] = {name for name in names if allowed(name) == name}
    result = []
    for name in names:
        clean = allowed(name)
        number = 2
        while clean != name and clean in taken:
            clean = f"{allowed(name)}_{number}"
            number += 1
        taken.add(clean)
        result.append(clean)
    return result
