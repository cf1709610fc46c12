"""A comparison as people and programs read it: cells, sentences, plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rnnexp.compare.groups import FEW, NOISE, WORSE, Baseline, Comparison, Group
from rnnexp.compare.stats import Summary
from rnnexp.compare.table import setting_text, short_names, shown, skill_text, with_spread
from rnnexp.config.text import text


def cells(comparison: Comparison) -> list[list[str]]:
    """Return the table: its head, a row for each group, and a row for each baseline."""
    head, groups = _columns(comparison)
    rows = [[str(rank), *row] for rank, row in enumerate(groups, start=1)]
    lines = [["#", *head], *rows, *_baseline_rows(comparison, ["#", *head])]
    empty = {i for i, name in enumerate(lines[0]) if name in ("did not finish", "skill", "p")} - {
        i for line in lines[1:] for i, cell in enumerate(line) if cell
    }
    return [[cell for i, cell in enumerate(line) if i not in empty] for line in lines]


def _columns(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    names = short_names(comparison.columns)
    test = comparison.test_metric
    settings = [names[key] for key in comparison.columns] or ["setting"]
    head = [*settings, "n", comparison.goal.metric, "95 % interval", "epoch"]
    second = test is not None and test != comparison.goal.metric
    head += [str(test)] * second + ["skill", "p", "did not finish", "verdict"]
    return head, [_row(group, comparison, second) for group in comparison.groups]


def _row(group: Group, comparison: Comparison, second: bool) -> list[str]:
    scores = group.scores
    interval = f"{scores.low:.4g} to {scores.high:.4g}" if scores and scores.low is not None else ""
    return [
        *([setting_text(group.setting.get(key)) or "-" for key in comparison.columns] or ["all runs"]),
        str(len(group.runs)),
        spread(scores),
        interval,
        "" if group.epoch is None else f"{group.epoch:.4g}",
        *([spread(group.test)] * second),
        skill_text(group.skill),
        p_value(group.p),
        ended(group.others),
        group.verdict,
    ]


def _baseline_rows(comparison: Comparison, head: Sequence[str]) -> list[list[str]]:
    """Put each baseline's score into the column of the test metric, where networks stand above it."""
    return [
        [
            {"#": "-", comparison.test_metric: span(baseline), "verdict": "needs no network"}.get(name, "")
            if i != 1
            else f"baseline {baseline.name}"
            for i, name in enumerate(head)
        ]
        for baseline in comparison.baselines
    ]


def spread(values: Summary | None) -> str:
    return with_spread(values.mean, values.deviation) if values else ""


def span(baseline: Baseline) -> str:
    """Write a baseline's score, or its range where it depends on the setting."""
    low, high = shown(baseline.low), shown(baseline.high)
    return low if low == high else f"{low} to {high}"


def p_value(p: float | None) -> str:
    if p is None:
        return ""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def ended(others: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(others.items()))


def called(group: Group, columns: Sequence[str]) -> str:
    """Name a group by what sets it apart: `model gru, units [64]`."""
    names = short_names(columns)
    words = [f"{names[key]} {setting_text(group.setting.get(key)) or 'unset'}" for key in columns]
    return ", ".join(words) or "the one setting"


def verdict(comparison: Comparison) -> str:
    """Say in a sentence or three what the comparison has found."""
    best = comparison.best
    if best is None or best.scores is None:
        return f"No run has finished with a value of {comparison.goal.metric}, so nothing can be ranked."
    runs = "1 run" if best.scores.n == 1 else f"{best.scores.n} runs"
    metric = comparison.goal.metric.removeprefix("best/")
    first = f"Best: {called(best, comparison.columns)}, with {metric} {spread(best.scores)} over {runs}."
    return " ".join(filter(None, (first, _rest(comparison), against_baseline(comparison))))


def _rest(comparison: Comparison) -> str:
    found = Counter(group.verdict for group in comparison.groups[1:])
    words = {
        WORSE: "worse",
        NOISE: "within noise",
        FEW: "too few to tell (fewer than three shared seeds or folds)",
        "no result": "without a result",
    }
    told = [f"{found[name]} {text}" for name, text in words.items() if found[name]]
    return f"Others: {', '.join(told)}." if told else ""


def against_baseline(comparison: Comparison) -> str:
    """Say whether the best group beats what needs no network."""
    best, metric = comparison.best, comparison.test_metric
    if best is None or best.skill is None or metric is None or best.test is None or metric.startswith("train/"):
        return ""
    beats = "beats" if best.skill > 0 else "loses to"
    name = next((run.tags["rnnexp.best_baseline"] for run in best.runs if "rnnexp.best_baseline" in run.tags), "")
    own = [run.metrics.get(f"baseline/{name}/{metric.partition('/')[2]}") for run in best.runs]
    scores = [value for value in own if value is not None]
    other = f", {metric} {spread(best.test)} against {sum(scores) / len(scores):.4g}" if scores else ""
    return f"It {beats} its best baseline, {name}{other} (skill {skill_text(best.skill)})."


def numbers(comparison: Comparison) -> list[list[str]]:
    """Return the table for programs that read CSV: full keys, a number in every cell, all digits."""
    test = comparison.test_metric or "test"
    fields = ("n", "mean", "deviation", "low", "high")
    head = [*comparison.columns, *fields, test, f"{test} deviation", "skill", "epoch", "p", "verdict"]
    return [head, *(_numbers(group, comparison.columns, fields) for group in comparison.groups)]


def _numbers(group: Group, columns: Sequence[str], fields: Sequence[str]) -> list[str]:
    scores = [getattr(group.scores, name, None) for name in fields]
    test = [getattr(group.test, name, None) for name in ("mean", "deviation")]
    values = [*scores, *test, group.skill, group.epoch, group.p]
    settings = [text(value) if (value := group.setting.get(key)) is not None else "" for key in columns]
    return [*settings, *("" if value is None else repr(value) for value in values), group.verdict]


def plain(comparison: Comparison) -> dict[str, Any]:
    """Return everything as values for JSON."""
    return {
        "objective": comparison.goal.metric,
        "direction": "maximize" if comparison.goal.maximize else "minimize",
        "test_metric": comparison.test_metric,
        "columns": list(comparison.columns),
        "verdict": verdict(comparison),
        "groups": [_plain_group(group, comparison.columns) for group in comparison.groups],
        "baselines": [asdict(baseline) for baseline in comparison.baselines],
        "notes": list(comparison.notes),
    }


def _plain_group(group: Group, columns: Sequence[str]) -> dict[str, Any]:
    return {
        "setting": {key: group.setting.get(key) for key in columns},
        "n": len(group.runs),
        "objective": asdict(group.scores) if group.scores else None,
        "test": asdict(group.test) if group.test else None,
        "skill": group.skill,
        "epoch": group.epoch,
        "p": group.p,
        "verdict": group.verdict,
        "ended_otherwise": dict(group.others),
        "runs": [run.run_id for run in group.runs],
    }
