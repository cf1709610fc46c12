"""A run's model gets a name, a version and an alias, and is found by them; what an alias led to stays known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import rnnexp as rx
from rnnexp.cli.main import main

WORDS = ("data=sine", "data.points=60", "model.units=[2]", "trainer.epochs=1", "tracking.figures=false")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[rx.RunResult]]:
    folder = tmp_path_factory.mktemp("registered")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return folder, [rx.run(rx.compose(*WORDS, f"seed={seed}")) for seed in (0, 1)]


@pytest.fixture
def runs(project: tuple[Path, list[rx.RunResult]], monkeypatch: pytest.MonkeyPatch) -> list[rx.RunResult]:
    monkeypatch.chdir(project[0])
    return project[1]


def answer(capsys: pytest.CaptureFixture[str], *words: object, code: int = 0) -> str:
    capsys.readouterr()
    assert main([*map(str, words)]) == code
    told = capsys.readouterr()
    return told.err if code else told.out


def test_an_alias_moves_and_its_history_stays(runs: list[rx.RunResult], capsys: pytest.CaptureFixture[str]) -> None:
    first, second = runs
    told = answer(capsys, "register", first.run_id, "demand", "--alias", "champion")
    assert "registered as version 1 of demand" in told
    assert "rnnexp predict models:/demand@champion" in told
    by_run = [answer(capsys, "predict", one.run_id, "--json") for one in runs]
    assert by_run[0] != by_run[1]
    assert answer(capsys, "predict", "models:/demand@champion", "--json") == by_run[0]

    assert "before to version 1" in answer(capsys, "register", second.run_id, "demand", "--alias", "champion")
    assert answer(capsys, "predict", "models:/demand@champion", "--json") == by_run[1]
    assert answer(capsys, "predict", "models:/demand/1", "--json") == by_run[0]
    assert answer(capsys, "predict", "models:/demand", "--json") == by_run[1]

    again = json.loads(answer(capsys, "register", second.run_id, "demand", "--alias", "champion", "--json"))
    assert (again["version"], again["is_new"], again["before"]) == (2, False, None)
    assert list(again["history"].values()) == [f"version 1, run {first.run_id}", f"version 2, run {second.run_id}"]
    assert list(again["history"]) == sorted(again["history"])

    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{Path('mlflow.db').absolute()}")
    assert client.get_model_version_by_alias("demand", "champion").run_id == second.run_id

    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{Path('mlflow.db').absolute()}")
    try:
        loaded = mlflow.pyfunc.load_model("models:/demand@champion")
    finally:
        mlflow.set_tracking_uri(None)
    assert loaded.metadata.run_id == second.run_id


@pytest.mark.parametrize("text", ["named", "named@best"])
def test_a_name_without_its_scheme_is_answered_with_the_address(
    text: str, runs: list[rx.RunResult], capsys: pytest.CaptureFixture[str]
) -> None:
    answer(capsys, "register", runs[1].run_id, "named", "--alias", "best")
    told = f"there is no run `{text}`: that is a registered model; give models:/{text}\n"
    for command in ("predict", "show", "logs"):
        assert told in answer(capsys, command, text, code=2)
    for command in ("predict", "show", "logs"):
        assert "registered model" not in answer(capsys, command, "named-not", code=2)


def test_a_registered_model_stands_for_its_run(runs: list[rx.RunResult], capsys: pytest.CaptureFixture[str]) -> None:
    answer(capsys, "register", runs[1].run_id, "shown", "--alias", "best")
    for command in (["show"], ["best"], ["reproduce", "--dry-run"], ["diff", runs[0].run_id], ["logs"]):
        by_model = answer(capsys, *command, "models:/shown@best")
        assert by_model == answer(capsys, *command, runs[1].run_id)
        assert by_model != answer(capsys, *command, runs[0].run_id)
        assert "shown has no alias `other`" in answer(capsys, *command, "models:/shown@other", code=2)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("models:/nobody", "there is no registered model `nobody`"),
        ("models:/known@nobody", "known has no alias `nobody`; it has best"),
        ("models:/known/7", "known has no version 7; it has 1"),
        ("models:/known/one", "must be models:/NAME@ALIAS"),
        ("models:/@best", "must be models:/NAME@ALIAS"),
        ("models:/known/1@best", "must be models:/NAME@ALIAS"),
        ("models:/", "must be models:/NAME@ALIAS"),
    ],
)
def test_an_address_that_leads_nowhere_says_what_there_is(
    runs: list[rx.RunResult], address: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(capsys, "register", runs[0].run_id, "known", "--alias", "best")
    assert said in answer(capsys, "predict", address, code=2)


@pytest.mark.parametrize(
    "words",
    [["de/mand"], [""], ["a:b"], ["a@b"], ["a", "--alias", "v3"], ["a", "--alias", "latest"], ["a", "--alias=1b"]],
)
def test_names_that_no_address_could_lead_to_are_refused(
    words: list[str], runs: list[rx.RunResult], capsys: pytest.CaptureFixture[str]
) -> None:
    assert " given; must" in answer(capsys, "register", runs[0].run_id, *words, code=2)


def test_a_run_without_a_model_cannot_be_registered(
    runs: list[rx.RunResult], capsys: pytest.CaptureFixture[str]
) -> None:
    bare = rx.run(rx.compose(*WORDS, "tracking.log_model=false"))
    assert "has no model that could be registered" in answer(capsys, "register", bare.run_id, "demand", code=2)


def test_the_model_of_a_store_that_is_not_the_default_is_registered(
    runs: list[rx.RunResult], project: tuple[Path, list[rx.RunResult]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = f"sqlite:///{project[0] / 'mlflow.db'}"
    assert main(["register", runs[0].run_id, "elsewhere", "--uri", store]) == 0
    from mlflow import MlflowClient

    (version,) = MlflowClient(store).search_model_versions("name='elsewhere'")
    assert version.run_id == runs[0].run_id
    assert (tmp_path / "mlflow.db").exists() is False
