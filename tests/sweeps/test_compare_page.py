"""A sweep as people see it in MLflow: the page that compares its runs, in a headless Chromium."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sweeping import LIGHT

SPACE = ("model=gru,simple_rnn", "model.units=[2],[3]", "optimizer.learning_rate=0.01,0.03,0.1")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a sweep of 12 jobs, start `rnnexp ui` as a user would, and return the address that it prints."""
    folder = tmp_path_factory.mktemp("work")
    command = [sys.executable, "-m", "rnnexp"]
    settings = ("data.points=80", "trainer.epochs=3", "hydra.sweeper.name=twelve", "hydra/launcher=serial", *LIGHT)
    done = subprocess.run([*command, "train", "-m", *SPACE, *settings], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with (folder / "ui.txt").open("w") as output:
        server = subprocess.Popen([*command, "ui", "twelve", "--no-browser"], cwd=folder, stdout=output, stderr=output)
    try:
        yield printed_address(folder / "ui.txt", server)
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0


def printed_address(file: Path, server: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and server.poll() is None:
        found = re.search(r"http://\S+compare-runs\S+", file.read_text())
        if found:
            return found.group()
        time.sleep(0.3)
    raise AssertionError(file.read_text())


def texts(browser: Any, selector: str) -> list[str]:
    from selenium.webdriver.common.by import By

    return [element.text for element in browser.find_elements(By.CSS_SELECTOR, selector)]


@pytest.mark.timeout(240)
def test_the_compare_page_draws_what_varies_in_parallel_coordinates(browser: Any, page: str) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get(page)
    WebDriverWait(browser, 60).until(lambda _: "model.units" in texts(browser, "svg text"), "nothing was drawn")
    assert "Comparing 12 Runs from 1 Experiment" in texts(browser, "body")[0]
    axes = texts(browser, "svg text")
    assert {"model.name", "gru", "simple_rnn", "[2]", "[3]"} <= set(axes)
    assert "trainer.epochs" not in axes  # the same in all of them
    folder = os.environ.get("RNNEXP_SCREENSHOTS")
    if folder:
        browser.save_screenshot(str(Path(folder) / "compare.png"))
    errors = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert [message for message in errors if "404" not in message] == []
