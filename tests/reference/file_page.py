"""The page of files: what lies in the folder of a run and of a sweep."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from tests.reference.markdown import code, page, sentence, table

FILES = Path(__file__).with_name("files.toml")
# What stands for something else in a path.
PARTS = {"EPOCH": r"\d+", "STEP": r"\d+", "NAME": r"[\w.-]+", "N": r"\d+", "K": r"\d+"}
BESIDE = (  # that the entry of another file tells of
    *("stopped", "checkpoints/epoch-1/meta.json", "checkpoints/epoch-1/MANIFEST.json"),
    *(f"tracking/model/{name}.json" for name in ("input_example", "serving_input_example")),
    *("tracking/model/conda.yaml", "tracking/model/python_env.yaml", "tracking/model/requirements.txt"),
)

INTRODUCTION = """\
# Files of a run and of a sweep

A run has a folder of its own, `runs/EXPERIMENT/TIME-ID/`; a sweep has `runs/sweeps/NAME/`, with a folder for each job.
The paths below are within that folder. What a run logs is in MLflow, too (`mlflow.db` and `mlartifacts/` of the working
directory, unless `tracking.uri` says otherwise): a run can be looked at without its folder, and `rnnexp sync` fills an
empty store from folders.

Nothing has to be cleaned up by hand: `rnnexp clean` shows what can be removed, and removes it after a look. A folder
may be moved with its project, or packed into one file: `rnnexp pack RUN FILE`.

(Made from `tests/reference/files.toml` by `python -m tests.reference`.)"""

OF_SWEEP = """\
A sweep also has the files of a run that its own MLflow run needs: `config/config.yaml`, `metrics.jsonl`, `run.json`,
`run.lock` and `tracking/`; its tables and figures are in `tables/` and `figures/`."""

OTHERS = """\
## Other files

| path | what it is |
| --- | --- |
| `mlflow.db`, `mlartifacts/` | the tracking store of the working directory; `rnnexp ui` and `mlflow ui` show it |
| `runs/` | the folders above |
| `conf/`, `experiments/` | your settings; `rnnexp new` and `rnnexp init` make them |
| `~/.cache/rnnexp` | compiled programs, kept baselines, empty databases; may be deleted at any time |"""


@cache
def entries(of: str) -> list[dict[str, Any]]:
    """Return the files that the page tells of."""
    found: list[dict[str, Any]] = tomllib.loads(FILES.read_text(encoding="utf-8"))[of]
    return found


def pattern_of(path: str) -> re.Pattern[str]:
    """Return what a path of the page stands for."""
    parts = (
        PARTS.get(part) or re.escape(part) for part in re.split(r"(?<![A-Za-z])([A-Z]+)(?![A-Za-z])|(K)", path) if part
    )
    return re.compile("".join(parts).rstrip("/") + ("(/.*)?" if path.endswith("/") else ""))


def untold(paths: Iterable[str], of: str) -> list[str]:
    """Return the files of which the page says nothing."""
    patterns = [pattern_of(one["path"]) for one in entries(of)]
    return [path for path in paths if path not in BESIDE and not any(one.fullmatch(path) for one in patterns)]


def example_of(path: str) -> str:
    """Return a path that one of the page stands for."""
    numbers = re.sub(r"\b(?:EPOCH|STEP|N)\b|(?<=attempt)K\b", "1", path)
    return re.sub(r"\bNAME\b", "one", numbers).rstrip("/")


def write_files() -> str:
    """Write the page of files."""
    return page(
        INTRODUCTION,
        "## A run",
        _table("run"),
        "## A sweep",
        OF_SWEEP,
        _table("sweep"),
        OTHERS,
    )


def _table(of: str) -> str:
    rows = ((code(one["path"]), *(sentence(one[key]) for key in ("what", "when", "reads"))) for one in entries(of))
    return table(("path", "what it is", "when it is written", "who reads it"), rows)
