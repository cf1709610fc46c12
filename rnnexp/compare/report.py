"""A sweep on one self-contained HTML page: verdict, table, curves, parameters, what failed, the winner."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from rnnexp.compare import find, memories, page, pictures
from rnnexp.compare.find import Sweep
from rnnexp.compare.groups import NONE, WORSE, Comparison, Group
from rnnexp.compare.importance import FEWEST, importance
from rnnexp.compare.shown import against_baseline, called, cells, verdict
from rnnexp.compare.table import short_names, shown
from rnnexp.compare.winner import winner
from rnnexp.config.text import typed
from rnnexp.errors import RnnexpError
from rnnexp.tracking.query import TrackedRun, artifact, histories

SHOWN = 25  # rows of a table before the rest is folded away
CURVES = 5  # settings whose learning curves are drawn
REASONS = 50  # failed runs whose error is read
READING = (
    ("n", "runs of a setting, over seeds and folds"),
    ("±", "standard deviation over them"),
    ("95 % interval", "of the mean, Student's t; the dashed line in the small figures is the best mean"),
    ("p", "paired t test against the best setting over the seeds and folds both have (of logarithms where values "
          "differ by over a factor of ten), corrected for the number of tests (Holm); the best was chosen from the "
          "same numbers, so take it with care"),
    ("within noise", "p is 0.05 or more: the sweep does not tell this setting from the best"),
    ("skill", "1 - score / score of the best baseline, which needs no network; negative: the network loses to it"),
)  # fmt: skip


def html(uri: str | None, sweep: str | Sweep) -> str:
    """Return the report of a sweep, also by its name or its run's id, as one HTML document under 2 MB."""
    found = sweep if isinstance(sweep, Sweep) else find.sweep(uri, sweep)
    compared = found.compared()
    return page.page(
        f"{found.name}: sweep",
        [
            _head(found, compared),
            page.section("Settings, the best first", _settings(compared), page.definitions(READING)),
            page.section("Learning curves", _curves(uri, compared)),
            page.section("Effective memory of the networks", _memories(uri, compared)),
            page.section("Parallel coordinates of the settings", _parallel(compared)),
            page.section("Score by parameter", _slices(compared)),
            page.section("Importance of the parameters", _importance(compared)),
            page.section("Jobs that did not finish", _others(uri, compared)),
            page.section("The best setting as an experiment", _winner(uri, found, compared)),
            page.section("Provenance", _origin(found)),
        ],
    )


def _head(sweep: Sweep, compared: Comparison) -> str:
    loses = compared.best is not None and (compared.best.skill or 0) < 0 and against_baseline(compared)
    ended = Counter(run.outcome for run in compared.runs)
    ended.update({how: len(jobs) for how, jobs in sweep.absent.items()})
    jobs = ", ".join(f"{count} {name}" for name, count in ended.most_common())
    facts = [f"{sum(ended.values())} jobs ({jobs})", f"{len(compared.groups)} settings", _when(sweep)]
    return "\n".join(
        [
            page.paragraph("Sweep", "over"),
            f"<h1>{page.escape(sweep.name)}</h1>",
            page.paragraph(" · ".join(filter(None, facts)), "soft"),
            page.paragraph(verdict(compared), "verdict loses" if loses else "verdict"),
            *(page.paragraph(f"Note: {note}.", "note") for note in compared.notes),
        ]
    )


def _when(sweep: Sweep) -> str:
    ended = sweep.parent.ended or max((run.ended or run.started for run in sweep.children), default=None)
    begun = datetime.fromtimestamp(sweep.parent.started / 1000)
    took = f", {_duration((ended - sweep.parent.started) / 1000)}" if ended else ""
    return f"{begun:%Y-%m-%d %H:%M}{took}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _settings(compared: Comparison) -> str:
    head, *lines = (_verdict_first(line, len(compared.columns) or 1) for line in cells(compared))
    drawn = _Whiskers(compared.groups[:SHOWN])
    after = head.index("95 % interval") + 1
    kinds = {"best": "best", WORSE: "worse", NONE: "none"}
    rows = [
        page.row(_with(drawn.cell(group), line, after), kinds.get(group.verdict, ""))
        for line, group in zip(lines, compared.groups)
    ]
    baselines = [page.row(_with(page.cell(""), line, after), "baseline") for line in lines[len(compared.groups) :]]
    names = [*head[:after], "", *head[after:]]
    return page.long_table(names, [*rows[:SHOWN], *baselines, *rows[SHOWN:]], SHOWN + len(baselines))


def _verdict_first(line: Sequence[str], settings: int) -> list[str]:
    """Move the verdict beside the settings, where a narrow screen shows it."""
    return [*line[: settings + 1], line[-1], *line[settings + 1 : -1]]


def _with(drawn: str, line: Sequence[str], after: int) -> list[str]:
    return [*map(page.cell, line[:after]), drawn, *map(page.cell, line[after:])]


class _Whiskers:
    """Small pictures of intervals on one scale, that of the rows which are seen first."""

    def __init__(self, groups: Sequence[Group]) -> None:
        ends = [end for group in groups for end in _ends(group)]
        self.low, self.high = min(ends, default=0.0), max(ends, default=1.0)
        self.best = groups[0].scores.mean if groups and groups[0].scores else self.low

    def cell(self, group: Group) -> str:
        if group.scores is None:
            return page.cell("")
        low, mean, high = _ends(group)
        width = (self.high - self.low) or 1.0
        return page.whisker(*((value - self.low) / width for value in (low, mean, high, self.best)))


def _ends(group: Group) -> tuple[float, ...]:
    scores = group.scores
    if scores is None:
        return ()
    low, high = scores.low, scores.high
    return scores.mean if low is None else low, scores.mean, scores.mean if high is None else high


def _curves(uri: str | None, compared: Comparison) -> str:
    metric = compared.goal.metric.removeprefix("best/")
    groups = [group for group in compared.groups[:CURVES] if group.runs]
    read = histories(uri, [run.run_id for group in groups for run in group.runs], metric)
    drawn = {
        called(group, compared.columns): [_finite(read[run.run_id]) for run in group.runs if run.run_id in read]
        for group in groups
    }
    drawn = {name: [run for run in runs if run] for name, runs in drawn.items()}
    drawn = {name: runs for name, runs in drawn.items() if runs}
    if not drawn:
        return ""
    which = "the settings" if len(compared.groups) <= CURVES else f"the {len(drawn)} best settings"
    caption = f"{metric} by epoch of {which}. Thin: each run; bold: their mean, over the epochs that all of them have."
    return page.figure(pictures.curves(drawn, metric), caption)


def _memories(uri: str | None, compared: Comparison) -> str:
    return page.figure(pictures.embed(lambda: memories.draw_memories(uri, compared)), memories.CAPTION)


def _finite(curve: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    return [(step, value) for step, value in curve if math.isfinite(value) and step > 0]


def _parallel(compared: Comparison) -> str:
    groups = [group for group in compared.groups if group.scores]
    if len(compared.columns) < 2 or len(groups) < 2:
        return ""
    means = [group.scores.mean for group in groups if group.scores]
    names = short_names(compared.columns)
    picture = pictures.parallel([group.setting for group in groups], means, names, compared.goal.metric)
    caption = "Each line is a setting, its mean at the right; from dark (best) to light (worst). Thick: the best."
    return page.figure(picture, caption)


def _slices(compared: Comparison) -> str:
    runs, points = _points(compared)
    if not compared.columns or len(runs) < 2:
        return ""
    names = dict(list(short_names(compared.columns).items())[:12])
    values = [run.metrics[compared.goal.metric] for run in runs]
    picture = pictures.slices(points, values, names, compared.goal.metric)
    return page.figure(picture, f"{compared.goal.metric} of each run; the marks that a line joins are means.")


def _points(compared: Comparison) -> tuple[list[TrackedRun], list[dict[str, object]]]:
    runs, points = [], []
    for group in compared.groups:
        for run in group.runs:
            runs.append(run)
            points.append({key: group.setting.get(key) for key in compared.columns})
    return runs, points


def _importance(compared: Comparison) -> str:
    runs, points = _points(compared)
    values = [run.metrics[compared.goal.metric] for run in runs]
    try:
        shares = importance(points, values)
    except ImportError as error:
        return page.paragraph(f"Not computed: {error}; run: pip install 'optuna>=4'", "note")
    if len(shares) < 2:
        return ""
    names = short_names(list(shares))
    few = f" With only {len(compared.groups)} settings this is a hint at best." if len(compared.groups) < FEWEST else ""
    caption = f"Share of the variation of {compared.goal.metric}, by rank, that each parameter explains (fANOVA).{few}"
    return page.figure(pictures.bars({names[key]: share for key, share in shares.items()}), caption)


def _others(uri: str | None, compared: Comparison) -> str:
    if not compared.unfinished:
        return ""
    names = short_names(compared.columns)
    jobs = sorted(compared.unfinished, key=lambda run: (run.outcome, run.job))
    head = ["job", "ended", *names.values(), "seed", "why", "run"]
    rows = [
        page.row(
            [
                page.cell(run.tags.get("rnnexp.job", "")),
                page.cell(run.outcome),
                *(page.cell(shown(typed(run.params[key])) if key in run.params else "-") for key in names),
                page.cell(run.params.get("seed", "")),
                page.cell(_reason(uri, run) if place < REASONS else "", "text"),
                page.cell(run.run_id[:8]),
            ]
        )
        for place, run in enumerate(jobs)
    ]
    return page.long_table(head, rows, SHOWN)


def _reason(uri: str | None, run: TrackedRun) -> str:
    """Return the last line of the traceback, which names the error."""
    if run.outcome in ("pruned", "running", "scheduled"):
        return ""
    lines = (artifact(uri, run, "error.txt") or "").strip().splitlines()
    return lines[-1][:300] if lines else ""


def _winner(uri: str | None, sweep: Sweep, compared: Comparison) -> str:
    try:
        won = winner(uri, sweep, compared)
    except RnnexpError as error:
        return page.paragraph(str(error), "note")
    how = f"rnnexp best {shlex.quote(sweep.name)} > experiments/winner.yaml && rnnexp train experiment=winner"
    return page.preformatted(won.text) + page.paragraph(how, "note")


def _origin(sweep: Sweep) -> str:
    tags = sweep.parent.tags
    first = next(iter(sweep.children), None)
    dirty = first is not None and first.tags.get("mlflow.source.git.dirty") == "true"
    commit = first.tags.get("mlflow.source.git.commit", "") if first else ""
    pairs = [
        ("command", tags.get("rnnexp.command", "")),
        ("folder", tags.get("rnnexp.folder", "")),
        ("run in MLflow", sweep.parent.run_id),
        ("code", commit[:12] + (" with uncommitted changes" if dirty else "")),
        ("rnnexp", tags.get("rnnexp.version", "")),
    ]
    return page.definitions((name, text) for name, text in pairs if text)
