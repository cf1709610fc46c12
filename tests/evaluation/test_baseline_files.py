"""What baselines have computed is there for the next process, to the same bits, and for no other data."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnexp
from rnnexp import runtime, tasks
from rnnexp.config.compose import compose
from rnnexp.data.dataset import Dataset
from rnnexp.evaluation import baseline_files, report
from rnnexp.evaluation.baseline_files import Kept, remember
from rnnexp.tasks.classification.report import _make_rivals
from rnnexp.tasks.forecasting.kept_forecasts import FITTED, KeptForecast

SERIES = ("data=sine", "data.points=200", "data.sequence_length=5")
METHODS = Kept([KeptForecast])
TEXTS = [f"{label} a {word} film number {n}" for n in range(8) for label, word in ((0, "dull"), (1, "stirring"))]


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, in which all is kept, however fast it was computed."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(runtime, "takes_cached", True)
    monkeypatch.setattr(baseline_files, "MIN_SECONDS", -1.0)
    monkeypatch.setattr(report, "_computed", {})
    return tmp_path / "cache" / "rnnexp" / "baselines"


def load(*words: str) -> Dataset:
    return tasks.load(compose(*words).data)


def count_computed(dataset: Dataset, what: str = "two") -> int:
    """Return how often something had to be computed: 0 or 1."""
    calls: list[int] = []

    def compute() -> float:
        calls.append(1)
        return 2.0

    assert remember(dataset, what, compute, Kept()) == 2.0
    return len(calls)


def equal(one: Any, other: Any) -> bool:
    """Say whether two values are of the same types and bits."""
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and one.dtype == other.dtype and one.tobytes() == other.tobytes()
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(equal, one, other))
    if hasattr(one, "__dataclass_fields__"):
        return type(one) is type(other) and equal(vars(one), vars(other))
    return bool(one == other)


@pytest.mark.parametrize("name", ["linear", "theta", "ets"])
def test_a_method_of_forecasts_comes_back_to_the_same_bits(kept: Path, name: str) -> None:
    dataset = load(*SERIES, "data.season=12")
    made = remember(dataset, name, lambda: FITTED[name](dataset), METHODS)
    read = remember(dataset, name, lambda: pytest.fail("computed again"), METHODS)
    assert read is not made
    assert equal(read, made)
    assert not equal(read, remember(load(*SERIES, "data.noise=0.2"), name, lambda: None, METHODS))


def test_classifiers_of_texts_come_back_with_the_tokens_they_count(kept: Path, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS) + "\n")
    dataset = load("data=text_lines", f"data.path={tmp_path / 'texts.txt'}")
    rivals = _make_rivals(dataset)  # type: ignore[arg-type]
    files = Kept(rivals.kinds, rivals.complete_all, rivals.texts)
    made = remember(dataset, "scored", lambda: rivals.predict("test"), files)
    fitted, shares, _ = remember(dataset, "scored", lambda: pytest.fail("computed again"), files)
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS).replace("number 7", "numbers 8") + "\n")
    changed = _make_rivals(load("data=text_lines", f"data.path={tmp_path / 'texts.txt'}"))  # type: ignore[arg-type]
    assert remember(dataset, "scored", lambda: None, replace(files, texts=changed.texts)) is None
    assert list(fitted) == ["majority", "naive_bayes", "tfidf_linear", "nb_svm", "tfidf_chars"]
    assert equal(shares, made[1])
    assert equal(
        {name: rivals.answer(one, "val") for name, one in fitted.items()},
        {name: rivals.answer(one, "val") for name, one in made[0].items()},
    )


@pytest.mark.parametrize(
    "change",
    [
        "data.seed=1",
        "data.split={train: 0.6, val: 0.2, test: 0.2}",
        "data.season=7",
        "data.horizon=2",
        "data.points=201",
    ],
)
def test_other_data_another_split_or_season_are_computed(kept: Path, change: str) -> None:
    dataset = load(*SERIES)
    assert [count_computed(dataset), count_computed(dataset), count_computed(load(*SERIES))] == [1, 0, 0]
    assert count_computed(load(*SERIES, change)) == 1


def test_other_code_libraries_and_threads_are_computed(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = load(*SERIES)
    assert [count_computed(dataset), count_computed(dataset)] == [1, 0]
    monkeypatch.setattr(runtime, "count_threads", lambda: 977)
    assert count_computed(dataset) == 1
    monkeypatch.setattr(baseline_files, "hash_own_code", lambda: "another")
    assert count_computed(dataset) == 1


@pytest.mark.parametrize("damage", ["cut off", "empty", "a bit", "a pickle"])
def test_a_damaged_file_is_made_again(kept: Path, damage: str) -> None:
    dataset = load(*SERIES)
    count_computed(dataset)
    (file,) = kept.iterdir()
    content = bytearray(file.read_bytes())
    if damage == "a bit":
        content[content.index(b'"key"') + 1] ^= 1
    if damage == "a pickle":
        np.savez(file, tree=np.array([{"key": 1}], dtype=object))
    else:
        file.write_bytes(bytes({"cut off": content[:-40], "empty": b""}.get(damage, content)))
    assert [count_computed(dataset), count_computed(dataset)] == [1, 0]


def test_files_are_for_their_owner_alone_and_the_oldest_leave(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = load(*SERIES)
    count_computed(dataset, "first")
    assert os.stat(kept).st_mode & 0o777 == 0o700
    (first,) = kept.iterdir()
    count_computed(dataset, "second")
    os.utime(first, (1, 1))
    monkeypatch.setattr(baseline_files, "MAX_BYTES", int(2.5 * first.stat().st_size))
    count_computed(dataset, "third")
    assert len(list(kept.iterdir())) == 2
    assert [count_computed(dataset, what) for what in ("second", "third", "first")] == [0, 0, 1]


def test_what_is_fast_too_large_or_no_plain_value_is_not_kept(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = load(*SERIES)
    assert remember(dataset, "an object", lambda: np.array([{}], dtype=object), Kept()).dtype == object
    monkeypatch.setattr(baseline_files, "MAX_FILE_BYTES", 100)
    assert [count_computed(dataset), count_computed(dataset)] == [1, 1]
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(kept.parents[1]))
    monkeypatch.setattr(runtime, "takes_cached", True)
    assert [count_computed(dataset), count_computed(dataset)] == [1, 1]
    assert not kept.exists()


def test_a_run_that_is_repeated_computes_everything(kept: Path) -> None:
    dataset = load(*SERIES)
    count_computed(dataset)
    with runtime.compute_anew():
        assert count_computed(dataset) == 1
    assert count_computed(dataset) == 0


def test_without_a_folder_everything_is_computed(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline_files, "make_cache_folder", lambda: None)
    dataset = load(*SERIES)
    assert [count_computed(dataset), count_computed(dataset)] == [1, 1]


@pytest.mark.end_to_end
def test_a_second_run_takes_the_baselines_and_has_the_same_scores(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def score(name: str, *words: str) -> dict[str, float]:
        monkeypatch.setattr(report, "_computed", {})
        settings = (*SERIES, *words, "trainer.epochs=1", "tracking.figures=false", "tracking=off")
        found = rnnexp.run(*settings, run_dir=tmp_path / name, quiet=True).metrics
        return {key: value for key, value in found.items() if not key.startswith(("time/", "system/"))}

    with runtime.compute_anew():
        alone = score("alone")
    assert not kept.exists()
    assert score("first") == alone
    files = {file: file.stat().st_mtime_ns for file in kept.iterdir()}
    assert len(files) > 5
    assert score("second") == alone
    assert {*kept.iterdir()} == {*files}
    assert any(file.stat().st_mtime_ns > then for file, then in files.items())
    assert score("other", "data.noise=0.2")["baseline/linear/rmse"] != alone["baseline/linear/rmse"]
    assert {*kept.iterdir()} > {*files}
