"""A run that is being tracked: everything goes into its own folder, and from there into MLflow."""

from __future__ import annotations

import json
import logging
import math
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from rnnexp.redact import redact
from rnnexp.tracking import inputs, names
from rnnexp.tracking.remote import Point, Remote

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

    def log_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Log one step; NaN and infinity become `diverged=1`. Costs microseconds: a thread sends it later."""
        values = names.finite(metrics)
        if not all(math.isfinite(value) for value in metrics.values()):
            values["diverged"] = 1.0
        self._log(values, epoch)

    def log_epochs(self, first: int, rows: Sequence[Mapping[str, float]], began: float, ended: float) -> None:
        """Log several steps."""
        for epoch, metrics in enumerate(rows, start=first):
            self.log_epoch(epoch, metrics)

    def log_summary(self, metrics: Mapping[str, float]) -> None:
        """Log what is known once, at the end; values that are not finite (an undefined MAPE) are left out."""
        self._summary += self._log(names.finite(metrics), 0)

    def log_data(
        self, part: str, *, digest: str, source: str, rows: int | None = None, columns: Sequence[str] = ()
    ) -> None:
        """Log which data a part ("train", "val", "test") comes from; a digest has at most 36 characters."""
        if self._remote:
            data = inputs.Data(part, digest, source, rows, tuple(columns))
            self._remote.call(f"the {part} data", inputs.log_input, self._remote, data)

    def log_figure(self, name: str, figure: Figure) -> Path:
        """Draw a picture into `figures/<name>.png`."""
        path = self._path(f"figures/{name}.png")
        figure.savefig(path, metadata={"Software": None})
        return self._upload(path)

    def log_table(self, name: str, frame: DataFrame) -> Path:
        """Write a table to `tables/<name>.csv`."""
        path = self._path(f"tables/{name}.csv")
        frame.to_csv(path, index=False)
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

    def log_model(self, bundle: Path, example: Any, outputs: Any = None) -> str | None:
        """Log a saved bundle as the run's one model and return its MLflow URI, None without MLflow.

        example: a few raw rows, enough for one prediction; outputs: what the model answers to them, predicted
        with the bundle itself if None.
        """
        from rnnexp.tracking import model

        if self._remote is None:
            return None
        self._remote.flush()
        return self._remote.call("the model", model.log_model, self._remote, bundle, (example, outputs), self._summary)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags of the run, also late ones such as `rnnexp.beats_baseline`."""
        self.result = tags.get(OUTCOME, self.result)
        for key, value in names.tags(tags).items():
            if self._remote:
                self._remote.call(f"tag {key}", self._remote.client.set_tag, self._remote.run_id, key, value)

    def outcome(self, name: str) -> None:
        """Say how the run ended: ok, failed, killed, pruned, diverged or time_limit."""
        self.set_tags({OUTCOME: name})

    def close(self, status: str) -> None:
        """Keep the log files and end the run; called by `start`."""
        self._journal.close()
        if self._remote is None:
            return
        for path in [self.folder / "metrics.jsonl", *sorted(self.folder.glob("*.log"))]:
            text = redact(path.read_text(encoding="utf-8", errors="replace"))
            self._remote.call(path.name, self._remote.client.log_text, self._remote.run_id, text, path.name)
        self._remote.close(status)

    def _log(self, values: Mapping[str, float], step: int) -> list[Point]:
        now = time.time_ns() // 1_000_000
        self._write({"step": step, "time": now, "metrics": dict(values)})
        points = [Point(key, value, now, step) for key, value in values.items()]
        if self._remote:
            self._remote.metrics(points)
        return points

    def _write(self, record: Mapping[str, Any]) -> None:
        try:
            self._journal.write(json.dumps(record) + "\n")
            self._journal.flush()
        except OSError as error:  # a full disk must not end a training; its checkpoints will tell
            log.warning("%s: %s", self._journal.name, error)

    def _path(self, name: str) -> Path:
        path = self.folder / names.allowed(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _upload(self, path: Path) -> Path:
        if self._remote:
            inside = path.relative_to(self.folder).parent.as_posix()
            folder = None if inside == "." else inside
            upload = self._remote.client.log_artifact
            self._remote.call(path.name, upload, self._remote.run_id, str(path), folder)
        return path
