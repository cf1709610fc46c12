"""A run that is being tracked: everything goes into its own folder, and from there into MLflow."""

from __future__ import annotations

import logging
import math
import os
import shlex
import shutil
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnexp.cells import harmless_frame
from rnnexp.errors import TrackingError, first_line
from rnnexp.paths import short_name
from rnnexp.redact import redact, without_user
from rnnexp.tracking import inputs, names, store
from rnnexp.tracking.journal import MODEL, ROWS, JsonLines, RunJournal

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from rnnexp.tracking.pusher import Pusher

OUTCOME = "rnnexp.outcome"
STRICT_PATIENCE_S = 60.0
SLACK_S = 1.0  # by which a machine's clock may be corrected bit by bit

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


class RunClock:
    """The time of day as a run goes by it: it goes on as the machine does, asleep too, whenever the clock is set."""

    def __init__(self) -> None:
        self._began = time.time() - _uptime()
        self._last = time.time()

    def now(self) -> float:
        """Return seconds since 1970."""
        return self.correct(time.time(), time.time())[1]

    def correct(self, began: float, ended: float) -> tuple[float, float]:
        """Return the beginning and the end of what is over by now, never before what was corrected earlier."""
        moved = time.time() - _uptime() - self._began
        if abs(moved) > SLACK_S:
            ended = max(ended - moved, self._last)
            began = min(max(began - moved, self._last), ended)
        self._last = max(self._last, ended)
        return began, ended


def _uptime() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


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
        self._journal, self._pusher = journal, pusher
        self._rows = journal.rows if journal else JsonLines(folder / ROWS)
        self._rows.append(())  # the file is there from the beginning
        self._clock = RunClock()
        self._is_left = False
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

        NaN and infinity become `diverged=1`. A thread sends the steps later: this one only writes them down.
        """
        began, ended = self._clock.correct(began, ended)
        each = (ended - began) / max(len(rows), 1)
        times = [int((began + each * (number + 1)) * 1000) for number in range(len(rows))]
        self._log([(first + number, times[number], _sendable(row)) for number, row in enumerate(rows)])

    def log_summary(self, metrics: Mapping[str, float]) -> None:
        """Log what is known once, at the end; values that are not finite (an undefined MAPE) are left out."""
        now, values = int(self._clock.now() * 1000), names.finite(metrics)
        self._log([(0, now, values)])
        self._summary += [(key, value, now, 0) for key, value in values.items()]

    def log_data(self, *parts: inputs.Data) -> None:
        """Log which data the parts come from."""
        self._enter("data", parts=[part.described() for part in parts])

    def log_figure(self, name: str, figure: Figure) -> Path:
        """Draw a picture into `figures/<name>.png`."""
        path = self._path(f"figures/{name}.png")
        figure.savefig(path, metadata={"Software": None})
        return self._upload(path)

    def log_table(self, name: str, frame: DataFrame) -> Path:
        """Write a table to `tables/<name>.csv`."""
        path = self._path(f"tables/{name}.csv")
        harmless_frame(frame).to_csv(path, index=False)
        return self._upload(path)

    def log_text(self, name: str, text: str) -> Path:
        """Write a text, redacted, under its path within the artifacts."""
        path = self._path(name)
        path.write_text(redact(text), encoding="utf-8")
        return self._upload(path)

    def log_file(self, path: Path, folder: str = "") -> Path:
        """Keep a copy of a file as it is, in `folder` within the artifacts."""
        kept = self._path(f"{folder}/{path.name}" if folder else path.name)
        if kept.resolve() != path.resolve():
            shutil.copyfile(path, kept)
        return self._upload(kept)

    def log_model(self, bundle: Path, example: Any, outputs: Any = None) -> None:
        """Log a saved bundle as the run's one model.

        example: a few raw rows, enough for one prediction; outputs: what the model answers to them, predicted
        with the bundle itself if None.
        """
        from rnnexp.tracking import model

        if not self.is_tracked:
            return
        try:
            model.save_model(self.folder / MODEL, bundle, (example, outputs))
        except Exception as error:  # MLflow raises whatever it likes
            log.debug("tracking", exc_info=error)
            log.warning("tracking: the model could not be stored (%s); it is in the run's folder", first_line(error))
            return
        number, place = f"m-{uuid.uuid4().hex}", os.path.relpath(bundle, self.folder)
        self._enter("model", number=number, bundle=place, params=self.params, points=self._summary)

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
        self.key, self.params = about["key"], about["params"]
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
        self.flush(self._pusher.patience(interrupted=interrupted) if self._pusher else None)
        if self._journal:
            tell_unstored([self._journal])

    def require(self) -> None:
        """Raise TrackingError unless all that was logged is stored."""
        if self.flush(STRICT_PATIENCE_S):
            return
        error = self._pusher.error if self._pusher else None
        if isinstance(error, TrackingError):
            raise error
        reason = redact(first_line(error)) if error else "it takes too long"
        raise TrackingError(f"{self.uri}: the run cannot be stored: {reason}")

    def close(self, status: str) -> None:
        """Keep the log files and end the run; called by `start`."""
        try:
            self._upload(self.folder / ROWS)  # numbers alone, nothing to redact
            for path in sorted(self.folder.glob("*.log")):
                self._enter("file", path=path.name, redacted=True)
        finally:  # whoever presses Ctrl-C again
            self._enter("end", status=status, time=int(self._clock.now() * 1000))
            if self._journal:
                self._journal.closed = True

    def _log(self, steps: Sequence[tuple[int, int, Mapping[str, float]]]) -> None:
        """Write steps, their times and their metrics down."""
        self._rows.append({"step": step, "time": time, "metrics": values} for step, time, values in steps)

    def _enter(self, kind: str, **what: Any) -> None:
        if self._journal:
            self._journal.append(kind, **what)

    def _path(self, name: str) -> Path:
        parts = map(Path, names.allowed(name).split("/"))
        path = self.folder.joinpath(*(short_name(part.stem) + part.suffix[:9] for part in parts))
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _upload(self, path: Path) -> Path:
        self._enter("file", path=path.relative_to(self.folder).as_posix(), redacted=False)
        return path


def tell_unstored(journals: Sequence[RunJournal]) -> None:
    """Say what of ended runs is not in the store yet, and how it gets there."""
    for journal in journals:
        if what := journal.unstored():
            journal.sync()
            where = f"{(journal.begun or {}).get('uri', '')}"
            command = write_sync(journal.folder, where)
            log.warning("tracking: %s: %s not there yet; store it with: %s", where, what, command)


def write_sync(folder: Path, where: str) -> str:
    """Write the command that stores the runs of a folder at `where`, an address without secrets.

    Who has to say who he is does so by MLflow's own variables: the command does not know the password.
    """
    relative = os.path.relpath(folder)
    words = ["rnnexp", "sync", str(folder) if relative.startswith("..") else relative]
    in_force = ""
    with suppress(TrackingError):
        in_force = redact(store.tracking_uri(None))
    if where == in_force:
        return shlex.join(words)
    address = without_user(where)
    told = shlex.join([*words, "--uri", address])
    return told if address == where else f"{told}  (with MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD set)"


def _sendable(metrics: Mapping[str, float]) -> dict[str, float]:
    values = names.finite(metrics)
    if not all(map(math.isfinite, metrics.values())):
        values["diverged"] = 1.0
    return values
