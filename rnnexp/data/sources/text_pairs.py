"""Pairs of texts in two files with the same lines, or in two columns of one."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from rnnexp.config.settings import FORMERLY
from rnnexp.data.located import TextFiles
from rnnexp.data.pairs import Files, Pairs, PairSource
from rnnexp.registry import register


@register("data")
class text_pairs(TextFiles, PairSource):
    """Read `{source: train.de, target: train.en}`, line by line, or the columns of a table that tabs separate."""

    name: Literal["text_pairs"] = "text_pairs"
    path: Files = Field(  # type: ignore[assignment]
        description="A table, or {source: ..., target: ...}; looked up here, then in root."
    )
    val_path: Files | None = Field(  # type: ignore[assignment]
        None, description="Files of the validation set; null leaves it to the split."
    )
    test_path: Files | None = Field(  # type: ignore[assignment]
        None, description="Files of the test set; null leaves it to the split."
    )
    columns: list[int] = Field([0, 1], description="Which columns of a table are source and target, from 0.")
    max_pairs: int | None = Field(
        None,
        ge=1,
        description="Only so many pairs of `path`, the first ones; null for all.",
        json_schema_extra={FORMERLY: "most_pairs"},
    )
    on_empty: Literal["fail", "drop"] = Field("fail", description="Pairs of which a side is empty: leave them out.")

    def check(self) -> list[str]:
        """List the mistakes between fields, as `data.key: message`, without reading any data."""
        problems = super().check() + self.encoding_mistakes()
        for key in ("path", "val_path", "test_path"):
            given = getattr(self, key)
            if isinstance(given, dict) and set(given) != {"source", "target"}:
                problems.append(f"data.{key}: {given} given; must be a table, or have `source` and `target`")
        if len(self.columns) != 2 or len(set(self.columns)) != 2 or min(self.columns) < 0:
            problems.append(f"data.columns: {self.columns} given; must be two different positions from 0")
        return problems

    def read(self) -> Pairs:
        from rnnexp.data.texts.pair_files import read

        return read(self, self.marked_paths(), self.columns, self.max_pairs, self.on_empty)
