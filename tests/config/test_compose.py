"""Composition: what wins over what, and what is left behind."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from rnnexp import registry
from rnnexp.config import places, source
from rnnexp.config.compose import compose, compose_mapping
from rnnexp.config.flat import flat_params, run_name
from rnnexp.config.identity import config_hash
from rnnexp.config.schema import GROUPS, experiment_schema, group_schema

CONF = Path(__file__).parents[2] / "conf"
EXPERIMENTS = Path(__file__).parents[2] / "experiments"
# The files that choose a component or change the fields of one.
PRESETS = {
    f"{file.parent.name}/{file.stem}": file
    for file in CONF.glob("*/*.yaml")
    if file.parent.name != "callbacks" and "@package" not in file.read_text()
}
ON_PURPOSE = {"trainer/quick", "tracking/off"}  # differ from the defaults


@pytest.mark.parametrize("name", sorted(f.stem for f in EXPERIMENTS.glob("*.yaml")))
def test_every_shipped_experiment_is_valid(name: str) -> None:
    assert compose(f"experiment={name}").name == name


def test_the_command_line_wins_over_the_experiment() -> None:
    experiment = compose("experiment=airline_lstm", "model=gru", "trainer.epochs=7")
    assert (experiment.model.name, experiment.trainer.epochs) == ("gru", 7)


def test_the_experiment_wins_over_the_presets() -> None:
    assert compose("experiment=airline_lstm").trainer.epochs == 1000


def test_the_working_directory_wins_over_the_shipped_files(tmp_path: Path) -> None:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "airline_lstm.yaml").write_text("trainer:\n  epochs: 3\n")
    assert compose("experiment=airline_lstm").trainer.epochs == 3


def test_a_group_file_of_the_working_directory_is_a_choice(tmp_path: Path) -> None:
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "wide.yaml").write_text("name: lstm\nunits: [256]\n")
    assert compose("model=wide").model.units == [256]


def test_a_plugin_module_adds_a_model_in_one_function(tmp_path: Path) -> None:
    (tmp_path / "my_models.py").write_text(
        "from rnnexp.registry import register\n\n"
        "@register('model')\n"
        "def tiny_compose(spec, units: int = 50):\n    return None\n"
    )
    assert compose("plugins=[my_models]", "model=tiny_compose", "model.units=3").model.units == 3


def test_data_follow_the_experiments_seed() -> None:
    assert compose("seed=7").data.seed == 7


def test_data_may_have_a_seed_of_their_own() -> None:
    assert compose("seed=7", "data.seed=1").data.seed == 1


def test_composing_leaves_no_global_hydra_state() -> None:
    compose("seed=3")
    assert not GlobalHydra.instance().is_initialized()


def test_composing_is_reentrant() -> None:
    first, second = compose("model.units=[8]"), compose("model.units=[9]")
    assert (first.model.units, second.model.units) == ([8], [9])


def test_a_callback_is_named_by_its_key() -> None:
    experiment = compose("callbacks.early_stopping.patience=3")
    assert experiment.callbacks["early_stopping"].patience == 3


def test_a_loss_is_chosen_like_any_group() -> None:
    assert compose("loss=huber", "loss.delta=2.0").loss.delta == 2.0


@pytest.mark.parametrize("name", sorted(PRESETS.keys() - ON_PURPOSE))
def test_what_a_preset_repeats_is_the_default(name: str) -> None:
    written = OmegaConf.to_container(OmegaConf.load(PRESETS[name]))
    assert repeated(source.defaults(name), written) == written


@pytest.mark.parametrize("name", sorted(ON_PURPOSE))
def test_what_is_to_differ_from_the_defaults_does(name: str) -> None:
    written = OmegaConf.to_container(OmegaConf.load(PRESETS[name]))
    assert repeated(source.defaults(name), written) != written


def repeated(defaults: dict[str, Any], written: dict[str, Any]) -> dict[str, Any]:
    """Return the defaults of the keys that a preset writes, within mappings too."""
    return {
        key: repeated(defaults[key], value) if isinstance(value, dict) else defaults[key]
        for key, value in written.items()
    }


def test_a_preset_that_drifts_would_be_found() -> None:
    assert source.defaults("model/lstm")["units"] != [65]
    drifted = {"split": {"train": 0.8, "val": 0.15}}
    assert repeated(source.defaults("data/ts"), drifted) == {"split": {"train": 0.7, "val": 0.15}} != drifted


def test_composition_shows_every_default() -> None:
    mapping = compose_mapping([])
    assert set(mapping["model"]) == set(registry.lookup("model", "lstm").__pydantic_fields__)


@pytest.mark.parametrize("group", [group for group in GROUPS if (CONF / group).is_dir()])
def test_the_schema_beside_a_group_is_the_one_printed(group: str) -> None:
    beside = json.loads((CONF / group / "schema.json").read_text())
    assert beside == json.loads(json.dumps(group_schema(group), default=str))


@cache
def _schema(file: Path) -> dict[str, object]:
    """Read a schema, or the one that it names in its place, as editors do."""
    found: dict[str, object] = json.loads(file.read_text())
    return _schema(file.parent / str(found["$ref"])) if "$ref" in found else found


@pytest.mark.parametrize("folder", [CONF, EXPERIMENTS], ids=["conf", "experiments"])
def test_the_schema_of_experiments_is_the_one_printed(folder: Path) -> None:
    assert _schema(folder / "schema.json") == json.loads(json.dumps(experiment_schema(), default=str))


OURS = [file for file in CONF.rglob("*.yaml") if "hydra" not in file.parts]  # Hydra's own groups have no schema


@pytest.mark.parametrize("file", sorted([*OURS, *EXPERIMENTS.glob("*.yaml")]), ids=lambda f: f.stem)
def test_every_shipped_file_obeys_the_schema_its_first_line_names(file: Path) -> None:
    first = file.read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    _make_validator((file.parent / first.partition("=")[2]).resolve()).validate(
        OmegaConf.to_container(OmegaConf.load(file))
    )


@cache
def _make_validator(schema: Path) -> Any:
    """Check a schema once, for all files that name it."""
    import jsonschema

    found = _schema(schema)
    made = jsonschema.validators.validator_for(found)
    made.check_schema(found)
    return made(found)


def test_a_file_with_a_misspelled_key_breaks_the_schema() -> None:
    import jsonschema

    with pytest.raises(jsonschema.ValidationError, match="unit"):
        jsonschema.validate({"name": "lstm", "unit": [3]}, group_schema("model"))


def test_no_preset_names_a_structured_config_of_hydra() -> None:
    from hydra.core.config_store import ConfigStore

    stored = {node for node in ConfigStore.instance().repo if node != "hydra"}
    assert stored & {folder.name for folder in CONF.iterdir()} == set()


def test_parameters_are_dotted_and_unset_ones_left_out() -> None:
    params = flat_params(compose("model.units=[64,32]"))
    assert params["model.units"] == "[64,32]"
    assert "optimizer.clipnorm" not in params


def test_the_hash_ignores_names_and_tracking_but_not_the_seed() -> None:
    plain, renamed, reseeded = compose(), compose("name=other", "tracking=off"), compose("seed=1")
    assert config_hash(plain) == config_hash(renamed) != config_hash(reseeded)


def test_a_run_name_is_readable() -> None:
    assert run_name(compose("model.units=[64,32]"), "a1b2c3") == "lstm-u64x32-lr1e-3-s0-a1b2"


def test_option_names_are_distinct_in_their_first_ten_characters() -> None:
    for kind in ("data", "model", "optimizer", "schedule", "loss"):
        names = registry.names(kind)
        assert len({name[:10] for name in names}) == len(names)


@pytest.mark.fault("I5")
def test_a_path_cannot_leave_the_configuration_folders(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "secret.yaml").write_text("name: lstm\n")
    assert places.find("../secret") is None


@pytest.mark.parametrize("name", registry.names("executor"))
def test_a_launchers_file_repeats_the_defaults_of_its_settings(name: str) -> None:
    from rnnexp.sweeps.launcher import read_launcher

    written = dict(yaml.safe_load((CONF / "hydra" / "launcher" / f"{name}.yaml").read_text()))
    problems: list[str] = []
    assert (read_launcher(written, problems), problems) == (registry.lookup("executor", name)(), [])


def test_the_sweepers_file_shows_every_setting_with_its_default() -> None:
    from rnnexp.sweeps.settings import Sweep, read_sweep

    written = dict(yaml.safe_load((CONF / "hydra" / "sweeper" / "rnnexp.yaml").read_text()))
    problems: list[str] = []
    assert (read_sweep(written, problems), problems) == (Sweep(), [])
    assert set(written) - {"_target_"} == set(Sweep.__dataclass_fields__)


def cut_alike(group: str) -> list[str]:
    """Return the options of a group that MLflow's parallel coordinates, which cut at ten characters, would merge."""
    names = source.options(group)
    return sorted(name for name in names if sum(other[:10] == name[:10] for other in names) > 1)


@pytest.mark.parametrize("group", [*source.COMPONENT_GROUPS, "trainer", "callbacks", "tracking"])
def test_options_stay_distinct_in_their_first_ten_characters(group: str) -> None:
    assert cut_alike(group) == []


def test_names_that_would_be_merged_are_found() -> None:
    merged = set(cut_alike("experiment"))  # an experiment's name is no parameter, so never an axis
    assert {"airline_lstm", "airline_lstm_sequence"} <= merged
