"""What is asked for with Hydra's flags is done, or refused by name: never is the default trained in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnnexp.cli.main import main

ADVICE = "Write the settings to experiments/NAME.yaml and choose them with experiment=NAME"
ADD = "give one that holds model/NAME.yaml"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Make the folder `config` of a run and a folder with a model of its own."""
    for name, text in {
        "RUN/config/config.yaml": "seed: 3\n",
        "more/model/wide.yaml": "name: lstm\nunits: [64]\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    return tmp_path


MODES = [("train",), ("train", "--cfg", "job"), ("train", "-m", "seed=0,1", "--dry-run"), ("train", "--info", "all")]
REFUSED = {
    "a run's configuration": ("--config-dir RUN/config --config-name config", "--config-name: config given", ADVICE),
    "the folder of a run's configuration": ("--config-dir RUN/config", "--config-dir: RUN/config/config.yaml", ADVICE),
    "another page": ("--config-name other", "--config-name: other given", ADVICE),
    "another page, in short": ("-cn other", "--config-name: other given", ADVICE),
    "an experiment as the page": ("--config-name experiment/airline_lstm", "--config-name: experiment/a", ADVICE),
    "another place of the page": ("--config-path RUN/config", "--config-path: RUN/config given", ADVICE),
    "a pickle of Hydra's": ("--experimental-rerun RUN/.hydra/config.pickle", "--experimental-rerun: RUN", ADVICE),
    "a folder that is not there": ("--config-dir nowhere", "--config-dir: there is no folder `nowhere`", ADD),
    "a file for a folder": ("--config-dir RUN/config/config.yaml", "--config-dir: there is no folder `RUN", ADD),
    "an empty folder's name": ("--config-dir=", "--config-dir: there is no folder ``", ADD),
}


@pytest.mark.parametrize("mode", MODES, ids=" ".join)
@pytest.mark.parametrize(("flags", "key", "what"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused_to_take(
    elsewhere: Path, capsys: pytest.CaptureFixture[str], mode: tuple[str, ...], flags: str, key: str, what: str
) -> None:
    before = sorted(elsewhere.rglob("*"))
    assert main([*mode, *flags.split()]) == 2
    printed = capsys.readouterr()
    assert key in printed.err
    assert what in printed.err
    assert printed.out == ""
    assert sorted(elsewhere.rglob("*")) == before


def test_a_folder_of_choices_is_taken(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--config-dir", "more", "--cfg", "job", "model=wide"]) == 0
    printed = capsys.readouterr()
    assert "- 64" in printed.out
    assert f"configuration is also read from {elsewhere / 'more'}" in printed.err


def test_the_page_of_such_a_folder_is_not_passed_over(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (elsewhere / "more" / "config.yaml").write_text("hydra: {callbacks: {x: {_target_: os.mkdir, path: canary}}}\n")
    assert main(["train", "--config-dir", "more", "model=wide"]) == 2
    assert "more/config.yaml would not be read" in capsys.readouterr().err
    assert not Path("canary").exists()
