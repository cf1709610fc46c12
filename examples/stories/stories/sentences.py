"""Single sentences of stories with a tag for each word: what a reader of sentences is trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from rnnexp import register
from rnnexp.data.source import ExampleSource
from rnnexp.data.sources.text_tags import describe_tags
from rnnexp.data.spec import TaskSpec
from rnnexp.data.texts.tokens import TokenSettings
from stories.babi import split_words
from stories.rules import FILLERS, Event

if TYPE_CHECKING:
    from rnnexp.data.texts.tag_files import Tagged

OTHER, PERSON, OBJECT = "other", "person", "object"


@register("data")
class labeled_sentences(TokenSettings, ExampleSource):
    """Draw sentences of stories; the words of a verb have its act as tag: go, get or drop."""

    task: ClassVar[str] = "tagging"

    name: Literal["labeled_sentences"] = "labeled_sentences"
    labeled: int = Field(100, ge=2, description="Sentences to learn from, those of validation among them.")
    tested: int = Field(1000, ge=1, description="Other sentences, to be scored.")
    tokens: Literal["word", "blank"] = Field("blank", description="How a raw text is cut when it is to be tagged.")
    lowercase: bool = Field(True, description="Take capital letters for small ones.")
    min_count: int = Field(1, ge=1, description="Rarer words of the training part are unknown.")
    max_length: int | None = Field(None, ge=1, description="Words of a training sentence; null for all.")
    on_long: Literal["drop", "fail"] = Field("drop", description="Training sentences of more than max_length words.")
    vectors: None = Field(None, description="No pretrained vectors.")

    def outline(self) -> TaskSpec:
        """Return what the data will ask of a model."""
        return describe_tags(self.task)

    def gives(self) -> set[str]:
        return {"test"}

    def read(self) -> Tagged:
        """Draw the sentences, those of the test part last."""
        from rnnexp.data.tables.places import Places
        from rnnexp.data.texts.tag_files import Tagged
        from stories.generate import draw_sentences

        drawn = draw_sentences(self.labeled + self.tested, self.seed)
        words = [split_words(sentence) for sentence, _ in drawn]
        tags = [tag_words(own, event) for own, (_, event) in zip(words, drawn)]
        lengths = [len(own) for own in words]
        number = np.repeat(np.arange(1, len(drawn) + 1, dtype=np.int32), lengths)
        return Tagged(
            tuple(word for own in words for word in own),
            tuple(tag for own in tags for tag in own),
            np.cumsum([0, *lengths]),
            ("",) * self.labeled + ("test",) * self.tested,
            Places(("sentences",), np.zeros(len(number), np.int32), number),
        )


def tag_words(words: list[str], event: Event) -> list[str]:
    """Return the tag of each word of a sentence that tells of an event."""
    names = {event.person: PERSON, event.object: OBJECT, **dict.fromkeys(FILLERS, OTHER)}
    return [names.get(word, event.act) for word in words]


def read_event(words: list[str], tags: list[str]) -> Event | None:
    """Return what tagged words tell; None if one of the three is not there."""
    found = {tag: word for word, tag in zip(reversed(words), reversed(tags))}
    act = next((tag for tag in tags if tag not in (OTHER, PERSON, OBJECT)), None)
    if act is None or not {PERSON, OBJECT} <= found.keys():
        return None
    return Event(act, found[PERSON], found[OBJECT])
