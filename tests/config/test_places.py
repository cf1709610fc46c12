"""Where experiments lie: in sub-folders too, as .yaml or .yml, each under one name."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnnexp import compose
from rnnexp.config import places
from rnnexp.config.compose import hydra_state, loader
from rnnexp.config.overrides import inspect_overrides
from rnnexp.errors import ConfigError
from rnnexp.sweeps.definition import define, sweep_name
from rnnexp.sweeps.read_space import read_space
from rnnexp.sweeps.settings import Sweep


def write(*names: str, text: str = "trainer: {epochs: 3}\n") -> None:
    for name in names:
        file = Path("experiments", name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@pytest.mark.parametrize("name", ["table1", "paper/table1", "paper/appendix/table1"])
@pytest.mark.parametrize("suffix", [".yaml", ".yml"])
def test_an_experiment_is_chosen_by_its_path(name: str, suffix: str) -> None:
    write(name + suffix)
    config = compose(f"experiment={name}", "model=gru")
    assert (config.name, config.trainer.epochs, config.model.name) == (name, 3, "gru")


def test_an_experiment_may_build_on_another() -> None:
    write("paper/table2.yaml", text="defaults: [paper/table1]\nseed: 5\n")
    write("paper/table1.yaml")
    config = compose("experiment=paper/table2")
    assert (config.seed, config.trainer.epochs) == (5, 3)


def test_all_are_listed_under_their_paths_and_hidden_ones_are_not() -> None:
    write("a.yaml", "paper/b.yml", "paper/c/d.yaml", ".ipynb_checkpoints/e.yaml", "__pycache__/f.yaml", "notes.txt")
    Path("experiments/folder.yaml").mkdir()
    own = places.named(Path("experiments"), deep=True)
    assert own == {"a", "paper/b", "paper/c/d"}
    with hydra_state():
        assert own <= set(loader().get_group_options("experiment"))
        assert loader().list_groups("experiment") == []


def test_tab_completion_offers_them() -> None:
    from hydra._internal.core_plugins.bash_completion import BashCompletion

    write("paper/table1.yaml", "paper/table2.yml")
    with hydra_state():
        offered = BashCompletion(loader())._query(config_name="config", line="experiment=paper/")
    assert offered == ["experiment=paper/table1", "experiment=paper/table2"]


@pytest.mark.parametrize("asked", ["table1", "papr/table1", "paper/tabel1"])
def test_a_misspelled_name_suggests_across_folders(asked: str) -> None:
    write("paper/table1.yaml")
    (problem,) = inspect_overrides([f"experiment={asked}"]).problems
    assert problem.endswith("; did you mean `paper/table1`?")


@pytest.mark.parametrize("name", ["twice", "paper/twice"])
def test_two_files_of_one_name_are_refused(name: str) -> None:
    write(f"{name}.yaml", f"{name}.yml", "other.yaml")
    with pytest.raises(ConfigError, match=rf"experiment/{name}: both .*{name}.yaml and twice.yml exist"):
        compose(f"experiment={name}")
    assert compose("experiment=other").trainer.epochs == 3


def test_the_working_directory_wins_whatever_the_suffix() -> None:
    write("airline_lstm.yml")
    assert compose("experiment=airline_lstm").trainer.epochs == 3


@pytest.mark.parametrize("name", ["../secret", "paper/../../secret", "/secret", "paper/link"])
@pytest.mark.fault("I5")
def test_a_name_does_not_lead_out_of_the_folder(tmp_path: Path, name: str) -> None:
    write("paper/table1.yaml", "../secret.yaml")
    Path("experiments/paper/link.yaml").symlink_to(tmp_path / "secret.yaml")
    assert places.find(f"experiment/{name}") is None


def space(*lines: str) -> tuple[str, ...]:
    with hydra_state():
        (dimension,) = read_space(lines, Sweep()).dimensions
    return dimension.options


@pytest.mark.parametrize("asked", ["paper/table1,paper/table2", "glob(paper/*)", "glob(*table?)"])
def test_a_sweep_takes_several(asked: str) -> None:
    write("paper/table1.yaml", "paper/table2.yml", "paper/figure.yaml")
    assert [name for name in space(f"experiment={asked}") if "table" in name] == ["paper/table1", "paper/table2"]


def test_a_sweep_over_an_experiment_in_a_folder_has_its_name_without_slashes() -> None:
    write("paper/table1.yaml")
    with hydra_state():
        found = read_space(["experiment=paper/table1", "seed=1,2"], Sweep())
    assert sweep_name(define(found, Sweep(), None), None).startswith("paper-table1-")
