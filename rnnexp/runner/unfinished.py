"""A run that was ended before its time, found again by what it is made of, so that the same command goes on with it.

Each run writes down what it is made of when it begins, and that it has come to its end.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnexp import runtime, strict
from rnnexp.config.settings import Experiment
from rnnexp.disk import put_whole, write_whole
from rnnexp.errors import BusyError, ConfigError, DataError
from rnnexp.run_folder import ORIGIN, find_owner, hold
from rnnexp.runner.warm_start import hash_files, identify
from rnnexp.runtime.digests import find_changes, hash_own_code, hash_plugins, list_versions
from rnnexp.tracking import names
from rnnexp.tracking.journal import RunJournal
from rnnexp.tracking.liveness import examine_folder
from rnnexp.tracking.names import finite

if TYPE_CHECKING:
    from rnnexp.data.dataset import Dataset
    from rnnexp.training.fit import Training
    from rnnexp.training.plan import Rows, TrainingPlan
    from rnnexp.training.snapshot import Position, Snapshot

OWN_CODE, DATA = "rnnexp", "data_digest"
WIDTH = "group"  # how many have been trained together: sums are rounded as it says, and otherwise alone
CHANGED = "rnnexp.resume.changed"  # a tag: what was another one before the run was gone on with
ANEW = "resume=never starts a new run"

log = logging.getLogger("rnnexp")


@dataclass(frozen=True)
class Origin:
    """What a run is made of.

    config:   hash of its settings, and of the weights it starts from;  versions: of the libraries that compute
    data, code: files of the data, of that start, of the plugins and of this package, with their digests
    is_over:  whether it has come to its end, so that nothing is left to go on with
    """

    config: str
    data: dict[str, dict[str, str]]
    code: dict[str, dict[str, str]]
    versions: dict[str, str]
    is_over: bool = False


@dataclass(frozen=True)
class Unfinished:
    """A run to go on with.

    epoch, step: where its newest usable checkpoint is;  key: by which its journal knows it, None if it keeps none
    params:      as they were logged;  written: rows of the journal that follow the checkpoint, by epoch
    stop:        why its training has ended, None if it has not;  reopens: whether it is to go on all the same
    changed:     what is not as it was, one phrase each
    """

    folder: Path
    epoch: int
    step: int
    noted: Mapping[str, Any]
    key: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    written: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    stop: str | None = None
    changed: Sequence[str] = ()
    reopens: bool = False

    def tags(self, params: Mapping[str, Any]) -> dict[str, str]:
        """Return the tag that says what has changed: parameters are logged once, by the process that began."""
        then, now = names.params(self.params), names.params(params)
        keys = sorted(key for key in {*then, *now} if self.params and then.get(key) != now.get(key))
        told = {phrase.partition(" ")[0] for phrase in self.changed}
        changes = [f"{key} {now.get(key)} (was {then.get(key)})" for key in keys if key not in told]
        return {CHANGED: "; ".join([*changes, *self.changed])} if changes or self.changed else {}

    def describe(self) -> str:
        changed = f" with {'; '.join(self.changed)}" if self.changed else ""
        return f"resuming {self.folder.name} from {self.place}{changed}; {ANEW}"

    @property
    def place(self) -> str:
        return f"epoch {self.epoch}, step {self.step}"

    def drop_written(self, first: int, rows: Rows) -> tuple[int, Rows]:
        """Leave out the epochs that the journal holds already, with the same numbers; return the first that is left.

        Rows that have been stored somewhere keep their time: stored again they would stand there twice.
        """
        while rows and _is_same(self.written.get(first), rows[0]):
            first, rows = first + 1, rows[1:]
        return first, rows


def _is_same(written: Mapping[str, float] | None, row: Mapping[str, float]) -> bool:
    """Say whether a row tells of the same training; what it took is another time each time."""
    untimed = {key: value for key, value in finite(row).items() if not key.startswith("time/")}
    return written is not None and all(written.get(key) == value for key, value in untimed.items())


def make_origin(experiment: Experiment) -> Origin:
    """Gather what an experiment would be made of now."""
    return Origin(
        config=identify(experiment),
        data=hash_files(experiment),
        code={**hash_plugins(experiment.plugins), OWN_CODE: {OWN_CODE: hash_own_code()}},
        versions=list_versions(runtime.choose_backend(experiment.backend)[0]),
    )


def write_origin(folder: Path, origin: Origin, *, at_once: bool = True) -> None:
    """Write down what the run in a folder is made of; without room for it nobody goes on with it, no more.

    Unless it has to be on the disk `at_once`, the system puts it there: long before a first checkpoint, in any case.
    """
    path, text = folder / ORIGIN, json.dumps(asdict(origin), indent=1) + "\n"
    with suppress(OSError):
        if at_once:
            write_whole(path, text)
        else:
            put_whole(path, lambda new: new.write_text(text, encoding="utf-8"))


def end_origin(folder: Path, *, at_once: bool = True) -> None:
    """Write down that the run in a folder has come to its end; of its checkpoints the last one is kept."""
    from rnnexp.training import checkpoint
    from rnnexp.training.keeper import FOLDER

    if origin := read_origin(folder):
        write_origin(folder, replace(origin, is_over=True), at_once=at_once)
    checkpoint.prune(folder / FOLDER, 1, checkpoint.STATES)


def read_origin(folder: Path) -> Origin | None:
    """Return what the run in a folder is made of; None if it does not say so."""
    if not os.path.lexists(folder / ORIGIN):
        return None
    try:
        return Origin(**vars(strict.checked(Origin, strict.read_json(folder, ORIGIN), folder / ORIGIN)))
    except ConfigError as error:
        log.warning("%s; its run is left out", error)
        return None


@contextmanager
def take_up(
    experiment: Experiment, place: Path, tell: Callable[[str], None], *, is_run: bool = False
) -> Iterator[Unfinished | None]:
    """Find the latest run of an experiment below a folder, and hold its folder if it can go on; None for a new one.

    `place` is itself the folder of the only run that counts, if `is_run`. Raises ConfigError or DataError if code or
    data are not what they were, ConfigError if `resume=must` and there is none.
    """
    with ExitStack() as stack:
        found: Unfinished | None = None
        left_out: list[str] = []
        for folder, origin in _list_same(experiment, [place] if is_run else sorted(place.glob("*"), reverse=True)):
            if not _is_free(folder, left_out):
                if not is_run:
                    tell(f"{left_out[-1]}; this run gets a folder of its own")
            elif origin.is_over:
                left_out.append(f"{folder.name} has ended")
                break
            elif (candidate := read_unfinished(folder)) is None:
                left_out.append(f"{folder.name} has no usable checkpoint")
            else:
                candidate = replace(candidate, changed=compare_origins(folder, origin, make_origin(experiment)))
                with suppress(BusyError):  # another one of the same command was quicker
                    stack.enter_context(hold(folder))
                    found = candidate
                    break
        if found is None and experiment.resume == "must":
            why = "; ".join(left_out) or "there is none"
            raise ConfigError(f"resume=must: no run of these settings in {place} can be resumed: {why}")
        yield found


def _list_same(experiment: Experiment, folders: list[Path]) -> Iterator[tuple[Path, Origin]]:
    """Yield the runs of the same settings."""
    digest = identify(experiment)
    for folder in folders if experiment.resume != "never" else ():
        if (origin := read_origin(folder)) and origin.config == digest:
            yield folder, origin


def _is_free(folder: Path, left_out: list[str]) -> bool:
    """Say whether nobody writes to a folder; else also why it is left out."""
    life = examine_folder(folder, None)
    owner = find_owner(folder)
    if life.life == "alive":
        left_out.append(f"{folder.name} is the same and still running{f' (process {owner.pid})' if owner else ''}")
    elif life.life == "unknown":
        left_out.append(f"{folder.name} is the same, and {life.why}; if it is dead: rnnexp resume {folder.name}")
    return life.life not in ("alive", "unknown")


def compare_origins(folder: Path, then: Origin, now: Origin) -> list[str]:
    """Raise DataError or ConfigError if a run is made of other data or code than there are; return other libraries."""
    for error, kind, before, after in (
        (DataError, "data have", then.data, now.data),
        (ConfigError, "code has", then.code, now.code),
    ):
        if changes := find_changes(before, after):
            listed = "\n    ".join(changes)
            raise error(
                f"{folder}: was interrupted, and its {kind} changed since:\n    {listed}\n  restore what was there to "
                f"resume it; {ANEW}, in a folder of its own"
            )
    others = [
        f"{name} {now.versions.get(name)} (was {then.versions.get(name)})"
        for name in sorted({*then.versions, *now.versions})
        if then.versions.get(name) != now.versions.get(name)
    ]
    if others:
        log.warning("%s: resumed with %s; its last bits may differ", folder.name, ", ".join(others))
    return others


def find_own(folder: Path, experiment: Experiment) -> Unfinished | None:
    """Return what a job, whose folder this is, can go on with; None if it has to start anew.

    Raises DataError or ConfigError if data or code are not what they were.
    """
    origin = read_origin(folder) if experiment.resume != "never" else None
    if origin is None or origin.is_over or origin.config != identify(experiment):
        return None
    found = read_unfinished(folder)
    return replace(found, changed=compare_origins(folder, origin, make_origin(experiment))) if found else None


def read_unfinished(folder: Path) -> Unfinished | None:
    """Return where the run in a folder stands; None if it has no usable checkpoint."""
    found = next(load_newest(folder), None)
    return place_at(folder, found.position) if found else None


def load_newest(folder: Path) -> Iterator[Snapshot]:
    """Yield the usable checkpoints of the run in a folder, the newest first; any other is named."""
    from rnnexp.training import checkpoint
    from rnnexp.training.keeper import FOLDER

    for path in checkpoint.list_newest(folder / FOLDER):
        try:
            yield checkpoint.load(path)
        except ConfigError as error:
            log.warning("checkpoint %s is left out: %s", path, error)


def add_note(plan: TrainingPlan, dataset: Dataset, **more: Any) -> TrainingPlan:
    """Have the digest of the data noted beside each checkpoint: generated ones have no files to tell them by."""
    return replace(plan, note=lambda: {DATA: dataset.summary.digest, **more})


def require_data(unfinished: Unfinished, dataset: Dataset) -> None:
    """Raise DataError if the data are not those that a run was trained on."""
    then, now = unfinished.noted.get(DATA), dataset.summary.digest
    if then not in (None, now):
        raise DataError(f"{unfinished.folder}: its data have changed since (digest {now[:8]}, then {then[:8]}); {ANEW}")


def restore(training: Training, unfinished: Unfinished, dataset: Dataset) -> Snapshot:
    """Take a training to where its run has been put down, and return that. Raises DataError if the data are others now,
    ConfigError if no checkpoint is of this training."""
    from rnnexp.training.keeper import FOLDER, restore_newest

    require_data(unfinished, dataset)
    snapshot = restore_newest(training, unfinished.folder / FOLDER, reopen=unfinished.reopens)
    if snapshot is None:
        raise ConfigError(f"{unfinished.folder / FOLDER}: no checkpoint is of this training; {ANEW}")
    return snapshot


def place_at(folder: Path, at: Position) -> Unfinished:
    """Describe the run in a folder as one that goes on from a position."""
    journal = RunJournal(folder)
    begun = journal.begun or {}
    written = {row["step"]: row["metrics"] for row in journal.rows.records() if row["step"] > at.epoch}
    key, params = begun.get("key"), begun.get("params") or {}
    return Unfinished(folder, at.epoch, at.step, at.run, key, params, written, stop=at.stop)
