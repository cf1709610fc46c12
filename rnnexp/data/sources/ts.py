"""Labeled sequences of the UCR and UEA archives."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from rnnexp.data.labeled import Sequences
from rnnexp.data.located import Encoded
from rnnexp.data.source import RecordingSource
from rnnexp.data.tables.remedy import Refused, Remedy
from rnnexp.errors import DataError
from rnnexp.registry import register


@register("data")
class ts(Encoded, RecordingSource):
    """Read `.ts` files: one or many channels, all of one length or not; a second file may be the test part."""

    name: Literal["ts"] = "ts"
    path: str = Field(description="File (.ts, .ts.gz) or glob of files; looked up here, then in root.")
    test_path: str | None = Field(None, description="File of the test set; null takes it from path, by split.")
    task: Literal["regression", "classification"] = Field(
        "classification", description="Numbers to predict, or labels to choose from."
    )

    def gives(self) -> set[str]:
        return {"test"} if self.test_path else set()

    def read(self) -> Sequences:
        """Read all files; channels are numbered from 0."""
        import numpy as np

        from rnnexp.data.ts_file import read_ts

        files = [("", file) for file in self.locate(self.path)]
        files += [("test", file) for file in self.locate(self.test_path)] if self.test_path else []
        many = [(part, read_ts(file, self.encoding)) for part, file in files]
        for _, cases in many:
            if cases.header.numbers and self.is_labeled:
                said = "its header says that there are numbers to predict (@targetLabel true), and no classes"
                raise Refused(f"{cases.file}: {said}", Remedy({"task": "regression"}))
        owners = [(cases, index) for _, cases in many for index in range(len(cases.labels))]
        sequences = [cases.sequences[index] for cases, index in owners]
        for (cases, index), one in zip(owners, sequences):
            if one.shape[1] != sequences[0].shape[1]:
                there = f"{one.shape[1]} channels; {owners[0][0].file} has {sequences[0].shape[1]}"
                raise DataError(f"{cases.place(index)}: {there}")
        return Sequences.of(
            sequences,
            [self.target(cases.labels[index], cases.place(index)) for cases, index in owners],
            parts=np.array([part for part, cases in many for _ in cases.labels]),
            place=lambda i: owners[i][0].place(owners[i][1]),
            source=", ".join(file.name for _, file in files),
        )
