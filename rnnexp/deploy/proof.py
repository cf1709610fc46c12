"""What of a run's folder we have written: its markers say whose folder it is, its journal which files it has logged."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from rnnexp.errors import ConfigError
from rnnexp.run_folder import EARLIER, LOCK
from rnnexp.runner.unfinished import Origin, read_origin
from rnnexp.tracking.journal import ENTRIES, RunJournal
from rnnexp.tracking.moved import FOLDER
from rnnexp.tracking.run import OUTCOME

MARKERS = (ENTRIES, "origin.json", LOCK)  # by which the folder of a run is known
ASIDE = re.compile(rf"{EARLIER}-\d+|\d+\.attempt\d+")  # what runs that took the place of others have set aside
LEFTOVER = re.compile(r"\.tmp-(\d+)-(?:old-)?(.+)")  # what a process has not come to put in its place
CHECKPOINT = re.compile(r"checkpoints/(?:state-\d+-\d+|epoch-\d+)")
_KEY = re.compile(r"[0-9a-f]{32}")
_OF_RUN = re.compile(
    r"|".join(
        (
            r"run\.json|run\.lock|origin\.json|metrics\.jsonl|error\.txt|git\.diff|model_summary\.txt",
            r"stop|stopped|attempt|result\.json|(?:train|job)\.log|config/config\.yaml",
            r"model/(?:model\.json|weights\.npz|preprocessing\.json|model\.keras|intervals\.json|detector\.json|baselines\.json)",
            r"tracking/(?:journal\.jsonl|stored\.json)",
            r"tracking/model/(?:about|input_example|serving_input_example)\.json",
            r"tracking/model/(?:conda\.yaml|python_env\.yaml|requirements\.txt)",
            r"checkpoints/best\.json",
            rf"{CHECKPOINT.pattern}/(?:state\.npz|meta\.json|MANIFEST\.json)",
            r"processes/attempt-\d+/(?:address|store)",
            r"processes/attempt-\d+/\d+/(?:job\.log|attempt|run\.lock)",
        )
    )
)
_OF_SWEEP = re.compile(r"sweep\.json|jobs\.jsonl|report\.html|groups\.json|group-\d+\.json|\.group-\w+\.lock")
_FOLDERS = re.compile(
    rf"config|model|figures|tables|samples|tracking(?:/model)?|checkpoints|{CHECKPOINT.pattern}|"
    r"processes(?:/attempt-\d+(?:/\d+)?)?"
)
_UNLOGGED = re.compile(
    r"(?:figures/.+\.png|tables/.+\.csv|samples/.+\.txt)"
)  # as their names are before they are there
_JOB = re.compile(r"(jobs/\d+(?:\.attempt\d+)?)(?:/(.+))?")
_EARLIER = re.compile(rf"({EARLIER}-\d+)(?:/(.+))?")


@dataclass(frozen=True)
class OwnFolder:
    """The folder of a run or a sweep of ours.

    begun: the entry of its journal with which it began; empty for one that is not tracked
    """

    folder: Path
    journal: RunJournal | None
    begun: Mapping[str, Any]
    origin: Origin | None

    @property
    def is_sweep(self) -> bool:
        return self.tags.get("rnnexp.kind") == "sweep"

    @property
    def sweep(self) -> Path | None:
        """The folder of the sweep that it is a job of."""
        above = self.folder.parents[1]
        return above if self.folder.parent.name == "jobs" and (above / "sweep.json").is_file() else None

    @property
    def is_aside(self) -> bool:
        return ASIDE.fullmatch(self.folder.name) is not None

    @property
    def holders(self) -> list[Path]:
        """The folders whose locks keep others from writing into this one."""
        base = self.folder.with_name(self.folder.name.partition(".attempt")[0])
        above = [self.folder.parent] if self.folder.name.startswith(f"{EARLIER}-") else []
        return list(dict.fromkeys([self.folder, base, *above, *([self.sweep] if self.sweep else [])]))

    @cached_property
    def tags(self) -> Mapping[str, str]:
        """The tags with which it began; its outcome is the last that was said."""
        found = dict(self.begun.get("tags") or {})
        for entry in self.journal.list_entries() if self.journal else ():
            if entry.get("event") == "tags":
                found |= {key: value for key, value in entry["tags"].items() if key == OUTCOME}
        return found

    @cached_property
    def _logged(self) -> set[str]:
        entries = self.journal.list_entries() if self.journal else ()
        params = self.begun.get("params") or {}
        named = {str(value) for key, value in params.items() if re.fullmatch(r"callbacks\.\w+\.file", key)}
        return named | {str(entry.get("path")) for entry in entries if entry.get("event") == "file"}

    def find_foreign(self, paths: Iterable[str], inside: str = "") -> list[str]:
        """Return those of some paths that we have not written; the paths are within the folder `inside` this one."""
        return [path for path in paths if not self._is_ours(str(PurePosixPath(inside, path)))]

    def _is_ours(self, path: str) -> bool:
        if path == "." or path in self._logged or _OF_RUN.fullmatch(path) or _FOLDERS.fullmatch(path):
            return True
        *above, name = PurePosixPath(path).parts
        if any(PurePosixPath(path) in PurePosixPath(logged).parents for logged in self._logged):
            return True
        if hidden := next(filter(None, map(LEFTOVER.fullmatch, (*above, name))), None):
            plain = path.replace(hidden[0], hidden[2], 1)
            return _UNLOGGED.fullmatch(plain) is not None or self._is_ours(plain)
        if self.is_sweep and (path == "jobs" or _OF_SWEEP.fullmatch(path)):
            return True
        return self._is_of_inner(path)

    def _is_of_inner(self, path: str) -> bool:
        """Say whether a path belongs to a run within this folder: a job of a sweep, or one that was set aside."""
        found = (_JOB if self.is_sweep else _EARLIER).fullmatch(path)
        if found is None:
            return False
        inner = self._inner.setdefault(found[1], read_own(self.folder / found[1]))
        return inner is not None and (found[2] is None or inner._is_ours(found[2]))

    @cached_property
    def _inner(self) -> dict[str, OwnFolder | None]:
        return {}


def read_own(folder: Path) -> OwnFolder | None:
    """Return the folder of a run or a sweep if its markers say that it is ours, and where we have made it."""
    if any((folder / mark).is_symlink() for mark in (*MARKERS, PurePosixPath(ENTRIES).parts[0])):
        return None
    if not (folder / ENTRIES).is_file():
        origin = read_origin(folder) if (folder / LOCK).is_file() else None
        return OwnFolder(folder, None, {}, origin) if origin else None
    journal = RunJournal(folder)
    try:
        begun = journal.begun or {}
        tags = dict(begun.get("tags") or {})
        known = _KEY.fullmatch(str(begun.get("key"))) and "rnnexp.version" in tags
        is_ours = known and _is_at_home(folder, str(tags.get(FOLDER)))
        return OwnFolder(folder, journal, begun, read_origin(folder)) if is_ours else None
    except (AttributeError, TypeError, ValueError, OSError, ConfigError):  # no journal of ours
        return None


def _is_at_home(folder: Path, made: str) -> bool:
    """Say whether a folder is the one that a run has made, though the project may have moved: a copy is its user's."""
    name = LEFTOVER.sub(r"\2", folder.name)
    if name.startswith(f"{EARLIER}-"):
        name = folder.parent.name
    return name.partition(".attempt")[0] == Path(made).name
