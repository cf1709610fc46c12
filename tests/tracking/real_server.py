"""MLflow's own server as a process: over PostgreSQL, or behind TLS with user and password."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

USER, PASSWORD = "admin", "s3same-0pen-Server"
STARTS_S = 120


@contextmanager
def serving(
    folder: Path, backend: str, *options: str, tls: Path | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Serve a database; `tls` is a folder with `server.key` and `server.pem`. Yields the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--artifacts-destination", str(folder / "served"), *options]
    command += [f"--uvicorn-opts=--ssl-keyfile={tls}/server.key --ssl-certfile={tls}/server.pem"] if tls else []
    settings = {"MLFLOW_BACKEND_STORE_URI": backend, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    settings |= {"MLFLOW_DISABLE_TELEMETRY": "true"}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **settings, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _wait_for(process, f"{address}/health", folder / "server.log")
        yield address
    finally:
        _end(process)


def _wait_for(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    trusting = ssl._create_unverified_context()
    deadline = time.monotonic() + STARTS_S
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(urllib.error.HTTPError, OSError), urllib.request.urlopen(url, timeout=5, context=trusting):
            return
        time.sleep(0.2)
    raise AssertionError(f"the server does not start:\n{log.read_text()[-3000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
            return


@contextmanager
def postgresql() -> Iterator[str]:
    """Run a PostgreSQL of its own on a socket in a folder of its own, and yield the address of its database.

    It refuses to be run by root: then by `postgres`, the user that Debian's package makes.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    initdb = str(found[-1]) if found else shutil.which("initdb")
    if initdb is None:
        pytest.skip("there is no PostgreSQL (Debian: apt install postgresql)")
    owner = pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    as_owner = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="rnnexp-postgresql-") as work:
        os.chown(work, owner.pw_uid, owner.pw_gid)
        data = f"{work}/data"
        setup = [initdb, "-D", data, "-U", "mlflow", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run(setup, cwd=work, check=True, capture_output=True, **as_owner)
        command = [str(Path(initdb).with_name("postgres")), "-D", data, "-k", work, "-c", "listen_addresses=", "-F"]
        with Path(work, "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=work, stdout=log, stderr=log, start_new_session=True, **as_owner)
        try:
            _wait_until_ready(process, str(Path(initdb).with_name("pg_isready")), work)
            yield f"postgresql+psycopg2://mlflow@/postgres?host={work}"
        finally:
            process.send_signal(signal.SIGINT)  # its fast shutdown: connections are closed
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            _end(process)


def _wait_until_ready(process: subprocess.Popen[bytes], pg_isready: str, folder: str) -> None:
    deadline = time.monotonic() + STARTS_S
    while process.poll() is None and time.monotonic() < deadline:
        if subprocess.run([pg_isready, "-q", "-h", folder], check=False).returncode == 0:
            return
        time.sleep(0.1)
    raise AssertionError(f"PostgreSQL does not start:\n{Path(folder, 'log').read_text()[-3000:]}")


def make_certificate(folder: Path, *, days: int = 1) -> Path:
    """Make an authority of its own (`ca.pem`) and a server's certificate; with negative `days` it has expired."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import NameOID

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def signed(subject: str, key: ec.EllipticCurvePrivateKey, extensions: Sequence[x509.ExtensionType]) -> bytes:
        now = datetime.now(UTC)
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key())
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("the lab"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=30))
        )
        ends = now + timedelta(days=days if subject != "the lab" else 1)
        builder = builder.not_valid_after(ends).add_extension(authority, critical=False)
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(root, hashes.SHA256()).public_bytes(Encoding.PEM)

    import ipaddress

    root, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    folder.mkdir(parents=True, exist_ok=True)
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    identity = x509.SubjectKeyIdentifier.from_public_key(root.public_key())
    authority = [x509.BasicConstraints(ca=True, path_length=None), usage, identity]
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    (folder / "ca.pem").write_bytes(signed("the lab", root, authority))
    (folder / "server.pem").write_bytes(signed("tracking", own, [here]))
    key = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "server.key").write_bytes(key)
    return folder


@contextmanager
def private_server(folder: Path, tls: Path) -> Iterator[str]:
    """Serve to those who know user and password, with a certificate of its own authority."""
    settings = folder / "auth.ini"
    database = f"sqlite:///{folder / 'users.db'}"
    settings.write_text(
        f"[mlflow]\ndefault_permission = EDIT\ndatabase_uri = {database}\nadmin_username = {USER}\n"
        f"admin_password = {PASSWORD}\ngrant_default_workspace_access = false\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    environment = {"MLFLOW_AUTH_CONFIG_PATH": str(settings), "MLFLOW_FLASK_SERVER_SECRET_KEY": "a key of this test"}
    backend = f"sqlite:///{folder / 'server.db'}"
    with serving(folder, backend, "--app-name", "basic-auth", tls=tls, environment=environment) as address:
        yield address
