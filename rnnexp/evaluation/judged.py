"""Which score is looked at first, before anything is scored."""

from __future__ import annotations

from importlib.util import find_spec

from rnnexp.data.dataset import Dataset
from rnnexp.task import TASKS
from rnnexp.tasks.forecasting import naive2
from rnnexp.tasks.forecasting.dataset import SeriesDataset
from rnnexp.tasks.sequence_to_sequence.dataset import PairDataset, PairPipeline


def judge(pipeline: PairPipeline) -> str:
    """Return a metric: strings of characters are right or wrong, sentences are more or less alike."""
    return "exact_match" if pipeline.target.tokeniser.kind == "character" or not find_spec("sacrebleu") else "bleu"


def judged_by(dataset: Dataset) -> str:
    """Return the metric that will head the report of these data: of its task the first that is defined for them."""
    return next(name for name in TASKS[dataset.spec.task].headline if _is_defined(name, dataset))


def _is_defined(name: str, dataset: Dataset) -> bool:
    match name:
        case "owa":
            return _as_in_m4(dataset)
        case "nrmse":
            return len(dataset.spec.targets) > 1
        case "bleu":
            return isinstance(dataset, PairDataset) and judge(dataset.pipeline) == name
    return True


def _as_in_m4(dataset: Dataset) -> bool:
    if not isinstance(dataset, SeriesDataset):
        return False
    starts, offsets = dataset.starts(dataset.scored), dataset.history.offsets
    return naive2.applies(offsets[offsets.searchsorted(starts, side="right") - 1])
