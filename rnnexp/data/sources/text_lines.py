"""Lines of a label and a text."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from rnnexp.data.texts.source import TextSource
from rnnexp.registry import register

if TYPE_CHECKING:
    from rnnexp.data.texts.corpus import Row


@register("data")
class text_lines(TextSource):
    """Read `LABEL text` lines: the label ends at the first blank."""

    name: Literal["text_lines"] = "text_lines"
    path: str = Field(description="File or glob of files; looked up here, then in root.")
    val_path: str | None = Field(None, description="Files of the validation part; null leaves it to the split.")
    test_path: str | None = Field(None, description="Files of the test part; null leaves it to the split.")

    def paths(self) -> dict[str, Any]:
        return {"path": self.path, "val_path": self.val_path, "test_path": self.test_path}

    def groups(self, path: Any, done: Counter[str]) -> list[list[Row]]:
        from rnnexp.data.tables.files import locate
        from rnnexp.data.texts.read import labelled_lines

        return [labelled_lines(locate(path, self.folder(), self.origin), self.encoding)]
