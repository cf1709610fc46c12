"""A sweep and its runs as people see them: MLflow's pages in a headless Chromium."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from rnnexp.compare.browse import HOST, free_port
from rnnexp.tracking.query import TrackedRun, Wanted, select

pytestmark = pytest.mark.end_to_end

PATIENCE_S = 120  # for a page, which is a second's work on a machine that has nothing else to do
SWEEP = ("experiment=airline_lstm", "trainer.epochs=4", "tracking.log_model=false", "hydra/launcher=serial")
SPACE = ("model=gru,simple_rnn", "model.units=[2],[3]", "hydra.sweeper.zip=[[model,model.units]]")
RATES = "optimizer.learning_rate=0.01,0.1"
RNNEXP = [sys.executable, "-m", "rnnexp"]


class Shown(NamedTuple):
    """A server's pages: where it compares the sweep, and one of the runs to look at."""

    compared: str
    run: TrackedRun

    def page(self, tab: str = "") -> str:
        base = self.compared.partition("/#/")[0]
        return f"{base}/#/experiments/{self.run.experiment_id}/runs/{self.run.run_id}{tab}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run a sweep of four jobs on the airline passengers in a folder of its own."""
    place = tmp_path_factory.mktemp("work")
    done = subprocess.run([*RNNEXP, "train", "-m", *SWEEP, *SPACE, RATES], cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture(scope="module")
def shown(folder: Path) -> Iterator[Shown]:
    """Start `rnnexp ui` there as a user would."""
    (run,) = select(f"sqlite:///{folder}/mlflow.db", Wanted(tags={"rnnexp.job": "0"}))
    with (folder / "ui.txt").open("w") as output:
        server = subprocess.Popen([*RNNEXP, "ui", "--no-browser"], cwd=folder, stdout=output, stderr=output)
    try:
        yield Shown(printed_address(folder / "ui.txt", server), run)
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(PATIENCE_S) == 0


def printed_address(file: Path, server: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and server.poll() is None:
        found = re.search(r"http://\S+compare-runs\S+", file.read_text())
        if found:
            return found.group()
        time.sleep(0.3)
    raise AssertionError(file.read_text())


def open_page(browser: Any, address: str) -> None:
    browser.get("about:blank")  # an address that differs in its fragment alone would not be loaded anew
    browser.get(address)


def wait(browser: Any, condition: Any, told: str) -> None:
    from selenium.common.exceptions import TimeoutException
    from selenium.webdriver.support.ui import WebDriverWait

    try:
        WebDriverWait(browser, PATIENCE_S).until(condition, told)
    except TimeoutException:
        picture(browser, "timeout")
        raise


def wait_until_visible(browser: Any, *wanted: str) -> None:
    wait(browser, lambda _: all(text in texts(browser, "body")[0] for text in wanted), f"not on the page: {wanted}")


def texts(browser: Any, selector: str) -> list[str]:
    return [element.text for element in elements(browser, selector)]


def elements(browser: Any, selector: str) -> list[Any]:
    from selenium.webdriver.common.by import By

    found: list[Any] = browser.find_elements(By.CSS_SELECTOR, selector)
    return found


def errors(browser: Any) -> list[str]:
    """Return what the console complains of, without the one request that MLflow itself gets a 404 for."""
    entries = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    return [message for message in entries if "404" not in message]


def picture(browser: Any, name: str) -> None:
    """Keep a screenshot for the eye where RNNEXP_SCREENSHOTS names a folder."""
    kept = os.environ.get("RNNEXP_SCREENSHOTS")
    if kept:
        browser.save_screenshot(str(Path(kept) / f"{name}.png"))


def test_the_run_page_shows_name_scores_and_parameters(browser: Any, shown: Shown) -> None:
    open_page(browser, shown.page())
    wait_until_visible(browser, str(shown.run.name), "Finished", "test/rmse", "baseline/linear/rmse", "airline_lstm")
    wait_until_visible(browser, "model.units", "[2]", "rnnexp.beats_baseline")
    picture(browser, "overview")
    assert errors(browser) == []


def test_the_metrics_tab_draws_a_section_for_each_group(browser: Any, shown: Shown) -> None:
    open_page(browser, shown.page("/model-metrics"))
    wait_until_visible(browser, "baseline/drift")
    wait_for_charts(browser, 6)
    picture(browser, "metrics")
    # Sections further down are drawn when they are scrolled to, or searched for.
    (field,) = elements(browser, "input[placeholder='Search metric charts']")
    field.send_keys("loss")
    wait_until_visible(browser, f"{shown.run.name} (train/loss)")
    wait_for_charts(browser, 1)
    picture(browser, "loss")
    assert errors(browser) == []


def wait_for_charts(browser: Any, count: int) -> None:
    drawn = ".js-plotly-plot .main-svg"
    wait(browser, lambda _: len(elements(browser, drawn)) >= count, f"fewer than {count} charts are drawn")


def test_the_pictures_are_among_the_artifacts(browser: Any, shown: Shown) -> None:
    open_page(browser, shown.page("/artifacts/figures/learning_curves.png"))
    wait_until_visible(browser, "learning_curves.png", "config", "figures")
    wait(
        browser,
        lambda _: any(int(image.get_property("naturalWidth")) > 300 for image in elements(browser, "img")),
        "the picture is not drawn",
    )
    picture(browser, "artifacts")
    assert errors(browser) == []


def test_the_compare_page_draws_what_varies_in_parallel_coordinates(browser: Any, shown: Shown) -> None:
    open_page(browser, shown.compared)
    wait(browser, lambda _: "model.units" in texts(browser, "svg text"), "nothing was drawn")
    assert "Comparing 4 Runs from 1 Experiment" in texts(browser, "body")[0]
    axes = texts(browser, "svg text")
    assert {"model.name", "gru", "simple_rnn", "[2]", "[3]"} <= set(axes)
    assert "trainer.epochs" not in axes  # the same in all of them
    picture(browser, "compare")
    assert errors(browser) == []


def test_a_plain_mlflow_ui_shows_the_same_store(folder: Path) -> None:
    port = free_port(None)
    command = [sys.executable, "-m", "mlflow", "ui", "--port", str(port), "--workers", "1"]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (folder / "plain.txt").open("w") as output:
        server = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        asked = f"http://{HOST}:{port}/ajax-api/2.0/mlflow/experiments/get-by-name?experiment_name=airline_passengers"
        assert '"airline_passengers"' in answer(asked, server)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(PATIENCE_S)


def answer(url: str, server: subprocess.Popen[bytes]) -> str:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        assert server.poll() is None, "mlflow ui has ended"
        try:
            with urllib.request.urlopen(url, timeout=10) as page:
                text: str = page.read().decode()
                return text
        except OSError:
            time.sleep(0.3)
    raise TimeoutError(url)
