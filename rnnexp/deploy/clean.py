"""What may be removed below ./runs: runs that failed, old checkpoints, and the trash; and what is left alone, and why.

Only what is proven to be ours is removed, whole, and only while nobody writes to it.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rnnexp import strict
from rnnexp.deploy.proof import CHECKPOINT, LEFTOVER, MARKERS, OwnFolder, read_own
from rnnexp.errors import ConfigError, TrackingError, first_line
from rnnexp.redact import redact
from rnnexp.removal import CHANGED, Tree, examine_tree, remove_tree
from rnnexp.run_folder import EARLIER, JOURNAL, ORIGIN, WRITTEN, is_held, look_at
from rnnexp.tracking import store
from rnnexp.tracking.journal import ENTRIES, FOLDER, JournalBusyError, RunJournal
from rnnexp.tracking.liveness import examine_folder
from rnnexp.tracking.query import Wanted, select
from rnnexp.tracking.run import OUTCOME
from rnnexp.tracking.target import Target
from rnnexp.training import checkpoint, keeper

Kind = Literal["failed", "checkpoints", "trash"]
KINDS: tuple[Kind, ...] = ("failed", "checkpoints", "trash")
RESTING_S = 3600.0  # what was written later may be of a process that another container does not show


@dataclass(frozen=True)
class Removable:
    """A file or folder that may go, with `run_id` if its run in the store is to go to MLflow's trash, too."""

    category: Kind
    tree: Tree
    why: str
    own: OwnFolder
    run_id: str | None = None

    @property
    def path(self) -> Path:
        return self.tree.path

    def explain(self) -> str:
        """Say why it may go, and what of it stays elsewhere."""
        shared = self.tree.shared
        more = f" and {len(shared) - 1} more" if len(shared) > 1 else ""
        return self.why + (f"; {shared[0]}{more} has another name (a hard link), and stays there" if shared else "")


@dataclass(frozen=True)
class Spared:
    """What would have gone, were it not for the reason `why`."""

    path: Path
    why: str


@dataclass(frozen=True)
class Cleaner:
    """Finds what may be removed below a folder `root`.

    uri:     of the store in force;  stored: its runs, by id: whether each is in MLflow's trash
    older_s: what was written within so many seconds stays
    """

    root: Path
    kinds: Collection[Kind]
    uri: str
    stored: Mapping[str, bool]
    older_s: float = 0.0

    def find(self, below: Path | None = None) -> Iterator[Removable | Spared]:
        """Yield what may be removed and what is left alone, in the order of their paths; `below` a folder alone."""
        gone: list[Path] = []
        for folder in _list_runs(below or self.root):
            if any(one in folder.parents for one in gone):
                continue
            if (own := read_own(folder)) is None:
                continue
            for found in self.look_at(own):
                gone += [found.path] if isinstance(found, Removable) else []
                yield found

    def look_at(self, own: OwnFolder) -> Iterator[Removable | Spared]:
        """Yield what of one folder may be removed, and what is left alone."""
        if "failed" in self.kinds and own.tags.get(OUTCOME) == "failed" and _find_newest(own.folder):
            command = "its sweep's command, with --retry-failed" if own.sweep else _write("resume", own)
            yield Spared(own.folder, f"has failed, and can be resumed from its checkpoint: {command}")
        wanted = [each for each in self._choose(own) if each[0] in self.kinds]
        if not wanted:
            return
        if why := self._find_obstacle(own, whole=wanted[0][1] == own.folder):
            yield Spared(own.folder, why)
            return
        for kind, path, reason in wanted:
            tree = examine_tree(self.root, path.relative_to(self.root).as_posix())
            if time.time() - tree.modified < self.older_s and not tree.problem:
                continue
            inside = path.relative_to(own.folder).as_posix()
            foreign = own.find_foreign(tree.seen, inside)
            if tree.problem:
                yield Spared(path, tree.problem)
            elif foreign:
                more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
                yield Spared(path, f"holds what is not ours: {', '.join(foreign[:3])}{more}; move it away first")
            else:
                yield Removable(kind, tree, reason, own, self._find_id(own) if kind == "failed" else None)

    def remove(self, one: Removable) -> str:
        """Remove what was found, if that is found again while nobody else can write there; return why not, or ""."""
        with ExitStack() as stack:
            for folder in one.own.holders:
                if stack.enter_context(look_at(folder)):
                    return "a process writes to it now"
            try:
                if one.own.journal and one.own.journal.entries.path.exists():
                    stack.enter_context(one.own.journal.alone())
            except JournalBusyError:
                return "another process works on it"
            own = read_own(one.own.folder)
            again = [found for found in self.look_at(own) if isinstance(found, Removable)] if own else []
            if one.tree not in [found.tree for found in again]:
                return CHANGED if os.path.lexists(one.path) else "is gone already"
            is_entry_meant = one.run_id is not None and not self.stored[one.run_id]
            if is_entry_meant:
                _ask_store(self.uri, "delete_run", one.run_id)
            problem = remove_tree(one.tree, MARKERS)
            if problem and is_entry_meant:
                _ask_store(self.uri, "restore_run", one.run_id)
            return problem

    def write_gc(self) -> str:
        """Write MLflow's own command, which empties the trash of the store."""
        return shlex.join(["mlflow", "gc", "--backend-store-uri", redact(self.uri)])

    def _choose(self, own: OwnFolder) -> Iterator[tuple[Kind, Path, str]]:
        """Yield what may be wanted of a folder: all of it, or parts of it."""
        run_id = self._find_id(own)
        if run_id and self.stored.get(run_id) and (not own.is_sweep or self._are_jobs_deleted(own)):
            yield "trash", own.folder, "its run is in MLflow's trash"
        elif own.is_aside:
            yield "trash", own.folder, "was set aside for a later run"
        elif "failed" in self.kinds and (why := _find_failure(own)):
            yield "failed", own.folder, why
        else:
            yield from (("checkpoints", path, why) for path, why in _list_old_checkpoints(own))
            yield from (
                ("trash", path, "was left by a process that was killed") for path in _list_leftovers(own.folder)
            )

    def _find_id(self, own: OwnFolder) -> str | None:
        ids = (own.journal.stored.run_id if own.journal else None, own.begun.get("key"))
        return next((one for one in ids if one in self.stored), None)

    def _are_jobs_deleted(self, own: OwnFolder) -> bool:
        jobs = [read_own(path.parents[1]) for path in own.folder.glob(f"jobs/*/{ENTRIES}")]
        return all(job and self.stored.get(self._find_id(job) or "") for job in jobs)

    def _find_obstacle(self, own: OwnFolder, *, whole: bool) -> str:
        """Say why nothing of a folder may be removed now; "" if it may."""
        if any(map(is_held, own.holders)):
            return "a process writes to it"
        life = examine_folder(own.folder, own.journal, own.sweep)
        if life.life == "unknown" and not (own.origin and own.origin.is_over):
            return life.why
        if whole and (earlier := next(own.folder.glob(f"{EARLIER}-*"), None)):
            return f"holds a run that was set aside, {earlier.name}; remove that first: rnnexp clean --trash"
        jobs = own.folder.glob(f"jobs/*/{ENTRIES}") if own.is_sweep and whole else ()
        runs = (own, *filter(None, (read_own(path.parents[1]) for path in jobs)))
        return next(filter(None, (self._find_lack(one, whole=whole) for one in runs)), "")

    def _find_lack(self, own: OwnFolder, *, whole: bool) -> str:
        """Say what the store does not know of a run; "" if it has all, or is not to have it."""
        if own.journal is None:
            return ""
        if own.journal.ended is None and whole:
            return f"was killed, and the store still shows it as running; first run: {_write('reap', own)}"
        if what := _describe_unstored(own.journal):
            return f"the store lacks {what}; store it first: {_write('sync', own)}"
        if whole and self._find_id(own) is None:
            return "the store in force does not hold its run; name its store with --uri, or store it: rnnexp sync"
        return ""


def make_cleaner(root: Path, kinds: Collection[Kind], uri: str | None, older_s: float = 0.0) -> Cleaner:
    """Make ready to clean a folder of runs. Raises ConfigError if it is a link, TrackingError without the store."""
    if root.is_symlink():
        raise ConfigError(f"{root}: is a link to {root.resolve()}, and none is followed; work where the folder is")
    is_asked = root.is_dir() and {*kinds} != {"checkpoints"}  # of these no store knows
    found = select(uri, Wanted(deleted=None, brief=True)) if is_asked else []
    return Cleaner(root, kinds, store.tracking_uri(uri), {run.run_id: run.deleted for run in found}, older_s)


def _write(command: str, own: OwnFolder) -> str:
    return shlex.join(["rnnexp", command, os.path.relpath(own.folder)])


def _list_runs(root: Path) -> Iterator[Path]:
    """Yield folders that look like those of runs and sweeps, each before what is in it; no link is entered."""
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        if {ORIGIN, JOURNAL} & set(files) or (here / ENTRIES).is_file():
            yield here
            folders[:] = [name for name in folders if name not in WRITTEN]
        folders.sort()


def _describe_unstored(journal: RunJournal) -> str:
    what = journal.unstored() if journal.pending or journal.stored.refused else ""
    return what or ("files that it has not shown yet" if journal.stored.sent else "")


def _find_failure(own: OwnFolder) -> str:
    """Say how a run has failed, if nothing of it is worth keeping; "" for a sweep, whose jobs are looked at."""
    outcome, ended = own.tags.get(OUTCOME), own.journal.ended if own.journal else None
    if own.is_sweep or (own.origin and own.origin.is_over) or ended == "FINISHED":
        return ""
    if outcome == "diverged" and ended == "FAILED":
        return "its training has diverged"
    if outcome not in ("failed", "killed", None) or _find_newest(own.folder):
        return ""
    if ended == "FAILED" or (own.journal is None and (own.folder / "error.txt").is_file()):
        return "its run has failed"
    return "" if own.sweep else "was ended before it had a checkpoint to resume from"  # a sweep goes on with its jobs


def _find_newest(folder: Path) -> Path | None:
    """Return the newest checkpoint that a run could go on from."""
    for path in checkpoint.list_newest(folder / keeper.FOLDER):
        try:
            checkpoint.load(path)
        except ConfigError:
            continue
        return path
    return None


def _list_old_checkpoints(own: OwnFolder) -> Iterator[tuple[Path, str]]:
    """Yield the checkpoints that nothing needs: all of a finished run but its best weights, else all but the newest.

    A run that keeps no model has nothing but its newest checkpoint of what it has learned.
    """
    if own.is_sweep:
        return
    root = own.folder / keeper.FOLDER
    ended = own.journal.ended if own.journal else None
    is_over = own.origin.is_over if own.origin else ended == "FINISHED"
    states = checkpoint.list_newest(root)
    if is_over and (own.folder / "model" / "weights.npz").is_file():
        best = _read_best(root)
        weights = [path for path in checkpoint.list_newest(root, checkpoint.WEIGHTS) if path.name != best]
        kept = f", and keeps its model{' and best weights' if best else ''}"
        yield from ((path, f"its run has finished{kept}") for path in (*states, *weights) if _is_checkpoint(own, path))
    elif newest := _find_newest(own.folder):
        older = states[states.index(newest) + 1 :]
        yield from ((path, f"is older than {newest.name}") for path in older if _is_checkpoint(own, path))


def _read_best(root: Path) -> str | None:
    """Return the name of the checkpoint with the best weights, where `callbacks.checkpoints` has kept some."""
    with suppress(ConfigError):
        return str(strict.read_json(root, "best.json").get("folder"))
    return None


def _is_checkpoint(own: OwnFolder, path: Path) -> bool:
    return CHECKPOINT.fullmatch(path.relative_to(own.folder).as_posix()) is not None


def _list_leftovers(folder: Path) -> Iterator[Path]:
    """Yield what processes that are gone have not come to put in its place, in a folder and in those of its files."""
    for path in sorted((*folder.glob(".tmp-*"), *folder.glob("*/.tmp-*"), *folder.glob(f"{FOLDER}/*/.tmp-*"))):
        found = LEFTOVER.fullmatch(path.name)
        is_at_rest = time.time() - path.lstat().st_mtime > RESTING_S
        if found and is_at_rest and not checkpoint.is_alive(int(found[1])):
            yield path


def _ask_store(uri: str, what: Literal["delete_run", "restore_run"], run_id: str | None) -> None:
    """Put a run into MLflow's trash, or take it out. Raises TrackingError if the store does not do that."""
    try:
        getattr(Target(uri).client, what)(run_id)
    except Exception as error:  # MLflow, SQLAlchemy and requests raise whatever they like
        raise TrackingError(f"{redact(uri)}: {what} of run {run_id}: {redact(first_line(error))}") from None
