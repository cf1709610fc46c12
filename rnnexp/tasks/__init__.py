"""Tasks: what is asked of a network. Each is a folder with all that it alone needs, and is found by its name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnexp import registry
from rnnexp.data.tables.remedy import Refused, Remedy, Undecided
from rnnexp.errors import ConfigError, DataError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnexp.data.dataset import Dataset
    from rnnexp.evaluation.report import Report, Scoring
    from rnnexp.tasks.base import TaskCode
    from rnnexp.tasks.requests import Draft
    from rnnexp.training.plan import History

IMAGES = {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp"}
MAX_LOOKED = 1000  # files of a folder


def of(name: str) -> TaskCode:
    """Return the task of this name; a ConfigError lists those that there are."""
    code: TaskCode = registry.lookup("task", name)()
    return code


def propose(path: str, given: Mapping[str, Any], task: str | None = None) -> Draft:
    """Propose an experiment for a file or folder: that of the only task whose data it looks like, or of a task given.

    given: settings that the user has decided
    Raises Undecided where there is more than one, ConfigError for a task whose data it does not look like, and
    DataError where even a person would have to look.
    """
    if task is not None:
        code = of(task)
        if (draft := code.inspect(path, given) or code.inspect_asked(path, given)) is None:
            columns = "say what its columns are (such as --recording and --label)"
            raise ConfigError(
                f"--task {task}: {path} does not look like its data; {columns}, or write the experiment by hand"
            )
        return draft
    codes = {name: code for name in registry.names("task") if not (code := of(name)).on_request}
    for last in (False, True):
        if last and _has_images(path):
            what = "series, sequences of numbers, texts, and tables of these"
            raise DataError(f"{path}: images are no input; what is read are {what}")
        asked = {name: code.inspect(path, given) for name, code in codes.items() if code.looks_last == last}
        drafts = {name: draft for name, draft in asked.items() if draft is not None and _takes(draft, given)}
        if len(drafts) > 1:
            remedies = [Remedy({"task": name}, next(iter(draft.seen), "")) for name, draft in drafts.items()]
            raise Undecided(Refused(f"{path}: looks like data of {len(drafts)} tasks", *remedies))
        if drafts:
            return next(iter(drafts.values()))
    raise DataError(f"{path}: does not look like data of any task; write the experiment by hand")


def _has_images(path: str) -> bool:
    """Tell a picture, or a folder that holds some."""
    place = Path(path).expanduser()
    files = islice(place.rglob("*"), MAX_LOOKED) if place.is_dir() else [place]
    return any(file.suffix.lower() in IMAGES for file in files)


def _takes(draft: Draft, given: Mapping[str, Any]) -> bool:
    """Tell whether the source that is proposed has all the settings that the user has decided."""
    fields: Any = registry.lookup("data", draft.defaults["data"])
    return set(given) <= set(fields.__pydantic_fields__)


def load(source: Any) -> Dataset:
    """Read, split and prepare what the settings of a source name; mistakes in the data raise DataError."""
    return of(source.task).load(source)


def evaluate(model: Any, dataset: Dataset, scoring: Scoring) -> Report:
    """Score a model on the scored part beside every baseline that is defined.

    Raises DivergedError for predictions that are not finite.
    """
    return _complete(dataset, of(dataset.spec.task).report(model, dataset, scoring), scoring)


def join_refits(dataset: Dataset, reports: Sequence[Report], scoring: Scoring) -> Report:
    """Score the whole test part by the reports of the refits that have predicted it piece by piece."""
    return _complete(dataset, of(dataset.spec.task).join_refits(dataset, reports, scoring), scoring)


def _complete(dataset: Dataset, report: Report, scoring: Scoring) -> Report:
    task = dataset.spec.task
    code, report = of(task), scoring.complete(report, task)
    metrics = {**_score_validation(code, dataset, report), **report.metrics}
    predictions = replace(report.predictions, rows=partial(code.rows, dataset, report))
    return replace(report, metrics=metrics, predictions=predictions)


def _score_validation(code: TaskCode, dataset: Dataset, report: Report) -> dict[str, float]:
    judge = code.judge_validation(dataset) if report.validation is not None else None
    return {f"best/val/{judge[0]}": judge[1](report.validation)} if judge and report.validation else {}


def check_leakage(dataset: Dataset) -> list[str]:
    """List each way in which validation or test data reach the training, or the future an input.

    It looks at the finished dataset alone, at what its examples really touch, and trusts no setting.
    """
    return list(of(dataset.spec.task).leaks(dataset))


def figures(
    dataset: Dataset, history: History, report: Report, loss: str | None = None
) -> Iterator[tuple[str, Figure]]:
    """Yield every picture of a run with its name; `loss` names what was minimized, for the label of its axis."""
    from rnnexp.evaluation.figures import learning_curves
    from rnnexp.evaluation.memory import TABLE, draw_memory

    code = of(dataset.spec.task)
    if history.epochs:
        details = ", ".join(filter(None, [loss, code.loss_units(dataset)]))
        yield "learning_curves", learning_curves(history, f"loss ({details})" if details else "loss")
    yield from code.figures(dataset, report)
    if TABLE in report.tables:
        yield TABLE, draw_memory(report.tables[TABLE])
