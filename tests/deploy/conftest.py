"""Two tiny runs, trained once: a table of one series, and a long table of three that are scaled one by one."""

from __future__ import annotations

import json

import pytest
from tiny_runs import Done, Rows, Say, long, sales, train

from rnnexp.cli.main import main
from rnnexp.tracking.store import tracking_uri


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Say:
    """Run a command on one store and return what it prints; of a failure, what it says."""

    def run(done: Done, *words: str, code: int = 0, stream: str = "") -> str:
        assert main([*words, "--uri", done.uri]) == code
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return err if code or stream == "err" else out

    return run


@pytest.fixture
def predicted(said: Say) -> Rows:
    """Predict as JSON and return the rows."""
    return lambda done, *words: json.loads(said(done, "predict", *words, "--json"))["rows"]


@pytest.fixture(scope="session")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tracking_uri(f"sqlite:///{tmp_path_factory.mktemp('deployed') / 'mlflow.db'}")


@pytest.fixture(scope="session")
def shop(uri: str, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Train on one series, in a table as it is written in Germany."""
    folder = tmp_path_factory.mktemp("shop")
    file = folder / "sales.csv"
    sales().to_csv(file, sep=";", decimal=",", index=False)
    words = ("data.time=month", "data.time_format='%d.%m.%Y'", "data.separator=';'", "data.decimal=','")
    shape = ("data.target=sales", "data.features=[price]", "data.sequence_length=6", "data.horizon=2")
    return train(uri, folder / "run", file, *words, *shape, "data.scaler=[log,standard]")


@pytest.fixture(scope="session")
def chain(uri: str, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Train on three series with a scaler each and a column that is known ahead."""
    folder = tmp_path_factory.mktemp("chain")
    file = folder / "shops.csv"
    long().to_csv(file, index=False)
    words = ("data.series=shop", "data.time=ds", "data.target=sold", "data.known=[open]", "data.per_series=true")
    return train(uri, folder / "run", file, *words, "data.sequence_length=5", "data.horizon=3")
