"""Where the files of a source of texts are, and in which encoding."""

from __future__ import annotations

import os

from pydantic import Field

from rnnexp.errors import ConfigError
from rnnexp.registry import settings


@settings
class TextFiles:
    """What all sources that read files of text ask of their user."""

    root: str | None = Field(None, description="Second folder to look in; null takes RNNEXP_DATA.")
    origin: str = Field("", description="Where to get the files, for the message when they are absent.")
    encoding: str = Field("utf-8", description="Text encoding: utf-8 (with or without BOM), utf-16, latin-1, ...")

    def folder(self) -> str | None:
        return self.root or os.environ.get("RNNEXP_DATA") or None

    def encoding_mistakes(self) -> list[str]:
        """List what is wrong with `data.encoding`."""
        from rnnexp.data.texts.decoding import codec

        try:
            codec(self.encoding)
        except ConfigError as error:
            return [str(error)]
        return []
