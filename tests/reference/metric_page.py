"""The glossary of metrics: their table in `rnnexp.task`, with formula, range and trap from metrics.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path

from rnnexp.task import METRICS, Metric, tasks
from tests.reference.markdown import code, page, prose, sentence, table

MEANINGS = Path(__file__).with_name("metrics.toml")
REQUIRED = {"formula", "range", "trap"}
HERE = {"loss", "total_loss", "samples_per_s"}  # of training, whatever the task

INTRODUCTION = """\
# Metrics

Each metric that a task reports: its formula, its unit, its range, which direction is better, its name in MLflow, and
what to mind. `y` is the actual value, `p` the predicted one, `n` the number of scored values. Scores are in original
units: scaling is undone before anything is compared.

(Made from the table in `rnnexp/task.py` and from `tests/reference/metrics.toml` by `python -m tests.reference`.)"""

NAMES = """\
## Names in MLflow

| name | what it is |
| --- | --- |
| `test/rmse` | the score of the network on the test part; without a test part `train/rmse` |
| `test/h3/rmse` | the same of the third step of the horizon alone |
| `baseline/linear/rmse` | the score of a baseline on the same examples |
| `skill/rmse` | the network beside its best baseline, see below |
| `train/loss`, `val/loss` | of each epoch |
| `best/val/loss` | of the epoch whose weights are kept; sweeps are compared by it |
| `members/rmse` | with `ensemble`: the mean of the scores of the single networks |
| `members/deviation/rmse` | the standard deviation of these |
| `train/mae_scaled`, `val/mae_scaled` | metrics of `metrics: [mae]` while training, in scaled values |

`rnnexp results --metric mae` and `rnnexp compare --metric mae` show another score than the headline. `rnnexp rescore`
computes further metrics of runs that have ended.

## skill

How much better the network is than the best baseline of its run, which needs no network:

- of an error: `skill = 1 - error of the network / error of the best baseline`
- of a share such as accuracy: `skill = 1 - (1 - share of the network) / (1 - share of the best baseline)`
- of BLEU: `skill = 1 - (100 - BLEU of the network) / (100 - BLEU of the best baseline)`

Above 0 the network wins, 1 is perfect, below 0 it loses. In MLflow it is `skill/NAME`, such as `skill/rmse`. It is left
out where the best baseline is exact. The trap: a skill of one run is one draw; a skill of 0.01 over three seeds may be
noise, which `rnnexp compare` tests."""

TASKS = """\
## Metrics of each task

The first metric of a task's headline that a run has is the one by which it is judged."""


@cache
def meanings() -> Mapping[str, Mapping[str, str]]:
    """Return what is written of each metric."""
    return tomllib.loads(MEANINGS.read_text(encoding="utf-8"))


def known_metrics() -> dict[str, Metric]:
    """Return every metric of the table and of the tasks."""
    return {**METRICS, **{metric.name: metric for task in tasks().values() for metric in task.metrics}}


def untold(names: Collection[str]) -> list[str]:
    """Return the metrics of which something is missing, or that are told of and not known."""
    told = meanings()
    missing = [name for name in names if not told.get(name, {}).keys() >= REQUIRED]
    return sorted({*missing, *(told.keys() - {*names})})


def write_metrics() -> str:
    """Write the glossary."""
    known = known_metrics()
    rows = ((f"[{name}](#{name})", code(meanings()[name]["formula"]), _direction(one)) for name, one in known.items())
    listing = table(("metric", "formula", "better"), sorted(rows))
    sections = (_metric(one, meanings()[name]) for name, one in sorted(known.items()))
    return page(INTRODUCTION, listing, NAMES, TASKS, _tasks(), *sections)


def _tasks() -> str:
    rows = (
        (code(name), ", ".join(map(code, task.headline)), ", ".join(map(code, task.reported)))
        for name, task in tasks().items()
    )
    return table(("task", "headline", "reported, where it is defined"), rows)


def _direction(metric: Metric) -> str:
    if "near " in meanings()[metric.name]["range"]:
        return "in the middle, see its range"
    return "higher" if metric.greater_is_better else "lower"


def _metric(metric: Metric, told: Mapping[str, str]) -> str:
    name = metric.name
    unit = told.get("unit", "that of the data" if metric.in_units else "none")
    of = [task for task, code_of in tasks().items() if name in (*code_of.headline, *code_of.reported)]
    lines = {
        "formula": code(told["formula"]),
        "unit": prose(unit),
        "range": prose(told["range"]),
        "better": _direction(metric),
        "counted": metric.counted,
        "in MLflow": ", ".join(code(key) for key in told.get("key", f"test/{name}").split(", ")),
        "tasks": ", ".join(of) or ("all" if name in HERE else "where it is defined"),
        "source": prose(told.get("source", "")),
    }
    facts = "\n".join(f"- {left}: {right}" for left, right in lines.items() if right)
    return page(f"## {name}", prose(sentence(metric.label)), facts, f"Mind: {prose(sentence(told['trap']))}")
