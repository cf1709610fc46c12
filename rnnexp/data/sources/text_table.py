"""Texts and labels in the columns of CSV and TSV files."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from rnnexp.data.texts.source import TextSource
from rnnexp.registry import register

if TYPE_CHECKING:
    from rnnexp.data.texts.corpus import Row

Column = str | int


@register("data")
class text_table(TextSource):
    """Read tables with a column of labels and one or more columns of text."""

    name: Literal["text_table"] = "text_table"
    path: str = Field(description="File (CSV, TSV, .gz) or glob of files; looked up here, then in root.")
    val_path: str | None = Field(None, description="Files of the validation part; null leaves it to the split.")
    test_path: str | None = Field(None, description="Files of the test part; null leaves it to the split.")
    text: Column | list[Column] = Field(
        "text", description="Column with the text, or several, joined by a blank, by name or position."
    )
    label: Column = Field("label", description="Column with the label, by name or position.")
    separator: str = Field(
        "auto", min_length=1, description="Cell separator, or tab; auto: a tab in .tsv files, a comma in others."
    )
    header: Literal["first", "none"] = Field(
        "first", description="Names are in the first line, or there are none: choose columns by position from 0."
    )
    quoting: bool = Field(True, description="Cells may stand in quotes; false: quotes are characters like others.")
    line_break: str | None = Field(
        None, min_length=1, description="Character that stands for a line break in a text; null for none."
    )

    def label_key(self) -> str:
        return "data.label"

    def paths(self) -> dict[str, Any]:
        return {"path": self.path, "val_path": self.val_path, "test_path": self.test_path}

    def check(self) -> list[str]:
        """List the mistakes between fields, as `data.key: message`, without reading any data."""
        problems = super().check()
        texts = self.text if isinstance(self.text, list) else [self.text]
        if not texts:
            problems.append("data.text: an empty list leaves nothing to read")
        if self.label in texts:
            problems.append(f"data.text: `{self.label}` is the label")
        if self.separator not in ("auto", "tab", "\\t") and len(self.separator) > 1:
            problems.append(f"data.separator: `{self.separator}` is not auto, tab or one character")
        return problems

    def groups(self, path: Any, done: Counter[str]) -> list[list[Row]]:
        from rnnexp.data.tables.files import locate
        from rnnexp.data.texts.table import Columns, table_rows

        columns = Columns(
            text=tuple(self.text) if isinstance(self.text, list) else (self.text,),
            label=self.label,
            separator=self.separator,
            header=self.header == "first",
            quoting=self.quoting,
            line_break=self.line_break,
        )
        return [table_rows(locate(path, self.folder(), self.origin), columns, self.encoding, done)]
