"""A run that is trained again comes to the same numbers, and what is not as it was is named where it does not."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import rnnexp as rx
from rnnexp.cli.main import main
from rnnexp.deploy.reproduce import choose_compared, compare_numbers
from rnnexp.run_folder import ORIGIN
from rnnexp.tracking.journal import ENTRIES, RunJournal
from rnnexp.tracking.query import Wanted, select
from rnnexp.tracking.start import _code

WORDS = ("model.units=[2]", "model.dropout=0.3", "trainer.epochs=3", "tracking.figures=false")


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "rows.csv"
    file.write_text(
        "day,y\n" + "".join(f"2024-{1 + n // 28:02}-{1 + n % 28:02},{n % 7 + 0.1 * n}\n" for n in range(84))
    )
    return file


@pytest.fixture
def trained(table: Path) -> rx.RunResult:
    return rx.run(rx.compose("data=csv", f"data.path={table.name}", *WORDS))


def edit(result: rx.RunResult, name: str, change: Any) -> None:
    file = result.run_dir / name
    values = json.loads(file.read_text())
    change(values)
    file.write_text(json.dumps(values))


def set_number(result: rx.RunResult, number: float) -> None:
    """Let a run have logged another loss in its second epoch."""
    rows = RunJournal(result.run_dir).rows
    changed = [
        {**row, "metrics": {**row["metrics"], "train/loss": number}} for row in rows.records() if row["step"] == 2
    ]
    rows.append(changed)


@pytest.mark.end_to_end
def test_what_is_measured_for_a_picture_is_compared_too(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn = rx.run(rx.compose("data=csv", f"data.path={table.name}", *WORDS[:-1]))
    assert drawn.metrics["model/effective_memory"] > 0
    assert main(["reproduce", str(drawn.run_dir), "--check"]) == 0
    assert "equal: all" in capsys.readouterr().out


def test_a_run_is_trained_again_and_all_its_numbers_are_equal(
    trained: rx.RunResult, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reproduce", str(trained.run_dir)]) == 0
    told = capsys.readouterr().out
    assert "equal: all" in told
    assert "digest" in told
    assert len(select(None, Wanted())) == 2, "the second run is a run like any other"
    assert main(["reproduce", str(trained.run_id), "--dry-run"]) == 0

    set_number(trained, 0.5)
    assert main(["reproduce", str(trained.run_dir), "--check"]) == 1
    told = capsys.readouterr().out
    assert "differs: 1 of" in told
    assert "train/loss of epoch 2: 0.5 then," in told
    assert len(select(None, Wanted())) == 2, "what only checks leaves nothing behind"
    assert len(list(Path("runs").glob("*/*"))) == 2

    edit(trained, ORIGIN, lambda values: values["versions"].update(jax="0.1.0"))
    assert main(["reproduce", str(trained.run_dir), "--check"]) == 1
    told = capsys.readouterr().out
    assert "not comparable: 1 of" in told
    assert "jax 0.1.0 then" in told


def test_data_that_have_changed_are_refused(
    trained: rx.RunResult, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table.write_text(table.read_text().replace("2024-03-10,", "2024-03-10,1"))
    assert main(["reproduce", str(trained.run_dir), "--check"]) == 3
    assert "its data have changed since" in capsys.readouterr().err


def test_other_code_is_named_before_anything_is_trained(
    trained: rx.RunResult, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(trained, ORIGIN, lambda values: values["code"].update(rnnexp={"rnnexp": "0" * 64}))
    assert main(["reproduce", str(trained.run_dir), "--dry-run"]) == 1
    assert "rnnexp: sha256 000000000000 then" in capsys.readouterr().out


def test_a_run_whose_folder_is_gone_is_reproduced_from_the_store(
    trained: rx.RunResult, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained.run_dir.rename(trained.run_dir.with_name(".gone"))
    (trained.run_dir.with_name(".gone") / "run.lock").unlink()
    assert main(["reproduce", str(trained.run_id), "--check"]) == 0
    assert "equal: all" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nobody"], "there is no run"),
        (["broken"], "keeps no numbers to compare with"),
        (["killed"], "has not ended (it was killed, and `rnnexp resume` goes on)"),
    ],
)
def test_what_cannot_be_reproduced_is_refused(
    trained: rx.RunResult, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = trained.run_dir / ENTRIES
    lines = entries.read_text().splitlines(keepends=True)
    if words == ["broken"]:
        entries.write_text("")
    if words == ["killed"]:
        entries.write_text("".join(line for line in lines if '"event": "end"' not in line))
    text = words[0] if words == ["nobody"] else str(trained.run_dir)
    assert main(["reproduce", text]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.end_to_end
def test_a_sweep_is_refused_and_its_job_is_reproduced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("-m", "data=sine", "data.points=60", "model.units=[2]", "trainer.epochs=2", "seed=0,1", "name=two")
    assert main(["train", *words, "hydra/launcher=serial", "hydra.sweep.dir=runs/sweeps/two"]) == 0
    assert main(["reproduce", "two"]) == 2
    assert "two is a sweep: give one of its runs" in capsys.readouterr().err
    assert main(["reproduce", "runs/sweeps/two/jobs/1", "--check"]) == 0
    assert "seed 1" in capsys.readouterr().out


def test_numbers_are_compared_to_the_last_bit() -> None:
    then = {(1, "train/loss"): 0.1, (0, "test/rmse"): float("nan"), (2, "train/loss"): 0.2, (0, "skill/rmse"): 1.0}
    assert compare_numbers(then, dict(then)).is_equal
    now = {**then, (2, "train/loss"): 0.2 + 2**-54, (0, "skill/rmse"): 2.0}
    assert [one[:2] for one in compare_numbers(then, now).differing] == [(2, "train/loss"), (0, "skill/rmse")]
    del now[1, "train/loss"]
    assert compare_numbers(then, now).differing[0] == (1, "train/loss", 0.1, None)


def test_costs_and_what_was_computed_later_are_left_out() -> None:
    numbers = {(1, "time/epoch_s"): 1.0, (0, "test/mape"): 2.0, (0, "baseline/drift/mape"): 3.0, (0, "test/mae"): 4.0}
    assert choose_compared(numbers, {"test/mape"}) == {(0, "test/mae"): 4.0}


@pytest.mark.parametrize("patch", [True, False])
def test_what_git_has_not_committed_is_kept_unless_that_is_not_wanted(
    patch: bool, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for words in (["init", "-q"], ["add", table.name], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    table.write_text(table.read_text() + "2024-03-29,1\n")
    _code.cache_clear()
    result = rx.run(rx.compose("data=csv", f"data.path={table.name}", *WORDS, f"tracking.patch={str(patch).lower()}"))
    assert (result.run_dir / "git.diff").exists() == patch
    kept = yaml.safe_load((result.run_dir / "config" / "config.yaml").read_text())
    assert kept["tracking"]["patch"] is patch
    (run,) = select(None, Wanted(run=str(result.run_id)))
    assert run.tags["mlflow.source.git.dirty"] == "true"
