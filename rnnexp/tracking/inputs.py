"""Which data a run has seen, as MLflow's dataset inputs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from rnnexp.redact import redact
from rnnexp.tracking.remote import Remote

CONTEXTS = {"train": "training", "val": "validation", "test": "test"}
LONGEST_DIGEST = 36


@dataclass(frozen=True)
class Data:
    """One part of a data set: where it comes from and how many examples it has."""

    part: str
    digest: str
    source: str
    rows: int | None
    columns: tuple[str, ...]

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


def log_input(remote: Remote, data: Data) -> None:
    """Link one part to the run; parts of one set share its digest, so the part is in the name."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    kind, source = data.origin()
    profile = json.dumps({"num_rows": data.rows}) if data.rows is not None else None
    digest = data.digest[:LONGEST_DIGEST]
    entity = Dataset(data.part, digest, kind, source, data.schema(), profile)
    context = InputTag("mlflow.data.context", CONTEXTS.get(data.part, data.part))
    remote.client.log_inputs(remote.run_id, [DatasetInput(entity, [context])])
