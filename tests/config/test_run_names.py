"""Whatever becomes a folder or a file is refused at the border if it leads elsewhere, and cut if it is only long."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from test_paths import BAD

import rnnexp as rx
from rnnexp.cli.main import main
from rnnexp.config.compose import compose_mapping
from rnnexp.config.parse import parse
from rnnexp.errors import ConfigError
from rnnexp.run_folder import claim
from rnnexp.runner import make_run_folder
from rnnexp.sweeps.definition import Definition, sweep_name

TINY = ("data.points=60", "model.units=[2]", "trainer.epochs=1", "tracking=off", "tracking.log_model=false")


@pytest.fixture(scope="module")
def mapping() -> dict[str, object]:
    return compose_mapping([])


@pytest.mark.parametrize("name", BAD, ids=repr)
@pytest.mark.fault("I5")
def test_a_name_is_checked_wherever_it_comes_from(name: str, mapping: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^name: "):
        parse({**mapping, "name": name})
    with pytest.raises(ConfigError, match=r"^name: "):
        make_run_folder(name)
    with pytest.raises(ConfigError, match=r"^hydra\.sweeper\.name: "):
        sweep_name(Definition({}, {}), name)
    callbacks = {"log": {"name": "csv_log", "file": name}}
    with pytest.raises(ConfigError, match=r"^callbacks\.log\.file: "):
        parse({**mapping, "callbacks": callbacks})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a\nb", "a\0b", "token=hunter2secret"], ids=repr)
def test_the_experiment_of_mlflow_is_shown_everywhere(name: str, mapping: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"^tracking\.experiment: "):
        parse({**mapping, "tracking": {"name": "mlflow", "experiment": name}})
    parse({**mapping, "tracking": {"name": "mlflow", "experiment": "/Users/ada@example.org/sine"}})


@pytest.mark.parametrize("flags", [(), ("-m", "--dry-run"), ("-m", "hydra/sweeper=basic"), ("--cfg", "job")], ids=str)
@pytest.mark.fault("I5")
def test_an_experiment_that_leads_elsewhere_ends_with_2_and_writes_nothing(
    flags: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "evil.yaml").write_text("# @package _global_\nname: ../../../escaped\n")
    before = sorted(tmp_path.parent.rglob("*"))
    assert main(["train", *flags, "experiment=evil", *TINY]) == 2
    assert "name: '../../../escaped' given: `..` begins with `.`" in capsys.readouterr().err
    assert sorted(tmp_path.parent.rglob("*")) == before


@pytest.mark.parametrize("job", ["../../../x", "/tmp/x", "..", "a\\b", "x" * 201])
@pytest.mark.fault("I5")
def test_the_log_lies_in_the_folder_of_the_run(job: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *TINY, f"hydra.job.name='{job}'"]) == 2
    assert "hydra.job.name: " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault("B10", "I5")
def test_a_long_name_makes_a_folder_that_every_file_system_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *TINY, "tracking.figures=false", f'name="{"é" * 300}"']) == 0
    assert "é" * 300 in capsys.readouterr().out
    (folder,) = (tmp_path / "runs").iterdir()
    assert len(os.fsencode(folder.name)) == 199
    (config,) = folder.glob("*/config/config.yaml")
    assert f"name: {'é' * 300}\n" in config.read_text()


def test_a_name_may_make_folders_within_the_runs(tmp_path: Path) -> None:
    assert rx.compose("name=paper/table1").name == "paper/table1"
    assert make_run_folder("paper/table1").parent == tmp_path / "runs" / "paper" / "table1"
    assert sweep_name(Definition({"experiment": "paper/table1"}, {}), None).startswith("paper-table1-")


@pytest.mark.fault("B9")
def test_two_hundred_runs_that_start_at_once_have_a_folder_each() -> None:
    with ThreadPoolExecutor(8) as pool, ExitStack() as stack:
        folders = [*pool.map(make_run_folder, ["sine"] * 200)]
        for folder in folders:
            stack.enter_context(claim(folder))
    assert len({*folders}) == 200
    assert len({folder.name[:16] for folder in folders}) < 3  # minutes


def test_names_that_differ_in_case_alone_share_no_run() -> None:
    assert make_run_folder("Sine").name != make_run_folder("sine").name
