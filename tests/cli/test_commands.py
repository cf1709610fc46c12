"""The commands that read: show, explain, check, schema, results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rnnexp.cli.main import main
from rnnexp.compare.results import markdown, rows, text
from rnnexp.tracking.query import TrackedRun


def test_show_says_where_each_value_comes_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "experiment=airline_lstm", "model.units=[8]", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["model.units"] == {"value": [8], "origin": "command line"}
    assert shown["trainer.epochs"]["origin"].startswith("experiments/airline_lstm.yaml:")
    assert shown["model.dropout"]["origin"].startswith("conf/model/lstm.yaml:")
    assert shown["model.dense"]["origin"] == "default"


def test_explain_gives_type_range_default_and_meaning(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "model.dropout"]) == 0
    shown = capsys.readouterr().out
    assert "number, at least 0, less than 1" in shown
    assert "default  0.0" in shown
    assert (
        main(["explain", "data.folder", "model.bidirectional", "deterministic", "trainer.class_weights", "device"]) == 0
    )
    defaults = [line.split()[1] for line in capsys.readouterr().out.splitlines() if line.startswith("  default")]
    assert defaults[-3:] == ["false", "null", "auto"]
    assert not {"True", "False", "None"} & set(defaults)


def test_a_group_has_a_line_for_each_key_and_a_choice_only_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "data"]) == 0
    group = capsys.readouterr().out
    assert len(group.splitlines()) < 300
    assert "data.tokens" in group
    assert "of one choice: rnnexp explain data=" in group
    assert main(["explain", "data=sine"]) == 0
    choice = capsys.readouterr().out
    assert "data.points" in choice
    assert "data.tokens" not in choice
    assert main(["explain", "loss=huber"]) == 0
    assert "loss.delta" in capsys.readouterr().out
    assert main(["explain", "data=sime"]) == 2
    assert "did you mean `sine`?" in capsys.readouterr().err


def test_every_key_has_a_meaning(capsys: pytest.CaptureFixture[str]) -> None:
    from rnnexp.config.explain import every_key

    wordless = [item.key for item in every_key() if not item.description]
    assert wordless == []


def test_explain_says_which_keys_must_be_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "data=npz", "data.known"]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert "must be given" in rows["data.path"]
    assert "must be given" not in rows["data.seed"]
    assert rows["data.known"].split()[1] == "[]"


def test_explain_knows_the_settings_of_sweeps(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "hydra.sweeper.repeats"]) == 0
    shown = capsys.readouterr().out
    assert "runs of each point" in shown
    assert "integer, at least 1" in shown
    assert main(["explain", "hydra.launcher"]) == 0
    assert "hydra.launcher.n_jobs" in capsys.readouterr().out
    assert main(["explain", "hydra.sweeper.repeat"]) == 2
    assert "did you mean `hydra.sweeper.repeats`?" in capsys.readouterr().err


def test_explain_suggests_the_nearest_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "model.unit"]) == 2
    assert "did you mean `model.units`?" in capsys.readouterr().err


def test_check_names_every_mistake_of_each_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "mine.yaml").write_text("model:\n  unit: 3\ntrainer:\n  epochs: no number\n")
    assert main(["check", "experiments"]) == 2
    shown = capsys.readouterr().out
    assert "mine:" in shown
    assert "model.unit: unknown key" in shown
    assert "trainer.epochs: 'no number' given" in shown
    assert "0 of 1 experiments are valid" in shown


def test_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "model"]) == 0
    assert "units" in json.loads(capsys.readouterr().out)["properties"]


def test_a_misspelled_command_is_answered(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trian"]) == 2
    assert "did you mean `train`?" in capsys.readouterr().err


def test_who_would_delete_runs_is_told_how(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["delete", "abc"]) == 2
    assert "delete runs in the pages of MLflow (`rnnexp ui`), then their files: rnnexp clean" in capsys.readouterr().err


def test_no_command_prints_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "Start with `rnnexp train`" in capsys.readouterr().out


def run(seed: int, rmse: float, started: int, units: str = "[4]") -> TrackedRun:
    tags = {"rnnexp.group": "airline", "rnnexp.backend": "jax", "rnnexp.best_baseline": "linear"}
    params = {"seed": str(seed), "model.name": "gru", "model.units": units}
    metrics = {"test/rmse": rmse, "baseline/linear/rmse": 10.0, "skill/rmse": 1 - rmse / 10, "time/training_s": 1.0}
    return TrackedRun(f"{seed}-{started}", "gru", started, tags, params, metrics)


def test_results_put_seeds_together() -> None:
    (row,) = rows([run(1, 14.0, 2), run(0, 12.0, 1)])
    assert (row.runs, row.mean, row.verdict) == (2, 13.0, "loses to it")
    assert row.deviation == pytest.approx(2**0.5)


def test_of_several_settings_the_latest_is_shown() -> None:
    (row,) = rows([run(0, 8.0, 3), run(0, 20.0, 2, units="[64]")])
    assert (row.runs, row.mean, row.verdict) == (1, 8.0, "beats it")


def test_a_seed_that_was_run_again_counts_once() -> None:
    (row,) = rows([run(0, 8.0, 3), run(0, 12.0, 2)])
    assert (row.runs, row.mean) == (1, 8.0)


def test_results_are_markdown() -> None:
    lines = markdown(rows([run(0, 8.0, 3)])).splitlines()
    assert len(lines) == 3
    assert lines[2].startswith("| airline | gru | jax | 1 | test/rmse | 8 | linear 10 | +0.200 | beats it |")


def test_results_as_text_are_aligned_and_whole() -> None:
    head, line = text(rows([run(0, 8.0, 3)])).splitlines()
    assert head.index("score") == line.index("8  ")
    assert line.endswith("beats it")


def test_results_of_an_empty_folder_say_how_to_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["results"]) == 0
    assert "start with: rnnexp train" in capsys.readouterr().out
