"""A command that only looks, or finds a mistake, starts at once: nothing heavy is imported, little is computed."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

HEAVY = ("keras", "jax", "tensorflow", "torch", "mlflow", "pandas", "matplotlib", "numpy", "scipy", "sklearn", "optuna")
MOST = 3.5  # times the processor time of a bare Hydra application; up to 3.2 on a quiet machine, for what is misspelled
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
    "watch with no sweep": ("watch",),
    "logs help": ("logs", "--help"),
    "stop with no run": ("stop", "last"),
    "predict help": ("predict", "--help"),
    "predict into no format": ("predict", "any", "-o", "any.xls"),
    "predict with no run": ("predict", "any"),
    "evaluate help": ("evaluate", "--help"),
    "evaluate with no run": ("evaluate", "any", "--data", "any.csv"),
    "predict with a wrong setting": ("predict", "any", "--data", "horizon=3"),
    "version": ("--version",),
}
looks = pytest.mark.parametrize("arguments", LOOKS.values(), ids=LOOKS)


class Bare:
    """A Hydra application with one group, which prints its configuration."""

    def __init__(self, folder: Path) -> None:
        for name, text in (("config", "defaults: [model: lstm, _self_]\nseed: 1\n"), ("model/lstm", "units: 8\n")):
            file = folder / "conf" / f"{name}.yaml"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        (folder / "app.py").write_text(BARE)
        self._command = [sys.executable, str(folder / "app.py"), "--cfg", "job"]

    def seconds(self) -> float:
        """Run it and return the seconds that it computed."""
        return timed(self._command)[1]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Bare:
    return Bare(tmp_path_factory.mktemp("bare"))


class Look(NamedTuple):
    """What a command in a process of its own has imported of the heavy libraries, and the seconds it computed."""

    heavy: set[str]
    seconds: float


@cache
def look(*arguments: str) -> Look:
    """Run a command once for all tests."""
    code = (
        "import atexit, sys; from rnnexp.cli.main import entry\n"
        f"atexit.register(lambda: print('HEAVY', *({set(HEAVY)!r} & set(sys.modules)), file=sys.stderr))\n"
        f"sys.argv = ['rnnexp', *{list(arguments)!r}]; entry()"
    )
    said, seconds = timed([sys.executable, "-c", code])
    assert "Traceback" not in said
    return Look(set(said.splitlines()[-1].split()[1:]), seconds)


def timed(command: list[str]) -> tuple[str, float]:
    """Return what a command says on stderr, and the seconds it computes, which a busy machine hardly changes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ, "COLUMNS": "100"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stderr, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@looks
def test_a_look_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    assert look(*arguments).heavy == set()


@pytest.mark.end_to_end
def test_a_command_that_needs_keras_is_seen_to_import_it() -> None:
    tiny = ("data.points=80", "model.units=[2]", "trainer.epochs=1", "tracking=off", "tracking.figures=false")
    found = look("train", *tiny).heavy
    assert {"keras", "jax", "numpy"} <= found
    assert not {"tensorflow", "torch", "mlflow", "matplotlib", "sklearn"} & found


def test_init_looks_at_a_table_without_what_trains_a_network() -> None:
    rows = "".join(f"2020-{month:02d}-{day:02d},{day % 7}\n" for month in (1, 2, 3) for day in range(1, 29))
    Path("my.csv").write_text(f"date,y\n{rows}Total,252\n", encoding="utf-8")
    assert look("init", "my.csv", "--gaps", "ffill").heavy == {"numpy", "pandas"}
    assert Path("experiments/my.yaml").exists()


@looks
def test_a_look_computes_little_more_than_hydra_itself(arguments: tuple[str, ...], bare: Bare) -> None:
    ratios = [look(*arguments).seconds / bare.seconds()]
    while ratios[-1] > MOST and len(ratios) < 6:
        ratios.append(timed([sys.executable, "-m", "rnnexp", *arguments])[1] / bare.seconds())
    assert ratios[-1] <= MOST, f"{ratios} times the processor time of a bare Hydra application"


RUN = """
import sys
from rnnexp.cli.main import main
from rnnexp.tracking.run import Run

def tell(when):
    print(when, *({heavy} & set(sys.modules)))

def log_epochs(*arguments):
    Run.log_epochs = usual
    tell("STEP")
    return usual(*arguments)

usual, Run.log_epochs = Run.log_epochs, log_epochs
code = main(["train", "experiment=airline_lstm", "trainer.epochs=3"])
tell("END")
sys.exit(code)
"""


@pytest.mark.end_to_end
def test_a_run_imports_only_what_it_computes_with_and_pictures_after_its_training(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONPATH": str(EXPERIMENTS.parent)}

    def train(folder: str) -> dict[str, set[str]]:
        (tmp_path / folder).mkdir()
        code = RUN.format(heavy={*HEAVY, "sqlalchemy", "alembic"})
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path / folder, env=environment)
        assert done.returncode == 0, done.stderr
        told = [line.split() for line in done.stdout.splitlines() if line.startswith(("STEP", "END"))]
        return {when: {*names} for when, *names in told}

    assert train("first")["END"] >= {"mlflow", "sqlalchemy"}
    computes = {"keras", "jax", "numpy", "scipy", "pandas"}
    assert train("second") == {"STEP": computes, "END": {*computes, "matplotlib"}}
