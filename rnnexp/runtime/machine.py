"""What this machine has for us: processors, memory, packages, a clock, and a folder that lasts."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")  # the limits of a container
SLACK_S = 1.0  # by which a clock may be corrected bit by bit


def count_usable_cpus() -> int:
    """Count the processors that this process may run on, or that its container may use at a time."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        quota, period = (CGROUP / "cpu.max").read_text(encoding="ascii").split()  # "max 100000": no limit
        found = max(1, min(found, -(-int(quota) // int(period))))
    return found


@cache
def find_version(package: str) -> str | None:
    """Return the version of an installed package; None of one that is not, such as rnnexp when run from its source."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def measure_memory() -> int:
    """Return the bytes of memory of this machine, or those that its container may use; no limit where none is told."""
    limits = [1 << 60]
    with suppress(AttributeError, OSError, ValueError):
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for limit in (CGROUP / "memory.max", CGROUP / "memory" / "memory.limit_in_bytes"):
        with suppress(OSError, ValueError):
            limits.append(int(limit.read_text(encoding="ascii")))
    return min(limits)


def measure_free_memory() -> int:
    """Return the bytes that this process can still take: of the machine, its swap, its container, its own limits."""
    limits = [measure_memory()]
    with suppress(OSError, ValueError, KeyError):
        table = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
        limits = [1024 * sum(int(table[key].split()[0]) for key in ("MemAvailable", "SwapFree"))]
    with suppress(OSError, ValueError):
        most = int((CGROUP / "memory.max").read_text(encoding="ascii"))
        limits.append(most - int((CGROUP / "memory.current").read_text(encoding="ascii")))
    with suppress(ImportError, OSError, ValueError):
        import resource

        most, _ = resource.getrlimit(resource.RLIMIT_AS)
        if most != resource.RLIM_INFINITY:
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
            limits.append(most - pages * os.sysconf("SC_PAGE_SIZE"))
    return max(0, min(limits))


def make_cache_folder() -> Path | None:
    """Return our folder in the user's cache, made if need be; None where it cannot be written."""
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rnnexp"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except (OSError, RuntimeError):  # the second: there is no HOME, and no entry in passwd
        return None
    return folder if os.access(folder, os.W_OK) else None


class RunClock:
    """The time of day as a run goes by it: it starts with it, and goes on as the machine does, while it sleeps too.

    A clock that is set in the middle of the run moves none of its times.
    """

    def __init__(self) -> None:
        self._began = time.time() - _uptime()
        self._last = time.time()

    def now(self) -> float:
        """Return seconds since 1970."""
        return self.correct(time.time(), time.time())[1]

    def correct(self, began: float, ended: float) -> tuple[float, float]:
        """Return the beginning and the end of what is over by now, never before what was corrected earlier."""
        moved = time.time() - _uptime() - self._began
        if abs(moved) > SLACK_S:
            ended = max(ended - moved, self._last)
            began = min(max(began - moved, self._last), ended)
        self._last = max(self._last, ended)
        return began, ended


def _uptime() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
