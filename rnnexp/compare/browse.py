"""MLflow's own pages for a store: a server on this machine, and the address that compares a sweep's runs."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import IO
from urllib.parse import quote

from rnnexp.compare.find import Sweep
from rnnexp.compare.groups import counts
from rnnexp.compare.runs_view import locate_view, share_view
from rnnexp.errors import ConfigError, TrackingError
from rnnexp.redact import redact
from rnnexp.tracking.mlflow_import import ENVIRONMENT

HOST = "127.0.0.1"
FIRST_PORT = 5000  # MLflow's own
PORTS = 100
MOST_RUNS = 100  # MLflow's page of more takes minutes
NO_JOBS = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # processes for judges of language models
START_S, STOP_S = 90.0, 10.0


def list_pages(base: str, sweep: Sweep | None, uri: str) -> dict[str, str]:
    """Return where to look, the first first: at the runs of a sweep, their charts, and its own run; or at all."""
    if sweep is None:
        return {"experiments": f"{base}/#/experiments"}
    own, name = f"{base}/#/experiments/{sweep.parent.experiment_id}/runs", f"sweep {sweep.name}"
    pages = {"compared": compared} if (compared := address(base, sweep)) else {}
    pages["its own run"] = f"{own}/{sweep.parent.run_id}"
    key = share_view(uri, sweep)
    if key is None:
        return {name: compared or own, **pages}
    table, charts = (locate_view(base, sweep, key, mode) for mode in ("TABLE", "CHART"))
    return {name: table, "charts": charts, **pages}


def address(base: str, sweep: Sweep) -> str:
    """Return the page that compares a sweep's best runs; nothing if none has come to its end."""
    if not (runs := best_runs(sweep)):
        return ""
    return f"{base}/#/compare-runs?runs={_quoted(runs)}&experiments={_quoted([sweep.parent.experiment_id])}"


def _quoted(ids: list[str]) -> str:
    return quote(json.dumps(ids, separators=(",", ":")), safe="")


def best_runs(sweep: Sweep) -> list[str]:
    """Return the ids of the sweep's best runs, at most as many as MLflow's page can take."""
    goal = sweep.goal
    valid = [run for group in sweep.compared().groups for run in group.runs if counts(run, goal)]
    valid.sort(key=lambda run: goal.sign() * run.metrics[goal.metric])
    return [run.run_id for run in valid[:MOST_RUNS]]


def free_port(wanted: int | None) -> int:
    """Return the port asked for if nobody has it, else the first free one from MLflow's own on."""
    if wanted is not None:
        if not 1 <= wanted <= 65535:
            raise ConfigError(f"--port: {wanted} is no port; give one from 1 to 65535")
        if not _is_free(wanted):
            raise ConfigError(f"--port: {wanted} is in use or not allowed; give another, or none to have one found")
        return wanted
    found = next((port for port in range(FIRST_PORT, FIRST_PORT + PORTS) if _is_free(port)), None)
    if found is None:
        raise ConfigError(f"no port from {FIRST_PORT} to {FIRST_PORT + PORTS - 1} is free; give one with --port")
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a port that was closed a moment ago is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


@contextmanager
def server(uri: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run MLflow's server, ready when the block begins and gone when it ends, its workers too."""
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"]
    # By the environment, for a command line is seen by everybody, and a store's address may hold a password.
    environment = {**ENVIRONMENT, **NO_JOBS, **os.environ, "MLFLOW_BACKEND_STORE_URI": uri}
    with TemporaryFile() as told:
        # In a session of its own: Ctrl-C reaches us alone, and we end it and its workers together.
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=told, stderr=told, start_new_session=True
        )
        try:
            if not _answers(process, f"http://{HOST}:{port}/health"):
                raise TrackingError(f"MLflow's server does not start; the end of its log:\n{_end_of(told)}")
            yield process
        finally:
            _stop(process)


def _answers(process: subprocess.Popen[bytes], url: str) -> bool:
    """Wait until the server answers; False if it ends or takes too long."""
    end = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return True
        except OSError:
            time.sleep(0.2)
    return False


def _end_of(told: IO[bytes]) -> str:
    told.seek(0)
    return redact("\n".join(told.read().decode(errors="replace").splitlines()[-20:]))


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(STOP_S)
        except (ProcessLookupError, PermissionError):
            return
        except subprocess.TimeoutExpired:
            continue


def is_server(uri: str) -> bool:
    """Tell a store that has pages of its own."""
    return uri.startswith(("http://", "https://"))
