"""A run that is being tracked: everything goes into its own folder, and from there into MLflow."""

from __future__ import annotations

import json
import logging
import math
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from rnnexp.cells import harmless_frame
from rnnexp.paths import short_name
from rnnexp.redact import redact
from rnnexp.tracking import inputs, names
from rnnexp.tracking.batch import Batch, Point
from rnnexp.tracking.remote import Remote

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

OUTCOME = "rnnexp.outcome"

log = logging.getLogger("rnnexp")


@dataclass(frozen=True)
class RunInfo:
    """What is known of a run before it starts.

    experiment:  MLflow experiment, the data or the task ("sine", "airline")
    params:      flat, dotted as in YAML
    tags:        `rnnexp.*`
    config:      the whole experiment as YAML
    description: Markdown, shown at the top of the run's page
    parent:      id of the MLflow run of the sweep it belongs to
    run_id:      an existing run to go on with; None makes a new one
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
    run_id: str | None = None


class Run:
    """Take what a run reports. Without MLflow (`remote` None) the files in `folder` are all that is kept.

    `folder` mirrors the artifacts: `figures/`, `tables/`, `config/config.yaml`; metrics are lines of
    `metrics.jsonl`. Text is redacted. Trouble with the store never raises: it is told once.
    """

    def __init__(self, folder: Path, remote: Remote | None) -> None:
        self.folder = folder
        self.result: str | None = None
        self._remote = remote
        self._summary: list[Point] = []
        self._journal: TextIO = (folder / "metrics.jsonl").open("a", encoding="utf-8")

    @property
    def run_id(self) -> str | None:
        return self._remote.run_id if self._remote else None

    @property
    def experiment_id(self) -> str | None:
        return self._remote.experiment_id if self._remote else None

    @property
    def uri(self) -> str | None:
        """The store as it may be shown, without a password."""
        return redact(self._remote.uri) if self._remote else None

    def log_epochs(self, first: int, rows: Sequence[Mapping[str, float]], began: float, ended: float) -> None:
        """Log steps `first`, `first + 1`, ... that took from `began` to `ended` (seconds since 1970) together.

        NaN and infinity become `diverged=1`. A thread sends the steps later: this one only writes them down.
        """
        each = (ended - began) / max(len(rows), 1)
        times = [int((began + each * (number + 1)) * 1000) for number in range(len(rows))]
        self._log([(first + number, times[number], _sendable(row)) for number, row in enumerate(rows)])

    def log_summary(self, metrics: Mapping[str, float]) -> None:
        """Log what is known once, at the end; values that are not finite (an undefined MAPE) are left out."""
        self._summary += self._log([(0, int(time.time() * 1000), names.finite(metrics))])

    def log_data(self, *parts: inputs.Data) -> None:
        """Log which data the parts come from."""
        if self._remote:
            self._remote.call("the data", inputs.log_inputs, self._remote, parts)

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

        if self._remote:
            self._remote.call("the model", model.log_model, self._remote, bundle, (example, outputs), self._summary)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags of the run, also late ones such as `rnnexp.beats_baseline`."""
        self.result = tags.get(OUTCOME, self.result)
        if self._remote:
            self._remote.log("tags", Batch(tags=names.tags(tags)))

    def judge_by(self, metric: str, greater_is_better: bool) -> None:
        """Make another metric the experiment's first than was thought when the run was started."""
        if self._remote is None:
            return
        for tag in names.primary(metric, greater_is_better).items():
            self._remote.call("tags", self._remote.client.set_experiment_tag, self._remote.experiment_id, *tag)

    def outcome(self, name: str) -> None:
        """Say how the run ended: ok, failed, killed, pruned, diverged or time_limit."""
        self.set_tags({OUTCOME: name})

    def close(self, status: str) -> None:
        """Keep the log files and end the run; called by `start`."""
        self._journal.close()
        if self._remote is None:
            return
        self._upload(self.folder / "metrics.jsonl")  # numbers alone, nothing to redact
        for path in sorted(self.folder.glob("*.log")):
            self._remote.call(path.name, self._upload_redacted, self._remote, path)
        self._remote.close(status)

    def _log(self, steps: Sequence[tuple[int, int, Mapping[str, float]]]) -> list[Point]:
        """Write steps, their times and their metrics down, and pass them on."""
        self._write([{"step": step, "time": time, "metrics": values} for step, time, values in steps])
        points = [Point(key, value, time, step) for step, time, values in steps for key, value in values.items()]
        if self._remote:
            self._remote.metrics(points)
        return points

    def _write(self, records: Sequence[Mapping[str, Any]]) -> None:
        try:
            self._journal.write("".join(json.dumps(record) + "\n" for record in records))
            self._journal.flush()
        except OSError as error:  # a full disk must not end a training; its checkpoints will tell
            log.warning("%s: %s", self._journal.name, error)

    def _path(self, name: str) -> Path:
        parts = map(Path, names.allowed(name).split("/"))
        path = self.folder.joinpath(*(short_name(part.stem) + part.suffix[:9] for part in parts))
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _upload(self, path: Path) -> Path:
        if self._remote:
            inside = path.relative_to(self.folder).parent.as_posix()
            self._remote.upload(path, None if inside == "." else inside)
        return path

    def _upload_redacted(self, remote: Remote, path: Path) -> None:
        """Upload what others have written; the run's own folder keeps it as it is."""
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / path.name
            copy.write_text(redact(path.read_text(encoding="utf-8", errors="replace")), encoding="utf-8")
            remote.upload(copy)


def _sendable(metrics: Mapping[str, float]) -> dict[str, float]:
    values = names.finite(metrics)
    if not all(map(math.isfinite, metrics.values())):
        values["diverged"] = 1.0
    return values
