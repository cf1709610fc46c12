"""A planted secret is found nowhere: not in the store, not in a file, not on the terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from urllib.parse import quote

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


@pytest.mark.end_to_end
@pytest.mark.fault("I6")
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


@pytest.mark.end_to_end
@pytest.mark.fault("I6")
def test_the_search_would_find_a_secret_that_is_no_secret_to_us(repository: Path) -> None:
    done = run(repository, RUN.replace("MY_TOKEN", "MY_COLOR").replace('"note": token', '"note": token + ""'))
    assert done.returncode == 1
    assert SECRET.encode() in (repository / "mlflow.db").read_bytes()


def run(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    environment |= {"MY_TOKEN": SECRET} if "MY_TOKEN" in script else {"MY_COLOR": SECRET}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    # Python itself prints an exception that nobody catches; the command line prints it redacted.
    assert SECRET not in done.stdout + done.stderr.partition("Traceback (most recent call last)")[0]
    return done


@pytest.mark.fault("I6")
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


LEAKY = """
import logging, sys, warnings
from typing import Literal
from rnnexp.registry import register
from rnnexp.training.training_state import EpochCallback

@register("callback")
class notify(EpochCallback):
    name: Literal["notify"] = "notify"
    password: str = ""
    url: str = ""
    fail: bool = False

    def initial(self):
        print("sending with", self.password, "to", self.url)
        print("half a line", self.password[:5], end="")
        print(self.password[5:], flush=True)
        sys.stderr.write(f"warned of {self.password}\\n")
        for name in ("rnnexp", "mine"):
            logging.getLogger(name).warning("logged %s", self.password)
        try:
            raise KeyError(self.password)
        except KeyError:
            logging.getLogger("rnnexp").exception("caught")
        if self.fail:
            raise RuntimeError(f"cannot reach {self.url} with {self.password}")
        return {}

    def on_epoch_end(self, training, state):
        pass
"""
PASSWORD, TOKEN, USER = "s3same-0pen", "t0ken+/of=ada", "hunter2@pw"
PLANTED = [
    *("plugins=[leaky]", "data.points=60", "model.units=[2]", "trainer.epochs=1", "tracking.figures=false"),
    f"callbacks.notify.password={PASSWORD}",
    f"callbacks.notify.url=https://ada:{quote(USER)}@example.org/x",
    "data.noise=0.1",
]
ADDED = [f"++{word}" for word in PLANTED]
COMMANDS = [
    ["train", *PLANTED],
    ["train", *PLANTED, "callbacks.notify.fail=true"],
    ["train", "-m", *PLANTED, "seed=0,1", "hydra/launcher=serial"],
    ["train", "-m", *PLANTED, f"callbacks.notify.url=https://a:{quote(USER)}@b,https://b:{quote(USER)}@c", "--dry-run"],
    ["train", *PLANTED, "tracking=off", "hydra.output_subdir=.hydra", "hydra.verbose=true"],
    ["train", *PLANTED, "--cfg", "job"],
    ["train", *PLANTED, f"++hydra.job.env_set.API_TOKEN={PASSWORD}", "--cfg", "all"],
    ["train", *PLANTED, "tracking.uri='x://${oc.env:MY_TOKEN}'", "--cfg", "job", "--resolve"],
    ["train", *ADDED, "--info", "all"],
    ["train", *ADDED, "--info", "config"],
    ["train", *PLANTED, "name=run-${oc.env:MY_TOKEN}"],
    ["train", *PLANTED, f"+data.api_key={PASSWORD}", f"data.points={PASSWORD}", f"seed={TOKEN}"],
    ["train", "model=lstm,gru", f"+token={PASSWORD}"],
    ["train", *PLANTED, f"tracking.uri=http://ada:{quote(USER)}@127.0.0.1:1"],
    ["show", *PLANTED],
    ["show", *PLANTED, "--json"],
    ["runs"],
    ["runs", "--json"],
    ["results"],
    ["compare"],
    ["report"],
    ["best"],
    ["predict", "RUN", "--json"],
    ["diff", "RUN", "RUN"],
    ["predict", f"https://ada:{quote(USER)}@host/x"],
    ["evaluate", TOKEN],
    ["runs", "--uri", f"http://ada:{quote(USER)}@127.0.0.1:1"],
]
FORMS = [
    *(PASSWORD, TOKEN, USER),
    *(quote(TOKEN, safe=""), quote(USER), b64encode(f"ada:{USER}".encode()).decode()),
]


@pytest.mark.end_to_end
@pytest.mark.fault("I6")
def test_a_secret_is_nowhere_whatever_is_asked(tmp_path: Path) -> None:
    said = asked_all(tmp_path, LEAKY, COMMANDS)
    assert [form for form in FORMS if form in said] == []
    assert {form: leaks(tmp_path, form) for form in FORMS} == dict.fromkeys(FORMS, [])
    names = {path.name for path in tmp_path.rglob("*")}
    assert names >= {"config.yaml", "train.log", "error.txt", "jobs.jsonl", "sweep.json", "overrides.yaml", "job.log"}
    assert "sending with *** to https://***@example.org/x" in said
    assert "half a line ***" in said
    assert "data.api_key: unknown key" in said
    assert "name: holds a password or a token" in said
    assert [line for line in said.splitlines() if line.startswith("=== ")][-1] == f"=== {len(COMMANDS)}"


@pytest.mark.end_to_end
@pytest.mark.fault("I6")
def test_the_search_finds_what_nothing_tells_to_be_a_secret(tmp_path: Path) -> None:
    planted = [word.replace("password", "motto") for word in PLANTED]
    said = asked_all(tmp_path, LEAKY.replace("password", "motto"), [["train", *planted]])
    assert f"sending with {PASSWORD}" in said
    assert {path.name for path in leaks(tmp_path, PASSWORD)} >= {"mlflow.db", "config.yaml", "train.log"}


ASK_ALL = """
import json, sys
from contextlib import suppress
from rnnexp.cli.main import main
from rnnexp.tracking.query import Wanted, select

for number, words in enumerate(json.loads(sys.argv[1]), start=1):
    if "RUN" in words:
        run = select(None, Wanted(status="FINISHED", absent=("rnnexp.kind",)))[-1].run_id
        words = [run if word == "RUN" else word for word in words]
    sys.argv[:] = ["rnnexp", *words]
    with suppress(SystemExit):
        main(words)
    print(f"=== {number}", flush=True)
"""


def asked_all(folder: Path, plugin: str, commands: list[list[str]]) -> str:
    """Ask all commands, one after the other in one process, and return what they have said."""
    (folder / "leaky.py").write_text(plugin)
    paths = os.pathsep.join([str(folder), str(Path(__file__).parents[2])])
    environment = {**os.environ, "PYTHONPATH": paths, "MY_TOKEN": TOKEN, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    command = [sys.executable, "-c", ASK_ALL, json.dumps(commands)]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout + done.stderr


def leaks(folder: Path, secret: str) -> list[Path]:
    """Return the files that hold a secret, or are called by it."""
    known = secret.encode()
    files = [path for path in folder.rglob("*") if "__pycache__" not in path.parts]
    return [path for path in files if secret in str(path) or (path.is_file() and known in path.read_bytes())]
