"""A server that does not let us in is told in one sentence, with the variable to set or whoever has to act."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from real_server import make_certificate

from rnnexp.errors import TrackingError
from rnnexp.tracking.refusal import CERTIFICATE, explain_refusal
from rnnexp.tracking.store import open_store

SECRET = "hunter2secret"


class Answer(BaseHTTPRequestHandler):
    status = 200

    def do_POST(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}" if self.status == 200 else b"no")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def listening(tls: Path, status: int = 200) -> Iterator[str]:
    """Serve one answer for all requests behind TLS."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Status", (Answer,), {"status": status}))
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that does not trust us hangs up
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls / "server.pem", tls / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"https://ada:{SECRET}@127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def refuse(uri: str) -> str:
    with pytest.raises(TrackingError, match=r"^https://\*\*\*@\w") as raised:
        open_store(uri)
    said = str(raised.value)
    assert SECRET not in said
    assert len(said.splitlines()) == 1
    return said


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a certificate and trust its authority."""
    made = make_certificate(tmp_path / "tls")
    monkeypatch.setenv(CERTIFICATE, str(made / "ca.pem"))
    return made


def test_a_server_whose_authority_is_known_is_opened(tls: Path) -> None:
    with listening(tls) as uri:
        open_store(uri)


@pytest.mark.fault("C4")
def test_an_unknown_authority_is_told_with_the_variable_that_makes_it_known(
    tls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening(tls) as uri:
        monkeypatch.delenv(CERTIFICATE)
        assert f"an authority that this machine does not know; set {CERTIFICATE} to the file (PEM)" in refuse(uri)
        monkeypatch.setenv(CERTIFICATE, str(make_certificate(tmp_path / "another") / "ca.pem"))
        assert f"an authority that this machine does not know; set {CERTIFICATE} to the file (PEM)" in refuse(uri)
        monkeypatch.setenv(CERTIFICATE, str(tmp_path / "nowhere.pem"))
        assert f"{CERTIFICATE} names {tmp_path / 'nowhere.pem'}, which is not there" in refuse(uri)


@pytest.mark.fault("C4")
def test_an_expired_certificate_and_one_of_another_host_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = make_certificate(tmp_path / "tls", days=-1)
    monkeypatch.setenv(CERTIFICATE, str(tls / "ca.pem"))
    with listening(tls) as uri:
        assert "certificate has expired; its administrator has to renew it" in refuse(uri)
    tls = make_certificate(tmp_path / "tls")
    with listening(tls) as uri:
        assert "certificate is that of another host; check the address" in refuse(uri.replace("127.0.0.1", "localhost"))


@pytest.mark.fault("C4")
@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "refuses user or password (401); set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"),
        (403, "does not allow this user to do that (403)"),
        (500, "does not answer"),
    ],
)
def test_a_user_who_is_not_let_in_is_told_what_to_set(tls: Path, status: int, said: str) -> None:
    with listening(tls, status) as uri:
        assert said in refuse(uri)


def test_what_is_no_refusal_is_not_explained_as_one() -> None:
    assert explain_refusal(ConnectionResetError("reset")) == ""
    assert explain_refusal(ssl.SSLError("handshake")) == ""
