"""What MLflow has written for a model is taken again for one of the same kind, and for no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnexp.tracking import model_templates
from rnnexp.tracking.model_templates import ModelTemplate, find_template, name_kind, save_template

ROWS = pd.DataFrame({"time": pd.date_range("2020", periods=3), "value": [1.0, 2.5, np.nan]})
LONG = np.arange(10_000.0)
OTHER_LONG = np.where(np.arange(10_000) == 5000, -1.0, LONG)  # what `repr` does not show
TEMPLATE = ModelTemplate({"flavors": {"python_function": {}}}, {"conda.yaml": "name: ü\n"}, 12)


def of_objects(*arrays: np.ndarray) -> np.ndarray:
    found = np.empty(len(arrays), dtype=object)
    found[:] = arrays
    return found


ANSWERS: dict[str, Any] = {
    "numbers": pd.DataFrame({"value": [1.5, 2.5]}),
    "whole numbers": pd.DataFrame({"value": [1, 2]}),
    "numbers with one missing": pd.DataFrame({"value": [1.5, np.nan]}),
    "another name": pd.DataFrame({"other": [1.5, 2.5]}),
    "one column more": pd.DataFrame({"value": [1.5], "step": [1]}),
    "texts": pd.DataFrame({"value": ["a", "b"]}),
    "texts with one missing": pd.DataFrame({"value": ["a", None]}),
    "lists": pd.DataFrame({"value": [["a"], ["b", "c"]]}),
    "lists of numbers": pd.DataFrame({"value": [[1.0], [2.0]]}),
    "array": np.zeros((2, 3), np.float32),
    "wider array": np.zeros((2, 4), np.float32),
    "array of doubles": np.zeros((2, 3)),
}


@pytest.fixture(autouse=True)
def _fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    forget(monkeypatch)


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process of its own."""
    monkeypatch.setattr(model_templates, "_templates", {})


def kept(tmp_path: Path) -> list[Path]:
    return [*(tmp_path / "cache").rglob("*.json")]


def test_answers_that_mlflow_describes_otherwise_are_of_different_kinds() -> None:
    kinds = {name: name_kind(ROWS, outputs, "x") for name, outputs in ANSWERS.items()}
    assert len(set(kinds.values())) == len(ANSWERS)


def test_other_numbers_and_texts_and_more_of_them_are_of_the_same_kind() -> None:
    for name, other in {
        "numbers": pd.DataFrame({"value": [7.25, 8.0, 9.0]}),
        "texts": pd.DataFrame({"value": ["c"]}),
        "array": np.ones((5, 3), np.float32),
    }.items():
        assert name_kind(ROWS, ANSWERS[name], "x") == name_kind(ROWS, other, "x")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ROWS, ROWS.assign(value=[1.0, 2.5, 3.0])),
        (ROWS, ROWS.rename(columns={"value": "other"})),
        (ROWS, ROWS.astype({"value": "float32"})),
        (LONG.reshape(1, -1, 1), OTHER_LONG.reshape(1, -1, 1)),
        (LONG.reshape(1, 100, 100), LONG.reshape(1, 10, 1000)),
        (of_objects(LONG, LONG[:3]), of_objects(OTHER_LONG, LONG[:3])),
        (pd.DataFrame({"text": ["a"]}), pd.DataFrame({"text": ["b"]})),
    ],
    ids=["number", "name", "type", "long", "shape", "objects", "text"],
)
def test_models_with_different_examples_are_of_different_kinds(one: Any, other: Any) -> None:
    assert name_kind(one, ANSWERS["array"], "x") == name_kind(one.copy(), ANSWERS["array"], "x")
    assert name_kind(one, ANSWERS["array"], "x") != name_kind(other, ANSWERS["array"], "x")


def test_what_is_asked_and_what_mlflow_looks_at_makes_a_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = name_kind(ROWS, ANSWERS["array"], "x")
    assert name_kind(ROWS, ANSWERS["array"], "y") != usual
    monkeypatch.setenv("MLFLOW_LOCK_MODEL_DEPENDENCIES", "true")
    assert name_kind(ROWS, ANSWERS["array"], "x") != usual


def test_a_template_outlives_its_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_template("a") is None
    save_template("a", TEMPLATE)
    forget(monkeypatch)
    assert find_template("a") == TEMPLATE
    (file,) = kept(tmp_path)
    assert file.parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"about": 1}', b"\xff\xfe", b"[1]"])
def test_a_damaged_template_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes) -> None:
    save_template("a", TEMPLATE)
    forget(monkeypatch)
    kept(tmp_path)[0].write_bytes(damage)
    assert find_template("a") is None


def test_few_templates_are_kept_and_none_that_is_large(tmp_path: Path) -> None:
    for number in range(model_templates.MAX_KEPT + 2):
        save_template(f"kind{number}", TEMPLATE)
    assert len(kept(tmp_path)) == len(model_templates._templates) == model_templates.MAX_KEPT
    save_template("large", ModelTemplate({}, {"input_example.json": "x" * model_templates.MAX_BYTES}, 1))
    assert find_template("large") is not None
    assert not [path for path in kept(tmp_path) if path.stem == "large"]


def test_requirements_of_a_uv_project_are_asked_for_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = name_kind(ROWS, ANSWERS["array"], "x")
    (tmp_path / "uv.lock").touch()
    assert name_kind(ROWS, ANSWERS["array"], "x") != usual
    save_template("a", TEMPLATE)
    assert kept(tmp_path) == []


def test_a_cache_that_cannot_be_written_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    save_template("a", TEMPLATE)
    assert find_template("a") == TEMPLATE
