"""The same command goes on with a run that was ended before its time, and the result is the one it would have had."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

import rnnexp as rx
from rnnexp.cli.main import main
from rnnexp.errors import ConfigError, DataError
from rnnexp.registry import register
from rnnexp.run_folder import hold
from rnnexp.runner import Result
from rnnexp.runtime.machine import find_version
from rnnexp.tracking.journal import RunJournal
from rnnexp.tracking.store import open_store
from rnnexp.training.training_state import EpochCallback, State, TrainingState

TINY = ("data.points=80", "model.units=[4]", "model.dropout=0.2", "trainer.epochs=6", "tracking.figures=false")
WORDS = (*TINY, "trainer.engine=keras", "trainer.checkpoint_every_s=0", "+callbacks.x.name=power_cut")
ENDS = list[int]()  # the epochs after which the power is cut


def register_power_cut() -> None:
    """Register, for one test, a callback that ends the run as Ctrl-C does, where the test says so."""

    @register("callback")
    class power_cut(EpochCallback):
        name: Literal["power_cut"] = "power_cut"

        def initial(self) -> State:
            return {}

        def on_epoch_end(self, training: TrainingState, state: State) -> None:
            if training.epoch in ENDS:
                raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def no_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rnnexp.training.keeper.SHARE", 1e9)
    register_power_cut()
    ENDS.clear()
    yield
    ENDS.clear()


def started(*words: str) -> Result:
    return rx.run(rx.compose(*WORDS, *words), quiet=True)


def cut(*words: str, after: int = 4) -> Path:
    """Start a run, end it after an epoch, and return its folder."""
    ENDS.append(after)
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        started(*words)
    ENDS.clear()
    return max(Path("runs/sine").iterdir())


def weights_in(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "model" / "weights.npz") as archive:
        return dict(archive)


def is_same_model(one: Path, other: Path) -> bool:
    ours, theirs = weights_in(one), weights_in(other)
    return ours.keys() == theirs.keys() and all(np.array_equal(ours[path], theirs[path]) for path in ours)


def is_same(one: Result, other: Result) -> bool:
    scores = [{k: v for k, v in run.metrics.items() if not k.startswith("time/")} for run in (one, other)]
    return (
        is_same_model(one.run_dir, other.run_dir)
        and scores[0] == scores[1]
        and np.array_equal(one.predictions.predicted, other.predictions.predicted)
    )


def rows_of(folder: Path) -> list[int]:
    return [row["step"] for row in RunJournal(folder).rows.records()]


@pytest.mark.fault("A1")
@pytest.mark.parametrize(
    "more",
    [
        pytest.param((), id="keras"),
        pytest.param(("trainer.engine=compiled",), id="compiled"),
        pytest.param(("tracking=off",), id="off"),
        pytest.param(("ensemble=2",), id="ensemble", marks=pytest.mark.end_to_end),
    ],
)
def test_the_same_settings_go_on_in_the_same_folder_to_the_same_bits(more: tuple[str, ...]) -> None:
    folder = cut(*more)
    gone_on = started(*more)
    assert gone_on.run_dir == folder.absolute()
    whole = started(*more, "resume=never")
    assert whole.run_dir != gone_on.run_dir
    assert is_same(gone_on, whole)
    assert not is_same(gone_on, started(*more, "seed=1"))
    assert sorted(rows_of(folder)) == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.fault("A1")
def test_it_stays_one_run_in_the_store_with_no_step_twice(tmp_path: Path) -> None:
    cut()
    result = started()
    client = open_store(f"sqlite:///{tmp_path}/mlflow.db")
    (run,) = client.search_runs(["1"])
    assert (run.info.run_id, run.info.status) == (result.run_id, "FINISHED")
    assert run.data.tags["rnnexp.outcome"] == "ok"
    steps = [point.step for point in client.get_metric_history(run.info.run_id, "train/loss")]
    assert sorted(steps) == [1, 2, 3, 4, 5, 6]


def artifacts(place: Path) -> dict[str, str]:
    """Return the texts at the top of the only run's files in the store, by their names."""
    client = open_store(f"sqlite:///{place}/mlflow.db")
    (run,) = client.search_runs(["1"])
    assert "rnnexp.incomplete" not in run.data.tags
    root = Path(run.info.artifact_uri.removeprefix("file://"))
    return {path.name: path.read_text() for path in root.glob("*.txt")}


@pytest.mark.parametrize("mode", ["online", "offline"])
def test_the_error_of_an_earlier_attempt_goes_from_the_folder_and_from_the_store(tmp_path: Path, mode: str) -> None:
    folder = cut(f"tracking.mode={mode}")
    assert "KeyboardInterrupt" in (folder / "error.txt").read_text()
    if mode == "online":
        assert "error.txt" in artifacts(tmp_path)
    started(f"tracking.mode={mode}")
    if mode == "offline":
        assert main(["sync"]) == 0
    assert artifacts(tmp_path).keys() == {"model_summary.txt"}
    assert not (folder / "error.txt").exists()


def test_where_a_store_does_not_let_files_be_deleted_it_says_that_the_error_is_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rnnexp.tracking.local_files import LocalFiles

    def refuse(*_: object) -> None:
        raise PermissionError("no")

    cut()
    monkeypatch.setattr(LocalFiles, "delete_artifacts", refuse)
    started()
    assert artifacts(tmp_path)["error.txt"] == "This was of an earlier attempt, with which the run has gone on.\n"


@pytest.mark.fault("F14")
def test_a_finished_run_that_is_asked_for_again_runs_again() -> None:
    cut()
    assert started().run_dir != started().run_dir


def test_of_a_finished_run_one_checkpoint_is_kept() -> None:
    assert len([*(started().run_dir / "checkpoints").glob("state-*")]) == 1


def test_never_starts_anew() -> None:
    folder = cut()
    assert started("resume=never").run_dir != folder.absolute()


def test_must_without_such_a_run_is_a_mistake_that_says_why() -> None:
    with pytest.raises(
        ConfigError, match=r"resume=must: no run of these settings in .*sine can be resumed: there is none"
    ):
        started("resume=must")
    folder = started().run_dir
    with pytest.raises(ConfigError, match=f"{folder.name} has ended"):
        started("resume=must")


def test_a_run_without_a_checkpoint_is_not_gone_on_with() -> None:
    folder = cut("trainer.checkpoint_every_s=null")
    assert started().run_dir != folder.absolute()


def test_while_one_is_running_another_gets_a_folder_of_its_own_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    folder = cut()
    caplog.set_level("INFO", "rnnexp")
    with hold(folder):
        assert started().run_dir != folder.absolute()
    assert f"{folder.name} is the same and still running (process {os.getpid()}); this run gets a folder" in caplog.text


@pytest.mark.fault("D7")
def test_changed_data_are_told_and_nothing_goes_on(tmp_path: Path) -> None:
    rows = "\n".join(f"{number % 7 + number / 10}" for number in range(80))
    (tmp_path / "a.csv").write_text(f"y\n{rows}\n")
    words = [word for word in WORDS if not word.startswith("data.")] + ["data=csv", "data.path=a.csv", "data.target=y"]
    ENDS.append(4)
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        rx.run(rx.compose(*words), quiet=True)
    (tmp_path / "a.csv").write_text(f"y\n{rows}\n0.5\n")
    with pytest.raises(
        DataError, match=r"(?s)its data have changed since:.*a\.csv: sha256 .* now.*resume=never starts"
    ):
        rx.run(rx.compose(*words), quiet=True)


@pytest.mark.fault("C12", "D8")
def test_what_has_changed_is_a_tag_and_parameters_stay(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder, now = cut(), find_version("keras")
    origin = json.loads((folder / "origin.json").read_text())
    origin["versions"]["keras"] = "3.0.0"  # that began it
    (folder / "origin.json").write_text(json.dumps(origin))
    started("tracking.log_model=false")
    assert f"{folder.name}: resumed with keras {now} (was 3.0.0); its last bits may differ" in caplog.text
    (run,) = open_store(f"sqlite:///{tmp_path}/mlflow.db").search_runs(["1"])
    assert run.data.tags["rnnexp.resume.changed"] == f"tracking.log_model false (was true); keras {now} (was 3.0.0)"
    assert run.data.params["tracking.log_model"] == "true"


def test_where_nothing_has_changed_no_tag_says_so(tmp_path: Path) -> None:
    cut()
    started()
    (run,) = open_store(f"sqlite:///{tmp_path}/mlflow.db").search_runs(["1"])
    assert "rnnexp.resume.changed" not in run.data.tags


DEADLY = """
import os, signal
from pathlib import Path
from typing import Literal
from rnnexp.registry import register
from rnnexp.training import keeper
from rnnexp.training.training_state import EpochCallback

keeper.SHARE = 1e9

@register("callback")
class deadly(EpochCallback):
    name: Literal["deadly"] = "deadly"

    def on_epoch_end(self, training, state):
        if training.epoch == 4 and not Path("killed").exists():
            Path("killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.fault("A1")
@pytest.mark.end_to_end
@pytest.mark.parametrize("more", [(), ("ensemble=2",)], ids=["single", "ensemble"])
def test_the_same_command_goes_on_after_kill_9(more: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "deadly_plugin.py").write_text(DEADLY)
    words = [*(word for word in WORDS if "callbacks" not in word), *more]
    command = [sys.executable, "-m", "rnnexp", "train", *words, "+callbacks.x.name=deadly", "plugins=[deadly_plugin]"]
    killed = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    (folder,) = tmp_path.glob("runs/sine/*")
    assert done.returncode == 0, done.stderr
    assert f"resuming {folder.name} from epoch 3, step " in done.stdout
    assert sorted(rows_of(folder)) == [0, 1, 2, 3, 4, 5, 6]
    whole = rx.run(rx.compose(*words), quiet=True)
    assert is_same_model(folder, whole.run_dir)
    assert not is_same_model(folder, rx.run(rx.compose(*words, "seed=1"), quiet=True).run_dir)
