"""What the commands say of a sweep that was really trained is what its own table says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

import pytest
from sweeping import TINY, jobs, run, table, workshop

import rnnexp as rx
from rnnexp.cli.main import main
from rnnexp.compare import find
from rnnexp.compare.report import html
from rnnexp.compare.winner import winner
from rnnexp.sweeps.parent import best_metrics
from rnnexp.sweeps.state import JOURNAL, Journal, best_setting
from rnnexp.tracking.query import Wanted, select

CSV = "sales\n" + "".join(f"{i % 7 + i / 50}\n" for i in range(150))
OWN = (*TINY[:2], "trainer.epochs=3", *TINY[5:], "data=csv", "data.path=own.csv", "data.target=sales")
SWEPT = ("callbacks=early_stopping", "callbacks.early_stopping.patience=1,2", "trainer.batch_size=64,8", "seed=0,1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Train 8 jobs of 4 settings on a table of one's own, whose runs have more than 60 parameters."""
    place = tmp_path_factory.mktemp("compared")
    (place / "own.csv").write_text(CSV)
    with workshop(place):
        yield run(*OWN, *SWEPT, launcher={"name": "serial"})


def store(folder: Path) -> str:
    return f"sqlite:///{folder.parents[2] / 'mlflow.db'}"


def test_settings_that_differ_in_what_is_logged_last_are_ranked_as_the_table_says(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows: dict[tuple[str, str], list[float]] = {}
    for row in table(folder):
        setting = row["callbacks.early_stopping.patience"], row["trainer.batch_size"]
        rows.setdefault(setting, []).append(float(row["best/val/loss"]))
    assert main(["compare", folder.name, "--json", "--uri", store(folder)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["columns"] == ["callbacks.early_stopping.patience", "trainer.batch_size"]
    means = {tuple(map(str, one["setting"].values())): one["objective"]["mean"] for one in told["groups"]}
    assert means == {setting: pytest.approx(fmean(losses)) for setting, losses in rows.items()}
    assert [one["n"] for one in told["groups"]] == [2, 2, 2, 2]
    assert list(means.values()) == sorted(means.values())
    assert told["notes"] == []


def test_table_comparison_and_sweep_agree_on_the_best(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    best = best_setting(Journal(folder / JOURNAL).state, "minimize")
    assert best is not None
    assert main(["compare", folder.name, "--json", "--uri", store(folder)]) == 0
    first = json.loads(capsys.readouterr().out)["groups"][0]
    assert {key: str(value) for key, value in first["setting"].items()}.items() <= best.point.items()
    assert (best.jobs, best.value) == (2, pytest.approx(first["objective"]["mean"]))
    (parent,) = select(store(folder), Wanted(tags={"rnnexp.kind": "sweep"}))
    assert best_metrics(best.job).items() <= parent.metrics.items()


def test_the_winner_is_the_setting_of_the_best_rows(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parents[2])
    monkeypatch.setenv("RNNEXP_PLUGINS", "toys")
    best = best_setting(Journal(folder / JOURNAL).state, "minimize")
    assert best is not None
    text = winner(store(folder), find.sweep(store(folder), folder.name)).text
    Path("experiments").mkdir(exist_ok=True)
    Path("experiments/winner.yaml").write_text(text)
    again = rx.compose("experiment=winner")
    assert str(again.callbacks["early_stopping"].patience) == best.point["callbacks.early_stopping.patience"]
    assert str(again.trainer.batch_size) == best.point["trainer.batch_size"]
    assert f"batch_size: {best.point['trainer.batch_size']}" in text


def test_the_report_and_a_filter_see_every_job(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(jobs(folder)) == 8
    assert "8 jobs (8 ok) · 4 settings" in html(store(folder), folder.name)
    assert main(["runs", "--filter", "params.trainer.batch_size = '8'", "--json", "--uri", store(folder)]) == 0
    (sweep,) = json.loads(capsys.readouterr().out)
    assert sweep["jobs"] == {"ok": 4}
