"""The table of a network's layers is whole, and of the network alone."""

from __future__ import annotations

import os
import re

import keras
import pytest
import rich.console
import rich.jupyter

from rnnexp.cli.main import main
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.models.averaging import build_average
from rnnexp.models.layer_table import summarize
from rnnexp.registry import lookup

COLUMNS = ("Layer (type)", "Output Shape", "Param #", "Connected to")


def branched() -> keras.Model:
    """Build a network whose layers have two inputs and long names."""
    past = keras.Input((4, 2), name="a_name_of_an_input_that_is_long")
    left = keras.layers.LSTM(3, name="a_name_of_a_layer_that_is_long_too")(past)
    right = keras.layers.GRU(3, name="another_name_of_a_layer_that_is_long")(past)
    return keras.Model(past, keras.layers.Add(name="sum")([left, right]), name="branched")


def test_all_columns_are_there_whatever_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    text = summarize(branched())
    assert all(column in text for column in COLUMNS)
    assert {len(line) for line in text.splitlines() if line[0] in "┏│└"} == {120}
    assert len(summarize(branched(), 160).splitlines()[1]) == 160
    assert os.environ["COLUMNS"] == "40"


def test_a_notebook_shows_no_empty_block_for_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[object] = []
    monkeypatch.setattr(rich.console, "_is_jupyter", lambda: True)
    monkeypatch.setattr(rich.jupyter, "display", lambda *block: shown.append(block))
    assert "branched" in summarize(branched())
    assert shown == []
    assert rich.console._is_jupyter()
    branched().summary(print_fn=lambda text, **_: None)
    assert shown != []


def test_the_numbers_of_an_optimizer_are_none_of_the_network() -> None:
    model = branched()
    before = summarize(model)
    model.compile(keras.optimizers.Adam(), "mse")
    model.optimizer.build(model.trainable_variables)
    assert "Optimizer params" not in summarize(model)
    assert summarize(model) == before
    printed: list[str] = []
    model.summary(print_fn=lambda text, **_: printed.append(text))
    assert "Optimizer params" in "".join(printed)


def test_a_network_is_shown_before_anything_is_trained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "--network", "data.points=80", "model.units=[3]"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"lstm\w* \(LSTM\)\s+│ \(None, \d+, 3\)|lstm\w* \(LSTM\)\s+│ \(None, 3\)\s+│\s+60 ", out)
    assert "Total params: " in out
    assert main(["show", "--network", "data.points=80", "model.units=[a]"]) == 2
    assert "model.units" in capsys.readouterr().err


def test_of_networks_that_are_averaged_the_first_is_shown_within() -> None:
    spec = TaskSpec("regression", {"past": InputSpec((4, 2))}, (1,))
    text = summarize(build_average(lookup("model", "gru")(units=[3]), spec, [0, 1], {}, None))
    assert text.count("(Functional)") == 2
    assert text.count("gru_1 (GRU)") == 1
    assert "(GRU)" not in text.partition('Model: "member_0"')[0]
