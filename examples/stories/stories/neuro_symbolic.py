"""A trained reader of single sentences, and written rules that draw the conclusions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from stories.babi import Question, split_words
from stories.rules import find_place, parse_sentence
from stories.sentences import read_event


def score(tag: Callable[[list[str]], Any], questions: Sequence[Question]) -> tuple[float, float]:
    """Return the shares of different sentences that are read right, and of questions that are answered right.

    tag: makes of texts a table with the columns `example`, `token` and `tag`, as a trained tagger does
    """
    sentences = list(dict.fromkeys(fact for one in questions for fact in one.facts))
    texts = [" ".join(split_words(sentence)) for sentence in sentences]
    tagged = tag(texts).groupby("example", sort=False)
    events = {sentence: read_event([*own["token"]], [*own["tag"]]) for sentence, (_, own) in zip(sentences, tagged)}
    right = sum(event == parse_sentence(sentence) for sentence, event in events.items())
    found = [find_place((events[fact] for fact in one.facts), split_words(one.text)[-1]) for one in questions]
    answered = sum(place == one.answer for place, one in zip(found, questions))
    return right / len(sentences), answered / len(questions)
