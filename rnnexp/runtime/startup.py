"""What holds only while Keras and its backend start: variables, a silent standard error, packages not to be found."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

_HIDING = threading.RLock()


@contextmanager
def set_environment(values: Mapping[str, str]) -> Iterator[None]:
    """Hold variables while the backend starts; they are not left for child processes, which choose anew."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def hold_stderr() -> Iterator[None]:
    """Hold back what TensorFlow's C++ libraries print while they load; it is shown if loading fails."""
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(terminal, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)


@contextmanager
def hide_packages(packages: Iterable[str]) -> Iterator[None]:
    """Let packages that are not imported yet look as if they were not installed."""
    with _HIDING:
        absent = [name for name in packages if name not in sys.modules]
        sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None: `import` raises ImportError
        try:
            yield
        finally:
            for name in absent:
                del sys.modules[name]


@contextmanager
def wait_for_packages() -> Iterator[None]:
    """Import within this, in a thread, what `hide_packages` may hide in another at the same time."""
    with _HIDING:
        yield
