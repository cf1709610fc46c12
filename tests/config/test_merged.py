"""Files that were merged once in a process are not merged again, and give the same to the last key."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.core_plugins import basic_sweeper
from omegaconf import OmegaConf

from rnnexp import compose
from rnnexp.config import places, source
from rnnexp.config.compose import composed_origins, hydra_state, loaded
from rnnexp.errors import ConfigError

SHIPPED = sorted(places.listed("experiment"))


@pytest.fixture(autouse=True)
def merges(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Count how often Hydra merges files, of which none are kept from before."""
    usual, counted = ConfigLoaderImpl._compose_config_from_defaults_list, list[int]()

    def merge(self: Any, defaults: Any, repo: Any) -> Any:
        counted.append(len(defaults))
        return usual(self, defaults, repo)

    monkeypatch.setattr(ConfigLoaderImpl, "_compose_config_from_defaults_list", merge)
    source._pickled.cache_clear()
    yield counted
    source._pickled.cache_clear()


def written(overrides: list[str]) -> tuple[Any, Any]:
    """Return all that a composition says, Hydra's node included, before references are followed, and its flags."""
    with hydra_state():
        config = loaded(overrides, None)
    return OmegaConf.to_container(config, resolve=False), (config._metadata.flags, config.hydra._metadata.flags)


@pytest.mark.parametrize("experiment", SHIPPED)
def test_a_second_composition_of_the_same_files_is_the_first(experiment: str, merges: list[int]) -> None:
    first = written([f"experiment={experiment}", "seed=3"])
    assert written([f"experiment={experiment}", "seed=3"]) == first
    other = written([f"experiment={experiment}", "seed=4", "trainer.epochs=7"])
    assert len(merges) == 1
    source._pickled.cache_clear()
    assert written([f"experiment={experiment}", "seed=4", "trainer.epochs=7"]) == other != first
    assert len(merges) == 2


def test_other_choices_are_merged_for_themselves(merges: list[int]) -> None:
    units = [compose("experiment=airline_lstm", f"model={model}").model.name for model in ("gru", "lstm", "gru")]
    assert units == ["gru", "lstm", "gru"]
    assert len(merges) == 2


@pytest.mark.parametrize(
    ("file", "key"),
    [("conf/model/lstm.yaml", "units"), ("conf/trainer/default.yaml", "epochs"), ("experiments/own.yaml", "seed")],
)
def test_a_file_that_has_changed_is_merged_anew(file: str, key: str, merges: list[int]) -> None:
    Path("experiments").mkdir()
    chosen = "defaults:\n  - override /data: airline_passengers\n  - override /model: lstm\n  - _self_\n"
    Path("experiments/own.yaml").write_text(chosen)
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    for value, times in ((2, 1), (2, 1), (3, 2)):
        Path(file).write_text(f"{chosen if key == 'seed' else ''}{key}: {value}\n")
        os.utime(file, ns=(0, value))
        found: Any = compose("experiment=own")
        assert {"units": found.model.units, "epochs": found.trainer.epochs, "seed": found.seed}[key] in (value, [value])
        assert len(merges) == times


def test_a_file_that_appears_before_the_shipped_one_is_merged(merges: list[int]) -> None:
    assert compose("experiment=airline_lstm").trainer.epochs == 1000
    Path("experiments").mkdir()
    Path("experiments/airline_lstm.yaml").write_text("defaults:\n  - override /data: airline_passengers\n")
    assert compose("experiment=airline_lstm").trainer.epochs != 1000
    assert len(merges) == 2


def test_each_run_has_a_folder_of_its_own() -> None:
    """Hydra looks up times while it merges, and remembers them within a configuration."""
    folders = []
    for _ in range(2):
        with hydra_state():
            config = loaded(["experiment=airline_lstm"], None)
            assert not config._metadata.resolver_cache.get("now")
            folders.append(Path(config.hydra.run.dir))
    assert folders[0].name != folders[1].name
    assert folders[0].parent == folders[1].parent


def test_what_is_read_from_the_environment_is_merged_each_time(
    monkeypatch: pytest.MonkeyPatch, merges: list[int]
) -> None:
    Path("experiments").mkdir()
    text = "defaults:\n  - override /data: airline_passengers\n  - _self_\nseed: ${oc.decode:${oc.env:A_SEED}}\n"
    Path("experiments/own.yaml").write_text(text)
    for seed in (1, 2):
        monkeypatch.setenv("A_SEED", str(seed))
        assert compose("experiment=own").seed == seed
    assert len(merges) == 2


def test_a_file_that_is_refused_is_refused_again(merges: list[int]) -> None:
    Path("experiments").mkdir()
    Path("experiments/own.yaml").write_text("hydra: {callbacks: {one: {_target_: os.system}}}\n")
    for _ in range(2):
        with pytest.raises(ConfigError, match="hydra.callbacks"):
            compose("experiment=own", "data=sine")
    assert merges == []


def test_a_reference_is_looked_at_in_each_composition() -> None:
    """What it stands for depends on values that are typed."""
    Path("experiments").mkdir()
    text = "defaults:\n  - override /data: sine\n  - _self_\nhydra: {sweep: {dir: 'sweeps/${name}'}}\n"
    Path("experiments/own.yaml").write_text(text)
    assert compose("experiment=own", "name=mine").name == "mine"
    with pytest.raises(ConfigError, match="hydra.sweep.dir"):
        compose("experiment=own", "name=../../elsewhere")


def test_where_keys_were_set_is_known_in_each_composition() -> None:
    given = ["experiment=airline_lstm", "seed=3"]
    assert composed_origins(given) == composed_origins(given)


def test_a_schema_whose_class_was_defined_anew_is_merged_each_time(
    monkeypatch: pytest.MonkeyPatch, merges: list[int]
) -> None:
    """As in a process of joblib, which is given the schemas of another one and looks for plugins after that."""
    given = ["data=sine", "hydra/sweeper=basic"]
    expected, told = written(given), len(merges)
    source._pickled.cache_clear()
    monkeypatch.setattr(basic_sweeper, "BasicSweeperConf", type("BasicSweeperConf", (), {}))
    assert written(given) == written(given) == expected
    assert len(merges) == told + 2


def test_no_more_is_kept_than_a_bound(monkeypatch: pytest.MonkeyPatch, merges: list[int]) -> None:
    monkeypatch.setattr(source, "MOST", 3)
    for _ in range(2):
        compose("data=sine")
        assert len(source._pickled()) <= 3
    assert len(merges) == 2
