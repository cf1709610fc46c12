"""Weights of another network: by path and shape, of tokens by token, and never what means something else."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.errors import ConfigError
from rnnexp.models.architectures.gru import gru
from rnnexp.models.build import build
from rnnexp.models.transfer import TrainedWeights, match_weights
from rnnexp.models.weights import name_weights

LETTERS = {"tokens": "character", "lowercase": True, "subwords": None}


def make_spec(words: int, classes: tuple[str, ...] = ("no", "yes")) -> TaskSpec:
    inputs = {"past": InputSpec((None,), "int32", words + 2), "mask": InputSpec((None,), "bool")}
    shared: dict[str, Any] = {"loss": "cross_entropy", "classes": classes}
    return TaskSpec("classification", inputs, (len(classes),), "logits", **shared)


def make_source(words: list[str], **settings: Any) -> TrainedWeights:
    spec = make_spec(len(words))
    model = build(gru(units=[3], embedding_dim=2), spec, seed=1)
    arrays = {path: keras.ops.convert_to_numpy(weight) for path, weight in name_weights(model).items()}
    return TrainedWeights("run old", "0" * 64, arrays, spec, {**LETTERS, "vocabulary": words, **settings})


def taken_by(words: list[str], source: TrainedWeights, **settings: Any) -> tuple[Any, Any]:
    spec = make_spec(len(words))
    model = build(gru(units=[3], embedding_dim=2), spec, seed=2)
    drawn = np.array(model.get_layer("embedding").embeddings)
    found = match_weights(source, model, spec, {**LETTERS, "vocabulary": words, **settings})
    found.fill(model)
    return found, (drawn, np.array(model.get_layer("embedding").embeddings))


def test_vectors_are_taken_by_token_and_those_of_new_tokens_stay_drawn() -> None:
    source = make_source(["a", "b", "c"])
    found, (drawn, now) = taken_by(["c", "d"], source)
    old = source.arrays["embedding/embeddings"]
    assert np.array_equal(now, [old[0], old[1], old[4], drawn[3]])
    assert found.partly == {"embedding/embeddings": (3, 4)}
    assert "embedding/embeddings" not in found.held()
    assert "start: embedding/embeddings: 3 of 4 tokens, the others are new" in found.lines()


def test_the_same_tokens_are_taken_whole() -> None:
    source = make_source(["a", "b"])
    found, (_, now) = taken_by(["a", "b"], source)
    assert np.array_equal(now, source.arrays["embedding/embeddings"])
    assert found.partly == {}
    assert "embedding/embeddings" in found.held()
    assert not found.left


def test_texts_that_are_cut_otherwise_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"run old tokenizes texts differently \(data.tokens character, here word\)"):
        taken_by(["a"], make_source(["a"]), tokens="word")


def test_numbers_take_nothing_of_a_network_that_reads_tokens() -> None:
    spec = TaskSpec("regression", {"past": InputSpec((5, 2))}, (1,))
    model = build(gru(units=[3]), spec, seed=0)
    with pytest.raises(ConfigError, match=r"run old reads tokens of texts, and these data are numbers"):
        match_weights(make_source(["a"]), model, spec, {"kind": "sequences"})


def test_weights_of_another_shape_are_named_with_both() -> None:
    spec = make_spec(1)
    model = build(gru(units=[3, 3], embedding_dim=3), spec, seed=0)
    found = match_weights(make_source(["a"]), model, spec, {**LETTERS, "vocabulary": ["a"]})
    assert found.left["gru_1/gru_cell/kernel"] == "shape [2, 9], needed is [3, 9]"
    assert found.left["gru_2/gru_cell/kernel"] == "it has none of this name"
    assert "gru_1/gru_cell/recurrent_kernel" in found.values


def test_an_ensemble_takes_the_same_into_each_of_its_networks() -> None:
    from rnnexp.models.averaging import build_average, list_members

    spec, source = make_spec(1), make_source(["a"])
    model = build_average(gru(units=[3], embedding_dim=2), spec, [1, 2], {}, None)
    match_weights(source, model, spec, {**LETTERS, "vocabulary": ["a"]}).fill(model)
    kernels = [np.array(member.get_layer("gru_1").cell.kernel) for member in list_members(model)]
    assert all(np.array_equal(kernel, source.arrays["gru_1/gru_cell/kernel"]) for kernel in kernels)
