"""A sweep that was begun when its keys had other names goes on where it stopped, typed with those of today."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sweeping import Quick, run, space

from rnnexp.errors import ConfigError
from rnnexp.sweeps.definition import read_definition
from rnnexp.sweeps.state import Journal

pytestmark = pytest.mark.usefixtures("first_revisions")

LINES = ("data=sine", "data.points=60", "model=gru", "model.units=[2]", "trainer.epochs=1", "tracking=off")
SWEPT = ("data.unit=cm,kg", "model.patch_size=2,5")
# As the code before the keys were renamed has written them: the name of the folder and the hashes, too.
NAME = "sine-cc0b37"
SPACE = dict(line.split("=") for line in LINES) | {"data.units": "cm,kg", "model.segment": "2,5"}
RULES = {"repeats": 1, "sampler": "grid", "seed of the sampler": 0}
JOBS = {
    "885e44a8cf76": {"data.units": "cm", "model.segment": "2"},
    "cae2f0197aac": {"data.units": "cm", "model.segment": "5"},
    "a5bd3792bfb9": {"data.units": "kg", "model.segment": "2"},
    "29de6a20e58b": {"data.units": "kg", "model.segment": "5"},
}


def begun(place: Path, done: int, space: Mapping[str, str] = SPACE, rules: Mapping[str, Any] = RULES) -> Path:
    """Write what such a sweep has left, with the first so many of its jobs done."""
    folder = place / "runs" / "sweeps" / NAME
    (folder / "tables").mkdir(parents=True)
    (folder / "tables" / "trials.csv").write_text("job\n")
    kept = {"format": 1, "command": "rnnexp train -m", "space": space, "rules": rules}
    (folder / "sweep.json").write_text(json.dumps(kept))
    facts = {"objective": "best/val/loss", "direction": "minimize", "primary": ["test/rmse", False], "groups": False}
    events: list[dict[str, Any]] = [{"event": "facts", **facts}]
    for number, (digest, values) in enumerate(JOBS.items()):
        events.append({"event": "job", "job": number, "trial": number, "digest": digest, "values": values})
        if number < done:
            events.append({"event": "start", "job": number, "attempt": 1, "time": 0})
            events.append({"event": "end", "job": number, "status": "done", "value": 0.5 + number, "metrics": {}})
    (folder / "jobs.jsonl").write_text("".join(f"{json.dumps(event)}\n" for event in [*events, {"event": "closed"}]))
    return folder


@pytest.mark.parametrize(("done", "left"), [(4, []), (2, [2, 3])])
@pytest.mark.fault("H3")
def test_only_what_was_missing_is_run(quick: Quick, tmp_path: Path, done: int, left: list[int]) -> None:
    folder = begun(tmp_path, done)
    assert run(*LINES, *SWEPT) == folder
    assert [task.number for task in quick.tasks] == left


def test_the_keys_may_be_typed_in_another_order(quick: Quick, tmp_path: Path) -> None:
    folder = begun(tmp_path, 4)
    assert run(*LINES, *SWEPT[::-1]) == folder
    assert quick.tasks == []


def test_it_grows_too(quick: Quick, tmp_path: Path) -> None:
    folder = begun(tmp_path, 4)
    assert run(*LINES, "data.unit=cm,kg,t", SWEPT[1]) == folder
    assert [(task.number, task.mapping["data"]["unit"]) for task in quick.tasks] == [(4, "t"), (5, "t")]


def test_another_fixed_setting_is_another_sweep(quick: Quick, tmp_path: Path) -> None:
    begun(tmp_path, 4)
    with pytest.raises(ConfigError, match=r"data.points: was 60, now 61"):
        run(LINES[0], "data.points=61", *LINES[2:], *SWEPT)


def test_the_old_keys_are_no_longer_taken(quick: Quick, tmp_path: Path) -> None:
    begun(tmp_path, 4)
    with pytest.raises(
        ConfigError, match=r"data.units: is called data.unit now\n.*model.segment: is called model.patch"
    ):
        run(*LINES, "data.units=cm,kg", "model.segment=2,5")


def test_rules_speak_of_the_keys_of_today(tmp_path: Path) -> None:
    rules = {
        "zip": [["data.units", "model.segment"]],
        "exclude": [{"model": "gru", "model.segment": "2"}],
        "order": ["data.units", "seed"],
        "sampler": {"name": "tpe"},
    }
    found = read_definition(begun(tmp_path, 0, rules=rules))
    assert found.rules == {
        "zip": [["data.unit", "model.patch_size"]],
        "exclude": [{"model": "gru", "model.patch_size": "2"}],
        "order": ["data.unit", "seed"],
        "sampler": {"name": "tpe"},
    }
    assert list(found.space)[-2:] == ["data.unit", "model.patch_size"]


def test_a_journal_speaks_of_the_keys_of_today(tmp_path: Path) -> None:
    state = Journal(begun(tmp_path, 4) / "jobs.jsonl").state
    assert [job.values for job in state.jobs.values()][1] == {"data.unit": "cm", "model.patch_size": "5"}


@pytest.mark.parametrize("rule", [{"zip": ["data.unit", "model.segment"]}, {"exclude": [{"model.segment": 2}]}])
@pytest.mark.fault("F13")
def test_a_rule_with_an_old_key_is_answered_with_the_new_one(rule: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="`model.segment` is called model.patch_size now"):
        space(*SWEPT, **rule)
    assert space(*SWEPT, **json.loads(json.dumps(rule).replace("segment", "patch_size")))
