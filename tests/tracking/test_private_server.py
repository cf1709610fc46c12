"""A tracking server that asks for user and password, with a certificate of its own authority, as labs have them."""

from __future__ import annotations

import logging
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from real_server import PASSWORD, USER, make_certificate, private_server, serving

from rnnexp.cli.main import main
from rnnexp.config.settings import Tracking
from rnnexp.errors import TrackingError
from rnnexp.tracking import pusher, start
from rnnexp.tracking.client import _client_of_server
from rnnexp.tracking.journal import RunJournal
from rnnexp.tracking.store import open_store

WRONG = "wr0ng-passw0rd"
SECRETS = [
    PASSWORD,
    WRONG,
    quote(PASSWORD),
    *(b64encode(f"{USER}:{word}".encode()).decode() for word in (PASSWORD, WRONG)),
]
TINY = ["experiment=sine_lstm", "data.points=60", "model.units=[2]", "trainer.epochs=3", "tracking.figures=false"]

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, tls: Path) -> Iterator[str]:
    with private_server(tmp_path_factory.mktemp("private"), tls) as found:
        yield found


@pytest.fixture
def known(address: str, tls: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have all in the environment that the server asks for."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", USER)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(tls / "ca.pem"))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
    _client_of_server.cache_clear()
    return address


def leaks(folder: Path, said: str) -> list[str]:
    """Return where a secret stands: in a file, or in what was said."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    held = [str(path) for path in files for word in SECRETS if word.encode() in path.read_bytes()]
    return [*held, *(word for word in SECRETS if word in said)]


@pytest.mark.fault("I6")
def test_a_run_is_trained_stored_listed_compared_and_kept_without_a_secret_anywhere(
    known: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pusher, "PATIENCE_S", 120.0)  # this process goes on, and would hold the run
    assert main(["train", *TINY]) == 0
    assert main(["sync"]) == 0
    capfd.readouterr()
    assert main(["runs"]) == 0
    assert "test/rmse" in capfd.readouterr().out
    assert main(["compare", "params.model.name = 'lstm'"]) == 0
    assert main(["runs", "--filter", "metrics.test/rmse < 100"]) == 0
    (folder,) = (path.parents[1] for path in tmp_path.glob("runs/**/tracking/journal.jsonl"))
    journal = RunJournal(folder)
    run = open_store(known).get_run(str(journal.stored.run_id))
    assert run.info.status == "FINISHED"
    history = open_store(known).get_metric_history(run.info.run_id, "val/loss")
    assert [point.step for point in history] == [1, 2, 3]
    assert not journal.pending
    assert leaks(tmp_path, "".join(capfd.readouterr())) == []


def test_user_and_password_may_stand_in_the_address(
    known: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")
    monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", known.replace("://", f"://{USER}:{PASSWORD}@"))
    assert main(["runs"]) == 0
    assert leaks(tmp_path, "".join(capfd.readouterr())) == []


@pytest.mark.fault("C4", "I6")
def test_a_wrong_password_is_told_once_and_the_run_is_stored_with_the_right_one(
    known: str, make_info: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    info = make_info()  # type: ignore[operator]
    wrong = known.replace("://", f"://{USER}:{WRONG}@")
    with caplog.at_level(logging.DEBUG, "rnnexp"), start(Tracking(uri=wrong), info) as run:
        for epoch in range(1, 6):
            run.log_epochs(epoch, [{"train/loss": 1 / epoch}], epoch, epoch + 1)
    warned = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
    assert [one for one in warned if "401" in one] == [
        f"tracking: {known.replace('://', '://***@')}: the tracking server refuses user or password (401); set "
        "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN\n"
        "what runs log is kept in their folders and stored once the store answers"
    ]
    assert "the run not there yet; store it with: rnnexp sync" in warned[-1]
    assert leaks(tmp_path, "\n".join(warned)) == []
    assert main(["sync", str(info.run_dir), "--to", known]) == 0
    stored = open_store(known).get_run(str(RunJournal(info.run_dir).stored.run_id))
    assert (stored.info.status, stored.data.metrics["train/loss"]) == ("FINISHED", 0.2)


def refused(capfd: pytest.CaptureFixture[str]) -> str:
    """Ask for the runs, in vain, and return the one sentence that is said."""
    assert main(["runs"]) == TrackingError.exit_code
    said = capfd.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    return said.err


@pytest.mark.fault("C4")
def test_a_command_says_which_variables_to_set_if_it_is_not_let_in(
    known: str, tls: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", WRONG)
    assert "refuses user or password (401); set MLFLOW_TRACKING_USERNAME and" in refused(capfd)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", "/nowhere/ca.pem")
    assert "MLFLOW_TRACKING_SERVER_CERT_PATH names /nowhere/ca.pem, which is not there" in refused(capfd)
    monkeypatch.delenv("MLFLOW_TRACKING_SERVER_CERT_PATH")
    sentence = "from an authority that this machine does not know; set MLFLOW_TRACKING_SERVER_CERT_PATH to the file"
    assert sentence in refused(capfd)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", known.replace("127.0.0.1", "localhost"))
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(tls / "ca.pem"))
    assert "certificate is that of another host; check the address" in refused(capfd)


@pytest.mark.fault("C4")
def test_an_expired_certificate_is_called_one(
    known: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    tls = make_certificate(tmp_path / "tls", days=-1)
    with serving(tmp_path, f"sqlite:///{tmp_path / 'server.db'}", tls=tls) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(tls / "ca.pem"))
        assert "the tracking server's certificate has expired; its administrator has to renew it" in refused(capfd)
