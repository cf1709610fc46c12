"""Examples are plugins outside the package: a test runs in a folder with a copy of one, as its README says."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def example(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Copy the example that a file of tests is about, by its EXAMPLE, into the working directory."""
    folder = EXAMPLES / request.module.EXAMPLE
    shutil.copytree(folder, Path.cwd(), dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.syspath_prepend(str(Path.cwd()))
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == request.module.PLUGIN]:
        del sys.modules[name]
