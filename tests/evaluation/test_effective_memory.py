"""What a network remembers: linear recursions that can be solved by hand, finite differences, and what is left out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import given
import numpy as np
import pytest

from rnnexp.data.dataset import Dataset
from rnnexp.data.source import SequenceSource
from rnnexp.data.sources.corpus import corpus
from rnnexp.data.sources.synthetic import reverse_digits
from rnnexp.evaluation.memory import count_memory, describe_memory, draw_memory, measure_memory
from rnnexp.evaluation.report import Undefined
from rnnexp.models.build import build, draw_weights
from rnnexp.models.stateful import make_zero_states
from rnnexp.registry import lookup, settings
from rnnexp.tasks import load

WINDOW = 24


@settings
class Uneven(SequenceSource):
    """Sequences of 3 to 9 steps, of three classes."""

    name: str = "uneven"
    shortest: int = 3

    def read(self) -> Any:
        source = np.random.default_rng(0)
        sequences = [source.normal(size=(self.shortest + i % (10 - self.shortest), 2)) for i in range(40)]
        return sequences, np.array([*"abc"] * 14)[:40]


def keep() -> bool:
    """Leave the weights as they are."""
    return True


def series(steps: int = WINDOW, **fields: Any) -> Dataset:
    return given.dataset(given.noise(120), sequence_length=steps, scaler="none", **fields)


def network(dataset: Dataset, cell: str = "gru", **fields: Any) -> Any:
    return build(lookup("model", cell)(units=[4], **fields), dataset.spec, seed=1)


def linear_recursion(dataset: Dataset, weight: float) -> Any:
    """Return a network of h(t) = weight h(t-1) + 2 x(t) that answers -3 h(t)."""
    model = build(lookup("model", "simple_rnn")(units=[1], activation="linear"), dataset.spec, seed=0)
    model.set_weights([np.array([[2.0]]), np.array([[weight]]), np.zeros(1), np.array([[-3.0]]), np.zeros(1)])
    return model


@pytest.mark.parametrize("weight", [0.5, -0.8, 1.0, 1.3])
def test_the_norm_of_a_linear_recursion_is_a_power_of_its_weight(weight: float) -> None:
    dataset = series()
    table = measure_memory(linear_recursion(dataset, weight), dataset, keep)
    assert table["lag"].tolist() == list(range(WINDOW))
    expected = 6 * abs(weight) ** np.arange(WINDOW)
    np.testing.assert_allclose(table["norm"], expected, rtol=1e-4)
    assert not np.allclose(table["norm"], expected[::-1]) or weight == 1


@pytest.mark.parametrize("weight", [0.3, 0.5, 0.8])
def test_the_memory_of_a_linear_recursion_is_three_of_its_time_constants(weight: float) -> None:
    norms = measure_memory(linear_recursion(series(60), weight), series(60), keep)["norm"].to_numpy()
    assert count_memory(norms) == math.ceil(math.log(0.05) / math.log(weight))


def test_a_cell_that_ignores_its_past_remembers_one_step() -> None:
    dataset = series()
    norms = measure_memory(linear_recursion(dataset, 0.0), dataset, keep)["norm"].to_numpy()
    assert (count_memory(norms), norms[1:].max()) == (1, 0)
    assert count_memory(measure_memory(linear_recursion(dataset, 0.9), dataset, keep)["norm"].to_numpy()) > 1


def test_a_network_that_answers_a_constant_remembers_nothing() -> None:
    assert count_memory(np.zeros(5)) == 0
    assert count_memory(np.ones(100)) == 95


@pytest.mark.parametrize(("cell", "horizon"), [("simple_rnn", 1), ("lstm", 2), ("gru", 3), ("min_gru", 1)])
def test_norms_are_those_of_finite_differences(cell: str, horizon: int) -> None:
    dataset = series(6, horizon=horizon)
    model, part, step = network(dataset, cell), dataset.parts["test"], 1e-2
    one = replace(dataset, parts={"test": replace(part, indices=part.indices[:1])})
    x = np.asarray(dataset.batch(part.arrays, part.indices[:1])[0])
    moved = x + step * np.eye(6)[:, :, None]
    slopes = (model.predict(moved, verbose=0) - model.predict(2 * x - moved, verbose=0)) / (2 * step)
    expected = np.linalg.norm(slopes.reshape(6, -1), axis=1)[::-1]
    found = measure_memory(model, one, keep)["norm"]
    np.testing.assert_allclose(found, expected, rtol=0.02, atol=1e-4)
    assert not np.allclose(found, expected[::-1], rtol=0.02, atol=1e-4)


def test_what_pads_a_sequence_is_no_step_of_it() -> None:
    dataset = load(Uneven(task="classification"))
    model, part = network(dataset), dataset.parts["test"]
    alone = []
    for index in part.indices:
        one = replace(dataset, parts={"test": replace(part, indices=np.array([index]))})
        alone.append(measure_memory(model, one, keep)["norm"].to_numpy())
    table = measure_memory(model, dataset, keep)
    assert len({len(norms) for norms in alone}) > 2
    assert len(table) == max(map(len, alone))
    means = [np.mean([norms[lag] for norms in alone if len(norms) > lag]) for lag in range(len(table))]
    np.testing.assert_allclose(table["norm"], means, rtol=1e-4)
    backwards = [np.mean([norms[::-1][lag] for norms in alone if len(norms) > lag]) for lag in range(len(table))]
    assert not np.allclose(table["norm"], backwards, rtol=0.1)


def test_what_moves_the_scores_of_all_classes_alike_does_not_count() -> None:
    dataset = load(Uneven(task="classification"))
    model = network(dataset)
    before = measure_memory(model, dataset, keep)["norm"]
    kernel = model.get_layer("output").kernel
    kernel.assign(np.asarray(kernel) + 7.0)
    np.testing.assert_allclose(measure_memory(model, dataset, keep)["norm"], before, rtol=1e-3)
    kernel.assign(np.asarray(kernel) * 2.0)
    assert not np.allclose(measure_memory(model, dataset, keep)["norm"], before, rtol=0.1)


@pytest.fixture
def text(tmp_path: Path) -> Dataset:
    """Windows of eight letters, no two alike."""
    (tmp_path / "a.txt").write_text("abcdefghijk" * 60)
    return load(corpus(path=str(tmp_path / "a.txt"), sequence_length=8))


def test_tokens_count_by_their_vectors(text: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnnexp.evaluation.memory.MAX_OUTPUTS", 1000)
    model, part, step = network(text, "gru", embedding_dim=3), text.parts["val"], 1e-2
    one = replace(text, parts={"val": replace(part, indices=part.indices[:1])}, scored="val")
    x = np.asarray(text.batch(part.arrays, part.indices[:1])[0])
    embeddings = model.get_layer("embedding").embeddings
    vectors, slopes = np.asarray(embeddings), np.zeros((8, 3, text.spec.output_shape[0]))
    for lag, token in enumerate(x[0, ::-1]):
        for place in range(3):
            for sign in (1, -1):
                moved = vectors.copy()
                moved[token, place] += sign * step
                embeddings.assign(moved)
                scores = model.predict({"past": x, **make_zero_states(model, 1)}, verbose=0)["output"][0, -1]
                slopes[lag, place] += sign * (scores - scores.mean()) / (2 * step)
    embeddings.assign(vectors)
    expected = np.linalg.norm(slopes.reshape(8, -1), axis=1)
    found = measure_memory(model, one, keep)["norm"]
    np.testing.assert_allclose(found, expected, rtol=0.02, atol=1e-4)
    assert not np.allclose(found, expected[::-1], rtol=0.02, atol=1e-4)


def test_vectors_that_are_scores_too_are_moved_only_where_they_are_read(text: Dataset) -> None:
    model = network(text, "lstm", embedding_dim=4, tie_weights=True)
    assert (measure_memory(model, text, keep)["norm"] > 0).all()
    model.get_layer("lstm_1").cell.kernel.assign(np.zeros((4, 16)))
    assert (measure_memory(model, text, keep)["norm"] == 0).all()


def test_estimates_of_many_outputs_are_near_the_exact_norm(text: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    model = network(text, "lstm", embedding_dim=4)
    estimated = measure_memory(model, text, keep)["norm"]
    monkeypatch.setattr("rnnexp.evaluation.memory.MAX_OUTPUTS", 1000)
    exact = measure_memory(model, text, keep)["norm"]
    np.testing.assert_allclose(estimated, exact, rtol=0.2)
    assert not np.allclose(estimated, exact, rtol=1e-4)


def test_of_a_network_that_says_much_of_each_step_fewer_examples_are_taken(
    text: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, part = network(text, "gru", embedding_dim=3), text.parts["val"]
    one = replace(text, parts={"val": replace(part, indices=part.indices[:1])}, scored="val")
    alone = measure_memory(model, one, keep)["norm"]
    text = replace(text, scored="val")
    assert not np.allclose(measure_memory(model, text, keep)["norm"], alone, rtol=1e-3)
    monkeypatch.setattr("rnnexp.evaluation.memory.MAX_NUMBERS", 8 * text.spec.output_shape[0])
    np.testing.assert_allclose(measure_memory(model, text, keep)["norm"], alone, rtol=1e-4)


def test_weights_before_training_are_measured_and_taken_back() -> None:
    dataset = series(8)
    architecture = lookup("model", "gru")(units=[4])
    first, model = build(architecture, dataset.spec, seed=1), build(architecture, dataset.spec, seed=2)
    trained = model.get_weights()
    table = measure_memory(model, dataset, lambda: not draw_weights(architecture, model, seed=1))
    np.testing.assert_allclose(table["initial"], measure_memory(first, dataset, keep)["norm"], rtol=1e-5)
    assert not np.allclose(table["initial"], table["norm"], rtol=0.1)
    assert all(np.array_equal(one, other) for one, other in zip(trained, model.get_weights()))


def test_first_weights_that_are_not_known_leave_an_empty_column() -> None:
    dataset = series(8)
    table = measure_memory(network(dataset), dataset, lambda: False)
    assert table["initial"].isna().all()
    assert table["norm"].notna().all()
    assert "before training" not in legend(draw_memory(table))


def test_the_picture_names_both_curves_and_the_memory() -> None:
    dataset = series(8)
    table = measure_memory(network(dataset), dataset, keep)
    memory = count_memory(table["norm"].to_numpy())
    assert legend(draw_memory(table)) == ["after training", "before training", f"effective memory: {memory} of 8 steps"]
    assert [*describe_memory({"memory": table})] == [f"effective memory: {memory} of 8 steps"]
    assert [*describe_memory({"memory": table[:3]})] == [*describe_memory({})] == []


def legend(figure: Any) -> list[str]:
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


@pytest.mark.parametrize(
    ("dataset", "make", "reason"),
    [
        (lambda: load(reverse_digits(examples=40)), lambda dataset: None, "have no steps in common"),
        (lambda: series(1), network, "an example has one step"),
        (series, lambda dataset: linear_recursion(dataset, 1e30), "is not finite"),
    ],
)
def test_what_has_no_memory_to_be_counted_says_why(
    dataset: Callable[[], Dataset], make: Callable[[Dataset], Any], reason: str
) -> None:
    loaded = dataset()
    with pytest.raises(Undefined, match=reason):
        measure_memory(make(loaded), loaded, keep)
