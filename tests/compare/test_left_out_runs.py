"""What is not there is not ranked: runs in the trash, unfinished or failed ones, and what was trained twice."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sweep_maker import Job, Made, curve, make_sweep

import rnnexp as rx
from rnnexp.cli.main import main
from rnnexp.compare import find
from rnnexp.compare.groups import FEW, NONE, Goal, compare
from rnnexp.compare.listing import entries
from rnnexp.compare.report import html
from rnnexp.compare.shown import cells, verdict
from rnnexp.compare.winner import winner
from rnnexp.config.identity import config_hash
from rnnexp.sweeps.state import JOURNAL, Journal
from rnnexp.tracking.query import TrackedRun, Wanted, _asked, select
from rnnexp.tracking.store import open_store, tracking_uri

UNITS = ("model.units", "seed")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> str:
    uri = tracking_uri(f"sqlite:///{tmp_path_factory.mktemp('left') / 'mlflow.db'}")
    open_store(uri)
    return uri


def job(units: int, seed: int, loss: float, **ending: str) -> list[Job]:
    return [Job((f"model.units=[{units}]", f"seed={seed}"), curve(loss), rmse=loss, **ending)]


def six(**endings: Any) -> dict[int, list[Job]]:
    """Three seeds of two settings; what is said of a job by its number (`_5`) is how it ended."""
    jobs = {}
    for number in range(6):
        units, seed = (8, 16)[number // 3], number % 3
        jobs[number] = job(units, seed, units / 100 + seed / 1000, **endings.get(f"_{number}", {}))
    return jobs


@pytest.fixture
def sweep(own: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Make a sweep of a name of its own."""

    def make(jobs: dict[int, list[Job]], **tags: str) -> Made:
        return make_sweep(own, re.sub(r"\W", "_", request.node.name), UNITS, jobs, **tags)

    return make


def notes(made: Made) -> list[str]:
    return list(find.sweep(made.uri, made.run_id).compared().notes)


def test_a_setting_whose_runs_were_deleted_is_named_and_not_ranked(sweep: Any) -> None:
    made = sweep(six())
    client = open_store(made.uri)
    for number in (3, 4, 5):
        client.delete_run(made.children[number][0])
    found = find.sweep(made.uri, made.run_id).compared()
    assert [(group.setting["model.units"], group.verdict) for group in found.groups] == [([8], "best"), ([16], NONE)]
    assert found.groups[1].others == {"deleted": 3}
    assert "3 deleted, 3 ok" in [entry.outcome for entry in entries(made.uri)]
    (note,) = found.notes
    assert note.startswith("not ranked: 3 deleted in MLflow (lstm-")
    assert all(made.children[number][0][:8] in note for number in (3, 4, 5))
    assert "Best: units [8], " in verdict(found)


def test_deleted_runs_are_read_alike_from_the_tables_and_by_the_client(sweep: Any) -> None:
    made = sweep(six())
    open_store(made.uri).delete_run(made.children[0][0])
    wanted = Wanted(tags={"mlflow.parentRunId": made.run_id}, deleted=True)
    assert select(made.uri, wanted) == _asked(made.uri, wanted)
    assert [run.run_id for run in select(made.uri, wanted)] == made.children[0]


ENDINGS = {
    "_0": {"outcome": "failed", "status": "FAILED"},
    "_1": {"outcome": "killed", "status": "KILLED"},
    "_3": {"outcome": "pruned"},
    "_4": {"outcome": "diverged"},
    "_5": {"outcome": "running", "status": "RUNNING"},
}


def test_what_did_not_end_well_is_counted_and_named(sweep: Any) -> None:
    made = sweep(six(**ENDINGS))
    found = find.sweep(made.uri, made.run_id).compared()
    assert [(len(group.runs), group.verdict) for group in found.groups] == [(1, "best"), (0, NONE)]
    told = {how: run_id for how, run_id in re.findall(r"1 (\w+) \(lstm-\d (\w+)\)", "".join(found.notes))}
    expected = {ENDINGS[key]["outcome"]: made.children[int(key[1])][0][:8] for key in ENDINGS}
    assert told == expected


def test_a_sweep_of_which_one_run_is_left_does_not_call_it_the_one_setting(sweep: Any) -> None:
    made = sweep({0: job(8, 0, 0.1)})
    text = verdict(find.sweep(made.uri, made.run_id).compared())
    assert "Best: units [8], " in text
    assert "the one setting" not in text


def test_jobs_that_have_left_no_run_are_told_from_the_journal(sweep: Any, tmp_path: Path) -> None:
    journal = Journal(tmp_path / JOURNAL)
    for number in range(8):
        units, seed = (8, 16)[number // 3] if number < 6 else 32, number % 3
        digest = config_hash(rx.compose("experiment=sine_lstm", f"model.units=[{units}]", f"seed={seed}"))
        values = {"model.units": f"[{units}]", "seed": str(seed)}
        journal.append({"event": "job", "job": number, "trial": number, "digest": digest, "values": values})
    journal.append({"event": "start", "job": 6, "attempt": 1}, {"event": "end", "job": 6, "status": "failed"})
    made = sweep(six(), **{"rnnexp.folder": str(tmp_path)})
    assert notes(made) == ["jobs of the sweep that have no run here: 1 failed (job 6); 1 waiting (job 7)"]
    assert "8 jobs (6 ok, 1 failed, 1 waiting)" in html(made.uri, made.run_id)


def test_the_report_counts_every_job(sweep: Any) -> None:
    made = sweep(six(_5=ENDINGS["_0"]))
    open_store(made.uri).delete_run(made.children[4][0])
    assert "6 jobs (4 ok, 1 " in html(made.uri, made.run_id)
    assert "2 settings" in html(made.uri, made.run_id)


def test_one_run_trained_twice_counts_once_and_is_named(sweep: Any) -> None:
    """Else three runs of one seed would be three pairs, and a difference by chance would be significant."""
    jobs = {number: job(8, 0, 0.10) for number in range(3)} | {3 + number: job(16, 0, 0.11) for number in range(3)}
    made = sweep(jobs)
    found = find.sweep(made.uri, made.run_id).compared()
    assert [(len(group.runs), group.verdict) for group in found.groups] == [(1, "best"), (1, FEW)]
    assert found.notes[0].startswith("4 runs were repeated: the latest finished one of each configuration counts, not ")
    assert len(found.runs) == 2
    three = sweep(six())
    assert find.sweep(three.uri, three.run_id).compared().groups[1].verdict != FEW


def test_one_seed_on_other_hardware_counts_once_too() -> None:
    marks = {"rnnexp.outcome": "ok"}
    runs = [
        TrackedRun(f"run{n}", f"gru-{n}", 1, {**marks, "rnnexp.config_hash": str(n)}, {"seed": "0", "threads": str(n)},
                   {"best/val/loss": 0.1})
        for n in range(3)
    ]  # fmt: skip
    found = compare(runs, Goal("best/val/loss"))
    assert len(found.groups[0].runs) == 1
    assert found.notes == [
        "2 runs have the setting, seed and fold of a later one, which counts instead of gru-1 run1, gru-2 run2",
        "runs of one setting differ also in threads: they are treated as repetitions",
    ]
    others = [replace(run, params={**run.params, "seed": run.params["threads"]}) for run in runs]
    assert len(compare(others, Goal("best/val/loss")).groups[0].runs) == 3


def test_a_filter_says_what_lies_in_the_trash(sweep: Any, capsys: pytest.CaptureFixture[str]) -> None:
    made = sweep(six())
    open_store(made.uri).delete_run(made.children[0][0])
    expression = f"tags.`mlflow.parentRunId` = '{made.run_id}'"
    assert main(["compare", expression, "--uri", made.uri]) == 0
    out = capsys.readouterr().out
    assert f"note: 1 run in MLflow's trash would fit, too: lstm-0 {made.children[0][0][:8]}" in out
    assert len(cells(find.chosen(made.uri, expression)[0])) == 1 + 2 + 1


def as_of_old(made: Made, folder: Path | None, keep: str) -> None:
    """Take away from a sweep what version 0.1.0 did not log, and of the rest all but what is to be kept.

    keep: what is left of the configurations: "artifact", "folder", "journal", or "" for nothing
    """
    import sqlite3

    runs = select(made.uri, Wanted(tags={"mlflow.parentRunId": made.run_id}))
    with sqlite3.connect(made.uri.removeprefix("sqlite:///")) as connection:
        for run in runs:
            params = {key: value for key, value in run.params.items() if key != "model.units"}
            params |= {f"data.padding{i}": "0" for i in range(60 - len(params))}
            connection.execute("DELETE FROM params WHERE run_uuid = ?", [run.run_id])
            rows = [(key, value, run.run_id) for key, value in list(params.items())[:60]]
            connection.executemany("INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)", rows)
    connection.close()
    for run in runs:
        artifacts = Path(run.artifacts.removeprefix("file://"))
        if keep == "folder" and folder:
            shutil.copytree(artifacts / "config", folder / "jobs" / run.tags["rnnexp.job"] / "config")
        if keep != "artifact":
            shutil.rmtree(artifacts)
    if keep == "journal" and folder:
        journal = Journal(folder / JOURNAL)
        for run in runs:
            number, digest = int(run.tags["rnnexp.job"]), run.tags["rnnexp.config_hash"]
            values = {"model.units": run.params["model.units"], "seed": run.params["seed"]}
            journal.append({"event": "job", "job": number, "trial": number, "digest": digest, "values": values})


@pytest.mark.parametrize("keep", ["artifact", "folder", "journal", ""])
def test_a_sweep_of_old_is_told_rightly_from_whatever_is_left(
    sweep: Any, tmp_path: Path, keep: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made = sweep(six(), **{"rnnexp.folder": str(tmp_path)})
    as_of_old(made, tmp_path, keep)
    found = find.sweep(made.uri, made.run_id).compared()
    unknown = [note for note in found.notes if "only the first 60 parameters are known" in note]
    assert len(found.groups) == (2 if keep else 1)
    assert bool(unknown) == (not keep)
    if keep in ("artifact", "folder"):
        assert "units: [8]" in winner(made.uri, find.sweep(made.uri, made.run_id)).text
    if keep == "artifact":
        assert main(["diff", made.children[0][0], made.children[3][0], "--uri", made.uri, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["config"]["model.units"] == {"a": [8], "b": [16]}


def test_a_filter_over_parameters_says_what_it_cannot_find(sweep: Any, capsys: pytest.CaptureFixture[str]) -> None:
    made = sweep(six())
    as_of_old(made, None, "artifact")
    assert main(["runs", "--filter", "params.model.units = '[8]'", "--uri", made.uri]) == 0
    assert "runs of an earlier version cannot be found by model.units" in capsys.readouterr().out
    assert main(["runs", "--filter", "params.seed = '0'", "--uri", made.uri]) == 0
    assert "earlier version" not in capsys.readouterr().out
