"""Which data a run has seen, as MLflow's dataset inputs."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rnnexp.redact import redact
from rnnexp.tracking import tables
from rnnexp.tracking.remote import Remote

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

CONTEXTS = {"train": "training", "val": "validation", "test": "test"}
LONGEST_DIGEST = 36

log = logging.getLogger("rnnexp")


@dataclass(frozen=True)
class Data:
    """One part of a data set ("train", "val", "test"): where it comes from and how many examples it has.

    digest: of the whole set, the same for its parts; MLflow keeps 36 characters
    """

    part: str
    digest: str
    source: str
    rows: int | None = None
    columns: tuple[str, ...] = ()

    def origin(self) -> tuple[str, str]:
        """Return the type and description of the source: a file, an address, or code."""
        source = redact(self.source)
        if source.startswith(("http://", "https://")):
            return "http", json.dumps({"url": source})
        if Path(self.source).exists():
            return "local", json.dumps({"uri": source})
        return "code", json.dumps({"tags": {"mlflow.source.name": source}})

    def schema(self) -> str | None:
        if not self.columns:
            return None
        columns = [{"type": "double", "name": name, "required": True} for name in self.columns]
        return json.dumps({"mlflow_colspec": columns})


def log_inputs(remote: Remote, parts: Sequence[Data]) -> None:
    """Link parts of the data to the run."""
    found = [_dataset_input(data) for data in parts]
    ask = partial(remote.client.log_inputs, remote.run_id, found)
    if remote.write_queue is None:
        ask()
    else:
        remote.put("the data", partial(tables.write_inputs, run_id=remote.run_id, inputs=found), ask)


def _dataset_input(data: Data) -> DatasetInput:
    """Describe one part; parts of one set share its digest, so the part is in the name."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    kind, source = data.origin()
    profile = json.dumps({"num_rows": data.rows}) if data.rows is not None else None
    entity = Dataset(data.part, data.digest[:LONGEST_DIGEST], kind, source, data.schema(), profile)
    return DatasetInput(entity, [InputTag("mlflow.data.context", CONTEXTS.get(data.part, data.part))])
