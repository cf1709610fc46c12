"""Questions as numbers: shared out by story, words numbered by what the training part holds, the newest fact first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.dataset import WHOLE, Dataset, Part, Predictions, Summary, digest
from rnnexp.data.leaks import find_shared_groups, shared_examples
from rnnexp.data.shares import share_out, used
from rnnexp.data.spec import TaskSpec, with_sizes
from rnnexp.errors import DataError, count, did_you_mean
from stories.babi import Question, split_words

if TYPE_CHECKING:
    from pandas import DataFrame

    from stories.source import StorySource

PADDING, UNKNOWN, FIRST = 0, 1, 2  # numbers of words


@dataclass(frozen=True)
class StoryPipeline:
    """What serving a network needs to know of its data: words by number, answers by class, sizes of the inputs."""

    words: tuple[str, ...]
    answers: tuple[str, ...]
    max_facts: int
    max_words: int

    def inputs(self, questions: Sequence[Question]) -> dict[str, np.ndarray]:
        """Return what a network takes; DataError names a question with too long a sentence."""
        numbers = {word: number for number, word in enumerate(self.words, start=FIRST)}
        past = np.zeros((len(questions), self.max_facts, self.max_words), np.int32)
        asked = np.zeros((len(questions), self.max_words), np.int32)
        for row, question in enumerate(questions):
            newest = question.facts[: -self.max_facts - 1 : -1]
            for target, sentence in zip([asked[row], *past[row]], [question.text, *newest]):
                words = split_words(sentence)
                if not 0 < len(words) <= self.max_words:
                    raise DataError(
                        f"{question.place}: `{sentence[:80]}` has {count(len(words), 'word')}; "
                        f"1 to data.max_words={self.max_words} are taken"
                    )
                target[: len(words)] = [numbers.get(word, UNKNOWN) for word in words]
        return {"past": past, "question": asked, "mask": (past != PADDING).any(axis=-1)}

    def mismatch(self, spec: TaskSpec) -> str:
        """Say why a network of this spec is not for these questions; an empty string if it is."""
        shape = (self.max_facts, self.max_words)
        alike = spec.classes == self.answers and spec.inputs["past"].shape == shape
        return "" if alike else "the network takes other stories"

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**vars(self), "words": [*self.words], "answers": [*self.answers]}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> StoryPipeline:
        """Rebuild a pipeline from what `to_json` wrote; DataError if it is damaged."""
        from rnnexp import strict

        found: StoryPipeline = strict.checked(cls, saved, "the preprocessing of the stories")
        return found


@dataclass(frozen=True, kw_only=True)
class StoryDataset(Dataset):
    """Questions about stories."""

    questions: tuple[Question, ...]
    pipeline: StoryPipeline

    def restore(self, part: str, outputs: np.ndarray) -> Predictions:
        """Put probabilities (n, classes) beside the true classes (n,)."""
        return Predictions(np.asarray(outputs, np.float64), self.truth(part))

    def truth(self, part: str) -> np.ndarray:
        chosen = self.parts[part]
        return chosen.arrays["y"][chosen.indices]

    def list_questions(self, part: str) -> list[Question]:
        return [self.questions[index] for index in self.parts[part].indices]

    def content(self, index: int) -> object:
        """Return what an example is told by."""
        return self.questions[index].facts, self.questions[index].text

    def example(self) -> DataFrame:
        """Return two questions as a served model takes them."""
        import pandas

        chosen = self.list_questions("train")[:2]
        stories = [" ".join(one.facts) for one in chosen]
        return pandas.DataFrame({"story": stories, "question": [one.text for one in chosen]})


def load(source: StorySource) -> StoryDataset:
    """Load a source; mistakes in the data raise DataError."""
    read = source.read()
    questions = [question for _, question in read]
    if silent := [question for question in questions if not question.answer]:
        raise DataError(f"{silent[0].place}: there is no answer after the question ({len(silent)} such questions)")
    names, groups = np.unique([one.story for one in questions], return_inverse=True)
    pieces = share_out(source, np.array([part for part, _ in read]), None, len(questions), groups)
    chosen, pieces, unused = used(pieces, len(questions), "question")
    questions = [questions[place] for place in chosen]
    train = [questions[place] for place in pieces["train"]]
    words = sorted({word for one in train for said in (*one.facts, one.text) for word in split_words(said)})
    pipeline = StoryPipeline(
        tuple(words), tuple(sorted({one.answer for one in train})), source.max_facts, source.max_words
    )
    if len(pipeline.answers) < 2:
        raise DataError(f"{train[0].place}: every answer of the training part is `{train[0].answer}`; 2 are needed")
    return _make_dataset(source, questions, pieces, pipeline, (f"stories: {len(names):,}", *unused))


def apply(source: StorySource, pipeline: StoryPipeline, spec: TaskSpec) -> StoryDataset:
    """Load a source with the words and answers of a trained model, as one part."""
    questions = [question for _, question in source.read()]
    made = _make_dataset(source, questions, {WHOLE: np.arange(len(questions), dtype=np.int32)}, pipeline, ())
    return replace(made.for_model(spec), scored=WHOLE)


def list_leaks(dataset: StoryDataset) -> Iterator[str]:
    """Yield which questions, or stories, are in two parts."""
    yield from shared_examples(dataset)
    yield from find_shared_groups(dataset, np.array([one.story for one in dataset.questions]))


def gather_batch(arrays: Mapping[str, Any], indices: Any) -> tuple[dict[str, Any], Any, None]:
    """Return inputs and classes of some questions."""
    return {name: arrays[name][indices] for name in ("past", "question", "mask")}, arrays["y"][indices], None


def _make_dataset(
    source: StorySource,
    questions: Sequence[Question],
    pieces: Mapping[str, np.ndarray],
    pipeline: StoryPipeline,
    notes: tuple[str, ...],
) -> StoryDataset:
    known = {answer: number for number, answer in enumerate(pipeline.answers)}
    if strange := [one for one in questions if one.answer not in known]:
        answer = strange[0].answer
        raise DataError(
            f"{strange[0].place}: the answer `{answer}` does not occur in the training part "
            f"({len(strange)} such questions){did_you_mean(answer, known)}"
        )
    arrays = {**pipeline.inputs(questions), "y": np.array([known[one.answer] for one in questions], np.int32)}
    cut = sum(len(one.facts) > pipeline.max_facts for one in questions)
    if cut:
        notes = (*notes, f"{count(cut, 'story')} cut to the newest {pipeline.max_facts} facts (data.max_facts)")
    vocabulary = len(pipeline.words) + FIRST
    sized = with_sizes(source.outline(), len(known), past=vocabulary, question=vocabulary)
    contents = [text for one in questions for text in (*one.facts, one.text, one.answer)]
    return StoryDataset(
        spec=replace(sized, classes=pipeline.answers),
        parts={name: Part(arrays, indices) for name, indices in pieces.items()},
        batch=gather_batch,
        summary=Summary(
            source=str(getattr(source, "path", None) or getattr(source, "name", "")),
            rows=sum(len(one.facts) + 1 for one in questions),
            series=len(questions),
            sizes={name: len(indices) for name, indices in pieces.items()},
            digest=digest(source, contents),
            notes=notes,
        ),
        scored=next(part for part in ("test", "train", *pieces) if part in pieces),
        scaling=pipeline.to_json(),
        questions=tuple(questions),
        pipeline=pipeline,
    )
