"""Options of groups that are no words, and files that are no configuration: a choice, or a sentence."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from rnnexp.cli.main import main
from rnnexp.config.compose import compose, compose_mapping, hydra_state
from rnnexp.config.grammar import GROUPS, as_hydra_reads
from rnnexp.config.jobs import Composer
from rnnexp.config.overrides import inspect_overrides
from rnnexp.errors import ConfigError

NUMBERS = ("2024", "1e3", "true", "1_000", "2024-01-01", "nan", "-5", "1.5", "007", "inf")


def experiment(name: str, text: str | bytes) -> Path:
    """Write an experiment of the working directory."""
    file = Path("experiments", f"{name}.yaml")
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


@pytest.mark.parametrize("group", ["schedule", "loss", "callbacks", "experiment"])
def test_null_chooses_nothing_where_nothing_is_a_choice(group: str) -> None:
    assert compose(f"{group}=null") == compose(f"~{group}")


def test_null_takes_back_what_an_experiment_chooses() -> None:
    experiment("stepped", "defaults: [override /schedule: step, override /loss: huber]\n")
    chosen = compose("experiment=stepped")
    assert (chosen.schedule.name, chosen.loss.name) == ("step", "huber")
    none = compose("experiment=stepped", "schedule=null", "loss=null")
    assert (none.schedule, none.loss) == (None, None)


SETTINGS = """\
defaults: [override /schedule: step, override /loss: huber, override /callbacks: early_stopping]
schedule: {gamma: 0.5}
loss: {delta: 2.0}
callbacks: {early_stopping: {patience: 44}}
"""


def test_null_takes_back_the_settings_of_an_experiment_too() -> None:
    experiment("set", SETTINGS)
    chosen = compose("experiment=set")
    assert (chosen.schedule.gamma, chosen.loss.delta, chosen.callbacks["early_stopping"].patience) == (0.5, 2.0, 44)
    none = compose("experiment=set", "schedule=null", "loss=null", "callbacks=null")
    assert (none.schedule, none.loss, none.callbacks) == (None, None, {})
    assert compose("experiment=set", "callbacks=none").callbacks == {}
    typed = compose("experiment=set", "callbacks=null", "callbacks.early_stopping.min_delta=0.5")
    assert (typed.callbacks["early_stopping"].patience, typed.callbacks["early_stopping"].min_delta) != (44, 0)


def test_jobs_take_back_the_settings_of_an_experiment_as_single_runs_do() -> None:
    experiment("set", SETTINGS)
    typed = ["experiment=set", "schedule=null", "callbacks=null", "callbacks.plateau.factor=0.3"]
    with hydra_state():
        assert Composer().experiment(["seed=1"], typed)[1] == compose(*typed, "seed=1") != compose(*typed[:1], "seed=1")


@pytest.mark.parametrize("group", ["data", "model", "optimizer", "trainer", "tracking"])
@pytest.mark.parametrize("written", [None, "{}: null\n", "defaults: [override /{}: null]\n"])
def test_null_is_refused_where_something_is_needed(group: str, written: str | None) -> None:
    if written:
        experiment("none", written.format(group))
    with pytest.raises(ConfigError, match=rf"{group}.*(null given|nothing chosen|one is needed)"):
        compose("experiment=none" if written else f"{group}=null")


@pytest.mark.parametrize("group", ["hydra/launcher", "hydra/sweeper", "hydra/job_logging"])
def test_null_is_no_option_of_hydras_groups(group: str) -> None:
    with pytest.raises(ConfigError, match=f"^{group}: null given; choose one"):
        compose(f"{group}=null")


NO_NAMES = ("null", "64", "1e3", "true", "2024-01-01", "[a,b]", "{a:1}", "''", "12:30", "a/b", "../x")


@pytest.mark.parametrize("group", [*GROUPS, "hydra/launcher", "hydra/sweeper"])
@pytest.mark.parametrize("sweep", [False, True])
def test_an_option_that_no_group_has_is_one_plain_refusal(group: str, sweep: bool) -> None:
    for option in NO_NAMES:
        border = inspect_overrides([f"{group}={option}"], sweep)
        if group.startswith("hydra/") and option != "null" and option[0] not in "[{":
            problems = refusals(border.overrides())  # Hydra's own options are known to Hydra
        else:
            problems = border.problems
        allowed = option == "null" and group in ("loss", "schedule", "callbacks", "experiment")
        assert len(problems) == (0 if allowed else 1), (option, problems)
        assert all(group in problem for problem in problems)


def refusals(lines: list[str]) -> list[str]:
    try:
        compose_mapping(lines)
    except ConfigError as error:
        return error.problems
    return []


@pytest.mark.parametrize("option", ["64", "1e3", "yes", "12:30:00", "1_000"])
@pytest.mark.fault("F6")
def test_an_option_in_a_file_that_yaml_takes_for_a_number_or_a_truth_wants_quotes(option: str) -> None:
    experiment("odd", f"defaults: [override /model: {option}]\n")
    with pytest.raises(ConfigError, match="put (it|a text) in quotes"):
        compose("experiment=odd")
    experiment(option, "seed: 4\n")
    experiment("even", f"defaults: ['{option}']\n")
    assert compose("experiment=even").seed == 4


@pytest.mark.parametrize("option", ["{a: 1}", "[[a]]", "''", "[a, '']"])
def test_an_option_in_a_file_that_is_no_name_is_told_so(option: str) -> None:
    experiment("odd", f"defaults: [override /model: {option}]\n")
    with pytest.raises(ConfigError, match="the option after the colon is a name, or a list of names"):
        compose("experiment=odd")


def test_of_several_choices_the_last_counts() -> None:
    assert as_hydra_reads(["schedule=null", "seed=1", "schedule=step"]) == ["seed=1", "schedule=step"]
    assert as_hydra_reads(["schedule=step", "+schedule=null"]) == ["~schedule"]


@pytest.mark.parametrize("name", NUMBERS)
def test_a_name_that_looks_like_a_number_is_a_name(name: str) -> None:
    experiment(name, "seed: 5\n")
    found = compose(f"experiment={name}")
    assert (found.name, found.seed) == (name, 5)


def test_numeric_names_are_swept_as_names() -> None:
    from rnnexp.config.overrides import chosen, parsed

    for line in ("model=64,gru", "model=choice(64,gru)", "model=sort(gru,64)", "model='64',gru"):
        assert set(chosen(parsed(line))) == {"64", "gru"}, line


def test_a_number_of_a_key_stays_a_number() -> None:
    assert compose("seed=64").seed == 64


@pytest.mark.parametrize(
    "line", ["seed=range(0,1e12)", "model=range(0,1,0)", "hydra.launcher.gpus=range(0,1,0)", "seed=range(1,0)"]
)
def test_a_range_without_end_is_refused_before_it_is_listed(line: str) -> None:
    from rnnexp.config.overrides import inspect_overrides

    (problem,) = inspect_overrides([line], sweep=True).problems
    assert re.search("more than 100,000 values|a step that is not 0|no value in this range", problem)


@pytest.mark.parametrize("line", ["=3", "+=3", "~", f"a={'[' * 3000}", f"seed={'9' * 5000}"])
@pytest.mark.fault("F7")
def test_what_is_no_override_is_shown(line: str) -> None:
    with pytest.raises(ConfigError, match=r"not `key=value`|valid integer"):
        compose(line)


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_an_empty_size_of_a_part_is_named(part: str) -> None:
    with pytest.raises(ConfigError, match=rf"data\.split\.{part}: nothing follows the `=`"):
        compose(f"data.split.{part}=")


CIRCLES = {
    "itself": {"a": "defaults: [a]\n"},
    "each other": {"a": "defaults: [b]\n", "b": "defaults: [/experiment/a]\n"},
    "by group": {"a": "defaults: [/experiment: a]\n"},
}


@pytest.mark.parametrize("case", CIRCLES)
@pytest.mark.fault("F9")
def test_defaults_that_lead_back_are_named(case: str) -> None:
    for name, text in CIRCLES[case].items():
        experiment(name, text)
    with pytest.raises(ConfigError, match="`defaults` of experiment/a lead back to it: experiment/a -> "):
        compose("experiment=a")


DEFAULTS = (
    "3",
    "null",
    "{model: gru}",
    "[3]",
    "[null]",
    "['']",
    "[[a]]",
    "[{a: b, c: d}]",
    "[{}]",
    "[{'': x}]",
    "[{3: x}]",
)


@pytest.mark.parametrize("written", [*DEFAULTS, "[override /model: 64]", "[override /model: {a: b}]"])
@pytest.mark.fault("F9")
def test_defaults_that_are_no_list_of_names_are_shown(written: str) -> None:
    file = experiment("odd", f"defaults: {written}\n")
    with pytest.raises(ConfigError, match=re.escape(f"{file.name}: `") + ".*`(;| given;| in `defaults`;)"):
        compose("experiment=odd")


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi")
)
TRAPS = {
    "UTF-16": ("seed: 1\n".encode("utf-16"), "not UTF-8 text"),
    "Latin-1": ("name: ü\n".encode("latin-1"), "not UTF-8 text"),
    "NUL": (b"seed: 1\0\n", "not valid YAML"),
    "tab": (b"trainer:\n\tepochs: 3\n", "not valid YAML"),
    "twice": (b"seed: 1\nseed: 2\n", "not valid YAML"),
    "two documents": (b"seed: 1\n---\nseed: 2\n", "not valid YAML"),
    "a list": (b"- a\n", "must hold `key: value` pairs"),
    "a tag": (b"seed: !!python/object/apply:os.getcwd []\n", "not valid YAML"),
    "a tag's value": (b"seed: !!int abc\n", "does not fit its tag"),
    "deep": (b"a: " + b"[" * 2000 + b"]" * 2000, "nested too deeply"),
    "an alias of itself": (b"a: &a [*a]\n", "nested too deeply"),
    "a billion laughs": (LAUGHS.encode(), "once its aliases are written out"),
    "megabytes": (b"name: " + b"x" * 600_000, "a configuration file has at most"),
    "digits": (b"seed: " + b"9" * 5000, "not valid YAML"),
    "hydra": (b"hydra: null\n", "hydra: None given"),
    "sweeper": (b"hydra: {sweeper: 3}\n", "hydra.sweeper: 3 given"),
    "plugins": (b"plugins: nope\n", "named by a file, which may not choose code"),
    "a plugin": (b"plugins: [3]\n", "must be a list of module names"),
    "backend": (b"backend: [1]\n", "backend: .*given"),
    "a list for pairs": (b"callbacks: [early_stopping]\n", "a list is given where"),
    "false for pairs": (b"callbacks: false\n", "callbacks: False given"),
    "zero for pairs": (b"trainer: 0\n", "trainer: 0 given"),
}


@pytest.mark.parametrize("trap", TRAPS)
@pytest.mark.fault("F6")
def test_a_file_that_is_no_configuration_is_told_in_a_sentence(trap: str) -> None:
    content, said = TRAPS[trap]
    experiment("trap", content)
    with pytest.raises(ConfigError, match=said):
        compose("experiment=trap")


@pytest.mark.parametrize("content", [b"", b"# only words\n", b"---\n", b"\xef\xbb\xbfseed: 0\n", b"seed: 0\r\n"])
def test_a_file_that_says_nothing_changes_nothing(content: bytes) -> None:
    experiment("still", content)
    assert compose("experiment=still", "name=x") == compose("name=x")


def test_what_is_no_file_is_named_by_its_kind(tmp_path: Path) -> None:
    folder = experiment("good", "seed: 1\n").parent
    (folder / "folder.yaml").mkdir()
    (folder / "gone.yaml").symlink_to("nowhere")
    (tmp_path / "outside.yaml").write_text("seed: 1\n")
    (folder / "out.yaml").symlink_to(tmp_path / "outside.yaml")
    os.mkfifo(folder / "pipe.yaml")
    kinds = {
        "folder": "is a folder",
        "gone": "broken link to nowhere",
        "out": "leads out of",
        "pipe": "not a regular file",
    }
    for name, said in kinds.items():
        with pytest.raises(ConfigError, match=said):
            compose(f"experiment={name}")
    assert compose("experiment=good").seed == 1


@pytest.mark.end_to_end
def test_check_goes_on_past_broken_files(capsys: pytest.CaptureFixture[str]) -> None:
    for name, text in (
        ("a", "plugins: 3\n"),
        ("b", "a: [\n"),
        ("c", "defaults: 3\n"),
        ("d", "seed: 1\n"),
        ("2024", ""),
    ):
        experiment(name, text)
    (Path("experiments") / "e.yaml").symlink_to("nowhere")
    assert main(["check"]) == 2
    said = capsys.readouterr().out
    for name in ("a:", "b:", "c:", "e:"):
        assert f"\n{name}\n" in f"\n{said}"
    assert "\nd:\n" not in said
    assert "2024:" not in said


@pytest.mark.fault("F9")
def test_a_circle_is_found_beside_a_file_whose_defaults_are_broken() -> None:
    experiment("a", "defaults: [a]\n")
    Path("conf/model").mkdir(parents=True)
    Path("conf/model/lstm.yaml").write_text("defaults: [null]\n")
    with pytest.raises(ConfigError, match="`defaults` of experiment/a lead back to it: experiment/a -> "):
        compose("experiment=a")


@pytest.mark.parametrize("key", ["plugins", "experiment", "model", "seed"])
def test_a_range_that_goes_nowhere_is_a_mistake_of_any_key(capsys: pytest.CaptureFixture[str], key: str) -> None:
    assert main(["train", "-m", f"{key}=range(0,1,0)"]) == 2
    assert f"{key}: `{key}=range(0,1,0)`: a range needs finite ends and a step that is not 0" in capsys.readouterr().err


def test_check_calls_a_link_by_its_own_name_wherever_it_leads(capsys: pytest.CaptureFixture[str]) -> None:
    experiment("good", "seed: 1\n")
    experiment("paper/table", "seed: 2\n")
    Path("experiments/again.yaml").symlink_to("paper/table.yaml")
    Path("experiments/paper/first.yaml").symlink_to("../good.yaml")
    Path("last.yaml").symlink_to("experiments/good.yaml")
    Path("outside.yaml").write_text("seed: 3\n")
    Path("experiments/out.yaml").symlink_to("../outside.yaml")
    assert main(["check", "experiments", "last.yaml"]) == 2
    said = capsys.readouterr().out
    assert "4 of 5 experiments are valid" in said
    assert re.search("^out:\n  .* is a link that leads out of ", said, re.M)
    assert main(["check", "outside.yaml"]) == 2
    assert "does not lie in a folder `experiments`" in capsys.readouterr().err
