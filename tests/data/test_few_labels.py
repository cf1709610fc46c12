"""Few labels and many examples: what keeps its label, what does not, and who may look at it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import rnnexp as rx
from rnnexp import tasks
from rnnexp.errors import ConfigError, DataError


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 20)
    np.savez(tmp_path / "own.npz", x=generator.normal(size=(60, 7, 2)) + y[:, None, None], y=y)
    np.savez(tmp_path / "more.npz", x=5 + generator.normal(size=(9, 7, 2)), y=np.zeros(9))
    return tmp_path


def loaded(archive: Path, *words: str):  # type: ignore[no-untyped-def]
    own = ("data=npz", f"data.path={archive / 'own.npz'}", "data.task=classification", "data.scaler=standard")
    return tasks.load(rx.compose(*own, *words).data)


def test_so_many_of_each_class_keep_their_label_and_the_other_parts_stay(archive: Path) -> None:
    whole, few = loaded(archive), loaded(archive, "data.labels_per_class=2")
    train = few.parts["train"]
    assert np.bincount(train.arrays["y"][train.indices]).tolist() == [2, 2, 2]
    for part in ("val", "test"):
        assert np.array_equal(few.parts[part].indices, whole.parts[part].indices)
    rest = np.setdiff1d(whole.parts["train"].indices, train.indices)
    assert np.array_equal(few.unlabeled.indices, rest)
    assert few.summary.sizes["unlabeled"] == len(rest)
    assert whole.unlabeled is None


def test_which_ones_is_drawn_by_the_seed(archive: Path) -> None:
    chosen = [
        loaded(archive, "data.labels_per_class=2", f"data.seed={seed}").parts["train"].indices for seed in (0, 0, 1)
    ]
    assert np.array_equal(chosen[0], chosen[1])
    assert not np.array_equal(chosen[0], chosen[2])


def test_baselines_learn_from_the_same_few_labels(archive: Path) -> None:
    from rnnexp.tasks.classification.report import baselines, list_inputs

    few = loaded(archive, "data.labels_per_class=2")
    assert len(list_inputs(few, "train")) == 6
    assert len(baselines(few)["nearest"]().rows) == 6


def test_the_scaler_learns_from_examples_without_labels_and_that_is_no_leak(archive: Path) -> None:
    few, whole = loaded(archive, "data.labels_per_class=2"), loaded(archive)
    assert few.pipeline.mean == pytest.approx(whole.pipeline.mean)
    assert tasks.check_leakage(few) == []


def test_examples_of_another_file_have_no_label(archive: Path) -> None:
    more = loaded(archive, f"data.unlabeled={archive / 'more.npz'}")
    assert len(more.unlabeled) == 9
    assert {part: len(own) for part, own in more.parts.items()} == {
        part: len(own) for part, own in loaded(archive).parts.items()
    }
    assert more.summary.digest != loaded(archive).summary.digest
    both = loaded(archive, f"data.unlabeled={archive / 'more.npz'}", "data.labels_per_class=2")
    assert len(both.unlabeled) == 9 + len(loaded(archive).parts["train"]) - 6


def test_a_class_of_too_few_examples_is_refused(archive: Path) -> None:
    with pytest.raises(DataError, match=r"data.labels_per_class: 50 given, but a class has \d+ examples"):
        loaded(archive, "data.labels_per_class=50")


def test_numbers_have_no_classes_to_draw_from(archive: Path) -> None:
    with pytest.raises(ConfigError, match=r"data.labels_per_class: given, but these data have no classes"):
        loaded(archive, "data.labels_per_class=2", "data.task=regression")


def test_texts_without_labels_give_words_and_no_label(tmp_path: Path) -> None:
    for label, word in (("good", "fine"), ("bad", "poor")):
        (tmp_path / f"{label}.txt").write_text("".join(f"{word} film number {i}\n" for i in range(20)))
    (tmp_path / "more.txt").write_text("a strange film\na strange film\n\n")
    paths = f"data.path={{good: {tmp_path / 'good.txt'}, bad: {tmp_path / 'bad.txt'}}}"
    words = ("data=text_files", paths, "data.labels_per_class=3")
    few, more = (
        tasks.load(rx.compose(*words, *own).data) for own in ((), (f"data.unlabeled={tmp_path / 'more.txt'}",))
    )
    tokens = [one.pipeline.encoder.vocabulary.tokens for one in (few, more)]
    assert ("strange" in tokens[0], "strange" in tokens[1]) == (False, True)
    assert len(more.unlabeled) == len(few.unlabeled) + 2
    assert len(few.parts["train"]) == len(more.parts["train"]) == 6
    assert tasks.check_leakage(more) == []
    assert not [note for note in more.summary.notes if "unlabeled part" in note]
