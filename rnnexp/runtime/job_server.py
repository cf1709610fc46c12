"""The server that processes of jobs are forked from: one for all sweeps of a program, until one needs another."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import forkserver
from typing import Any

from rnnexp.runtime.startup import set_environment

READ = ("JAX_", "KERAS_HOME")  # variables that JAX and Keras read while they are imported


@dataclass(frozen=True)
class Preloaded:
    """What a server has imported for good: Keras on a backend, or none; `lean` without its wrappers."""

    backend: str | None
    lean: bool
    variables: Mapping[str, str]

    def serves(self, wanted: Preloaded) -> bool:
        """Say whether jobs that want something else can be forked from it all the same."""
        if self.backend is None:
            return True
        same = (self.backend, self.variables) == (wanted.backend, wanted.variables)
        return same and (wanted.lean or not self.lean)


_preloaded: Preloaded | None = None


def start_server(module: str, backend: str | None, lean: bool, told: Mapping[str, str]) -> None:
    """See to it that a server runs which has imported `module`, on what it is told in variables at its start.

    One that has imported what is in the way of these jobs is let go: it ends with the last job that it has started.
    """
    global _preloaded
    variables = {name: value for name, value in os.environ.items() if name.startswith(READ)}
    wanted = Preloaded(backend, lean, variables)
    if _preloaded is not None and not _preloaded.serves(wanted):
        _let_go()
        _preloaded = None
    forkserver.set_forkserver_preload([module])
    with set_environment(told):
        forkserver.ensure_running()
    _preloaded = _preloaded or wanted


def _let_go() -> None:
    """Have `multiprocessing` start another server; its own way to stop one waits for all jobs of it."""
    server: Any = forkserver._forkserver
    with server._lock:
        if server._forkserver_pid is None:
            return
        os.close(server._forkserver_alive_fd)
        with suppress(OSError, ValueError):  # a name without a file
            os.unlink(server._forkserver_address)
        threading.Thread(target=os.waitpid, args=(server._forkserver_pid, 0), daemon=True).start()
        server._forkserver_pid = server._forkserver_alive_fd = server._forkserver_address = None
