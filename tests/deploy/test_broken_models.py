"""The folder of a stranger's model gives a result or a sentence: no traceback, no hang, no memory beyond its size."""

from __future__ import annotations

import itertools
import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnexp.errors import ConfigError, DataError, RnnexpError
from rnnexp.models import bundle
from tests.fuzz import models

# A model can be asked without the settings of its run.
HARMLESS = {(models.CONFIG, "is absent")}


@cache
def cases() -> list[models.Case]:
    """Draw cases when a test asks for them: they need models, which collecting tests must not train."""
    return list(itertools.islice(models.broken_models(seed=13), 40))


@pytest.mark.parametrize("kind", models.KINDS)
def test_whole_folders_give_results(kind: str, tmp_path: Path) -> None:
    """The negative control: nothing of what follows is refused for another reason."""
    folder = tmp_path / "run"
    shutil.copytree(models.saved(kind).folder, folder)
    assert models.outcome(models.Case(kind, "whole", lambda folder: None), folder).startswith("exit 0: ")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("number", range(40))
@pytest.mark.fault("I1", "I14")
def test_a_change_gives_a_result_or_a_sentence(number: int, tmp_path: Path) -> None:
    case = cases()[number]
    case.write(tmp_path / "a" / "run")
    assert models.outcome(case, tmp_path / "a" / "run").startswith("exit ")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("how", models.DAMAGES)
@pytest.mark.parametrize("name", ["model/model.json", "model/weights.npz", "model/preprocessing.json", models.CONFIG])
@pytest.mark.fault("I1")
def test_damage_is_an_error_of_the_configuration(name: str, how: str, tmp_path: Path) -> None:
    case = models.damage("texts", name, how, seed=1)
    case.write(tmp_path / "a" / "run")
    said = models.outcome(case, tmp_path / "a" / "run")
    assert said.startswith(("exit 2: ", "exit 3: ")) or (name, how) in HARMLESS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(models.saved("rows").folder / "model", tmp_path / "model"))


def edit(file: Path, *path: Any, value: Any) -> None:
    values = json.loads(file.read_text())
    inner = values
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    file.write_text(json.dumps(values))


@pytest.mark.fault("I1")
def test_a_network_larger_than_its_weights_is_refused_before_it_is_made(folder: Path) -> None:
    edit(folder / "model.json", "architecture", "units", value=60_000)  # 40 GB
    with pytest.raises(ConfigError, match=r"has shape \(\d+, \d+\), the model needs \(\d+, 180000\)"):
        bundle.load(folder)
    assert bundle.load(models.saved("rows").folder / "model").model.count_params() < 1000  # nothing is left behind


@pytest.mark.fault("I1")
def test_more_layers_than_arrays_are_refused_before_they_are_made(folder: Path) -> None:
    edit(folder / "model.json", "architecture", "units", value=[1] * 100_000)
    with pytest.raises(ConfigError, match=r"model.json: 100,000 layers are asked for; weights.npz holds \d+ arrays"):
        bundle.load(folder)


def changed_weights(folder: Path, compressed: bool = False, **changes: np.ndarray | None) -> str:
    with np.load(folder / "weights.npz") as archive:
        arrays = dict(archive)
    first = next(iter(arrays))
    arrays |= {first: changes["first"]} if changes.get("first") is not None else {}
    (np.savez_compressed if compressed else np.savez)(folder / "weights.npz", **arrays)  # type: ignore[arg-type]
    return first


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_weights_that_are_not_finite_are_refused(folder: Path, value: float) -> None:
    shape = bundle.load(folder).model.weights[0].shape
    name = changed_weights(folder, first=np.full(shape, value))
    with pytest.raises(ConfigError, match=f"`{name}` has values that are not finite"):
        bundle.load(folder)


def test_weights_of_double_precision_are_taken(folder: Path) -> None:
    shape = bundle.load(folder).model.weights[0].shape
    changed_weights(folder, first=np.full(shape, 0.5))
    assert np.all(np.asarray(bundle.load(folder).model.weights[0]) == 0.5)


@pytest.mark.fault("I1")
def test_an_archive_that_grows_is_refused_unread(tmp_path: Path) -> None:
    shapes = {"layer/kernel": np.zeros((3000, 1000), np.float32)}
    np.savez_compressed(tmp_path / "weights.npz", **shapes)  # type: ignore[arg-type]
    from rnnexp.models import weights

    with pytest.raises(ConfigError, match="claims more than it holds"):
        weights.read_shapes(tmp_path)
    np.savez(tmp_path / "weights.npz", **shapes)  # type: ignore[arg-type]
    assert weights.read_shapes(tmp_path) == {"layer/kernel": (3000, 1000)}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("plan", "sequence_length"), 4),
        (("plan", "steps"), 10**9),
        (("plan", "horizon"), 2),
        (("plan", "columns"), 2),
        (("columns",), ["sold", "sold", "open"]),
        (("ids",), ["north"]),
        (("frequency",), "fortnight"),
        (("calendar",), ["weekend"]),
        (("chain", 1, "lag"), -1),
        (("chain", 2, "scale"), [[0.0] * 3] * 2),
        (("table",), {"gaps": "maybe"}),
    ],
    ids=str,
)
def test_preprocessing_that_does_not_go_with_itself_or_the_network_is_refused(
    folder: Path, path: tuple[Any, ...], value: Any
) -> None:
    edit(folder / "preprocessing.json", *path, value=value)
    with pytest.raises(RnnexpError, match=r"preprocessing.json: .*(damaged|other windows)"):
        bundle.preview(folder)


def test_the_preprocessing_of_another_model_is_refused(folder: Path) -> None:
    shutil.copy(models.saved("recursive").folder / "model" / "preprocessing.json", folder)
    with pytest.raises(DataError, match="the network is for other windows: it is of another model, or damaged"):
        bundle.preview(folder)
