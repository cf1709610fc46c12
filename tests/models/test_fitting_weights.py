"""A network that memory cannot hold is refused before it is allocated; one that fits is built as ever."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rnnexp as rx
from rnnexp.cli.main import main
from rnnexp.errors import ResourceError
from rnnexp.models.fitting_weights import refuse_beyond, refuse_large_batch
from rnnexp.runtime import machine


def dense(units: int) -> Any:
    import keras

    return keras.Sequential([keras.Input((9,)), keras.layers.Dense(units)])


@pytest.mark.parametrize(("name", "copies"), [("SGD", 2), ("RMSprop", 3), ("Adam", 4)])
def test_a_network_fits_to_the_byte_with_its_gradients_and_what_its_optimizer_remembers(name: str, copies: int) -> None:
    import keras

    make: Callable[[], Any] = getattr(keras.optimizers, name)
    with refuse_beyond(4 * 100 * copies, make):
        assert dense(10).count_params() == 100
    with pytest.raises(ResourceError, match="GB are free; choose a smaller"), refuse_beyond(4 * 100 * copies - 1, make):
        dense(10)
    assert dense(10).count_params() == 100


@pytest.mark.parametrize("units", ["[1000000000]", "[8,1000000000]", "[300000]"])
@pytest.mark.parametrize("model", ["lstm", "gru", "simple_rnn"])
def test_a_huge_network_of_any_kind_is_refused_at_once(units: str, model: str, tmp_path: Path) -> None:
    huge = rx.compose(f"model={model}", f"model.units={units}", "tracking=off")
    with pytest.raises(ResourceError, match="but .* GB are free; choose a smaller model.units"):
        rx.run(huge, run_dir=tmp_path, quiet=True)


def test_a_cell_is_refused_before_the_first_of_its_weights_is_drawn() -> None:
    import keras

    inputs = keras.Input((2, 3))
    refused = "with the 130 weights that layer `wide` asks for"
    with pytest.raises(ResourceError, match=refused), refuse_beyond(4 * 2 * 129, keras.optimizers.SGD):
        keras.layers.RNN(keras.layers.SimpleRNNCell(10, name="wide"))(inputs)
    with refuse_beyond(4 * 2 * 140, keras.optimizers.SGD):
        keras.layers.RNN(keras.layers.SimpleRNNCell(10))(inputs)


def test_the_command_line_says_it_in_one_sentence_with_exit_6(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "model.units=[1000000000]", "tracking=off"]) == 6
    said = capsys.readouterr().err
    assert "GB are free" in said
    assert "Traceback" not in said
    assert "traceback" not in said


def recurrent(layer: str, **wrapped: Any) -> Any:
    import keras

    inner = getattr(keras.layers, layer)(5)
    past = keras.Input((7, 2))
    output = keras.layers.Bidirectional(inner)(past) if wrapped.get("both") else inner(past)
    return keras.Model(past, keras.layers.Dense(1)(output))


@pytest.mark.parametrize(("layer", "gates"), [("SimpleRNN", 1), ("GRU", 3), ("LSTM", 4)])
@pytest.mark.parametrize("both", [False, True], ids=["one way", "both ways"])
def test_a_batch_fits_to_the_byte_with_the_gates_of_all_its_time_steps(layer: str, gates: int, both: bool) -> None:
    model, needed = recurrent(layer, both=both), 4 * 100 * 7 * 5 * gates * (1 + both)
    refuse_large_batch(model, 100, needed)
    with pytest.raises(ResourceError, match="trainer.batch_size: a step on 100 examples keeps at least"):
        refuse_large_batch(model, 100, needed - 1)


@pytest.mark.parametrize("engine", ["compiled", "keras"])
def test_a_window_and_a_batch_beyond_memory_are_refused_before_a_step(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "measure_free_memory", lambda: 150_000_000)
    large = ("data.points=3000", "data.sequence_length=200", "trainer.batch_size=1000", "model.units=[64]")
    huge = rx.compose(*large, f"trainer.engine={engine}", "tracking=off")
    told = (
        "a step on 1,000 examples keeps at least 0.2 GB .*, but 0.[12] GB are free; choose a smaller trainer.batch_size"
    )
    with pytest.raises(ResourceError, match=told):
        rx.run(huge, run_dir=tmp_path, quiet=True)
