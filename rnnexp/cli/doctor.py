"""`rnnexp doctor`: what works here, what does not, and what is slow and why."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple

from rnnexp import registry
from rnnexp.cli import given_run
from rnnexp.errors import TrackingError, count, first_line
from rnnexp.redact import redact
from rnnexp.registry import Package

PACKAGES = ("keras", "jax", "tensorflow", "torch", "mlflow", "hydra-core", "numpy", "pandas", "optuna")
# Module -> the extra that brings it, and what it is for. Executors name their own.
EXTRAS = {
    "tensorflow": ("tensorflow", "backend=tensorflow"),
    "torch": ("torch", "backend=torch"),
    "sacrebleu": ("text", "BLEU of translations"),
    "tokenizers": ("text", "data.tokens=subword"),
    "onnxruntime": ("onnx", "rnnexp export"),
    "soundfile": ("audio", "recordings in FLAC and OGG"),
}
LITTLE_ROOM = 2**30
SLOW_VARIABLES = {
    "JAX_DISABLE_JIT": "nothing is compiled",
    "JAX_DEBUG_NANS": "each result is looked at, and computed again where it is not finite",
    "JAX_CHECK_TRACER_LEAKS": "what is traced is looked at",
    "JAX_LOG_COMPILES": "each compilation is logged",
    "CUDA_LAUNCH_BLOCKING": "the GPU is waited for at each step",
    "PYTHONTRACEMALLOC": "Python notes where all memory was taken",
    "PYTHONDEVMODE": "Python checks more than usual",
}
PROBE_S = 180  # that a backend may take to start
PROBE = """
import json, sys
from rnnexp import runtime
found = runtime.configure(sys.argv[1])
import keras
assert float(keras.ops.sum(keras.ops.ones((2, 2)))) == 4
devices = [str(one) for one in __import__("jax").devices()] if found.backend == "jax" else []
print(json.dumps([found.device, devices]))
"""


class Checked(NamedTuple):
    """What was seen of one thing; `broken` means that something does not work."""

    state: Literal["ok", "note", "slow", "broken"]
    about: str
    text: str


def add_parser(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "doctor",
        description="Look at packages, backends, devices, tracking store, disk and load, and say what does not work "
        "and what makes runs slow. The exit code is 1 if something does not work.",
    )
    given_run.add_store(parser, "print JSON: state, subject and text of each finding")


def run(args: Namespace) -> int:
    """Print what was found, and return 1 if anything is broken."""
    found = []
    for part in (examine_packages(), examine_backends(), examine_store(args.uri), examine_disk(), examine_speed()):
        for one in part:
            shown = one._replace(text=redact(one.text))
            found.append(shown)
            if not args.json:
                print(f"{shown.state:<7} {shown.about:<12} {shown.text}", flush=True)
    if args.json:
        print(json.dumps([one._asdict() for one in found], indent=2))
    broken = [one.about for one in found if one.state == "broken"]
    if not args.json:
        print(f"does not work: {', '.join(broken)}" if broken else "everything works")
    return 1 if broken else 0


def examine_packages() -> Iterator[Checked]:
    """Tell versions, and what extras are missing and for what."""
    from rnnexp.runtime.machine import find_version

    own = find_version("rnnexp") or "of a source that is not installed"
    yield Checked("ok", "versions", f"python {platform.python_version()}, rnnexp {own}")
    versions = {name: find_version(name) or find_version(f"{name}-cpu") for name in PACKAGES}
    yield Checked("ok", "versions", ", ".join(f"{name} {number}" for name, number in versions.items() if number))
    for module, install, use in find_extras():
        if importlib.util.find_spec(module) is None:
            yield Checked("note", "extras", f"{module} is not installed, for {use}: {install}")


def find_extras() -> Iterator[tuple[str, str, str]]:
    """Yield each module that is optional, the command that installs it, and what it is for."""
    for module, (extra, use) in EXTRAS.items():
        yield module, f"pip install 'rnnexp[{extra}]'", use
    for name, executor in registry.components("executor").items():
        package: Package | None = executor.package
        if package is not None:
            yield package.module, package.install, f"hydra/launcher={name}"


def examine_backends() -> Iterator[Checked]:
    """Start each installed backend in a process of its own and let it add four numbers."""
    from rnnexp.runtime import BACKENDS, DEFAULT_BACKEND, INSTALL, INSTALL_GPU

    for backend in BACKENDS:
        if importlib.util.find_spec(backend) is None:
            state: Literal["note", "broken"] = "broken" if backend == DEFAULT_BACKEND else "note"
            yield Checked(state, backend, f"is not installed; run: {INSTALL[backend]}")
            continue
        device, devices, problem = _start_backend(backend)
        if problem:
            yield Checked("broken", backend, f"does not start: {problem}")
            continue
        seen = f": {', '.join(devices)}" if devices else ""
        yield Checked("ok", backend, f"computes on the {device.upper()}{seen}")
        if device == "cpu" and Path("/proc/driver/nvidia/version").exists():
            yield Checked("slow", backend, f"there is a GPU, and it is not used; run: {INSTALL_GPU[backend]}")


def _start_backend(backend: str) -> tuple[str, list[str], str]:
    """Return on what a backend computes, its devices where they are known, and what is wrong with it."""
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    command = [sys.executable, "-P", "-c", PROBE, backend]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=PROBE_S)
    except subprocess.TimeoutExpired:
        return "", [], f"no answer within {PROBE_S} s"
    if done.returncode:
        return "", [], (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    device, devices = json.loads(done.stdout.strip().splitlines()[-1])
    return device, devices, ""


def examine_store(given: str | None) -> Iterator[Checked]:
    """Ask the tracking store, and tell what the folders of runs hold that it does not."""
    from rnnexp.tracking import store
    from rnnexp.tracking.sync import find_journals

    try:
        uri = store.tracking_uri(given)
        file = store.database(uri)
        if file is not None and not file.exists():
            place = file.parent if file.parent.is_dir() else None
            state: Literal["ok", "broken"] = "ok" if place and os.access(place, os.W_OK) else "broken"
            says = "is made by the first run" if state == "ok" else "cannot be made: its folder cannot be written"
            yield Checked(state, "store", f"{uri} {says}")
        else:
            store.open_store(uri)
            tables = f", tables of version {_read_schema(file)}" if file else ""
            yield Checked("ok", "store", f"{uri} answers{tables}")
    except TrackingError as error:
        yield Checked("broken", "store", first_line(error))
    waiting = [journal for journal in find_journals("all") if journal.unstored()]
    if waiting:
        runs = count(len(waiting), "run")
        yield Checked("note", "store", f"{runs} below ./runs not stored in full yet; run: rnnexp sync")


def _read_schema(file: Path) -> str:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def examine_disk() -> Iterator[Checked]:
    """Tell how much room there is, and what takes it."""
    from rnnexp.disk import describe_size, measure_size
    from rnnexp.runtime.machine import make_cache_folder

    free = shutil.disk_usage(".").free
    little = free < LITTLE_ROOM
    advice = "; make room: rnnexp clean" if little else ""
    yield Checked("note" if little else "ok", "disk", f"{describe_size(free)} free here{advice}")
    if not os.access(".", os.W_OK):
        yield Checked("broken", "disk", "this folder cannot be written: runs have no place")
    places = {"runs": Path("runs"), "mlartifacts": Path("mlartifacts"), "cache": make_cache_folder()}
    sizes = {name: measure_size(place) for name, place in places.items() if place is not None and place.is_dir()}
    if sizes:
        yield Checked("ok", "disk", ", ".join(f"{name} {describe_size(size)}" for name, size in sizes.items()))


def examine_speed() -> Iterator[Checked]:
    """Tell what there is to compute with, and what slows it down."""
    from rnnexp.runtime import machine

    cpus, gb = machine.count_usable_cpus(), machine.measure_memory() / 2**30
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    free = machine.measure_free_memory() / 2**30
    yield Checked("ok", "machine", f"{count(cpus, 'core')}, {gb:.1f} GB of memory, {free:.1f} GB free, load {load:.1f}")
    if load > cpus:
        yield Checked(
            "slow", "machine", f"a load of {load:.1f} on {count(cpus, 'core')}: other programs use the processors too"
        )
    swapped = _measure_swap()
    if swapped > 2**28:
        yield Checked("slow", "machine", f"{swapped / 2**30:.1f} GB are swapped out: memory was short")
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdecimal() and int(threads) < cpus:
        yield Checked("slow", "settings", f"OMP_NUM_THREADS={threads} on {count(cpus, 'core')}")
    for name, why in SLOW_VARIABLES.items():
        if os.environ.get(name, "").lower() not in ("", "0", "false"):
            yield Checked("slow", "settings", f"{name} is set: {why}")
    if "xla_dump" in os.environ.get("XLA_FLAGS", ""):
        yield Checked("slow", "settings", "XLA_FLAGS asks for dumps of each program")
    yield from _examine_cache(machine.make_cache_folder())


def _examine_cache(cache: Path | None) -> Iterator[Checked]:
    if os.environ.get("JAX_ENABLE_COMPILATION_CACHE", "").lower() in ("false", "0"):
        yield Checked("slow", "compiled", "JAX_ENABLE_COMPILATION_CACHE is false: each process compiles again")
        return
    own: Any = os.environ.get("JAX_COMPILATION_CACHE_DIR") or (cache and cache / f"jax-{platform.node()}")
    if not own:
        yield Checked("slow", "compiled", "there is no folder for compiled programs: each process compiles again")
        return
    programs = 0
    with suppress(OSError):
        programs = sum(file.name.endswith("-cache") for file in Path(own).iterdir())
    if programs:
        yield Checked("ok", "compiled", f"{count(programs, 'compiled program')} in {own}")
    else:
        yield Checked("slow", "compiled", f"no compiled program yet in {own}: the first run of each kind compiles")


def _measure_swap() -> int:
    """Return the bytes that are swapped out; 0 where that is not told."""
    with suppress(OSError, ValueError, KeyError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        table = {line.split(":")[0]: int(line.split()[1]) for line in lines}
        return 1024 * (table["SwapTotal"] - table["SwapFree"])
    return 0
