"""`rnnexp serve` as a process: many clients at once, what is wrong with requests, and its end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
from tiny_runs import Done, Say

from rnnexp.cli.main import main
from rnnexp.cli.serve import HOST
from rnnexp.tracking import model_registry

ROOT = Path(__file__).parents[2]
CLIENTS, REQUESTS = 16, 320


def start(*words: str) -> tuple[subprocess.Popen[str], str]:
    """Start a server on a free port, and return it with its address once it says that it is ready."""
    command = [sys.executable, "-m", "rnnexp", "serve", *words, "--port", "0"]
    process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if "/predict (example" not in line:
        process.kill()
        raise AssertionError("\n".join([line, *process.communicate()]))
    return process, line.split(": ")[1].split("/predict")[0]


def ask(url: str, body: bytes | None = None, kind: str = "application/json", **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(url, body, {"Content-Type": kind, **headers})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def months(table: pd.DataFrame, first: int, count: int = 12) -> bytes:
    """Return some rows of a table as the body of a request."""
    return json.dumps({"rows": table[first : first + count].to_dict(orient="records")}).encode()


@pytest.fixture(scope="module")
def table(shop: Done) -> pd.DataFrame:
    return pd.read_csv(shop.file, sep=";", decimal=",")


@pytest.fixture(scope="module")
def server(shop: Done) -> Iterator[str]:
    """Serve a registered model by its alias, with an address for it that names a database of its own."""
    from rnnexp.tracking import find

    model_registry.register_run(shop.uri, find.run(shop.uri, shop.run_id), "demand", "champion")
    process, address = start("models:/demand@champion", "--uri", shop.uri, "--max-mb", "0.1")
    yield address
    process.terminate()
    _, err = process.communicate(timeout=30)
    assert (process.returncode, "Traceback" in err) == (0, False)


@pytest.mark.end_to_end
def test_sixteen_clients_at_once_get_the_answers_of_the_command(
    server: str, shop: Done, table: pd.DataFrame, said: Say, tmp_path: Path
) -> None:
    bodies = {first: months(table, first) for first in range(0, 40, 5)}
    wanted = {}
    for first in bodies:
        table[first : first + 12].to_csv(tmp_path / "part.csv", sep=";", decimal=",", index=False)
        words = ("predict", shop.run_id, str(tmp_path / "part.csv"), "--level", "none", "--json")
        wanted[first] = json.loads(said(shop, *words))["rows"]
    assert len({json.dumps(one) for one in wanted.values()}) == len(bodies)
    before = count_predictions(server)
    asked = [list(bodies)[number % len(bodies)] for number in range(REQUESTS)]
    with ThreadPoolExecutor(CLIENTS) as pool:
        replies = list(pool.map(lambda first: ask(f"{server}/predict", bodies[first]), asked))
    assert [status for status, _ in replies] == [200] * REQUESTS
    found = [json.loads(text)["rows"] for _, text in replies]
    for rows, first in zip(found, asked, strict=True):
        assert [row["month"] for row in rows] == [row["month"] for row in wanted[first]]
        assert [row["sales"] for row in rows] == pytest.approx([row["sales"] for row in wanted[first]], rel=1e-5)
    assert len({json.dumps(rows) for rows in found}) == len(bodies)
    assert json.loads(ask(server)[1])["engine"] == "onnxruntime"
    assert count_predictions(server) == before + REQUESTS


def count_predictions(server: str) -> int:
    _, text = ask(f"{server}/metrics")
    (line,) = [line for line in text.splitlines() if line.startswith("rnnexp_predict_seconds_count")]
    return int(line.split()[1])


@pytest.mark.end_to_end
def test_a_request_that_is_wrong_gets_a_sentence_and_the_server_goes_on(server: str, table: pd.DataFrame) -> None:
    refused = {
        b"{": "the body is not JSON",
        b"": "the body is empty",
        months(table.drop(columns="sales"), 0): 'there is no column "sales"',
    }
    for body, sentence in refused.items():
        status, text = ask(f"{server}/predict", body)
        assert (status, sentence in json.loads(text)["detail"]) == (422, True), text
        assert "Traceback" not in text
        assert str(ROOT) not in text
    assert ask(f"{server}/predict", b" " * 200_000)[0] == 413
    assert ask(f"{server}/invocations", b"{}")[0] == 404
    assert ask(f"{server}/ping") == (200, '{"status":"ok"}')
    assert 'status="422"} 3' in ask(f"{server}/metrics")[1]
    about = json.loads(ask(f"{server}/")[1])
    assert ask(f"{server}/predict", json.dumps(about["example"]).encode())[0] == 200


@pytest.mark.end_to_end
def test_other_machines_and_other_names_are_not_answered(server: str) -> None:
    port = int(server.rpartition(":")[2])
    assert HOST == "127.0.0.1"
    own = {str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET)} - {HOST}
    for address in own | {"127.0.0.2"}:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((address, port), timeout=5)
    assert ask(f"{server}/ping", Host="evil.example")[0] == 400


@pytest.mark.end_to_end
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_after_what_has_begun(number: int, shop: Done, table: pd.DataFrame) -> None:
    process, address = start(str(shop.result.run_dir), "--uri", shop.uri)
    body = months(table, 0)
    head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    with socket.create_connection((HOST, int(address.rpartition(":")[2])), timeout=30) as client:
        client.sendall(f"{head}\r\n\r\n".encode() + body[:50])
        ask(f"{address}/ping")
        process.send_signal(number)
        time.sleep(0.5)
        client.sendall(body[50:])
        assert client.recv(100).startswith(b"HTTP/1.1 200 OK")
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err.strip().splitlines()[-1]) == (0, "stopped")
    assert "Traceback" not in err
    with pytest.raises(OSError, match="refused"):
        ask(f"{address}/ping")


def test_what_cannot_be_served_is_said(shop: Done, said: Say, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no run" in said(shop, "serve", "nobody", code=2)
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert "Address already in use" in said(shop, "serve", shop.run_id, "--port", port, code=2)
    with pytest.raises(SystemExit):
        main(["serve", "RUN", "--port", "99999"])
    assert "`99999` is no port" in capsys.readouterr().err
