"""The settings that are proposed for examples with a label or number each, from the training part alone."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from rnnexp.data.sequences import SequenceDataset
from rnnexp.errors import count
from rnnexp.models.layers import OF_WORDS
from rnnexp.tasks import budget
from rnnexp.tasks.requests import Suggestion
from rnnexp.tasks.texts import TextDataset

LOOKED_AT = 1_000  # training examples whose channels are measured
FEWEST_VALIDATED = 15  # examples of which a validation set can tell epochs apart
MANY_LABELS = 200  # for each of which a function of words takes a fit, and a number for each word
# |mean| over deviation of a channel, and deviation or its inverse, of which more is scaled
OFF_CENTER, UNEVEN = 0.5, 2.0
# |mean| and deviations of targets beyond which they are scaled
FAR_MEAN, LEAST_DEVIATION, MOST_DEVIATION = 1.0, 0.3, 3.0
TEXT_EPOCHS, TEXT_WAITED = 30, 10
INPUTS_EPOCHS, INPUTS_WAITED = 60, 10
INPUTS_RATE = Suggestion("optimizer.learning_rate", 0.003, "that of experiments/several_inputs.yaml")

# That of experiments/ag_news.yaml; it was measured on sst2 as well, for which it was not chosen.
TEXT_NETWORK = (
    Suggestion("data.buckets", 4, "texts of like length are padded together, which takes less time"),
    Suggestion("model.units", [16], "small: most weights of a network of texts are those of its words"),
    Suggestion("model.bidirectional", True, "a text is there as a whole"),
    Suggestion("model.pooling", "max", "the strongest sign of each kind, wherever it stands"),
    Suggestion("model.dropout", 0.2, ""),
    Suggestion("model.embedding_dim", 50, ""),
    Suggestion("model.embedding_dropout", 0.6, "against overfitting to few texts"),
    Suggestion("model.word_dropout", 0.4, "likewise"),
    Suggestion("optimizer.learning_rate", 0.002, ""),
    Suggestion("optimizer.use_ema", True, "the mean of the last weights is kept"),
)
# That of experiments/spoken_digits.yaml.
SOUND_EPOCHS = 30
SOUND_NETWORK = (
    Suggestion("data.buckets", 4, "recordings of like length are padded together, which takes less time"),
    Suggestion("model.bidirectional", True, "a recording is there as a whole"),
    Suggestion("model.pooling", "mean", "every frame counts the same"),
    Suggestion("model.dropout", 0.3, ""),
    Suggestion("model.input_noise", 0.3, "against overfitting to few speakers"),
    Suggestion("model.step_dropout", 0.15, "likewise"),
    Suggestion("model.band_dropout", 0.2, "likewise"),
    Suggestion("optimizer.learning_rate", 0.003, ""),
    Suggestion(
        "schedule", "cosine", "the learning rate decays to 0, so that the last epochs change the weights little"
    ),
)
SEQUENCE_NETWORK = (
    Suggestion("model", "lstm_fcn", "an LSTM beside convolutions (Karim et al., 2018) for whole sequences"),
    Suggestion("model.filters", [64, 128, 64], "half of those of the paper, a quarter of the time"),
    Suggestion(
        "schedule", "cosine", "the learning rate decays to 0, so that the last epochs change the weights little"
    ),
)


FRAME_NETWORK = (
    Suggestion("model.filters", [8, 16], "a small encoder of each frame"),
    Suggestion("model.cell", "gru", ""),
    Suggestion("model.units", [32], ""),
    Suggestion("model.dropout", 0.3, "against overfitting to few clips"),
    Suggestion("optimizer.learning_rate", 0.003, ""),
    Suggestion(
        "schedule", "cosine", "the learning rate decays to 0, so that the last epochs change the weights little"
    ),
)


def suggest(dataset: SequenceDataset) -> list[Suggestion]:
    """Choose a network and a budget, for texts a short one: they are learned by heart within a few epochs."""
    if dataset.spec.several:
        return [INPUTS_RATE, *budget.suggest(dataset, INPUTS_EPOCHS, INPUTS_WAITED)]
    if isinstance(dataset, TextDataset):
        return [*TEXT_NETWORK, *_choose_words(dataset), *budget.suggest(dataset, TEXT_EPOCHS, TEXT_WAITED)]
    if dataset.pipeline.extractor is not None:
        return [*SOUND_NETWORK, *budget.suggest(dataset, SOUND_EPOCHS)]
    if dataset.sequences.frame:
        return [*FRAME_NETWORK, *budget.suggest(dataset)]
    chosen = (dataset.sequences.one(int(place)) for place in dataset.list_examples("train")[:LOOKED_AT])
    return [*choose_scaler(chosen), *SEQUENCE_NETWORK, *_choose_split(dataset)]


def suggest_numbers(dataset: SequenceDataset) -> list[Suggestion]:
    """Choose the same for numbers to predict: of sequences a budget alone."""
    others = dataset.spec.several or isinstance(dataset, TextDataset)
    return [*choose_target_scaler(dataset.truth("train")), *(suggest if others else budget.suggest)(dataset)]


def _choose_words(dataset: TextDataset) -> list[Suggestion]:
    """Choose a function of words beside the network of labels, if there are words, and enough texts to weigh it on."""
    words = dataset.pipeline.encoder.tokenizer.kind in ("word", "blank")
    few = 0 < len(dataset.spec.classes) <= MANY_LABELS
    if not (few and words and len(dataset.parts.get("val", ())) >= FEWEST_VALIDATED):
        return []
    why = "words and pairs of words beside the network (Wang and Manning, 2012); the validation set weighs both"
    return [Suggestion("model.skip_connection", OF_WORDS, why)]


def _choose_split(dataset: SequenceDataset) -> list[Suggestion]:
    """Choose the budget, without a validation set where it would be tiny: such a set keeps the weights of any epoch,
    and its examples are missing among the few that there are.
    """
    examples, held = len(dataset.parts["train"]), len(dataset.parts.get("val", ()))
    if not 0 < held < FEWEST_VALIDATED:
        return budget.suggest(dataset)
    own = dataset.sequences.parts is not None and "test" in dataset.sequences.parts
    why = f"no validation set: {count(held, 'example')} cannot tell epochs apart; compare settings by data.folds=5"
    split = Suggestion("data.split", "none" if own else {"train": 0.85, "val": 0, "test": 0.15}, why)
    return [split, *budget.choose_budget(examples + held, is_validated=False)]


def choose_target_scaler(numbers: np.ndarray) -> list[Suggestion]:
    """Standardize numbers to predict, (n, outputs), unless all lie near what a network begins with."""
    mean, deviation = numbers.mean(axis=0, dtype=np.float64), numbers.std(axis=0, dtype=np.float64)
    far = (np.abs(mean) > FAR_MEAN) | (deviation < LEAST_DEVIATION) | (deviation > MOST_DEVIATION)
    if not far.any():
        return []
    place = int(np.argmax(far))
    seen = f"the targets are {mean[place]:.4g} ± {deviation[place]:.3g}, and a network begins near 0"
    return [Suggestion("data.target_scaler", "standard", seen)]


def choose_scaler(sequences: Iterable[np.ndarray]) -> list[Suggestion]:
    """Standardize channels, given as (time, channels) of each sequence, unless all are about so already."""
    rows = np.concatenate([np.asarray(one, np.float64) for one in sequences])
    mean, deviation = rows.mean(axis=0), rows.std(axis=0)
    uneven = (deviation > UNEVEN) | (deviation < 1 / UNEVEN) | (np.abs(mean) > OFF_CENTER * deviation)
    if not uneven.any():
        return []
    place = int(np.argmax(uneven))
    seen = f"channel {place} has mean {mean[place]:.3g} and deviation {deviation[place]:.3g}"
    return [Suggestion("data.scaler", "standard", seen)]
