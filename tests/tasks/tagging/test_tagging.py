"""A tagger from its file to its answers: padding is exact, scores are of tokens, and what follows a word counts."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnexp as rx
from rnnexp.cli.main import main
from rnnexp.data import padding
from rnnexp.data.dataset import Part
from rnnexp.data.sources.text_tags import text_tags
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.errors import ConfigError, DataError
from rnnexp.models.build import build
from rnnexp.registry import lookup
from rnnexp.runner.context import Membership, RunContext
from rnnexp.runner.groups import GroupStore
from rnnexp.runner.program_key import make_program_key
from rnnexp.runner.vectorized import run_vectorized
from rnnexp.tasks import load
from rnnexp.tasks.tagging import baselines as tag_baselines
from rnnexp.tasks.tagging.report import scores
from rnnexp.training.class_weights import make_weigher

LENGTHS, PADDED = (1, 5, 3, 4), 8
INPUTS = {"past": InputSpec((None,), "int32", 7), "mask": InputSpec((None,), "bool")}
SPEC = TaskSpec(
    "tagging",
    INPUTS,
    (3,),
    outputs="logits",
    per_step=True,
    sees_future=True,
    classes=("a", "b", "c"),
    loss="token_cross_entropy",
)
KINDS: list[tuple[str, dict[str, Any]]] = [
    ("simple_rnn", {"bidirectional": True}),
    ("lstm", {"bidirectional": True, "units": [3, 2], "layer_norm": True, "dense": [3]}),
    ("gru", {"bidirectional": False}),
]
each_kind = pytest.mark.parametrize(("cell", "settings"), KINDS, ids=[cell for cell, _ in KINDS])


def network(cell: str, settings: dict[str, Any]) -> Any:
    model = build(lookup("model", cell)(**{"units": [3], "embedding_dim": 2, **settings}), SPEC, seed=1)
    generator = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(generator.uniform(-0.9, 0.9, weight.shape))
    return model


@cache
def arrays() -> dict[str, np.ndarray]:
    generator, offsets = np.random.default_rng(3), np.cumsum([0, *LENGTHS])
    found = padding.laid_out(generator.integers(1, 7, offsets[-1]), offsets)
    return {**found, "y": generator.integers(0, 3, offsets[-1]).astype(np.int32)}


def batch(indices: list[int], steps: int) -> tuple[Any, Any, Any]:
    return padding.stepwise_batch({**arrays(), "steps": np.arange(steps)}, np.array(indices))


def step(model: Any) -> Any:
    """Return what computes the loss of a batch, the gradients, and the scores."""
    import jax

    loss = lookup("loss", SPEC.loss)().build()
    before, others = ([v.value for v in group] for group in (model.trainable_variables, model.non_trainable_variables))

    def value(weights: Any, x: Any, y: Any, weight: Any) -> tuple[Any, Any]:
        outputs, _ = model.stateless_call(weights, others, x, training=True)
        return loss(y, outputs, sample_weight=weight), outputs

    computed = jax.jit(jax.value_and_grad(value, has_aux=True), compiler_options={"xla_backend_optimization_level": 0})
    return lambda given: computed(before, *given)


@each_kind
def test_padding_and_neighbors_change_no_score_and_no_gradient(cell: str, settings: dict[str, Any]) -> None:
    computed = step(network(cell, settings))
    (loss, together), gradients = computed(batch([0, 1, 2, 3], max(LENGTHS)))
    (same, widely), alike = computed(batch([0, 1, 2, 3], PADDED))
    assert float(loss) == pytest.approx(float(same), rel=1e-5)
    for one, other in zip(gradients, alike):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    alone = [computed(batch([index] * 4, PADDED))[0] for index in range(4)]
    assert float(same) == pytest.approx(np.average([float(of_one) for of_one, _ in alone], weights=LENGTHS), rel=1e-5)
    for index, length in enumerate(LENGTHS):
        for other in (widely[index], alone[index][1][0]):
            np.testing.assert_allclose(together[index, :length], other[:length], rtol=1e-5)
    x, y, weight = batch([0, 1, 2, 3], PADDED)
    blind = {"past": x["past"], "mask": np.ones_like(x["mask"])}
    assert float(computed((blind, y, np.ones_like(weight)))[0][0]) != pytest.approx(float(same), rel=1e-4)
    if settings["bidirectional"]:  # what reads forwards alone never sees what lies after the end
        assert not np.allclose(together[2, :3], computed((blind, y, weight))[0][1][2, :3], rtol=1e-3)


def test_buckets_and_sizes_of_batches_change_no_score() -> None:
    model, indices = network(*KINDS[0]), np.arange(4)
    whole = scores(model, Part(arrays(), indices), 4)
    assert whole.shape == (sum(LENGTHS), 3)
    np.testing.assert_allclose(scores(model, Part(arrays(), indices, (3, 5)), 2), whole, rtol=1e-5)
    assert not np.allclose(scores(model, Part(arrays(), indices[::-1]), 4), whole)


def test_class_weights_count_tokens_and_never_padding() -> None:
    Path("t.conll").write_text("a X\nb Y\nc X\n\nd X\n")
    dataset = load(text_tags(path="t.conll", min_count=1, split="none"))
    weigh = make_weigher("balanced", dataset)
    assert weigh is not None
    _, y, weight = dataset.batch(dataset.parts["train"].arrays, np.array([0, 1]))
    np.testing.assert_allclose(weigh(y, weight), [[2 / 3, 2, 2 / 3], [2 / 3, 0, 0]], rtol=1e-6)
    assert weigh(y[1:, :1], weight[1:, :1]).shape == (1, 1)  # a batch of single tokens
    with pytest.raises(ConfigError, match=r"class_weights.Z: there is no such class; the data have X, Y"):
        make_weigher({"Z": 2.0}, dataset)


def test_baselines_are_learned_from_training_words() -> None:
    train, tags = [["the", "cat", "runs"], ["the", "run", "the"]], np.array([0, 1, 2, 0, 1, 2])
    found = tag_baselines.fit_most_frequent_tag(train, tags, 3).predict([["the", "fish"]])
    np.testing.assert_allclose(found, [[2 / 3, 0, 1 / 3], [0, 2 / 3, 1 / 3]])  # fish: as cat, run and runs
    window = tag_baselines.fit_window([["a", "x"], ["a", "y"]] * 20, np.array([0, 2, 1, 2] * 20), 4)
    around = window.predict([["a", "y"]])
    assert around.argmax(axis=1).tolist() == [1, 2]
    assert around[:, 3].tolist() == [0, 0]


def grammar(count: int, seed: int) -> str:
    """Write names whose kind shows two words later: `ann hill inc` is a firm, `ann hill says` a person."""
    generator, found = np.random.default_rng(seed), []
    for number in range(count):
        firm, name = (
            generator.integers(2),
            [generator.choice(["ann", "bob", "eve"]), generator.choice(["hill", "wood"])],
        )
        last = ("inc", "I-ORG") if firm else ("says", "O")
        tagged = [(generator.choice(["the", "in", "on"]), "O") for _ in range(generator.integers(3))]
        tagged += [(name[0], "B-ORG" if firm else "B-PER"), (name[1], "I-ORG" if firm else "I-PER"), last]
        tagged += [(f"n{seed}{number}", "O")] if number % 3 == 0 else []
        found.append("".join(f"{word} {tag}\n" for word, tag in tagged))
    return "\n".join(found)


SETTINGS = ("data=text_tags", "data.path=names.conll", "model=lstm", "model.units=[10]", "model.embedding_dim=6",
            "optimizer.learning_rate=0.03", "trainer.batch_size=16")  # fmt: skip
LIGHT = ("tracking=off", "tracking.figures=false", "tracking.log_model=false")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> rx.RunResult:
    folder = tmp_path_factory.mktemp("tagger")
    (folder / "names.conll").write_text(grammar(200, 1))
    lines = ("model.bidirectional=true", "trainer.epochs=8", f"data.root={folder}")
    experiment = rx.compose(*SETTINGS, *lines, f"tracking.uri=sqlite:///{folder / 'mlflow.db'}")
    (folder / "run").mkdir()
    return rx.run(experiment, folder / "run", quiet=True)


@pytest.mark.end_to_end
def test_reading_backwards_sees_what_follows(run: rx.RunResult) -> None:
    Path("names.conll").write_text(grammar(200, 1))
    forwards = rx.run(rx.compose(*SETTINGS, *LIGHT, "trainer.epochs=8"), quiet=True)
    assert run.metrics["test/accuracy"] > 0.97 > 0.9 > forwards.metrics["test/accuracy"]
    assert run.metrics["test/chunk_f1"] > 0.95 > 0.8 > forwards.metrics["test/chunk_f1"]


def test_scores_are_of_tokens_sequences_and_chunks(run: rx.RunResult) -> None:
    table = run.report.tables["predictions"]
    right = table["actual"] == table["predicted"]
    assert right.mean() == pytest.approx(run.metrics["test/accuracy"])
    assert len(table) == run.predictions.predicted.shape[0]
    assert table["example"].str.fullmatch(r".*names\.conll, line \d+").all()
    unknown = table["token"].str.startswith("n1")
    assert unknown.any()
    assert right[unknown].mean() == pytest.approx(run.metrics["test/unknown_accuracy"])
    line = table["example"].str.rpartition(" ")[2].astype(int)
    alone = right.groupby((line.diff() != 1).cumsum()).all()
    assert alone.mean() == pytest.approx(run.metrics["test/sequence_accuracy"])
    assert set(run.report.tables["chunks"]["type"]) == {"ORG", "PER"}
    for name in ("majority", "most_frequent_tag", "window"):
        assert f"baseline/{name}/chunk_f1" in run.metrics
    assert run.report.best_baseline == "window"
    assert run.report.beats_baseline
    assert run.metrics["baseline/majority/chunk_f1"] == 0
    figures = {file.name for file in (run.run_dir / "figures").glob("*.png")}
    assert figures == {"learning_curves.png", "confusion.png", "reliability.png", "memory.png"}


def test_the_summary_says_how_many_tokens(run: rx.RunResult) -> None:
    from rnnexp.cli.summary import summary

    text = "\n".join(summary(run))
    assert f"accuracy on the test set, {len(run.predictions.actual)} tokens" in text
    assert "whole chunks: f1 " in text
    assert f'rnnexp predict {str(run.run_id)[:8]} "a text"' in text


def test_it_tags_texts_and_files(run: rx.RunResult, capsys: pytest.CaptureFixture[str]) -> None:
    def rows(given: str) -> list[dict[str, Any]]:
        assert main(["predict", str(run.run_dir), given, "--json"]) == 0
        found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["rows"]
        return found

    one = rows("the ann hill inc")
    assert list(one[0]) == ["example", "position", "token", "tag", "probability"]
    assert [(row["position"], row["token"], row["tag"]) for row in one] == [
        (1, "the", "O"), (2, "ann", "B-ORG"), (3, "hill", "I-ORG"), (4, "inc", "I-ORG"),
    ]  # fmt: skip
    Path("two.txt").write_text("the ann hill inc\neve wood says\n")
    two = rows("two.txt")
    assert [row["tag"] for row in two[4:]] == ["B-PER", "I-PER", "O"]
    assert [row["example"] for row in two] == ["line 1"] * 4 + ["line 2"] * 3
    assert [row["probability"] for row in two[:4]] == pytest.approx([row["probability"] for row in one], rel=1e-4)
    Path("two.conll").write_text("the O\nann O\nhill O\ninc O\n\neve O\nwood O\nsays O\n")
    cut = rows("two.conll")
    assert [row["tag"] for row in cut] == [row["tag"] for row in two]
    assert cut[-1]["example"] == "line 6"
    assert main(["predict", str(run.run_dir), ""]) == 3  # and not the texts of the folder
    assert "the text is empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data", "word=x"], "data.word: 'x' given; must be a valid integer"),
        (["--data", "separator=foo"], "data.separator: 'foo' given; must be 'auto' or 'tab'"),
        (["--data", "wrod=1"], "data.wrod: unknown for these texts; known: encoding, word, number, separator, comment"),
        (["--level", "90"], "--level: intervals are for forecasts, not for texts"),
    ],
)
def test_settings_of_files_that_are_cut_already_are_checked(
    words: list[str], message: str, run: rx.RunResult, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("one.conll").write_text("the O\nann O\n")
    assert main(["predict", str(run.run_dir), "one.conll", *words]) == 2
    assert message in capsys.readouterr().err
    assert main(["predict", str(run.run_dir), "one.conll", "--data", "word=-1", "--json"]) == 0
    assert [row["token"] for row in json.loads(capsys.readouterr().out)["rows"]] == ["O", "O"]


def test_its_own_test_part_has_the_score_of_the_run(run: rx.RunResult, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(run.run_dir), "--part", "test", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    for name in ("accuracy", "chunk_f1", "log_loss"):
        assert found["metrics"][f"test/{name}"] == pytest.approx(run.metrics[f"test/{name}"], rel=1e-5)


def test_another_file_is_scored_and_known_sequences_are_counted(
    run: rx.RunResult, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("other.conll").write_text("n1 O\nann B-PER\nhill I-PER\nsays O\n\nann B-PER\nhill I-PER\nsays O\n")
    assert main(["evaluate", str(run.run_dir), "--data", "other.conll", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["metrics"]["all/accuracy"] > 0.8
    assert {"baseline/most_frequent_tag/accuracy", "skill/accuracy"} <= set(found["metrics"])
    assert "1 of the 2 sequences are among those that the run was trained on" in found["notes"]
    Path("other.conll").write_text("ann B-PRE\n\nbob I-PER\n")
    assert main(["evaluate", str(run.run_dir), "--data", "other.conll"]) == 3
    assert "line 1: the tag `B-PRE` is not one of the model's" in capsys.readouterr().err


def test_mlflow_serves_raw_texts(run: rx.RunResult) -> None:
    import mlflow
    import pandas

    mlflow.set_tracking_uri(run.experiment.tracking.uri)
    served = mlflow.pyfunc.load_model(f"runs:/{run.run_id}/model")
    found = served.predict(pandas.DataFrame({"text": ["ann hill inc", "bob wood says"]}))
    assert found["example"].tolist() == ["text 1"] * 3 + ["text 2"] * 3
    assert found["tag"].tolist() == ["B-ORG", "I-ORG", "I-ORG", "B-PER", "I-PER", "O"]
    with pytest.raises(DataError, match="text 2: the text is empty"):
        served.predict(pandas.DataFrame({"text": ["ann", " "]}))


@pytest.mark.end_to_end
def test_members_of_a_program_are_what_they_would_have_been_alone(tmp_path: Path) -> None:
    Path("names.conll").write_text(grammar(60, 1))
    lines = (*SETTINGS, *LIGHT, "model.bidirectional=true", "trainer.epochs=2", "trainer.class_weights=balanced",
             "data.buckets=2", "data.seed=0")  # fmt: skip
    experiments = [rx.compose(*lines, f"seed={seed}", f"optimizer.learning_rate=0.0{seed + 1}") for seed in (0, 1)]
    assert len({make_program_key(experiment) for experiment in experiments}) == 1
    occasions = [RunContext(tmp_path / str(n), member=Membership("test", None, n)) for n in (0, 1)]
    for occasion in occasions:
        occasion.run_dir.mkdir()
    ended: dict[int, Any] = {}
    run_vectorized(experiments, occasions, ended.__setitem__, lambda _: None)
    alone = rx.run(rx.compose(*lines, "seed=0", "optimizer.learning_rate=0.01", "trainer.engine=keras"), quiet=True)
    losses = [np.array([epoch["train/loss"] for epoch in one.history.epochs]) for one in (alone, ended[0], ended[1])]
    np.testing.assert_allclose(losses[0], losses[1], rtol=2e-5)
    assert not np.allclose(losses[0], losses[2], rtol=2e-5)
    assert ended[0].metrics["test/log_loss"] == pytest.approx(alone.metrics["test/log_loss"], rel=1e-4)


@pytest.mark.end_to_end
def test_seeds_whose_training_parts_have_other_words_are_groups_of_their_own(tmp_path: Path) -> None:
    rare = "\n".join("".join(f"w{number}{i} O\n" for i in range(1 + number % 3)) for number in range(30))
    Path("names.conll").write_text(f"{grammar(30, 1)}\n{rare}")
    lines = (*SETTINGS, *LIGHT, "data.min_count=1", "model.units=[3]", "trainer.epochs=2")
    rates, seeds = ("0.01", "0.02"), (0, 1)
    experiments = [
        rx.compose(*lines, f"data.seed={seed}", f"optimizer.learning_rate={rate}") for rate in rates for seed in seeds
    ]
    assert len({make_program_key(experiment) for experiment in experiments}) == 1
    specs = [load(experiment.data).spec for experiment in experiments]
    assert specs[0] == specs[2] != specs[1] == specs[3]
    assert specs[0].inputs["past"].vocabulary != specs[1].inputs["past"].vocabulary
    contexts = [RunContext(tmp_path / str(n), member=Membership("test", None, n)) for n in range(4)]
    for context in contexts:
        context.run_dir.mkdir()
    ended: dict[int, Any] = {}
    store = GroupStore(tmp_path / "groups.json")
    run_vectorized(experiments, contexts, ended.__setitem__, lambda _: None, store)
    assert [group.numbers for group in store.groups] == [[0, 2], [1, 3]]
    alone = rx.run(rx.compose(*lines, "data.seed=1", "optimizer.learning_rate=0.02"), quiet=True)
    losses = [np.array([epoch["train/loss"] for epoch in one.history.epochs]) for one in (alone, ended[3], ended[1])]
    np.testing.assert_allclose(losses[0], losses[1], rtol=2e-5)
    assert not np.allclose(losses[0], losses[2], rtol=2e-5)
