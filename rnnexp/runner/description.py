"""What the page of a run says at its top, in Markdown: what it came to, by which command, settings and data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rnnexp.cells import markdown_cell
from rnnexp.config.settings import Experiment
from rnnexp.data.dataset import Dataset
from rnnexp.task import metric_of, primary
from rnnexp.tracking.names import LONGEST_TAG, cut, params

if TYPE_CHECKING:
    from rnnexp.evaluation.report import Report
    from rnnexp.training.plan import History

MAX_SETTINGS = 12
MAX_VALUE = 120  # characters of a value in the table
SHORT = 12  # characters of a digest
BREAK = "  \n"  # a new line; the page folds a description after five of them, paragraphs after two


def describe_run(
    experiment: Experiment, dataset: Dataset, command: str, settings: Mapping[str, object], folder: Path
) -> str:
    """Describe a run that begins; `settings` are those that were chosen, or differ from their defaults."""
    summary = dataset.summary
    sizes = ", ".join(f"{part} {size}" for part, size in summary.sizes.items())
    about = [
        f"**Command:** `{command or 'rnnexp.run(config)'}`",
        f"**Data:** `{summary.source}`, {summary.rows} rows; examples: {sizes}; digest `{summary.digest[:SHORT]}`",
    ]
    return "\n\n".join(
        [
            BREAK.join(about),
            f"**{experiment.name}**: {experiment.model.name} on {experiment.data.name}",
            _tabulate(settings),
            "**Model:** under Logged models of this page. "
            "`mlflow.pyfunc.load_model('runs:/RUN_ID/model').predict(rows)` with RUN_ID from this page takes raw data "
            "and answers in original units, labels or texts.",
            f"Folder: `{folder}`",
        ]
    )


def _tabulate(settings: Mapping[str, object]) -> str:
    """Write settings as a table; of many only the first, for all are parameters of the run."""
    shown = {key: markdown_cell(cut(value, MAX_VALUE)) for key, value in params(settings).items()}
    rows = [f"| {key} | {value} |" for key, value in list(shown.items())[:MAX_SETTINGS]]
    more = len(settings) - len(rows)
    told = f"\n\nand {more} more, at the top of the parameters" if more > 0 else ""
    return "\n".join(["| setting | not the default |", "| --- | --- |", *rows]) + told if rows else "All defaults."


def describe_end(report: Report, history: History, part: str, before: str) -> str:
    """Say what a run came to, above what was said when it began."""
    first, _, rest = before.partition("\n\n")
    told = [*_say_score(report, part), *_say_curves(history), first]
    told += [f"**Why it lost:** {report.why.removeprefix('why: ')}"] if report.why else []
    return cut(f"{BREAK.join(told)}\n\n{rest}", LONGEST_TAG)


def _say_score(report: Report, part: str) -> Iterator[str]:
    name = primary(report.metrics, part)
    if name is None:
        return
    known = metric_of(name)
    score = f"**{known.label if known else name} {report.metrics[f'{part}/{name}']:.5g}** on the {part} set"
    best = report.best_baseline
    if best is None or report.beats_baseline is None:
        yield f"{score}; no baseline is defined for these data."
        return
    verdict = "better than" if report.beats_baseline else "**not better** than"
    skill = report.metrics.get(f"skill/{name}")
    beside = "" if skill is None else f" (skill {skill:+.3f})"
    yield f"{score}, {verdict} its best baseline, {best}, with {report.metrics[f'baseline/{best}/{name}']:.5g}{beside}."


def _say_curves(history: History) -> Iterator[str]:
    """Answer whether it overfits: what became of the validation loss after its best epoch."""
    from rnnexp.evaluation.diagnosis import WORSE

    losses = [row["val/loss"] for row in history.epochs if "val/loss" in row]
    count = len(history.epochs)
    kept = history.describe_kept()
    if len(losses) != count or not losses:
        yield f"**Overfit?** Cannot be told without a validation set; {kept}."
        return
    best = min(range(count), key=losses.__getitem__)
    said = f"validation loss {losses[best]:.4g} in its best epoch, {best + 1}, and {losses[-1]:.4g} at the end"
    yield f"**Overfit?** {'Yes' if losses[-1] > WORSE * losses[best] else 'No'}: {said}; {kept}."
