"""Which data a run has seen, as MLflow's dataset inputs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rnnexp.redact import redact

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

CONTEXTS = {"train": "training", "val": "validation", "test": "test"}
CONTEXT = "mlflow.data.context"
LONGEST_DIGEST = 36


class DataPart(NamedTuple):
    """What MLflow is told of a part, in its words."""

    part: str
    digest: str
    kind: str
    source: str
    schema: str | None
    profile: str | None

    @property
    def context(self) -> str:
        return CONTEXTS.get(self.part, self.part)


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

    def described(self) -> dict[str, str | None]:
        """Return what MLflow is told; parts of one set share its digest, so the part is the name."""
        kind, source = self.origin()
        return {
            "part": self.part,
            "digest": self.digest[:LONGEST_DIGEST],
            "kind": kind,
            "source": source,
            "schema": self.schema(),
            "profile": json.dumps({"num_rows": self.rows}) if self.rows is not None else None,
        }


def make_dataset_input(part: DataPart) -> DatasetInput:
    """Make MLflow's object of one part."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    return DatasetInput(Dataset(*part), [InputTag(CONTEXT, part.context)])
