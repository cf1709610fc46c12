"""The words of Keras, PyTorch, scikit-learn, KerasTuner and the tutorials lead to ours."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from rnnexp import registry, synonyms
from rnnexp.config.compose import compose
from rnnexp.config.explain import every_key, explain
from rnnexp.config.schema import experiment_schema
from rnnexp.errors import ConfigError
from rnnexp.sweeps.settings import Sweep
from rnnexp.synonyms import read_table, suggest_key, suggest_value, write_plainly

TABLE = read_table()
KEYS, CHOICES, ADVICE = TABLE["keys"], TABLE["choices"], TABLE["advice"]
PAGE = Path(__file__).parents[1] / "docs" / "words.md"
INTRODUCTION = """\
# What is it called here?

Words of Keras, PyTorch, scikit-learn, KerasTuner and tutorials, and the keys and choices of rnnexp that they lead to.
An unknown word on the command line or in a file, and `rnnexp explain WORD`, are answered by this table, too. Capital
letters, `_` and `-` do not count. `rnnexp explain KEY` tells a key's type, range and default.

(Made from the table in `rnnexp/synonyms.toml` by `python tests/test_synonyms.py`.)
"""

TYPED = {
    "data.time_step=10": "data.time_step: unknown key; here it is data.sequence_length",
    "data.look_back=2": "data.look_back: unknown key; here it is data.sequence_length",
    "data.window_size=2": "data.window_size: unknown key; here it is data.sequence_length",
    "data.test_size=0.3": "data.test_size: unknown key; here it is data.split",
    "data.shuffle=false": "data.shuffle: unknown key; examples are drawn in another order in each epoch",
    "model.hidden_size=50": "model.hidden_size: unknown key; here it is model.units",
    "model.num_layers=2": "model.num_layers: unknown key; layers are the numbers of model.units",
    "model.num_heads=2": "model.num_heads: unknown key; here it is model.transformer.heads",
    "model.transformer.nhead=2": "model.transformer.nhead: unknown key; here it is model.transformer.heads",
    "model.attention_heads=2": "model.attention_heads: unknown key; here it is model.transformer.heads",
    "model.dim_feedforward=64": "model.dim_feedforward: unknown key; here it is model.transformer.feed_forward",
    "model.return_sequences=true": "model.return_sequences: unknown key; .* data.layout=sequence",
    "optimizer.lr=0.01": "optimizer.lr: unknown key; here it is optimizer.learning_rate",
    "trainer.gradient_clipping=1": "trainer.gradient_clipping: unknown key; here it is optimizer.global_clipnorm",
    "epochs=100": "epochs: unknown key; here it is trainer.epochs",
    "batch_size=32": "batch_size: unknown key; here it is trainer.batch_size",
    "loss=mean_squared_error": "loss: `mean_squared_error` is not one of .*; did you mean `mse`?",
    "model=rnn": "model: `rnn` is not one of .*; did you mean `simple_rnn`?",
    "data.scaler=MinMaxScaler": "data.scaler: 'MinMaxScaler' given; .*; did you mean `minmax`?",
    "data.scaler=[log,StandardScaler]": "data.scaler.1: 'StandardScaler' given; .*; did you mean `standard`?",
    "model=transformer": "model: `transformer` is not one of .*; the networks are recurrent ones",
    "loss=focal_loss": "loss: `focal_loss` is not one of .*; a loss of Keras or of your own is a plugin",
    "callbacks=TensorBoard": "callbacks: `TensorBoard` is not one of .*; runs are tracked with MLflow",
    "schedule=OneCycleLR": "schedule: `OneCycleLR` is not one of .*; a schedule of your own is a plugin",
    "optimizer=momentum": "optimizer: `momentum` is not one of .*; did you mean `sgd` with `optimizer.momentum=0.9`?",
    "optimizer.betas=[0.9,0.99]": "optimizer.betas: unknown key; optimizer.beta_1 and optimizer.beta_2 are keys",
    "trainer.log_interval=5": "trainer.log_interval: unknown key; here it is trainer.print_every",
    "model.pretrained=run": "model.pretrained: unknown key; here it is model.start",
    "model.init_from=run": "model.init_from: unknown key; here it is model.start",
    "model.freeze=true": "model.freeze: unknown key; here it is model.freeze_epochs",
    "transfer=run": "transfer: unknown key; here it is model.start",
    "warm_start=run": "warm_start: unknown key; here it is model.start",
    "data.shots=5": "data.shots: unknown key; here it is data.labels_per_class",
    "backend=pytorch": "backend: 'pytorch' given; .*; did you mean `torch`?",
}


@pytest.mark.parametrize("typed", TYPED)
def test_a_word_of_another_library_is_answered_with_ours(typed: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(TYPED[typed]).replace(r"\.\*", ".*")):
        compose("data=sine", typed)


@pytest.mark.parametrize("word", ["time_step", "KFold", "train_size", "hidden_size", "MinMaxScaler", "n_trials"])
def test_explain_knows_them_too(word: str) -> None:
    with pytest.raises(ConfigError, match=f"{word}: unknown key; here it is (data|model|hydra)"):
        explain(word)


def test_a_misspelled_key_of_ours_is_no_word_of_others() -> None:
    with pytest.raises(ConfigError, match="model.unit: unknown key; did you mean `model.units`?"):
        compose("data=sine", "model.unit=3")
    with pytest.raises(ConfigError, match="qqqq: unknown key$"):
        compose("data=sine", "qqqq=3")


def test_the_same_word_is_answered_by_where_it_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {"advice": [], "keys": {"model.dropout": ["rate"], "optimizer.learning_rate": ["rate"]}}
    monkeypatch.setattr(synonyms, "read_table", lambda: table)
    assert suggest_key("model.rate") == "; here it is model.dropout"
    assert suggest_key("optimizer.rate") == "; here it is optimizer.learning_rate"
    assert suggest_key("rate") == "; here it is model.dropout or optimizer.learning_rate"


def test_every_word_leads_to_a_key_that_exists() -> None:
    known = {item.key for item in every_key()} | {*experiment_schema()["properties"]}
    known |= {f"hydra.sweeper.{name}" for name in Sweep.__dataclass_fields__}
    launcher: Any = registry.lookup("executor", "local")
    known |= {f"hydra.launcher.{name}" for name in launcher.__dataclass_fields__}
    known |= {f"callbacks.{name}" for name in registry.names("callback")}
    assert [key for key in KEYS if key not in known] == []
    assert "data.look_back" not in known


def test_no_word_is_a_key_of_the_part_that_it_leads_to() -> None:
    known = {item.key for item in every_key()}
    taken = [(key, word) for key in KEYS for word in KEYS[key] if f"{key.partition('.')[0]}.{word}" in known]
    assert [(key, word) for key, word in taken if not _belongs_to_some_component(word)] == []


def _belongs_to_some_component(word: str) -> bool:
    """A key of another source or model is told by `it belongs to ...`, before any synonym is looked for."""
    classes = [registry.lookup(kind, name) for kind in ("data", "model") for name in registry.names(kind)]
    return any(word in cls.__pydantic_fields__ for cls in classes)  # type: ignore[attr-defined]


def test_no_word_means_two_things() -> None:
    every = [*KEYS.values(), *(advice["words"] for advice in ADVICE)]
    words = [write_plainly(word) for words in every for word in words]
    assert sorted({word for word in words if words.count(word) > 1}) == []


@pytest.mark.parametrize("kind", ["loss", "model", "optimizer", "schedule", "data"])
def test_every_choice_that_is_suggested_exists(kind: str) -> None:
    for choice in CHOICES[kind]:
        assert choice.partition("`")[0] in registry.names(kind)


def test_every_scaler_that_is_suggested_can_be_chosen() -> None:
    for choice in CHOICES["data.scaler"]:
        assert compose("data=sine", "data.season=12", f"data.scaler={choice}").data.scaler == choice


@pytest.mark.parametrize("word", ["bayesian", "BayesianOptimization", "bayes"])
def test_bayesian_optimization_is_found_among_the_samplers(word: str) -> None:
    assert suggest_value("hydra.sweeper.sampler", word, ["tpe", "gp"]) == "; did you mean `tpe` or `gp`?"
    assert suggest_value("hydra.sweeper.sampler", "qqqq", ["tpe", "gp"]) == ""


def write_page() -> str:
    """Write docs/words.md: the keys, the choices, and what is no key."""
    choices = [
        (f"{key}={name.replace('` with `', ' ')}", words) for key in CHOICES for name, words in CHOICES[key].items()
    ]
    choices = [(re.sub(r"(.+)=(.+)` or `(.+)", r"\1=\2` or `\1=\3", choice), words) for choice, words in choices]
    tables = (("Keys", "here", KEYS.items()), ("Choices", "here", choices))
    parts = [INTRODUCTION]
    for title, column, rows in tables:
        parts += [f"## {title}\n", f"| {column} | elsewhere |", "|---|---|"]
        parts += [f"| `{ours}` | {_listed(words)} |" for ours, words in rows]
        parts.append("")
    parts += ["## No key at all\n", "| elsewhere | here |", "|---|---|"]
    parts += [f"| {_listed(advice['words'])} | {advice['text']} |" for advice in ADVICE]
    return "\n".join(parts) + "\n"


def _listed(words: list[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def test_the_page_of_words_is_that_of_the_table() -> None:
    assert write_page() == PAGE.read_text(encoding="utf-8"), "write it anew: python tests/test_synonyms.py"
    assert "| `data.sequence_length` | `time_step`," in write_page()
    assert "docs/words.md" in (PAGE.parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_commands_of_the_page_choose_what_they_say() -> None:
    lines = [line for line in write_page().splitlines() if line.startswith("| `model=")]
    for command in [line.split("`")[1] for line in lines]:
        assert compose("data=sine", *command.split()).model.name in command or "encoder_decoder" in command


if __name__ == "__main__":
    PAGE.write_text(write_page(), encoding="utf-8")
