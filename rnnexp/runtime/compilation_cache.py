"""Where JAX keeps compiled programs for the next process, and how that folder stays small."""

from __future__ import annotations

import os
import platform
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

from rnnexp.runtime.machine import make_cache_folder

MAX_BYTES = 500 * 2**20
LEFT = 0.8  # of these, where programs are removed: not each hour would find too many
CHECK_S = 3600
MARK = ".checked"  # when its size was looked at the last time


def use_compilation_cache(jax: Any) -> None:
    """Let JAX keep compiled programs for the next process, unless the user has chosen a folder.

    One folder per machine: compiled code fits the processor it was made on. Bounded in size by us: by JAX's own limit a
    file of each program in it is read for each one that is added, under a lock that all processes wait for.
    """
    if jax.config.jax_compilation_cache_dir or os.environ.get("JAX_ENABLE_COMPILATION_CACHE", "").lower() == "false":
        return
    cache = make_cache_folder()
    if cache is None:  # a home that cannot be written: compile anew each time
        return
    folder = cache / f"jax-{platform.node()}"
    folder.mkdir(exist_ok=True, mode=0o700)
    remove_unused(folder, MAX_BYTES)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_compilation_cache_max_size", -1)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    # Of one that another process removes or has not written whole: it is compiled anew, and nothing else is lost.
    warnings.filterwarnings("ignore", message="Error (reading|writing) persistent compilation cache entry")


def remove_unused(folder: Path, most: int) -> None:
    """Remove the files that were used longest ago from a folder of more than `most` bytes; look once an hour."""
    mark = folder / MARK
    with suppress(OSError):  # another process removes them, too
        if mark.exists() and abs(time.time() - mark.stat().st_mtime) < CHECK_S:
            return
        mark.touch()
        files = [(file, file.stat()) for file in folder.iterdir() if file != mark]
        size = sum(found.st_size for _, found in files)
        if size <= most:
            return
        for file, found in sorted(files, key=lambda pair: max(pair[1].st_atime, pair[1].st_mtime)):
            file.unlink(missing_ok=True)
            size -= found.st_size
            if size <= LEFT * most:
                return
