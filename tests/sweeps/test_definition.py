"""Which folder a sweep lives in: the same command finds it again, a changed one is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sweeping import UNTRACKED, Quick, run

from rnnexp import compose
from rnnexp.config.identity import legacy_hash
from rnnexp.errors import ConfigError

SEEDS = (*UNTRACKED, "seed=0,1", "model.units=2,3")


def test_the_same_keys_in_any_order_are_the_same_sweep(quick: Quick) -> None:
    assert run(*SEEDS) == run(*SEEDS[::-1])
    assert len(quick.tasks) == 4
    assert run(*SEEDS, "data.noise=0.2") != run(*SEEDS)


def test_the_folder_is_called_after_the_experiment(quick: Quick, tmp_path: Path) -> None:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "mine.yaml").write_text("# @package _global_\ndata:\n  points: 90\n")
    folder = run(*UNTRACKED, "experiment=mine", "seed=0,1")
    assert folder.parent == tmp_path / "runs" / "sweeps"
    assert folder.name.startswith("mine-")


@pytest.mark.fault("I12")
def test_nobody_else_may_read_the_folder_of_a_sweep(quick: Quick) -> None:
    folder = run(*SEEDS)
    assert folder.stat().st_mode & 0o077 == 0
    assert folder.parent.stat().st_mode & 0o077 != 0  # so the test can fail


@pytest.mark.parametrize("tracked", [True, False])
def test_only_a_tracked_sweep_ends_with_what_reads_the_store(
    quick: Quick, client: Any, capsys: pytest.CaptureFixture[str], tracked: bool
) -> None:
    run(*(line for line in UNTRACKED if line != "tracking=off" or not tracked), "seed=0,1")
    said = capsys.readouterr().out
    assert "  best  " in said
    assert ("rnnexp compare" in said) == tracked


def test_several_experiments_have_a_neutral_name(quick: Quick) -> None:
    assert run("experiment=sine_lstm,sine_gru", "tracking=off").name.startswith("sweep-")


def test_how_a_sweep_is_run_may_change(quick: Quick) -> None:
    folder = run(*SEEDS)
    changed = {"retries": 0, "timeout": 9.0, "max_failures": 3, "fail_fast": True, "n_trials": 3}
    assert run(*SEEDS, launcher={"name": "serial"}, **changed) == folder


@pytest.mark.fault("H9")
@pytest.mark.parametrize(
    ("lines", "settings", "difference"),
    [
        (("seed=0,1", "model.units=2,3", "trainer.epochs=3"), {}, "    trainer.epochs: was 2, now 3\n"),
        (("seed=0,1", "model.units=2,3"), {"folds": 2}, "    folds: was not set, now 2\n"),
        (("seed=0,1", "model.units=2,3"), {"objective": "val/loss"}, "    objective: was not set, now val/loss\n"),
        (
            ("seed=0,1", "model.units=2,3"),
            {"repeats": 1, "direction": "maximize"},
            "    direction: was not set, now max",
        ),
        (("seed=0,1", "model.units=2,3"), {"pruner": "median"}, "    pruner: was not set, now median\n"),
    ],
    ids=["fixed", "folds", "objective", "direction", "pruner"],
)
@pytest.mark.fault("H9")
def test_a_changed_definition_is_refused_with_what_differs(
    quick: Quick, lines: tuple[str, ...], settings: dict[str, Any], difference: str
) -> None:
    run(*SEEDS)
    quick.tasks.clear()
    with pytest.raises(ConfigError, match="was started with another definition") as caught:
        run(*UNTRACKED, *lines, launcher=None, **settings)
    caught.match(difference)
    caught.match("start a new one beside it with --new, or give this one a name of its own with hydra.sweeper.name=…$")
    assert quick.tasks == []


@pytest.mark.fault("H9")
def test_new_starts_beside_it_and_the_command_goes_on_with_the_newest(quick: Quick) -> None:
    first = run(*SEEDS)
    second = run(*SEEDS, new=True)
    assert second.name == f"{first.name}-2"
    assert len(quick.tasks) == 8
    assert run(*SEEDS) == second
    assert len(quick.tasks) == 8


def test_a_changed_sweep_that_was_started_with_new_is_found_by_its_own_command(quick: Quick) -> None:
    first = run(*SEEDS)
    changed = (*UNTRACKED, "seed=5,6", "model.units=2,3")
    second = run(*changed, new=True)
    assert run(*changed) == second
    assert run(*SEEDS) == first
    assert len(quick.tasks) == 8


def test_a_name_of_its_own_keeps_another_definition_apart(quick: Quick) -> None:
    run(*SEEDS)
    folder = run(*UNTRACKED, "seed=5,6", "model.units=2,3", name="mine")
    assert folder.name == "mine"


@pytest.mark.parametrize("name", ["a/b", "..", "../up", "", "/abs", ".hidden", "."])
@pytest.mark.fault("I5")
def test_a_name_that_leaves_the_folder_is_refused(quick: Quick, tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="hydra.sweeper.name: `.*` given; must be a plain name without `/`"):
        run(*SEEDS, name=name)
    assert not (tmp_path / "runs").exists()


@pytest.mark.fault("H9")
def test_a_yaml_that_has_changed_under_the_same_command_is_refused(quick: Quick, tmp_path: Path) -> None:
    (tmp_path / "experiments").mkdir()
    written = tmp_path / "experiments" / "mine.yaml"
    written.write_text("# @package _global_\noptimizer:\n  learning_rate: 0.1\n")
    lines = (*UNTRACKED, "experiment=mine", "seed=0,1")
    folder = run(*lines)
    assert run(*lines) == folder
    written.write_text("# @package _global_\noptimizer:\n  learning_rate: 0.2\n")
    with pytest.raises(ConfigError, match=r"the same command now gives other configurations \(jobs 0, 1\)"):
        run(*lines)
    assert run(*lines, new=True) != folder


def test_a_sampled_sweep_notices_a_changed_yaml_too(quick: Quick, tmp_path: Path) -> None:
    (tmp_path / "experiments").mkdir()
    written = tmp_path / "experiments" / "mine.yaml"
    written.write_text("# @package _global_\noptimizer:\n  learning_rate: 0.1\n")
    lines = (*UNTRACKED, "experiment=mine", "model.units=int(interval(2,90))")
    run(*lines, sampler="random", n_trials=2)
    written.write_text("# @package _global_\noptimizer:\n  learning_rate: 0.2\n")
    with pytest.raises(ConfigError, match="the same command now gives other configurations"):
        run(*lines, sampler="random", n_trials=3)


@pytest.mark.fault("I6")
def test_a_secret_is_not_in_the_definition(quick: Quick) -> None:
    folder = run(*SEEDS, "tracking.uri=http://user:hunter2@127.0.0.1:9/")
    written = "".join(path.read_text() for path in (folder / "sweep.json", folder / "jobs.jsonl"))
    assert "hunter2" not in written
    assert "127.0.0.1" in written


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not the definition of a sweep"),
        ('{"format": 99, "space": {}, "rules": {}}', "format 99; this version reads format 1"),
        ('{"format": 1}', "is not the definition of a sweep"),
    ],
)
def test_a_definition_that_cannot_be_read_is_told(quick: Quick, text: str, message: str) -> None:
    folder = run(*SEEDS)
    (folder / "sweep.json").write_text(text)
    with pytest.raises(ConfigError, match=message):
        run(*SEEDS)


def test_the_definition_can_be_read_by_people(quick: Quick) -> None:
    kept = json.loads((run(*SEEDS, repeats=1, sampler="grid") / "sweep.json").read_text())
    assert kept["space"]["seed"] == "0,1"
    assert kept["space"]["model"] == "flat"
    assert kept["command"].startswith("rnnexp train -m plugins=[toys]")


def as_an_older_version_wrote_it(folder: Path, model: str) -> None:
    """Put the hashes over all values into a journal, as versions wrote them that knew no others."""
    path = folder / "jobs.jsonl"
    events = [json.loads(line) for line in path.read_text().splitlines()]
    for event in events:
        if event["event"] == "job":
            values = [f"{key}={value}" for key, value in event["values"].items()]
            event["digest"] = legacy_hash(compose(*UNTRACKED, model, *values))
    path.write_text("".join(json.dumps(event) + "\n" for event in events))


@pytest.mark.parametrize("more", [{}, {"sampler": "random", "n_trials": 4}], ids=["grid", "sampled"])
def test_a_sweep_of_an_older_version_goes_on(quick: Quick, more: dict[str, Any]) -> None:
    lines = (*UNTRACKED, "model.units=2,3,4,5")
    folder = run(*lines, **more)
    done = len(quick.tasks)
    as_an_older_version_wrote_it(folder, "model=flat")
    assert run(*lines, **more) == folder
    assert len(quick.tasks) == done


def test_a_sweep_of_an_older_version_with_another_configuration_is_refused(quick: Quick) -> None:
    lines = (*UNTRACKED, "model.units=2,3,4,5")
    as_an_older_version_wrote_it(run(*lines), "seed=7")
    with pytest.raises(ConfigError, match="the same command now gives other configurations"):
        run(*lines)
