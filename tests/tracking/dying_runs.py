"""Runs in processes of their own that die without a word, or live on until they are told to."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCRIPT = """
import json, os, signal, sys, time
from contextlib import ExitStack
from pathlib import Path
from rnnexp.config.settings import Tracking
from rnnexp.run_folder import claim, hold_together
from rnnexp.tracking import RunInfo, start

about = json.loads(sys.argv[1])
folders = [Path(folder) for folder in about["folders"]]
with ExitStack() as stack:
    if about["together"]:
        stack.enter_context(hold_together(folders, Path(about["together"])))
    for number, folder in enumerate(folders):
        if not about["together"]:
            stack.enter_context(claim(folder))
        tags = {"rnnexp.version": "1", "rnnexp.folder": str(folder), **about["tags"]}
        info = RunInfo("sine", folder.name, {"seed": number}, tags, "", "", "test/rmse", False, folder, about["parent"])
        run = stack.enter_context(start(Tracking(mode="offline"), info))
        began = time.time()
        run.log_epochs(1, [{"train/loss": 0.5}, {"train/loss": 0.25}], began, began + 1)
    print("runs", flush=True)
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@contextmanager
def living(*folders: Path, together: Path | None = None, parent: str | None = None, **tags: str) -> Iterator[Any]:
    """Run something in each folder, by one process, which is killed with signal 9 at the end."""
    about = {
        "folders": [*map(str, folders)],
        "together": str(together) if together else None,
        "tags": {f"rnnexp.{key}": value for key, value in tags.items()},
        "parent": parent,
    }
    command = [sys.executable, "-c", SCRIPT, json.dumps(about)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "runs\n"
        yield process
    finally:
        process.communicate()
        assert process.returncode == -signal.SIGKILL


def let_die(*folders: Path, **about: Any) -> None:
    """Leave what runs leave that were killed with signal 9."""
    with living(*folders, **about):
        pass
