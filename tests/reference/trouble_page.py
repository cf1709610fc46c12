"""The page of troubleshooting: messages of the package, why they come, and what to do."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import rnnexp
from tests.reference.command_page import ERRORS
from tests.reference.markdown import code, page

MESSAGES = Path(__file__).with_name("troubleshooting.toml")
VARIES = "…"
TITLES = {
    1: "Other errors",
    2: "Settings and commands",
    3: "Data",
    4: "Training diverged",
    5: "Tracking",
    6: "Device, packages, memory, disk",
    7: "Another process",
    10: "Sweeps",
}

INTRODUCTION = """\
# Troubleshooting

The messages that are met most often, by the exit code of the command ([all codes](commands.md#exit-codes)). `…` stands
for what differs from case to case. A message names what was given and what is accepted; several mistakes in settings
are listed at once. In Python the same text is raised as the error that is named below the heading.

If it is not here:

- `rnnexp doctor` says what works on this machine, what does not, and what makes runs slow.
- `rnnexp explain KEY` prints type, range and meaning of a key; `rnnexp show` prints the values of a command.
- `rnnexp logs RUN` prints the log of a run or of a job. `error.txt` in the folder of a run has the traceback of an
  error that nobody has foreseen.
- `HYDRA_FULL_ERROR=1 rnnexp ...` prints the traceback on the terminal.

(Made from `tests/reference/troubleshooting.toml` by `python -m tests.reference`.)"""

MORE = """\
## No error, but

- **The network loses to a baseline.** The line that begins with `why:` says what to try. Read `figures/prediction.png`
  and `figures/learning_curves.png`; try another scaler, a longer `data.sequence_length`, fewer `model.units`.
- **The run is slow.** `rnnexp doctor` says why. The first run of a program compiles it. On JAX `trainer.engine=auto`
  compiles whole epochs; a Keras callback of your own rules that out.
- **The pages of MLflow show no runs.** Start `rnnexp ui` in the folder of the project, where `mlflow.db` is.
- **The store lacks a run.** `rnnexp sync` completes it from the folders of runs.
- **Two runs of the same seed differ.** On a GPU set `deterministic=true`. `rnnexp diff RUN RUN` shows what differs."""


@cache
def messages() -> list[dict[str, Any]]:
    """Return the messages with cause and what to do."""
    found: list[dict[str, Any]] = tomllib.loads(MESSAGES.read_text(encoding="utf-8"))["message"]
    return found


@cache
def spoken() -> str:
    """Return all texts of the package, what is filled in left out."""
    folder = Path(rnnexp.__file__).parent
    return "\n".join(text for file in sorted(folder.rglob("*.py")) for text in _texts(ast.parse(file.read_bytes())))


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(one.value) if isinstance(one, ast.Constant) else VARIES for one in node.values)


def unspoken(text: str) -> list[str]:
    """Return the fixed parts of a message that the package never says."""
    parts = [part.strip() for part in text.split(VARIES)]
    return [part for part in parts if re.search("[a-z]{2}", part) and part not in spoken()]


def write_troubleshooting() -> str:
    """Write the page of troubleshooting."""
    names = {error.exit_code: error.__name__ for error in ERRORS}
    parts = [INTRODUCTION]
    for number in sorted(TITLES, key=lambda one: (one == 1, one)):
        own = [one for one in messages() if one["code"] == number]
        parts.append(f"## {TITLES[number]}\n\nExit code {number}, {code(f'rx.{names[number]}')}.")
        parts += [f"```text\n{one['text']}\n```\n\n{one['cause']}\n\n**What to do:** {one['todo']}" for one in own]
    return page(*parts, MORE)


def unknown_keys(text: str, known: Collection[str]) -> list[str]:
    """Return the keys of settings that a text names in code and that there are not."""
    named = re.findall(r"`'?((?:data|model|trainer|optimizer|tracking|hydra\.\w+)\.\w+)(?=[`=])", text)
    return [key for key in named if key not in known]
