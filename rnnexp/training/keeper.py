"""When a training is put down on the disk, and whether it shall end there.

Between two chunks of work a training asks its keeper. The keeper writes a checkpoint every `checkpoint_every_s`, never
spends more than a fiftieth of the time on it, and ends the training where somebody above has asked for that.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, perf_counter
from typing import NoReturn, Protocol

from rnnexp.errors import ConfigError, ResourceError
from rnnexp.runtime import process_group
from rnnexp.training import checkpoint
from rnnexp.training.plan import TrainingPlan
from rnnexp.training.snapshot import Snapshot

log = logging.getLogger("rnnexp")

FOLDER = "checkpoints"
KEEP = 2  # checkpoints: the newest, and one for the case that it turns out to be damaged
SHARE = 0.02  # of the time may be spent on checkpoints
MAX_FAILURES = 3  # in a row: then there is no disk to rely on


class TrainingStopped(KeyboardInterrupt):
    """A training has ended between two steps because its caller asked for it, and can go on from `snapshot`.

    It passes through what handles errors as Ctrl-C does. checkpoint: where that is on the disk; None if it is not
    """

    def __init__(self, reason: str, snapshot: Snapshot, checkpoint: Path | None) -> None:
        self.reason, self.snapshot, self.checkpoint = reason, snapshot, checkpoint
        super().__init__(f"stopped after epoch {snapshot.position.epoch}, step {snapshot.position.step}: {reason}")


class StopAsked(Exception):  # noqa: N818  (no error: it takes a training from within a pass to where it can be put down)
    """Somebody has asked for the end."""


class Cadence:
    """Says whether it is time for a checkpoint, or for the end: to all members of a group the same.

    turn: a number for the moment; within one the answer does not change
    """

    def __init__(
        self,
        every_s: float | None,
        stop: Callable[[], str | None] | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.every_s, self.stop, self.clock = every_s, stop or (lambda: None), clock
        self.last, self.cost = clock(), 0.0
        self.turn, self.due = -1, False
        self.reason: str | None = None  # once there is one, it stays

    def ask(self, turn: int) -> tuple[bool, str | None]:
        """Return whether a checkpoint is due, and why the training shall end; None if it shall not."""
        if turn != self.turn:
            self.turn, self.reason, now = turn, self.reason or self.stop(), self.clock()
            self.due = self.every_s is not None and now - self.last >= max(self.every_s, self.cost / SHARE)
            if self.due:
                self.last, self.cost = now, 0.0
        return self.due, self.reason

    def alone(self, stop: Callable[[], str | None] | None) -> Callable[[], str | None]:
        """Return what is to be asked besides for one training, which may be ended alone."""
        return (lambda: None) if stop is None or stop is self.stop else stop

    def charge(self, seconds: float) -> None:
        """Count what a checkpoint has cost; the next one has to wait for it."""
        self.cost += seconds


class Restorable(Protocol):
    """A training, as its keeper sees it."""

    def snapshot(self) -> Snapshot: ...

    def restore(self, snapshot: Snapshot) -> None: ...


class Keeper:
    """Keeps the checkpoints of one training in its run folder."""

    def __init__(self, plan: TrainingPlan, cadence: Cadence) -> None:
        self.root = plan.run_dir / FOLDER if plan.run_dir else None
        self.is_regular = plan.trainer.checkpoint_every_s is not None
        self.stop = cadence.alone(plan.stop)
        self.cadence, self.written, self.failures = cadence, False, 0
        self.final: Snapshot | None = None

    def look(self, training: Restorable, turn: int) -> None:
        """Keep a checkpoint if one is due; TrainingStopped if the training shall end here."""
        due, reason = self.cadence.ask(turn)
        if reason := self.stop() or reason:  # who wants this one to end is not for all to hear
            self._end(training.snapshot(), reason)
        if due and self.is_regular:
            began = perf_counter()
            self._save(training.snapshot())
            self.cadence.charge(perf_counter() - began)

    def keep_end(self, reason: str) -> None:
        """Raise TrainingStopped with a checkpoint of a training that has come to its end; nothing if it has not."""
        if self.final is not None:
            self._end(self.final, reason)

    def _end(self, snapshot: Snapshot, reason: str) -> NoReturn:
        """Keep where a training stands, whether checkpoints were wished for or not."""
        raise TrainingStopped(reason, snapshot, self._save(snapshot, is_last=True))

    def require_running(self, turn: int) -> None:
        """Raise StopAsked in the middle of a pass that is made again by whoever goes on."""
        if self.cadence.ask(turn)[1] is not None:
            raise StopAsked

    def finish(self, training: Restorable) -> None:
        """Keep the end of a training that has been long enough for a checkpoint, so that it can be continued."""
        self.final = training.snapshot()
        if self.written:
            self._save(self.final)

    def keep_final(self) -> None:
        """Keep the end of a shorter training, too, if checkpoints are wished for."""
        if self.final is not None and self.is_regular and not self.written:
            self._save(self.final, is_last=True)

    def _save(self, snapshot: Snapshot, is_last: bool = False) -> Path | None:
        """Write a checkpoint; without room for it the training goes on, but not for ever."""
        if self.root is None:
            return None
        folder = self.root / checkpoint.name_state(snapshot.position)
        try:
            if not self.written:
                checkpoint.remove_unfinished(self.root)
            checkpoint.save(folder, snapshot)
        except OSError as error:
            self._count_failure(folder, error, is_last)
            return None
        self.written, self.failures = True, 0
        checkpoint.prune(self.root, KEEP, checkpoint.STATES)
        return folder

    def _count_failure(self, folder: Path, error: OSError, is_last: bool) -> None:
        self.failures += 1
        text = f"{folder}: the checkpoint cannot be written: {error.strerror or error}"
        if is_last:
            log.warning("%s; the one before it, if there is one, is kept", text)
            return
        if self.failures >= MAX_FAILURES:
            raise ResourceError(f"{text}; the training ends after {self.failures} such failures in a row")
        log.warning("%s; the training continues, and the last one is kept", text)


def restore_newest(training: Restorable, root: Path, *, reopen: bool = False) -> Snapshot | None:
    """Take a training that has not begun to where the newest usable checkpoint below `root` is; None if there is none.

    Why it has ended there is forgotten if it is to `reopen`.

    What is damaged, of another training or of a later version is named and left out; nothing is half restored.
    """
    for folder in checkpoint.list_newest(root):
        try:
            snapshot = checkpoint.load(folder)
            snapshot = snapshot.reopened() if reopen else snapshot
            training.restore(snapshot)
        except ConfigError as error:
            log.warning("checkpoint %s is left out: %s", folder, error)
        else:
            return snapshot
    return None


def share_start(snapshot: Snapshot | None) -> Snapshot | None:
    """Return where the first of several ranks begins, which each of them asks before its first step; None: anew."""
    if process_group.current is None:
        return snapshot  # as it is
    packed = process_group.share_bytes(checkpoint.pack(snapshot) if snapshot else b"")
    return checkpoint.unpack(packed) if packed else None


@contextmanager
def keep_trained(keeper: Keeper) -> Iterator[None]:
    """Keep a checkpoint of a training that has come to its end if its run is to end before all is told of it."""
    try:
        yield
    except KeyboardInterrupt as stop:
        keeper.keep_end(str(stop) or "Ctrl-C")
        raise
