"""A file per label, or a folder per label with a file per text."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from rnnexp.data.texts.source import TextSource
from rnnexp.registry import register

if TYPE_CHECKING:
    from pathlib import Path

    from rnnexp.data.texts.corpus import Row

Files = str | dict[str | int, str]


@register("data")
class text_files(TextSource):
    """Read texts whose label is said by the file or the folder that they are in."""

    name: Literal["text_files"] = "text_files"
    path: Files = Field(
        description="Label: file or glob of files; or a folder with a sub-folder per label. Here, then in root."
    )
    val_path: Files | None = Field(None, description="Files of the validation part; null leaves it to the split.")
    test_path: Files | None = Field(None, description="Files of the test part; null leaves it to the split.")
    each: Literal["line", "file"] | None = Field(
        None, description="A text is a line, or a whole file; null: a line, but a file in a folder per label."
    )
    skip: list[str] = Field(default_factory=list, description="Sub-folders that are no labels, such as unsup.")

    def paths(self) -> dict[str, Any]:
        return {"path": self.path, "val_path": self.val_path, "test_path": self.test_path}

    def check(self) -> list[str]:
        """List the mistakes between fields, as `data.key: message`, without reading any data."""
        named = self.skip and not any(isinstance(path, str) for path in self.paths().values())
        return super().check() + (["data.skip: no path is a folder with a sub-folder per label"] if named else [])

    def groups(self, path: Any, done: Counter[str]) -> list[list[Row]]:
        """Read one group per label, so that `test_every` takes as much of each."""
        from rnnexp.data.texts.read import text_per_file, text_per_line

        by_line = self.each == "line" or (self.each is None and not isinstance(path, str))
        read = text_per_line if by_line else text_per_file
        return [read(files, label, self.encoding) for label, files in self._files(path, done).items()]

    def _files(self, path: Any, done: Counter[str]) -> dict[str, list[Path]]:
        from rnnexp.data.tables.files import locate, locate_folder
        from rnnexp.data.texts.read import labelled_folders

        if isinstance(path, str):
            return labelled_folders(locate_folder(path, self.folder(), self.origin), self.skip, done)
        return {str(label): locate(files, self.folder(), self.origin) for label, files in path.items()}
