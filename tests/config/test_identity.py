"""A configuration is known by what it chooses, so that a sweep can be resumed with a later version.

`python tests/config/test_identity.py` writes `defaults.json` anew after a setting was added or a revision raised, and
`experiments.json`, by what each shipped experiment is known.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from rnnexp import compose, register, registry
from rnnexp.config.identity import config_hash, legacy_hash
from rnnexp.config.settings import SINCE, Experiment, Tracking, Trainer
from rnnexp.config.source import default_values

DEFAULTS, EXPERIMENTS = (Path(__file__).with_name(name) for name in ("defaults.json", "experiments.json"))
SHIPPED = Path(__file__).parents[2] / "experiments"
KINDS = ("data", "model", "loss", "schedule", "callback", "metric")  # an optimizer's defaults are those of Keras


def stated() -> dict[str, Any]:
    """Return revision and defaults of every settings class of ours."""
    named = {f"{kind}.{name}": registry.lookup(kind, name) for kind in KINDS for name in registry.names(kind)}
    classes = {"experiment": Experiment, "trainer": Trainer, "tracking": Tracking, **named}
    plain = {key: {"revision": registry.revision(cls), "defaults": default_values(cls)} for key, cls in classes.items()}
    told: dict[str, Any] = json.loads(json.dumps(plain, default=str))
    return told


def unsaid(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the defaults that have changed under the same revision."""
    return [
        f"{key}.{name}"
        for key in before.keys() & now.keys()
        for name, value in before[key]["defaults"].items()
        if now[key]["revision"] == before[key]["revision"] and now[key]["defaults"].get(name, value) != value
    ]


def shipped(names: Iterable[str]) -> dict[str, str]:
    """Return by what the configuration of each shipped experiment is known."""
    return {name: config_hash(compose(f"experiment={name}")) for name in names}


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the experiments that are there no more, are new, or compute something else."""
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


def test_shipped_experiments_compute_what_their_results_were_measured_with() -> None:
    names = sorted(file.stem for file in SHIPPED.glob("*.yaml"))
    different = changed(json.loads(EXPERIMENTS.read_text()), shipped(names))
    assert different == [], "if that is meant, measure them again, then: python tests/config/test_identity.py"


def test_an_experiment_that_changes_is_named() -> None:
    before = shipped(["airline_lstm", "sine_gru"])
    assert changed(before, before) == []
    other = config_hash(compose("experiment=sine_gru", "trainer.batch_size=31"))
    assert changed(before, {"airline_lstm": before["airline_lstm"], "sine_gru": other}) == ["sine_gru"]
    assert changed(before, {"sine_gru": before["sine_gru"]}) == ["airline_lstm"]


def test_a_default_is_changed_only_together_with_the_revision_of_its_component() -> None:
    assert unsaid(json.loads(DEFAULTS.read_text()), stated()) == []


def test_a_default_that_changed_in_silence_would_be_found() -> None:
    before = json.loads(DEFAULTS.read_text())
    before["model.lstm"]["defaults"]["units"] = [7]
    assert unsaid(before, stated()) == ["model.lstm.units"]


def test_what_is_stated_of_the_defaults_is_whole() -> None:
    before, now = json.loads(DEFAULTS.read_text()), stated()
    assert before == now, "state the new settings: python tests/config/test_identity.py"


def model(revision: int = 1, **fields: Any) -> None:
    """Register a model `toy` with these fields and their defaults."""
    cls = type("toy", (), {"__annotations__": {}, "__module__": "plugin"})
    cls.__annotations__ = {"name": str} | {name: int for name in fields}
    cls.name = "toy"  # type: ignore[attr-defined]
    for name, value in fields.items():
        setattr(cls, name, value)
    cls.build = lambda self, spec: None  # type: ignore[attr-defined]
    register("model", revision=revision)(cls)


def test_a_setting_that_is_added_with_a_default_changes_no_hash() -> None:
    model(units=3)
    before = compose("model=toy"), compose("model=toy", "model.units=4")
    hashes = [config_hash(one) for one in before], [legacy_hash(one) for one in before]
    model(units=3, width=Field(5, json_schema_extra={SINCE: "0.2"}))
    after = compose("model=toy"), compose("model=toy", "model.units=4")
    assert ([config_hash(one) for one in after], [legacy_hash(one) for one in after]) == hashes
    assert config_hash(compose("model=toy", "model.width=6")) not in hashes[0]
    assert hashes[0][0] != hashes[0][1]


def test_a_changed_default_changes_the_hash_of_who_takes_it_as_its_revision_is_raised() -> None:
    model(units=3)
    before = config_hash(compose("model=toy"))
    model(revision=2, units=4)
    assert config_hash(compose("model=toy")) != before


def test_what_is_written_out_and_equals_the_default_is_the_same_configuration() -> None:
    assert config_hash(compose()) == config_hash(compose("trainer.epochs=100", "model.units=[64]"))
    assert config_hash(compose()) != config_hash(compose("trainer.epochs=101", "model.units=[64]"))


def test_a_default_of_one_component_is_not_taken_for_the_choice_of_another() -> None:
    lines = ("model=lstm", "model=gru", "data=sine", "data=ramp", "seed=3")
    hashes = {config_hash(compose(line)) for line in lines}
    assert len(hashes) == 4  # the first and the third choose what is chosen anyway


# As the rule over all values gave them; journals of that time hold such hashes.
WRITTEN = {
    "": "a3e2f3876409",
    "experiment=airline_lstm": "d6fdd8ed602b",
    "model=gru model.units=[8] seed=3": "33febb08f750",
    "experiment=cell_comparison_airline": "da3886d53e2a",
    "experiment=ptb_best": "985ec2aaeba1",
    "callbacks.early_stopping.patience=7 schedule=cosine": "6d2b1a8c411a",
    "experiment=tatoeba_seq2seq": "2c264e5d13b4",
    "optimizer=sgd optimizer.momentum=0.9 loss=huber": "d7382d82faff",
}


@pytest.mark.parametrize("line", WRITTEN)
@pytest.mark.usefixtures("first_revisions")
def test_older_journals_know_their_jobs(line: str) -> None:
    experiment = compose(*line.split())
    assert legacy_hash(experiment) == WRITTEN[line] != config_hash(experiment)


def test_a_job_of_an_older_journal_whose_arithmetic_has_changed_is_another_one() -> None:
    model(revision=2, units=3)
    assert legacy_hash(compose("model=toy")) is None


def test_jobs_of_lstm_and_gru_are_others_since_their_gradients_are_computed_by_hand() -> None:
    for name in ("lstm", "gru", "encoder_decoder", "cnn_lstm", "lstm_fcn"):
        assert registry.revision(registry.lookup("model", name)) == 2
    assert registry.revision(registry.lookup("model", "simple_rnn")) == 1
    assert legacy_hash(compose()) is None


if __name__ == "__main__":
    found = shipped(sorted(file.stem for file in SHIPPED.glob("*.yaml")))
    EXPERIMENTS.write_text(json.dumps(found, indent=1) + "\n")
    DEFAULTS.write_text(json.dumps(stated(), indent=1, sort_keys=True) + "\n")
