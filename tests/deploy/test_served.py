"""A logged model says what the command line says: the same numbers, or the same sentence, for the same input."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnexp.cli.main import main
from rnnexp.errors import ConfigError, RnnexpError
from rnnexp.models import bundle, exporter
from rnnexp.tasks.forecasting.row_frames import OWN_WAY
from rnnexp.tracking import model as tracked
from tests.fuzz import models


@cache
def logged(kind: str) -> Any:
    """Load a model as MLflow does, from what is logged."""
    folder = models.saved(kind).folder.parent / "logged"
    about = SimpleNamespace(artifact_location=folder.as_uri(), source_run_id="a" * 32, model_id="m-1")
    bundle, added = models.saved(kind).folder / "model", folder.with_name("added")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns of its own type hints while it is imported
        from mlflow.pyfunc import load_model

        tracked.save_model(added, bundle, (models.saved(kind).question, None))
        tracked.SavedModel(bundle, added, {}, []).upload("", about)
        return load_model(str(folder))


def invoked(kind: str, body: str, content_type: str) -> Any:
    """Answer a request as the scoring server does, without one."""
    from mlflow.pyfunc.scoring_server import invocations

    found = logged(kind)
    return json.loads(invocations(body, content_type, found, found.metadata.get_input_schema()).response)["predictions"]


def command(capsys: pytest.CaptureFixture[str], kind: str, *words: str) -> list[dict[str, Any]] | str:
    """Return the rows that `rnnexp predict` gives, or what it says."""
    code = main(["predict", str(models.saved(kind).folder), *words, "--json"])
    out, err = capsys.readouterr()
    return json.loads(out)["rows"] if code == 0 else plain(err)


def served(kind: str, question: Any, call: Callable[[str, Any], Any] | None = None) -> pd.DataFrame | str:
    try:
        return pd.DataFrame(call(kind, question) if call else logged(kind).predict(question))
    except RnnexpError as error:
        return plain(str(error))


def plain(text: str) -> str:
    """Return a sentence without what tells a file from a table: its name, the numbers of its lines, its header."""
    text = re.sub(r"^rnnexp: |Failed to predict data '.*'\. \nError: |; --data time=NAME .*", "", text, flags=re.S)
    text = re.sub(r"\. Read it with 'data\.na=.*", "", text)  # a number of a table in memory is none of its texts
    text = re.sub(r"\S*given\.\w+", "the rows", text).removeprefix("the rows: ").strip()
    text = re.sub(
        r"\b(lines?|rows?|text|sequence|example)(?: \d+|(?=: 1 token))(, \d+)*( and \d+ more)?", "PLACE", text
    )
    return re.sub(r'\d+ (?=")|: there is nothing below the header.*', "", text)


ROWS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "as it is": lambda rows: rows,
    "dates": lambda rows: rows.assign(ds=pd.to_datetime(rows["ds"])),
    "other columns first": lambda rows: rows[rows.columns[::-1]],
    "a column more": lambda rows: rows.assign(remark="none", sold_before=1),
    "whole numbers": lambda rows: rows.assign(sold=(rows["sold"] * 10).round().astype("Int64")),
    "few rows": lambda rows: rows.groupby("shop").tail(9),
    "one series": lambda rows: rows[rows["shop"] == "north"],
    "too few rows": lambda rows: rows.groupby("shop").tail(7),
    "nothing ahead": lambda rows: rows[rows["sold"].notna()],
    "a day is missing": lambda rows: rows.drop(index=20),
    "a day twice": lambda rows: pd.concat([rows[:20], rows[19:]]),
    "not in order": lambda rows: rows[::-1],
    "another series": lambda rows: rows.assign(shop=rows["shop"].replace("north", "east")),
    "no dates": lambda rows: rows.drop(columns="ds"),
    "no target": lambda rows: rows.drop(columns="sold"),
    "no price": lambda rows: rows.drop(columns="price"),
    "no series": lambda rows: rows.drop(columns="shop"),
    "a name misspelled": lambda rows: rows.rename(columns={"sold": "Sold"}),
    "an empty cell": lambda rows: rows.assign(price=rows["price"].where(rows.index != 30)),
    "an empty target": lambda rows: rows.assign(sold=rows["sold"].where(rows.index != 30)),
    "text among numbers": lambda rows: rows.assign(price=rows["price"].astype(object).where(rows.index != 30, "cheap")),
    "decimal commas": lambda rows: rows.assign(
        price=rows["price"].astype(str) + ",5",
        sold=rows["sold"].astype(str).str.replace(".", ",").where(rows["sold"].notna()),
    ),
    "infinite": lambda rows: rows.assign(price=rows["price"].astype(float).where(rows.index != 30, np.inf)),
    "not positive": lambda rows: rows.assign(sold=rows["sold"].where(rows.index != 35, -1.0)),
    "nonsense for a date": lambda rows: rows.assign(ds=rows["ds"].where(rows.index != 30, "soon")),
    "no date in a row": lambda rows: rows.assign(ds=rows["ds"].where(rows.index != 30)),
    "no name in a row": lambda rows: rows.assign(shop=rows["shop"].where(rows.index != 30)),
    "no rows": lambda rows: rows[:0],
}


@cache
def table() -> pd.DataFrame:
    return pd.read_csv(models.INPUTS["rows"].format(models.saved("rows").folder.parent))


def as_json(kind: str, rows: pd.DataFrame) -> Any:
    split = json.loads(rows.to_json(orient="split", date_format="iso", index=False))
    return invoked(kind, json.dumps({"dataframe_split": split}), "application/json")


def as_csv(kind: str, rows: pd.DataFrame) -> Any:
    return invoked(kind, rows.to_csv(index=False), "text/csv")


WAYS: dict[str, Callable[[str, Any], Any] | None] = {"python": None, "csv": as_csv, "json": as_json}


ADVICE = r"\. (Allow|Read) it with data\.\w+=.*|\. Read it with 'data\..*"  # which the sender of rows cannot take


@pytest.mark.parametrize("change", ROWS)
@pytest.mark.fault("I14")
def test_rows_get_the_numbers_or_the_sentence_of_the_command(change: str, capsys: Any, tmp_path: Path) -> None:
    rows = ROWS[change](table())
    rows.to_csv(tmp_path / "given.csv", index=False)
    said = command(capsys, "rows", str(tmp_path / "given.csv"), "--level", "none")
    for way, call in WAYS.items():
        if way == "json" and change in ("infinite", "a name misspelled"):  # JSON has no infinity
            continue
        found = served("rows", rows, call)
        if isinstance(said, str) or isinstance(found, str):
            assert str(found).replace(OWN_WAY, "") == re.sub(ADVICE, "", str(said)), way
        else:
            np.testing.assert_allclose(found["sold"].astype(float), [row["sold"] for row in said], rtol=1e-6)
            assert [str(day)[:10] for day in found["ds"]] == [str(row["ds"])[:10] for row in said]


def test_the_changes_are_of_both_kinds(capsys: Any, tmp_path: Path) -> None:
    """The negative control: numbers differ where rows do, and sentences are many."""
    answers = [served("rows", change(table())) for change in ROWS.values()]
    sentences = {answer for answer in answers if isinstance(answer, str)}
    numbers = {tuple(answer["sold"]) for answer in answers if not isinstance(answer, str)}
    assert len(sentences) > 12
    assert len(numbers) == 3  # as it is, of whole numbers, of one series


TEXTS = {
    "known": "a good film",
    "one word": "a",
    "other signs": "Ça và – 你好 👋 a",
    "blanks around": "  ann hill says  ",
    "digits": "0123",
}


@pytest.mark.parametrize("kind", ["texts", "tags", "language", "pairs"])
def test_texts_get_the_numbers_or_the_sentence_of_the_command(kind: str, capsys: Any) -> None:
    numbers = 0
    logged(kind)
    capsys.readouterr()  # MLflow tells what it does
    for text in TEXTS.values():
        said = command(capsys, kind, text)
        frame = pd.DataFrame({"text": [text]})
        for way in (None, as_csv, as_json):
            found = served(kind, frame, way)
            if isinstance(said, str) or isinstance(found, str):
                assert found == said
                continue
            numbers += 1
            shared = [name for name in found.columns if name != "example"]
            for name in shared:
                values = [row[name] for row in said]
                if found[name].dtype.kind == "f":
                    np.testing.assert_allclose(found[name], np.array(values, float), rtol=1e-6)
                elif name != "text":  # of which blanks around are no part on the command line
                    assert found[name].astype(str).tolist() == [str(value) for value in values]
    assert numbers > 6


@pytest.mark.parametrize("kind", ["sequences", "numbers"])
@pytest.mark.parametrize("change", ["none", "integers", "one channel", "a channel more", "fewer steps", "a hole"])
def test_sequences_get_the_numbers_or_the_sentence_of_the_command(
    kind: str, change: str, capsys: Any, tmp_path: Path
) -> None:
    x = np.array(models.saved(kind).question, dtype=np.float64)
    given = {
        "none": x,
        "integers": (x * 10).astype(np.int64),
        "one channel": x[..., :1],
        "a channel more": np.concatenate([x, x[..., :1]], axis=-1),
        "fewer steps": x[:, :3],
        "a hole": np.where(np.arange(5)[None, :, None] == 2, np.nan, x),
    }[change]
    np.savez(tmp_path / "given.npz", x=given)
    said = command(capsys, kind, str(tmp_path / "given.npz"))
    found = served(kind, given)
    if isinstance(said, str) or isinstance(found, str):
        assert found == said
        return
    numbers = found.select_dtypes("number").to_numpy()
    np.testing.assert_allclose(numbers, [[v for v in row.values() if isinstance(v, float)] for row in said], rtol=1e-6)


def test_what_is_no_table_is_told_so() -> None:
    assert served("rows", [1, 2], lambda kind, rows: logged(kind).predict(np.array(5.0))) == (
        "the rows must be a table with named columns, not ndarray"
    )
    assert served("rows", {"sold": [1.0]}) == served("rows", pd.DataFrame({"sold": [1.0]}))


@pytest.mark.fault("I14")
def test_a_refusal_is_one_of_mlflow_too_so_that_its_server_answers_400() -> None:
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match="there is no column `text`") as refused:
        logged("texts").predict(pd.DataFrame({"words": ["a"]}))
    assert isinstance(refused.value, RnnexpError)
    assert refused.value.get_http_status_code() == 400
    assert "stack_trace" not in refused.value.serialize_as_json()


def test_the_settings_by_which_a_run_reads_its_table_are_those_of_its_model(capsys: Any, tmp_path: Path) -> None:
    """Dates as they are written in Germany, decimal commas, and gaps that are filled."""
    import rnnexp as rx
    from rnnexp import runner
    from rnnexp.models.build import build

    days = pd.date_range("2024-01-01", periods=40).strftime("%d.%m.%Y")
    rows = pd.DataFrame({"day": days, "sold": [f"{day % 7},5" for day in range(40)]}).drop(index=20)
    rows.to_csv(tmp_path / "given.csv", sep=";", index=False)
    words = ("data.time=day", "data.target=sold", "data.separator=';'", "data.decimal=','", "data.gaps=ffill")
    layout = ("data.time_format='%d.%m.%Y'", "data.sequence_length=25", "data.horizon=2", "model=gru")
    experiment = rx.compose("data=csv", f"data.path={tmp_path}/given.csv", *words, *layout, "tracking=off")
    dataset = runner.load_data(experiment)
    network = build(experiment.model, dataset.spec, 0)
    exporter.save(tmp_path / "model", bundle.Bundle(network, dataset.spec, dataset.scaling, experiment.model))
    ahead = dataset.forecast()
    wanted = ahead.restore(ahead.roll(network.predict_on_batch))
    found = models.served(tmp_path).predict(rows)
    np.testing.assert_allclose(found["sold"], wanted[0, :, 0], rtol=1e-6)
    usual = json.loads((tmp_path / "model" / "preprocessing.json").read_text())
    assert usual["table"] == {"time_format": "%d.%m.%Y", "decimal": ",", "gaps": "ffill"}


def test_a_plugin_that_is_not_allowed_names_what_allows_it_where_it_is_loaded(capsys: Any, tmp_path: Path) -> None:
    from rnnexp.tracking.pyfunc import _load_pyfunc

    models._copied("texts", tmp_path / "run")
    about = json.loads((tmp_path / "run/model/model.json").read_text())
    changed = {**about, "architecture": {"name": "theirs"}, "plugins": ["my_models"]}
    (tmp_path / "run/model/model.json").write_text(json.dumps(changed))
    with pytest.raises(ConfigError, match="name them in the environment variable RNNEXP_PLUGINS, with commas"):
        _load_pyfunc(str(tmp_path / "run" / "model"))
    (tmp_path / "run/config/config.yaml").unlink()
    assert main(["predict", str(tmp_path / "run" / "model"), "a good film"]) == 2
    assert "name them with --plugins" in capsys.readouterr().err


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Start MLflow's own server on a forecasting model, as a user does, and end it with what it has started."""
    import socket

    logged("rows")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    folder = tmp_path_factory.mktemp("server")
    place = models.saved("rows").folder.parent / "logged"
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(place)]
    options = ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    python = Path(sys.executable).parent
    paths = {"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": f"{python}:{os.environ['PATH']}"}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, *options],
            env={**os.environ, **paths},
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        end = time.monotonic() + 120
        while not _answers(f"http://127.0.0.1:{port}/ping"):
            assert process.poll() is None, (folder / "log").read_text()[-2000:]
            assert time.monotonic() < end, "the server does not answer"
            time.sleep(0.3)
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except OSError:
        return False


def ask(url: str, body: str, content_type: str = "text/csv") -> tuple[int, str]:
    request = urllib.request.Request(url, body.encode(), {"Content-Type": content_type})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.end_to_end
@pytest.mark.fault("I14")
def test_a_real_server_answers_eight_clients_at_once_and_refuses_in_our_words(server: str) -> None:
    rows, alone = table(), served("rows", table())
    assert isinstance(alone, pd.DataFrame)
    good, bad = rows.to_csv(index=False), rows.drop(index=20).to_csv(index=False)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: ask(server, bad if number % 10 == 9 else good), range(160)))
    assert Counter(status for status, _ in answers) == {200: 144, 400: 16}
    for status, text in answers:
        if status == 200:
            sold = [row["sold"] for row in json.loads(text)["predictions"]]
            np.testing.assert_allclose(sold, alone["sold"], rtol=1e-6)
        else:
            assert '1 row is absent between 36 rows in steps of \\"D\\"' in text
            assert not re.search(r"Traceback|stack_trace|/site-packages|/rnnexp", text)
    assert ask(server, good)[0] == 200
