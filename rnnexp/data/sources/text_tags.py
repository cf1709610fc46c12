"""Tokens with a tag each, in the columns of files of CoNLL's kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from rnnexp.data.located import TextFiles
from rnnexp.data.source import ExampleSource
from rnnexp.data.spec import UNKNOWN_SIZE, InputSpec, TaskSpec
from rnnexp.data.texts.tokens import TokenSettings
from rnnexp.registry import register

if TYPE_CHECKING:
    from rnnexp.data.texts.tag_files import Columns, Tagged


def describe_tags(task: str) -> TaskSpec:
    """Return what tagged tokens ask of a model."""
    return TaskSpec(
        task,
        {"past": InputSpec((None,), "int32", UNKNOWN_SIZE), "mask": InputSpec((None,), "bool")},
        (UNKNOWN_SIZE,),
        outputs="logits",
        per_step=True,
        sees_future=True,
        targets=("tag",),
        loss="cross_entropy",
        metrics=("accuracy",),
    )


@register("data")
class text_tags(TextFiles, TokenSettings, ExampleSource):
    """Read a token and its tag from each line; a blank line ends a sequence."""

    task: ClassVar[str] = "tagging"

    name: Literal["text_tags"] = "text_tags"
    word: int = Field(0, description="Column of the words, or other tokens, from 0; -1 is the last one.")
    tag: int = Field(-1, description="Column of the tags, from 0; -1 is the last one.")
    number: int | None = Field(
        None,
        description="Column of the tokens' numbers, as in CoNLL-U; lines with a number that is not an integer "
        "(1-2, 8.1) are left out.",
    )
    separator: Literal["auto", "tab"] = Field("auto", description="Between columns: any blanks and tabs, or one tab.")
    comment: str | None = Field(None, description="Lines that begin with it are left out, such as #.")
    tokens: Literal["word", "blank"] = Field(
        "word", description="How a raw text is tokenized before it is tagged; files hold tokens already."
    )
    lowercase: bool = Field(False, description="Convert to lower case.")
    min_count: int = Field(2, ge=1, description="Rarer tokens of the training set are unknown.")
    max_length: int | None = Field(None, ge=1, description="Tokens of a training sequence; null for all.")
    on_long: Literal["drop", "fail"] = Field("drop", description="Training sequences of more than max_length tokens.")
    vectors: str | None = Field(
        None, description="File of pretrained vectors of tokens, as of GloVe or word2vec, to start the embedding from."
    )

    def check(self) -> list[str]:
        """List the mistakes between fields, as `data.key: message`, without reading any data."""
        problems = super().check() + self.encoding_mistakes()
        if len({self.word, self.tag, self.number}) < 3:
            problems.append(f"data.tag: {self.tag} given; words, tags and numbers need columns of their own")
        if self.comment is not None and not self.comment.strip():
            problems.append("data.comment: is empty; give what comments begin with, or null")
        if self.max_length is None and self.on_long != "drop":
            problems.append("data.on_long: fail is given without data.max_length")
        return problems

    def outline(self) -> TaskSpec:
        """Return what the data will ask of a model, as far as the settings tell."""
        return describe_tags(self.task)

    def columns(self) -> Columns:
        """Return how the lines of a file are read."""
        from rnnexp.data.texts.tag_files import Columns

        return Columns(self.word, self.tag, self.number, self.separator, self.comment)

    def read(self) -> Tagged:
        """Read all files; mistakes in them raise DataError."""
        from rnnexp.data.texts.tag_files import read

        return read(self, self.marked_paths(), self.columns())
