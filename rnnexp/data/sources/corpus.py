"""A text to be continued: a language model learns which token follows."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from rnnexp.config.settings import FORMERLY
from rnnexp.data.located import TextFiles
from rnnexp.data.source import usual_split
from rnnexp.data.spec import UNKNOWN_SIZE, InputSpec, TaskSpec
from rnnexp.data.splits import Split
from rnnexp.data.texts.tokens import TokenSettings
from rnnexp.registry import register

if TYPE_CHECKING:
    from rnnexp.data.texts.numbered import Text


@register("data")
class corpus(TextFiles, TokenSettings):
    """Read files as one text, in order, and predict each token from all before it."""

    task: ClassVar[str] = "language_modeling"
    repeats: ClassVar[tuple[str, ...]] = ()
    folds: ClassVar[int | None] = None  # it is one piece

    name: Literal["corpus"] = "corpus"
    tokens: Literal["character", "blank", "word", "subword"] = Field(
        "character", description="Tokenize the text into characters, at blanks, into words, or into learned subwords."
    )
    lowercase: bool = Field(False, description="Convert to lower case.")
    line_end: str | None = Field(
        "<eos>", description="Token at the end of each line, null for none; as characters line ends are `\\n`."
    )
    on_empty: Literal["keep", "drop", "fail"] = Field("keep", description="Lines without a token.")
    sequence_length: int = Field(
        100,
        ge=1,
        description="Time steps per batch, for truncated backpropagation; the state is kept between batches.",
    )
    split: Literal["none"] | Split = Field(
        default_factory=usual_split,
        description="Training, validation and test set in the order of the text, as shares or numbers of characters, "
        "or of lines where tokens are not characters. What a file of its own gives is left out.",
    )
    unit: str | None = Field(
        None,
        description="Unit of the tokens, for figures; null: by their kind.",
        json_schema_extra={FORMERLY: "units"},
    )

    def read(self) -> Text:
        """Read the lines of all files, as they are written; mistakes in them raise DataError."""
        return self._read(self.paths())

    def read_as_one(self) -> Text:
        """Read the lines of `path` alone, as one part."""
        return self._read({"train": self.path})

    def _read(self, paths: dict[str, str]) -> Text:
        from rnnexp.data.texts.numbered import read

        return read(self, paths, with_ends=self.tokens == "character")

    def outline(self) -> TaskSpec:
        """Return what the data will ask of a model, as far as the settings tell."""
        return TaskSpec(
            self.task,
            {"past": InputSpec((None,), "int32", UNKNOWN_SIZE)},
            (UNKNOWN_SIZE,),
            outputs="logits",
            scores_of="past",
            per_step=True,
            carried=True,
            targets=("next token",),
            loss="cross_entropy",
            metrics=("perplexity",),
        )

    def check(self) -> list[str]:
        """List the mistakes between fields, as `data.key: message`, without reading any data."""
        problems = [] if self.split == "none" or self.gives() >= {"val", "test"} else self.split.mistakes()
        problems = [p for p in problems if not ("test" in self.gives() and p.startswith("data.split.test: 0 "))]
        if self.split != "none" and self.split.kind() == "dates":
            problems.append("data.split: a text has no dates; give fractions or numbers")
        if self.line_end is not None and (not self.line_end.strip() or len(self.line_end.split()) > 1):
            problems.append(f"data.line_end: {self.line_end!r} given; must be one word, or null")
        return problems + self.token_mistakes() + self.encoding_mistakes()
