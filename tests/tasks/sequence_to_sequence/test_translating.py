"""An encoder-decoder writes step by step what it has learned to write at once."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnexp as rx
from rnnexp import runner
from rnnexp.cli.main import main
from rnnexp.cli.summary import summary
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.errors import ConfigError
from rnnexp.models.beam_search import Decoding, decode
from rnnexp.models.build import build
from rnnexp.models.logits import log_softmax
from rnnexp.registry import lookup
from rnnexp.tasks import load
from rnnexp.tasks.sequence_to_sequence import ibm_model1 as dictionaries
from rnnexp.training.fit import fit

START, END, WORDS = 2, 3, 7
SPEC = TaskSpec(
    "sequence_to_sequence",
    {
        "past": InputSpec((None,), "int32", 9),
        "mask": InputSpec((None,), "bool"),
        "previous": InputSpec((None,), "int32", WORDS),
    },
    (WORDS,),
    outputs="logits",
    scores_of="previous",
    per_step=True,
)
KINDS: list[dict[str, Any]] = [
    {"cell": "gru", "attention": None},
    {"cell": "lstm", "attention": "additive", "bidirectional": True, "units": [5, 4]},
    {"cell": "gru", "attention": "dot", "units": [4, 4]},
    {"cell": "gru", "attention": "additive", "units": [4], "tie_weights": True},
]
each_kind = pytest.mark.parametrize("settings", KINDS, ids=lambda s: " ".join(f"{value}" for value in s.values()))


def network(settings: dict[str, Any], scale: float = 6) -> Any:
    model = build(lookup("model", "encoder_decoder")(**{"units": [5], "embedding_dim": 4, **settings}), SPEC, seed=0)
    for weight in model.trainable_weights:  # so that what is written differs from text to text
        weight.assign(np.asarray(weight) * scale if "output" in weight.path else np.asarray(weight) * 3)
    return model


def texts(lengths: tuple[int, ...] = (4, 2, 3)) -> dict[str, np.ndarray]:
    generator, most = np.random.default_rng(1), max(lengths)
    past = np.zeros((len(lengths), most), np.int32)
    for row, length in enumerate(lengths):
        past[row, :length] = generator.integers(2, 9, length)
    return {"past": past, "mask": np.arange(most) < np.array(lengths)[:, None]}


def at_once(model: Any, inputs: dict[str, np.ndarray], ids: np.ndarray) -> np.ndarray:
    """Return the log probabilities of given texts by the network that was trained, all steps at once."""
    previous = np.concatenate([np.full((len(ids), 1), START, np.int32), ids[:, :-1]], axis=1)
    logs = log_softmax(np.asarray(model.predict_on_batch({**inputs, "previous": previous}), np.float64))
    return np.take_along_axis(logs, ids[..., None], axis=2)[..., 0]


@each_kind
def test_step_by_step_is_what_the_network_gives_at_once(settings: dict[str, Any]) -> None:
    model, inputs = network(settings), texts()
    found = decode(model, inputs, Decoding(START, END, 6))
    logs = at_once(model, inputs, found.ids)
    for row, ids in enumerate(found.ids):
        steps = int(np.argmax(ids == END)) + 1 if (ids == END).any() else len(ids)
        assert found.log_probability[row] == pytest.approx(logs[row, :steps].sum(), abs=1e-4)
    previous = np.concatenate([np.full((3, 1), START, np.int32), found.ids[:, :-1]], axis=1)
    scores = np.asarray(model.predict_on_batch({**inputs, "previous": previous}))
    assert (scores.argmax(axis=2)[:, 0] == found.ids[:, 0]).all()


@each_kind
def test_padding_changes_nothing(settings: dict[str, Any]) -> None:
    model, inputs = network(settings), texts()
    together = decode(model, inputs, Decoding(START, END, 5))
    for row, length in enumerate((4, 2, 3)):
        alone = decode(model, {n: v[row : row + 1, :length] for n, v in inputs.items()}, Decoding(START, END, 5))
        assert alone.ids[0].tolist() == together.ids[row].tolist()
        assert alone.log_probability[0] == pytest.approx(together.log_probability[row], abs=1e-5)
    assert np.ptp(together.log_probability) > 1e-3  # what is written depends on the text


def test_tied_weights_are_the_vectors_of_the_words_that_are_written() -> None:
    tied, own = (network({"units": [4], "tie_weights": tie}) for tie in (True, False))
    assert own.count_params() - tied.count_params() == 4 * WORDS + WORDS
    before, inputs = (
        np.asarray(tied.get_layer("target_embedding").embeddings),
        {**texts(), "previous": np.full((3, 1), START)},
    )
    scores = np.asarray(tied.predict_on_batch(inputs))
    after = before.copy()
    after[WORDS - 1] = 0  # a word that has not been written yet
    tied.get_layer("target_embedding").embeddings.assign(after)
    found = np.asarray(tied.predict_on_batch(inputs))
    assert (found[..., -1] == 0).all()
    np.testing.assert_allclose(found[..., :-1], scores[..., :-1], atol=1e-6)
    assert np.abs(scores[..., -1]).min() > 1e-4


@pytest.mark.parametrize("tie", [True, False])
def test_what_the_decoder_reads_varies_as_much_as_its_states(tie: bool) -> None:
    import keras

    model = build(lookup("model", "encoder_decoder")(units=[100], embedding_dim=100, tie_weights=tie), SPEC, seed=0)
    read = keras.Model(model.input, model.get_layer("dropout_target").input)
    vectors = np.asarray(read.predict_on_batch({**texts(), "previous": np.arange(WORDS)[None].repeat(3, axis=0)}))
    assert vectors.std() == pytest.approx(1, abs=0.05)
    kept = np.asarray(model.get_layer("target_embedding").embeddings)
    assert kept.std() == pytest.approx(0.1 if tie else 1, rel=0.05)


def test_tied_weights_need_vectors_as_wide_as_the_last_layer() -> None:
    with pytest.raises(
        ConfigError, match="the last layer has 256 units and the embedding 128; set model.embedding_dim="
    ):
        rx.compose("data=reverse_digits", "model=encoder_decoder", "model.tie_weights=true")
    with pytest.raises(ConfigError, match="model.tie_weights: true given, but the data have no tokens to predict"):
        rx.compose("data=airline_passengers", "model=encoder_decoder", "model.tie_weights=true")


def test_a_wide_beam_finds_the_best_text_of_all() -> None:
    model, inputs = network(KINDS[0], scale=1), texts((3,))
    most, alpha = 3, 0.6
    best, best_value = None, -np.inf
    for ids in itertools.product(range(WORDS), repeat=most):
        steps = ids.index(END) + 1 if END in ids else most
        if any(token != END for token in ids[steps:]):
            continue
        logs = at_once(model, inputs, np.array([ids], np.int32))[0, :steps].sum()
        value = logs / ((5 + steps) / 6) ** alpha
        if value > best_value:
            best, best_value = list(ids), value
    found = decode(model, inputs, Decoding(START, END, most, beam=WORDS**2, length_penalty=alpha))
    assert found.ids[0].tolist() == best
    greedy = decode(model, inputs, Decoding(START, END, most))
    assert found.log_probability[0] >= greedy.log_probability[0] - 1e-6


def test_a_beam_of_one_is_greedy_and_a_penalty_prefers_longer_texts() -> None:
    model, inputs = network(KINDS[0], scale=1), texts()
    one = decode(model, inputs, Decoding(START, END, 6, beam=1, length_penalty=0))
    assert one.ids.tolist() == decode(model, inputs, Decoding(START, END, 6, beam=1, length_penalty=2)).ids.tolist()
    short, long = (decode(model, inputs, Decoding(START, END, 6, beam=5, length_penalty=alpha)) for alpha in (0.0, 5.0))
    assert (long.ids != END).sum() > (short.ids != END).sum()


def test_writing_ends_after_the_most_tokens() -> None:
    model = network(KINDS[0])
    model.get_layer("output").bias.assign([0, 0, 0, -99, 0, 0, 0])
    found = decode(model, texts(), Decoding(START, END, 5, beam=2))
    assert found.ids.shape == (3, 5)
    assert (found.ids != END).all()


def test_attention_looks_at_the_text_alone_and_adds_up_to_one() -> None:
    found = decode(network(KINDS[1]), texts(), Decoding(START, END, 4, beam=3))
    assert found.attention is not None
    np.testing.assert_allclose(found.attention.sum(axis=2), 1, atol=1e-5)
    assert found.attention[1, :, 2:].max() < 1e-6 < found.attention[1, :, :2].min()
    assert decode(network(KINDS[0]), texts(), Decoding(START, END, 4)).attention is None


def test_the_dictionary_finds_which_word_stands_for_which() -> None:
    sources = [text.split() for text in ("the house", "the book", "a book", "the small house")]
    targets = [text.split() for text in ("das haus", "das buch", "ein buch", "das kleine haus")]
    learned = {word: next(iter(found)) for word, found in dictionaries.learn_table(sources, targets, 1).items()}
    assert learned == {
        "the": "das", "house": "haus", "book": "buch", "a": "ein", "small": "kleine",
    }  # fmt: skip
    dictionary = dictionaries.Dictionary(learned)
    assert dictionary.predict([["a", "small", "cat"]]) == [["ein", "kleine", "cat"]]
    frequent = dictionaries.fit_most_frequent([["b"], ["c"], ["a", "b"], ["a", "b"], ["b"]], " ".join)
    assert frequent.predict([["x"], ["y"]]) == [["a", "b"], ["a", "b"]]


TRAIN = ("data=reverse_digits", "data.examples=900", "data.shortest=2", "data.longest=3", "model=encoder_decoder",
         "model.units=[32]", "model.embedding_dim=8", "model.attention=dot", "trainer.epochs=12",
         "trainer.batch_size=32", "optimizer.learning_rate=0.02", "schedule=cosine")  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> rx.RunResult:
    folder = tmp_path_factory.mktemp("reversed")
    experiment = rx.compose(*TRAIN, f"tracking.uri=sqlite:///{folder / 'mlflow.db'}")
    (folder / "run").mkdir()
    return rx.run(experiment, folder / "run", quiet=True)


def test_a_run_is_scored_beside_a_dictionary(run: rx.RunResult) -> None:
    assert run.metrics["test/exact_match"] > 0.9
    assert run.metrics["baseline/dictionary/exact_match"] < 0.5
    assert run.metrics["test/perplexity"] == pytest.approx(np.exp(run.metrics["test/nats"]))
    table = run.report.tables["predictions"]
    assert (table["right"] == (table["written"] == table["references"].str.split(" | ", regex=False).str[0])).all()
    assert table["right"].mean() == pytest.approx(run.metrics["test/exact_match"])
    figures = {file.name for file in (run.run_dir / "figures").glob("*.png")}
    assert {"attention.png", "exact_by_length.png"} <= figures


def test_it_writes_from_texts_and_files(run: rx.RunResult, capsys: pytest.CaptureFixture[str]) -> None:
    Path("three.txt").write_text("12\n345\n90\n")
    assert main(["predict", str(run.run_dir), "three.txt", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["example"] for row in rows] == ["line 1", "line 2", "line 3"]
    assert sum(row["written"] == row["text"][::-1] for row in rows) >= 2
    assert main(["predict", str(run.run_dir), "12", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["written"] == rows[0]["written"]


def test_its_own_test_part_has_the_score_of_the_run(run: rx.RunResult, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(run.run_dir), "--part", "test", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["metrics"]["test/exact_match"] == run.metrics["test/exact_match"]
    assert found["metrics"]["test/nats"] == pytest.approx(run.metrics["test/nats"], rel=1e-5)
    assert f"on the test set, {found['examples']} sources" in "\n".join(summary(run))
    assert found["examples"] < run.metrics["data/n_test"]  # a source that stands there twice is scored once


def test_other_pairs_are_scored_and_known_sources_are_counted(
    run: rx.RunResult, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("evaluate", str(run.run_dir), "--json", "--data", "seed=5")
    assert main([*given, "examples=40"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["metrics"]["all/exact_match"] > 0.8
    assert any("of the 40 sources are among those that the run was trained on" in note for note in found["notes"])


def test_mlflow_serves_raw_texts(run: rx.RunResult) -> None:
    import mlflow
    import pandas

    mlflow.set_tracking_uri(run.experiment.tracking.uri)
    served = mlflow.pyfunc.load_model(f"runs:/{run.run_id}/model")
    found = served.predict(pandas.DataFrame({"text": ["12", "345"]}))
    assert list(found.columns) == ["text", "written", "log_probability"]
    assert sum(found["written"] == [text[::-1] for text in found["text"]]) >= 1
    assert (found["log_probability"] <= 0).all()


def train_losses(*overrides: str) -> np.ndarray:
    experiment = rx.compose(*TRAIN, "tracking=off", "trainer.epochs=2", "data.examples=200", *overrides)
    dataset = runner.load_data(experiment)
    model = runner.build_model(experiment, dataset, runner.configure_runtime(experiment, None))
    history = fit(model, dataset, runner.make_plan(experiment, Path())(dataset.spec))
    return np.array([epoch["train/loss"] for epoch in history.epochs])


@pytest.mark.end_to_end
def test_engines_agree() -> None:
    first, second = train_losses("trainer.engine=compiled")
    np.testing.assert_allclose(train_losses("trainer.engine=keras"), [first, second], rtol=2e-5)
    assert second < first * (1 - 2e-3)  # a step more or less would be seen


def test_sentences_are_judged_by_sacrebleu() -> None:
    pytest.importorskip("sacrebleu")
    from rnnexp.data.sources.text_pairs import text_pairs
    from rnnexp.tasks.sequence_to_sequence.report import scores

    Path("p.tsv").write_text("go on\tva donc là\nstop now\tarrête tout de suite\n" * 4)
    pipeline = load(text_pairs(path="p.tsv", split="none")).pipeline
    references = [["Allez là !", "Va donc là !"], ["arrête tout de suite"]]
    exact = scores(["va donc là !", "arrête tout de suite"], references, pipeline)
    assert exact["bleu"] == pytest.approx(100)
    assert exact["exact_match"] == 1
    worse = scores(["va donc là", "arrête tout de suite !"], references, pipeline)
    assert worse["exact_match"] == 0
    assert 0 < worse["bleu"] < 100
    fewer = scores(["va donc là !", "arrête tout de suite"], [own[:1] for own in references], pipeline)
    assert fewer["exact_match"] == 0.5
    assert fewer["bleu"] < 100
