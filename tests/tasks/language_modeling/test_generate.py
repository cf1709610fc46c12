"""A trained language model writes, and says how surprising a text is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnexp as rx
from rnnexp.cli.main import main
from rnnexp.errors import ConfigError, DataError
from rnnexp.models import bundle
from rnnexp.models.sampling import Sampling
from rnnexp.tracking.pyfunc import Served

SCORES = np.log(np.array([0.5, 0.3, 0.15, 0.05]))


def test_temperature_sharpens_and_flattens() -> None:
    np.testing.assert_allclose(Sampling().probabilities(SCORES), np.exp(SCORES))
    np.testing.assert_allclose(Sampling(0.5).probabilities(SCORES), np.exp(SCORES) ** 2 / np.sum(np.exp(SCORES) ** 2))
    assert Sampling(0).probabilities(SCORES).tolist() == [1, 0, 0, 0]
    assert Sampling(2).probabilities(SCORES)[3] > 0.05
    assert Sampling(1e-320).probabilities(SCORES).tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize(
    ("settings", "kept"),
    [({"top_k": 2}, 2), ({"top_k": 9}, 4), ({"top_p": 0.5}, 1), ({"top_p": 0.6}, 2), ({"top_p": 1.0}, 4)],
)
def test_only_the_likeliest_tokens_are_drawn_from(settings: dict[str, float], kept: int) -> None:
    chances = Sampling(**settings).probabilities(SCORES)  # type: ignore[arg-type]
    assert (chances > 0).tolist() == [True] * kept + [False] * (4 - kept)
    assert chances.sum() == pytest.approx(1)
    np.testing.assert_allclose(chances[:kept], np.exp(SCORES[:kept]) / np.exp(SCORES[:kept]).sum())


def test_what_is_never_written_has_no_chance() -> None:
    assert Sampling(never=(0,)).probabilities(SCORES)[0] == 0
    assert Sampling(0, never=(0,)).probabilities(SCORES).argmax() == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": -1}, "temperature: `-1` is not a number from 0 to 100"),
        ({"temperature": float("nan")}, "temperature: `nan` is not a number from 0 to 100"),
        ({"top_k": -1}, "top_k: `-1` is not a whole number from 1 to 1e+09"),
        ({"top_p": 0.0}, "top_p: `0.0` is not a number from 1e-09 to 1"),
        ({"seed": 0.5}, "seed: `0.5` is not a whole number from 0"),
    ],
)
def test_settings_that_draw_nothing_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        Sampling(**settings)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> rx.RunResult:
    folder = tmp_path_factory.mktemp("alphabet")
    file = folder / "text.txt"
    file.write_text("abcdefg\n" * 150)
    store = (f"tracking.uri=sqlite:///{folder / 'mlflow.db'}", f"tracking.artifacts={folder / 'artifacts'}")
    lanes = ("data.sequence_length=8", "trainer.batch_size=10", "trainer.epochs=60", "optimizer.learning_rate=0.02")
    experiment = rx.compose("data=corpus", f"data.path={file}", "model=lstm", "model.units=[12]", *lanes, *store[:1],
                            "callbacks=checkpoints", "callbacks.checkpoints.every=30")  # fmt: skip
    (folder / "run").mkdir()
    return rx.run(experiment, folder / "run", quiet=True)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def test_it_goes_on_from_a_prompt(run: rx.RunResult, capsys: pytest.CaptureFixture[str]) -> None:
    written = said(capsys, "generate", str(run.run_dir), "--prompt", "abc", "--length", "13", "--temperature", "0")
    assert written == "abcdefg\nabcdefg\n\n"
    assert said(capsys, "generate", str(run.run_dir), "--length", "7", "--temperature", "0") == "abcdefg\n"


@pytest.mark.end_to_end
def test_a_prompt_may_end_within_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    Path("cats.txt").write_text("the cat sat\n" * 100)
    data = (
        "data=corpus",
        "data.path=cats.txt",
        "data.tokens=subword",
        "data.max_tokens=259",
        "data.sequence_length=13",
    )
    small = (
        "model=gru",
        "model.units=[16]",
        "trainer.batch_size=5",
        "trainer.epochs=30",
        "optimizer.learning_rate=0.02",
    )
    Path("cats").mkdir()
    rx.run(rx.compose(*data, *small, "tracking=off", "tracking.figures=false"), Path("cats"), quiet=True)
    cold = ("generate", "cats", "--temperature", "0", "--length")
    assert said(capsys, *cold, "6", "--prompt", "the c") == "the cat sat\n"
    assert said(capsys, *cold, "4", "--prompt", "the cat") == "the cat sat\n"
    assert said(capsys, *cold, "4", "--prompt", "the cat sat\n") == "the cat sat\nthe\n"


def test_a_seed_writes_the_same_text_again_and_another_one_another(
    run: rx.RunResult, capsys: pytest.CaptureFixture[str]
) -> None:
    hot = ("generate", str(run.run_dir), "--temperature", "3", "--length", "60", "--seed")
    assert said(capsys, *hot, "1") == said(capsys, *hot, "1")
    assert said(capsys, *hot, "1") != said(capsys, *hot, "2")
    only = said(capsys, *hot, "2", "--top-k", "1")
    assert only == said(capsys, *hot, "3", "--top-k", "1")


def test_a_text_can_be_written_into_a_file(run: rx.RunResult, capsys: pytest.CaptureFixture[str]) -> None:
    given = ("generate", str(run.run_dir), "--prompt", "ab", "--length", "5", "--temperature", "0")
    assert said(capsys, *given, "-o", "out.txt") == ""
    assert Path("out.txt").read_text() == "abcdefg\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--prompt", "abz☃"), '--prompt: the model does not know the characters "z", "☃": its 8 are those'),
        (("--temperature", "-1"), "`-1` is not a number from 0 to 100"),
        (("--length", "0"), "`0` is not a whole number from 1 to 1e+06"),
        (("--length", "2.5"), "`2.5` is not a whole number"),
        (("--temperature", "hot"), "`hot` is not a number from 0 to 100"),
        (("-o", "nowhere/out.txt"), "-o nowhere/out.txt: there is no folder nowhere"),
        (("--top-p", "2"), "`2` is not a number from 1e-09 to 1"),
    ],
)
def test_what_cannot_be_written_is_said(
    arguments: tuple[str, ...], message: str, run: rx.RunResult, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(["generate", str(run.run_dir), *arguments])
    except SystemExit as ended:
        code = int(str(ended.code))
    assert code in (2, 3)
    assert message in capsys.readouterr().err


def test_texts_are_scored(run: rx.RunResult, capsys: pytest.CaptureFixture[str]) -> None:
    Path("two.txt").write_text("abcdefg\ngfedcba\n")
    found = json.loads(said(capsys, "predict", str(run.run_dir), "two.txt", "--json"))
    usual, strange = found["rows"]
    assert (usual["example"], usual["tokens"]) == ("line 1", 7)
    assert usual["perplexity"] == pytest.approx(np.exp(usual["nats"]))
    assert usual["perplexity"] < 1.5 < strange["perplexity"]
    assert main(["predict", str(run.run_dir), "a"]) == 3
    assert "text: 1 token; at least 2 are needed" in capsys.readouterr().err


def test_its_own_test_part_has_the_score_of_the_run(run: rx.RunResult, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(said(capsys, "evaluate", str(run.run_dir), "--part", "test", "--json"))
    assert found["metrics"]["test/perplexity"] == pytest.approx(run.metrics["test/perplexity"], rel=1e-5)
    assert found["metrics"]["baseline/ngram/nats"] == pytest.approx(run.metrics["baseline/ngram/nats"])


def test_every_token_is_written_with_its_cost(run: rx.RunResult, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "evaluate", str(run.run_dir), "--part", "test", "-o", "tokens.json")
    costs = [row["nats"] for row in json.loads(Path("tokens.json").read_text())]
    assert np.mean(costs) == pytest.approx(run.metrics["test/nats"], rel=1e-5)
    assert np.std(costs) > 0


def test_another_text_is_scored_whole(run: rx.RunResult, capsys: pytest.CaptureFixture[str]) -> None:
    Path("other.txt").write_text("abcdefg\n" * 5)
    found = said(capsys, "evaluate", str(run.run_dir), "--data", "path=other.txt", "--json")
    values = json.loads(found)
    assert values["metrics"]["all/perplexity"] < 1.5
    assert {"baseline/ngram/perplexity", "skill/perplexity"} <= set(values["metrics"])
    assert any("about 100% of the text are in what the run was trained on" in note for note in values["notes"])
    Path("new.txt").write_text("gfedcba\n" * 5)
    values = json.loads(said(capsys, "evaluate", str(run.run_dir), "--data", "path=new.txt", "--json"))
    assert not any("was trained on" in note for note in values["notes"])


def test_mlflow_serves_the_surprise_and_the_continuation(run: rx.RunResult) -> None:
    import mlflow
    import pandas

    mlflow.set_tracking_uri(run.experiment.tracking.uri)
    served = mlflow.pyfunc.load_model(f"runs:/{run.run_id}/model")
    texts = pandas.DataFrame({"text": ["abcd", "dcba"]})
    found = served.predict(texts)
    assert list(found.columns) == ["text", "tokens", "nats", "perplexity"]
    assert found["nats"][0] < found["nats"][1]
    more = served.predict(texts, params={"length": 3, "temperature": 0.0})
    assert more["continuation"][0] == "efg"


def test_what_a_server_is_asked_is_checked_as_on_the_command_line(run: rx.RunResult) -> None:
    served = Served(bundle.load(Path(run.run_dir) / "model"))
    long = {"length": 3, "temperature": 0.0}
    one = served.predict(["a"], long)
    assert (one["continuation"][0], one["tokens"][0]) == ("bcd", 1)
    assert np.isnan(one["nats"][0])
    for params, message in (
        ({"length": -3}, "length: `-3` is not a whole number from 1"),
        ({"length": 3, "top_p": 0.0}, "top_p: `0.0` is not a number"),
        ({"temprature": 0.0}, "temprature: is no parameter; did you mean `temperature`?"),
    ):
        with pytest.raises(ConfigError, match=re.escape(message)):
            served.predict(["abc"], params)
    for text, asked, message in (
        ("abz", long, 'text 2: the model does not know the character "z": its 8 are those'),
        ("", long, "text 2: 0 tokens; give some text to continue"),
        ("a", {}, "text 2: 1 token; at least 2 are needed, the second is scored"),
    ):
        with pytest.raises(DataError, match=re.escape(message)):
            served.predict(["abc", text], asked)


def test_a_text_is_written_at_each_checkpoint_and_at_the_end(run: rx.RunResult) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(run.experiment.tracking.uri)
    names = {file.path for file in client.list_artifacts(run.run_id, "samples")}
    checkpoints = {folder.name for folder in (run.run_dir / "checkpoints").glob("epoch-*")}
    assert {"samples/final.txt", *(f"samples/{name}.txt" for name in checkpoints)} <= names
    assert len(checkpoints) > 1
    final = (run.run_dir / "samples" / "final.txt").read_text()
    assert final.count("abcdefg") > 20
    first = (run.run_dir / "samples" / f"{min(checkpoints)}.txt").read_text()
    assert first.count("abcdefg") <= final.count("abcdefg")


def test_a_forecaster_does_not_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sine").mkdir()
    light = ("tracking=off", "tracking.figures=false", "data.points=60", "trainer.epochs=1", "model.units=[2]")
    rx.run(rx.compose(*light), tmp_path / "sine", quiet=True)
    assert main(["generate", str(tmp_path / "sine")]) == 2
    assert "does not write texts: it takes rows; use rnnexp predict" in capsys.readouterr().err
