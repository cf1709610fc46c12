"""What a request to `rnnexp serve` may hold, and what it is told where it is wrong; no socket is opened."""

from __future__ import annotations

import asyncio
import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from rnnexp.deploy.request_metrics import RequestMetrics
from rnnexp.deploy.served_model import KERAS, load_served
from rnnexp.deploy.served_requests import read_body, read_params, read_query
from rnnexp.deploy.server import Limits, ServedModel, make_app
from rnnexp.deploy.trained import Asked, trained
from rnnexp.deploy.write import records
from rnnexp.errors import ConfigError, DataError
from rnnexp.tasks.requests import RequestSchema
from tests.fuzz import models

USUAL = Limits()
WRITER = RequestSchema(("text",), {"length": 0, "temperature": 1.0, "levels": [], "model": "network"})


@cache
def model(kind: str) -> ServedModel:
    nowhere = Path("/nowhere")
    return load_served(trained(Asked(str(models.saved(kind).folder), "serve"), nowhere), nowhere, KERAS)


class Reply(NamedTuple):
    status: int
    text: str

    @property
    def detail(self) -> str:
        return str(json.loads(self.text)["detail"])


def ask(
    served: ServedModel,
    path: str,
    body: bytes | None = None,
    kind: str = "application/json",
    limits: Limits = USUAL,
    accept: str = "*/*",
) -> Reply:
    """Send one request to the application, as a server would."""
    headers = [(b"content-type", kind.encode()), (b"host", b"localhost"), (b"accept", accept.encode())]
    address, _, query = path.partition("?")
    scope = {"type": "http", "method": "GET" if body is None else "POST", "path": address, "headers": headers}
    scope |= {"query_string": query.encode(), "http_version": "1.1", "scheme": "http", "root_path": ""}
    sent: list[Any] = []

    async def run() -> None:
        pieces = [{"type": "http.request", "body": body or b"", "more_body": False}]

        async def receive() -> Any:
            return pieces.pop() if pieces else await asyncio.sleep(60)

        async def send(message: Any) -> None:
            sent.append(message)

        await make_app(served, limits)(scope, receive, send)  # type: ignore[arg-type]

    asyncio.run(run())
    return Reply(sent[0]["status"], b"".join(one.get("body", b"") for one in sent[1:]).decode())


def rows() -> pd.DataFrame:
    return pd.read_csv(models.INPUTS["rows"].format(models.saved("rows").folder.parent))


def as_json(table: pd.DataFrame, **more: Any) -> bytes:
    return json.dumps({"rows": records(table.astype({"ds": "datetime64[ns]"})), **more}).encode()


def test_rows_get_the_numbers_of_the_model_as_json_and_as_csv() -> None:
    wanted = models.served(models.saved("rows").folder).predict(rows())
    from_json = ask(model("rows"), "/predict", as_json(rows()))
    from_csv = ask(model("rows"), "/predict", rows().to_csv(index=False).encode(), "text/csv")
    assert from_json.status == from_csv.status == 200
    assert from_json.text == from_csv.text
    found = pd.DataFrame(json.loads(from_json.text)["rows"])
    assert found["sold"].tolist() == wanted["sold"].tolist()
    other = ask(model("rows"), "/predict", as_json(rows().assign(price=1.0)))
    assert other.text != from_json.text


def test_an_answer_may_be_asked_for_as_csv() -> None:
    lines = ask(model("rows"), "/predict", as_json(rows()), accept="text/csv").text.splitlines()
    assert lines[0] == "shop,ds,step,sold"
    assert len(lines) == 1 + len(json.loads(ask(model("rows"), "/predict", as_json(rows())).text)["rows"])


def test_levels_may_stand_in_the_body_or_in_the_address() -> None:
    inside = ask(model("rows"), "/predict", as_json(rows(), params={"levels": [80, 90]}))
    outside = ask(model("rows"), "/predict?levels=80,90", as_json(rows()))
    assert inside == outside
    assert {"sold_lo_80", "sold_hi_90"} <= set(json.loads(inside.text)["rows"][0])


def test_the_example_of_a_model_is_answered() -> None:
    about = json.loads(ask(model("rows"), "/").text)
    assert (about["task"], about["params"]) == ("forecasting", {"levels": []})
    reply = ask(model("rows"), "/predict", json.dumps(about["example"]).encode())
    assert len(json.loads(reply.text)["rows"]) == 3


def test_the_schema_of_requests_is_that_of_the_model() -> None:
    page = json.loads(ask(model("rows"), "/openapi.json").text)["paths"]["/predict"]["post"]
    assert page["parameters"][0]["schema"] == {"type": "array", "items": {"type": "integer"}, "default": []}
    assert set(page["requestBody"]["content"]) == {"application/json", "text/csv"}


REFUSED = {
    b"": "the body is empty; send",
    b"{": "the body is not JSON: Expecting property name",
    b"[" * 100_000: "the body is not JSON",
    b'{"rows": "\xff"}': "the body is not UTF-8",
    b"[1, 2]": "the body must be {",
    b'{"rows": 5}': "`rows` must be a list",
    b'{"rows": [], "param": 1}': "`param`: the body holds `rows` and `params` alone",
    b'{"rows": [{"sold": 1}, 2]}': "some are records with named columns and others are not",
    b'{"rows": [1, 2]}': 'there is no column "ds"',
    b'{"rows": [{"ds": "2024-01-01", "shop": "north", "price": 1, "sold": 1}]}': 'there is no column "open"',
    b'{"rows": [], "params": {"level": [80]}}': "level: is no parameter; did you mean `levels`?",
    b'{"rows": [], "params": {"levels": ["x"]}}': "levels: ['x'] given; input should be a valid integer",
}


@pytest.mark.parametrize("body", REFUSED, ids=lambda body: REFUSED[body][:40])
def test_what_is_wrong_with_a_request_is_said_in_a_sentence(body: bytes) -> None:
    reply = ask(model("rows"), "/predict", body)
    assert reply.status == 422
    assert REFUSED[body] in reply.detail
    assert str(models.saved("rows").folder) not in reply.text


def test_a_table_of_texts_is_read_as_it_is_written() -> None:
    table, _ = read_body(b"text,other\n007,1\nNA,2\n", "text/csv; charset=utf-8", WRITER)
    assert table["text"].tolist() == ["007", "NA"]
    with pytest.raises(ConfigError, match="`image/png` given; must be application/json or text/csv"):
        read_body(b"x", "image/png", WRITER)
    with pytest.raises(DataError, match="the body is not CSV"):
        read_body(b'a,b\n"1,2\n', "text/csv", WRITER)


def test_params_of_an_address_get_the_types_of_the_model() -> None:
    pairs = [("length", "5"), ("temperature", "0.5"), ("levels", "80"), ("levels", "90,95")]
    found = read_params(read_query(pairs, WRITER), WRITER)
    assert found == {"length": 5, "temperature": 0.5, "levels": [80, 90, 95]}
    with pytest.raises(ConfigError, match="length: 'many' given.*\n.*temprature: is no parameter; did you mean"):
        read_params({"length": "many", "temprature": 1}, WRITER)


def test_a_request_that_is_too_large_too_slow_or_for_another_page_is_refused() -> None:
    assert ask(model("rows"), "/predict", b"x" * 101, limits=Limits(body=100)).status == 413
    slow = ask(model("rows"), "/predict", as_json(rows()), limits=Limits(seconds=0.0001))
    assert (slow.status, slow.detail[:34]) == (503, "there was no answer within 0.0001 ")
    nowhere = ask(model("rows"), "/invocations", b"{}")
    assert (nowhere.status, "POST /predict" in nowhere.detail) == (404, True)
    assert ask(model("rows"), "/predict").status == 405


def test_what_nobody_has_foreseen_is_told_to_the_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_rows: Any, _params: Any) -> Any:
        raise KeyError("of the inside")

    reply = ask(ServedModel("broken", "forecasting", fail, RequestSchema()), "/predict", b'{"rows": []}')
    assert (reply.status, reply.detail) == (
        500,
        "the request could not be answered; the log of the server says why",
    )
    assert "of the inside" in caplog.text


def test_numbers_without_names_are_laid_out_as_the_command_does() -> None:
    plain = ServedModel("plain", "regression", lambda rows, params: np.ones((2, 1, 2)), RequestSchema())
    found = json.loads(ask(plain, "/predict", b'{"rows": [[1]]}').text)["rows"]
    assert found == [{"target_0": 1.0, "target_1": 1.0}] * 2


def test_metrics_count_answers_and_sum_buckets() -> None:
    metrics = RequestMetrics("keras")
    for status, seconds in ((200, 0.004), (200, 0.3), (422, 99.0)):
        metrics.add_request("/predict", status, seconds)
    metrics.add_request("/ping", 200)
    lines = metrics.write_text().splitlines()
    assert 'rnnexp_model_info{engine="keras"} 1' in lines
    assert 'rnnexp_requests_total{path="/predict",status="200"} 2' in lines
    assert "rnnexp_request_errors_total 1" in lines
    buckets = [line.split()[-1] for line in lines if "_bucket" in line]
    assert buckets == ["1"] * 6 + ["2"] * 5 + ["3"]
    assert "rnnexp_predict_seconds_count 3" in lines


@pytest.mark.end_to_end
@pytest.mark.parametrize("kind", models.KINDS)
def test_every_kind_of_model_answers_json_as_it_answers_python(kind: str) -> None:
    question = models.saved(kind).question
    wanted = pd.DataFrame(models.served(models.saved(kind).folder).predict(question))
    if isinstance(question, pd.DataFrame):
        sent = json.dumps({"rows": records(question)})
    else:
        sent = json.dumps({"rows": np.asarray(question).tolist()})
    reply = ask(model(kind), "/predict", sent.encode())
    assert reply.status == 200, reply.text
    found = pd.DataFrame(json.loads(reply.text)["rows"])
    assert len(found) == len(wanted) > 0
    for ours, theirs in zip(found.columns, wanted.columns):
        if wanted[theirs].dtype.kind == "f":
            np.testing.assert_array_equal(found[ours].to_numpy(float), wanted[theirs].to_numpy(float))
        elif wanted[theirs].dtype.kind != "M":
            assert found[ours].tolist() == wanted[theirs].tolist()
