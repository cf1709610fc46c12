"""The function of words beside a network of texts, from the file to the saved model."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnexp as rx
from rnnexp import runner
from rnnexp.errors import ConfigError
from rnnexp.models import bundle
from rnnexp.models.inference import predict
from rnnexp.models.logits import log_softmax, softmax
from rnnexp.models.word_path import TABLES
from rnnexp.tasks.classification import fit_words as fit_words_module
from rnnexp.tasks.classification.fit_words import LEAST_WEIGHT, MOST_WEIGHT, Mixture, count_words, fit_words, weigh
from rnnexp.tasks.classification.text_baselines import fit_nb_svm

LINES = ("data=text_lines", "data.path=t.txt", "data.buckets=2", "data.seed=0", "model=gru", "model.units=[3]")
QUICK = ("model.embedding_dim=3", "trainer.epochs=2", "trainer.batch_size=16", "tracking=off", "resume=never")
PLAIN = (*LINES, *QUICK)
BOTH = (*PLAIN, "model.skip_connection=nb_svm")


def write_texts(path: str = "t.txt", number: int = 300) -> None:
    """Write texts whose label is told by a word and by whether `not` stands before it, most of the time."""
    dice = random.Random(0)
    lines = []
    for _ in range(number):
        good, turned = dice.random() < 0.5, dice.random() < 0.4
        words = dice.choices(["film", "the", "of", "a", "plot", "scene"], k=dice.randrange(1, 6))
        told = ["not"] * turned + ["good" if good else "bad"]
        place = dice.randrange(len(words) + 1)
        label = (good != turned) != (dice.random() < 0.1)
        lines.append(" ".join(["pos" if label else "neg", *words[:place], *told, *words[place:]]))
    Path(path).write_text("\n".join(lines) + "\n")


def run(folder: Path, *words: str) -> Any:
    return rx.run(rx.compose(*words), run_dir=folder, quiet=True)


def ask(folder: Path, dataset: Any, part: str) -> np.ndarray:
    """Return the logits of a saved network for a part."""
    own = dataset.parts[part]
    return predict(bundle.load(folder / "model").model, dataset.batch(own.arrays, own.indices)[0])


def test_the_saved_network_adds_words_with_the_weights_that_validation_texts_ask_for(tmp_path: Path) -> None:
    write_texts()
    alone, both = run(tmp_path / "alone", *PLAIN), run(tmp_path / "both", *BOTH)
    assert alone.history.epochs[-1]["val/loss"] == both.history.epochs[-1]["val/loss"], "words changed the training"
    dataset = both.dataset
    words = fit_words(dataset)
    known = {part: words.score(count_words(dataset, part)) for part in ("val", "test")}
    mixture = weigh(ask(tmp_path / "alone", dataset, "val"), known["val"], dataset.truth("val"))
    expected = mixture.add(ask(tmp_path / "alone", dataset, "test"), known["test"])
    found = ask(tmp_path / "both", dataset, "test")
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
    assert np.abs(found - ask(tmp_path / "alone", dataset, "test")).max() > 0.1
    (note,) = [note for note in both.report.notes if note.startswith("skip_connection")]
    assert f"the network alone has accuracy {alone.metrics['test/accuracy']:.5g}, words" in note
    assert f"both {both.metrics['test/accuracy']:.5g}; they are added with weights {mixture.network:.3g} and" in note
    assert note.endswith("; the network tells nothing beside them") == (mixture.network == LEAST_WEIGHT)
    assert both.metrics["test/accuracy"] > alone.metrics["test/accuracy"]
    assert (tmp_path / "both/model/model.keras").exists()
    assert both.metrics["model/effective_memory"] > 0


@pytest.mark.end_to_end
def test_keras_alone_loads_the_network_with_its_words(tmp_path: Path) -> None:
    write_texts()
    result = run(tmp_path, *BOTH)
    own = result.dataset.parts["test"]
    x = result.dataset.batch(own.arrays, own.indices)[0]
    np.savez(tmp_path / "x.npz", **x)
    program = (
        "import sys, keras, numpy as np\n"
        "x = dict(np.load('x.npz'))\n"
        "np.save('y.npy', keras.saving.load_model('model/model.keras', compile=False).predict(x, verbose=0))\n"
        "assert 'rnnexp' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, capture_output=True)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), softmax(ask(tmp_path, result.dataset, "test")), atol=1e-5)


@pytest.mark.end_to_end
@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
def test_other_backends_fit_the_same_words(backend: str, tmp_path: Path) -> None:
    write_texts()
    result = run(tmp_path / "here", *BOTH)
    there = tmp_path / "there"
    command = [sys.executable, "-m", "rnnexp", "train", *BOTH, f"backend={backend}", f"hydra.run.dir={there}"]
    subprocess.run(command, check=True, capture_output=True)
    here, found = ask(tmp_path / "here", result.dataset, "test"), ask(there, result.dataset, "test")
    np.testing.assert_allclose(found, here, rtol=0.01, atol=0.02)
    for name in TABLES:
        tables = [bundle.load(one / "model").model.get_layer(name).embeddings for one in (tmp_path / "here", there)]
        np.testing.assert_allclose(np.asarray(tables[1]), np.asarray(tables[0]), rtol=0.05, atol=1e-3)
        assert np.abs(np.asarray(tables[0])).max() > 0.1


@pytest.mark.end_to_end
def test_each_network_of_an_ensemble_has_words_of_its_own_weight(tmp_path: Path) -> None:
    write_texts()
    result = run(tmp_path, *BOTH, "ensemble=3")
    notes = [note for note in result.report.notes if note.startswith("skip_connection")]
    assert len(set(notes)) == 3
    assert result.metrics["members/accuracy"] > 0.7
    model = bundle.load(tmp_path / "model").model
    tables = [np.asarray(weight) for weight in model.weights if "skip_words" in weight.path]
    assert len(tables) == 3
    assert not np.allclose(tables[0], tables[1])


@pytest.mark.end_to_end
def test_jobs_that_are_trained_together_get_the_words_that_they_would_get_alone(tmp_path: Path) -> None:
    from rnnexp.runner.context import Membership, RunContext
    from rnnexp.runner.vectorized import run_vectorized

    write_texts()
    experiments = [rx.compose(*BOTH, f"seed={seed}") for seed in (0, 1, 2)]
    contexts, ended = [], dict[int, Any]()
    for number in range(3):
        (folder := tmp_path / str(number)).mkdir()
        contexts.append(RunContext(folder, member=Membership("test", None, number)))
    run_vectorized(experiments, contexts, lambda index, result: ended.update({index: result}), lambda _: None)
    for number, experiment in enumerate(experiments):
        single = rx.run(experiment, run_dir=tmp_path / f"alone{number}", quiet=True)
        member, dataset = ended[number], single.dataset
        assert member.metrics["test/accuracy"] == pytest.approx(single.metrics["test/accuracy"], abs=0.03)
        found, expected = (ask(tmp_path / name, dataset, "test") for name in (str(number), f"alone{number}"))
        np.testing.assert_allclose(found, expected, rtol=0.05, atol=0.05)


def test_without_a_validation_set_it_is_refused_before_the_training(tmp_path: Path) -> None:
    write_texts()
    none = "data.split={train: 0.8, val: 0, test: 0.2}"
    with pytest.raises(ConfigError, match="chosen on a validation set, and there is none; set data.split.val"):
        run(tmp_path, *BOTH, none)
    assert run(tmp_path / "alone", *PLAIN, none).metrics["test/accuracy"] > 0


def test_more_words_than_can_be_counted_have_no_part_in_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_texts()
    monkeypatch.setattr(fit_words_module, "MOST_GRAMS", 1000)
    alone, both = run(tmp_path / "alone", *PLAIN), run(tmp_path / "both", *BOTH)
    assert "skip_connection: words have no part in the answer: the texts have more than 1e+03 words" in " ".join(
        both.report.notes
    )
    assert np.array_equal(ask(tmp_path / "both", both.dataset, "test"), ask(tmp_path / "alone", both.dataset, "test"))
    assert alone.metrics["test/accuracy"] == both.metrics["test/accuracy"]


def test_hashed_pairs_tell_as_much_as_those_of_the_baseline(shared_data: Path) -> None:
    words = ("data=text_lines", "data.path=sst2/stsa.binary.train", "data.test_path=sst2/stsa.binary.test")
    dataset = runner.load_data(
        rx.compose(*words, f"data.root={shared_data}", "data.tokens=blank", "data.min_count=1", *QUICK)
    )
    truth = dataset.truth("test")
    hashed = fit_words(dataset).score(count_words(dataset, "test")).argmax(axis=1)
    texts = {part: [dataset.texts[int(place)] for place in dataset.list_examples(part)] for part in ("train", "test")}
    baseline = fit_nb_svm(texts["train"], dataset.truth("train"), 2).predict(texts["test"]).argmax(axis=1)
    accuracies = [float((found == truth).mean()) for found in (hashed, baseline)]
    assert accuracies[0] > accuracies[1] - 0.015
    assert min(accuracies) > 0.79


def test_the_weights_have_the_lowest_log_loss() -> None:
    dice = np.random.default_rng(0)
    labels = dice.integers(0, 3, 400)
    network, words = (strength * np.eye(3)[labels] + dice.normal(size=(400, 3)) for strength in (1.0, 2.0))
    found = weigh(network, words, labels)

    def lose(network_weight: float, words_weight: float) -> float:
        logs = log_softmax(Mixture(network_weight, words_weight).add(network, words))
        return -float(logs[np.arange(400), labels].mean())

    best = lose(found.network, found.words)
    for moved in ((0.05, 0), (-0.05, 0), (0, 0.05), (0, -0.05)):
        assert lose(found.network + moved[0], found.words + moved[1]) > best
    assert found.words > found.network > 0


def test_what_only_misleads_counts_nothing_and_what_is_always_right_counts_no_more_than_the_limit() -> None:
    labels = np.arange(60) % 3
    truth = np.eye(3)[labels]
    assert weigh(truth + np.random.default_rng(0).normal(size=(60, 3)), -truth, labels).words == 0
    assert weigh(np.zeros((60, 3)), truth, labels).words <= MOST_WEIGHT
