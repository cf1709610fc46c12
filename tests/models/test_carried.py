"""States that go from batch to batch: a text read in pieces is read as if it were one sequence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.errors import ConfigError
from rnnexp.models import stateful, token_scoring
from rnnexp.models.build import build
from rnnexp.models.logits import log_softmax
from rnnexp.models.sampling import Sampling, sample_tokens
from rnnexp.models.token_scoring import score_tokens
from rnnexp.registry import lookup

VOCABULARY = 11
SPEC = TaskSpec(
    "language_modeling",
    {"past": InputSpec((None,), "int32", VOCABULARY)},
    (VOCABULARY,),
    outputs="logits",
    scores_of="past",
    per_step=True,
    carried=True,
)
IDS = np.random.default_rng(0).integers(2, VOCABULARY, (3, 24)).astype(np.int32)
KINDS = ["simple_rnn", "lstm", "gru", "min_gru", "min_lstm", "slstm"]


def network(kind: str = "lstm", **settings: Any) -> Any:
    given = {"units": [5, 4], "embedding_dim": 6, "initial_range": 0.5, **settings}
    return build(lookup("model", kind)(**given), SPEC, seed=0)


def whole(model: Any, ids: np.ndarray = IDS) -> np.ndarray:
    return np.asarray(
        model.predict_on_batch({"past": ids, **stateful.make_zero_states(model, len(ids))})[stateful.OUTPUT]
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_in_pieces_is_read_like_one_long_sequence(kind: str) -> None:
    model = network(kind)
    reader = stateful.make_stateful(model, lanes=3)
    pieces = [np.asarray(reader(IDS[:, i : i + 6])) for i in range(0, 24, 6)]
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole(model), atol=1e-6)
    forgetful = np.concatenate([whole(model, IDS[:, i : i + 6]) for i in range(0, 24, 6)], axis=1)
    assert np.abs(forgetful - whole(model)).max() > 1e-3


def test_the_state_of_each_lane_is_its_own() -> None:
    model = network("gru")
    reader = stateful.make_stateful(model, lanes=3)
    reader(IDS)
    alone = stateful.make_stateful(model, lanes=1)
    alone(IDS[1:2])
    for both, one in zip(reader.carried_states, alone.carried_states):
        np.testing.assert_allclose(np.asarray(both)[1:2], np.asarray(one), atol=1e-6)
        assert np.abs(np.asarray(both)[0] - np.asarray(one)[0]).max() > 1e-3


@pytest.mark.parametrize(("kind", "states"), [*zip(KINDS, (1, 2, 1, 1, 1, 4))])
def test_each_layer_carries_the_states_that_its_kind_has(kind: str, states: int) -> None:
    sizes = stateful.get_state_sizes(network(kind))
    assert list(sizes.values()) == [5] * states + [4] * states
    assert [name[-1] for name in sizes] == list("hcnm"[:states] * 2)


def test_the_gradient_ends_where_a_batch_begins() -> None:
    import jax
    import keras

    model = network("simple_rnn")
    reader = stateful.make_stateful(model, lanes=3)
    reader(IDS[:, :12])

    def gradients(network: Any, x: Any, output: Any) -> list[np.ndarray]:
        def total(values: list[Any]) -> Any:
            outputs, _ = network.stateless_call(values, [v.value for v in network.non_trainable_variables], x)
            return (output(outputs) ** 2).sum()

        return [np.asarray(g) for g in jax.grad(total)([v.value for v in network.trainable_variables])]

    states = {variable.name: np.asarray(variable) for variable in reader.carried_states}
    second = keras.ops.convert_to_tensor(IDS[:, 12:])
    truncated = gradients(reader, second, lambda outputs: outputs)
    states = {name: keras.ops.convert_to_tensor(value) for name, value in states.items()}
    fixed = gradients(model, {"past": second, **states}, lambda outputs: outputs[stateful.OUTPUT])
    beginning = {name: keras.ops.zeros((3, size)) for name, size in stateful.get_state_sizes(model).items()}
    through = gradients(
        model, {"past": keras.ops.convert_to_tensor(IDS), **beginning}, lambda o: o[stateful.OUTPUT][:, 12:]
    )
    for one, other in zip(truncated, fixed):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert any(np.abs(one - other).max() > 1e-3 for one, other in zip(truncated, through))


def test_how_much_is_read_at_once_changes_no_probability(monkeypatch: pytest.MonkeyPatch) -> None:
    model, ids = network("lstm"), IDS.reshape(-1)
    at_once = score_tokens(model, ids)
    direct = log_softmax(whole(model, ids[None]))[0, np.arange(len(ids) - 1), ids[1:]]
    np.testing.assert_allclose(at_once, direct, atol=1e-6)
    monkeypatch.setattr(token_scoring, "MAX_TOKENS", 8)
    np.testing.assert_allclose(score_tokens(model, ids), at_once, atol=1e-6)
    assert np.abs(score_tokens(model, ids[1:]) - at_once[1:]).max() > 1e-4


def test_a_long_prompt_is_read_in_pieces_and_goes_on_from_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_scoring, "MAX_TOKENS", 8)
    model, prompt = network("gru", initial_range=3.0), IDS.reshape(-1)[:29]
    written = sample_tokens(model, prompt, 20, Sampling())
    scores = whole(model, np.concatenate([prompt, written])[None])[0, 28:-1]
    generator = np.random.Generator(np.random.Philox(0))
    assert written.tolist() == [generator.choice(VOCABULARY, p=Sampling().probabilities(row)) for row in scores]
    assert written.tolist() != sample_tokens(model, prompt[-5:], 20, Sampling()).tolist()


def test_texts_of_all_lengths_are_read_in_pieces_of_few() -> None:
    cut = {tokens: list(token_scoring.split_lengths(tokens, 50)) for tokens in range(1500)}
    assert all(sum(pieces) == tokens for tokens, pieces in cut.items())
    assert {length for pieces in cut.values() for length in pieces} == {1, 8, 64, 512}
    assert cut[700] == [512, 64, 64, *[8] * 7, *[1] * 4]
    assert max(token_scoring.split_lengths(1000, 100_000)) == 64  # 26 MB of scores
    assert list(token_scoring.split_lengths(3, 10**8)) == [1, 1, 1]


def test_tied_weights_are_one_matrix() -> None:
    tied = network("lstm", units=[6], tie_weights=True)
    own = network("lstm", units=[6])
    assert own.count_params() - tied.count_params() == 6 * VOCABULARY + VOCABULARY
    inner = tied.get_layer("lstm_1").output[0]
    import keras

    hidden = keras.Model(tied.input, inner).predict_on_batch({"past": IDS, **stateful.make_zero_states(tied, 3)})
    vectors = np.asarray(tied.get_layer("embedding").embeddings)
    np.testing.assert_allclose(whole(tied), np.asarray(hidden) @ vectors.T, atol=1e-5)


def test_the_first_weights_fill_the_range_and_nothing_else() -> None:
    weights = [np.asarray(weight) for weight in network("lstm", initial_range=0.1).trainable_weights]
    assert all(np.abs(weight).max() <= 0.1 for weight in weights)
    assert all(np.abs(weight).max() > 0.05 for weight in weights)  # biases, and the forget gate's, too
    usual = network("lstm", initial_range=None)
    assert max(np.abs(np.asarray(weight)).max() for weight in usual.trainable_weights if "bias" in weight.path) == 1


def test_vectors_vary_as_much_as_states_where_tokens_are_predicted() -> None:
    wide = np.asarray(network("lstm", embedding_dim=400, initial_range=None).get_layer("embedding").embeddings)
    assert wide.std() == pytest.approx(1, abs=0.03)
    shape = {"output_shape": (2,), "outputs": "logits", "scores_of": None, "per_step": False, "carried": False}
    labels = replace(SPEC, task="classification", classes=("a", "b"), **shape)
    small = build(lookup("model", "lstm")(embedding_dim=400), labels, seed=0)
    assert np.asarray(small.get_layer("embedding").embeddings).std() == pytest.approx(0.05 / 3**0.5, rel=0.05)


def dropped(model: Any, layer: str, x: np.ndarray) -> np.ndarray:
    return np.asarray(model.get_layer(layer)(x, training=True)) == 0


def test_variational_dropout_drops_the_same_outputs_at_all_steps() -> None:
    ones = np.ones((4, 9, 5), np.float32)
    same = dropped(network(variational_dropout=True, dropout=0.5), "dropout_1", ones)
    other = dropped(network(dropout=0.5), "dropout_1", ones)
    assert (same == same[:, :1]).all()
    assert same.any()
    assert not same.all()
    assert not (other == other[:, :1]).all()


def test_word_dropout_drops_whole_vectors() -> None:
    gone = dropped(network(word_dropout=0.5), "word_dropout", np.ones((4, 9, 6), np.float32))
    assert (gone == gone[:, :, :1]).all()
    assert 0 < gone.mean() < 1


def test_a_model_without_states_is_refused_with_what_it_must_give() -> None:
    class Forgetful:
        name = "forgetful"

        def build(self, spec: TaskSpec) -> Any:
            import keras

            past = keras.Input((None,), dtype="int32", name="past")
            return keras.Model(past, keras.layers.Embedding(VOCABULARY, VOCABULARY)(past))

    with pytest.raises(ConfigError, match="model: `forgetful` carries no states, which these data need"):
        build(Forgetful(), SPEC, seed=0)
