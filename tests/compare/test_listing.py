"""`rnnexp runs`: one line for a run, one for a sweep."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sweep_maker import Made

from rnnexp.cli.main import main
from rnnexp.tracking.store import open_store


def listed(made: Made, capsys: pytest.CaptureFixture[str], *options: str) -> list[dict[str, Any]]:
    assert main(["runs", "--uri", made.uri, "--json", *options]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


@pytest.fixture
def alone(made: Made) -> Any:
    """Add a run that belongs to no sweep, later than all."""
    client = open_store(made.uri)
    experiment = client.get_experiment_by_name("sine").experiment_id
    tags = {"rnnexp.version": "0", "rnnexp.outcome": "ok", "rnnexp.group": "sine_gru"}
    run = client.create_run(experiment, run_name="gru-alone", tags=tags)
    client.log_metric(run.info.run_id, "test/rmse", 0.2)
    client.log_metric(run.info.run_id, "skill/rmse", -0.25)
    client.set_terminated(run.info.run_id)
    yield run.info.run_id
    client.delete_run(run.info.run_id)


def test_a_sweep_is_one_line_with_the_outcomes_of_its_jobs(
    made: Made, alone: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Job 3 was killed and run again: it counts once, as it ended."""
    found = listed(made, capsys)
    assert [entry["name"] for entry in found] == ["gru-alone", "sine_lstm-3fa2c1", "sine_gru-aaaaaa"]
    assert [entry["jobs"] for entry in found] == [None, {"ok": 15, "failed": 1}, {"ok": 2}]
    assert [entry["experiment"] for entry in found] == ["sine_gru", "sine_lstm", "sine_lstm"]


def test_lines_are_aligned_and_whole(made: Made, alone: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "--uri", made.uri]) == 0
    head, first, second, _ = capsys.readouterr().out.splitlines()
    assert head.split() == ["run", "name", "started", "ended", "experiment", "score", "skill"]
    assert first.startswith(f"{alone[:8]}  gru-alone ")
    assert first.split()[-5:] == ["ok", "sine_gru", "test/rmse", "0.2", "-0.250"]
    assert head.index("score") == first.index("test/rmse") == second.index("best/val/loss")
    assert "1 failed, 15 ok" in second
    assert "best/val/loss 0.0098" in second


def test_a_filter_keeps_the_jobs_that_fit_under_their_sweep(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    found = listed(made, capsys, "--filter", "params.model.name = 'gru'")
    assert [(entry["name"], entry["jobs"]) for entry in found] == [("sine_lstm-3fa2c1", {"ok": 8})]


def test_the_number_of_lines_can_be_limited(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(listed(made, capsys, "--limit", "1")) == 1
    assert len(listed(made, capsys)) == 2
    with pytest.raises(SystemExit, match="2"):
        main(["runs", "--limit", "0"])
    assert "`0` is not a number of lines" in capsys.readouterr().err


def test_an_empty_folder_says_how_to_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs"]) == 0
    assert "start with: rnnexp train" in capsys.readouterr().out


def test_a_filter_that_fits_nothing_says_so(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "--uri", made.uri, "--filter", "params.model.name = 'none'"]) == 0
    assert capsys.readouterr().out == "no run fits the filter\n"
