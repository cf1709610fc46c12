"""Finished runs of this project that a job need not repeat: the same configuration, data, code and way of training.

Only folders below ./runs are looked at: what a store holds besides may be of other people, machines or data.
"""

from __future__ import annotations

import json
import re
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rnnexp.config.flat import flat_params
from rnnexp.config.parse import parse
from rnnexp.config.settings import Experiment
from rnnexp.redact import redact
from rnnexp.run_folder import EARLIER, LOCK
from rnnexp.runner.record import CODE, FILES, TOGETHER, hash_origin, name_experiment
from rnnexp.stopping import STOP, STOPPED
from rnnexp.sweeps.adopt import WrittenRun, read_run
from rnnexp.sweeps.definition import ROOT
from rnnexp.sweeps.facts import Facts, Planned
from rnnexp.sweeps.jobs import Job
from rnnexp.sweeps.preflight import backend_of
from rnnexp.sweeps.request import Request
from rnnexp.sweeps.task import ATTEMPT, RESULT, Outcome, Task, free_name, write_outcome
from rnnexp.tracking import names, store
from rnnexp.tracking.journal import ENTRIES, FOLDER, STORED, RunJournal

REUSED = "rnnexp.reused_from"

_PLACES = ("*/*", "*/*/*", "sweeps/*/jobs/*")  # of runs, below the folder of all
_HASH = re.compile(rb'"rnnexp.config_hash": "(\w+)"')
_NOTE = "mlflow.note.content"
_OWN = {LOCK, ATTEMPT, STOP, STOPPED, RESULT, "run.json", "checkpoints", Path(STORED).name}  # of a run is not copied


@dataclass(frozen=True)
class Source:
    """A finished run, and the outcome that it is for a job."""

    folder: Path
    run: WrittenRun
    outcome: Outcome

    @property
    def called(self) -> str:
        """The id of its run, or what its folder is called after."""
        return self.run.run_id or str(self.run.begun["key"])


class FinishedRuns:
    """Finds finished runs below a folder by the hash of their configuration.

    own:     the folder of the sweep, whose jobs are known by its journal
    grouped: whether jobs are trained as groups, whose sums are rounded otherwise than those of single runs
    gpu:     whether jobs that do not say so are trained on one
    """

    def __init__(self, root: Path, own: Path, objective: str, *, grouped: bool, gpu: bool) -> None:
        self._objective, self._grouped, self._gpu = objective, grouped, gpu
        self._folders: dict[str, list[Path]] = {}
        self._found: dict[str, Source | None] = {}
        for path in dict.fromkeys(path for place in _PLACES for path in root.glob(f"{place}/{ENTRIES}")):
            if not path.is_relative_to(own):
                self._folders.setdefault(_read_hash(path), []).append(path.parents[1])

    def find(self, job: Job) -> Source | None:
        """Return the latest run that is the same as a job."""
        if job.digest not in self._found:
            found = [source for folder in self._folders.get(job.digest, ()) if (source := self._check(folder, job))]
            latest = max(found, key=lambda source: int(source.run.begun["time"]), default=None)
            self._found[job.digest] = latest
        return self._found[job.digest]

    def _check(self, folder: Path, job: Job) -> Source | None:
        run = read_run(folder)
        if run is None or run.outcome != "ok" or not run.is_whole:
            return None
        outcome, experiment = run.as_outcome(self._objective), parse(job.mapping)
        if outcome is None or outcome.value is None or not self._is_same(run.begun["tags"], job, experiment):
            return None
        if experiment.tracking.log_model and not (folder / "model").is_dir():
            return None
        return Source(folder, run, outcome)

    def _is_same(self, tags: Mapping[str, str], job: Job, experiment: Experiment) -> bool:
        """Say whether a run has had the data, the code and the way of training that a job would have now."""
        backend = backend_of(job.mapping)
        device = {"auto": "gpu" if self._gpu else "cpu"}.get(experiment.device, experiment.device)
        origin = hash_origin(experiment, backend)
        if FILES not in origin and not type(experiment.data).__module__.startswith("rnnexp."):
            return False  # a plugin may read files that no setting names
        return (
            {key: tags.get(key) for key in (CODE, FILES)} == {CODE: origin[CODE], FILES: origin.get(FILES)}
            and (tags.get("rnnexp.backend"), tags.get("rnnexp.device")) == (backend, device)
            and (tags.get("rnnexp.engine") == TOGETHER) == self._grouped
        )


def find_runs(planned: Planned, request: Request, facts: Facts) -> FinishedRuns | None:
    """Return what finds the runs that a sweep need not repeat; None where all of it is to be trained."""
    if facts.fresh:
        return None
    launcher = request.launcher.settled(facts.groups, request.settings.learns)
    gpu = any(slot.environment for slot in launcher.slots(planned.hardware))
    own, root = planned.place.folder, Path.cwd() / ROOT.parent
    return FinishedRuns(root, own, facts.objective, grouped=launcher.one_program, gpu=gpu)


def _read_hash(path: Path) -> str:
    """Return the hash that stands in the first line of a journal, with which its run begins; "" without one."""
    try:
        with path.open("rb") as file:
            found = _HASH.search(file.readline())
    except OSError:  # of somebody else
        return ""
    return found[1].decode() if found else ""


def copy_run(source: Source, task: Task) -> Outcome:
    """Make the folder of a job from that of a finished run, and return its outcome: there whole or not at all.

    Its journal is that of a new run below the sweep's own, with the tag `rnnexp.reused_from`; the times stay.
    """
    experiment = parse(task.mapping)
    beside = task.folder.parents[1] / f".reused-{task.number}"
    shutil.rmtree(beside, ignore_errors=True)  # of a start that was killed
    tracked = experiment.tracking.is_kept
    shutil.copytree(source.folder, beside, symlinks=True, ignore=lambda _, files: _left_out(files, tracked))
    key = uuid.uuid4().hex
    if tracked:
        _write_journal(source, beside, task, experiment, key)
    local = tracked and experiment.tracking.is_pushed and store.database(store.tracking_uri(experiment.tracking.uri))
    outcome = replace(source.outcome, run_id=key if local else None, reused=source.called)
    write_outcome(beside, outcome)
    if task.folder.exists():
        task.folder.rename(free_name(task.folder, 1))
    task.folder.parent.mkdir(exist_ok=True, mode=0o700)
    beside.rename(task.folder)
    return outcome


def _left_out(files: Sequence[str], tracked: bool) -> set[str]:
    return {name for name in files if name in _OWN or name.startswith(EARLIER) or (name == FOLDER and not tracked)}


def _write_journal(source: Source, folder: Path, task: Task, experiment: Experiment, key: str) -> None:
    begun = source.run.begun
    own = names.params(flat_params(experiment))  # what changes no number, such as its name, may be other than it was
    tags = {
        **begun["tags"],
        "rnnexp.group": experiment.name,
        "rnnexp.sweep": task.sweep,
        "rnnexp.job": str(task.number),
        "rnnexp.varied": ",".join(task.varied),
        "rnnexp.folder": str(task.folder),
        REUSED: source.called,
        _NOTE: f"Reused: the results of run `{source.called}`.\n\n{begun['tags'].get(_NOTE, '')}",
    }
    new: dict[str, Any] = {
        "begin": {
            "experiment": name_experiment(experiment),
            "tags": tags,
            "params": {key: own.get(key, value) for key, value in begun["params"].items()},
            "parent": task.parent,
            "key": key,
            "uri": redact(store.tracking_uri(experiment.tracking.uri)),
        },
        "model": {"number": f"m-{uuid.uuid4().hex}"},
    }
    entries = RunJournal(source.folder).entries.records()
    text = "".join(json.dumps({**entry, **new.get(entry["event"], {})}) + "\n" for entry in entries)
    (folder / ENTRIES).write_text(text, encoding="utf-8")
