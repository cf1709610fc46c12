"""Two runs side by side: only what differs, values compared as YAML."""

from __future__ import annotations

import json
from math import nan

import pytest
from sweep_maker import Made

from rnnexp.cli.main import main
from rnnexp.compare.difference import Pair, difference, pairs
from rnnexp.errors import ConfigError
from rnnexp.tracking import find
from rnnexp.tracking.store import artifact_root, open_store


def test_only_what_differs_is_shown(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    """Job 0 is a gru with rate 0.01 and seed 0, job 9 an lstm with rate 0.01 and seed 1."""
    a, b = made.children[0][0], made.children[9][0]
    assert main(["diff", a, b, "--uri", made.uri, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["config"] == {
        "seed": {"a": 0, "b": 1},
        "data.seed": {"a": 0, "b": 1},
        "model.name": {"a": "gru", "b": "lstm"},
        "model.unit_forget_bias": {"a": None, "b": True},  # which a gru does not have
    }
    assert found["data"] == {"data_digest": {"a": "digest-0", "b": "digest-1"}}
    assert found["code"] == found["versions"] == found["ending"] == {}
    assert found["metrics"]["test/rmse"]["b"] > found["metrics"]["test/rmse"]["a"]
    assert "baseline/linear/rmse" not in found["metrics"]


def test_the_text_has_one_column_for_each_run_and_names_what_is_the_same(
    made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", made.children[0][0], made.children[9][0], "--uri", made.uri]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "gru-0 (" in lines[0]
    assert "lstm-9 (" in lines[0]
    (rmse,) = [line.split() for line in lines if line.startswith("test/rmse")]
    assert rmse == ["test/rmse", "0.11", "0.166", "+0.056"]
    assert lines[-1] == "the same: code, versions, ending"


def test_a_run_does_not_differ_from_itself(made: Made) -> None:
    run = find.run(made.uri, made.children[0][0])
    assert not any(difference(made.uri, run, run).values())


def test_values_are_compared_as_numbers_not_as_text() -> None:
    assert pairs({"a": 1, "b": 1e-3, "c": nan}, {"a": 1.0, "b": 0.001, "c": nan}) == []
    assert pairs({"a": 1}, {"a": True}) == [Pair("a", 1, True)]
    assert pairs({"a": [64]}, {}) == [Pair("a", [64], None)]


def test_the_code_of_two_dirty_runs_is_told_apart_by_its_changes(store: str) -> None:
    client = open_store(store)
    tags = {"rnnexp.version": "0", "mlflow.source.git.commit": "abc", "mlflow.source.git.dirty": "true"}
    experiment = client.create_experiment("dirty", artifact_root(store, "dirty"))
    ids = [client.create_run(experiment, tags=tags).info.run_id for _ in range(2)]
    for run_id, text in zip(ids, ("-a\n", "-a\n+b\n")):
        client.log_text(run_id, text, "git.diff")
    found = difference(store, *(find.run(store, run_id) for run_id in ids))
    assert [pair.key for pair in found["code"]] == ["git.diff"]
    assert str(found["code"][0].b).startswith("2 lines, sha256 ")
    client.delete_experiment(experiment)


def test_runs_are_found_by_id_beginning_and_name(made: Made) -> None:
    run_id = made.children[9][0]
    assert {find.run(made.uri, text).run_id for text in (run_id, run_id[:10], "lstm-9")} == {run_id}


def test_last_is_the_latest_run_that_has_finished_and_no_sweep(made: Made) -> None:
    found = find.run(made.uri, "last")
    assert found.started == max(run.started for run in find.finished_runs(made.uri))
    assert found.run_id != made.run_id


def test_an_unknown_run_is_answered_with_the_nearest_name(made: Made) -> None:
    with pytest.raises(ConfigError, match=r"there is no run `lstm-99`; did you mean `lstm-\d+`\?"):
        find.run(made.uri, "lstm-99")


def test_a_beginning_of_several_runs_is_refused(made: Made) -> None:
    ids = [run_id for runs in made.children.values() for run_id in runs]
    letter = next(first for first in "0123456789abcdef" if sum(run_id.startswith(first) for run_id in ids) > 1)
    with pytest.raises(ConfigError, match=f"`{letter}` is the beginning of"):
        find.run(made.uri, letter)
