"""Classifiers of sequences and texts as folders: they answer as before, here and in programs that have only Keras."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnexp.data.labeled import Sequences
from rnnexp.data.source import SequenceSource
from rnnexp.data.sources.labeled_texts import text_lines
from rnnexp.errors import DataError
from rnnexp.models import bundle, exporter
from rnnexp.models.build import build, find_given_weights
from rnnexp.models.logits import softmax
from rnnexp.registry import lookup, settings
from rnnexp.tasks import load
from rnnexp.tracking.pyfunc import Served

LINES = "pos a good film\nneg a bad film\npos good good fun\nneg bad and dull\npos fun\nneg dull dull film\n" * 3
WORDS = {"good": [1.0, 0.0], "bad": [-1.0, 0.5], "film": [0.25, 0.75], "elsewhere": [9.0, 9.0]}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "mask": ("gru", {"units": [3, 2], "bidirectional": True}),
    "attention": ("simple_rnn", {"units": [3], "pooling": "attention"}),
    "cnn_lstm": ("cnn_lstm", {"units": [2], "filters": [3, 2], "pool_size": 2, "kernel_size": 3}),
    "lstm_fcn": ("lstm_fcn", {"units": [2], "filters": [3], "kernel_sizes": [3], "pooling": "mean"}),
    "texts": ("lstm", {"units": [2], "embedding_dim": 3, "pooling": "max"}),
}


@settings
class Ragged(SequenceSource):
    """Sequences of 2 to 5 steps and two channels."""

    name: str = "ragged"
    task: str = "classification"
    scaler: str = "standard"

    def read(self) -> Sequences:
        generator = np.random.default_rng(0)
        many = [generator.normal(3, 2, size=(2 + i % 4, 2)) for i in range(20)]
        return Sequences.of(many, [("up", "down")[i % 2] for i in range(20)], channels=("north", "east"))


def texts(**fields: Any) -> Any:
    Path("t.txt").write_text(LINES)
    return load(text_lines(path="t.txt", min_count=1, **fields))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Any, Any]]:
    """Save one model of each kind, its weights away from where they start: name -> folder, model, dataset."""
    generator, made = np.random.default_rng(1), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("data"))
        for key, (name, fields) in MODELS.items():
            dataset = texts() if key == "texts" else load(Ragged())
            architecture = lookup("model", name)(**fields)
            model = build(architecture, dataset.spec, seed=1)
            for weight in model.weights:
                weight.assign(generator.uniform(0.3, 0.9, weight.shape))
            folder = tmp_path_factory.mktemp(key)
            exporter.save(folder, bundle.Bundle(model, dataset.spec, dataset.scaling, architecture))
            made[key] = folder, model, dataset
    return made


@pytest.mark.parametrize("key", MODELS)
def test_a_loaded_classifier_answers_as_the_saved_one(saved: dict[str, tuple[Path, Any, Any]], key: str) -> None:
    folder, model, dataset = saved[key]
    chosen = dataset.parts["test"]
    x = dataset.batch(chosen.arrays, chosen.indices)[0]
    outputs = model.predict_on_batch(x)
    loaded = bundle.load(folder)
    assert loaded.spec == dataset.spec
    assert np.array_equal(loaded.model.predict_on_batch(x), outputs)
    wanted = softmax(outputs)
    assert np.allclose(loaded.predict(x), wanted, rtol=1e-5)
    if key == "texts":
        raw: Any = [dataset.texts[i] for i in chosen.indices]
    else:
        raw = [dataset.sequences.one(i) for i in chosen.indices]
    answer = Served(loaded).predict(raw)
    np.testing.assert_allclose(answer.drop(columns="label").to_numpy(), wanted, rtol=1e-5)
    assert answer["label"].tolist() == [dataset.spec.classes[i] for i in wanted.argmax(axis=1)]
    assert not np.allclose(Served(loaded).predict(raw[::-1]).drop(columns="label").to_numpy(), wanted, rtol=1e-5)


@pytest.mark.end_to_end
def test_programs_without_this_package_can_load_them_and_get_probabilities(
    saved: dict[str, tuple[Path, Any, Any]], in_new_process: Any
) -> None:
    wanted = {}
    for key, (folder, model, dataset) in saved.items():
        x = dataset.batch(dataset.parts["test"].arrays, dataset.parts["test"].indices)[0]
        np.savez(folder / "x.npz", **x)
        wanted[key] = softmax(model.predict_on_batch(x)).ravel().tolist()
    script = """
import json, sys, keras, numpy as np
found = {}
for key, folder in json.loads(sys.argv[1]).items():
    model = keras.models.load_model(folder + "/model.keras")
    found[key] = np.asarray(model.predict_on_batch(dict(np.load(folder + "/x.npz")))).ravel().tolist()
print(json.dumps(found))
assert not any(name.startswith("rnnexp") for name in sys.modules)
"""
    process = in_new_process(script, json.dumps({key: str(folder) for key, (folder, _, _) in saved.items()}))
    assert process.returncode == 0, process.stderr
    found = json.loads(process.stdout.splitlines()[-1])
    assert list(found) == list(wanted)
    for key, values in wanted.items():
        assert found[key] == pytest.approx(values, rel=1e-5), key
    assert found["mask"] != pytest.approx(found["cnn_lstm"], rel=1e-5)


OLD = Path(__file__).with_name("format_1")


@pytest.mark.parametrize("kind", ["sequences", "texts"])
def test_a_classifier_of_format_1_answers_as_it_did(kind: str) -> None:
    said = json.loads((OLD / kind / "answers.json").read_text())
    loaded = bundle.load(OLD / kind)
    raw = said["inputs"] if kind == "texts" else [np.array(one) for one in said["inputs"]]
    answer = Served(loaded).predict(raw)
    assert loaded.spec.outputs == "probabilities"
    assert answer["label"].tolist() == said["answers"]["label"]
    for column in set(said["answers"]) - {"label"}:
        np.testing.assert_allclose(answer[column], said["answers"][column], rtol=1e-6)
    other = Served(loaded).predict(raw[::-1])
    assert not np.allclose(other.iloc[:, 1], answer.iloc[:, 1], rtol=1e-6)


@pytest.mark.parametrize("key", ["mask", "lstm_fcn", "texts"])
def test_a_classifier_that_was_saved_with_its_softmax_keeps_every_bit(
    saved: dict[str, tuple[Path, Any, Any]], key: str, tmp_path: Path
) -> None:
    import keras

    folder, model, dataset = saved[key]
    about = json.loads((folder / "model.json").read_text())
    assert about["spec"]["outputs"] == "logits"
    about["spec"]["outputs"] = "probabilities"
    shutil.copytree(folder, tmp_path / "earlier")
    (tmp_path / "earlier" / "model.json").write_text(json.dumps(about))
    x = dataset.batch(dataset.parts["test"].arrays, dataset.parts["test"].indices)[0]
    last = model.get_layer("output")
    closed = keras.layers.Dense(last.units, activation="softmax", name="as_earlier")
    before = keras.Model(model.input, closed(last.input))
    closed.set_weights(last.get_weights())
    found = bundle.load(tmp_path / "earlier").predict(x)
    assert np.array_equal(found, before.predict_on_batch(x))
    assert not np.array_equal(found, bundle.load(folder).predict(x))  # in float64


def test_raw_sequences_are_scaled_and_padded_as_in_training(saved: dict[str, tuple[Path, Any, Any]]) -> None:
    _, _, dataset = saved["mask"]
    pipeline = bundle.load(saved["mask"][0]).preprocessor
    assert pipeline == dataset.pipeline
    x = dataset.batch(dataset.parts["test"].arrays, dataset.parts["test"].indices)[0]
    again = pipeline.inputs([dataset.sequences.one(i) for i in dataset.parts["test"].indices])
    steps = again["mask"].shape[1]
    assert np.array_equal(again["mask"], x["mask"][:, :steps])
    np.testing.assert_allclose(again["past"], x["past"][:, :steps], rtol=1e-6)


def test_shorter_sequences_may_be_filled_up_with_nan(saved: dict[str, tuple[Path, Any, Any]]) -> None:
    served = Served(bundle.load(saved["attention"][0]))
    array = np.ones((2, 5, 2))
    array[1, 3:] = np.nan
    alone = served.predict([array[0], array[1, :3]])
    assert served.predict(array).equals(alone)
    assert not np.allclose(alone["p(up)"][0], alone["p(up)"][1], rtol=1e-5)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.ones((2, 5)), r"sequences must be an array \(n, time, channels\), not of the shape \(2, 5\)"),
        ([np.ones((5, 3))], r"sequence 1 has the shape \(5, 3\); the model takes \(time, 2\)"),
        ([np.ones((5, 2)), np.ones((0, 2))], "sequence 2 has 0 steps; the model takes at least 1"),
        ([np.full((5, 2), [1, np.inf])], "sequence 1, step 1, channel `east` is not finite"),
        (np.full((1, 3, 2), np.nan), "sequence 1, step 1, channel `north` is not finite"),
        ([["a", "b"]], "sequence 1 is not an array of numbers"),
        ([], "there are no sequences"),
        (np.ones((0, 5, 2)), "there are no sequences"),
    ],
)
def test_rows_that_are_no_sequences_are_refused(saved: Any, rows: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Served(bundle.load(saved["mask"][0])).predict(rows)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a good film", "texts must be a list of them, not one: a good film"),
        (["good", None], "text 2 is None, not a text"),
        (["good", float("nan")], "text 2 is nan, not a text"),
        (["good", " "], "text 2: the text is empty"),
        ([], "there are no texts"),
    ],
)
def test_rows_that_are_no_texts_are_refused(saved: Any, rows: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Served(bundle.load(saved["texts"][0])).predict(rows)


def vectors() -> str:
    Path("v.txt").write_text("".join(f"{word} {' '.join(map(str, v))}\n" for word, v in WORDS.items()))
    return "v.txt"


@pytest.mark.parametrize("trainable", [True, False])
def test_pretrained_vectors_reach_the_embedding(trainable: bool) -> None:
    dataset = texts(vectors=vectors())
    ids = dataset.pipeline.encoder.vocabulary.ids
    architecture = lookup("model", "simple_rnn")(units=[2], embedding_trainable=trainable)
    model = build(architecture, dataset.spec, 0, find_given_weights(architecture, dataset))
    table = np.asarray(model.get_layer("embedding").embeddings)
    assert table.shape == (len(dataset.pipeline.encoder.vocabulary), 2)
    assert {word: table[ids[word]].tolist() for word in ("good", "bad", "film")} == {
        word: WORDS[word] for word in ("good", "bad", "film")
    }
    assert not np.allclose(np.asarray(build(architecture, dataset.spec, 0).get_layer("embedding").embeddings), table)
    model.compile("sgd", lookup("loss", "cross_entropy")().build())
    x, y, _ = dataset.batch(dataset.parts["train"].arrays, dataset.parts["train"].indices)
    model.train_on_batch(x, y)
    after = np.asarray(model.get_layer("embedding").embeddings)
    assert np.array_equal(after, table) != trainable
    exporter.save(Path("m"), bundle.Bundle(model, dataset.spec, dataset.scaling, architecture))
    loaded = bundle.load(Path("m"))
    assert np.array_equal(np.asarray(loaded.model.get_layer("embedding").embeddings), after)
    assert loaded.model.get_layer("embedding").trainable == trainable


def test_another_size_than_that_of_the_vectors_is_refused() -> None:
    from rnnexp.errors import ConfigError

    with pytest.raises(ConfigError, match=r"model\.embedding_dim: 3 given, but data\.vectors have 2; use null"):
        build(lookup("model", "gru")(embedding_dim=3), texts(vectors=vectors()).spec, seed=0)
