"""Write the metrics of each epoch to a CSV file as they come."""

from __future__ import annotations

import csv
from typing import ClassVar, Literal

from pydantic import Field

from rnnexp.paths import LONGEST, name_problem
from rnnexp.registry import register
from rnnexp.training.training_state import EpochCallback, OnEpochEnd, TrainingState


@register("callback")
class csv_log(EpochCallback):
    """Append one row per epoch to a file in the run folder; whole rows are on disk after each epoch."""

    late: ClassVar[bool] = True
    name: Literal["csv_log"] = "csv_log"
    file: str = Field("history.csv", pattern=r"^[^/\\]+$", description="name of the file in the run folder")

    def check(self) -> list[str]:
        problem = name_problem(self.file, parts=False)
        long = len(self.file.encode(errors="replace")) > LONGEST
        return [f"file: {problem}"] if problem else [f"file: has more than {LONGEST} bytes; shorten it"] if long else []

    def start(self) -> OnEpochEnd:
        columns: list[str] = []

        def on_epoch_end(training: TrainingState) -> None:
            path = training.folder(self.name) / self.file
            if not columns:
                columns.extend(training.metrics)
            with path.open("a" if training.epoch > 1 else "w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, ["epoch", *columns])
                if training.epoch == 1:
                    writer.writeheader()
                writer.writerow({"epoch": training.epoch, **training.metrics})

        return on_epoch_end
