"""Language models: how surprising texts are, and texts that go on."""

from __future__ import annotations

from dataclasses import dataclass

from rnnexp.data.texts.vocabulary import UNKNOWN
from rnnexp.deploy.answer import Answer, Question
from rnnexp.deploy.texts import given
from rnnexp.deploy.trained import Trained
from rnnexp.errors import ConfigError, DataError, count
from rnnexp.models.sampling import Sampling, sample_tokens
from rnnexp.tasks.language_modeling.answer import refuse_unknown, start, surprise
from rnnexp.tasks.language_modeling.dataset import Language


@dataclass(frozen=True)
class Wish:
    """What is to be written: `length` tokens that follow `prompt`; without one, the beginning of a line."""

    length: int = 500
    prompt: str | None = None
    sampling: Sampling = Sampling()


def answer(trained: Trained, question: Question) -> Answer:
    """Say of each text how many nats a token of it costs; a text without tokens is said before Keras is imported."""
    found = given(trained, question)
    language = Language.from_json(trained.scaling)
    ids = [language.ids(text) for text in found.texts]
    for place, own in zip(found.places, ids):
        if len(own) < 2:
            raise DataError(f"{place}: {count(len(own), 'token')}; at least 2 are needed, the second is scored")
    unknown = sum(int((own == UNKNOWN).sum()) for own in ids) / sum(map(len, ids))
    frame = surprise(trained.load().model, language, found.texts)
    frame.insert(0, "example", found.places)
    notes = [f"{unknown:.1%} of the tokens are unknown to the model"] if unknown else []
    return Answer(frame, [*found.notes, *notes])


def generate(trained: Trained, wish: Wish) -> str:
    """Return the prompt and what the model writes after it; unknown symbols are said before Keras is imported."""
    if trained.kind != "language":
        raise ConfigError(f"{trained.called} does not write texts: it takes {trained.kind}; use rnnexp predict")
    language = Language.from_json(trained.scaling)
    refuse_unknown(language, wish.prompt or "", "--prompt")
    prompt = language.ids(wish.prompt) if wish.prompt else start(language)
    if not len(prompt):
        raise ConfigError("--prompt: has no token; give some text to go on from")
    written = sample_tokens(trained.load().model, prompt, wish.length, wish.sampling)
    return language.text([*prompt, *written] if wish.prompt else written)
