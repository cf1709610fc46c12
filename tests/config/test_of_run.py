"""What a run was trained with is an experiment: `experiment=FOLDER`, `experiment=FILE`, `rnnexp show RUN`."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import rnnexp as rx
from rnnexp.cli.main import main
from rnnexp.config.identity import config_hash
from rnnexp.config.parse import plain_values
from rnnexp.errors import ConfigError

CASES = {
    "defaults": (),
    "another cell": ("model=gru", "model.units=[3,2]", "optimizer=sgd", "optimizer.momentum=0.9", "seed=4"),
    "a loss and callbacks": ("loss=huber", "callbacks=early_stopping", "callbacks.early_stopping.patience=3"),
    "classes": ("data=text_lines", "data.path=lines.txt", "schedule=cosine"),
    "a file": ("data=csv", "data.path=a.csv", "data.target=y", "data.horizon=3"),
    "another seed of the data": ("data=reverse_digits", "model=encoder_decoder", "data.seed=9"),
    "off": ("experiment=airline_lstm", "tracking=off", "name=mine"),
}


def keep(*words: str) -> rx.Experiment:
    """Write a configuration as the folder of a run keeps it."""
    experiment = rx.compose(*words)
    file = Path("runs/some/2026-01-01T00-00-00-abcdef12/config/config.yaml")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(plain_values(experiment), sort_keys=False))
    return experiment


@pytest.mark.parametrize(
    ("case", "path"), [*((case, "folder") for case in CASES), ("off", "absolute"), ("off", "file")]
)
def test_what_a_run_was_trained_with_composes_to_itself(case: str, path: str) -> None:
    before = keep(*CASES[case])
    folder = "runs/some/2026-01-01T00-00-00-abcdef12"
    given = {"absolute": str(Path(folder).absolute()), "file": f"{folder}/config/config.yaml"}.get(path, folder)
    again = rx.compose(f"experiment={given}")
    assert config_hash(again) == config_hash(before)
    assert again.name == before.name
    other = rx.compose(f"experiment={given}", "model.units=[7]")
    assert config_hash(other) != config_hash(before)


def test_data_follow_another_seed_as_they_did_before() -> None:
    keep("data=sine", "seed=2")
    again = rx.compose("experiment=runs/some/2026-01-01T00-00-00-abcdef12", "seed=5")
    assert (again.seed, again.data.seed) == (5, 5)
    keep("data=sine", "seed=2", "data.seed=9")
    again = rx.compose("experiment=runs/some/2026-01-01T00-00-00-abcdef12", "seed=5")
    assert (again.seed, again.data.seed) == (5, 9)


def test_where_runs_went_is_not_taken_over() -> None:
    keep("tracking.uri=http://127.0.0.1:9/", "tracking.experiment=mine", "resume=must")
    again = rx.compose("experiment=runs/some/2026-01-01T00-00-00-abcdef12")
    assert (again.tracking.uri, again.tracking.experiment, again.resume) == (None, "mine", "auto")


def test_an_experiment_may_lie_elsewhere() -> None:
    Path("other").mkdir()
    Path("other/mine.yaml").write_text("defaults:\n  - override /model: gru\ntrainer: {epochs: 7}\n")
    experiment = rx.compose("experiment=other/mine.yaml")
    assert (experiment.model.name, experiment.trainer.epochs) == ("gru", 7)


@pytest.mark.parametrize("path", ["runs/nothing", "other/none.yaml", "/nowhere/config.yaml"])
def test_a_path_that_leads_nowhere_is_a_mistake(path: str) -> None:
    with pytest.raises(ConfigError, match=f"experiment: `{path}` is not one of"):
        rx.compose(f"experiment={path}")


def test_show_takes_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    keep("model=gru", "model.units=[3]")
    Path("runs/some/2026-01-01T00-00-00-abcdef12/run.lock").touch()
    for run in ("last", "2026-01-01T00-00-00-abcdef12", "2026-01"):
        assert main(["show", run, "seed=3"]) == 0
        told = capsys.readouterr().out
        assert "config/config.yaml" in told
        assert "seed: 3" in told
    assert main(["show", "nobody"]) == 2
    assert "there is no run or sweep `nobody`" in capsys.readouterr().err
