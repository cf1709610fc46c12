"""What answers without training: fixed rules, each less or more clever. All return probabilities (n, classes)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from stories.babi import Question, split_words
from stories.rules import answer_by_rules


@dataclass(frozen=True)
class LastPlace:
    """Answers with the answer-word that was named last, whoever is asked about."""

    answers: tuple[str, ...]

    def predict(self, questions: Sequence[Question]) -> np.ndarray:
        return _choose(self.answers, questions, lambda one: _name_last(one.facts, self.answers))


@dataclass(frozen=True)
class LastMention:
    """Answers with the answer-word that was named last in a fact with the last word of the question."""

    answers: tuple[str, ...]

    def predict(self, questions: Sequence[Question]) -> np.ndarray:
        def answer(one: Question) -> str | None:
            asked = split_words(one.text)[-1]
            return _name_last([fact for fact in one.facts if asked in split_words(fact)], self.answers)

        return _choose(self.answers, questions, answer)


@dataclass(frozen=True)
class Rules:
    """Answers by the written reader of sentences and the written rules."""

    answers: tuple[str, ...]

    def predict(self, questions: Sequence[Question]) -> np.ndarray:
        return _choose(self.answers, questions, lambda one: answer_by_rules(one.facts, one.text))


def _name_last(facts: Sequence[str], answers: Sequence[str]) -> str | None:
    words = [word for fact in facts for word in split_words(fact)]
    return next((word for word in reversed(words) if word in answers), None)


def _choose(
    answers: Sequence[str], questions: Sequence[Question], answer: Callable[[Question], str | None]
) -> np.ndarray:
    """Lay out answers as certain; all are as likely where there is none."""
    shares = np.full((len(questions), len(answers)), 1 / len(answers))
    for row, question in enumerate(questions):
        if (found := answer(question)) in answers:
            shares[row] = np.eye(len(answers))[answers.index(found)]
    return shares
