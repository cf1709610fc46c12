"""`rnnexp init --tune`: what else was tried is told with its scores, and the validation part chooses."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnexp.cli import init
from rnnexp.cli.main import main
from rnnexp.cli.tune import read_seconds
from rnnexp.errors import ConfigError
from rnnexp.runner import candidates
from rnnexp.runner.candidates import Trial


@pytest.fixture(autouse=True)
def no_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    """The schema is the same each time, and takes most of the time."""
    monkeypatch.setattr(init, "_write_schema", lambda path: None)


def write_noise(rows: int = 300) -> None:
    np.savetxt("a.csv", np.random.default_rng(0).normal(size=rows), header="y", comments="", fmt="%.4f")


def let_win(monkeypatch: pytest.MonkeyPatch, is_better: Callable[[Any], bool], seen: list | None = None) -> None:
    """Let some experiments have the lower loss, without training; `seen` gets after how many epochs each was cut."""

    def try_seeds(experiments: Sequence[Any], until: float, cut: float, epochs: int) -> Trial:
        assert time.monotonic() < cut < until
        better = is_better(experiments[0])
        if seen is not None:
            seen.append(epochs)
        return Trial([seed + 1 - better for seed in range(len(experiments))], 1.0, epochs=7 if seen == [0] else 0)

    monkeypatch.setattr(candidates, "try_seeds", try_seeds)


def has_window(length: int) -> Callable[[Any], bool]:
    return lambda one: one.data.sequence_length == length


def test_the_better_window_is_written_with_what_it_came_to(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_noise()
    let_win(monkeypatch, has_window(10))
    assert main(["init", "a.csv", "--tune", "60s"]) == 0
    said, text = capsys.readouterr().out, Path("experiments/a.yaml").read_text()
    alone = "model.skip_connection=ridge"
    assert f"  data.sequence_length=30, data.scaler=standard, {alone}: 2 ± 1, 1 s\n" in said
    assert f"  data.sequence_length=10, data.scaler=[standard,instance], {alone}: 1 ± 1, 1 s\n" in said
    assert "sequence_length: 10  # better than 30 by validation: 1 ± 1, 1 s\n" in text


def test_a_network_without_a_linear_path_is_written_where_it_is_better(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_noise()
    let_win(monkeypatch, lambda one: not one.model.skip_connection)
    assert main(["init", "a.csv", "--tune", "60s"]) == 0
    assert capsys.readouterr().out.count("model.skip_connection=false: 1 ± 1") == 1
    text = Path("experiments/a.yaml").read_text()
    assert "skip_connection: false  # better than ridge by validation: 1 ± 1, 1 s\n" in text
    assert "sequence_length: 30  # 210 training rows" in text


def test_what_is_cut_is_held_against_as_many_epochs_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    write_noise()
    seen: list[int] = []
    let_win(monkeypatch, has_window(30), seen)
    assert main(["init", "a.csv", "--tune", "60s"]) == 0
    assert seen == [0, 7, 7, 7]


def test_what_the_rules_say_stays_where_nothing_is_better(monkeypatch: pytest.MonkeyPatch) -> None:
    write_noise()
    let_win(monkeypatch, has_window(30))
    assert main(["init", "a.csv", "--tune", "60s"]) == 0
    text = Path("experiments/a.yaml").read_text()
    assert (
        "sequence_length: 30  # 210 training rows; nothing asks for more; 4 settings tried, none better by validation\n"
        in text
    )
    assert "  scaler: standard  # the lag-1" in text
    assert "  skip_connection: ridge  # the network learns" in text


def test_a_setting_that_the_user_has_decided_is_not_varied(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_noise()
    let_win(monkeypatch, has_window(10))
    assert main(["init", "a.csv", "--tune", "60s", "--sequence-length", "12"]) == 0
    assert "  data.scaler=standard, model.skip_connection=ridge: " in capsys.readouterr().out
    assert "sequence_length: 12\n" in Path("experiments/a.yaml").read_text()


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (("--split", "{train: 0.8, val: 0, test: 0.2}"), "there is no validation set to choose by"),
        (("--layout", "sequence", "--sequence-length", "12"), "the rules leave nothing to choose between"),
    ],
)
def test_nothing_is_trained_where_nothing_can_be_chosen(
    flags: tuple[str, ...], why: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_noise()
    monkeypatch.setattr(candidates, "try_seeds", None)
    assert main(["init", "a.csv", "--tune", "60s", *flags]) == 0
    assert why in capsys.readouterr().out
    assert Path("experiments/a.yaml").exists()


def test_a_time_is_read_with_its_unit() -> None:
    assert [read_seconds(text) for text in ("60s", "90", "2m", "1.5h")] == [60, 90, 120, 5400]
    for wrong in ("", "0s", "soon", "-3s", "1d"):
        with pytest.raises(ConfigError, match="--tune: `.*` is no time; give seconds, minutes or hours: 60s, 2m"):
            read_seconds(wrong)


def test_a_time_in_which_nothing_is_compared_is_said_to_be_too_short(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_noise()
    monkeypatch.setattr(candidates, "try_seeds", lambda *args: Trial([], 1.0, "not finished: the time was up"))
    assert main(["init", "a.csv", "--tune", "1s"]) == 0
    assert "nothing could be compared in that time" in capsys.readouterr().out
    let_win(monkeypatch, has_window(10))
    assert main(["init", "a.csv", "--tune", "60s", "--force"]) == 0
    assert "nothing could be compared" not in capsys.readouterr().out


@pytest.mark.end_to_end
def test_the_command_trains_and_writes(capsys: pytest.CaptureFixture[str]) -> None:
    write_noise(90)
    assert main(["init", "a.csv", "--tune", "10m"]) == 0
    assert capsys.readouterr().out.count(" ± ") >= 4
    assert not Path("runs").exists()
    brief = ("trainer.epochs=2", "callbacks.early_stopping.patience=1")
    assert main(["train", "experiment=a", *brief, "tracking=off"]) == 0
