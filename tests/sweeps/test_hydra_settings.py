"""Every setting of Hydra's own does in a sweep what it does in Hydra, or is refused by its name."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra.conf import HydraConf
from sweeping import UNTRACKED, Quick, jobs

from rnnexp.cli import main
from rnnexp.sweeps import worker
from rnnexp.sweeps.task import Outcome, Task


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Take Hydra's handlers away again: they write to a stream that is closed after the test."""
    before = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:], logging.root.level = before


CALLBACK = """
import os
from hydra.experimental.callback import Callback


class Told(Callback):
    def tell(self, *words):
        with open("told.txt", "a") as file:
            print(*words, file=file)

    def on_multirun_start(self, config, **_):
        self.tell("multirun_start")

    def on_multirun_end(self, config, **_):
        self.tell("multirun_end")

    def on_job_start(self, config, **_):
        hydra = config.hydra
        self.tell("job_start", hydra.job.num, config.seed, os.environ.get("FOO"), *hydra.overrides.task[-1:])

    def on_job_end(self, config, job_return, **_):
        self.tell("job_end", config.hydra.job.num, job_return.status.name)
"""
SHOWN = ("tracking=off", "--dry-run")


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run a sweep in this process and return its exit code and what it says."""
    code = main.main(["train", *arguments])
    told = capsys.readouterr()
    return code, told.out, told.err


@pytest.fixture
def hydras(quick: Quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Run each job as a worker does, but for the training, and note what surrounds it."""
    seen: list[Any] = []
    (tmp_path / "told.py").write_text(CALLBACK)
    monkeypatch.syspath_prepend(tmp_path)

    def noted(task: Task) -> Outcome:
        seen.append((task, dict(os.environ)))
        return Outcome("done", value=1.0, metrics={task.objective: 1.0})

    inner = worker.execute

    def execute(task: Task, *_: Any, **__: Any) -> Outcome:
        return inner(task) if task.hydra is not None else noted(task)

    monkeypatch.setattr(worker, "execute", execute)
    quick.answer = lambda task: worker.execute(task)
    return seen


# What a sweep makes of each key of Hydra's own configuration: an override, and what it leads to.
OBEYED = {
    "mode": "hydra.mode=MULTIRUN",
    "sweep.dir": "hydra.sweep.dir=mine",
    "hydra_logging": "hydra.hydra_logging.root.level=DEBUG",
    "job_logging": "hydra.job_logging.root.level=DEBUG",
    "sweeper": "hydra.sweeper.repeats=2",
    "launcher": "hydra.launcher.n_jobs=1",
    "callbacks": "+hydra.callbacks.told._target_=told.Told",
    "help": "hydra.help.header=mine",
    "hydra_help": "hydra.hydra_help.template=mine",
    "output_subdir": "hydra.output_subdir=.hydra",
    "job.name": "hydra.job.name=mine",
    "job.env_set": "hydra.job.env_set={FOO: bar}",
    "job.env_copy": "hydra.job.env_copy=[HOME]",
    "job.config": "hydra.job.config.override_dirname.item_sep=_",
    "verbose": "hydra.verbose=true",
}
REFUSED = {
    "searchpath": "hydra.searchpath=[file:///etc]",
    "run": "hydra.run.dir=mine",
    "sweep.subdir": "hydra.sweep.subdir=${hydra.job.override_dirname}",
    "overrides": "hydra.overrides.task=[]",
    "runtime": "hydra.runtime.cwd=/etc",
    "job.chdir": "hydra.job.chdir=true",
    "job.override_dirname": "hydra.job.override_dirname=mine",
    "job.id": "hydra.job.id=mine",
    "job.num": "hydra.job.num=7",
    "job.config_name": "hydra.job.config_name=mine",
}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("+hydra.verbos=true", "hydra.verbos: Hydra has no such setting; did you mean `verbose`?"),
        ("hydra.job.chdr=true", "hydra.job.chdr: Hydra has no such setting; did you mean `chdir`?"),
        ("++hydra.job.config.override_dirname.kv_sp=x", "hydra.job.config.override_dirname.kv_sp: Hydra has no such"),
    ],
)
def test_a_setting_that_hydra_does_not_have_is_refused(
    capsys: pytest.CaptureFixture[str], line: str, message: str
) -> None:
    for words in (("-m", "seed=0,1", line), ("seed=0", line)):
        code, _, told = command(capsys, *words)
        assert code == 2
        assert told.startswith(f"rnnexp: {message}")


def test_what_hydra_cannot_build_ends_a_sweep_as_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, told = command(capsys, "-m", "seed=0,1", *SHOWN, "+hydra.callbacks.told._target_=no_such.Told")
    assert code == 2
    assert "hydra.callbacks.told" in told
    assert "Traceback" not in told


def test_every_setting_of_hydra_is_obeyed_or_refused() -> None:
    keys = {field.name for field in dataclasses.fields(HydraConf)} - {"defaults", "job", "sweep"}
    keys |= {f"job.{field.name}" for field in dataclasses.fields(HydraConf().job)}
    keys |= {f"sweep.{field.name}" for field in dataclasses.fields(HydraConf().sweep)}
    assert {*OBEYED, *REFUSED} == keys


@pytest.mark.parametrize("line", REFUSED.values())
def test_a_setting_that_a_sweep_cannot_obey_is_refused_by_name(capsys: pytest.CaptureFixture[str], line: str) -> None:
    code, _, told = command(capsys, "-m", "seed=0,1", *SHOWN, line)
    assert code == 2
    assert told.startswith(f"rnnexp: {line.partition('=')[0]}: ")
    assert len(told.splitlines()) == 1


def test_a_setting_is_refused_in_a_mapping_too(capsys: pytest.CaptureFixture[str]) -> None:
    lines = ("hydra.run={dir: mine}", "hydra.job={num: 7, chdir: true}")
    code, _, told = command(capsys, "-m", "seed=0,1", *SHOWN, *lines)
    assert code == 2
    keys = [line.split(": ")[0].strip() for line in told.splitlines()[1:]]
    assert keys == ["hydra.run.dir", "hydra.job.num", "hydra.job.chdir"]


@pytest.mark.parametrize("line", OBEYED.values())
def test_a_setting_that_is_obeyed_starts_a_sweep(
    rehearsed: None, capsys: pytest.CaptureFixture[str], tmp_path: Path, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "told.py").write_text(CALLBACK)
    monkeypatch.syspath_prepend(tmp_path)
    code, out, told = command(capsys, "-m", "data.points=100,101", *SHOWN, line)
    assert (code, told) == (0, "")
    assert out.endswith("dry run: nothing was started\n")


def test_what_hydra_does_around_a_job_is_done(
    hydras: list[Any], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COPIED", "yes")
    settings = ("hydra.job.env_copy=[COPIED]", "hydra.output_subdir=.hydra", "hydra.job.name=mine", OBEYED["callbacks"])
    code, _, told = command(capsys, "-m", *UNTRACKED, "seed=3,4", OBEYED["job.env_set"], *settings)
    assert (code, told) == (0, "")
    assert [environment["FOO"] for _, environment in hydras] == ["bar", "bar"]
    assert "FOO" not in os.environ
    assert (tmp_path / "told.txt").read_text().splitlines() == [
        "multirun_start",
        "job_start 0 3 bar seed=3",
        "job_end 0 COMPLETED",
        "job_start 1 4 bar seed=4",
        "job_end 1 COMPLETED",
        "multirun_end",
    ]
    (folder,) = (tmp_path / "runs" / "sweeps").iterdir()
    written = (folder / "jobs" / "1" / ".hydra" / "hydra.yaml").read_text()
    assert "COPIED: 'yes'" in written
    assert f"output_dir: {folder}/jobs/1" in written
    assert "seed=4" in written.partition("override_dirname: ")[2].splitlines()[0].split(",")
    assert (folder / "jobs" / "1" / "mine.log").exists()


def test_without_such_settings_a_job_is_left_alone(hydras: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert command(capsys, "-m", *UNTRACKED, "seed=3,4")[0] == 0
    assert [task.hydra for task, _ in hydras] == [None, None]


def test_a_variable_that_is_to_be_copied_must_be_there(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, told = command(capsys, "-m", "seed=0,1", *SHOWN, "hydra.job.env_copy=[NO_SUCH]")
    assert (code, told.partition(" is not set")[0]) == (2, "rnnexp: hydra.job.env_copy: 'NO_SUCH'")


def test_the_folder_of_a_sweep_may_be_chosen_and_is_found_again(
    quick: Quick, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ("-m", *UNTRACKED, "seed=0,1", "hydra.sweep.dir=kept/mine")
    assert command(capsys, *line)[0] == 0
    assert "2 done, 0 to run" in command(capsys, *line)[1]
    assert len(jobs(Path("kept/mine"))) == len(quick.tasks) == 2
    code, _, told = command(capsys, *line, "hydra.sweeper.name=other")
    assert (code, told.partition(";")[0]) == (
        2,
        "rnnexp: hydra.sweeper.name: the folder is named by hydra.sweep.dir already",
    )


def test_the_mode_of_a_sweep_may_be_said_without_m(
    rehearsed: None, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert "2 jobs" in command(capsys, "hydra.mode=MULTIRUN", "seed=0,1", *SHOWN)[1]
    assert command(capsys, "seed=0,1", "tracking=off")[0] == 2
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "config.yaml").write_text(
        "hydra:\n  mode: MULTIRUN\n  sweeper:\n    params: {seed: '0,1,2'}\n"
    )
    assert "3 jobs" in command(capsys, *SHOWN)[1]


def experiment(place: Path, name: str, text: str) -> None:
    (place / "experiments").mkdir(exist_ok=True)
    (place / "experiments" / f"{name}.yaml").write_text(f"# @package _global_\ntracking:\n  figures: false\n{text}")


SPACE = "data:\n  points: 10{repeats}\nhydra:\n  sweeper:\n    repeats: {repeats}\n    params:\n      model: {model}\n"


@pytest.mark.end_to_end
def test_experiments_that_bring_the_same_space_are_all_swept_over_it(
    rehearsed: None, capsys: pytest.CaptureFixture[str]
) -> None:
    out = command(capsys, "-m", "experiment=cell_comparison,cell_comparison_airline", *SHOWN)[1]
    assert ": 30 jobs, " in out
    listed = [line.split()[2:] for line in out.splitlines() if line.startswith("     ")]
    assert listed[0] == ["model=simple_rnn", "experiment=cell_comparison", "seed=0"]
    assert ": 30 jobs, " in command(capsys, "-m", "experiment=glob(cell_*)", *SHOWN)[1]


def test_experiments_that_bring_unlike_spaces_are_refused_with_what_to_type(
    rehearsed: None, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    experiment(tmp_path, "one", SPACE.format(repeats=2, model="lstm,gru"))
    experiment(tmp_path, "two", SPACE.format(repeats=3, model="gru"))
    code, _, told = command(capsys, "-m", "experiment=one,two", *SHOWN)
    assert code == 2
    assert told.splitlines()[1:] == [
        "  hydra.sweeper.params.model: `lstm,gru` with experiment=one, `gru` with experiment=two, but a sweep has one; "
        "start a sweep for each of them, or set it on the command line: 'hydra.sweeper.params.model=…'",
        "  hydra.sweeper.repeats: `2` with experiment=one, `3` with experiment=two, but a sweep has one; start a sweep "
        "for each of them, or set it on the command line: 'hydra.sweeper.repeats=…'",
    ]
    settled = ("hydra.sweeper.repeats=1", "model=lstm")
    assert ": 2 jobs, " in command(capsys, "-m", "experiment=one,two", *settled, *SHOWN)[1]


@pytest.mark.parametrize(
    ("brought", "key"),
    [
        ("hydra:\n  launcher:\n    n_jobs: 1\n", "hydra.launcher.n_jobs"),
        ("defaults:\n  - override /hydra/launcher: serial\n", "hydra.launcher._target_"),
        ("hydra:\n  sweep:\n    dir: elsewhere\n", "hydra.sweep.dir"),
        ("hydra:\n  callbacks:\n    told: {_target_: told.Told}\n", "hydra.callbacks.told._target_"),
    ],
)
def test_what_one_of_several_experiments_brings_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, brought: str, key: str
) -> None:
    experiment(tmp_path, "one", brought)
    experiment(tmp_path, "two", "")
    code, _, told = command(capsys, "-m", "experiment=two,one", *SHOWN)
    assert code == 2
    assert key in told


def test_a_launcher_that_all_experiments_bring_is_used(
    rehearsed: None, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in ("one", "two"):
        experiment(
            tmp_path, name, f"defaults:\n  - override /hydra/launcher: serial\nseed: {len(name) + ord(name[0])}\n"
        )
    assert "executor       serial" in command(capsys, "-m", "experiment=one,two", *SHOWN)[1]


@pytest.mark.parametrize(
    "line",
    [
        'hydra.sweeper.params={seed: "3,4"}',
        "hydra.sweeper.params={seed: '3,4'}",
        'hydra.sweeper.params.seed="3,4"',
        "hydra.sweeper.params.seed=3,4",
        '+hydra.sweeper.params.seed="3,4"',
        "++hydra.sweeper.params.seed=3,4",
        "hydra.sweeper.params.seed='range(3,5)'",
    ],
)
def test_a_space_may_be_given_on_the_command_line(
    rehearsed: None, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    out = command(capsys, "-m", line, *SHOWN)[1]
    assert [row.split()[-1] for row in out.splitlines()[-3:-1]] == ["seed=3", "seed=4"]


def test_keys_with_dots_may_stand_in_a_space(
    rehearsed: None, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    experiment(tmp_path, "mine", "hydra:\n  sweeper:\n    params:\n      model.units: '[2],[3]'\n      seed: 5,6\n")
    line = ("-m", "experiment=mine", "hydra.sweeper.params.model.units=[7],[8]", *SHOWN)
    rows = command(capsys, *line)[1].splitlines()[-5:-1]
    assert [row.split()[2:] for row in rows][0::3] == [["model.units=[7]", "seed=5"], ["model.units=[8]", "seed=6"]]
    rows = command(capsys, *line, "seed=1")[1].splitlines()[-3:-1]
    assert [row.split()[2:] for row in rows] == [["model.units=[7]"], ["model.units=[8]"]]


def test_all_mistakes_of_a_sweep_are_told_at_once_and_each_once(capsys: pytest.CaptureFixture[str]) -> None:
    mistakes = (
        "model=gru,gruu",
        "modle=gru",
        "trainer.epochs=1,x,y",
        "optimizer.learning_rate=0.1,many",
        "seed=range(5,1)",
        "data.noise=interval(0,1)",
        "hydra.sweeper.repeats=no",
        "hydra.sweeper.repeat=2",
        "hydra.sweeper.zip=[trainer.epochs,modl]",
        "hydra.sweeper.objective=test/rmse",
        "hydra.launcher.n_jobs=0",
        "hydra.launcher.n_job=2",
        "hydra.run.dir=mine",
        "hydra.job.name=a,b",
    )
    code, _, told = command(capsys, "-m", *mistakes)
    assert code == 2
    keys = [line.split(":")[0].strip() for line in told.splitlines()[1:]]
    assert sorted(keys) == sorted([*(line.partition("=")[0] for line in mistakes), "trainer.epochs"])


def test_what_hydra_would_choke_on_is_told_as_any_other_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, told = command(capsys, "-m", "seed.x=3", "data.noise=many", "model=gru,lstm")
    assert code == 2
    assert "seed" in told
    assert "HYDRA_FULL_ERROR" not in told


def test_a_number_from_the_environment_is_a_text_and_the_error_says_what_to_write(
    rehearsed: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("N", "7")
    hint = "a variable of the environment is a text, which 'seed=\"${oc.decode:${oc.env:N}}\"' reads as YAML"
    for line in (
        ("seed=${oc.env:N}", "data.seed=0", "tracking=off"),
        ("-m", "seed=${oc.env:N}", "data.seed=0", "trainer.epochs=1,2", "tracking=off"),
    ):
        code, _, told = command(capsys, *line)
        assert (code, told) == (2, f"rnnexp: seed: '7' given; must be a valid integer; {hint}\n")
    assert command(capsys, "-m", 'seed="${oc.decode:${oc.env:N}}"', "trainer.epochs=1,2", *SHOWN)[0] == 0
    monkeypatch.setenv("N", "3,4")
    assert command(capsys, "-m", "seed=seven,8", *SHOWN)[2].count("environment") == 0


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        (("seed=3", "model=gru"), "model=gru,seed=3"),
        (("model.units=[8, 4]", "++seed=3", "+callbacks.plateau.factor=0.1"), None),
        (
            ("seed=3", "~trainer.batch_size", "hydra.job.config.override_dirname.item_sep=__"),
            "seed=3__~trainer.batch_size",
        ),
        (("seed=3", "model=gru", "hydra.job.config.override_dirname.exclude_keys=[seed]"), "model=gru"),
        (("seed=3", "name='a b'", "hydra.job.config.override_dirname.kv_sep=-"), "name-'a b',seed-3"),
    ],
)
def test_a_folder_is_named_after_the_overrides_as_they_were_typed(
    capsys: pytest.CaptureFixture[str], lines: tuple[str, ...], name: str | None
) -> None:
    expected = name or ",".join(sorted(lines))
    out = command(capsys, "--cfg", "hydra", "-p", "hydra.job", *lines)[1]
    found = next(line.partition(": ")[2] for line in out.splitlines() if line.startswith("override_dirname:"))
    assert found.strip("'").replace("''", "'") == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("hydra.job.name=${rnnexp.id:3}", "hydra.job.name: "),
        ("hydra.job.name=${model}", "hydra.job.name: "),
        ("hydra.output_subdir=${model}", "hydra.output_subdir: "),
        ("hydra.sweeper=${nope}", "hydra"),
        ("~hydra/sweeper=rnnexp", "hydra"),
        ("hydra.verbose=[1]", "hydra.verbose: [1] given; must be true, false or names of loggers"),
        ("hydra.verbose=${model}", "hydra.verbose: "),
        ("hydra.job_logging=${model}", "hydra.job_logging: must hold `version` and `root`"),
        ("~hydra/job_logging=default", "hydra.job_logging: must hold `version` and `root`"),
        ("hydra/job_logging=none", "hydra/job_logging: `none` has no place for the log of a run"),
        ("data=" + 300 * "9", "data: `999"),
    ],
)
def test_what_hydra_would_stumble_over_late_is_told_by_its_key(
    capsys: pytest.CaptureFixture[str], line: str, message: str
) -> None:
    for words in (("-m", "seed=0,1", *SHOWN, line), ("seed=0", "tracking=off", line)):
        code, _, told = command(capsys, *words)
        assert (code, told[: 8 + len(message)], len(told.splitlines())) == (2, f"rnnexp: {message}", 1)


@pytest.mark.parametrize("line", ["version=2", "handlers.console.class=nope"])
def test_a_log_that_python_cannot_set_up_is_a_mistake(capsys: pytest.CaptureFixture[str], line: str) -> None:
    code, _, told = command(capsys, "seed=0", "tracking=off", f"hydra.job_logging.{line}")
    assert (code, told.partition(": ")[2][:42]) == (2, "hydra.job_logging, hydra.hydra_logging: Un")
