"""Packages that an import is not to find."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


@contextmanager
def hide_packages(packages: Iterable[str]) -> Iterator[None]:
    """Let packages that are not imported yet look as if they were not installed."""
    absent = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None: `import` raises ImportError
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
