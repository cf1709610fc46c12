"""Texts with a label each, which a line, a file, a folder or a column says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from rnnexp.config.settings import FORMERLY, SINCE
from rnnexp.data.source import COUNTS, STAY_TOGETHER, Column
from rnnexp.data.texts.source import TextSource
from rnnexp.registry import register

if TYPE_CHECKING:
    from pathlib import Path

    from rnnexp.data.texts.corpus import Row
    from rnnexp.data.texts.table import Columns

Files = str | dict[str | int, str]


@register("data")
class text_lines(TextSource):
    """Read `LABEL text` lines: the label ends at the first blank."""

    name: Literal["text_lines"] = "text_lines"

    def read_rows(self, path: Any, done: Counter[str]) -> list[list[Row]]:
        from rnnexp.data.texts.read import labeled_lines

        return [labeled_lines(self.locate(path), self.encoding)]


@register("data")
class text_files(TextSource):
    """Read texts whose label is said by the file or the folder that they are in."""

    name: Literal["text_files"] = "text_files"
    path: Files = Field(  # type: ignore[assignment]
        description="Label: file or glob of files; or a folder with a sub-folder per label. Here, then in root."
    )
    val_path: Files | None = Field(  # type: ignore[assignment]
        None, description="Files of the validation set; null leaves it to the split."
    )
    test_path: Files | None = Field(  # type: ignore[assignment]
        None, description="Files of the test set; null leaves it to the split."
    )
    sample_by: Literal["line", "file"] | None = Field(
        None,
        description="A text is a line, or a whole file; null: a line, but a file in a folder per label.",
        json_schema_extra={FORMERLY: "each"},
    )
    ignore_labels: list[str] = Field(
        default_factory=list,
        description="Sub-folders that are no labels, such as unsup.",
        json_schema_extra={FORMERLY: "skip"},
    )

    def check(self) -> list[str]:
        """List the mistakes between fields, as `data.key: message`, without reading any data."""
        named = self.ignore_labels and not any(isinstance(path, str) for path in self.paths().values())
        problems = ["data.ignore_labels: no path is a folder with a sub-folder per label"] if named else []
        if not self.is_labeled:
            problems.append(
                "data.task: regression needs a number for each text, and files and folders name labels; take "
                "data=text_table or data=text_lines"
            )
        return super().check() + problems

    def read_rows(self, path: Any, done: Counter[str]) -> list[list[Row]]:
        """Read one group per label, so that `test_every` takes as much of each."""
        from rnnexp.data.texts.read import text_per_file, text_per_line

        by_line = self.sample_by == "line" or (self.sample_by is None and not isinstance(path, str))
        read = text_per_line if by_line else text_per_file
        return [read(files, label, self.encoding) for label, files in self._files(path, done).items()]

    def _files(self, path: Any, done: Counter[str]) -> dict[str, list[Path]]:
        from rnnexp.data.tables.locate import locate_folder
        from rnnexp.data.texts.read import labeled_folders

        if isinstance(path, str):
            return labeled_folders(locate_folder(path, self.root_folder(), self.origin), self.ignore_labels, done)
        return {str(label): self.locate(files) for label, files in path.items()}

    def is_folder(self, path: str) -> bool:
        """Say whether a setting names a folder: a path that stands alone, without a label."""
        return path in (self.path, self.val_path, self.test_path)


@register("data")
class text_table(TextSource):
    """Read tables with a column of labels and one or more columns of text."""

    name: Literal["text_table"] = "text_table"
    path: str = Field(description="File (CSV, TSV, .gz) or glob of files; looked up here, then in root.")
    text: Column | list[Column] = Field(
        "text", description="Column with the text, or several, joined by a blank, by name or position."
    )
    label: Column = Field("label", description="Column with the label, by name or position.")
    groups: Column | None = Field(
        None,
        description=f"Column with the group of each text {STAY_TOGETHER}",
        json_schema_extra={SINCE: "0.1"},
    )
    weight: Column | None = Field(
        None, description=f"Column with the weight of each text {COUNTS}", json_schema_extra={SINCE: "0.1"}
    )
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

    def text_columns(self) -> tuple[str, ...]:
        named = self.text if isinstance(self.text, list) else [self.text]
        return tuple(str(name) for name in named) if all(isinstance(name, str) for name in named) else ()

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

    def read_rows(self, path: Any, done: Counter[str]) -> list[list[Row]]:
        from rnnexp.data.texts.table import table_rows

        return [table_rows(self.locate(path), self._find_columns(), self.encoding, done)]

    def find_absent_columns(self) -> Iterator[str]:
        """Say of each column that the settings name and that the first file of a part has not."""
        from rnnexp.data.texts.table import find_absent_columns

        for path in self.paths().values():
            yield from find_absent_columns(self.locate(path)[0], self._find_columns(), self.encoding)

    def _find_columns(self) -> Columns:
        from rnnexp.data.texts.table import Columns

        return Columns(
            text=tuple(self.text) if isinstance(self.text, list) else (self.text,),
            label=self.label,
            group=self.groups,
            weight=self.weight,
            separator=self.separator,
            header=self.header == "first",
            quoting=self.quoting,
            line_break=self.line_break,
        )
