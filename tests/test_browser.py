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

from rnnexp.compare import find
from rnnexp.compare.browse import HOST, free_port
from rnnexp.compare.groups import Group
from rnnexp.tracking.query import TrackedRun

pytestmark = pytest.mark.end_to_end

PATIENCE_S = 120  # for a page, which is a second's work on a machine that has nothing else to do
SWEEP = ("experiment=sine_lstm", "data.points=200", "trainer.epochs=4", "hydra/launcher=serial", "seed=0,1")
SPACE = ("model=gru,simple_rnn", "model.units=[2],[3]", "hydra.sweeper.zip=[[model,model.units]]")
COLUMNS = ("best/val/loss", "test/rmse", "skill/rmse", "model.name", "model.units", "seed", "Models", "Dataset")
TOP_OF_PAGE = 1000  # pixels
MODEL, DATA = "a[href*='/models/m-']", "button[data-testid='open-dataset-drawer']"
RNNEXP = [sys.executable, "-m", "rnnexp"]


class Shown(NamedTuple):
    """What `rnnexp ui` has printed: addresses by what they show; and the sweep with its winning setting."""

    pages: dict[str, str]
    sweep: find.Sweep
    best: Group

    @property
    def first(self) -> str:
        """The page that it opens."""
        return next(iter(self.pages.values()))

    @property
    def run(self) -> TrackedRun:
        return self.best.runs[0]

    def page(self, tab: str = "") -> str:
        base = self.first.partition("/#/")[0]
        return f"{base}/#/experiments/{self.run.experiment_id}/runs/{self.run.run_id}{tab}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run a sweep of two settings with two seeds each in a folder of its own."""
    place = tmp_path_factory.mktemp("work")
    done = subprocess.run([*RNNEXP, "train", "-m", *SWEEP, *SPACE], cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture(scope="module")
def shown(folder: Path) -> Iterator[Shown]:
    """Start `rnnexp ui` there as a user would."""
    sweep = find.sweep(f"sqlite:///{folder}/mlflow.db")
    best = sweep.compared().best
    assert best is not None
    with (folder / "ui.txt").open("w") as output:
        server = subprocess.Popen([*RNNEXP, "ui", "--no-browser"], cwd=folder, stdout=output, stderr=output)
    try:
        yield Shown(printed_addresses(folder / "ui.txt", server), sweep, best)
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(PATIENCE_S) == 0


def printed_addresses(file: Path, server: subprocess.Popen[bytes]) -> dict[str, str]:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and server.poll() is None:
        found = dict(re.findall(r"^(.+): (http://\S+)$", file.read_text(), re.MULTILINE))
        if "all runs" in found:
            return found
        time.sleep(0.3)
    raise AssertionError(file.read_text())


def open_page(browser: Any, address: str) -> None:
    browser.get(address)
    # MLflow opens a panel for questions to a language model at the first visit, over a third of the page.
    for key, value in (("fab.autoOpenedOnFirstLoad", "true"), ("panelOpen", "false")):
        browser.execute_script(f"localStorage.setItem('mlflow.assistant.{key}_v1', '{value}')")
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
    def missing() -> list[str]:
        shown = " ".join(texts(browser, "body")[0].split())
        return [text for text in wanted if text not in shown]

    try:
        wait(browser, lambda _: not missing(), "")
    finally:
        assert missing() == []


def click(browser: Any, selector: str, text: str = "") -> None:
    """Click the first thing of a kind that has such a text, once it is there."""

    def clicked(_: Any) -> bool:
        from selenium.common.exceptions import WebDriverException

        try:
            found = [one for one in elements(browser, selector) if text in one.text]
            if found:
                browser.execute_script("arguments[0].click()", found[0])
        except WebDriverException:  # it was drawn anew meanwhile
            return False
        return bool(found)

    wait(browser, clicked, f"nothing to click: {selector} {text}")


def texts(browser: Any, selector: str) -> list[str]:
    """Return what is shown, asked for at once: a page that is drawn anew meanwhile would lose its elements."""
    script = "return [...document.querySelectorAll(arguments[0])].map(one => one.innerText ?? one.textContent)"
    found: list[str] = browser.execute_script(script, selector)
    return found


def elements(browser: Any, selector: str) -> list[Any]:
    from selenium.webdriver.common.by import By

    found: list[Any] = browser.find_elements(By.CSS_SELECTOR, selector)
    return found


def errors(browser: Any) -> list[str]:
    """Return what the console complains of, without what every page of MLflow does: a 404, a slow layout."""
    entries = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    return [message for message in entries if "404" not in message and "ResizeObserver" not in message]


def picture(browser: Any, name: str) -> None:
    """Keep a screenshot for the eye where RNNEXP_SCREENSHOTS names a folder."""
    kept = os.environ.get("RNNEXP_SCREENSHOTS")
    if kept:
        from PIL import Image

        path = Path(kept) / f"{name}.png"
        browser.save_screenshot(str(path))
        shown = Image.open(path).convert("RGB").crop((0, 0, 1500, TOP_OF_PAGE))
        shown.quantize(64).save(path, optimize=True)  # a fifth of the bytes, for those in docs/


def test_the_first_page_shows_which_setting_won_and_what_differs(browser: Any, shown: Shown) -> None:
    """No click: the jobs of the sweep, the best setting first, and as columns what differs and the scores."""
    open_page(browser, shown.first)
    wait_until_visible(browser, *COLUMNS, f"{len(shown.sweep.children)} matching runs")
    picture(browser, "sweep")
    listed = [name for name in texts(browser, "a[href*='/runs/']") if name]
    assert set(listed[:2]) == {run.name for run in shown.best.runs}
    assert set(listed) == {run.name for run in shown.sweep.children}  # not the sweep itself
    headers = texts(browser, "[role=columnheader] span[data-testid^='sort-header-']")
    assert "trainer.epochs" not in headers  # the same in all of them
    first = texts(browser, ".ag-center-cols-container [role=row][row-index='1']")[0]
    assert str(shown.best.setting["model.name"]) in first
    assert errors(browser) == []


def test_one_click_shows_whether_it_overfits_and_what_was_swept(browser: Any, shown: Shown) -> None:
    open_page(browser, shown.first)
    click(browser, "input[type=radio][value=CHART]")
    wait_for_charts(browser, 2)
    wait(browser, lambda _: "model.units" in texts(browser, "svg text"), "no parallel coordinates")
    wait_until_visible(browser, "train/loss vs val/loss", "Show differences only")
    axes = set(texts(browser, "svg text"))
    assert {"model.name", "gru", "[2]", "[3]", "seed", "best/val/loss"} <= axes
    assert "trainer.epochs" not in axes
    picture(browser, "charts")
    assert errors(browser) == []


def test_one_click_leads_to_the_model_and_its_data(browser: Any, shown: Shown) -> None:
    open_page(browser, shown.first)
    wait(browser, lambda _: "train (" in "".join(texts(browser, DATA)), "no data with their digest")
    wait(browser, lambda _: elements(browser, MODEL), "no link to a model")
    open_page(browser, elements(browser, MODEL)[0].get_attribute("href"))
    wait_until_visible(browser, shown.run.name, "model.units", "Source run")
    picture(browser, "model")
    assert errors(browser) == []


def test_two_clicks_show_the_command_and_the_data(browser: Any, shown: Shown) -> None:
    open_page(browser, shown.first)
    click(browser, "a[href*='/runs/']", shown.run.name)
    wait_until_visible(browser, "Overfit?", "its best baseline")
    click(browser, "button", "Show more")
    command = "Command: rnnexp train -m experiment=sine_lstm data.points=200"
    wait_until_visible(browser, command, "Data: sine", "not the default", "Folder:")
    picture(browser, "description")
    assert errors(browser) == []


def test_the_run_page_shows_few_scores_and_first_what_was_chosen(browser: Any, shown: Shown) -> None:
    open_page(browser, shown.page())
    wait_until_visible(browser, shown.run.name, "Finished", "test/rmse", "rnnexp.beats_baseline", "Logged models (1)")
    text = texts(browser, "body")[0]
    assert "-s0-" in shown.run.name or "-s1-" in shown.run.name
    names = text[text.index("Parameters (") :].split("\n")
    assert set(names[3:13:2]) == {"seed", "data.points", "model.name", "model.units", "trainer.epochs"}
    bars = {name for name in re.findall(r"^baseline/\S+", text, re.MULTILINE)}
    assert bars <= {f"baseline/{shown.run.tags['rnnexp.best_baseline']}/{name}" for name in ("rmse", "mae")}
    picture(browser, "overview")
    assert errors(browser) == []


def test_the_scores_of_all_baselines_are_a_table(browser: Any, shown: Shown) -> None:
    open_page(browser, shown.page("/artifacts/tables/baselines.csv"))
    wait_until_visible(browser, "persistence", "linear", "rmse", "Previewing the first")
    assert errors(browser) == []


def test_the_page_of_the_sweep_says_which_setting_won(browser: Any, shown: Shown) -> None:
    open_page(browser, shown.page())
    click(browser, "a[href*='/runs/']", shown.sweep.name)  # its parent run
    wait_until_visible(browser, f"Best: model {shown.best.setting['model.name']}", "verdict")
    click(browser, "button", "Show more")
    wait_until_visible(browser, "rnnexp train -m experiment=sine_lstm", "rnnexp compare")
    picture(browser, "parent")
    assert errors(browser) == []


def test_the_metrics_tab_draws_a_section_for_each_group(browser: Any, shown: Shown) -> None:
    open_page(browser, shown.page("/model-metrics"))
    wait_until_visible(browser, f"baseline/{shown.run.tags['rnnexp.best_baseline']} (2)")
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
    open_page(browser, shown.pages["compared"])
    wait(browser, lambda _: "model.name" in texts(browser, "svg text"), "nothing was drawn")
    assert "Comparing 4 Runs from 1 Experiment" in texts(browser, "body")[0]
    axes = texts(browser, "svg text")
    assert {"model.name", "gru", "simple_rnn"} <= set(axes)
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
        asked = f"http://{HOST}:{port}/ajax-api/2.0/mlflow/experiments/get-by-name?experiment_name=sine"
        assert '"sine"' in answer(asked, server)
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
