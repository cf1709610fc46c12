"""The pictures of a run are drawn later as they would have been drawn at once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.image
import numpy as np
import pytest

import rnnexp as rx
from rnnexp.cli.main import main
from rnnexp.compare import plot
from rnnexp.tracking.query import TrackedRun, Wanted, run_folder, select
from rnnexp.tracking.store import tracking_uri

pytestmark = pytest.mark.end_to_end

TINY = ("data.points=120", "trainer.epochs=3")
PLUGIN = """
import keras
from rnnexp import register

@register("model")
def lone_dense(spec, units: int = 3) -> keras.Model:
    past = keras.Input(spec.inputs["past"].shape, name="past")
    x = keras.layers.Dense(spec.output_shape[0] * spec.output_shape[1], name="output")(keras.layers.Flatten()(past))
    return keras.Model(past, keras.layers.Reshape(spec.output_shape, name="shape")(x))
"""


class Done(NamedTuple):
    """A store with one run that has pictures, and the same run without."""

    uri: str
    folder: Path
    drawn: TrackedRun
    bare: TrackedRun


def tracked(uri: str, run_id: str | None) -> TrackedRun:
    (found,) = select(uri, Wanted(run=run_id))
    return found


@pytest.fixture(scope="session")
def own_store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Make a store of our own: the runs here would be in the way of tests that list all runs."""
    return tracking_uri(f"sqlite:///{tmp_path_factory.mktemp('plots') / 'mlflow.db'}")


@pytest.fixture(scope="session")
def done(own_store: str, tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("plotted")
    (folder / "data.csv").write_text(table(0.0))
    results = [
        rx.run(rx.compose(*csv_of(folder), f"tracking.uri={own_store}", f"tracking.figures={drawn}"), folder / drawn)
        for drawn in ("true", "false")
    ]
    return Done(own_store, folder, *(tracked(own_store, result.run_id) for result in results))


def csv_of(folder: Path) -> tuple[str, ...]:
    return ("data=csv", f"data.path={folder / 'data.csv'}", "data.sequence_length=8", "data.horizon=2", *TINY[1:])


def table(shift: float) -> str:
    return "level\n" + "".join(f"{np.sin(row / 5) + shift:.6f}\n" for row in range(120))


def pictures(run: TrackedRun) -> dict[str, Path]:
    folder = Path(run.artifacts.removeprefix("file://")) / "figures"
    return {path.name: path for path in folder.glob("*")}


def said(capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> str:
    assert main(["plot", *arguments]) == code
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return out if code == 0 else err


def another(done: Done, **changes: Any) -> TrackedRun:
    """Track a run that differs from the typical one."""
    words = [f"{key.replace('__', '.')}={value}" for key, value in changes.items()]
    experiment = rx.compose(*TINY, f"tracking.uri={done.uri}", "tracking.figures=false", *words)
    return tracked(done.uri, rx.run(experiment).run_id)


def test_the_pictures_are_those_that_the_run_would_have_drawn(done: Done, capsys: pytest.CaptureFixture[str]) -> None:
    assert pictures(done.bare) == {}
    out = said(capsys, 0, done.bare.run_id[:12], "--uri", done.uri)
    assert set(pictures(done.bare)) == set(pictures(done.drawn)) != set()
    for name, path in pictures(done.drawn).items():
        ours, theirs = matplotlib.image.imread(path), matplotlib.image.imread(pictures(done.bare)[name])
        assert ours.shape == theirs.shape
        assert np.mean(ours != theirs) < 1e-3
    names = ", ".join(("learning_curves", "prediction", "whole_series", "residuals", "error_by_horizon", "memory"))
    assert out.splitlines() == [
        f"{done.bare.name} ({done.bare.run_id[:8]}): drew {names}",
        f"  {pictures(done.bare)['prediction.png'].parent}",
        f"  {done.folder / 'false' / 'figures'}",
    ]
    assert {path.name for path in (done.folder / "false" / "figures").iterdir()} == set(pictures(done.bare))


def test_pictures_of_two_kinds_would_be_told_apart(done: Done) -> None:
    one, other = (matplotlib.image.imread(pictures(done.drawn)[f"{name}.png"]) for name in ("prediction", "residuals"))
    assert one.shape != other.shape or np.mean(one != other) > 1e-3


def test_a_folder_of_the_users_own_is_all_that_is_written_to(
    done: Done, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {name: path.stat().st_mtime_ns for name, path in pictures(done.drawn).items()}
    found = json.loads(said(capsys, 0, done.drawn.run_id, "--uri", done.uri, "-o", "new/folder", "--json"))
    assert found["places"] == ["new/folder"]
    assert found["note"] is None
    assert {path.stem for path in (tmp_path / "new" / "folder").iterdir()} == set(found["figures"])
    assert {name: path.stat().st_mtime_ns for name, path in pictures(done.drawn).items()} == before


def test_a_run_whose_folder_is_gone_is_drawn_from_the_store(done: Done, capsys: pytest.CaptureFixture[str]) -> None:
    run = another(done, seed=1)
    folder = run_folder(run)
    assert folder is not None
    shutil.rmtree(folder)
    assert len(said(capsys, 0, run.run_id, "--uri", done.uri).splitlines()) == 2
    names = ("learning_curves", "prediction", "whole_series", "residuals", "memory")
    assert set(pictures(run)) == {f"{name}.png" for name in names}


def test_the_pictures_of_other_data_are_not_drawn(done: Done, capsys: pytest.CaptureFixture[str]) -> None:
    file = done.folder / "data.csv"
    before = {name: path.read_bytes() for name, path in pictures(done.drawn).items()}
    try:
        file.write_text(table(0.25))
        assert "data.csv: the data have changed since run " in said(capsys, 3, done.drawn.run_id, "--uri", done.uri)
        file.unlink()
        assert "data.csv" in said(capsys, 3, done.drawn.run_id, "--uri", done.uri)
    finally:
        file.write_text(table(0.0))
    assert {name: path.read_bytes() for name, path in pictures(done.drawn).items()} == before


def test_another_score_on_the_same_data_is_said(
    done: Done, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = plot.find.run(done.uri, done.drawn.run_id)
    metrics: Mapping[str, float] = {**found.metrics, "test/rmse": found.metrics["test/rmse"] * 1.001}
    monkeypatch.setattr(plot.find, "run", lambda *_: TrackedRun(**{**vars(found), "metrics": metrics}))
    assert main(["plot", found.run_id, "--uri", done.uri, "-o", "here"]) == 0
    assert "note: test/rmse is " in capsys.readouterr().err


def test_runs_without_a_model_say_why(done: Done, capsys: pytest.CaptureFixture[str]) -> None:
    run = another(done, tracking__log_model="false")
    assert "has no model: it was run with tracking.log_model=false" in said(capsys, 2, run.run_id, "--uri", done.uri)


def test_an_unknown_run_exits_with_2(done: Done, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"there is no run `{done.bare.name}x`; did you mean" in said(
        capsys, 2, f"{done.bare.name}x", "--uri", done.uri
    )


def test_a_sweep_that_knows_no_memory_is_drawn_by_its_report(made: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"is a sweep: `rnnexp report {made.name}` draws it" in said(capsys, 2, made.run_id, "--uri", made.uri)


def test_plugins_are_loaded_only_if_they_are_allowed(
    done: Done, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lone_models.py").write_text(PLUGIN)
    run = another(done, plugins="[lone_models]", model="lone_dense")
    refused = said(capsys, 2, run.run_id, "--uri", done.uri)
    assert f"if you trust them: rnnexp plot {run.run_id} --plugins lone_models" in refused
    assert "drew" in said(capsys, 0, run.run_id, "--uri", done.uri, "--plugins", "lone_models")


def test_a_failed_run_has_no_model(done: Done, capsys: pytest.CaptureFixture[str]) -> None:
    from rnnexp.errors import DivergedError

    with pytest.raises(DivergedError):
        another(done, optimizer__learning_rate="1e30", trainer__on_divergence="fail", name="lost")
    run = select(done.uri, Wanted(tags={"rnnexp.group": "lost"}))[0]
    assert "has no model: it ended as diverged" in said(capsys, 2, run.run_id, "--uri", done.uri)


def test_a_place_that_cannot_be_written_is_named(
    done: Done, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert "file: cannot be written" in said(capsys, 2, done.drawn.run_id, "--uri", done.uri, "-o", "file")
