"""Compiled programs, kept from run to run in the user's cache folder."""

from __future__ import annotations

import os
import platform
from typing import Any

from rnnexp.runtime.machine import make_cache_folder

MAX_BYTES = 500 * 2**20  # bytes


def use_compilation_cache(jax: Any) -> None:
    """Let JAX keep compiled programs for the next process, unless the user has chosen a folder.

    One folder per machine: compiled code fits the processor it was made on. Bounded in size.
    """
    if jax.config.jax_compilation_cache_dir or os.environ.get("JAX_ENABLE_COMPILATION_CACHE", "").lower() == "false":
        return
    cache = make_cache_folder()
    if cache is None:  # a home that cannot be written: compile anew each time
        return
    folder = cache / f"jax-{platform.node()}"
    folder.mkdir(exist_ok=True, mode=0o700)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_compilation_cache_max_size", MAX_BYTES)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
