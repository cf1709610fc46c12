"""`rx.run` does what `rnnexp train` does, in a script, a notebook or a thread, and leaves the process as it was."""

from __future__ import annotations

import errno
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rnnexp as rx
from rnnexp.api.entry_points import explain_errors

TINY = (
    "data=sine",
    "data.points=60",
    "data.sequence_length=4",
    "model.units=[2]",
    "trainer.epochs=2",
    "tracking=off",
    "tracking.figures=false",
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.WARNING, "rnnexp")  # as in a program that has not set up any logging


def test_it_prints_what_the_command_prints_and_keeps_it_beside_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    result = rx.run(*TINY, seed=1)
    out, _ = capsys.readouterr()
    assert "epoch 2/2  train/loss" in out
    assert "next     rnnexp train -m" in out
    assert str(result) in out
    log = (result.run_dir / "train.log").read_text()
    assert all(line in log for line in str(result).splitlines())
    assert result.run_dir.parent == Path.cwd() / "runs" / "sine"


def test_a_quiet_run_prints_nothing_and_goes_where_it_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    result = rx.run(*TINY, run_dir="mine", quiet=True)
    assert capsys.readouterr().out == ""
    assert result.run_dir == Path.cwd() / "mine"
    assert "sine: RMSE on the test set" in Path("mine", "train.log").read_text()
    again = rx.run(rx.compose(*TINY), Path("other"), quiet=True)
    assert dict(again.metrics) == pytest.approx({**result.metrics, "time/training_s": again.history.seconds})
    assert again.metrics["test/rmse"] != rx.run(*TINY, seed=5, quiet=True).metrics["test/rmse"]  # the negative control


def test_it_runs_in_a_thread_and_leaves_signals_and_loggers_alone() -> None:
    log, numbers = logging.getLogger("rnnexp"), (signal.SIGINT, signal.SIGTERM)
    before = (log.handlers[:], log.level, log.propagate, *map(signal.getsignal, numbers))
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(rx.run(*TINY, quiet=True)))
    thread.start()
    thread.join()
    assert found[0].metrics["test/rmse"] > 0
    assert (log.handlers[:], log.level, log.propagate, *map(signal.getsignal, numbers)) == before


def test_a_program_that_listens_hears_it_once(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "rnnexp"):
        rx.run(*TINY)
    assert sum("epoch 2/2" in line for line in caplog.messages) == 1
    assert "epoch 2/2" not in capsys.readouterr().out


MISTAKES: dict[str, tuple[Callable[[], object], str]] = {
    "all at once": (
        lambda: rx.run("model.unit=3", trainer={"epochs": "many"}, modl="gru"),
        "(?s)3 mistakes in the configuration:.*model.unit: unknown.*trainer.epochs: 'many'.*modl: unknown key; did you",
    ),
    "a sweep": (lambda: rx.run("seed=0,1"), "seed: `seed=0,1` asks for several runs; add -m for a sweep"),
    "a setting of Hydra's": (lambda: rx.run("hydra.run.dir=x"), "hydra.run.dir: Hydra's own .*run_dir=… is the folder"),
    "a choice of Hydra's": (lambda: rx.run("hydra/launcher=serial"), "hydra/launcher: Hydra's own settings are for"),
    "an experiment and more": (lambda: rx.run(rx.compose(), seed=1), "an Experiment stands alone: give its overrides"),
    "no setting": (lambda: rx.run(3), "3 given; settings are texts"),  # type: ignore[arg-type]
    "no override": (lambda: rx.run("model"), "`model`: not `key=value`"),
    "no experiment": (lambda: rx.run(experiment="nowhere"), "experiment: `nowhere` is not one of"),
    "of a sweep, all at once": (
        lambda: rx.sweep("model=lstm,gruu", params={"seed": ["x"]}, sweeper={"repeat": 2}),
        "(?s)4 mistakes.*`gruu` is not one of.*hydra.sweeper.repeat: unknown key; did you mean .*seed: 'x' given",
    ),
    "of a sweep without values": (lambda: rx.sweep(params={"seed": 3}), "params: seed: 3 given; give its values"),
    "of a launcher": (lambda: rx.sweep("seed=0,1", launcher="lokal"), "Could not find 'hydra/launcher/lokal'"),
    "of a launcher's settings": (
        lambda: rx.sweep("seed=0,1", launcher={"name": "local", "n_job": 2}),
        "hydra.launcher.n_job: unknown key; did you mean `hydra.launcher.n_jobs`",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_errors_of_the_package_before_anything_is_made(mistake: str) -> None:
    call, said = MISTAKES[mistake]
    with pytest.raises(rx.ConfigError, match=said):
        call()
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    ("raised", "known"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "a"), rx.ResourceError),
        (MemoryError(), rx.ResourceError),
        (SystemExit(3), rx.RnnexpError),
        (rx.DataError("as it is"), rx.DataError),
        (ZeroDivisionError("nobody has thought of it"), ZeroDivisionError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_what_the_command_has_a_sentence_for_is_an_error_of_the_package(
    raised: BaseException, known: type[BaseException]
) -> None:
    with pytest.raises(known) as caught, explain_errors():
        raise raised
    assert caught.value is raised or caught.value.__cause__ is raised


def test_every_public_name_is_there_and_importing_it_costs_nothing() -> None:
    heavy = [
        "keras",
        "jax",
        "tensorflow",
        "torch",
        "mlflow",
        "pandas",
        "numpy",
        "hydra",
        "pydantic",
        "rnnexp.api.entry_points",
    ]
    code = (
        f"import sys, rnnexp as rx; rx.ConfigError, dir(rx); print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert all(getattr(rx, name).__doc__ for name in rx.__all__)
    assert Path(str(rx.__file__)).with_name("py.typed").exists()
    with pytest.raises(AttributeError, match="has no attribute 'runn'"):
        rx.runn  # noqa: B018
    with pytest.raises(AttributeError, match="has no attribute 'Result'; it is called RunResult now"):
        rx.Result  # noqa: B018
