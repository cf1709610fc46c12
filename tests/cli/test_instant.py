"""A command that only looks, or finds a mistake, starts at once: nothing heavy is imported, little is computed."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

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


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Write a Hydra application with one group and return the command that prints its configuration."""
    place = tmp_path_factory.mktemp("bare")
    for name, text in (("config", "defaults: [model: lstm, _self_]\nseed: 1\n"), ("model/lstm", "units: 8\n")):
        file = place / "conf" / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (place / "app.py").write_text(BARE)
    return [sys.executable, str(place / "app.py"), "--cfg", "job"]


class Look(NamedTuple):
    """What a command has done in a process of its own: libraries it has imported, seconds that it computed."""

    heavy: set[str]
    seconds: float


def look(*command: str) -> Look:
    """Run a command; a busy machine hardly changes how long it computes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env={**os.environ, "COLUMNS": "100"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = [line.split()[1:] for line in done.stderr.splitlines() if line.startswith("HEAVY")]
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Look({name for names in found for name in names}, seconds)


@pytest.fixture(scope="module")
def hydras(bare: list[str]) -> float:
    """Return the seconds that Hydra alone computes, without those of compiling what it imports."""
    return min(look(*bare).seconds for _ in range(2))


def ours(*arguments: str) -> Look:
    """Run a command of ours that says at its end what it has imported."""
    code = (
        "import atexit, sys; from rnnexp.cli.main import entry\n"
        f"atexit.register(lambda: print('HEAVY', *({set(HEAVY)!r} & set(sys.modules)), file=sys.stderr))\n"
        f"sys.argv = ['rnnexp', *{list(arguments)!r}]; entry()"
    )
    return look(sys.executable, "-c", code)


@looks
def test_a_look_imports_nothing_heavy_and_computes_little_more_than_hydra_itself(
    arguments: tuple[str, ...], bare: list[str], hydras: float
) -> None:
    seen = ours(*arguments)
    assert seen.heavy == set()
    ratios = [seen.seconds / hydras]
    while min(ratios) > MOST and len(ratios) < 6:  # the machine may have been quieter before: side by side
        ratios.append(ours(*arguments).seconds / look(*bare).seconds)
    assert min(ratios) <= MOST, ratios


def test_a_command_that_needs_keras_is_seen_to_import_it_and_to_compute(hydras: float) -> None:
    tiny = ("data.points=80", "model=simple_rnn", "trainer.epochs=1", "trainer.batch_size=full")
    found = ours("train", *tiny, "tracking=off", "tracking.figures=false")
    assert {"keras", "jax", "numpy"} <= found.heavy
    assert not {"tensorflow", "torch", "mlflow", "matplotlib", "sklearn"} & found.heavy
    assert found.seconds > MOST * hydras
