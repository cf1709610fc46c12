"""What a source of pairs is: settings that find or draw texts with what becomes of them, and say how both are cut."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from rnnexp.data.source import ExampleSource
from rnnexp.data.spec import UNKNOWN_SIZE, InputSpec, TaskSpec
from rnnexp.data.texts.tokens import TokenSettings
from rnnexp.registry import settings

if TYPE_CHECKING:
    from rnnexp.data.texts.prepare import Rules


Files = str | dict[Literal["source", "target"], str]


@dataclass(frozen=True)
class Pairs:
    """Texts beside what becomes of them.

    parts:  "train", "val" or "test" where the files say so, "" where a split decides
    places: where each pair stands;  notes: what reading did to the data, one sentence each, with counts
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    parts: tuple[str, ...]
    places: tuple[str, ...]
    source: str
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.sources)


@settings
class PairSource(TokenSettings, ExampleSource):
    """A text in, another text out: the base of the sources for translation.

    Pairs with the same source text always stand in the same part.
    """

    task: ClassVar[str] = "sequence_to_sequence"
    repeats: ClassVar[tuple[str, ...]] = ()  # another training part has another vocabulary, hence another network

    max_tokens: int | None = Field(
        None, ge=4, description="Size of each vocabulary with padding and unknown; null for no limit."
    )
    max_length: int | None = Field(
        None, ge=1, description="Longest training pair, in tokens of either side; null: no limit."
    )
    on_long: Literal["drop", "fail"] = Field(
        "drop", description="Training pairs of more than max_length tokens: drop them, or fail."
    )

    beam: int = Field(1, ge=1, le=100, description="Beam width: partial outputs kept while decoding; 1: greedy search.")
    length_penalty: float = Field(
        0.6,
        ge=0,
        le=5,
        description="Length penalty of beam search: larger values prefer longer texts (Wu et al., 2016, alpha).",
    )

    @abstractmethod
    def read(self) -> Pairs:
        """Read or draw all pairs; mistakes in files raise DataError."""

    def outline(self) -> TaskSpec:
        """Return what the data will ask of a model, as far as the settings tell."""
        tokens = InputSpec((None,), "int32", UNKNOWN_SIZE)
        return TaskSpec(
            self.task,
            {"past": tokens, "mask": InputSpec((None,), "bool"), "previous": tokens},
            (UNKNOWN_SIZE,),
            outputs="logits",
            scores_of="previous",
            per_step=True,
            targets=("text",),
            loss="cross_entropy",
            metrics=("perplexity",),
        )

    def rules(self) -> Rules:
        """Return how texts are cut and numbered."""
        from rnnexp.data.texts.prepare import Rules

        return Rules(self.tokens, self.lowercase, self.max_tokens, self.min_count)

    def check(self) -> list[str]:
        """List the mistakes between fields, as `data.key: message`, without reading any data."""
        problems = super().check() + self.token_mistakes()
        if self.max_length is None and self.on_long != "drop":
            problems.append("data.on_long: fail is given without data.max_length")
        return problems
