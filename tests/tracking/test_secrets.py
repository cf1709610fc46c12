"""A planted secret is found nowhere: not in the store, not in a file, not on the terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SECRET = "hunter2secret"
RUN = f"""
import logging, os
from pathlib import Path
from rnnexp.config.settings import Tracking
from rnnexp.tracking import Data, RunInfo, start, warm_up
logging.basicConfig(level=logging.DEBUG)
for name in ("sqlalchemy", "alembic", "git", "matplotlib", "mlflow", "urllib3"):
    logging.getLogger(name).setLevel(logging.INFO)
token = os.environ["MY_TOKEN"]
info = RunInfo(
    experiment="secrets",
    run_name="one",
    params={{"data.password": token, "data.path": "https://ada:" + token + "@host/x.csv", "note": token}},
    tags={{"rnnexp.command": "rnnexp train data.token=" + token}},
    config="data:\\n  path: " + token + "\\n  api_key: {SECRET}\\n",
    description="command: --password " + token,
    primary_metric="test/rmse",
    greater_is_better=False,
    run_dir=Path("runs/one"),
)
warm_up(Tracking())
with start(Tracking(), info) as run:
    Path("runs/one/train.log").write_text("uploaded with " + token)
    run.log_data(Data("train", "abc", "postgresql://ada:" + token + "@host/x"))
    run.log_text("note.txt", "here it is: " + token)
    run.set_tags({{"late": token}})
    print(run.uri, run.run_id)
    raise RuntimeError("cannot reach https://ada:" + token + "@host")
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for command in (
        ["init", "-q"],
        ["config", "user.name", "Ada"],
        ["config", "user.email", "ada@example.org"],
        ["remote", "add", "origin", f"https://ada:{SECRET}@example.org/repo.git"],
        ["commit", "-q", "--allow-empty", "-m", "First"],
    ):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    (tmp_path / "settings.py").write_text(f"PASSWORD = '{SECRET}'\n")
    subprocess.run(["git", "add", "settings.py"], cwd=tmp_path, check=True)
    return tmp_path


def test_a_secret_is_nowhere(repository: Path) -> None:
    done = run(repository, RUN)
    assert done.returncode == 1
    stored = {
        path: path.read_bytes()
        for path in repository.rglob("*")
        if path.is_file() and ".git" not in path.parts and path.name not in ("settings.py", "train.log")
    }
    names = {path.name for path in stored}
    assert names >= {"mlflow.db", "config.yaml", "git.diff", "error.txt", "note.txt"}
    assert [path for path, content in stored.items() if SECRET.encode() in content] == []
    assert any(b"***" in content for content in stored.values())
    uploaded = list((repository / "mlartifacts").rglob("train.log"))
    assert [path.read_text() for path in uploaded] == ["uploaded with ***"]


def test_the_search_would_find_a_secret_that_is_no_secret_to_us(repository: Path) -> None:
    done = run(repository, RUN.replace("MY_TOKEN", "MY_COLOUR").replace('"note": token', '"note": token + ""'))
    assert done.returncode == 1
    assert SECRET.encode() in (repository / "mlflow.db").read_bytes()


def run(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    environment |= {"MY_TOKEN": SECRET} if "MY_TOKEN" in script else {"MY_COLOUR": SECRET}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    # Python itself prints an exception that nobody catches; the command line prints it redacted.
    assert SECRET not in done.stdout + done.stderr.partition("Traceback (most recent call last)")[0]
    return done


def test_a_password_in_the_tracking_uri_does_not_reach_the_terminal(tmp_path: Path) -> None:
    uri = f"http://ada:{SECRET}@127.0.0.1:9"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    environment |= {"MLFLOW_TRACKING_URI": uri, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    script = """
from rnnexp.errors import TrackingError
from rnnexp.tracking.store import open_store, tracking_uri
try:
    open_store(tracking_uri(None))
except TrackingError as error:
    print(error)
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "does not answer" in done.stdout
    assert SECRET not in done.stdout + done.stderr
