"""Where stories come from: files of bAbI's format, or a generator of stories such as its first two tasks tell."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal

from pydantic import Field

from rnnexp import register
from rnnexp.data.located import TextFiles
from rnnexp.data.source import ExampleSource
from rnnexp.data.spec import UNKNOWN_SIZE, InputSpec, TaskSpec
from rnnexp.registry import settings
from stories.babi import Question


@settings
class StorySource(ExampleSource):
    """Questions about stories: the base of the sources of this task."""

    task: ClassVar[str] = "story_questions"
    repeats: ClassVar[tuple[str, ...]] = ()  # another training part has another vocabulary, hence another network

    max_facts: int = Field(
        20, ge=1, description="Newest facts of a story that a network sees; older ones are left out."
    )
    max_words: int = Field(8, ge=1, description="Words that a fact or question may have.")

    @abstractmethod
    def read(self) -> list[tuple[str, Question]]:
        """Return each question with its part, "" where the split decides."""

    def outline(self) -> TaskSpec:
        """Return what the data ask of a model: facts as rows of words, the newest first."""
        words = {"past": (self.max_facts, self.max_words), "question": (self.max_words,)}
        inputs = {name: InputSpec(shape, "int32", UNKNOWN_SIZE) for name, shape in words.items()}
        return TaskSpec(
            self.task,
            inputs | {"mask": InputSpec((self.max_facts,), "bool")},
            (UNKNOWN_SIZE,),
            "logits",
            targets=("answer",),
            loss="cross_entropy",
            metrics=("accuracy",),
        )


@register("data")
class babi(TextFiles, StorySource):
    """Read files of the bAbI tasks."""

    name: Literal["babi"] = "babi"

    def read(self) -> list[tuple[str, Question]]:
        from rnnexp.data.texts.decoding import lines, read_text
        from stories.babi import read_stories

        located = ((part, file) for part, path in self.marked_paths().items() for file in self.locate(path))
        return [
            (part, question)
            for part, file in located
            for question in read_stories(lines(read_text(file, self.encoding)), str(file))
        ]

    def check(self) -> list[str]:
        return [*super().check(), *self.encoding_mistakes()]


@register("data")
class made_stories(StorySource):
    """Draw stories of four persons, six rooms and three things, one question each; most facts are beside the point."""

    name: Literal["made_stories"] = "made_stories"
    supporting: Literal[1, 2] = Field(
        1, description="Facts that an answer needs: 1, where a person went; 2, also who has the thing asked for."
    )
    examples: int = Field(2200, ge=10, description="Stories.")
    facts: list[int] | None = Field(
        None, description="Fewest and most facts of a story; null: 2 to 10 for one supporting fact, 4 to 13 for two."
    )

    def read(self) -> list[tuple[str, Question]]:
        from stories.generate import draw_stories

        low, high = self.facts or ([2, 10] if self.supporting == 1 else [4, 13])
        return [("", one) for one in draw_stories(self.supporting, self.examples, (low, high), self.seed)]

    def check(self) -> list[str]:
        given = self.facts
        if given is None or (len(given) == 2 and 2 <= given[0] <= given[1]):
            return super().check()
        return [*super().check(), f"data.facts: {given} given; must be the fewest, 2 or more, and the most"]
