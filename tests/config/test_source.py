"""Parts of a configuration are read once in a process, and again as soon as what they are made of has changed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hydra._internal.config_repository import ConfigRepository
from hydra.plugins.config_source import ConfigResult
from omegaconf import OmegaConf, open_dict

from rnnexp import compose
from rnnexp.config.compose import hydra_state, loader
from rnnexp.config.source import Repository, RnnexpConfigSource
from rnnexp.registry import register


def written(part: ConfigResult) -> Any:
    return OmegaConf.to_container(part.config, resolve=False), part.header, part.defaults_list, part.provider, part.path


@pytest.mark.parametrize(
    "part", ["config", "experiment/airline_lstm", "model/lstm", "hydra/config", "hydra/job_logging/default"]
)
def test_a_part_is_what_hydra_reads_and_each_reader_has_its_own(part: str) -> None:
    with hydra_state():
        search_path = loader().config_search_path
        ours, usual = Repository(search_path), ConfigRepository(search_path).load_config(part)
        first, second = ours.load_config(part), ours.load_config(part)
    assert first is not None
    assert second is not None
    assert usual is not None
    assert written(first) == written(second) == written(usual)
    assert first.config is not second.config
    assert first.config._metadata.flags == usual.config._metadata.flags  # type: ignore[union-attr]
    with open_dict(first.config):
        first.config["more"] = 1
    assert "more" not in second.config
    assert "more" not in ours.load_config(part).config


def test_a_file_is_read_again_once_it_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    usual = RnnexpConfigSource.load_config
    monkeypatch.setattr(
        RnnexpConfigSource,
        "load_config",
        lambda self, config_path: (read.append(config_path), usual(self, config_path))[1],
    )
    file = Path("conf/model/lstm.yaml")
    file.parent.mkdir(parents=True)
    given = ("experiment=airline_lstm", "model=lstm")
    for rate, times in ((0.1, 1), (0.1, 1), (0.25, 2)):
        file.write_text(f"dropout: {rate}\n")
        os.utime(file, ns=(0, int(rate * 100)))
        assert compose(*given).model.dropout == rate
        assert read.count("model/lstm") == times
    file.unlink()
    assert compose(*given).model.dropout == 0


def test_a_component_that_takes_the_place_of_another_brings_its_own_defaults() -> None:
    def make(default: int) -> None:
        @register("model")
        def sliced(spec: Any, segment: int = default) -> Any: ...

    for segment in (3, 4):
        make(segment)
        assert compose("data=airline_passengers", "model=sliced").model.segment == segment  # type: ignore[attr-defined]
