"""The server that jobs are forked from: what it imports, when, and what it leaves alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from rnnexp.sweeps.processes import BACKEND, LEAN, PACKAGES, TRIAL_FIRST

SERVER = """
import json
import os
import sys

import rnnexp.sweeps.preload


def look():
    from jax._src import xla_bridge

    wanted = ("keras", "sklearn", "mlflow.pyfunc", "rnnexp.sweeps.crew")
    has = [name for name in wanted if name in sys.modules]
    return {"has": has, "devices": list(xla_bridge._backends), "keras": os.environ.get("KERAS_BACKEND")}


looks = [look()]
for _ in range(2):
    ours, theirs = os.pipe()
    if not os.fork():
        os.write(theirs, json.dumps(look()).encode())
        os._exit(0)
    looks.append(json.loads(os.read(ours, 9999)))
print(json.dumps(looks))
"""
ALL = ["keras", "sklearn", "mlflow.pyfunc", "rnnexp.sweeps.crew"]
JAX = {BACKEND: "jax", PACKAGES: "mlflow.pyfunc"}


def look_at_server(**variables: str) -> list[dict[str, object]]:
    """Return what a server of this environment has before its first fork, and what its first two children have."""
    environment = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    found = subprocess.run(
        [sys.executable, "-c", SERVER], env={**environment, **variables}, capture_output=True, text=True, timeout=300
    )
    assert found.returncode == 0, found.stderr
    return list(json.loads(found.stdout.splitlines()[-1]))


@pytest.mark.end_to_end
def test_a_trial_is_forked_as_soon_as_keras_is_there_and_jobs_with_everything() -> None:
    server, trial, job = look_at_server(**JAX, **{TRIAL_FIRST: "1"})
    assert [server["has"], trial["has"], job["has"]] == [["keras", "sklearn"], ["keras", "sklearn"], ALL]
    assert all(one["devices"] == [] and one["keras"] is None for one in (server, trial, job))


@pytest.mark.end_to_end
def test_where_nothing_is_tried_the_first_job_has_everything() -> None:
    server, job, _ = look_at_server(**JAX)
    assert server["has"] == job["has"] == ALL
    assert server["devices"] == []


@pytest.mark.end_to_end
def test_nothing_is_imported_that_no_job_asks_for() -> None:
    lean = {BACKEND: "jax", LEAN: "1", TRIAL_FIRST: "1"}
    assert [one["has"] for one in look_at_server(**lean)] == [["keras"], ["keras"], ["keras", "rnnexp.sweeps.crew"]]
    server, trial, job = look_at_server(**lean, **{PACKAGES: "sklearn.linear_model no_such_package"})
    assert [server["has"], trial["has"]] == [["keras"]] * 2
    assert job["has"] == ["keras", "sklearn", "rnnexp.sweeps.crew"]


@pytest.mark.end_to_end
def test_an_interrupt_of_the_terminal_while_it_imports_does_not_end_the_server() -> None:
    code = "import sys; import rnnexp.sweeps.preload as it; print(it.signal.getsignal(it.signal.SIGINT).__name__)"
    begun = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-c", code],
        env={**os.environ, BACKEND: "jax"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert begun.stderr is not None
    for line in begun.stderr:
        if line.rstrip().endswith("rnnexp.tracking.mlflow_import"):
            break  # the last import before signals are ignored
    time.sleep(0.5)
    begun.send_signal(signal.SIGINT)
    answer, complaint = begun.communicate(timeout=300)
    assert begun.returncode == 0, complaint[-500:]
    assert answer.split() == ["default_int_handler"]
