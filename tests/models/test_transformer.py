"""Transformer blocks beside recurrent layers: what a step sees, what padding changes, what is carried."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rnnexp import compose
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.errors import ConfigError
from rnnexp.models import stateful
from rnnexp.models.build import build
from rnnexp.models.seq2seq_network import Seq2SeqNetwork
from rnnexp.models.transformer import apply_blocks
from rnnexp.registry import lookup

TOKENS = InputSpec((None,), "int32", 11)
MASK = InputSpec((None,), "bool")
CLASSES = ("a", "b", "c")
SPECS = {
    "forecast": TaskSpec("forecasting", {"past": InputSpec((None, 2))}, (2, 1), per_step=True),
    "tags": TaskSpec(
        "tagging", {"past": TOKENS, "mask": MASK}, (3,), "logits", per_step=True, sees_future=True, classes=CLASSES
    ),
    "text": TaskSpec("classification", {"past": TOKENS, "mask": MASK}, (3,), "logits", classes=CLASSES),
    "language": TaskSpec(
        "language_modeling", {"past": TOKENS}, (11,), "logits", scores_of="past", per_step=True, carried=True
    ),
    "translation": TaskSpec(
        "sequence_to_sequence",
        {"past": TOKENS, "mask": MASK, "previous": TOKENS},
        (11,),
        "logits",
        scores_of="previous",
        per_step=True,
    ),
}
IDS = np.random.default_rng(0).integers(2, 11, (3, 24)).astype(np.int32)
PLACES = ("after", "before")


def network(spec: str, position: str = "after", cell: str = "gru", **settings: Any) -> Any:
    blocks = {"blocks": 2, "heads": 2, "position": position, **settings.pop("transformer", {})}
    given = {"units": [6, 4], "embedding_dim": 6, **settings}
    model = build(lookup("model", cell)(transformer=blocks, **given), SPECS[spec], seed=0)
    generator = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(generator.uniform(0.5, 1.5, weight.shape) * np.where(generator.random(weight.shape) < 0.5, 1, -1))
    return model


def answer(model: Any, past: np.ndarray, mask: np.ndarray | None = None, **more: Any) -> np.ndarray:
    given = {"past": past, **({} if mask is None else {"mask": mask}), **more}
    given |= stateful.make_zero_states(model, len(past))
    found = model.predict_on_batch(given if len(given) > 1 else past)
    return np.asarray(found[stateful.OUTPUT] if isinstance(found, dict) else found)


@pytest.mark.parametrize("position", PLACES)
def test_what_follows_changes_no_output_of_a_step(position: str) -> None:
    past = np.random.default_rng(2).normal(size=(2, 9, 2)).astype(np.float32)
    later = past.copy()
    later[:, 6:] += 3
    forecasts = network("forecast", position)
    before, after = answer(forecasts, past), answer(forecasts, later)
    np.testing.assert_allclose(before[:, :6], after[:, :6], atol=1e-6)
    assert np.abs(before[:, 6:] - after[:, 6:]).max() > 1e-3
    words = np.concatenate([IDS[:, :6], 12 - IDS[:, 6:9]], axis=1)
    texts = network("language", position)
    np.testing.assert_allclose(answer(texts, IDS[:, :9])[:, :6], answer(texts, words)[:, :6], atol=1e-6)
    mask, tags = np.ones((3, 9), bool), network("tags", position)
    assert np.abs(answer(tags, IDS[:, :9], mask)[:, :6] - answer(tags, words, mask)[:, :6]).max() > 1e-3


@pytest.mark.parametrize("position", PLACES)
@pytest.mark.parametrize("spec", ["tags", "text"])
def test_what_lies_after_the_end_changes_nothing(position: str, spec: str) -> None:
    model, lengths = network(spec, position), np.array([1, 4, 7])
    mask = np.arange(12) < lengths[:, None]
    together = answer(model, np.where(mask, IDS[:, :12], 3), mask)
    for i, length in enumerate(lengths):
        alone = answer(model, IDS[i : i + 1, :length], mask[i : i + 1, :length])[0]
        np.testing.assert_allclose(together[i][:length] if spec == "tags" else together[i], alone, rtol=1e-4, atol=1e-5)
    unmasked = answer(model, np.where(mask, IDS[:, :12], 3), np.ones_like(mask))
    assert np.abs(unmasked[0].ravel()[:3] - together[0].ravel()[:3]).max() > 1e-3


@pytest.mark.parametrize("pooling", ["mean", "max", "attention"])
def test_all_poolings_leave_out_what_lies_after_the_end(pooling: str) -> None:
    model = network("text", pooling=pooling)
    mask = np.arange(12) < np.array([[5], [5], [5]])
    one, other = (answer(model, np.where(mask, IDS[:, :12], junk), mask) for junk in (3, 9))
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_sequence_without_a_step_gives_numbers() -> None:
    assert np.isfinite(answer(network("text"), IDS[:, :4], np.zeros((3, 4), bool))).all()


@pytest.mark.parametrize(("cell", "position", "sizes"), [("gru", "after", (1, 6)), ("lstm", "before", (6,))])
def test_a_text_in_pieces_is_read_like_one_long_sequence(cell: str, position: str, sizes: tuple[int, ...]) -> None:
    model = network("language", position, cell, transformer={"memory": 5})
    whole = answer(model, IDS)
    for size in sizes:
        reader = stateful.make_stateful(model, lanes=3)
        pieces = [np.asarray(reader(IDS[:, i : i + size])) for i in range(0, 24, size)]
        np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole, rtol=1e-4, atol=1e-5)
    forgetful = np.concatenate([answer(model, IDS[:, i : i + 6]) for i in range(0, 24, 6)], axis=1)
    assert np.abs(forgetful - whole).max() > 1e-3
    longer = network("language", position, cell, transformer={"memory": 6})
    assert np.abs(answer(longer, IDS) - whole).max() > 1e-3


def test_one_block_is_what_its_equations_say() -> None:
    import keras

    blocks = lookup("model", "gru")(transformer={"heads": 2}).transformer
    layers = blocks.make_layers(6)
    x = read = np.random.default_rng(3).normal(size=(2, 5, 6)).astype(np.float32)
    given = keras.Input((None, 6))
    model = keras.Model(given, apply_blocks(layers, given, None, causal=True)[0])
    generator = np.random.default_rng(4)
    for weight in model.weights:
        weight.assign(generator.normal(size=weight.shape))
    values = {weight.path.removeprefix("transformer_after_"): np.asarray(weight) for weight in model.weights}

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        centered = x - x.mean(-1, keepdims=True)
        scaled = centered / np.sqrt((centered**2).mean(-1, keepdims=True) + 1e-3)
        return scaled * values[f"{name}/gamma"] + values[f"{name}/beta"]

    def project(x: np.ndarray, name: str) -> np.ndarray:
        path = f"1_attention/{name}"
        return np.einsum("btd,dhk->bthk", x, values[f"{path}/kernel"]) + values[f"{path}/bias"]

    y = norm(x, "1_attention_norm")
    query, key, value = (project(y, name) for name in ("query", "key", "value"))
    scores = np.einsum("bthk,bshk->bhts", query, key) / 3**0.5
    scores = np.exp(np.where(np.tri(5, dtype=bool), scores, -np.inf))
    seen = np.einsum("bhts,bshk->bthk", scores / scores.sum(-1, keepdims=True), value)
    path = "1_attention/attention_output"
    x = x + np.einsum("bthk,hkd->btd", seen, values[f"{path}/kernel"]) + values[f"{path}/bias"]
    inner = norm(x, "1_feed_forward_norm") @ values["1_inner/kernel"] + values["1_inner/bias"]
    x = x + np.maximum(inner, 0) @ values["1_outer/kernel"] + values["1_outer/bias"]
    np.testing.assert_allclose(model.predict_on_batch(read), norm(x, "norm"), rtol=1e-4, atol=1e-4)
    assert np.abs(model.predict_on_batch(read[:, ::-1])[:, ::-1] - norm(x, "norm")).max() > 1e-2


def test_first_weights_of_all_heads_are_spread_as_those_of_one_matrix() -> None:
    model = build(lookup("model", "gru")(units=[32], transformer={"heads": 8}), SPECS["tags"], seed=0)
    kernels = {weight.path: np.asarray(weight) for weight in model.weights if "after_1_attention/" in weight.path}
    spreads = [np.abs(kernel).max() for path, kernel in kernels.items() if path.endswith("kernel")]
    assert len(spreads) == 4
    assert spreads == pytest.approx([(6 / 64) ** 0.5] * 4, rel=0.02)


@pytest.mark.parametrize("position", PLACES)
def test_an_encoder_is_found_again_with_its_blocks(position: str) -> None:
    model = network("translation", position, "encoder_decoder", attention="dot", bidirectional=True)
    mask = np.arange(12) < np.array([[5], [9], [12]])
    past = np.where(mask, IDS[:, :12], 3)
    given = {"previous": IDS[:, 12:16]}
    whole = answer(model, past, mask, **given)
    found = Seq2SeqNetwork.from_model(model)
    memory, states = found.encode(past, mask)
    y, *_ = found.decode(given["previous"], memory, mask, states)
    np.testing.assert_allclose(np.asarray(y), whole, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(answer(model, np.where(mask, past, 8), mask, **given), whole, rtol=1e-4, atol=1e-5)
    plain = {name: layer for name, layer in found.layers.items() if not name.startswith("transformer")}
    without, _ = Seq2SeqNetwork(plain, 2, "dot", True).encode(past, mask)
    assert np.abs(np.asarray(without) - np.asarray(memory)).max() > 0.1


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (("model=gru", "model.transformer.memory=8"), "model.transformer.memory: 8 given, but these data have no text"),
        (("model=gru", "model.transformer.heads=0"), "model.transformer.heads: 0 given; must be greater than or equal"),
        (
            ("data=reverse_digits", "model=encoder_decoder", "model.transformer.blocks=1"),
            "model.transformer.position: after given, but without model.attention",
        ),
        (
            ("data=reverse_digits", "model=encoder_decoder", "model.attention=dot", "model.transformer.memory=8"),
            "model.transformer.memory: 8 given",
        ),
    ],
)
def test_what_cannot_be_is_refused_at_the_border(overrides: tuple[str, ...], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        compose(*overrides)


def test_blocks_before_the_encoder_need_no_attention() -> None:
    experiment = compose("data=reverse_digits", "model=encoder_decoder", "model.transformer.position=before")
    assert experiment.model.transformer.position == "before"
