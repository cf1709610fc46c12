"""What a run keeps of its baselines beside its model: enough of each to answer new input, without a pickle.

Which is the best is chosen on the validation part. On the test part its score would be that of the luckiest of many.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
from pydantic import PlainValidator

from rnnexp import strict
from rnnexp.data.dataset import Dataset
from rnnexp.errors import ConfigError, DataError, did_you_mean
from rnnexp.evaluation.report import VALIDATION, Judge, Report, Undefined, defined, once
from rnnexp.task import rises

T = TypeVar("T")

FILE = "baselines.json"
NETWORK, BEST = "network", "best"
MAX_SMALL, MAX_BYTES = 2**18, 2**23  # of the larger ones a run keeps the best alone, on either part
NOT_KEPT = {"kept": False}  # marks the field of a baseline that its task fills in again


def _read_numbers(values: Any) -> np.ndarray:
    try:
        numbers = np.array(values, dtype=np.float64)
    except (TypeError, OverflowError) as error:
        raise ValueError(str(error)) from None
    if not np.isfinite(numbers).all():
        raise ValueError("there are values that are not finite numbers")
    return numbers


Numbers = Annotated[np.ndarray, PlainValidator(_read_numbers)]


@dataclass(frozen=True)
class KeptBaselines:
    """What is left of the baselines of a run.

    scores:   of the network and of each baseline on the validation part, by `metric`; empty without that part
    states:   of each baseline that is kept, plain JSON values;  left_out: why others are not
    """

    metric: str
    scores: dict[str, float] = field(default_factory=dict)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """What may be asked to answer by its own name."""
        return [NETWORK, *self.states]

    def find_best(self, names: Sequence[str]) -> str | None:
        """Return which of these did best; None if none of them was scored."""
        scored = [name for name in names if name in self.scores]
        return (max if rises(self.metric) else min)(scored, key=lambda name: self.scores[name], default=None)

    def explain_best(self, best: str) -> str:
        """Say what is the best, with its score and that of its strongest rival: a baseline's is the network."""
        other = self.find_best([name for name in self.scores if (name == NETWORK) != (best == NETWORK)])
        beside = f", {other} {self.scores[other]:.6g}" if other else ""
        return f"the best on the validation set is {best}: {self.metric} {self.scores[best]:.6g}{beside}"

    def write(self, folder: Path) -> None:
        """Keep them beside a model, over those that are there."""
        (folder / FILE).write_text(json.dumps(vars(self), allow_nan=False) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class Choice:
    """Who answers: the network, or a baseline in its place; `note` says why, if the best was asked for."""

    name: str = NETWORK
    baseline: Any = None
    note: str = ""


def keep(
    dataset: Dataset,
    report: Report,
    judge: Judge,
    predict: Callable[[Any], Any],
) -> KeptBaselines:
    """Gather the baselines that a report was made with, and their scores on the validation part beside the network's.

    judge:   of predictions of that part;  predict: returns what a baseline predicts for it
    """
    (metric, score), scores, seen = judge, dict[str, float](), report.validation
    if seen is not None:
        makers = {
            name: lambda one=one: score(replace(seen, predicted=predict(one))) for name, one in report.fitted.items()
        }
        own = score(seen)
        scores = {NETWORK: own, **once(dataset, lambda: defined(makers, {}), VALIDATION)}
    return gather(metric, scores, report.fitted, report.best_baseline)


def gather(
    metric: str, scores: Mapping[str, float], fitted: Mapping[str, Any], winner: str | None = None
) -> KeptBaselines:
    """Lay out baselines as JSON values; one that is too large is left out, and named with the reason.

    winner: the best on the scored part, which the summary of the run names: it will be asked for
    """
    kept = KeptBaselines(metric, {name: float(value) for name, value in scores.items() if math.isfinite(value)})
    best = (kept.find_best(list(fitted)), winner)
    for name, one in fitted.items():
        text = json.dumps(_list_fields(one), default=_to_plain, allow_nan=False)
        if len(text) > (MAX_BYTES if name in best else MAX_SMALL):
            most = f"the most is {MAX_BYTES >> 20}" if name in best else "it is not the best baseline"
            kept.left_out[name] = f"it takes {len(text) / 2**20:.1f} MiB, and {most}"
        else:
            kept.states[name] = json.loads(text)
    return kept


def _list_fields(one: Any) -> dict[str, Any]:
    return {item.name: getattr(one, item.name) for item in fields(one) if item.metadata.get("kept", True)}


def _to_plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else _list_fields(value)


def choose(
    folder: Path | None, kinds: Callable[[], Mapping[str, Any]], asked: str, key: str = "--model", own: str = NETWORK
) -> Choice:
    """Find out who shall answer in the place of the model in a folder: `best`, `network`, or a baseline by its name.

    kinds: the classes of the task's baselines, by name;  own: the name of the network's architecture
    Raises ConfigError for a name that is none, for a baseline that is not kept, and for a model that keeps none.
    """
    if asked in (NETWORK, own):
        return Choice()
    if folder is None or not os.path.lexists(folder / FILE):
        raise ConfigError(
            f"{key} {asked}: no baselines were kept with this model, which an earlier version has trained, or whose "
            f"task has none to keep; train it again, or give {NETWORK}"
        )
    where = f"{folder / FILE}"
    kept: KeptBaselines = strict.checked(KeptBaselines, strict.read_json(folder, FILE), where)
    found = kept.find_best(list(kept.scores)) if asked == BEST else asked
    if found is None:
        raise ConfigError(f"{key} {BEST}: is chosen on a validation set, and the run has none; {_list_names(kept)}")
    note = kept.explain_best(found) if asked == BEST else ""
    if found == NETWORK:
        return Choice(note=note)
    if found not in kept.states:
        raise ConfigError(f"{key} {asked}: {_explain_absence(kept, found, note)}")
    return Choice(found, strict.checked(kinds().get(found), kept.states[found], f"{where}: {found}"), note)


def _explain_absence(kept: KeptBaselines, name: str, note: str) -> str:
    if name in kept.left_out:
        why = f"{name} is not kept with the run: {strict.shorten(kept.left_out[name])}"
        return "; ".join(filter(None, [note, why, _list_names(kept)]))
    hint = did_you_mean(name, [BEST, *kept.names])
    return f"is neither the network nor a baseline of this run; {_list_names(kept)}{hint}"


def _list_names(kept: KeptBaselines) -> str:
    names = [BEST, *kept.names] if kept.scores else kept.names
    return f"give one of {', '.join(names)}"


def guard_answer(name: str, answer: Callable[[], T]) -> T:
    """Let a baseline of this name answer; DataError where it is not defined for what is asked about."""
    try:
        return answer()
    except Undefined as reason:
        raise DataError(f"{name} cannot answer: {reason}; ask the {NETWORK}") from None
