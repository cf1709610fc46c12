"""Numbers for texts: read, proposed, scored in their units beside ridge regression on tf-idf, and kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import rnnexp as rx
from rnnexp import tasks
from rnnexp.data.tables.remedy import Undecided
from rnnexp.errors import DataError
from rnnexp.evaluation.kept_baselines import choose, gather
from rnnexp.registry import lookup
from rnnexp.tasks.regression.baselines import fit_text_ridge
from rnnexp.tasks.regression.report import list_inputs, list_kinds
from rnnexp.tasks.texts import TextDataset, TextPipeline
from rnnexp.tracking.pyfunc import Served

GOOD, BAD, REST = ("superb", "lovely", "fine"), ("dull", "poor", "slow"), ("film", "plot", "cast", "scene", "end")
LINES = ("data=text_table", "data.path=ratings.csv", "data.text=review", "data.label=score", "data.task=regression")


@pytest.fixture(autouse=True)
def ratings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write reviews whose score is 2 for each good word, give or take a little."""
    monkeypatch.chdir(tmp_path)
    generator, rows = np.random.default_rng(0), []
    for _ in range(120):
        good = int(generator.integers(0, 5))
        words = [*generator.choice(GOOD, good), *generator.choice(BAD, 4 - good), *generator.choice(REST, 4)]
        rows.append((" ".join(generator.permutation(words)), round(2 * good + float(generator.random()), 1)))
    pd.DataFrame(rows, columns=["review", "score"]).to_csv("ratings.csv", index=False)


def load(**own: Any) -> TextDataset:
    usual = {"path": "ratings.csv", "text": "review", "label": "score", "task": "regression", "min_count": 1}
    found = tasks.load(lookup("data", "text_table")(**{**usual, **own}))
    assert isinstance(found, TextDataset)
    return found


def test_each_text_has_its_number() -> None:
    dataset = load()
    written = pd.read_csv("ratings.csv")["score"].to_numpy()
    for part in ("train", "val", "test"):
        np.testing.assert_allclose(dataset.truth(part)[:, 0], written[dataset.parts[part].indices], rtol=1e-6)
    assert dataset.spec.output_shape == (1,)
    assert dataset.spec.loss == "mse"
    assert tasks.check_leakage(dataset) == []
    assert any(note.startswith("numbers from ") for note in dataset.summary.notes)


def test_lines_may_begin_with_a_number() -> None:
    Path("lines.txt").write_text("".join(f"{i % 4}.5 a film of {i} scenes\n" for i in range(30)))
    source = lookup("data", "text_lines")(path="lines.txt", task="regression")  # type: ignore[call-arg]
    assert set(tasks.load(source).truth("train")[:, 0].tolist()) <= {0.5, 1.5, 2.5, 3.5}  # type: ignore[attr-defined]


def test_ridge_regression_on_words_finds_what_the_words_tell(tmp_path: Path) -> None:
    dataset = load()
    tokenizer = dataset.pipeline.encoder.tokenizer
    one = fit_text_ridge(list_inputs(dataset, "train"), dataset.truth("train").astype(float), tokenizer)
    off = one.predict(list_inputs(dataset, "test")) - dataset.truth("test")
    assert np.sqrt((off**2).mean()) < 0.5 * dataset.truth("test").std()
    gather("rmse", {}, {"tfidf_ridge": one}).write(tmp_path)
    read = choose(tmp_path, list_kinds, "tfidf_ridge").baseline
    assert read.words.terms == one.words.terms
    np.testing.assert_allclose(read.weights, one.weights)


def test_what_was_learned_is_for_networks_of_numbers_and_of_labels_only() -> None:
    dataset = load()
    again = TextPipeline.from_json(json.loads(json.dumps(dataset.scaling)))
    assert again.mismatch(dataset.spec) == ""
    probabilities = {**vars(dataset.spec), "outputs": "logits"}
    assert again.mismatch(type(dataset.spec)(**probabilities)) == "the network does not label texts"


def test_a_column_of_numbers_beside_texts_is_proposed_as_a_target() -> None:
    draft = tasks.propose("ratings.csv", {})
    assert draft.data == {"path": "ratings.csv", "text": "review", "label": "score", "task": "regression"}
    assert draft.question == "How well can score be predicted?"


def test_few_different_numbers_are_labels_unless_the_user_says_otherwise() -> None:
    table = pd.read_csv("ratings.csv")
    table.assign(score=1 + (table["score"] // 2).astype(int)).to_csv("stars.csv", index=False)
    assert "task" not in tasks.propose("stars.csv", {}).data
    assert tasks.propose("stars.csv", {}, "regression").data["task"] == "regression"


def test_of_two_columns_of_numbers_the_target_is_asked_for() -> None:
    table = pd.read_csv("ratings.csv")
    table.assign(rating=table["score"] * 1.7 + 0.3).to_csv("two.csv", index=False)
    with pytest.raises(Undecided, match="which column is the number"):
        tasks.propose("two.csv", {})


def test_a_number_that_is_missing_is_told_with_its_line() -> None:
    text = Path("ratings.csv").read_text().splitlines()
    text[4] = f"{text[4].rpartition(',')[0]},nan"
    Path("ratings.csv").write_text("\n".join(text) + "\n")
    with pytest.raises(DataError, match=r"line 5: the target `nan` is not a number \(1 such texts\)"):
        load()


def test_numbers_beside_labels_are_no_target_of_their_own() -> None:
    table = pd.read_csv("ratings.csv").rename(columns={"score": "clicks"})
    table.assign(topic=["film", "book"] * 60).to_csv("news.csv", index=False)
    assert tasks.propose("news.csv", {}).data["label"] == "topic"


@pytest.mark.end_to_end
def test_a_run_is_scored_in_its_units_and_served() -> None:
    small = ("model=gru", "model.units=[8]", "model.pooling=mean", "trainer.epochs=40", "optimizer.learning_rate=0.02")
    result = rx.run(rx.compose(*LINES, *small, "trainer.batch_size=16", "tracking=off"), quiet=True)
    assert {"baseline/mean/rmse", "baseline/tfidf_ridge/rmse", "test/r2", "skill/rmse"} <= result.metrics.keys()
    assert result.metrics["test/rmse"] < 0.7 * result.metrics["baseline/mean/rmse"]
    from rnnexp.models import bundle

    dataset = tasks.load(rx.compose(*LINES).data)
    texts = [dataset.texts[int(i)] for i in dataset.parts["test"].indices]  # type: ignore[attr-defined]
    answer = Served(bundle.load(result.run_dir / "model")).predict(pd.DataFrame({"review": texts}))
    np.testing.assert_allclose(answer["target_0"], result.predictions.predicted[:, 0, 0], rtol=1e-4)
