"""What a run wants remembered: lines in its own folder, written at once and stored elsewhere later."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rnnexp.disk import GrowingFile, put_whole
from rnnexp.run_folder import JOURNAL as ROWS

FOLDER = "tracking"  # within the folder of a run
ENTRIES = f"{FOLDER}/journal.jsonl"
MODEL = f"{FOLDER}/model"  # what MLflow adds to the run's model
STORED = f"{FOLDER}/stored.json"
CHUNK = 1 << 20  # bytes of rows that are read at a time
DETAILS = "details"  # of a row: numbers that the run keeps beside its metrics, which alone go into a store's
SAVED_EVERY_S = 10.0  # what is stored after that is stored again if the process is killed, which changes nothing

log = logging.getLogger("rnnexp")

Record = dict[str, Any]


def gather_numbers(row: Record) -> dict[str, float]:
    """Return all that was logged in a row, details too."""
    return {**row["metrics"], **row.get(DETAILS, {})}


class JournalBusyError(Exception):
    """Another process is storing what this journal holds."""


class JsonLines:
    """A file of one JSON object per line, to which lines are added, whatever its disk says."""

    def __init__(self, path: Path) -> None:
        self.path, self.file = path, GrowingFile(path)

    def append(self, records: Iterable[Mapping[str, Any]]) -> None:
        self.file.append("".join(json.dumps(record) + "\n" for record in records).encode())

    def read(self, start: int) -> tuple[list[tuple[Record, int]], int]:
        """Return the whole lines of about a `CHUNK` from a byte on, each with where it ends, and where they end."""
        size = CHUNK
        while b"\n" not in (data := self.file.read(start, size)) and len(data) == size:
            size *= 2
        lines, at = [], start
        for line in data[: data.rfind(b"\n") + 1].splitlines(keepends=True):
            at += len(line)
            with suppress(ValueError):  # torn, when a process was killed
                lines.append((json.loads(line), at))
        return lines, at

    def records(self, start: int = 0) -> Iterator[Record]:
        """Yield what the whole lines from a byte on hold."""
        at, end = -1, start
        while end > at:
            at = end
            some, end = self.read(at)
            yield from (record for record, _ in some)


@dataclass
class Stored:
    """How much of a journal is in which store.

    uri: of the store, as it may be shown;  run_id, experiment_id, place: of the run there, and where its files go
    entries, rows: bytes of the two files;  refused: where entries begin that the store did not take
    creating: whether the run may be there without our knowing its id;  repeated: whether it may be there twice
    key, replaces: of a run that takes the place of another one, which somebody has deleted
    sent: files that the store has not shown yet, with the bytes that were sent and whether they were redacted
    """

    uri: str = ""
    run_id: str | None = None
    experiment_id: str = ""
    place: str = ""
    entries: int = 0
    rows: int = 0
    refused: list[int] = field(default_factory=list)
    creating: bool = False
    repeated: bool = False
    key: str = ""
    replaces: str = ""
    marked: bool = False
    sent: dict[str, tuple[int, bool]] = field(default_factory=dict)


class RunJournal:
    """All that one run logs, in `folder`: rows of metrics, and entries for everything else.

    An entry is `begin` (and its time, experiment, name, tags, parameters, parent and key, by which the run is known
    before a store has given it an id), `tags`, `experiment`, `data`, `file`, `removed` (a file), `model` or `end`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries, self.rows = JsonLines(folder / ENTRIES), JsonLines(folder / ROWS)
        self.stored = Stored()
        self.closed = False
        self.is_taken_up = self.entries.path.exists()  # another process has stored some, and may not have noted all
        self._seen: int | None = None
        self._saved = 0.0
        self.load()

    def append(self, event: str, **what: Any) -> None:
        self.entries.append([{"event": event, **what}])

    @property
    def pending(self) -> bool:
        """Whether something is not in the store yet."""
        return self.entries.file.size() > self.stored.entries or self.rows.file.size() > self.stored.rows

    def unstored(self) -> str:
        """Say what is not in the store yet; nothing if all is there."""
        entries, rows = (list(lines.records(start)) for lines, start in self._rest())
        if not entries and not rows and not self.stored.refused:
            return ""
        files = sum(entry.get("event") == "file" for entry in entries)
        if any(entry.get("event") == "begin" for entry in entries) and not self.stored.run_id:
            return "the run"
        parts = [f"{len(rows)} rows of metrics" if rows else "", f"{files} files" if files else ""]
        parts.append(f"{len(self.stored.refused)} entries that it refused" if self.stored.refused else "")
        parts.append("its end" if any(entry.get("event") == "end" for entry in entries) else "")
        return ", ".join(filter(None, parts)) or "its last entries"

    def sync(self) -> None:
        """Have all that is written survive a loss of power."""
        self.entries.file.sync()
        self.rows.file.sync()

    def _rest(self) -> tuple[tuple[JsonLines, int], tuple[JsonLines, int]]:
        return (self.entries, self.stored.entries), (self.rows, self.stored.rows)

    def list_entries(self) -> Iterator[Record]:
        """Yield all entries, the first first."""
        yield from self.entries.records()

    def has_removed(self, name: str) -> bool:
        """Say whether a file was removed again that the folder had once."""
        found = (entry["event"] for entry in self.list_entries() if entry.get("path") == name)
        return "removed" in found

    @property
    def begun(self) -> Record | None:
        """Return the last entry with which the run began."""
        return self._last("begin")

    @property
    def ended(self) -> str | None:
        """Return the status with which it ended; None if nobody has said so."""
        return (self._last("begin", "end") or {}).get("status")

    def _last(self, *events: str) -> Record | None:
        return next((entry for entry in reversed(list(self.entries.records())) if entry.get("event") in events), None)

    def rewind(self) -> None:
        """Have what the store refused, and all that followed, stored again."""
        if self.stored.refused:
            self.stored.entries, self.stored.rows, self.stored.refused = min(self.stored.refused), 0, []

    def load(self) -> None:
        """Read how much is stored, if another process has stored some."""
        path = self.folder / STORED
        try:
            seen = path.stat().st_mtime_ns
            if seen != self._seen:
                self.stored, self._seen = Stored(**json.loads(path.read_text(encoding="utf-8"))), seen
        except (OSError, ValueError, TypeError):
            return

    def save(self, *, at_once: bool = True) -> None:
        """Write down how much is stored; unless `at_once` only now and then."""
        now = time.monotonic()
        if not at_once and now - self._saved < SAVED_EVERY_S:
            return
        path = self.folder / STORED
        text = json.dumps(asdict(self.stored)) + "\n"
        with suppress(OSError):  # then it is stored again, which changes nothing
            put_whole(path, lambda new: new.write_text(text, encoding="utf-8"))
            self._saved, self._seen = now, path.stat().st_mtime_ns

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes from storing the same. Raises JournalBusyError while one does."""
        with ExitStack() as stack:
            try:
                import fcntl

                file = stack.enter_context(self.entries.path.open("rb"))
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise JournalBusyError(str(self.folder)) from None
            except (ImportError, OSError):  # or it could not be written yet: nobody else has it
                log.debug("%s cannot be locked", self.entries.path)
            self.load()
            yield
