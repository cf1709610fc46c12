"""Which folder is meant: of a run, of a sweep, or of a job; the store is asked only where no folder tells."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rnnexp.errors import ConfigError, RnnexpError, did_you_mean
from rnnexp.run_folder import LOCK as RUN_LOCK
from rnnexp.sweeps.definition import FILE, ROOT
from rnnexp.sweeps.state import JOURNAL
from rnnexp.sweeps.task import job_folder
from rnnexp.tracking.journal import ENTRIES, STORED

RUNS = ROOT.parent
LAST = "last"
MARKS = (FILE, RUN_LOCK, ENTRIES, "train.log", "job.log")


@dataclass(frozen=True)
class FoundFolder:
    """A folder: of a sweep, of a job of one (with its number), or of a single run."""

    folder: Path
    sweep: Path | None = None
    job: int | None = None

    @property
    def is_sweep(self) -> bool:
        return self.folder == self.sweep

    @property
    def name(self) -> str:
        return f"job {self.job} of {self.sweep.name}" if self.sweep and self.job is not None else self.folder.name


def find_folder(text: str, uri: str | None = None, job: int | None = None) -> FoundFolder:
    """Find a run or a sweep by its folder, its name, its id or the beginning of one, or `last`; with `job` a job.

    Raises ConfigError if there is none, or if a beginning fits several.
    """
    found = _find(text, uri)
    if job is None:
        return found
    if found.sweep is None or not found.is_sweep:
        raise ConfigError(f"`{text}` is {'a job' if found.sweep else 'a run'}, no sweep; leave the number {job} out")
    return FoundFolder(job_folder(found.folder, job), found.folder, job)


def find_sweep(text: str, uri: str | None = None) -> Path:
    """Find a sweep; a job stands for its sweep."""
    found = find_folder(text, uri) if text != LAST else _classify(_latest(list(_sweeps()), "sweep"))
    if found.sweep is None:
        raise ConfigError(f"`{text}` is a single run, no sweep; its log: rnnexp logs {text} --follow")
    return found.sweep


def _find(text: str, uri: str | None) -> FoundFolder:
    folder = Path(text)
    if folder.is_dir() and any((folder / mark).exists() for mark in MARKS):
        return _classify(folder.absolute())
    sweeps, runs = list(_sweeps()), list(_runs())
    if text == LAST:
        return _classify(_latest([*sweeps, *runs], "run or sweep"))
    for folders in (sweeps, runs, [*sweeps, *runs, *_jobs()]):
        names = {folder: [folder.name] for folder in folders}
        if folders is not sweeps and folders is not runs:
            names = {folder: _tracked_names(folder) for folder in folders}
        if found := _choose(text, names):
            return _classify(found)
    return _ask_store(text, uri, [folder.name for folder in (*sweeps, *runs)])


def _classify(folder: Path) -> FoundFolder:
    if (folder / FILE).exists():
        return FoundFolder(folder, folder)
    sweep = folder.parents[1] if folder.parent.name == "jobs" else None
    if sweep is not None and (sweep / FILE).exists():
        number = folder.name.partition(".")[0]
        return FoundFolder(folder, sweep, int(number) if number.isdecimal() else None)
    return FoundFolder(folder)


def _sweeps() -> Iterator[Path]:
    yield from (path.parent.absolute() for path in ROOT.glob(f"*/{FILE}"))


def _runs() -> Iterator[Path]:
    paths = (path.parent for path in RUNS.glob(f"*/*/{RUN_LOCK}"))
    yield from (folder.absolute() for folder in paths if folder.parent != ROOT)


def _jobs() -> Iterator[Path]:
    yield from (path.parents[1].absolute() for path in ROOT.glob(f"*/jobs/*/{ENTRIES}"))


def _latest(folders: list[Path], what: str) -> Path:
    if not folders:
        raise ConfigError(f"there is no {what} below ./{RUNS}; start one with: rnnexp train")

    def when(folder: Path) -> float:
        files = [path for name in (JOURNAL, RUN_LOCK) if (path := folder / name).exists()]
        return max((path.stat().st_mtime for path in files), default=0.0)

    return max(folders, key=when)


def _choose(text: str, names: dict[Path, list[str]]) -> Path | None:
    """Return the folder of that name, of several the latest, or the only one with a name that begins so."""
    exact = [folder for folder, known in names.items() if text in known]
    if exact:
        return _latest(exact, "run")
    found = [folder for folder, known in names.items() if any(name.startswith(text) for name in known)] if text else []
    if len(found) > 1:
        listed = ", ".join(sorted(folder.name for folder in found)[:5])
        raise ConfigError(f"`{text}` is the beginning of {len(found)}: {listed}; give more of it, or the folder")
    return found[0] if found else None


def _tracked_names(folder: Path) -> list[str]:
    """Return the name of the run in a folder, its key, and its id in the store, as far as they are written down."""
    found: list[str] = []
    with suppress(OSError, ValueError, AttributeError):
        with (folder / ENTRIES).open("rb") as file:
            begun = json.loads(file.readline())
        found += [str(begun.get("name", "")), str(begun.get("key", ""))]
        found.append(str(json.loads((folder / STORED).read_bytes()).get("run_id") or ""))
    return [name for name in found if name]


def _is_registered(text: str, uri: str | None) -> bool:
    from rnnexp.tracking.model_registry import find_address
    from rnnexp.tracking.query import Wanted, select

    with suppress(RnnexpError):  # a store without runs may not be there, and is not made for a question
        return bool(select(uri, Wanted(limit=1, brief=True)) and find_address(uri, text))
    return False


def _ask_store(text: str, uri: str | None, names: list[str]) -> FoundFolder:
    from rnnexp.tracking import find

    try:
        folder = Path(find.run(uri, text).tags.get("rnnexp.folder", ""))
    except RnnexpError:
        if text.startswith("models:/") or _is_registered(text, uri):  # what is wrong with it is known
            raise
        folder = Path()
    if folder.name and folder.is_dir():
        return _classify(folder.absolute())
    if folder.name:
        raise ConfigError(f"the folder of `{text}`, {folder}, is not on this machine")
    raise ConfigError(f"there is no run or sweep `{text}` below ./{RUNS}{did_you_mean(text, names)}; give its folder")
