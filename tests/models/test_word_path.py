"""The function of words within a network: which rows it reads, how they add up, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.errors import ConfigError
from rnnexp.models.architectures.gru import gru
from rnnexp.models.build import build
from rnnexp.models.inference import predict
from rnnexp.models.input_gradients import make_input_gradient
from rnnexp.models.layers import FITTED, OF_WORDS
from rnnexp.models.transfer import TrainedWeights, match_weights
from rnnexp.models.weights import name_weights
from rnnexp.models.word_path import (
    LARGEST,
    MOST_WEIGHTS,
    PAIRS,
    TABLES,
    WORDS,
    count_rows,
    hash_pairs,
    reset_word_path,
    set_word_path,
)

VOCABULARY, CLASSES = 9, ("no", "maybe", "yes")
TOKENS = {"past": InputSpec((None,), "int32", VOCABULARY), "mask": InputSpec((None,), "bool")}
SPEC = TaskSpec("classification", TOKENS, (3,), "logits", classes=CLASSES, loss="cross_entropy")
ROWS = count_rows(len(CLASSES))


def make_network(kind: Any = OF_WORDS, seed: int = 0) -> Any:
    return build(gru(units=[3], embedding_dim=2, skip_connection=kind), SPEC, seed=seed)


def make_texts() -> dict[str, np.ndarray]:
    """Return texts of one to six tokens, padded with a token that means something elsewhere."""
    lengths = np.arange(1, 7)
    tokens = np.random.default_rng(0).integers(0, VOCABULARY, (6, 6)).astype("int32")
    return {"past": tokens, "mask": np.arange(6) < lengths[:, None]}


def fill(network: Any, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    dice = np.random.default_rng(1)
    weights, intercept = dice.normal(size=(VOCABULARY + ROWS, 3)), dice.normal(size=3)
    set_word_path(network, weights, intercept, scale)
    return weights, intercept


def add_up(x: dict[str, np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Add up the rows of each text's tokens and pairs of tokens, one by one."""
    found = np.zeros((len(x["past"]), weights.shape[1]))
    for place, (tokens, mask) in enumerate(zip(x["past"].astype(int), x["mask"])):
        own = tokens[mask].tolist()
        for token in own:
            found[place] += weights[token]
        for first, second in zip(own[:-1], own[1:]):
            found[place] += weights[VOCABULARY + hash_pairs(first, second, VOCABULARY, ROWS)]
    return found


def test_it_says_nothing_until_it_is_fitted() -> None:
    x = make_texts()
    assert np.array_equal(predict(make_network(), x), predict(make_network(False), x))


def test_words_and_pairs_of_words_are_added_to_scaled_logits() -> None:
    x, network, alone = make_texts(), make_network(), predict(make_network(False), make_texts())
    weights, intercept = fill(network, 0.5)
    np.testing.assert_allclose(predict(network, x), 0.5 * alone + add_up(x, weights) + intercept, rtol=1e-4, atol=1e-4)
    assert np.abs(add_up(x, weights) - add_up({**x, "past": x["past"][:, ::-1]}, weights)).max() > 0.1


def test_what_lies_behind_the_end_of_a_text_does_not_count() -> None:
    x, network = make_texts(), make_network()
    fill(network)
    wider = {name: np.pad(values, [(0, 0), (0, 3)]) for name, values in x.items()}
    wider["past"][:, 6:] = 5
    np.testing.assert_allclose(predict(network, wider), predict(network, x), rtol=1e-5, atol=1e-5)
    wider["mask"][:, 6:] = True
    assert np.abs(predict(network, wider) - predict(network, x)).max() > 0.1


def test_texts_of_one_word_have_no_pairs() -> None:
    x, network, alone = {name: values[:, :1] for name, values in make_texts().items()}, make_network(), make_network()
    weights, intercept = fill(network)
    expected = predict(alone, x) + weights[x["past"][:, 0]] + intercept
    np.testing.assert_allclose(predict(network, x), expected, rtol=1e-4, atol=1e-4)


def test_gradients_leave_its_tables_alone() -> None:
    network, before = make_network(), make_network()
    network.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    network.fit(make_texts(), np.arange(6) % 3, verbose=0)
    for name in TABLES:
        assert not np.asarray(network.get_layer(name).embeddings).any()
    moved = np.asarray(network.get_layer("output").kernel) - np.asarray(before.get_layer("output").kernel)
    assert np.abs(moved).max() > 0


def test_another_run_starts_without_the_words_of_the_last() -> None:
    network = make_network()
    fill(network)
    assert all(np.asarray(network.get_layer(name).embeddings).any() for name in TABLES)
    reset_word_path(network)
    assert not any(np.asarray(network.get_layer(name).embeddings).any() for name in TABLES)


@pytest.mark.parametrize("vocabulary", [2, 9, 6_000, 50_000, 300_000, 5_000_000])
def test_a_pair_has_the_same_row_in_numpy_and_in_an_int32_of_keras(vocabulary: int) -> None:
    dice = np.random.default_rng(vocabulary)
    first, second = (np.append(dice.integers(0, vocabulary, 200), [0, vocabulary - 1]) for _ in range(2))
    exact = hash_pairs(first, second, vocabulary, ROWS)
    found = hash_pairs(*(keras.ops.convert_to_tensor(one.astype("int32")) for one in (first, second)), vocabulary, ROWS)
    assert np.array_equal(exact, np.asarray(found))
    assert exact.min() >= 0
    assert exact.max() < ROWS
    factor = int(hash_pairs(1, 0, vocabulary, LARGEST + 1))
    assert (vocabulary - 1) * factor + vocabulary - 1 <= LARGEST
    assert len(set(exact.tolist())) > min(len(set(zip(first.tolist(), second.tolist()))), ROWS) * 0.9


@pytest.mark.parametrize("classes", [2, 3, 8, 9, 100, 5_000, MOST_WEIGHTS * 2])
def test_the_table_of_pairs_has_a_bounded_size(classes: int) -> None:
    rows = count_rows(classes)
    assert rows & (rows - 1) == 0
    assert rows >= 2
    assert rows * classes <= max(MOST_WEIGHTS, 2 * classes)


def test_what_a_network_remembers_is_measured_by_the_vectors_of_its_own_tokens() -> None:
    network, x = make_network(), make_texts()
    before = make_input_gradient(network, x)
    assert before is not None
    direction = np.ones((6, 3), np.float32)
    alone = before(direction)
    assert alone.shape == (6, 6, 2)
    fill(network)
    after = make_input_gradient(network, x)
    assert after is not None
    np.testing.assert_allclose(after(direction), alone, rtol=1e-5, atol=1e-6)


def test_a_network_that_starts_from_another_takes_no_words_from_it() -> None:
    network = make_network(seed=1)
    fill(network)
    words = [chr(97 + place) for place in range(VOCABULARY - 2)]
    scaling = {"tokens": "character", "lowercase": True, "subwords": None, "vocabulary": words}
    arrays = {path: keras.ops.convert_to_numpy(weight) for path, weight in name_weights(network).items()}
    assert any(path.startswith(WORDS) for path in arrays)
    other = make_network(seed=2)
    match_weights(TrainedWeights("run old", "0" * 64, arrays, SPEC, scaling), other, SPEC, scaling).fill(other)
    assert not any(np.asarray(other.get_layer(name).embeddings).any() for name in TABLES)
    assert np.array_equal(other.get_layer("output").kernel, network.get_layer("output").kernel)


NUMBERS = TaskSpec("regression", TOKENS, (1,), targets=("stars",))
TAGS = TaskSpec("tagging", TOKENS, (3,), "logits", per_step=True, sees_future=True, classes=CLASSES)
SIGNALS = TaskSpec("classification", {"past": InputSpec((6, 2))}, (3,), "logits", classes=CLASSES)


@pytest.mark.parametrize("spec", [NUMBERS, TAGS, SIGNALS], ids=["numbers", "tags", "signals"])
def test_what_is_no_label_of_a_text_is_refused(spec: TaskSpec) -> None:
    with pytest.raises(ConfigError, match="model.skip_connection: nb_svm given; it is a function of words, for labels"):
        build(gru(units=[3], skip_connection=OF_WORDS), spec, seed=0)


def test_the_other_functions_name_that_of_words_where_it_would_do() -> None:
    with pytest.raises(ConfigError, match="not to classes or an activation; for labels of texts there is nb_svm"):
        make_network(FITTED)
    with pytest.raises(ConfigError, match="not to classes or an activation$"):
        build(gru(units=[3], skip_connection=True), SIGNALS, seed=0)


def test_a_network_without_a_mask_reads_all_its_tokens() -> None:
    spec = replace(SPEC, inputs={"past": InputSpec((6,), "int32", VOCABULARY)})
    network = build(gru(units=[3], embedding_dim=2, skip_connection=OF_WORDS), spec, seed=0)
    x = {**make_texts(), "mask": np.ones((6, 6), bool)}
    first = predict(network, x["past"])
    weights, intercept = fill(network)
    np.testing.assert_allclose(
        predict(network, x["past"]) - first, add_up(x, weights) + intercept, rtol=1e-4, atol=1e-4
    )
    assert network.get_layer(PAIRS).input_dim == ROWS
