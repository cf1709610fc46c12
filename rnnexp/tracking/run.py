"""A run that is being tracked: everything goes into its own folder, and from there into MLflow."""

from __future__ import annotations

import logging
import math
import shutil
import traceback
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnexp.cells import harmless_frame
from rnnexp.disk import DISK_FULL, identify, is_inside, put_whole
from rnnexp.errors import ResourceError, RnnexpError, TrackingError, first_line
from rnnexp.redact import redact
from rnnexp.run_folder import ERROR
from rnnexp.runtime.machine import RunClock
from rnnexp.tracking import inputs, names
from rnnexp.tracking.journal import DETAILS, MODEL, ROWS, JsonLines, RunJournal
from rnnexp.tracking.moved import NOTE
from rnnexp.tracking.run_files import RunFiles
from rnnexp.tracking.unstored import tell_unstored, write_sync

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from rnnexp.tracking.pusher import Pusher

OUTCOME = "rnnexp.outcome"
STRICT_PATIENCE_S = 60.0

log = logging.getLogger("rnnexp")


@dataclass(frozen=True)
class RunInfo:
    """What is known of a run before it starts.

    experiment:  MLflow experiment, the data or the task ("sine", "airline")
    params:      flat, dotted as in YAML
    tags:        `rnnexp.*`
    config:      the whole experiment as YAML
    description: Markdown, shown at the top of the run's page
    parent:      key of the run of the sweep it belongs to
    key:         that of an existing run to go on with; None makes a new one
    """

    experiment: str
    run_name: str
    params: Mapping[str, Any]
    tags: Mapping[str, str]
    config: str
    description: str
    primary_metric: str
    greater_is_better: bool
    run_dir: Path
    parent: str | None = None
    key: str | None = None


class Run:
    """Take what a run reports. Without MLflow (`journal` None) the files in `folder` are all that is kept.

    `folder` mirrors the artifacts: `figures/`, `tables/`, `config/config.yaml`; metrics are lines of
    `metrics.jsonl`. Text is redacted. Nothing here waits for the store, or raises because of it: what is logged is
    written down in the folder, and `pusher` stores it; None leaves that to `rnnexp sync`.
    """

    def __init__(self, folder: Path, journal: RunJournal | None, pusher: Pusher | None = None) -> None:
        self.folder = folder
        self.result: str | None = None
        self.key = ""  # by which it is known before the store has given it an id, which a local database does not
        self.params: Mapping[str, str] = {}
        self.description = ""  # as it began
        self._where = ""  # the store's address without secrets
        self._journal, self._pusher = journal, pusher
        self._rows = journal.rows if journal else JsonLines(folder / ROWS)
        self._rows.append(())  # the file is there from the beginning
        self._clock = RunClock()
        self._is_left = False
        self.files = RunFiles(folder)
        self.problem: str | None = None  # what the disk has kept the run from, though it came to its end
        self._owed: list[tuple[str, dict[str, Any]]] = []
        self._place = identify(folder)
        self._summary: list[tuple[str, float, int, int]] = []

    @property
    def is_tracked(self) -> bool:
        return self._journal is not None

    @property
    def run_id(self) -> str | None:
        """The id in the store; None as long as there is none. A local database takes the key."""
        if self._journal is None:
            return None
        local = self._pusher is not None and self._pusher.is_local and not self._is_left
        return self._journal.stored.run_id or (self.key if local else None)

    @property
    def experiment_id(self) -> str | None:
        return (self._journal.stored.experiment_id or None) if self._journal else None

    @property
    def uri(self) -> str | None:
        """The store as it may be shown, without a password."""
        return redact(self._pusher.uri) if self._pusher else None

    def log_epochs(self, first: int, rows: Sequence[Mapping[str, float]], began: float, ended: float) -> None:
        """Log steps `first`, `first + 1`, ... that took from `began` to `ended` (seconds since 1970) together.

        NaN and infinity become `diverged=1`. A thread sends the steps later: this one only writes them down. Raises
        ResourceError if the folder is gone.
        """
        if identify(self.folder) != self._place:
            raise ResourceError(f"{self.folder}: was removed or moved while the run wrote to it; start the run again")
        began, ended = self._clock.correct(began, ended)
        each = (ended - began) / max(len(rows), 1)
        times = [int((began + each * (number + 1)) * 1000) for number in range(len(rows))]
        steps = zip(count(first), times, map(_sendable, rows))
        self._rows.append({"step": step, "time": time, "metrics": values} for step, time, values in steps)

    def log_summary(self, metrics: Mapping[str, float], details: Mapping[str, float] | None = None) -> None:
        """Log what is known once, at the end; values that are not finite (an undefined MAPE) are left out.

        `details` are no metrics of the store, whose pages draw a chart for each: they are kept in `metrics.jsonl`.
        """
        now, values = int(self._clock.now() * 1000), names.finite(metrics)
        self._rows.append([{"step": 0, "time": now, "metrics": values, DETAILS: names.finite(details or {})}])
        self._summary += [(key, value, now, 0) for key, value in values.items()]

    def log_data(self, *parts: inputs.Data) -> None:
        """Log which data the parts come from."""
        self._enter("data", parts=[part.described() for part in parts])

    def log_figure(self, name: str, figure: Figure) -> Path:
        """Draw a picture into `figures/<name>.png`."""
        return self._keep(f"figures/{name}.png", lambda path: figure.savefig(path, metadata={"Software": None}))

    def log_table(self, name: str, frame: DataFrame) -> Path:
        """Write a table to `tables/<name>.csv`."""
        return self._keep(f"tables/{name}.csv", lambda path: harmless_frame(frame).to_csv(path, index=False))

    def log_text(self, name: str, text: str) -> Path:
        """Write a text, redacted, under its path within the artifacts."""
        return self._keep(name, lambda path: path.write_text(redact(text), encoding="utf-8"))

    def log_error(self, error: BaseException) -> None:
        """Write down what ends the run, unless its disk does not take that either."""
        text = redact("".join(traceback.format_exception(error)))
        with suppress(OSError):
            put_whole(self.folder / ERROR, lambda path: path.write_text(text, encoding="utf-8"))
            self._enter("file", path=ERROR, redacted=False)

    def drop_error(self) -> None:
        """Remove what has ended an earlier attempt, with which this one goes on."""
        with suppress(FileNotFoundError):
            (self.folder / ERROR).unlink()
            self._enter("removed", path=ERROR)

    def log_file(self, path: Path, folder: str = "") -> Path:
        """Keep a copy of a file as it is, in `folder` within the artifacts."""
        name = names.make_path(f"{folder}/{path.name}" if folder else path.name)
        if (self.folder / name).resolve() != path.resolve():
            return self._keep(name, lambda kept: shutil.copyfile(path, kept))
        self._enter("file", path=name, redacted=False)
        return path

    def log_model(self, bundle: Path, example: Any, outputs: Any = None) -> None:
        """Log a saved bundle as the run's one model.

        example: a few raw rows, enough for one prediction; outputs: what the model answers to them, predicted
        with the bundle itself if None.
        """
        from rnnexp.tracking import model

        if not self.is_tracked:
            return
        try:
            self.files.write(MODEL, lambda folder: model.save_model(folder, bundle, (example, outputs)))
        except Exception as error:  # MLflow raises whatever it likes
            log.debug("tracking", exc_info=error)
            log.warning("tracking: the model could not be stored (%s); it is in the run's folder", first_line(error))
            return
        number, place = f"m-{uuid.uuid4().hex}", self.files.name_of(bundle)
        home = next((name for name in (place, MODEL) if not self.files.is_home(name)), place)
        self._own(home, "model", number=number, bundle=place, params=self.params, points=self._summary)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags of the run, also late ones such as `rnnexp.beats_baseline`."""
        self.result = tags.get(OUTCOME, self.result)
        self._enter("tags", tags=names.tags(tags))

    def judge_by(self, metric: str, greater_is_better: bool) -> None:
        """Make another metric the experiment's first than was thought when the run was started."""
        self._enter("experiment", tags=names.primary(metric, greater_is_better))

    def outcome(self, name: str) -> None:
        """Say how the run ended: ok, failed, killed, pruned, diverged or time_limit."""
        self.set_tags({OUTCOME: name})

    def begin(self, **about: Any) -> None:
        """Write down that the run begins, and have it stored from now on; called by `start`."""
        self.key, self.params, self._where = about["key"], about["params"], about["uri"]
        self.description = about["tags"].get(NOTE, "")
        self._enter("begin", **about)
        if self._journal and self._pusher:
            self._pusher.add(self._journal)

    def flush(self, patience: float | None = None) -> bool:
        """Wait, not for long, until what was logged is stored; False if the store does not take it."""
        if self._journal is None:
            return True
        self._is_left = self._pusher is None or not self._pusher.flush([self._journal], patience)
        return not self._is_left

    def settle(self, *, interrupted: bool) -> None:
        """Wait for the store at the end, and say what it does not hold then."""
        try:
            self.flush(self._pusher.patience(interrupted=interrupted) if self._pusher else None)
        except KeyboardInterrupt:  # the store shall not be left thinking that the run goes on
            self.flush(self._pusher.patience(interrupted=True) if self._pusher else None)
            raise
        finally:
            if self._journal:
                tell_unstored([self._journal])

    def leave(self) -> None:
        """Write down that the run was killed, in a process that ends at once, and have it stored if that is quick."""
        if self._journal is None or self._journal.ended:
            return
        self.outcome("killed")
        self._enter("end", status="KILLED", time=int(self._clock.now() * 1000))
        self._journal.closed = True
        self._journal.sync()
        if self._pusher and self._pusher.is_local:
            self.flush(1.0)
        tell_unstored([self._journal])

    def require(self) -> None:
        """Raise an error, usually TrackingError, unless all that was logged is stored."""
        if self.flush(STRICT_PATIENCE_S):
            return
        error = self._pusher.error if self._pusher else None
        if isinstance(error, RnnexpError):
            raise error
        reason = redact(first_line(error)) if error else "it takes too long"
        raise TrackingError(f"{self.uri}: the run cannot be stored: {reason}")

    def close(self, status: str, patience: float = 0.0) -> None:
        """Keep the log files and end the run, waiting so many seconds for room on a full disk; called by `start`."""
        growing = [self._rows.file, *([self._journal.entries.file] if self._journal else [])]
        try:
            self.files.settle(patience, growing)
            for kind, what in self._owed:
                self._enter(kind, **what)
            self._enter("file", path=ROWS, redacted=False)  # numbers alone, nothing to redact
            for path in filter(partial(is_inside, folder=self.folder), sorted(self.folder.glob("*.log"))):
                self._enter("file", path=path.name, redacted=True)
            if status == "FINISHED" and (self.problem or not self.files.is_whole):
                status = "FAILED"
                self.outcome(DISK_FULL)
        finally:  # whoever presses Ctrl-C again
            self._enter("end", status=status, time=int(self._clock.now() * 1000))
            self.files.settle(0.0, growing)
            sync = write_sync(self.folder, self._where) if self._journal else ""
            self.problem = self.files.problem(sync) or self.problem
            if self._journal:
                self._journal.closed = True

    def _enter(self, kind: str, **what: Any) -> None:
        if self._journal:
            self._journal.append(kind, **what)

    def _keep(self, name: str, write: Callable[[Path], object]) -> Path:
        """Write a file of the run's and have it stored."""
        name = names.make_path(name)
        path = self.files.write(name, write)
        self._own(name, "file", path=name, redacted=False)
        return path

    def _own(self, name: str, kind: str, **what: Any) -> None:
        """Have something stored that lies in the folder as `name`; at the end, if it does not lie there yet."""
        if self.files.is_home(name):
            self._enter(kind, **what)
        else:
            self._owed.append((kind, what))


def _sendable(metrics: Mapping[str, float]) -> dict[str, float]:
    values = names.finite(metrics)
    if not all(map(math.isfinite, metrics.values())):
        values["diverged"] = 1.0
    return values
