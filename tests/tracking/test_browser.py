"""A run as people see it: MLflow's page in a headless Chromium."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from rnnexp.tracking.store import open_store


class Shown(NamedTuple):
    """A server that shows the store of `folder`, and the run to look at."""

    address: str
    experiment: str
    run: str
    name: str


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """Make a run in an empty folder, and start plain `mlflow ui` there, as a user would."""
    folder = tmp_path_factory.mktemp("work")
    run_id, experiment, name = a_run(folder)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "ui", "--port", str(port), "--workers", "1"]
    with (folder / "ui.log").open("w") as output:
        server = subprocess.Popen(
            command, cwd=folder, env=environment(), stdout=output, stderr=output, start_new_session=True
        )
    try:
        wait_for(f"{address}/health", server)
        yield Shown(address, experiment, run_id, name)
    finally:
        os.killpg(server.pid, 15)
        server.wait(30)


def a_run(folder: Path) -> tuple[str, str, str]:
    """Train on the airline passengers; return the run's id, its experiment's id and its name."""
    command = [sys.executable, "-m", "rnnexp", "train", "experiment=airline_lstm", "trainer.epochs=20"]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    client = open_store(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name("airline_passengers")
    (run,) = client.search_runs([experiment.experiment_id])
    return run.info.run_id, experiment.experiment_id, run.info.run_name


def environment() -> dict[str, str]:
    checkout = str(Path(__file__).parents[2])
    return {**os.environ, "PYTHONPATH": checkout, "MLFLOW_DISABLE_TELEMETRY": "true"}


def wait_for(url: str, server: subprocess.Popen[bytes], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert server.poll() is None, "mlflow ui has ended"
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.3)
    raise TimeoutError(url)


def open_page(browser: Any, shown: Shown, tab: str = "") -> None:
    browser.get("about:blank")  # an address that differs in its fragment alone would not be loaded anew
    browser.get(f"{shown.address}/#/experiments/{shown.experiment}/runs/{shown.run}{tab}")


def wait_until_visible(browser: Any, *texts: str) -> None:
    from selenium.common.exceptions import TimeoutException
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    def all_there(driver: Any) -> bool:
        page = driver.find_element(By.TAG_NAME, "body").text
        return all(text in page for text in texts)

    try:
        WebDriverWait(browser, 30).until(all_there, f"not on the page: {texts}")
    except TimeoutException:
        picture(browser, "timeout-" + texts[0].replace("/", "_"))
        raise


def errors(browser: Any) -> list[str]:
    """Return what the console complains of, without the one request that MLflow itself gets a 404 for."""
    entries = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    return [message for message in entries if "404" not in message]


def picture(browser: Any, name: str) -> None:
    """Keep a screenshot for the eye where RNNEXP_SCREENSHOTS names a folder."""
    folder = os.environ.get("RNNEXP_SCREENSHOTS")
    if folder:
        browser.save_screenshot(str(Path(folder) / f"{name}.png"))


def test_the_run_page_shows_name_scores_and_parameters(browser: Any, shown: Shown) -> None:
    open_page(browser, shown)
    wait_until_visible(browser, shown.name, "Finished", "test/rmse", "baseline/linear/rmse", "airline_lstm")
    wait_until_visible(browser, "model.units", "[4,4]", "rnnexp.beats_baseline")
    picture(browser, "overview")
    assert errors(browser) == []


def test_the_metrics_tab_draws_a_section_for_each_group(browser: Any, shown: Shown) -> None:
    from selenium.webdriver.common.by import By

    open_page(browser, shown, "/model-metrics")
    wait_until_visible(browser, "baseline/drift")
    wait_for_charts(browser, 6)
    picture(browser, "metrics")
    # Sections further down are drawn when they are scrolled to, or searched for.
    browser.find_element(By.CSS_SELECTOR, "input[placeholder='Search metric charts']").send_keys("loss")
    wait_until_visible(browser, f"{shown.name} (train/loss)")
    wait_for_charts(browser, 1)
    picture(browser, "loss")
    assert errors(browser) == []


def wait_for_charts(browser: Any, count: int) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    def drawn(driver: Any) -> bool:
        return len(driver.find_elements(By.CSS_SELECTOR, ".js-plotly-plot .main-svg")) >= count

    WebDriverWait(browser, 30).until(drawn, f"fewer than {count} charts are drawn")


def test_the_pictures_are_among_the_artifacts(browser: Any, shown: Shown) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    open_page(browser, shown, "/artifacts/figures/learning_curves.png")
    wait_until_visible(browser, "learning_curves.png", "config", "figures")

    def drawn(driver: Any) -> bool:
        images = driver.find_elements(By.TAG_NAME, "img")
        return any(int(image.get_property("naturalWidth")) > 300 for image in images)

    WebDriverWait(browser, 30).until(drawn, "the picture is not drawn")
    picture(browser, "artifacts")
    assert errors(browser) == []
