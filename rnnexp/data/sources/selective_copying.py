"""Letters among noise, to be written down when asked: tokens and tags that are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from rnnexp.config.settings import FORMERLY
from rnnexp.data.source import MAX_DRAWN, ExampleSource
from rnnexp.data.sources.text_tags import describe_tags
from rnnexp.data.texts.tokens import TokenSettings
from rnnexp.registry import register

if TYPE_CHECKING:
    from rnnexp.data.spec import TaskSpec
    from rnnexp.data.texts.tag_files import Tagged


@register("data")
class selective_copying(TokenSettings, ExampleSource):
    """Remember the letters that stand scattered among noise, and write them down in order when asked.

    The last tokens of a sequence, one for each letter, are `?`; their tags, B-a and so on, are the letters. All others
    have the tag O, so that `test/chunk_recall` is the share of letters that are answered right. Source: Jing et al.,
    Gated orthogonal recurrent units, 2019, denoise task; Gu and Dao, Mamba, 2023, section 4.1.1.
    """

    task: ClassVar[str] = "tagging"
    max_length: ClassVar[int | None] = None
    vectors: ClassVar[str | None] = None

    name: Literal["selective_copying"] = "selective_copying"
    tokens: Literal["blank"] = Field("blank", description="A raw text is tokenized at blanks.")
    lowercase: bool = Field(False, description="Convert to lower case.")
    examples: int = Field(2000, ge=10, le=MAX_DRAWN, description="Sequences to draw.")
    sequence_length: int = Field(256, ge=3, description="Tokens of a sequence, those that ask among them.")
    copied: int = Field(16, ge=1, description="Letters to copy.")
    alphabet_size: int = Field(
        14, ge=2, le=26, description="Different letters.", json_schema_extra={FORMERLY: "letters"}
    )

    def check(self) -> list[str]:
        """List the mistakes between fields, as `data.key: message`."""
        room = self.sequence_length - 2 * self.copied
        short = f"data.copied: {self.copied} letters and as many questions do not fit data.sequence_length"
        return [*super().check(), *([f"{short}={self.sequence_length}"] if room < 0 else [])]

    def outline(self) -> TaskSpec:
        """Return what the data will ask of a model, as far as the settings tell."""
        return describe_tags(self.task)

    def read(self) -> Tagged:
        import numpy as np

        from rnnexp.data.tables.places import Places
        from rnnexp.data.texts.tag_files import Tagged

        generator = np.random.default_rng(self.seed)
        shape, told = (self.examples, self.sequence_length), self.sequence_length - self.copied
        drawn = generator.integers(0, self.alphabet_size, (self.examples, self.copied))
        places = np.sort(generator.random((self.examples, told)).argsort(axis=1)[:, : self.copied], axis=1)
        alphabet = np.array([chr(ord("a") + i) for i in range(self.alphabet_size)])
        words, tags = np.full(shape, ".", "U1"), np.full(shape, "O", "U3")
        words[np.arange(self.examples)[:, None], places] = alphabet[drawn]
        words[:, told:], tags[:, told:] = "?", np.char.add("B-", alphabet[drawn])
        rows = np.repeat(np.arange(self.examples), self.sequence_length)
        where = Places((self.name,), np.zeros(len(rows), np.int64), rows + 1, "sequence")
        offsets = np.arange(self.examples + 1, dtype=np.int64) * self.sequence_length
        return Tagged(tuple(words.ravel()), tuple(tags.ravel()), offsets, ("",) * self.examples, where)
