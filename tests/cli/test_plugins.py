"""A user's own Python runs at the user's word: an experiment may name it, and cannot bring it."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from rnnexp import compose
from rnnexp.cli.main import main
from rnnexp.config.parse import parse, plain_values
from rnnexp.registry import PluginsNeeded, load_plugins

ADVICE = (
    "plugins: {0} named by a file, which may not choose code; if you trust it, add 'plugins=[{0}]' to the command, or "
    "write `plugins: [{0}]` in conf/config.yaml of this folder"
)
CODE = """
from pathlib import Path

from rnnexp import register

Path("canary").touch()

@register("model")
def dense_door(spec, units: int = 2):
    return None
"""
NAMED = "plugins: [doors]\ndefaults: [override /model: dense_door]\n"
# Ways to name the plugin in a file other than the experiment that is chosen.
SNEAKY = {
    "plainly": {"experiments/mine": "plugins: [doors]"},
    "as a text": {"experiments/mine": "plugins: doors"},
    "by a reference": {"experiments/mine": "x: doors\nplugins: ['${x}']"},
    "in another experiment": {"experiments/mine": "defaults: [other]", "experiments/other": "plugins: [doors]"},
    "in another group": {
        "experiments/mine": "defaults: [override /model: other]",
        "conf/model/other": "# @package _global_\nplugins: [doors]\nmodel: {name: lstm}",
    },
    "in a space": {"experiments/mine": "hydra: {sweeper: {params: {plugins: '[doors]'}}}"},
}


@pytest.fixture(autouse=True)
def plugin(tmp_path: Path) -> Iterator[None]:
    (tmp_path / "doors.py").write_text(CODE)
    yield
    sys.modules.pop("doors", None)


def write(name: str, text: str) -> None:
    file = Path(f"{name}.yaml")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text + "\n")


def imported() -> bool:
    return Path("canary").exists()


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.mark.parametrize("files", SNEAKY.values(), ids=SNEAKY)
@pytest.mark.parametrize("words", [("train",), ("train", "-m", "seed=0,1", "--dry-run"), ("train", "--cfg", "job")])
@pytest.mark.fault("I9")
def test_a_plugin_is_not_imported_that_a_file_names(
    capsys: pytest.CaptureFixture[str], words: Sequence[str], files: dict[str, str]
) -> None:
    for name, text in files.items():
        write(name, text)
    code, _, told = answer(capsys, *words, "experiment=mine")
    assert code == 2
    assert "plugins: doors named by a file" in told or "hydra.sweeper.params.plugins" in told
    assert not imported()


def test_the_answer_says_both_ways_to_allow_it(capsys: pytest.CaptureFixture[str]) -> None:
    write("experiments/mine", NAMED)
    assert answer(capsys, "train", "experiment=mine") == (2, "", f"rnnexp: {ADVICE.format('doors')}\n")


@pytest.mark.parametrize(
    "typed", ["plugins=[doors]", "+plugins=[doors]", "++plugins=[doors,doors]", "plugins=['doors']"]
)
def test_it_is_imported_if_the_command_names_it(typed: str) -> None:
    write("experiments/mine", NAMED)
    assert compose(typed, "experiment=mine").model.name == "dense_door"
    assert imported()


def test_it_is_imported_if_the_projects_own_page_names_it() -> None:
    write("experiments/mine", NAMED)
    write("conf/config", "plugins: [doors]")
    assert compose("experiment=mine", "model.units=3").model.units == 3


def test_what_is_allowed_once_is_not_allowed_for_others() -> None:
    write("experiments/mine", "plugins: [doors, other_doors]")
    with pytest.raises(PluginsNeeded, match=r"^plugins: other_doors named by a file"):
        compose("plugins=[doors]", "experiment=mine")


def test_a_page_without_choices_lies_over_the_shipped_one() -> None:
    write("conf/config", "plugins: [doors]\nseed: 7\ntrainer: {epochs: 3}")
    config = compose("model=dense_door")
    assert (config.seed, config.trainer.epochs, config.data.name, config.plugins) == (7, 3, "sine", ["doors"])
    assert compose("experiment=airline_lstm").trainer.epochs == 1000


def test_a_page_with_choices_stands_alone() -> None:
    write("conf/config", "defaults: [_self_, data: ramp, model: gru, optimizer: sgd]")
    config = compose()
    assert (config.data.name, config.model.name) == ("ramp", "gru")


@pytest.mark.fault("I4")
def test_check_imports_nothing_and_says_what_it_has_not_checked(capsys: pytest.CaptureFixture[str]) -> None:
    write("experiments/mine", NAMED)
    write("experiments/plain", "trainer: {epochs: 3}")
    code, out, _ = answer(capsys, "check", "experiments")
    assert code == 0
    assert f"mine: not checked: needs plugins ({ADVICE.format('doors')})" in out
    assert out.endswith("1 of 2 experiments are valid, 1 not checked\n")
    assert not imported()


def test_check_tells_other_mistakes_beside(capsys: pytest.CaptureFixture[str]) -> None:
    write("experiments/mine", NAMED)
    write("experiments/wrong", "trainer: {epochs: 0}")
    write("experiments/evil", "plugins: [doors]\nhydra: {mode: MULTIRUN}")
    code, out, _ = answer(capsys, "check", "experiments")
    assert code == 2
    assert "wrong:\n  trainer.epochs: 0 given" in out
    assert "evil:\n  hydra.mode: 'MULTIRUN' given by experiments/evil.yaml" in out
    assert out.endswith("0 of 3 experiments are valid, 1 not checked\n")


def test_check_checks_with_the_plugins_that_are_allowed(capsys: pytest.CaptureFixture[str]) -> None:
    write("experiments/mine", f"{NAMED}model: {{units: many}}")
    write("conf/config", "plugins: [doors]")
    code, out, _ = answer(capsys, "check", "experiments")
    assert code == 2
    assert "model.units: 'many' given; must be a valid integer" in out


@pytest.mark.fault("I4")
def test_show_shows_what_can_be_seen_without_plugins(capsys: pytest.CaptureFixture[str]) -> None:
    write("experiments/mine", "plugins: [doors]\ntrainer: {epochs: 3}")
    code, out, told = answer(capsys, "show", "experiment=mine")
    assert code == 0
    assert "epochs: 3" in out
    assert "rnnexp: not checked: needs plugins (plugins: doors named by a file" in told
    assert not imported()


def test_show_of_what_only_a_plugin_has_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    write("experiments/mine", NAMED)
    code, out, told = answer(capsys, "show", "experiment=mine")
    assert (code, out) == (2, "")
    assert "not checked: needs plugins (plugins: doors named by a file" in told
    assert "Could not find 'model/dense_door'" in told


@pytest.mark.fault("I4")
def test_explain_imports_nothing_that_an_experiment_names(capsys: pytest.CaptureFixture[str]) -> None:
    write("experiments/mine", NAMED)
    assert answer(capsys, "explain", "model.units")[0] == 0
    assert not imported()


def test_a_misspelled_choice_is_told_beside_a_plugin_that_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    write("experiments/mine", "plugins: [doors]")
    code, _, told = answer(capsys, "show", "experiment=mine", "trainer=slow")
    assert code == 2
    assert "plugins: doors named by a file" in told
    assert "trainer: `slow` is not one of default, quick" in told


def test_a_configuration_is_not_read_before_its_plugins_are_allowed() -> None:
    write("experiments/mine", "trainer: {epochs: 3}")
    mapping = {**plain_values(compose("experiment=mine")), "plugins": ["doors"]}
    with pytest.raises(PluginsNeeded, match="doors named by a file"):
        parse(mapping)
    load_plugins(["doors"])
    assert parse(mapping).plugins == ["doors"]


def test_a_refusal_says_the_same_after_it_has_crossed_a_process() -> None:
    needed = PluginsNeeded("doors", "others")
    assert str(pickle.loads(pickle.dumps(needed))) == str(needed)
    assert "plugins=[doors, others]" in str(needed)


@pytest.mark.parametrize("given", ["'${oc.env:NOT_SET_HERE}'", "['${oc.env:NOT_SET_HERE}']", "3"])
def test_what_is_no_list_of_names_is_a_mistake(capsys: pytest.CaptureFixture[str], given: str) -> None:
    write("experiments/mine", f"plugins: {given}")
    code, _, told = answer(capsys, "train", "experiment=mine")
    assert code == 2
    assert told.startswith("rnnexp: plugins")


@pytest.mark.parametrize("words", [["plugins=[doors]", "model=dense_door"], ["model.units", "plugins=doors"]])
def test_explain_knows_what_a_plugin_that_the_command_names_has(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    code, out, _ = answer(capsys, "explain", *words)
    assert code == 0
    assert "model.units   (dense_door)" in out
    assert "default  2" in out


def test_a_failure_in_a_plugin_names_its_file_line_and_function(capsys: pytest.CaptureFixture[str]) -> None:
    write("conf/config", "plugins: [doors]")
    Path("doors.py").write_text(CODE.replace("return None", "return {}['hinge']"))
    code, _, told = answer(capsys, "train", "model=dense_door", "data.points=60", "tracking=off")
    place = f"{Path('doors.py').resolve()}, line 10, in dense_door"
    assert code == 1
    assert "KeyError: 'hinge'" in told
    assert f"it comes from the plugin doors ({place}), not from rnnexp" in told


def test_a_job_of_a_sweep_names_it_too() -> None:
    from rnnexp.registry import list_plugins
    from rnnexp.sweeps.worker import failure

    Path("doors.py").write_text(CODE.replace("return None", "return {}['hinge']"))
    experiment = compose("plugins=[doors]", "model=dense_door")
    with pytest.raises(KeyError, match="hinge") as raised:
        experiment.model.build(None)
    assert "doors" in list_plugins()
    place = f"{Path('doors.py').resolve()}, line 10, in dense_door"
    assert failure(raised.value, 1.0).error == f"KeyError: 'hinge' ({place})"
