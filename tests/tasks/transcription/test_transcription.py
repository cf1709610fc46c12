"""A network learns to write down what nobody has aligned, and is scored beside what needs none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from transcription import spelled

import rnnexp as rx
from rnnexp import tasks
from rnnexp.errors import ConfigError
from rnnexp.evaluation.report import Undefined
from rnnexp.tasks.transcription import baselines
from rnnexp.tasks.transcription.report import scores

TEXTS = spelled.draw_texts(160, letters="ab ")
TEXTS = [" ".join(text.split()) or "a" for text in TEXTS]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> rx.RunResult:
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        spelled.save(TEXTS)
        words = (*spelled.SMALL, "data.path=" + str(folder / "spelled.npz"), "tracking=off", "trainer.epochs=25")
        return rx.run(rx.compose(*words, "hydra.run.dir=" + str(folder / "run")), quiet=True)


def test_it_learns_texts_that_nobody_has_aligned(trained: rx.RunResult) -> None:
    found = trained.metrics
    assert found["test/character_error_rate"] < 0.1 < found["baseline/most_frequent/character_error_rate"]
    assert found["test/character_error_rate"] < found["baseline/one_letter/character_error_rate"]
    assert found["test/sequence_accuracy"] > 0.8
    assert {*trained.report.baselines} == {"most_frequent", "one_letter", "each_step"}
    assert "test/word_error_rate" in found


def test_its_tables_hold_every_text_and_where_its_letters_were_seen(trained: rx.RunResult) -> None:
    tables = trained.report.tables
    predictions = tables["predictions"]
    assert (predictions["errors"].sum() / predictions["actual"].str.len().sum()) == pytest.approx(
        trained.metrics["test/character_error_rate"]
    )
    assert tables["confusions"]["times"].sum() == predictions["errors"].sum()
    assert tables["posterior"]["blank"].between(0, 1).all()


def test_every_picture_can_be_drawn(trained: rx.RunResult) -> None:
    dataset = tasks.load(trained.experiment.data)
    names = [name for name, figure in tasks.of("transcription").figures(dataset, trained.report) if figure.axes]
    assert names == ["posterior", "errors_by_length"]


def test_it_answers_to_raw_sequences_as_it_was_scored(trained: rx.RunResult) -> None:
    dataset = tasks.load(trained.experiment.data)
    model, asked = rx.load(trained.run_dir), dataset.parts["test"].indices[:6]
    raw = [dataset.sequences.one(int(index)) for index in asked]
    frame = model.predict(raw)
    assert list(frame["text"]) == list(trained.report.predictions.predicted[:6])
    assert (frame["log_probability"] <= 1e-6).all()
    assert list(model.predict(raw, model="most_frequent")["text"]) == [dataset_most_frequent(dataset)] * 6


def dataset_most_frequent(dataset: object) -> str:
    return baselines.fit_most_frequent(list(dataset.truth("train"))).text  # type: ignore[attr-defined]


@pytest.mark.parametrize("beam", [0, True, 1.5, 5000])
def test_a_beam_is_a_whole_number(beam: object) -> None:
    from rnnexp.tasks.transcription.predict import check_beam

    with pytest.raises(ConfigError, match="beam: .* given; must be a whole number from 1 to 1,000"):
        check_beam(beam)


def test_errors_are_counted_over_all_letters_and_weights_count_texts() -> None:
    actual, written = np.array(["ab a", "b"], object), np.array(["ab b", "bb"], object)
    assert scores(actual, written) == {"character_error_rate": 2 / 5, "word_error_rate": 2 / 3, "sequence_accuracy": 0}
    weighed = scores(actual, written, np.array([2.0, 0.0]))
    assert weighed == {"character_error_rate": 1 / 4, "word_error_rate": 1 / 2, "sequence_accuracy": 0}


def test_each_step_by_itself_is_enough_where_letters_need_no_context() -> None:
    texts = spelled.draw_texts(60)
    numbered = [["ab".index(letter) + 1 for letter in text] for text in texts]
    fitted = baselines.fit_each_step(numbered, spelled.spell(texts), ["a", "b"])
    others = spelled.draw_texts(30, seed=9)
    found = fitted.predict(spelled.spell(others, seed=9))
    assert np.mean([one == other for one, other in zip(found, others)]) > 0.9


def test_of_many_texts_each_step_takes_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = spelled.draw_texts(40)
    numbered = [["ab".index(letter) + 1 for letter in text] for text in texts]
    sequences = spelled.spell(texts)
    monkeypatch.setattr(baselines, "MOST_STEPS", sum(map(len, sequences[:20])))
    few = baselines.fit_each_step(numbered, sequences, ["a", "b"])
    same = baselines.fit_each_step(numbered[:20], sequences[:20], ["a", "b"])
    assert few.weights.tolist() == same.weights.tolist()


def test_each_step_is_left_out_where_it_would_take_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "MOST_PRODUCTS", 10.0)
    with pytest.raises(Undefined, match="multiplications to fit it to the training steps"):
        baselines.fit_each_step([[1]], spelled.spell(["a"]), ["a"])


def test_one_letter_is_written_as_often_as_the_length_tells() -> None:
    fitted = baselines.fit_one_letter(["ab", "aa"], [np.zeros((4, 1)), np.zeros((6, 1))])
    assert fitted.predict([np.zeros((5, 1)), np.zeros((1, 1)), np.zeros((10, 1))]) == ["aa", "a", "aaaa"]


def test_data_of_others_are_scored_with_its_letters(trained: rx.RunResult, tmp_path: Path) -> None:
    file = spelled.save(["ab", "ba", "b"] * 3, str(tmp_path / "other.npz"))
    found = rx.load(trained.run_dir).evaluate(path=str(file))
    assert found.metrics["all/character_error_rate"] < 0.2
