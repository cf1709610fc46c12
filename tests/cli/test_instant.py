"""A command that only looks, or finds a mistake, starts at once: nothing heavy is imported, little is computed."""

from __future__ import annotations

import math
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("keras", "jax", "tensorflow", "torch", "mlflow", "pandas", "matplotlib", "numpy", "scipy", "sklearn", "optuna")
MOST = 2.5  # times the processor time of a bare Hydra application
EXPERIMENTS = Path(__file__).parents[2] / "experiments"

BARE = """
import sys
import hydra
from omegaconf import DictConfig

sys.modules["hydra_plugins"] = None  # Hydra alone, without our plugins

@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config: DictConfig) -> None:
    pass

main()
"""
LOOKS = {
    "help": ("--help",),
    "cfg job": ("train", "--cfg", "job"),
    "cfg job of an experiment": ("train", "experiment=airline_lstm", "--cfg", "job"),
    "show": ("show", "experiment=airline_lstm"),
    "explain": ("explain", "model.units"),
    "schema": ("schema", "model"),
    "check": ("check", str(EXPERIMENTS / "airline_lstm.yaml")),
    "unknown group": ("train", "modell=x"),
    "unknown key": ("train", "model.unit=3"),
    "wrong value": ("train", "model.units=x"),
    "runs help": ("runs", "--help"),
    "compare help": ("compare", "--help"),
    "plot help": ("plot", "--help"),
    "predict help": ("predict", "--help"),
    "predict into no format": ("predict", "any", "-o", "any.xls"),
    "predict with no run": ("predict", "any"),
    "evaluate help": ("evaluate", "--help"),
    "evaluate with no run": ("evaluate", "any", "--data", "any.csv"),
    "predict with a wrong setting": ("predict", "any", "--data", "horizon=3"),
    "version": ("--version",),
}
looks = pytest.mark.parametrize("arguments", LOOKS.values(), ids=LOOKS)


@pytest.fixture
def bare(tmp_path: Path) -> list[str]:
    """Write a Hydra application with one group and return the command that prints its configuration."""
    for name, text in (("config", "defaults: [model: lstm, _self_]\nseed: 1\n"), ("model/lstm", "units: 8\n")):
        file = tmp_path / "bare" / "conf" / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "bare" / "app.py").write_text(BARE)
    return [sys.executable, str(tmp_path / "bare" / "app.py"), "--cfg", "job"]


def heavy(*arguments: str) -> set[str]:
    """Run a command in a process of its own and return which heavy libraries it has imported."""
    code = (
        "import atexit, sys; from rnnexp.cli.main import entry\n"
        f"atexit.register(lambda: print('HEAVY', *({set(HEAVY)!r} & set(sys.modules)), file=sys.stderr))\n"
        f"sys.argv = ['rnnexp', *{list(arguments)!r}]; entry()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert "Traceback" not in done.stderr
    return set(done.stderr.splitlines()[-1].split()[1:])


def processor_time(command: list[str]) -> float:
    """Return the seconds that a command computes, which a busy machine hardly changes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, capture_output=True, timeout=120, env={**os.environ, "COLUMNS": "100"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@looks
def test_a_look_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    assert heavy(*arguments) == set()


def test_a_command_that_needs_keras_is_seen_to_import_it() -> None:
    tiny = ("data.points=80", "model.units=[2]", "trainer.epochs=1", "tracking=off", "tracking.figures=false")
    found = heavy("train", *tiny)
    assert {"keras", "jax", "numpy"} <= found
    assert not {"tensorflow", "torch", "mlflow", "matplotlib", "sklearn"} & found


@looks
def test_a_look_computes_little_more_than_hydra_itself(arguments: tuple[str, ...], bare: list[str]) -> None:
    command = [sys.executable, "-m", "rnnexp", *arguments]
    ours = hydras = math.inf
    for tries in range(1, 6):
        ours, hydras = min(ours, processor_time(command)), min(hydras, processor_time(bare))
        if tries > 1 and ours <= MOST * hydras:
            return
    pytest.fail(f"{ours:.2f} s of processor time beside {hydras:.2f} s")
