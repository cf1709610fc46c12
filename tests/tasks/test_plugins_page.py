"""The examples of docs/plugins.md are run as they stand, each on tiny data."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import rnnexp as rx
from rnnexp.component import KINDS

PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```python\n# (\w+)\.py\n(.*?)```", PAGE, re.DOTALL))
QUICK = ("trainer.epochs=2", "tracking=off", "tracking.figures=false", "backend=jax")
SPLIT = "data.split={train: 0.6, val: 0.2, test: 0.2}"

WORDS = "\n".join(f"{'up' if n % 2 else 'down'} the hill {n % 5}" for n in range(40))
TAGS = "\n\n".join(f"up\tA\nthe\tB\n{n % 5}\tC" for n in range(30))
TASKS = {
    "forecasting": ("data=airline_passengers",),
    "forecasting what is known ahead": ("data=shop", "data.target=sales", "data.known=[price]"),
    "forecasting sequences": ("data=airline_passengers", "data.layout=sequence", "data.sequence_length=2"),
    "regression": ("data=steps",),
    "classification": ("data=steps", "data.task=classification"),
    "classification of texts": ("data=text_table", "data.path=texts.csv", "data.text=text", "data.label=label"),
    "tagging": ("data=text_tags", "data.path=tags.txt"),
}


@pytest.fixture(autouse=True)
def files() -> Iterator[None]:
    """Write the files of the page, and texts."""
    for name, code in FILES.items():
        Path(f"{name}.py").write_text(code)
    lines = [f"{text},{text.split()[0]}" for text in WORDS.splitlines()]
    Path("texts.csv").write_text("text,label\n" + "\n".join(lines) + "\n")
    Path("tags.txt").write_text(TAGS + "\n")
    Path("text.txt").write_text(WORDS)
    yield
    for name in FILES:
        sys.modules.pop(name, None)


def run(*words: str) -> rx.RunResult:
    own = [name for name in FILES if name != "my_torch"]
    return rx.run(rx.compose(f"plugins=[{','.join(own)}]", *QUICK, *words), quiet=True)


QUICKEST = ("forecasting what is known ahead", "tagging")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(data, id=name, marks=[] if name in QUICKEST else pytest.mark.end_to_end)
        for name, data in TASKS.items()
    ],
)
def test_the_model_of_the_page_is_for_every_task_that_it_says(data: tuple[str, ...]) -> None:
    result = run(*data, "model=conv_gru", "model.filters=2", "model.units=3", "trainer.epochs=1")
    assert np.isfinite(result.history.epochs[0]["train/loss"])


@pytest.mark.end_to_end
def test_a_language_model_carries_its_states() -> None:
    data = ("data=corpus", "data.path=text.txt", "data.tokens=character", "data.sequence_length=5")
    result = run(*data, "model=word_gru", "model.units=4", "trainer.epochs=1", "trainer.batch_size=2")
    assert result.metrics["test/perplexity"] > 1


@pytest.mark.end_to_end
def test_a_written_model_and_a_frame_go_together() -> None:
    result = run("data=shop", "data.target=sales", "data.features=[price]", "data.horizon=2", "model=written")
    assert result.predictions.predicted.shape[1:] == (2, 1)


@pytest.mark.end_to_end
def test_loss_metric_schedule_optimizer_and_callbacks_work_together(capsys: pytest.CaptureFixture[str]) -> None:
    parts = ("loss=asymmetric", "metrics=[within]", "schedule=halving", "schedule.every=1", "optimizer=slow_adam")
    called = ("callbacks.hello.word=done", "callbacks.CSVLogger.filename=log.csv")
    result = run("data=shop", "data.target=sales", "model.units=[3]", *parts, *called)
    assert 0 <= result.metrics["test/within"] <= 1
    assert [epoch["opt/learning_rate"] for epoch in result.history.epochs] == [1e-4, 0.5e-4]
    assert re.findall(r"^done (\d) ", capsys.readouterr().out, re.MULTILINE) == ["0", "1"]
    assert len(Path("log.csv").read_text().splitlines()) == 3


def test_a_task_upon_another_one_scores_in_its_own_way() -> None:
    result = run("data=doses", "model=written", "model.units=3")
    assert {"test/near", "baseline/mean/near", "test/mae"} <= result.metrics.keys()
    assert (result.report.beats_baseline, result.scored) == (False, "test")


@pytest.mark.end_to_end
def test_a_pytorch_module_trains_on_its_backend(tmp_path: Path) -> None:
    import subprocess

    words = ["plugins=[my_torch]", "model=torch_gru", "backend=torch", "data.points=60", "trainer.epochs=1"]
    line = [sys.executable, "-m", "rnnexp", "train", *words, "tracking=off"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "torch_gru" in done.stdout


def test_every_kind_is_on_the_page() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    assert rows == set(KINDS) - {"executor", "exporter"}  # these two are in docs/guide/own_model.md
