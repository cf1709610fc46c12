"""Where the files of a source are: the settings that sources of files share, and how they find them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import Field

from rnnexp.errors import ConfigError
from rnnexp.registry import settings


@settings
class InRoot:
    """Files that are looked for in the working directory, then in a second folder."""

    root: str | None = Field(None, description="Second folder to look in; null takes RNNEXP_DATA.")

    def root_folder(self) -> str | None:
        return self.root or os.environ.get("RNNEXP_DATA") or None


@settings
class Located(InRoot):
    """Files of which the user may say where to get them."""

    origin: str = Field("", description="Where to get the files, for the message when one is absent.")

    def locate(self, path: str) -> list[Path]:
        """Find the file, or the files of a glob; DataError if there is none."""
        from rnnexp.data.tables.files import locate

        return locate(path, self.root_folder(), self.origin)


@settings
class Encoded(Located):
    """Files of text."""

    encoding: str = Field("utf-8", description="Text encoding: utf-8 (with or without BOM), utf-16, latin-1, ...")


@settings
class TextFiles(Encoded):
    """Files of texts, those of each part by themselves, or all in one place to be shared out."""

    path: str = Field(description="File or glob of files; looked up here, then in root.")
    val_path: str | None = Field(None, description="Files of the validation part; null leaves it to the split.")
    test_path: str | None = Field(None, description="Files of the test part; null leaves it to the split.")

    def paths(self) -> dict[str, Any]:
        """Return the files of each part; those of "train" are cut into the parts that have none."""
        given = {"train": self.path, "val": self.val_path, "test": self.test_path}
        return {part: path for part, path in given.items() if path is not None}

    def gives(self) -> set[str]:
        return set(self.paths()) - {"train"}

    def marked_paths(self) -> dict[str, Any]:
        """Return the files by the part of their examples, "" where a split decides: with the others given, "train"."""
        first = "train" if self.gives() == {"val", "test"} else ""
        return {first if part == "train" else part: path for part, path in self.paths().items()}

    def encoding_mistakes(self) -> list[str]:
        """List what is wrong with `data.encoding`."""
        from rnnexp.data.tables.files import codec

        try:
            codec(self.encoding)
        except ConfigError as error:
            return [str(error)]
        return []
