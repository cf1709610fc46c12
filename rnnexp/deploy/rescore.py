"""Metrics that a finished run has not logged: from its model and its own data, what training with them had logged."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnexp import registry, runner
from rnnexp.config import metric_names
from rnnexp.deploy.trained import Asked, Trained, own_data, refuse_walk, trained
from rnnexp.errors import ConfigError
from rnnexp.run_folder import EARLIER, hold
from rnnexp.runner.record import BEST_BASELINE, DATA
from rnnexp.task import reported, split_details
from rnnexp.tracking import names
from rnnexp.tracking.journal import DETAILS, ROWS, RunJournal, gather_numbers
from rnnexp.training.monitor import is_scaled, name_metric

if TYPE_CHECKING:
    from rnnexp.data.dataset import Dataset
    from rnnexp.data.spec import TaskSpec

RESCORED, OTHER_DATA = "rnnexp.rescored", "rnnexp.rescored_data_digest"
BEST = "best/val"  # where the end of a training logs what its kept weights reached on the validation part


@dataclass(frozen=True)
class Candidate:
    """A run that can be scored again.

    logged: the metrics of its end, details too;  digest: of the data that it was trained on
    """

    journal: RunJournal
    trained: Trained
    logged: Mapping[str, float]
    digest: str | None

    @property
    def scaled(self) -> bool:
        return is_scaled(vars(self.trained.source))

    def misses_report(self, name: str) -> bool:
        """Say whether its report at the end has nothing of a metric that reports have."""
        ends = {key.rpartition("/")[2] for key in self.logged if not key.startswith("best/")}
        return _is_of_report(name, self.trained.spec) and name not in ends

    def misses_validation(self, name: str) -> bool:
        """Say whether it has not logged a metric of Keras's on its validation part."""
        is_kept = any(key.startswith(f"{BEST}/") for key in self.logged)
        return is_kept and _is_of_keras(name, self.trained.spec) and self.validated(name) not in self.logged

    def validated(self, name: str) -> str:
        return f"{BEST}/{name_metric(name, self.scaled)}"


@dataclass(frozen=True)
class Rescored:
    """What has become of one run: metrics that were `added`, names of those that were `known`, and what to mind."""

    added: Mapping[str, float]
    known: Sequence[str] = ()
    notes: Sequence[str] = ()


def choose_members(journals: Sequence[RunJournal]) -> list[RunJournal]:
    """Return the runs among journals: a sweep has no model, and what was set aside is another run."""
    top = journals[0].folder
    return [
        one
        for one in journals
        if (one.begun or {}).get("tags", {}).get("rnnexp.kind") != "sweep"
        and (one.folder == top or not one.folder.name.startswith(f"{EARLIER}-"))
    ]


def find_candidate(asked: Asked, journal: RunJournal, scratch: Path) -> Candidate:
    """Look at a run, which loads neither its data nor Keras. Raises ConfigError where it cannot be scored so."""
    if journal.ended is None:
        raise ConfigError(f"{journal.folder}: the run has not ended; it can be scored again when it has")
    found = trained(replace(asked, text=str(journal.folder)), scratch)
    found.configuration()
    begun = journal.begun or {}
    ends = [gather_numbers(row) for row in journal.rows.records() if row["step"] == 0]
    logged = {name: value for numbers in ends for name, value in numbers.items()}
    return Candidate(journal, found, logged, begun.get("tags", {}).get(DATA))


def find_mistakes(wanted: Sequence[str], spec: TaskSpec) -> list[str]:
    """Return a line for each metric that is not one of a task."""
    return metric_names.mistakes([name for name in wanted if name not in reported(spec.task)], spec)


def score_again(candidate: Candidate, wanted: Sequence[str], *, allow_change: bool = False) -> Rescored:
    """Compute the metrics that a run lacks, and append them to its journal.

    Raises ChangedDataError if its data are not the same any more, unless that is allowed, which a tag then says;
    BusyError while another process writes to its folder.
    """
    report = [name for name in wanted if candidate.misses_report(name)]
    validation = [name for name in wanted if candidate.misses_validation(name)]
    known = [name for name in wanted if name not in (*report, *validation)]
    if not report and not validation:
        return Rescored({}, known)
    refuse_walk(candidate.trained, "a further metric")
    with hold(candidate.journal.folder):
        dataset = own_data(candidate.trained, "a score", candidate.digest, allow_change=allow_change)
        changed = candidate.digest is not None and dataset.summary.digest != candidate.digest
        added, notes = _score(candidate, dataset, report, validation)
        if added:
            _append(candidate, added, {OTHER_DATA: dataset.summary.digest} if changed else {})
    notes += [f"of other data than it was trained on ({OTHER_DATA})"] if changed else []
    return Rescored(added, known, notes)


def _is_of_report(name: str, spec: TaskSpec) -> bool:
    return name in registry.names("metric") or name in reported(spec.task)


def _is_of_keras(name: str, spec: TaskSpec) -> bool:
    return name not in registry.names("metric") and not metric_names.mistakes([name], spec)


def _score(
    candidate: Candidate, dataset: Dataset, report: Sequence[str], validation: Sequence[str]
) -> tuple[dict[str, float], list[str]]:
    """Return the metrics by the names that a training logs them under, and why others are not defined."""
    experiment = candidate.trained.configuration()
    bundle = candidate.trained.load()
    dataset = dataset.for_model(bundle.spec)
    found: dict[str, float] = {}
    reasons: Mapping[str, str] = {}
    if report:
        scored = runner.evaluate(bundle.model, dataset, replace(experiment, metrics=list(report)))
        found |= {key: value for key, value in scored.metrics.items() if key.rpartition("/")[2] in report}
        reasons = scored.skipped
    if validation:
        values = _validate(bundle.model, dataset, experiment, validation)
        wanted = {candidate.validated(name) for name in validation}
        found |= {key: value for key, value in values.items() if key in wanted}
    added = {key: value for key, value in names.finite(found).items() if key not in candidate.logged}
    ends = {key.rpartition("/")[2] for key in added}
    absent = [name for name in report if name not in ends and name not in validation]
    return added, [f"{name} is not defined here: {reasons.get(name, 'it has no finite value')}" for name in absent]


def _validate(model: Any, dataset: Dataset, experiment: Any, wanted: Sequence[str]) -> dict[str, float]:
    """Return Keras's metrics of the validation part, as an epoch of the training computes them."""
    from rnnexp.training.fit import validate

    plan = runner.make_plan(experiment, Path())(dataset.spec)
    found = validate(model, dataset, replace(plan, metrics=list(wanted)))
    return {f"best/{key}": value for key, value in found.items()}


def _append(candidate: Candidate, added: Mapping[str, float], tags: Mapping[str, str]) -> None:
    """Write new metrics down; the end is said again, for a store completes a run when it comes to that."""
    journal = candidate.journal
    entries = list(journal.list_entries())
    ends = [entry for entry in entries if entry.get("event") == "end"]
    before = [entry["tags"] for entry in entries if entry.get("event") == "tags"]
    known = [name for one in before for name in one.get(RESCORED, "").split(", ") if name]
    best = [one[BEST_BASELINE] for one in before if BEST_BASELINE in one]
    metrics, details = split_details(added, best[-1] if best else None)
    baselines = names.write_baselines({**candidate.logged, **added})
    listed = dict.fromkeys([*known, *(key for key in added if not key.startswith("baseline/"))])
    journal.rows.append([{"step": 0, "time": time.time_ns() // 1_000_000, "metrics": metrics, DETAILS: details}])
    journal.append("tags", tags=names.tags({RESCORED: ", ".join(listed), **baselines, **tags}))
    journal.append("file", path=ROWS, redacted=False)
    journal.append("end", status=ends[-1]["status"], time=ends[-1]["time"])
    journal.sync()
