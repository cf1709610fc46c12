"""A key that is called otherwise now: whoever types the old one is told, what was stored under it is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from rnnexp import compose, register, registry
from rnnexp.cli.main import main
from rnnexp.config import renamed
from rnnexp.config.explain import explain
from rnnexp.config.identity import config_hash, legacy_hash
from rnnexp.config.parse import parse, plain_values
from rnnexp.config.settings import Experiment, Tracking
from rnnexp.errors import ConfigError
from rnnexp.sweeps.settings import Sweep

RENAMED = {
    "data.units": ("data.unit", "data=sine", "cm"),
    "model.segment": ("model.patch_size", "model=gru", 5),
    "data.most_pairs": ("data.max_pairs", "data=text_pairs data.path=a.tsv model=encoder_decoder", 7),
    "data.each": ("data.sample_by", "data=text_files data.path=a.txt", "line"),
    "data.between": ("data.label_separator", "data=audio_strings data.path=a model=gru", "x"),
    "model.pool": ("model.pool_size", "data=frames data.path=a model=cnn_rnn", 3),
    "data.skip": ("data.ignore_labels", "data=text_files data.path=a", "[no]"),
    "data.letters": ("data.alphabet_size", "data=selective_copying model=gru", 5),
    "model.skip": ("model.skip_connection", "data=sine", "true"),
    "trainer.steps_per_dispatch": ("trainer.steps_per_execution", "data=sine", 2),
    "trainer.grad_norm": ("trainer.log_grad_norm", "data=sine", "true"),
}
PRESET = {"data": "name: sine", "model": "name: gru"}


@pytest.fixture
def toys() -> Iterator[None]:
    """Forget, after a test, the components that it has registered."""
    kept = {kind: dict(found) for kind, found in registry._registered.items()}
    yield
    registry._registered.update(kept)


def test_every_key_that_says_how_it_was_called_is_known_here() -> None:
    assert renamed._former_keys() == {old: new for old, (new, _, _) in RENAMED.items()}


def test_keys_are_renamed_only_where_stored_ones_are_read() -> None:
    others = ("loss", "schedule", "callback", "metric")
    classes: list[Any] = [registry.lookup(kind, name) for kind in others for name in registry.names(kind)]
    for cls in (*classes, Experiment, Tracking, Sweep):
        assert (
            renamed.under_first_names(cls, dict.fromkeys(cls.__pydantic_fields__)).keys()
            == cls.__pydantic_fields__.keys()
        )
    csv: Any = registry.lookup("data", "csv")
    assert "units" in renamed.under_first_names(csv, dict.fromkeys(csv.__pydantic_fields__))


@pytest.mark.parametrize("form", ["{}={}", "+{}={}", "++{}={}", "~{}"])
@pytest.mark.parametrize("old", RENAMED)
@pytest.mark.fault("F13")
def test_an_old_key_on_the_command_line_is_answered_with_the_new_one(old: str, form: str) -> None:
    new, choice, value = RENAMED[old]
    with pytest.raises(ConfigError, match=f"^{old}: is called {new} now$"):
        compose(*choice.split(), form.format(old, value))
    compose(*choice.split(), f"{new}={value}")


@pytest.mark.parametrize("old", RENAMED)
@pytest.mark.parametrize("command", ["check", "train", "show"])
@pytest.mark.fault("F13")
def test_an_old_key_in_an_experiment_file_is_found_with_its_line(
    old: str, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new, choice, value = RENAMED[old]
    part, _, name = old.partition(".")
    words = dict(word.split("=") for word in choice.split())
    chosen = "".join(f"  - override /{group}: {option}\n" for group, option in words.items() if "." not in group)
    rest = f"  path: {words['data.path']}\n" if "data.path" in words else ""
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "mine.yaml").write_text(
        f"# @package _global_\ndefaults:\n{chosen}{part}:\n  {name}: {value}\n{rest}"
    )
    code = main([command, "experiments"] if command == "check" else [command, "experiment=mine"])
    told = capsys.readouterr()
    line = 4 + chosen.count("\n")
    assert code == 2
    assert f"{old}: is called {new} now (experiments/mine.yaml:{line})" in told.out + told.err


@pytest.mark.parametrize("old", ["data.units", "model.segment"])
@pytest.mark.fault("F13")
def test_an_old_key_in_a_preset_is_found_with_its_line(old: str, tmp_path: Path) -> None:
    part, _, name = old.partition(".")
    (tmp_path / "conf" / part).mkdir(parents=True)
    (tmp_path / "conf" / part / "own.yaml").write_text(f"{PRESET[part]}\n{name}: 3\n")
    with pytest.raises(ConfigError, match=rf"{old}: is called {RENAMED[old][0]} now \(conf/{part}/own.yaml:2\)"):
        compose(f"{part}=own")


@pytest.mark.parametrize("old", RENAMED)
def test_an_old_key_that_is_asked_for_is_explained_by_the_new_one(old: str) -> None:
    with pytest.raises(ConfigError, match=f"^{old}: is called {RENAMED[old][0]} now$"):
        explain(old)
    assert explain(RENAMED[old][0])


def test_a_component_without_the_key_says_who_has_it() -> None:
    with pytest.raises(
        ConfigError, match="model.segment: is called model.patch_size now; it belongs to model=cnn_lstm"
    ):
        compose("data=reverse_digits", "model=encoder_decoder", "model.segment=4")


@pytest.mark.parametrize("line", ["data.unit=${data.units}", "name=a-${model.segment}", "metrics=['${data.units}']"])
def test_a_reference_to_an_old_key_is_answered_with_the_new_one(line: str) -> None:
    with pytest.raises(
        ConfigError, match=r"(data.units is called data.unit|model.segment is called model.patch_size) now"
    ):
        compose(line)
    with pytest.raises(ConfigError, match="Interpolation key 'data.paht' not found"):
        compose("data.unit=${data.paht}")


def test_all_old_keys_are_told_together_with_other_mistakes() -> None:
    with pytest.raises(ConfigError) as caught:
        compose("data.units=cm", "model.segment=4", "seed=x", "data.path=3")
    assert {problem.partition(":")[0] for problem in caught.value.problems} == {
        *("data.units", "model.segment", "seed", "data.seed", "data.path")
    }


# As the code before the keys were renamed gave them: the hash, and the one over all values.
WRITTEN = {
    "data=sine data.points=60": ("1deb1148624a", "d32eec3b03b3"),
    "data=sine data.unit=cm data.points=60": ("7206df04be16", "b8b9856c7bb8"),
    "data=adding data.unit=sum model.patch_size=5": ("d05dd702a3ec", "29f7e0ea4bf2"),
    "data=corpus data.path=a.txt data.unit=bytes seed=4": ("f6643d17f21a", "045c3a8a0315"),
    "data=text_pairs data.path=a.tsv data.max_pairs=7 model=encoder_decoder": ("a3d01a5d520d", "21dc652f6f94"),
    "experiment=etth1_h24": ("9cc5ef9cbe17", "5f3eee033203"),
}


@pytest.mark.parametrize("line", WRITTEN)
@pytest.mark.usefixtures("first_revisions")
def test_a_key_that_is_renamed_changes_no_hash(line: str) -> None:
    experiment = compose(*line.split())
    assert (config_hash(experiment), legacy_hash(experiment)) == WRITTEN[line]
    assert config_hash(compose(*line.split(), "seed=5")) != WRITTEN[line][0]


def old_values(experiment: Experiment) -> dict[str, Any]:
    """Return a configuration as it was stored before its keys were renamed."""
    values = plain_values(experiment)
    for part in renamed.PARTS:
        values[part] = renamed.under_first_names(type(getattr(experiment, part)), values[part])
    return values


@pytest.mark.parametrize("line", WRITTEN)
@pytest.mark.fault("F13")
def test_a_stored_configuration_is_read_under_the_keys_of_today(line: str) -> None:
    experiment = compose(*line.split())
    stored = old_values(experiment)
    assert parse(renamed.current_values(stored)) == experiment
    with pytest.raises(ConfigError, match=r"data.units: is called data.unit now"):
        parse(stored)
    assert renamed.current_values(plain_values(experiment)) == plain_values(experiment)


def test_stored_parameters_are_read_under_the_keys_of_today() -> None:
    names = {"data.name": "csv", "model.name": "gru", "model.units": "[3]"}
    stored = {**names, "data.units": "cm", "model.segment": "2", "trainer.grad_norm": "True"}
    now = {**names, "data.unit": "cm", "model.patch_size": "2", "trainer.log_grad_norm": "True"}
    assert renamed.current_keys(stored) == now == renamed.current_keys(now)
    assert renamed.first_keys(now) == list(stored)


def test_a_component_of_the_users_own_keeps_a_key_of_the_old_name(toys: None) -> None:
    @register("model")
    def sliced(spec: Any, segment: int = 3) -> Any: ...

    @register("data")
    def drawn(units: int = 3) -> Any: ...

    experiment = compose("model=sliced", "model.segment=4", "data=drawn", "data.units=5")
    values = plain_values(experiment)
    assert (values["model"]["segment"], values["data"]["units"]) == (4, 5)
    assert parse(renamed.current_values(values)) == experiment
    params = {"model.name": "sliced", "model.segment": "4"}
    assert renamed.current_keys(params) == params
    with pytest.raises(ConfigError, match="model.segment: is called model.patch_size now"):
        compose("model=gru", "model.segment=4")


def test_a_component_of_the_users_own_that_overrides_the_old_name_is_told(toys: None) -> None:
    @register("data")
    def measured(units: str = "cm") -> Any: ...

    with pytest.raises(ConfigError, match="data.unit: the component still calls it `units`; rename its field"):
        compose("data=measured")

    @register("data")
    def weighed(unit: str = "kg") -> Any: ...

    assert compose("data=weighed").data.unit == "kg"


def test_what_is_stored_of_an_unknown_component_stays_readable() -> None:
    stored: Mapping[str, Any] = {"data": {"name": "gone", "units": "cm"}, "model": None, "plugins": ["gone"]}
    assert renamed.current_values(stored) == {**stored, "data": {"name": "gone", "unit": "cm"}}
